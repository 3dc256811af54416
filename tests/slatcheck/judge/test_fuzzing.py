# SPDX-License-Identifier: GPL-2.0-only
"""Campaigns on a real tree: the same whatever does the work, and gone on with where they ended."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from impl.kernel.errors import IsolationError
from model.ports import layout
from slatcheck import cli
from slatcheck.document.result import Document, Verdict
from slatcheck.document.schema import DOCUMENT, validated
from slatcheck.fuzz import work
from slatcheck.fuzz.corpus import Corpus
from slatcheck.fuzz.engine import Engine, Slice
from slatcheck.judge import generations
from slatcheck.judge.course import AGREEMENT, Wanted
from slatcheck.judge.fuzzing import fuzz
from slatcheck.judge.judging import Request, check
from slatcheck.progress import Progress
from slatcheck.search.drawing import LENGTH
from tests.impl.kernel.native.builds import needs_host
from tests.proofs.c.edits import REPAIRS, edited
from tests.slatcheck.fuzz.test_engine import RARE

ONE = layout("mips64-4k")
PIECE = 60
"""Sequences of a piece of work, here."""

pytestmark = [pytest.mark.kernel, needs_host]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLATCHECK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(generations, "SEQUENCES", PIECE)
    monkeypatch.setattr(generations, "EVERY", 0.0)
    return tmp_path


@pytest.fixture
def root(kernel_trees: dict[str, Path]) -> Path:
    return kernel_trees["6.12"]


def request_of(root: Path, *names: str, jobs: int = 1) -> Request:
    return Request(tuple(map(layout, names or (ONE.name,))), root, jobs=jobs)


def run(request: Request, pieces: int, seconds: float | None = None) -> Document:
    return fuzz(request, Wanted(pieces * PIECE * LENGTH, seconds), lambda step: None)


def told(document: Document) -> Any:
    """Return a document as JSON, less what depends on the clock."""
    data = json.loads(validated(document.to_json(), DOCUMENT))
    for part in (*data["checks"], *data["tool"]["campaigns"]):
        part["seconds"] = 0
    del data["notes"]
    return data


def test_of_a_real_tree_it_finds_what_the_check_finds(root: Path) -> None:
    document = run(request_of(root), 2)
    checked = check(replace(request_of(root), byte_orders={ONE.name: ("little",)}), lambda _: None)
    marks = [{finding.fingerprint for finding in d.findings} for d in (document, checked)]
    assert marks[0] == marks[1]
    assert document.verdict is Verdict.VIOLATED
    (campaign,) = document.tool["campaigns"]
    assert campaign["sequences"] == 2 * PIECE
    assert campaign["operations"] > PIECE * LENGTH
    assert 100 < campaign["blocks_run"] < campaign["blocks"]
    assert 0 < campaign["last_new_block"] <= campaign["operations"]
    (agreement,) = [check for check in document.checks if check.id == AGREEMENT]
    assert agreement.verdict is Verdict.HOLDS
    assert agreement.cases >= work.TRIED
    assert any("emulated only, and not run here" in note for note in document.notes)
    before = sum(check.cases for check in checked.checks)
    assert sum(check.cases for check in document.checks) > before


def test_processes_make_no_difference(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ONE.name, "mips32-16k"
    alone = told(run(request_of(root, *names), 3))
    monkeypatch.setenv("SLATCHECK_CACHE", str(tmp_path / "other"))
    assert told(run(request_of(root, *names, jobs=2), 3)) == alone


def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the list to which the first number of every piece that is run is added."""
    done: list[int] = []
    usual = Engine.run

    def noted(self: Engine, first: int, count: int, corpus: Corpus, again: bool) -> Slice:
        done.append(first)
        return usual(self, first, count, corpus, again)

    monkeypatch.setattr(Engine, "run", noted)
    return done


def test_what_was_done_is_not_done_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = counted(monkeypatch)
    run(request_of(root), 1)
    first = run(request_of(root), 3)
    assert done == [0, PIECE, 2 * PIECE]
    assert told(run(request_of(root), 3)) == told(first)
    assert len(done) == 3


