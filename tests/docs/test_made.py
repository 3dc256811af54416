# SPDX-License-Identifier: GPL-2.0-only
"""What `make docs` draws and lists is what the program is now."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random
from xml.etree import ElementTree

import pytest

from proofs.evaluation import evaluate
from proofs.terms import truth
from tests.test_rooms import ROOMS, ROOT
from tools import floors, worked_example
from tools.sections import replaced

AGAIN = "make docs writes it again"


@pytest.fixture(scope="module")
def example() -> worked_example.Run:
    """Give the worked example, carried out."""
    return worked_example.run(worked_example.SOURCE.read_text())


def test_the_worked_example_is_what_the_engine_does() -> None:
    # In a process of its own: terms are shown in the order in which a process made them.
    command = [sys.executable, "-m", "tools.worked_example", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not done.returncode, f"{done.stderr}{AGAIN}"


def test_the_picture_of_the_floors_and_the_list_of_files_are_those_of_the_house() -> None:
    for path, text in floors.made().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: {AGAIN}"


@pytest.mark.parametrize("path", [floors.PICTURE, worked_example.PICTURE], ids=lambda p: p.name)
def test_a_picture_is_well_formed_and_within_its_edges(path: Path) -> None:
    root = ElementTree.fromstring(path.read_text(encoding="utf-8"))
    *_, width, height = map(float, root.attrib["viewBox"].split())
    boxes = [one for one in root.iter() if one.tag.endswith("rect")]
    assert len(boxes) > 4
    for box in boxes:
        assert float(box.attrib["x"]) + float(box.attrib["width"]) <= width
        assert float(box.attrib["y"]) + float(box.attrib["height"]) <= height


# The worked example


def test_the_paths_of_the_example_give_what_the_c_gives(example: worked_example.Run) -> None:
    draw = Random(3)
    for gpa in [0, 4095, 4096, (1 << 21) - 1, 1 << 21, *(draw.getrandbits(32) for _ in range(50))]:
        model = {"gpa": lambda value=gpa: value}
        (taken,) = [
            one for one in example.paths if all(evaluate(fact, model) for fact in one.premises)
        ]
        wanted = 0xFFFFFFFF if gpa >> 21 else gpa >> 12 & 511
        assert evaluate(taken.result, model) == wanted
        assert all(evaluate(truth(goal), model) for _, goal in taken.goals)


def test_the_example_holds_and_its_wrong_form_does_not(example: worked_example.Run) -> None:
    assert {one.verdict for one in example.proof.clauses.values()} == {"holds"}
    source = worked_example.SOURCE.read_text()
    bad = worked_example.run(source.replace(worked_example.RIGHT, worked_example.WRONG)).proof
    gpa = bad.clauses["exact"].values["gpa"]
    assert bad.clauses["exact"].verdict == "refuted"
    assert gpa < 1 << 21 and gpa >> 12 & 511 != gpa >> 12 & 255


# The floors


def test_every_file_is_drawn_on_its_floor() -> None:
    given, known = floors.rooms(), floors.graph()
    assert {room.partition("/")[0] for room in given} == set(floors.FLOORS)
    parts = floors.split(given, known)
    assert sorted(path for files in parts.values() for path in files) == sorted(
        path for files in given.values() for path in files
    )
    below = floors.imports(parts, known)
    for floor in floors.FLOORS:
        drawn = [room for row in floors.of_floor(floor, below) for room in row]
        assert sorted(drawn) == sorted(room for room in parts if floors.floor_of(room) == floor)


def test_what_starts_a_tool_stands_on_its_rooms_and_its_errors_below() -> None:
    parts = floors.split(floors.rooms(), floors.graph())
    assert {"cli.py", "__main__.py"} <= {path.name for path in parts[f"slatcheck{floors.TOP}"]}
    assert "terms.py" in {path.name for path in parts["proofs"]}


def test_every_module_is_listed_with_its_sentence() -> None:
    text = floors.listing(floors.rooms())
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            if path.name != "__init__.py":
                line = next(one for one in text.splitlines() if f"`{path.name}`: " in one)
                assert len(line.partition(": ")[2]) > 10


def test_a_room_stands_above_those_that_it_imports() -> None:
    below = {"a": {"b", "c"}, "b": {"d"}, "c": {"d"}, "d": set[str](), "e": {"f"}, "f": {"e"}}
    assert floors.heights(below) == {"a": 2, "b": 1, "c": 1, "d": 0, "e": 0, "f": 0}
    assert {"e", "f"} in floors.circles(below) and {"a"} in floors.circles(below)


# Sections


def test_only_the_part_that_is_made_is_replaced() -> None:
    page = "before\n<!-- x: made by make docs -->\nold\n<!-- end of x -->\nafter\n"
    made = replaced(page, "x", r"new \1")
    assert made.startswith("before\n") and made.endswith("after\n")
    assert r"new \1" in made and "old" not in made
    assert replaced(made, "x", r"new \1") == made
    with pytest.raises(ValueError, match="0 parts"):
        replaced(page, "y", "new")
