# SPDX-License-Identifier: GPL-2.0-only
"""Draws the floors of the house from the imports, and lists every room with its files.

A room is a folder of modules. It stands on a higher row than the rooms that it imports, so that
imports point down in the picture; rooms that import each other in a circle share a row and are
marked. The files of a room with others within are two boxes: what stands below those, and on top
of them. Usage: ``python -m tools.floors`` writes the picture and the list again.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path

import grimp

from tools.picture import CHARACTER, LINE, MARGIN, Box, Picture
from tools.sections import ROOT, replaced

FLOORS = ("slatcheck", "proofs", "impl", "model", "support")
"""From the top down: each imports only those below it."""
PAGE = ROOT / "docs/architecture.md"
PICTURE = ROOT / "docs/images/floors.svg"
WIDTH = 860
_ROW = 44
_GAP = 12
_NAME = 96

Rooms = dict[str, list[Path]]
"""The files of each room, by the room's path from the root."""
LISTED = frozenset({".py", ".c"})
TOP = " (top)"
"""Ends the name of those files of a room that stand on the rooms within it."""


def rooms() -> Rooms:
    """Return every folder of modules or C files below the floors, with its files."""
    found: Rooms = {}
    for floor in FLOORS:
        for path in sorted(file for file in (ROOT / floor).rglob("*") if file.suffix in LISTED):
            found.setdefault(str(path.parent.relative_to(ROOT)), []).append(path)
    return found


def module_of(path: Path) -> str:
    """Return the name by which a file is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def graph() -> grimp.ImportGraph:
    """Return what imports what at run time, wherever in a module the import stands."""
    return grimp.build_graph(*FLOORS, exclude_type_checking_imports=True, cache_dir=None)


def split(given: Rooms, known: grimp.ImportGraph) -> Rooms:
    """Return the rooms with the files of a room that has others within in two: base and top.

    Those are of the top that import, themselves or through others, from a room within.
    """
    home = {module_of(path): room for room, files in given.items() for path in files}
    found: Rooms = {}
    for room, files in given.items():
        for path in files:
            needed = known.find_upstream_modules(module_of(path)) if path.suffix == ".py" else ()
            above = any(home[module].startswith(f"{room}/") for module in needed)
            found.setdefault(f"{room}{TOP}" if above else room, []).append(path)
    return found


def imports(given: Rooms, known: grimp.ImportGraph) -> dict[str, set[str]]:
    """Return from which others each room imports."""
    home = {module_of(path): room for room, files in given.items() for path in files}
    found: dict[str, set[str]] = {room: set() for room in given}
    for module in known.modules:
        needed = {home[other] for other in known.find_modules_directly_imported_by(module)}
        found[home[module]] |= needed - {home[module]}
    return found


def floor_of(room: str) -> str:
    """Return the floor that a room is on."""
    return room.removesuffix(TOP).partition("/")[0]


def circles(below: Mapping[str, set[str]]) -> list[set[str]]:
    """Return the rooms that reach each other: a set for each circle, alone where there is none."""
    reached: dict[str, set[str]] = {}
    for room in below:
        seen: set[str] = set()
        waiting = [room]
        while waiting:
            for other in below[waiting.pop()] - seen:
                seen.add(other)
                waiting.append(other)
        reached[room] = seen
    found: list[set[str]] = []
    for room in sorted(below):
        if not any(room in circle for circle in found):
            found.append({room} | {other for other in reached[room] if room in reached[other]})
    return found


def heights(below: Mapping[str, set[str]]) -> dict[str, int]:
    """Return the row of each room, 0 at the bottom: above all that it imports."""
    circle_of = {room: min(circle) for circle in circles(below) for room in circle}
    found: dict[str, int] = {}

    def height(circle: str) -> int:
        if circle not in found:
            members = [room for room in below if circle_of[room] == circle]
            others = {circle_of[other] for room in members for other in below[room]} - {circle}
            found[circle] = 1 + max((height(other) for other in sorted(others)), default=-1)
        return found[circle]

    return {room: height(circle_of[room]) for room in below}


def of_floor(floor: str, below: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the rooms of a floor row by row, the highest first."""
    members = {room for room in below if floor_of(room) == floor}
    rows = heights({room: below[room] & members for room in members})
    return [
        sorted(room for room in members if rows[room] == row)
        for row in sorted(set(rows.values()), reverse=True)
    ]