def test_a_run_that_is_cut_off_goes_on_where_it_was(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = counted(monkeypatch)
    cut = run(request_of(root), 4, seconds=0.0)
    assert done == [0]
    assert any("the same command goes on from there" in note for note in cut.notes)
    whole = run(request_of(root), 4)
    assert done == [0, PIECE, 2 * PIECE, 3 * PIECE]
    (campaign,) = whole.tool["campaigns"]
    assert campaign["sequences"] == 4 * PIECE


def test_a_layout_whose_turn_did_not_come_is_said(root: Path) -> None:
    cut = run(request_of(root, ONE.name, "mips32-4k"), 1, seconds=0.0)
    assert len(cut.tool["campaigns"]) == 1
    short = [note for note in cut.notes if f": 0 of {PIECE} sequences were run" in note]
    assert len(short) == 1


def test_where_every_create_shows_something_nothing_is_run(root: Path) -> None:
    document = run(request_of(root, "mips64-4k-va48"), 1)
    assert document.tool["campaigns"] == []
    assert document.verdict is Verdict.VIOLATED
    assert any("every create shows uninitialised/kvm_pgd_alloc/any" in n for n in document.notes)


def test_an_interrupted_run_gives_what_it_has(root: Path) -> None:
    steps: list[Progress] = []

    def report(step: Progress) -> None:
        steps.append(step)
        if "operations" in step.layout:
            raise KeyboardInterrupt

    document = fuzz(request_of(root), Wanted(5 * PIECE * LENGTH), report)
    assert document.tool["interrupted"] is True
    assert document.tool["campaigns"][0]["sequences"] == PIECE
    assert document.findings


def test_what_only_a_campaign_finds_has_a_short_trace(root: Path, tmp_path: Path) -> None:
    tree = edited(root, (*REPAIRS, RARE), tmp_path / "linux")
    document = run(request_of(tree), 200)
    assert {finding.rule for finding in document.findings} == {"stale-mapping"}
    finding = min(document.findings, key=lambda finding: len(finding.trace))
    assert [op["op"] for op in finding.trace].count("fault") == 3
    assert len(finding.trace) <= 8
    assert finding.location.file.endswith("mmu.c")


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_finding_is_shown_before_its_piece_of_work_is_done(root: Path, jobs: int) -> None:
    steps: list[Progress] = []
    request = replace(request_of(root, jobs=jobs), max_ops=1)
    document = fuzz(request, Wanted(PIECE * LENGTH), steps.append)
    native = next(at for at, step in enumerate(steps) if "operations" in step.layout)
    shown = [mark for step in steps[:native] for mark in step.new]
    assert len(shown) == len({*shown})
    searched = check(replace(request, byte_orders={ONE.name: ("little",)}), lambda _: None)
    marks = [{finding.fingerprint for finding in d.findings} for d in (document, searched)]
    assert {*shown} >= marks[0] - marks[1] > set()
    assert all(step.early for step in steps if step.new)


def test_where_no_table_can_be_made_nothing_is_run(root: Path) -> None:
    document = run(request_of(root, "mips32-64k"), 1)
    assert document.tool["campaigns"] == []
    assert document.verdict is Verdict.VIOLATED
    assert Verdict.VACUOUS in {check.verdict for check in document.checks}
    assert AGREEMENT not in {check.id for check in document.checks}


def test_a_layout_of_the_other_byte_order_is_emulated_only(root: Path) -> None:
    request = replace(request_of(root), byte_orders={ONE.name: ("big",)})
    document = run(request, 1)
    (agreement,) = [check for check in document.checks if check.id == AGREEMENT]
    assert agreement.verdict is Verdict.UNSUPPORTED
    assert "emulated only" in agreement.reason
    assert document.tool["campaigns"] == []


@pytest.mark.parametrize("where", ["begun", "run"])
def test_a_disagreement_is_an_error(
    root: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == "begun":
        monkeypatch.setattr(Engine, "disagreement", lambda *_: "they differ")
    else:
        monkeypatch.setattr(Engine, "run", lambda *_: Slice(disagreement="they differ"))
    document = run(request_of(root), 3)
    (agreement,) = [check for check in document.checks if check.id == AGREEMENT]
    assert (agreement.verdict, agreement.reason) == (Verdict.ERROR, "they differ")
    assert document.verdict is Verdict.ERROR


# The command


def call(root: Path, *options: str) -> int:
    given = ["fuzz", "--kernel", str(root), "--layout", f"{ONE.name}:le", "--jobs", "1", *options]
    return cli.run(given)


def test_the_command_reports(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(root, "--ops", "12k", "--seed", "5") == 1
    out, err = capsys.readouterr()
    assert "operations natively" in out
    assert "basic blocks ran" in " ".join(out.split())
    assert "seed 5" in out
    assert f"[1/1] {ONE.name} (little-endian), begun" in err


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--ops", "0", "'0' is no number of operations: write 1000000, 10M or 1e9"),
        ("--ops", "many", "'many' is no number of operations"),
        ("--ops", "1e99", "'1e99' is no number of operations"),
        ("--time", "soon", "'soon' is no time: write 90s, 10m or 8h"),
        ("--seed", "-1", "-1 is not in the range"),
    ],
)
def test_bad_input_is_one_line(
    root: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, words: str
) -> None:
    assert call(root, option, value) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_a_host_that_cannot_confine_is_refused(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise IsolationError("this host cannot confine code: no seccomp")

    monkeypatch.setattr(work, "NativeKernel", refused)
    work._kernels.cache_clear()
    assert call(root, "--ops", "10k") == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == (
        "slatcheck: this host cannot confine code: no seccomp; --trust-tree runs it all the same"
    )


def test_progress_is_not_for_every_piece(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generations, "EVERY", 3600.0)
    steps: list[Progress] = []
    fuzz(request_of(root), Wanted(5 * PIECE * LENGTH), steps.append)
    assert [step.done for step in steps if not step.early] == [1, 5]
    assert "operations a second in all, 0:00:00 left" in steps[-1].layout
    assert re.search(r"\d+ of \d+ blocks and [\d,]+ pairs reached$", steps[-1].layout)
    assert generations.pace(10, 10.0, 7325.0) == "1 operations a second in all, 2:02:05 left"
