# SPDX-License-Identifier: GPL-2.0-only
"""The tool behind the record of hard queries: what it notes and refuses, and Z3 asked again."""

from __future__ import annotations

import json
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from model.ports import layout
from proofs import hard_queries, solvers
from proofs.desk import Desk
from proofs.hard_queries import (
    DIGITS,
    HELPERS,
    HardQuery,
    Record,
    digest_of_goals,
    digest_of_query,
)
from proofs.solvers import SAT, STRATEGIES, UNSAT, SolverFailure, Z3Query
from tools import hard_queries as tool
from tools.hard_queries import (
    ALONE,
    Measured,
    Notebook,
    Unit,
    confirm,
    main,
    measure,
    record,
    sufficient,
    units,
)

HEAD = """\
(set-logic QF_UFBV)
(declare-fun |a| () (_ BitVec 8))
(declare-fun |b| () (_ BitVec 8))
(declare-fun |f| ((_ BitVec 8)) (_ BitVec 8))
(assert (= (bvmul |a| (|f| |b|)) (bvmul (|f| |a|) (|f| (|f| |b|)))))
(assert (bvult (bvurem |b| |a|) (|f| |a|)))
"""
HOLDING = f"{HEAD}(assert (= (bvmul |a| |a|) #x31))\n(check-sat)\n"
REFUTED = f"{HEAD}(assert (= (bvmul |a| |a|) #x33))\n(check-sat)\n"
GOALS = "a lemma: exact: what is tried"
EASY = "(set-logic QF_BV)\n(assert false)\n(check-sat)\n"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Z3's first strategy give up on all but what it sees at once."""
    first = replace(STRATEGIES[0], limit=tool.NEAR)
    monkeypatch.setattr(tool, "STRATEGIES", (first, *STRATEGIES[1:]))


def unit(name: str, *texts: str) -> Unit:
    def work() -> None:
        desk = Desk(ALONE)
        for text in texts:
            desk.decide(text, GOALS)

    return Unit(name, work)


def notebook(folder: Path) -> Notebook:
    return Notebook(folder, Record())


def row(text: str) -> str:
    return digest_of_query(text)[:DIGITS]


def test_what_is_hard_is_measured_and_on_record(tmp_path: Path) -> None:
    said: list[str] = []
    found = record([unit("one", EASY, HOLDING, REFUTED)], notebook(tmp_path), said.append)
    assert {query: hard.answer for query, hard in found.rows.items()} == {
        row(HOLDING): SAT,
        row(REFUTED): UNSAT,
    }
    lines = (tmp_path / "queries.jsonl").read_text(encoding="utf-8").split("\n")[1:]
    for line in lines:
        assert {*HELPERS, "z3-bits"} <= set(json.loads(line)["seconds"])
    assert len(said) == 1 and said[0].startswith("one: 2 hard")


def test_what_is_nearly_left_open_is_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = replace(STRATEGIES[0], shared=False)
    limits = (replace(alone, limit=1 << doubled) for doubled in range(8, 30))
    enough = next(way for way in limits if Z3Query(HOLDING, goals=True).attempt(way) == SAT)
    for limit, noted in ((enough.limit, True), (2 * tool.NEAR * enough.limit, False)):
        way = replace(alone, limit=limit)
        assert Z3Query(HOLDING, goals=True).attempt(way) == SAT
        monkeypatch.setattr(tool, "STRATEGIES", (way, *STRATEGIES[1:]))
        found = record([unit("one", HOLDING)], notebook(tmp_path / str(limit)), lambda _: None)
        assert (row(HOLDING) in found.rows) is noted


def test_what_was_measured_is_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = record([unit("one", HOLDING)], notebook(tmp_path), lambda _: None)
    monkeypatch.setattr(tool, "measure", lambda *_: pytest.fail("it is measured"))
    idle = Unit("one", lambda: pytest.fail("it is worked on"))
    assert record([idle], notebook(tmp_path), lambda _: None) == first
    assert record([unit("two", HOLDING)], notebook(tmp_path), lambda _: None) == first


