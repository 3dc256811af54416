# SPDX-License-Identifier: GPL-2.0-only
"""Sequences that are decoded from bytes: always whole, always the same."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.layout import Layout
from model.operations import ADDRESSED, U64, Kind, Op
from model.ports import PORTS, layout
from slatcheck.search.sequences import BLOCK, HEADER, Addresses, Decoder, addresses
from tests.mips import layouts

EVERY = pytest.mark.parametrize("one", layouts(), ids=lambda one: one.name)
ALL = frozenset(PORTS["mips"].functions)
LAYOUTS = st.sampled_from(layouts())
SOURCES = st.randoms(use_true_random=True)


def drawn(source: Random, blocks: int) -> tuple[bytes, list[bytes]]:
    """Return a header and blocks of random bytes."""
    return source.randbytes(HEADER), [source.randbytes(BLOCK) for _ in range(blocks)]


@given(LAYOUTS, SOURCES)
def test_decoding_depends_on_the_bytes_alone(one: Layout, source: Random) -> None:
    header, blocks = drawn(source, 30)
    data = header + b"".join(blocks)
    assert Decoder(one, ALL).decode(data) == Decoder(one, ALL).decode(data)


@given(LAYOUTS, SOURCES, st.integers(0, 20))
def test_a_sequence_creates_once_and_ends_with_destroy(
    one: Layout, source: Random, count: int
) -> None:
    header, blocks = drawn(source, count)
    kinds = [op.kind for op in Decoder(one, ALL).decode(header + b"".join(blocks))]
    assert kinds[0] is Kind.CREATE and kinds[-1] is Kind.DESTROY
    assert {Kind.CREATE, Kind.DESTROY}.isdisjoint(kinds[1:-1])
    assert len(kinds) == 2 + sum(block[0] != 0 for block in blocks)


@given(LAYOUTS, SOURCES, st.lists(st.integers(0, 12), max_size=6))
def test_a_block_that_begins_with_zero_is_nothing(
    one: Layout, source: Random, places: list[int]
) -> None:
    header, blocks = drawn(source, 12)
    decoder = Decoder(one, ALL)
    without = decoder.decode(header + b"".join(blocks))
    for place in places:
        blocks.insert(place, b"\0" + source.randbytes(BLOCK - 1))
    assert decoder.decode(header + b"".join(blocks)) == without


@given(LAYOUTS, SOURCES, st.sets(st.sampled_from(Kind)))
def test_only_the_kinds_asked_for_come(one: Layout, source: Random, kinds: set[Kind]) -> None:
    header, blocks = drawn(source, 30)
    data = header + b"".join(blocks)
    got = Decoder(one, frozenset(kinds)).decode(data)
    whole = Decoder(one, ALL).decode(data)
    assert got == [op for op in whole if op.kind in kinds | {Kind.CREATE}]


@given(LAYOUTS, SOURCES)
def test_within_reach_only_where_that_is_asked_for(one: Layout, source: Random) -> None:
    header, blocks = drawn(source, 40)
    for op in Decoder(one, ALL, reach_only=True).decode(header + b"".join(blocks)):
        if op.kind in ADDRESSED:
            assert op.first >> one.page_shift <= one.top


@settings(max_examples=20)
@given(st.binary(max_size=BLOCK - 1))
def test_a_piece_of_a_block_is_dropped(piece: bytes) -> None:
    decoder = Decoder(layout("mips64-4k"), ALL)
    assert decoder.decode(bytes(HEADER) + piece) == [Op(Kind.CREATE), Op(Kind.DESTROY)]


@EVERY
def test_addresses_lie_on_the_side_that_they_are_listed_under(one: Layout) -> None:
    table = Addresses(one)
    assert table.near[0] == 0 and {one.top, one.frames // 2} <= set(table.near)
    assert all(0 <= frame <= one.top for frame in table.near)
    assert one.frames in table.far and U64 in table.far
    assert all(one.frames <= frame <= U64 for frame in table.far)
    for level in one.tables:
        span = level.span >> one.page_shift
        assert {span, one.frames - span} & set(table.near)
    assert {0, one.pfn_top} <= set(table.pfns) and max(table.pfns) == one.pfn_top
    assert {1 << bit for bit in range(one.pfn_top.bit_length())} <= set(table.pfns)
    assert all(pfn <= one.pfn_top for pfn in table.second)
    assert addresses(one) is addresses(one)


@pytest.mark.parametrize("name", ["mips32-4k", "mips64-4k", "mips64-4k-va48"])
def test_every_kind_and_every_shape_of_a_fault_is_drawn(name: str) -> None:
    one, source = layout(name), Random(1)
    decoder = Decoder(one, ALL)
    ops = [op for _ in range(100) for op in decoder.decode(source.randbytes(HEADER + BLOCK * 100))]
    assert {op.kind for op in ops} == ALL
    faults = [op for op in ops if op.kind is Kind.FAULT]
    assert len({op.answer for op in faults}) == 4
    assert {op.retries for op in faults} == {0, 1, 2, 3}
    assert {op.oom for op in faults} == {0, 1, 2, 3, 4}
    creates = [decoder.decode(source.randbytes(HEADER))[0] for _ in range(2_000)]
    assert {op.oom for op in creates} == {0, 1}
    assert Op(Kind.FLUSH, 0, U64) in ops
