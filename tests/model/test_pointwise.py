# SPDX-License-Identifier: GPL-2.0-only
"""The specification at one frame says what the abstract map does with all of them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.abstract_map import AbstractMap
from model.entry import Entry
from model.layout import Layout
from model.operations import ADDRESSED, EFAULT, U64, Answer, Kind, Op, frame_range
from model.pointwise import MASK_BITS, after, changed, covers, fast, fault
from tests.model.test_abstract_map import DATA, PLAIN, entries, frames, worlds

WRITING = (Kind.CREATE, Kind.DESTROY)
"""Operations after which no frame has an entry."""


@st.composite
def operations(draw: st.DrawFn, one: Layout, kind: Kind | None = None) -> Op:
    """Draw an operation with operands within reach, of which its kind uses what it has."""
    kind = draw(st.sampled_from(PLAIN)) if kind is None else kind
    first, last = draw(frames(one)), draw(frames(one))
    if kind in ADDRESSED:
        first <<= one.page_shift
    return Op(
        kind,
        first,
        draw(st.integers(0, 9)) if kind is Kind.LOG_DIRTY_MASKED else last,
        mask=draw(st.integers(0, U64)),
        write=draw(st.booleans()),
        answer=draw(st.sampled_from(Answer)),
        pfn=draw(st.integers(0, one.pfn_top)),
        writable=draw(st.booleans()),
    )


@pytest.mark.parametrize("kind", PLAIN)
@settings(max_examples=30)
@given(world=worlds(), data=DATA)
def test_every_frame_is_left_as_the_specification_says(
    kind: Kind, world: AbstractMap, data: st.DataObject
) -> None:
    op = data.draw(operations(world.layout, kind))
    before = dict(world.entries)
    shown = world.apply(op)
    named = [
        one for one in frame_range(op, world.layout.page_shift) or () if one <= world.layout.top
    ]
    for frame in {*before, *world.entries, *named}:
        if op.kind is not Kind.DESTROY or frame in before:
            expected = after(op, frame, before.get(frame), world.layout.page_shift)
            assert world.entries.get(frame) == expected
            changes = before.get(frame) != expected and op.kind is not Kind.CREATE
            assert (frame in shown.changes) == changes


@given(worlds(), DATA)
def test_a_frame_that_is_not_covered_is_left_alone(world: AbstractMap, data: st.DataObject) -> None:
    op, shift = data.draw(operations(world.layout)), world.layout.page_shift
    frame, entry = data.draw(frames(world.layout)), data.draw(entries(world.layout))
    if op.kind not in WRITING and not covers(op, frame, shift):
        assert after(op, frame, entry, shift) == entry
        assert after(op, frame, None, shift) is None


@given(st.integers(0, 1 << 52), st.integers(0, 1 << 30), st.integers(0, U64), st.data())
def test_a_mask_covers_the_frames_of_its_bits(
    base: int, offset: int, mask: int, data: st.DataObject
) -> None:
    op = Op(Kind.LOG_DIRTY_MASKED, base, offset, mask=mask)
    edges = st.sampled_from([-1, 0, MASK_BITS - 1, MASK_BITS])
    frame = base + offset + data.draw(edges | st.integers(-3, MASK_BITS + 3))
    bit = frame - base - offset
    assert covers(op, frame, 12) == (0 <= bit < MASK_BITS and bool(mask >> bit & 1))


@given(worlds(), DATA)
def test_what_is_covered_lies_in_the_range(world: AbstractMap, data: st.DataObject) -> None:
    op, shift = data.draw(operations(world.layout)), world.layout.page_shift
    frame = data.draw(frames(world.layout))
    if covers(op, frame, shift):
        found = frame_range(op, shift)
        assert found is not None and found[0] <= frame <= found[1]


@given(worlds(), DATA)
def test_a_fault_ends_in_one_of_four_ways(world: AbstractMap, data: st.DataObject) -> None:
    op = data.draw(operations(world.layout))._replace(kind=Kind.FAULT)
    entry = data.draw(st.none() | entries(world.layout))
    done, quick = fault(entry, op), fast(entry, op.write)
    if quick.result == 0:
        assert done == quick
        assert done.entry is not None and entry is not None
        assert done.entry.pfn == entry.pfn and done.entry.young
        assert done.dirtied == (done.entry.dirty and not entry.dirty)
    elif op.answer is Answer.PAGE:
        assert done.result == 0
        assert done.entry == Entry(op.pfn, op.writable, True, op.write and op.writable)
        assert done.dirtied == (op.write and op.writable)
    else:
        assert done.result == -EFAULT and not done.dirtied
        assert done.entry == (entry and entry._replace(young=True))


@pytest.mark.parametrize("kind", PLAIN)
@given(entry=st.builds(Entry, st.integers(0, 99), st.booleans(), st.booleans(), st.booleans()))
def test_a_change_makes_nothing_young_dirty_or_mapped(kind: Kind, entry: Entry) -> None:
    assert changed(kind, None) is None
    new = changed(kind, entry)
    if new is not None:
        assert (new.pfn, new.writable) == (entry.pfn, entry.writable)
        assert new.young <= entry.young and new.dirty <= entry.dirty
        assert changed(kind, new) == new
