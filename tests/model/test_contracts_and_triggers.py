# SPDX-License-Identifier: GPL-2.0-only
"""Which operands callers can pass, and the published classes by which findings are told apart."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.contracts import in_contract, slot_limits
from model.entry import Entry
from model.layout import Layout
from model.leaf_map import LeafMap, map_of
from model.operations import HALF_OPEN, U64, Answer, Kind, Op
from model.ports import layout, layouts, port_of, ports
from model.rules import RULES, rule, rules_of
from model.slots import Slots
from model.triggers import TRIGGERS, beyond, trigger
from slatcheck.search.leaf_sequences import decoder_of
from slatcheck.search.sequences import BLOCK, HEADER

EVERY = pytest.mark.parametrize("one", layouts(), ids=lambda one: one.name)
LARGE, TALL = layout("riscv64-sv39x4"), layout("riscv32-sv32x4")
WIDE, NARROW, XPA = layout("mips64-4k"), layout("mips32-4k"), layout("mips32-16k-xpa")
WORDS = st.integers(0, U64) | st.sampled_from([0, 1, U64])


def sequences(operations: int) -> st.SearchStrategy[bytes]:
    size = HEADER + BLOCK * operations
    return st.binary(min_size=size, max_size=size)


@EVERY
@settings(max_examples=15)
@given(source=st.randoms(use_true_random=True), small=sequences(4))
def test_every_operation_that_is_decoded_is_in_contract(
    one: Layout, source: Random, small: bytes
) -> None:
    for raw in (small, source.randbytes(HEADER + BLOCK * 50)):
        for reach_only in (False, True):
            ops = decoder_of(one, frozenset(port_of(one).functions), reach_only).decode(raw)
            assert [op for op in ops if not in_contract(one, op)] == []


def test_every_kind_has_its_contract_and_a_source() -> None:
    for port in ports():
        assert set(port.contracts) == set(port.functions)
        assert all(one.operands and one.source for one in port.contracts.values())


LIMIT, MOST = slot_limits(WIDE)


@pytest.mark.parametrize(
    ("one", "op", "wanted"),
    [
        (NARROW, Op(Kind.LOOKUP, (1 << 32) - 1), True),
        (NARROW, Op(Kind.LOOKUP, 1 << 32), False),
        (WIDE, Op(Kind.LOOKUP, U64), True),
        (WIDE, Op(Kind.FAULT, pfn=WIDE.pfn_top), True),
        (WIDE, Op(Kind.FAULT, pfn=WIDE.pfn_top + 1), False),
        (WIDE, Op(Kind.FAULT, write=True, writable=False), False),
        (WIDE, Op(Kind.FAULT, write=False, answer=Answer.READ_ONLY), False),
        (WIDE, Op(Kind.FAULT, write=True, answer=Answer.READ_ONLY), True),
        (WIDE, Op(Kind.FLUSH, 5, 4), False),
        (WIDE, Op(Kind.FLUSH, 5, 5), True),
        (WIDE, Op(Kind.FLUSH, 0, U64), True),
        (WIDE, Op(Kind.FLUSH, 1, U64), False),
        (WIDE, Op(Kind.UNMAP, 5, 5), False),
        (WIDE, Op(Kind.UNMAP, 5, 6), True),
        (WIDE, Op(Kind.UNMAP, 0, MOST + 1), False),
        (WIDE, Op(Kind.TEST_AGE, 5, 7), False),
        (WIDE, Op(Kind.TEST_AGE, 5, 6), True),
        (WIDE, Op(Kind.FLUSH_SLOT, 5, 0), False),
        (WIDE, Op(Kind.FLUSH_SLOT, LIMIT - 1, 1), True),
        (WIDE, Op(Kind.FLUSH_SLOT, LIMIT, 1), False),
        (NARROW, Op(Kind.FLUSH_SLOT, 0, 1 << 19), True),
        (NARROW, Op(Kind.FLUSH_SLOT, 0, (1 << 19) + 1), False),
        (WIDE, Op(Kind.LOG_DIRTY_MASKED, 0, 0, mask=0), False),
        (WIDE, Op(Kind.LOG_DIRTY_MASKED, 0, 0, mask=U64), True),
        (NARROW, Op(Kind.LOG_DIRTY_MASKED, 0, 0, mask=U64), False),
        (WIDE, Op(Kind.FLUSH_ALL), True),
        (WIDE, Op(Kind.DESTROY), True),
    ],
)
def test_operands_at_the_limits(one: Layout, op: Op, wanted: bool) -> None:
    assert in_contract(one, op) is wanted


@st.composite
def anything(draw: st.DrawFn, one: Layout) -> Op:
    """Draw an operation with any operands at all, in contract or not."""
    near = st.integers(0, 4) | st.integers(one.top - 2, one.frames + 2)
    words = WORDS | near | near.map(lambda frame: frame << one.page_shift)
    return Op(
        draw(st.sampled_from(Kind)),
        draw(words),
        draw(words),
        draw(WORDS | st.integers(0, 9)),
        draw(WORDS),
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.sampled_from(Answer)),
        draw(st.integers(0, 3)),
        draw(st.integers(0, 3)),
    )


@settings(max_examples=300)
@given(st.data(), st.sampled_from(layouts()))
def test_a_trigger_is_always_a_published_one(data: st.DataObject, one: Layout) -> None:
    state = map_of(one)
    for frame in data.draw(st.sets(st.integers(0, 4))):
        state.entries[frame] = Entry(data.draw(st.integers(0, one.pfn_top)), True, True, True)
    found = trigger(state, data.draw(anything(one)))
    assert found in TRIGGERS


SECOND = 1 << 24
BY_TRIGGER = {
    "truncated": (NARROW, Op(Kind.FLUSH, 0, 1 << 20)),
    "beyond-reach": (WIDE, Op(Kind.FAULT, 1 << 40)),
    "pfn-does-not-fit": (XPA, Op(Kind.FAULT, pfn=1 << 23)),
    "pfn-in-second-field": (XPA, Op(Kind.FAULT, 7 << 14)),
    "refused": (WIDE, Op(Kind.FAULT, answer=Answer.ERROR)),
    "no-memory": (WIDE, Op(Kind.FAULT, oom=1)),
    "invalidated": (WIDE, Op(Kind.FAULT, retries=1)),
    "ends-at-top": (WIDE, Op(Kind.UNMAP, 0, WIDE.frames)),
    "next-page-mapped": (WIDE, Op(Kind.AGE, 0, 7)),
    "mask-with-holes": (WIDE, Op(Kind.LOG_DIRTY_MASKED, mask=0b1010)),
    "whole-range": (WIDE, Op(Kind.MKCLEAN, 0, WIDE.top)),
    "any": (WIDE, Op(Kind.UNMAP, 0, 6)),
    "host-out-of-step": (LARGE, Op(Kind.FAULT, order=9, skew=1)),
    "above-unsigned-long": (TALL, Op(Kind.UNMAP, 1 << 20, (1 << 20) + 1)),
    "smaller-than-leaf": (LARGE, Op(Kind.FAULT, 0x201 << 12)),
    "larger-than-leaves": (LARGE, Op(Kind.FAULT, order=9)),
    "leaf-beyond-slot": (LARGE, Op(Kind.FAULT, 0x400 << 12, order=9)),
    "large-page": (LARGE, Op(Kind.FAULT, 0x800 << 12, order=9)),
    "logged": (LARGE, Op(Kind.FAULT, 0x500 << 12)),
    "part-of-leaf": (LARGE, Op(Kind.UNMAP, 0x201, 0x400)),
    "after-a-hole": (LARGE, Op(Kind.UNMAP, 3, 8)),
    "behind-the-first": (LARGE, Op(Kind.AGE, 7, 0x400)),
}


@pytest.mark.parametrize("name", TRIGGERS)
def test_every_published_trigger_can_occur(name: str) -> None:
    one, op = BY_TRIGGER[name]
    state = map_of(one)
    state.entries[7] = Entry(SECOND, True, True, True)
    if isinstance(state, LeafMap):
        state.entries[0x200] = Entry(0x200, True, True, True, 9)
        state.slots = Slots(one, 0x500)
        state.slots.logging = {0x500} if name == "logged" else set()
    assert trigger(state, op) == name


@EVERY
@pytest.mark.parametrize("kind", sorted(HALF_OPEN))
def test_a_half_open_end_at_the_top_is_not_beyond_the_reach(one: Layout, kind: Kind) -> None:
    assert beyond(one, Op(kind, one.top, one.frames)) is None
    assert beyond(one, Op(kind, one.top, one.frames + 1)) in ("beyond-reach", "truncated")
    assert beyond(one, Op(Kind.FLUSH, 0, one.top)) is None
    assert beyond(one, Op(Kind.FLUSH, 0, one.frames)) in ("beyond-reach", "truncated")


@EVERY
def test_a_flush_of_everything_names_no_address_beyond_the_reach(one: Layout) -> None:
    for op in (Op(Kind.FLUSH, 0, U64), Op(Kind.FLUSH_ALL), Op(Kind.CREATE), Op(Kind.DESTROY)):
        assert beyond(one, op) is None


@EVERY
@settings(max_examples=20)
@given(frame=st.integers(0, U64))
def test_truncated_is_what_an_unsigned_long_cannot_hold(one: Layout, frame: int) -> None:
    found = beyond(one, Op(Kind.MKOLD, frame, frame))
    held = one.truncate(frame << one.page_shift) == frame << one.page_shift
    assert (found == "truncated") == (not held)
    assert (found is None) == (frame <= one.top)


def test_rules_have_names_of_their_own_and_every_operation_can_break_some() -> None:
    names = [one.name for one in RULES]
    assert len(set(names)) == len(names)
    assert [rule(name) for name in names] == list(RULES)
    for kind in Kind:
        assert [one for one in RULES if kind in one.kinds] == rules_of(kind) != []
    with pytest.raises(KeyError):
        rule("no-such-rule")
