# SPDX-License-Identifier: GPL-2.0-only
"""What is kept between runs, by kind, for people and for programs."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from slatcheck.display.words import columns, count
from slatcheck.document.schema import CACHE, validated
from support.upkeep import Stored

KINDS = {
    "image": "images of trees",
    "object": "objects linked into images",
    "prelude": "headers of trees",
    "loader": "the loader of native code",
    "search": "results of searches",
    "replay": "what runs show of refutations",
    "trace": "traces that showed something",
    "tie": "comparisons with the proved table",
    "c": "proofs of C functions",
    "tree": "outcomes of layouts of a tree's C",
    "answers.sqlite": "answers of solvers",
    "contracts": "contracts of pure functions",
    "revision": "reports of revisions",
    "fuzz": "pieces of campaigns",
    "filter": "filters of campaigns",
}
"""What the names of files begin with, up to the first '-', and what lies in them."""
REFERENCE = "proofs of the reference table"
"""What lies in files that are called by a digest alone."""
OTHER = "other files"
_HEX = frozenset("0123456789abcdef")
_UNITS = ("B", "KiB", "MiB", "GiB")


@dataclass
class Kind:
    """The files of one kind: how many, their bytes, and when one was last used (epoch seconds)."""

    title: str
    files: int = 0
    size: int = 0
    used: float = 0.0


def kinds_of(files: Iterable[Stored]) -> list[Kind]:
    """Return what there is of each kind, the largest first."""
    found: dict[str, Kind] = {}
    for file in files:
        title = _title(file.path)
        kind = found.setdefault(title, Kind(title))
        kind.files += 1
        kind.size += file.size
        kind.used = max(kind.used, file.used)
    return sorted(found.values(), key=lambda kind: (-kind.size, kind.title))


def _title(path: Path) -> str:
    named = KINDS.get(path.name.partition("-")[0])
    if named is not None:
        return named
    return REFERENCE if path.suffix == ".json" and set(path.stem) <= _HEX else OTHER


def render_json(folder: Path, files: list[Stored], limit: int, removed: list[Stored]) -> str:
    """Return all of it as JSON for ``schema-cache.json``."""
    data = {
        "schema": "slatcheck-cache/1",
        "folder": str(folder),
        "limit": limit,
        "size": sum(file.size for file in files),
        "kinds": [vars(kind) for kind in kinds_of(files)],
        "removed": {"files": len(removed), "size": sum(file.size for file in removed)},
    }
    return validated(data, CACHE)


def render_text(folder: Path, files: list[Stored], limit: int, removed: list[Stored]) -> str:
    """Return a line for each kind, and the sum."""
    lines = [f"{folder}", ""]
    if removed:
        freed = size(sum(file.size for file in removed))
        lines = [f"{folder}: removed {count(len(removed), 'file')}, {freed}", ""]
    kinds = kinds_of(files)
    rows = [["kept", "files", "size", "last used"]]
    rows += [[kind.title, str(kind.files), size(kind.size), _day(kind.used)] for kind in kinds]
    total = size(sum(file.size for file in files))
    rows.append(["all", str(len(files)), total, ""])
    told = f"at most {size(limit)} are kept" if limit else "there is no limit"
    return "\n".join([*lines, *columns(rows, right=(1, 2)), "", told]) + "\n"


def size(number: int) -> str:
    """Return a number of bytes as people write it."""
    value, unit = float(number), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def _day(used: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(used))
