# SPDX-License-Identifier: GPL-2.0-only
"""Three solvers on every obligation of layouts of 2, 3 and 4 levels; what disagreement does."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.ports import layout
from proofs import solvers
from proofs.desk import Desk, Options
from proofs.engine import FAILED, HOLDS, OPEN, prove
from proofs.paths import Path as Run
from proofs.runner import MAP, ProofTask, carry_out, tasks_of
from proofs.terms import BOOL, less, same, variable
from proofs.together import Together

ALL = ("z3", "bitwuzla", "cvc5")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "mips32-64k",
        *(pytest.param(one, marks=pytest.mark.thorough) for one in ("mips64-4k", "mips64-4k-va48")),
    ],
)
def test_three_solvers_agree_on_a_layout(name: str, tmp_path: Path) -> None:
    for task in tasks_of(layout(name)):
        found = carry_out(task, Options(ALL, saved=str(tmp_path)))
        assert {proof.verdict for proof in found} == {HOLDS}
    assert not list(tmp_path.iterdir())


def test_three_solvers_agree_on_the_specification(tmp_path: Path) -> None:
    found = carry_out(ProofTask(MAP), Options(ALL, saved=str(tmp_path)))
    assert {proof.verdict for proof in found} == {HOLDS}


def program(path: Run) -> None:
    one, other = path.fresh("one", 8), path.fresh("other", 8)
    path.assume(less(one, other))
    path.prove("exact", "what is less is not the same", less(one, 255))
    path.prove("exact", "and never", same(path.fresh("flag", BOOL), variable("flag", BOOL)))


def test_disagreement_is_an_error_and_keeps_the_query(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(solvers.SOLVERS, "cvc5", lambda *_: solvers.SAT)
    proof = prove("lemma", program, Desk(Options(("z3", "cvc5"), saved=str(tmp_path))))
    assert proof.verdict == FAILED
    (saved,) = tmp_path.iterdir()
    assert str(saved) in proof.clauses["exact"].reason
    assert "(check-sat)" in saved.read_text(encoding="utf-8")


def test_one_solver_that_gives_up_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(solvers.SOLVERS, "bitwuzla", lambda *_: solvers.UNKNOWN)
    proof = prove("lemma", program, Desk(Options(("z3", "bitwuzla"))))
    assert proof.verdict == OPEN


def test_a_solver_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> str:
        raise RuntimeError("it fell over")

    monkeypatch.setattr(Together, "soon", fail)
    monkeypatch.setitem(solvers.SOLVERS, "z3", fail)
    proof = prove("lemma", program, Desk(Options()), ("exact",))
    assert proof.verdict == FAILED
    assert "it fell over" in proof.clauses["exact"].reason


@pytest.mark.parametrize("name", ALL)
def test_each_solver_answers(name: str) -> None:
    text = "(set-logic QF_BV)(declare-const a (_ BitVec 8))(assert (bvult a #x01)){}(check-sat)"
    assert solvers.ask(name, text.format("")) == solvers.SAT
    assert solvers.ask(name, text.format("(assert (not (= a #x00)))")) == solvers.UNSAT
    with pytest.raises(solvers.SolverFailure):
        solvers.ask(name, "(assert")
