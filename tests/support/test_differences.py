# SPDX-License-Identifier: GPL-2.0-only
"""Where two results differ first: nowhere if and only if they are equal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.differences import LONGEST, by, first_difference


@pytest.mark.parametrize(
    ("kept", "made", "said"),
    [
        (8, 7, "8 is kept, 7 is made"),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, "'b': 2 is kept, 3 is made"),
        ({"a": 1}, {}, "'a': only kept"),
        ({}, {"a": 1}, "'a': only made"),
        ({3, 4, 5}, {5, 6, 7}, "3: only kept"),
        (frozenset("a"), frozenset("ab"), "'b': only made"),
        ([1, 2], [1, 3], "number 1: 2 is kept, 3 is made"),
        ([1], [1, 2], "number 1: 2 only made"),
        ((1, None), (1,), "number 1: None only kept"),
        ([{"a": (1, {2})}], [{"a": (1, {3})}], "number 0: 'a': number 1: 2: only kept"),
        (b"ab", b"abc", "2 bytes are kept, 3 are made"),
        ([1], (1,), "[1] is kept, (1,) is made"),
    ],
)
def test_it_says_where_and_how(kept: object, made: object, said: str) -> None:
    assert first_difference(kept, made) == said


def test_what_is_long_is_cut() -> None:
    (said,) = {first_difference("x" * 1000, "y" * 1000)}
    assert len(said) < 2 * LONGEST + 30


VALUES = st.recursive(
    st.integers(0, 2) | st.sampled_from("ab") | st.binary(max_size=2),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.lists(inside, max_size=2).map(tuple)
        | st.dictionaries(st.sampled_from("ab"), inside)
        | st.sets(st.integers(0, 3), max_size=3)
    ),
    max_leaves=6,
)


@given(VALUES, VALUES)
def test_nothing_is_said_if_and_only_if_they_are_equal(kept: object, made: object) -> None:
    assert bool(first_difference(kept, made)) is (kept != made)
    assert first_difference(kept, kept) == ""


def test_only_what_counts_is_compared() -> None:
    differ = by(len)
    assert differ([1, 2], [3, 4]) == ""
    assert differ([1, 2], [3]) == "2 is kept, 1 is made"
