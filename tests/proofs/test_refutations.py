# SPDX-License-Identifier: GPL-2.0-only
"""Obligations of the proof, refuted with clauses of our own and a proof that is checked."""

from __future__ import annotations

import pytest

from model.layout import Layout
from model.ports import layout
from proofs.bitblast import Refutation, Satisfiable, refute
from proofs.lemmas.base import setting
from proofs.paths import Query, explore
from proofs.ports.mips.table import program as multilevel
from proofs.ports.mips.table_lemmas import lemmas
from proofs.terms import Term, negate, truth

LEVELS = {"mips32-16k": 2, "mips64-4k": 3, "mips64-4k-va48": 4}
"""A layout for each number of levels."""

FREES = "a page freed is taken and not linked"
"""The goal that only a path has which frees a table."""
VANISHES = "exactly the range vanishes"
LINKED = "a table of level 1 is linked"


def queries(shape: Layout, lemma: str) -> list[Query]:
    """Return the queries of one lemma about the multi-level table, in Python."""
    (script,) = [one.script for one in lemmas(shape) if one.name == lemma]
    program = multilevel()
    paths = explore(lambda path: script(setting(path, shape, program)))
    return [query for path in paths for query in path.queries]


def statements(query: Query) -> set[str]:
    return {goal.statement for goal in query.goals}


def one_goal(query: Query, statement: str) -> list[Term]:
    """Return the premises of a query, and that the goals of that statement do not all hold."""
    (goal,) = [goal.term for goal in query.goals if goal.statement == statement]
    return [*query.premises, truth(negate(goal))]


def refuted(what: str, assertions: list[Term]) -> Refutation:
    found = refute(assertions)
    print(f"{what}: {found}")
    assert 0 < found.core <= found.clauses and found.checked <= found.lemmas
    return found


@pytest.mark.parametrize("name", LEVELS)
def test_the_index_lemma(name: str) -> None:
    (query,) = queries(layout(name), "slot_index")
    assert len(query.goals) == 3  # the other statements come true when their terms are built
    whole = refuted(f"{name}, index", query.refutation)
    assert not whole.folded and whole.checked > 0
    for goal in query.goals:
        refuted(f"{name}, index, {goal.statement}", one_goal(query, goal.statement))
    with pytest.raises(Satisfiable):
        refute(query.premises)


@pytest.mark.parametrize("name", LEVELS)
def test_a_turn_of_the_flush_that_frees_a_table(name: str) -> None:
    shape = layout(name)
    assert shape.levels == LEVELS[name]
    every = queries(shape, "kvm_mips_flush_gpa_table@0")
    query = next(one for one in every if {FREES, VANISHES, LINKED} <= statements(one))
    for statement in (VANISHES, LINKED):
        found = refuted(f"{name}, flush, {statement}", one_goal(query, statement))
        assert not found.folded and found.checked > 0
    whole = refuted(f"{name}, flush, all {len(query.goals)} goals", query.refutation)
    assert whole.clauses > 10_000 and whole.checked > 100


@pytest.mark.parametrize("name", LEVELS)
def test_nothing_is_refuted_without_its_goal(name: str) -> None:
    for query in queries(layout(name), "kvm_mips_flush_gpa_table@0"):
        if FREES in statements(query):
            with pytest.raises(Satisfiable):
                refute(query.premises)
