# SPDX-License-Identifier: GPL-2.0-only
"""Every way to ask Z3 answers alike, with a model of what holds; and what it is asked first."""

from __future__ import annotations

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


def apart(strategy: Strategy) -> str:
    return f"{strategy.logic or 'core'}{', apart' if strategy.apart else ''}"


@pytest.mark.parametrize("strategy", STRATEGIES, ids=apart)
def test_what_cannot_hold_is_refuted_in_every_way(strategy: Strategy) -> None:
    assert Z3Query(HEAD + NONE_HOLDS).attempt(strategy) == UNSAT


@pytest.mark.parametrize("strategy", STRATEGIES, ids=apart)
def test_what_holds_has_a_model_in_every_way(strategy: Strategy) -> None:
    query = Z3Query(HEAD + ONE_HOLDS)
    assert query.attempt(strategy) == SAT
    assert query.value("a", 8) == 0x2A
    assert query.value("b", 8) > 0x2A


@pytest.mark.parametrize("strategy", STRATEGIES, ids=apart)
def test_a_premise_that_cannot_hold_refutes_everything(strategy: Strategy) -> None:
    assert Z3Query(HEAD + "(assert (= |a| |b|))\n" + ONE_HOLDS).attempt(strategy) == UNSAT


@pytest.mark.parametrize("strategy", STRATEGIES, ids=apart)
def test_nothing_is_concluded_when_the_limit_is_reached(strategy: Strategy) -> None:
    hard = HEAD + "(assert (= (bvmul |a| (|f| |b|)) (bvmul (|f| |a|) (|f| (|f| |b|)))))\n"
    hard += "(assert (or (bvult (bvurem |b| |a|) (|f| |a|)) (= (bvmul |a| |a|) #x31)))\n"
    assert Z3Query(hard).attempt(Strategy(strategy.logic, 1, strategy.apart)) == UNKNOWN


def test_the_last_way_has_the_largest_limit() -> None:
    assert STRATEGIES[-1].limit == max(strategy.limit for strategy in STRATEGIES)
