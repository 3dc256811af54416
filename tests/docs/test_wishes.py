# SPDX-License-Identifier: GPL-2.0-only
"""The table of wishes: each has a command, and tests that there are."""

from __future__ import annotations

import ast
import re

import pytest

from slatcheck import commands
from tests.docs.generated import DOCS, ROOT
from tests.slatcheck.test_docs import table

ROWS = table(DOCS / "wishes.md", "wish")
ASKED = {
    "a16z/halmos": {554, 169, 496},
    "model-checking/kani": {1409, 2143},
    "HypothesisWorks/hypothesis": {3825, 2061, 4684},
    "pschanely/CrossHair": {422},
    "pschanely/hypothesis-crosshair": {31},
    "AliveToolkit/alive2": {727},
}


def functions_of(file: str) -> set[str]:
    """Return the names of the functions in a file."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_wish_is_answered_once() -> None:
    found: dict[str, set[int]] = {}
    for row in ROWS:
        ((shown, owner, name, number),) = re.findall(
            r"\[([\w-]+ #\d+)\]\(https://github\.com/([\w-]+)/([\w-]+)/(?:issues|pull)/(\d+)\)",
            row[1],
        )
        assert shown == f"{name} #{number}"
        found.setdefault(f"{owner}/{name}", set()).add(int(number))
    assert found == ASKED


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_each_answer_has_a_command_and_tests(row: list[str]) -> None:
    _, _, answer, command, held = row
    name = re.fullmatch(r"`slatcheck (\w+)( .*)?`", command)
    assert answer and name and name[1] in commands.NAMES
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", held)
    assert named and len(named) == held.count("`") // 2
    for file, test in named:
        assert test in functions_of(file), f"{file} has no {test}"
