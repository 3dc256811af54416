# SPDX-License-Identifier: GPL-2.0-only
"""Kept answers: only of the same query and solvers, only what was decided, and never needed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from proofs import answers
from proofs.answers import Answers
from proofs.desk import Desk, Options
from proofs.solvers import SAT, UNKNOWN, UNSAT, Decision
from support.upkeep import TABLE, USED


class Solver:
    """Answers as it should, and counts how often it is asked."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.asked = 0

    def __call__(self) -> Decision:
        self.asked += 1
        return Decision(self.answer, ("z3",))


@pytest.fixture(autouse=True)
def everything_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "SLOW", 0.0)


@pytest.mark.parametrize("answer", [SAT, UNSAT])
def test_a_query_is_solved_once(tmp_path: Path, answer: str) -> None:
    solver = Solver(answer)
    for _ in range(3):
        assert Answers(tmp_path, "z3 1").ask("query", solver).answer == answer
    assert solver.asked == 1
    other = Solver(SAT if answer == UNSAT else UNSAT)
    assert Answers(tmp_path, "z3 1").ask("another", other).answer == other.answer
    assert Answers(tmp_path, "z3 2").ask("query", other).answer == other.answer
    assert other.asked == 2


def test_what_was_too_hard_is_asked_again(tmp_path: Path) -> None:
    solver = Solver(UNKNOWN)
    for _ in range(2):
        assert Answers(tmp_path, "z3").ask("query", solver).answer == UNKNOWN
    assert solver.asked == 2


def test_what_was_quick_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "SLOW", 3600.0)
    solver = Solver(UNSAT)
    for _ in range(2):
        Answers(tmp_path, "z3").ask("query", solver)
    assert solver.asked == 2


@pytest.mark.parametrize("damage", [b"", b"no database", b"SQLite format 3\0" + b"x" * 200])
def test_a_damaged_store_costs_time_and_nothing_else(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "answers.sqlite").write_bytes(damage)
    solver = Solver(UNSAT)
    assert Answers(tmp_path, "z3").ask("query", solver).answer == UNSAT


def test_an_answer_that_is_none_is_not_believed(tmp_path: Path) -> None:
    Answers(tmp_path, "z3").ask("query", Solver(UNSAT))
    for text in ("yes", "unsat", "unsat z4", "unsat z3 perhaps", "yes z3"):
        Answers(tmp_path, "z3")._save("query", text)
        assert Answers(tmp_path, "z3").ask("query", Solver(SAT)).answer == SAT


@pytest.mark.parametrize(
    "decision",
    [
        Decision(UNSAT, ("bitwuzla",), on_record=True),
        Decision(UNSAT, ("z3", "bitwuzla", "cvc5")),
        Decision(SAT, ("z3",)),
    ],
)
def test_who_decided_is_kept(tmp_path: Path, decision: Decision) -> None:
    Answers(tmp_path, "z3").ask("query", lambda: decision)
    assert Answers(tmp_path, "z3").ask("query", lambda: pytest.fail("it is asked")) == decision


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert Answers(tmp_path / "file" / "x", "z3").ask("query", Solver(UNSAT)).answer == UNSAT


TRUE = "(set-logic QF_BV)\n(declare-const x (_ BitVec 8))\n(assert (= x x))\n(check-sat)\n"


def test_a_desk_asks_what_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Desk(Options(), Answers(tmp_path, "z3")).decide(TRUE).answer == SAT
    monkeypatch.setattr(Desk, "solve", lambda self, text, key: pytest.fail("it is asked"))
    assert Desk(Options(), Answers(tmp_path, "z3")).decide(TRUE).answer == SAT


def kept_in(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(folder / "answers.sqlite", isolation_level=None)


@pytest.mark.parametrize("column", ["answer", "solvers", "query"])
def test_a_row_that_was_changed_is_not_believed(tmp_path: Path, column: str) -> None:
    Answers(tmp_path, "z3").ask("query", Solver(UNSAT))
    changed = {"answer": f"{SAT} z3", "solvers": "z4", "query": "other"}[column]
    with kept_in(tmp_path) as database:
        database.execute(f"UPDATE {TABLE} SET {column} = ?", (changed,))
    solvers, query = ("z4", "query") if column == "solvers" else ("z3", "query")
    query = "other" if column == "query" else query
    solver = Solver(UNSAT)
    assert Answers(tmp_path, solvers).ask(query, solver).answer == UNSAT
    assert solver.asked == 1


def test_an_answer_that_is_used_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Answers(tmp_path, "z3").ask("query", Solver(UNSAT))
    monkeypatch.setattr(answers, "_today", lambda: 7)
    solver = Solver(SAT)
    assert Answers(tmp_path, "z3").ask("query", solver).answer == UNSAT
    assert not solver.asked
    with kept_in(tmp_path) as database:
        assert database.execute(f"SELECT answer, {USED} FROM {TABLE}").fetchall() == [
            (f"{UNSAT} z3", 7)
        ]