def test_what_is_on_record_is_asked_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = Record({row(NEEDED): HardQuery(UNSAT, "cvc5", 0b11)})
    monkeypatch.setattr(hard_queries, "shipped", lambda: known)
    found = record([unit("one", NEEDED)], notebook(tmp_path), lambda _: None)
    assert found.rows.keys() == {row(NEEDED)}
    again = confirm([unit("one", NEEDED)], found, 1.0, random.Random(0))
    assert again.asked == {row(NEEDED)} and not again.otherwise
    assert hard_queries.shipped() is known


def test_a_run_that_was_cut_goes_on(tmp_path: Path) -> None:
    whole = record([unit("one", HOLDING)], notebook(tmp_path), lambda _: None)
    for file in tmp_path.iterdir():
        file.write_text(file.read_text(encoding="utf-8")[:-20], encoding="utf-8")
    assert not notebook(tmp_path).rows
    again = record([unit("one", HOLDING)], notebook(tmp_path), lambda _: None)
    assert notebook(tmp_path).rows.keys() == {row(HOLDING)}
    assert whole.rows.keys() == again.rows.keys()


NEEDED = """\
(set-logic QF_BV)
(declare-fun |a| () (_ BitVec 8))
(declare-fun |b| () (_ BitVec 8))
(assert (bvult |b| #x70))
(assert (bvult |a| |b|))
(assert (= |b| (bvmul |b| #x01)))
(assert (bvult #x6f |a|))
(check-sat)
"""


