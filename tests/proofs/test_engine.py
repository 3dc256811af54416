# SPDX-License-Identifier: GPL-2.0-only
"""Guards of the engine: what contradicts itself, is open, unsupported or empty never holds."""

from __future__ import annotations

import pytest

from proofs import solvers
from proofs.desk import Desk, Options
from proofs.engine import (
    HOLDS,
    NOT_REACHED,
    OPEN,
    REFUTED,
    UNSUPPORTED,
    VACUOUS,
    Proof,
    prove,
)
from proofs.paths import Path, PathEnd, Unsupported
from proofs.terms import FALSE, Term, less, negate, same
from proofs.together import Together


def desk() -> Desk:
    return Desk(Options())


def byte(path: Path, name: str) -> Term:
    term = path.fresh(name, 8)
    path.show(name, term)
    return term


def test_a_goal_that_follows_holds() -> None:
    def program(path: Path) -> None:
        one = byte(path, "one")
        if path.branch(less(one, 10)):
            path.prove("exact", "below ten", less(one, 11))
        else:
            path.prove("exact", "ten or above", negate(less(one, 10)))

    proof = prove("lemma", program, desk(), ("exact",))
    assert (proof.verdict, proof.paths) == (HOLDS, 2)


def test_a_goal_that_does_not_follow_is_refuted_with_its_values() -> None:
    def program(path: Path) -> None:
        one = byte(path, "one")
        path.prove("exact", "never forty", negate(same(one, 40)))
        path.prove("result", "holds all the same", same(one, one))

    proof = prove("lemma", program, desk())
    assert proof.clauses["exact"].verdict == REFUTED
    assert proof.clauses["exact"].values == {"one": 40}
    assert proof.clauses["result"].verdict == HOLDS


def test_a_rule_that_contradicts_itself_is_vacuous() -> None:
    def program(path: Path) -> None:
        one = byte(path, "one")
        path.settle()
        path.assume(less(one, 3), negate(less(one, 4)))
        path.check("by the contract")
        path.prove("exact", "anything", FALSE)

    proof = prove("lemma", program, desk(), ("exact",))
    assert proof.verdict == VACUOUS
    assert "by the contract contradicts itself" in proof.clauses["exact"].reason


def test_a_contradiction_at_a_point_is_found() -> None:
    def program(path: Path) -> None:
        one = byte(path, "one")
        path.point("byte", one)
        path.settle()
        path.everywhere("byte", lambda at: [less(at, 3)])
        path.everywhere("byte", lambda at: [negate(less(at, 3))])
        path.check("by the invariant")
        path.prove("exact", "anything", FALSE)

    assert prove("lemma", program, desk(), ("exact",)).verdict == VACUOUS


def test_a_branch_that_cannot_be_taken_is_no_contradiction() -> None:
    def program(path: Path) -> None:
        one = byte(path, "one")
        path.assume(less(one, 3))
        path.check("before")
        if path.branch(less(negate_low(one), 5)):
            path.prove("exact", "anything", less(one, 3))
        else:
            path.prove("exact", "anything", less(one, 3))

    def negate_low(one: Term) -> Term:
        return one

    proof = prove("lemma", program, desk(), ("exact",))
    assert proof.verdict == HOLDS


def test_a_promise_without_a_goal_is_vacuous() -> None:
    proof = prove("lemma", lambda path: None, desk(), ("exact",))
    assert proof.verdict == VACUOUS


def test_what_comes_after_a_failure_everywhere_is_open() -> None:
    def program(path: Path) -> None:
        path.prove("memory", "no such thing", FALSE)
        path.stopped = True
        raise PathEnd

    proof = prove("lemma", program, desk(), ("memory", "exact"))
    assert proof.clauses["memory"].verdict == REFUTED
    assert (proof.clauses["exact"].verdict, proof.clauses["exact"].reason) == (OPEN, NOT_REACHED)


def test_what_the_lifting_does_not_know_is_unsupported() -> None:
    def program(path: Path) -> None:
        raise Unsupported("a shift by a cat")

    proof = prove("lemma", program, desk(), ("exact",))
    assert proof.verdict == UNSUPPORTED
    assert proof.clauses["exact"].reason == "a shift by a cat"


def test_endless_forks_are_unsupported() -> None:
    def program(path: Path) -> None:
        while True:
            path.choose(1)

    assert prove("lemma", program, desk(), ("exact",)).verdict == UNSUPPORTED


def test_a_solver_that_gives_up_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def program(path: Path) -> None:
        path.prove("exact", "below", less(byte(path, "one"), 255))

    monkeypatch.setattr(Together, "soon", lambda *_: solvers.UNKNOWN)
    monkeypatch.setitem(solvers.SOLVERS, "z3", lambda *_: solvers.UNKNOWN)
    proof = prove("lemma", program, desk(), ("exact",))
    assert proof.verdict == OPEN


def test_limits_are_in_resources() -> None:
    assert all(strategy.limit > 0 for strategy in solvers.STRATEGIES)
    assert min(solvers.CVC5_LIMIT, solvers.BITWUZLA_LIMIT) > 0


def test_no_clauses_are_no_pass() -> None:
    assert Proof("lemma", {}).verdict == VACUOUS


def test_clauses_come_out_in_one_order() -> None:
    names = [f"clause {number}" for number in range(12)]

    def program(path: Path) -> None:
        one = byte(path, "one")
        for name in reversed(names):
            path.prove(name, "is itself", same(one, one))

    assert list(prove("lemma", program, desk(), ("exact",)).clauses) == ["exact", *sorted(names)]
