# SPDX-License-Identifier: GPL-2.0-only
"""Small scopes of a real tree: what the document and the command say of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model.ports import layout
from slatcheck import cli
from slatcheck.document.result import Document, Verdict
from slatcheck.document.schema import DOCUMENT, validated
from slatcheck.fuzz.exploring import Explored, Explorer
from slatcheck.judge import scopes
from slatcheck.judge.course import AGREEMENT, SCOPE, Wanted
from slatcheck.judge.fuzzing import fuzz
from slatcheck.judge.judging import Request
from slatcheck.search.unit import Unit
from tests.impl.kernel.native.builds import needs_host
from tests.proofs.c.edits import REPAIRS, edited

ONE = layout("mips64-4k")

pytestmark = [pytest.mark.kernel, needs_host]


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep what is kept apart: traces that other trees left decide which of two is shown."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATCHECK_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def root(kernel_trees: dict[str, Path]) -> Path:
    return kernel_trees["6.12"]


def run(root: Path, depth: int, *names: str, jobs: int = 1) -> Document:
    request = Request(tuple(map(layout, names or (ONE.name,))), root, jobs=jobs)
    return fuzz(request, Wanted(1, depth=depth), lambda step: None)


def told(document: Document) -> Any:
    """Return a document as JSON, less what depends on the clock."""
    data = json.loads(validated(document.to_json(), DOCUMENT))
    for part in (*data["checks"], *data["tool"]["scopes"]):
        part["seconds"] = 0
    del data["notes"]
    return data


def test_of_a_repaired_tree_nothing_is_found(root: Path, tmp_path: Path) -> None:
    document = run(edited(root, REPAIRS, tmp_path / "linux"), 255)
    assert document.findings == []
    (scope,) = told(document)["tool"]["scopes"]
    assert scope["closed"] is scope["complete"] is True
    assert scope["states"] == sum(scope["levels"]) > 400
    assert scope["left_out"] == []
    assert "campaigns" not in document.tool
    (agreement,) = [check for check in document.checks if check.id == AGREEMENT]
    assert agreement.verdict is Verdict.HOLDS
    assert any("holds for sequences of any length" in note for note in document.notes)


def test_processes_make_no_difference(root: Path) -> None:
    names = ONE.name, "mips32-4k"
    alone = run(root, 3, *names)
    assert told(run(root, 3, *names, jobs=2)) == told(alone)
    assert alone.verdict is Verdict.VIOLATED
    (first, second) = told(alone)["tool"]["scopes"]
    assert (first["closed"], second["closed"]) == (False, False)
    assert {op["op"] for op in first["left_out"]} == {"unmap"}
    assert any("were left out: unmap" in note for note in alone.notes)


def test_a_disagreement_is_an_error(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def differs(*_: object) -> Explored:
        found = Explored(3, 5)
        found.part.disagreement = "they differ"
        return found

    monkeypatch.setattr(Explorer, "explore", differs)
    document = run(root, 3)
    assert document.verdict is Verdict.ERROR
    assert any("it is not complete" in note for note in document.notes)


@pytest.mark.parametrize("cut", ["full", "unexplained"])
def test_what_is_not_complete_is_no_pass(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: str
) -> None:
    tree = edited(root, REPAIRS, tmp_path / "linux")
    (whole,) = [check for check in run(tree, 2).checks if check.id == SCOPE]
    assert (whole.verdict, whole.reason) == (Verdict.HOLDS, "")
    assert whole.cases > 20

    def short(*_: object) -> Explored:
        found = Explored(2, 5, levels=[1, 4])
        setattr(found, cut, True)
        return found

    monkeypatch.setattr(Explorer, "explore", short)
    document = run(tree, 2)
    (scope,) = [check for check in document.checks if check.id == SCOPE]
    assert scope.verdict is document.verdict is Verdict.UNKNOWN


def test_where_there_is_no_room_nothing_is_claimed() -> None:
    unit = Unit(ONE.name, False, None, None, (), 0, None)
    found = Explored(9, 5, levels=[1, 4], full=True)
    (note,) = scopes.notes(unit, found)
    assert "it is not complete" in note
    assert "any length" not in note


# The command


def call(root: Path, *options: str) -> int:
    given = ["fuzz", "--kernel", str(root), "--layout", f"{ONE.name}:le", "--jobs", "1", *options]
    return cli.run(given)


def test_the_command_reports(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(root, "--exhaustive", "2") == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "every sequence of at most 2 of " in out
    assert "states a second" in out


def test_bad_input_is_one_line(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(root, "--exhaustive", "0") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "0 is not in the range 1<=x<=255" in line