def test_what_is_on_record_is_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless other versions of the solvers were asked."""
    made = record([unit("one", NEEDED)], notebook(tmp_path / "one"), lambda _: None)
    monkeypatch.setattr(tool, "measure", lambda *_: None)
    for asked, rows in ((made.asked, made.rows), (f"{made.asked}.1", {})):
        known = Notebook(tmp_path / str(len(rows)), replace(made, asked=asked))
        assert record([unit("one", NEEDED)], known, lambda _: None).rows == rows


def test_premises_are_on_record_by_what_was_asked(tmp_path: Path) -> None:
    """Those of every query that is about the same; what holds has none."""
    other = NEEDED.replace("(bvult |a| |b|)", "(= |a| #x01)")
    found = record([unit("one", NEEDED, other, HOLDING)], notebook(tmp_path), lambda _: None)
    assert found.likely == {digest_of_goals(GOALS, NEEDED): 0b011}
    alone = record([unit("two", other)], notebook(tmp_path / "other"), lambda _: None)
    assert alone.likely == {digest_of_goals(GOALS, NEEDED): 0b010}


def test_premises_that_suffice_are_found() -> None:
    assert sufficient(NEEDED) == 0b11
    assert sufficient(NEEDED.replace("(bvult |a| |b|)", "(= |a| #x01)")) == 0b010
    assert sufficient(NEEDED.replace("#x6f", "#x0f")) == 0
    found = measure(NEEDED, True)
    assert found is not None and found.premises == 0b11


def test_premises_that_z3_does_not_find_enough_are_not_on_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tool, "sufficient", lambda _: 0b100)
    found = measure(NEEDED, True)
    assert found is not None and (found.answer, found.premises) == (UNSAT, 0)


@pytest.mark.parametrize("name", HELPERS)
def test_disagreement_is_no_record(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(solvers.SOLVERS, name, lambda *_: SAT)
    with pytest.raises(SolverFailure, match="disagree"):
        record([unit("one", REFUTED)], notebook(tmp_path), lambda _: None)
    assert not notebook(tmp_path).rows


def test_what_z3_does_not_answer_is_not_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "STRATEGIES", (replace(STRATEGIES[0], limit=1),))
    assert record([unit("one", REFUTED)], notebook(tmp_path), lambda _: None).rows == {}


@pytest.mark.parametrize(
    ("seconds", "fastest"),
    [
        ({"z3-bits": 1.0, "z3-cases": 0.9, "bitwuzla": 0.8, "cvc5": 3.0}, "z3-cases"),
        ({"z3-bits": 1.0, "z3-cases": 0.9, "bitwuzla": 0.7, "cvc5": 3.0}, "bitwuzla"),
        ({"z3-bits": 1.0, "bitwuzla": 0.7, "cvc5": 0.2}, "cvc5"),
        ({"z3-bits": 1.0}, "z3-bits"),
    ],
)
def test_another_solver_has_to_be_faster_by_a_margin(
    seconds: dict[str, float], fastest: str
) -> None:
    assert Measured(UNSAT, seconds).fastest == fastest


def test_a_row_that_lies_is_found_by_asking_again() -> None:
    rows = {row(HOLDING): HardQuery(UNSAT, "cvc5"), row(REFUTED): HardQuery(UNSAT, "cvc5")}
    work = [unit("one", HOLDING, REFUTED, EASY), unit("two", HOLDING)]
    found = confirm(work, Record(rows), 1.0, random.Random(0))
    assert found.otherwise == [f"{row(HOLDING)}: unsat on record, Z3 says sat"]
    assert found.met == found.asked == set(rows)
    none = confirm(work, Record(rows), 0.0, random.Random(0))
    assert (none.met, none.asked, none.otherwise) == (set(rows), set(), [])


def test_the_command_fails_where_a_row_lies(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(tool, "units", lambda *_: [unit("one", HOLDING, REFUTED)])
    monkeypatch.setattr(tool, "KEPT", tmp_path)
    (tmp_path / "linux-1").mkdir()
    monkeypatch.setattr(tool, "TREES", tmp_path)
    monkeypatch.setattr(hard_queries, "FILE", tmp_path / "record")
    assert main([]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("2 hard queries are on record: ")
    written = hard_queries.read(hard_queries.FILE)
    monkeypatch.setattr(hard_queries, "shipped", lambda: written)
    assert main(["--confirm"]) == 0
    lying = Record({**written.rows, row(HOLDING): HardQuery(UNSAT, "cvc5")})
    monkeypatch.setattr(hard_queries, "shipped", lambda: lying)
    assert main(["--confirm"]) == 1
    assert "2 asked of Z3 again" in capsys.readouterr().out


def test_without_trees_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A record of the tables alone would lose what is on record of the C."""
    monkeypatch.setattr(hard_queries, "FILE", tmp_path / "record")
    monkeypatch.setattr(tool, "TREES", tmp_path)
    assert main([]) == 1
    assert "make kernels" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_there_is_a_unit_for_each_table_and_tree(tmp_path: Path) -> None:
    chosen = [layout("mips64-4k-huge"), layout("mips64-4k"), layout("riscv64-sv57x4")]
    names = [unit.name for unit in units(chosen, [])]
    assert names == ["table mips64-4k", "entry mips64-4k-huge", "entry mips64-4k", "map "]


@pytest.mark.slow
def test_z3_confirms_a_random_share_of_a_layout(capsys: pytest.CaptureFixture[str]) -> None:
    """What is on record of a layout is what Z3 says now; which share is asked is printed."""
    drawn = os.environ.get("SLATCHECK_SEED") or random.SystemRandom().randrange(2**32)
    seed, share = int(drawn), 0.25
    given = hard_queries.shipped()
    found = confirm(units([layout(LAYOUT)], []), given, share, random.Random(seed))
    with capsys.disabled():
        print(
            f"\n{LAYOUT}: {len(found.asked)} of {len(found.met)} hard queries asked of Z3 again "
            f"(SLATCHECK_SEED={seed})"
        )
    assert not found.otherwise
    assert len(found.met) >= 20, "the record is of queries that nobody asks: make hard-queries"
    assert found.asked


LAYOUT = "riscv32-sv32x4"