def _lines(row: list[str], space: float) -> list[list[str]]:
    """Break a row of boxes where the picture ends."""
    found: list[list[str]] = [[]]
    used = 0.0
    for room in row:
        size = _size(room) + _GAP
        if found[-1] and used + size > space:
            found.append([])
            used = 0.0
        found[-1].append(room)
        used += size
    return found


def _label(room: str) -> str:
    name = room.removesuffix(TOP).partition("/")[2] or "its own files"
    return f"{name}{TOP}" if room.endswith(TOP) else name


def _files(paths: list[Path]) -> str:
    return "1 file" if len(paths) == 1 else f"{len(paths)} files"


def _size(room: str) -> float:
    return max(len(_label(room)), 9) * CHARACTER + 2 * MARGIN


def picture(given: Rooms, below: Mapping[str, set[str]]) -> str:
    """Return the picture of all floors."""
    circled = {room for circle in circles(below) if len(circle) > 1 for room in circle}
    space = WIDTH - _NAME - 3 * _GAP
    rows = {
        floor: [line for row in of_floor(floor, below) for line in _lines(row, space)]
        for floor in FLOORS
    }
    tall = {floor: len(lines) * (_ROW + _GAP) + _GAP for floor, lines in rows.items()}
    height = sum(tall.values()) + (len(FLOORS) + 1) * 2 * _GAP
    drawn = Picture(WIDTH, height, "The floors: each room imports only what stands below it")
    y = 2.0 * _GAP
    for floor in FLOORS:
        at = Box(_GAP, y, WIDTH - 2 * _GAP, tall[floor])
        drawn.box(at, "room")
        drawn.text(at.x + MARGIN, at.y + LINE + 6, f"{floor}/", "head")
        for number, line in enumerate(rows[floor]):
            x = _NAME + 2.0 * _GAP
            for room in line:
                box = Box(x, at.y + _GAP + number * (_ROW + _GAP), _size(room), _ROW)
                drawn.box(box)
                drawn.text(box.middle, box.y + LINE + 1, _label(room), "code", "middle")
                count = f"{_files(given[room])}{', circle' if room in circled else ''}"
                drawn.text(box.middle, box.y + 2 * LINE, count, "faint", "middle")
                x += box.width + _GAP
        y = at.bottom + 2 * _GAP
        if floor != FLOORS[-1]:
            drawn.arrow(WIDTH / 2, at.bottom, WIDTH / 2, y)
    return drawn.svg()


def summary(path: Path) -> str:
    """Return the first paragraph of a module's docstring, or the first sentence of a C file."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".c":
        _, comment = re.findall(r"/\*.*?\*/", text, re.DOTALL)[:2]
        words = " ".join(re.sub(r"^\s*/?\*+/?|\*/$", "", comment, flags=re.MULTILINE).split())
        return words.partition(". ")[0].rstrip(".") + "."
    docstring = ast.get_docstring(ast.parse(text)) or ""
    return " ".join(docstring.partition("\n\n")[0].split())


def listing(given: Rooms) -> str:
    """Return a section for each room: what it is, and a line for each file."""
    parts = []
    for floor in reversed(FLOORS):
        for room in sorted(name for name in given if name.partition("/")[0] == floor):
            files = {path.name: path for path in given[room]}
            head = files.pop("__init__.py", None)
            lines = [f"- `{name}`: {summary(path)}" for name, path in files.items()]
            opening = [f"### `{room}/`", *([summary(head)] if head else [])]
            parts.append("\n\n".join([*opening, *(["\n".join(lines)] if lines else [])]))
    return "\n\n".join(parts)


def made() -> dict[Path, str]:
    """Return the files that this makes, as they should be."""
    given, known = rooms(), graph()
    page = replaced(PAGE.read_text(encoding="utf-8"), "rooms and files", listing(given))
    parts = split(given, known)
    return {PAGE: page, PICTURE: picture(parts, imports(parts, known))}


if __name__ == "__main__":
    for written, content in made().items():
        written.write_text(content, encoding="utf-8")
