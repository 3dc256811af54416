# SPDX-License-Identifier: GPL-2.0-only
"""Alternatives together say what the term says, decided as far as is asked for."""

from __future__ import annotations

from typing import Any

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

from proofs.alternatives import alternatives

A, B = z3.BitVecs("a b", 4)
P, Q = z3.Bools("p q")
NUMBERS = st.recursive(
    st.sampled_from([A, B, z3.BitVecVal(3, 4)]),
    lambda inner: st.builds(z3.If, st.sampled_from([P, Q, A == B, z3.ULT(A, B)]), inner, inner),
    max_leaves=6,
)
TRUTHS = st.recursive(
    st.one_of(
        st.sampled_from([P, Q, z3.BoolVal(True), z3.BoolVal(False)]),
        st.builds(lambda one, other: one == other, NUMBERS, NUMBERS),
    ),
    lambda inner: st.one_of(
        st.builds(z3.Not, inner),
        st.builds(z3.And, inner, inner, inner),
        st.builds(z3.Or, inner, inner),
        st.builds(z3.If, inner, inner, inner),
        st.builds(lambda one, other: one == other, inner, inner),
    ),
    max_leaves=8,
)


DIFFERENCES = st.builds(lambda one, other: z3.Not(one == other), NUMBERS, NUMBERS)


@given(st.one_of(TRUTHS, DIFFERENCES), st.integers(0, 4))
def test_a_term_holds_if_and_only_if_an_alternative_does(term: Any, cases: int) -> None:
    found = [z3.And(*facts) for facts in alternatives(term, cases)]
    solver = z3.Solver()
    solver.add(term != z3.Or(*found))
    assert solver.check() == z3.unsat


@pytest.mark.parametrize(("cases", "expected"), [(0, 1), (1, 2), (2, 3), (9, 3)])
def test_conditions_are_decided_as_far_as_asked(cases: int, expected: int) -> None:
    term = z3.Not(z3.If(P, A, z3.If(Q, B, A)) == A + B)
    assert len(list(alternatives(term, cases))) == expected
