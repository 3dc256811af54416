# SPDX-License-Identifier: GPL-2.0-only
"""What may be left where a leaf is put in: any right cover, and nothing that was not asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.entry import Entry
from model.leaf_map import LeafMap
from model.leaves import Leaves
from model.operations import Kind, Op
from model.ports import layout
from model.triggers import trigger

ONE = layout("riscv64-sv39x4")
ORDER = 9
FRAMES = 1 << ORDER
BASE = 3 * FRAMES
PFN = 7 * FRAMES


def leaf(frame: int, order: int = 0, pfn: int | None = None, writable: bool = True) -> Entry:
    return Entry(PFN + frame - BASE if pfn is None else pfn, writable, True, True, order)


def flaws(before: Leaves, after: Leaves, frame: int = BASE) -> list[object]:
    """Return what is wrong where a large page was put in at ``frame`` of its block."""
    op = Op(Kind.MAP, frame << ONE.page_shift, pfn=PFN, writable=True, order=ORDER)
    state = LeafMap(ONE)
    state.apply(Op(Kind.CREATE))
    state.entries = dict(after)
    changed = {one for one in {*before, *after} if before.get(one) != after.get(one)}
    return list(state.flaws(op, dict(before), 0, changed))


def test_a_large_leaf_may_be_put_in_whole() -> None:
    assert flaws({}, {BASE: leaf(BASE, ORDER)}) == []
    assert flaws({BASE + 5: leaf(BASE + 5)}, {BASE: leaf(BASE, ORDER)}) == []


def test_where_nothing_is_all_of_it_must_come() -> None:
    assert flaws({}, {BASE: leaf(BASE)})
    assert flaws({}, {})


@given(there=st.integers(1, FRAMES - 1), asked=st.integers(0, FRAMES - 1))
def test_where_smaller_leaves_are_the_page_that_is_asked_for_will_do(
    there: int, asked: int
) -> None:
    before = {BASE + there: leaf(BASE + there, pfn=1)}
    after = before | {BASE + asked: leaf(BASE + asked)}
    assert flaws(before, after, BASE + asked) == []


@pytest.mark.parametrize(
    "after",
    [
        {BASE + 5: leaf(BASE + 5, pfn=1)},
        {BASE + 5: leaf(BASE + 5, pfn=1), BASE: leaf(BASE, pfn=2)},
        {BASE + 5: leaf(BASE + 5, pfn=1), BASE: leaf(BASE, writable=False)},
        {BASE + 5: leaf(BASE + 5, pfn=9), BASE: leaf(BASE)},
        {BASE + 5: leaf(BASE + 5, pfn=1), BASE: leaf(BASE), BASE + 6: leaf(BASE + 6, pfn=3)},
        {BASE: leaf(BASE)},
        {BASE + 5: leaf(BASE + 5, pfn=1), BASE: leaf(BASE), BASE - 1: leaf(BASE - 1)},
    ],
    ids=["nothing came", "another page", "less permission", "a neighbour changed",
         "a neighbour came", "a neighbour went", "one outside came"],
)  # fmt: skip
def test_what_else_is_left_must_be_as_it_was_or_right(after: Leaves) -> None:
    assert flaws({BASE + 5: leaf(BASE + 5, pfn=1)}, after)


def test_a_larger_leaf_around_it_excuses_nothing() -> None:
    around = {0: Entry(0, True, True, True, 18)}
    assert flaws(around, around)


@pytest.mark.parametrize("base", [0, BASE])
def test_a_large_page_over_smaller_leaves_is_seen_wherever_they_are(base: int) -> None:
    state = LeafMap(ONE)
    state.apply(Op(Kind.CREATE))
    state.entries = {base: Entry(5, True, True, True)}
    op = Op(Kind.FAULT, base << ONE.page_shift, pfn=base, writable=True, write=True, order=ORDER)
    assert trigger(state, op) == "larger-than-leaves"
    state.apply(op)
    assert state.entries == {base: Entry(base, True, True, True)}
