# SPDX-License-Identifier: GPL-2.0-only
"""Queries asked in one solver: each is answered as if it were alone, whatever came before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import together
from proofs.desk import Desk, Options
from proofs.hard_queries import DIGITS, HardQuery, Record, digest_of_query
from proofs.smtlib import smtlib
from proofs.solvers import (
    SAT,
    STRATEGIES,
    UNKNOWN,
    UNSAT,
    SolverFailure,
    Strategy,
    Z3Query,
    core,
    refuted,
)
from proofs.terms import (
    BOOL,
    FALSE,
    TRUE,
    Term,
    add,
    apply,
    less,
    negate,
    number,
    same,
    truth,
    variable,
)
from proofs.together import Together, failing

NUMBERS = [variable(name, 4) for name in ("one", "other", "third")]
FACTS = [
    truth(fact)
    for left in NUMBERS
    for right in [*NUMBERS, number(3, 4), number(15, 4)]
    if left is not right
    for plain in (
        less(left, right),
        same(left, right),
        same(add(left, number(1, 4)), right),
        same(apply("f", 4, left), right),
    )
    for fact in (plain, negate(plain))
]


@given(st.lists(st.lists(st.sampled_from(FACTS), min_size=1, max_size=6), min_size=1, max_size=6))
def test_each_query_is_answered_as_if_it_were_alone(queries: list[list[Term]]) -> None:
    asked = Together()
    for assertions in queries:
        alone = Z3Query(smtlib(assertions)).check()
        assert asked.soon(assertions) == alone
        assert asked.answer(assertions) == alone


@given(st.lists(st.sampled_from(FACTS), min_size=1, max_size=4))
def test_values_are_those_of_a_model(assertions: list[Term]) -> None:
    asked = Together()
    asked.answer([truth(less(NUMBERS[0], NUMBERS[1]))])
    if asked.answer(assertions) != SAT:
        return
    values = [truth(same(found, asked.value(str(found.data), 4))) for found in NUMBERS]
    assert Z3Query(smtlib([*assertions, *values])).check() == SAT


def _failing_one_by_one(premises: list[Term], claims: dict[int, Term]) -> set[int]:
    asked = {
        number: Z3Query(smtlib([*premises, truth(negate(claim))])).check()
        for number, claim in claims.items()
    }
    return {number for number, answer in asked.items() if answer != UNSAT}


@given(
    st.lists(st.sampled_from(FACTS), max_size=3),
    st.lists(st.lists(st.sampled_from([*FACTS, TRUE, FALSE]), max_size=6), min_size=1, max_size=3),
)
def test_claims_fail_together_as_they_do_one_by_one(
    premises: list[Term], rounds: list[list[Term]]
) -> None:
    asked = Together()
    for terms in rounds:
        claims = dict(enumerate(terms))
        assert failing(premises, claims, asked) == _failing_one_by_one(premises, claims)


def test_claims_that_are_too_hard_together_are_decided_one_by_one() -> None:
    class Puzzled(Together):
        def answer(self, assertions: Sequence[Term]) -> str:
            several = any(term.op == "=" and "holds" in str(term) for term in assertions)
            return UNKNOWN if several else super().answer(assertions)

    premises = [truth(less(NUMBERS[0], NUMBERS[1]))]
    claims = {0: truth(negate(same(NUMBERS[1], number(0, 4)))), 1: truth(same(*NUMBERS[:2]))}
    assert failing(premises, claims, Puzzled()) == {1}


def test_truths_have_values_as_well() -> None:
    asked, flag = Together(), variable("flag", BOOL)
    assert asked.answer([flag]) == SAT
    assert asked.value("flag", BOOL) == 1
    assert asked.answer([truth(negate(flag))]) == SAT
    assert asked.value("flag", BOOL) == 0


def _limited(monkeypatch: pytest.MonkeyPatch) -> None:
    least = Strategy("z3-core", "", 1, shared=True)
    monkeypatch.setattr(together, "core", lambda: core(least))


HARD = [
    truth(less(apply("f", 16, variable("a", 16)), variable("b", 16))),
    truth(same(add(variable("b", 16), variable("a", 16)), number(7, 16))),
]


def test_what_takes_long_is_asked_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    _limited(monkeypatch)
    asked = Together()
    assert asked.soon(HARD) == UNKNOWN
    assert asked.answer(HARD) == SAT
    values = [(name, asked.value(name, 16)) for name in ("a", "b")]
    told = [truth(same(variable(name, 16), value)) for name, value in values]
    assert Z3Query(smtlib([*HARD, *told])).check() == SAT
    refuted = [*HARD, truth(less(variable("b", 16), number(0, 16)))]
    assert asked.answer([*refuted, truth(negate(HARD[0]))]) == UNSAT


def test_a_desk_asks_alone_what_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    _limited(monkeypatch)
    made = Desk(Options(), record=Record()).decide(smtlib(HARD), assertions=HARD)
    assert (made.answer, made.solvers) == (SAT, ("z3",))


def test_z3_that_fails_on_a_part_is_an_error() -> None:
    with pytest.raises(SolverFailure, match="z3: "):
        refuted("(assert")
    assert refuted("(assert false)(assert true)")
    assert not refuted("(assert true)(assert true)")


def test_z3_that_fails_is_an_error() -> None:
    asked = Together()
    twice = [truth(less(variable("x", 8), number(3, 8))), truth(same(apply("x", 8), number(3, 8)))]
    assert asked.soon(twice[:1]) == SAT
    with pytest.raises(SolverFailure, match="z3: "):
        asked.soon([truth(same(apply("x", 4, variable("x", 8)), variable("x", 4)))])


def test_what_holds_by_the_record_is_asked_together(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = smtlib(HARD)
    asked: list[int] = []
    honest = Together.soon

    def soon(self: Together, assertions: list[Term]) -> str:
        asked.append(len(assertions))
        return honest(self, assertions)

    monkeypatch.setattr(Together, "soon", soon)
    for answer, times in ((SAT, 1), (UNSAT, 0)):
        row = HardQuery(answer, STRATEGIES[0].name, 0)
        known = Record({digest_of_query(text)[:DIGITS]: row})
        desk = Desk(Options(saved=str(tmp_path)), record=known)
        asked.clear()
        if answer == SAT:
            assert desk.decide(text, "goals", HARD).answer == SAT
        else:
            with pytest.raises(SolverFailure, match="disagree"):
                desk.decide(text, "goals", HARD)
        assert len(asked) == times


def test_a_record_that_says_that_something_holds_is_not_believed(tmp_path: Path) -> None:
    refuted = [*HARD, truth(negate(HARD[1]))]
    text = smtlib(refuted)
    known = Record({digest_of_query(text)[:DIGITS]: HardQuery(SAT, "z3-core", 0)})
    with pytest.raises(SolverFailure, match="disagree"):
        Desk(Options(saved=str(tmp_path)), record=known).decide(text, "goals", refuted)
