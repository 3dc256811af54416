# SPDX-License-Identifier: GPL-2.0-only
"""Every way to ask Z3 answers alike, with a model of what holds; and what it is asked first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from proofs.solvers import SAT, STRATEGIES, UNKNOWN, UNSAT, Strategy, Z3Query

HEAD = """\
(set-logic QF_UFBV)
(declare-fun |a| () (_ BitVec 8))
(declare-fun |b| () (_ BitVec 8))
(declare-fun |f| ((_ BitVec 8)) (_ BitVec 8))
(assert (bvult |a| |b|))
"""

NONE_HOLDS = """\
(assert (not (and (not (= |a| |b|)) (or (bvult |a| |b|) (= |a| #x07))
                  (not (bvult |b| |a|)) (not (= |a| #xff)))))
"""

ONE_HOLDS = """\
(assert (or (= |a| |b|) (not (and (bvult |a| |b|) (not (= |a| #x2a)))) (bvult |b| |a|)))
"""


CHOSEN = "(ite (= |a| #x2a) (|f| |b|) (ite (bvult |b| #x80) |a| |b|))"
BY_CASES = f"(assert (not (= {CHOSEN} (ite (= |a| #x2a) (|f| |b|) |b|))))\n"
"""Of two values that are chosen alike but for one case, that they differ."""


def named(strategy: Strategy) -> str:
    cases = "" if strategy.cases is None else f", {strategy.cases} cases"
    return f"{strategy.logic or 'core'}{cases} up to {strategy.limit:,}"


@pytest.mark.parametrize("strategy", STRATEGIES, ids=named)
def test_what_cannot_hold_is_refuted_in_every_way(strategy: Strategy) -> None:
    assert Z3Query(HEAD + NONE_HOLDS, goals=True).attempt(strategy) == UNSAT


@pytest.mark.parametrize("strategy", STRATEGIES, ids=named)
def test_what_holds_has_a_model_in_every_way(strategy: Strategy) -> None:
    query = Z3Query(HEAD + ONE_HOLDS, goals=True)
    assert query.attempt(strategy) == SAT
    assert query.value("a", 8) == 0x2A
    assert query.value("b", 8) > 0x2A


@pytest.mark.parametrize("strategy", STRATEGIES, ids=named)
def test_a_premise_that_cannot_hold_refutes_everything(strategy: Strategy) -> None:
    assert (
        Z3Query(HEAD + "(assert (= |a| |b|))\n" + ONE_HOLDS, goals=True).attempt(strategy) == UNSAT
    )


@pytest.mark.parametrize("strategy", STRATEGIES, ids=named)
def test_nothing_is_concluded_when_the_limit_is_reached(strategy: Strategy) -> None:
    hard = HEAD + "(assert (= (bvmul |a| (|f| |b|)) (bvmul (|f| |a|) (|f| (|f| |b|)))))\n"
    hard += "(assert (or (bvult (bvurem |b| |a|) (|f| |a|)) (= (bvmul |a| |a|) #x31)))\n"
    assert Z3Query(hard, goals=True).attempt(replace(strategy, limit=1)) == UNKNOWN


@pytest.mark.parametrize("strategy", STRATEGIES, ids=named)
def test_what_differs_in_one_case_differs(strategy: Strategy) -> None:
    query = Z3Query(HEAD + BY_CASES, goals=True)
    assert query.attempt(strategy) == SAT
    assert query.value("a", 8) < query.value("b", 8) < 0x80
    assert query.value("a", 8) != 0x2A
    assert (
        Z3Query(HEAD + "(assert (bvult #x7f |b|))\n" + BY_CASES, goals=True).attempt(strategy)
        == UNSAT
    )


@pytest.mark.parametrize("strategy", STRATEGIES, ids=named)
def test_nothing_asserted_can_hold(strategy: Strategy) -> None:
    assert Z3Query(HEAD.partition("(assert")[0]).attempt(strategy) == SAT


def test_the_last_way_has_the_largest_limit() -> None:
    assert STRATEGIES[-1].limit == max(strategy.limit for strategy in STRATEGIES)


@pytest.mark.parametrize(("goals", "second"), [(True, "z3-bits"), (False, "z3-cases")])
def test_each_strategy_has_its_turn_and_the_one_named_comes_first(
    goals: bool, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def attempt(self: Z3Query, strategy: Strategy) -> str:
        tried.append(strategy.name)
        return UNKNOWN

    monkeypatch.setattr(Z3Query, "attempt", attempt)
    names = [strategy.name for strategy in STRATEGIES]
    for first in ("", *names):
        tried.clear()
        assert Z3Query(HEAD, goals).check(first) == UNKNOWN
        assert sorted(tried) == sorted(names)
        assert tried[0] == first or (not first and tried[:2] == [names[0], second])


def test_what_came_before_changes_neither_the_answer_nor_the_work() -> None:
    """With a memory of its own, Z3 does the same whenever it is asked the same."""

    def work() -> tuple[str, int]:
        query = Z3Query(HEAD + BY_CASES, goals=True)
        answer = query.attempt(STRATEGIES[1])
        counted = query.solver.statistics()
        return answer, int(counted.get_key_value("rlimit count"))

    assert not any(strategy.shared for strategy in STRATEGIES[1:])
    first = work()
    for _ in range(3):
        Z3Query(HEAD + NONE_HOLDS, goals=True).attempt(STRATEGIES[0])
        assert work() == first
