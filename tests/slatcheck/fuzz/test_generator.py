# SPDX-License-Identifier: GPL-2.0-only
"""The generator in C draws what the search's decoder and plan would make of the same bytes."""

from __future__ import annotations

import ctypes
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.abstract_map import AbstractMap
from model.contracts import in_contract
from model.layout import Layout
from model.operations import Answer, Kind, Op
from model.ports import entry_point, layout, port_of
from model.triggers import TRIGGERS, trigger
from slatcheck.fuzz.checker import Filter
from slatcheck.fuzz.generator import Generator
from slatcheck.fuzz.library import library
from slatcheck.fuzz.operands import NAMES
from slatcheck.fuzz.parameters import kinds_of
from slatcheck.fuzz.wire import OpBuffer
from slatcheck.search.differential import plan
from slatcheck.search.sequences import BLOCK, HEADER, Decoder
from tests.mips import layouts
from tests.slatcheck.fuzz.comparing import drawn

ALL = frozenset(Kind)
OURS = sorted(kinds_of(layout("mips64-4k")))
U64 = (1 << 64) - 1
ONE = layout("mips64-4k")
LAYOUTS = st.sampled_from(layouts())


def mixed(value: int) -> int:
    value = ((value ^ value >> 30) * 0xBF58476D1CE4E5B9) & U64
    value = ((value ^ value >> 27) * 0x94D049BB133111EB) & U64
    return value ^ value >> 31


def data_of(seed: int, number: int, length: int) -> bytes:
    """Return the bytes of a sequence: SplitMix64, a number for the header and for each block."""
    state, data = mixed(seed) + mixed(~number & U64), b""
    for size in (HEADER, *[BLOCK] * length):
        state = state + 0x9E3779B97F4A7C15 & U64
        data += mixed(state).to_bytes(8, "little")[:size]
    return data


def wanted(
    one: Layout, data: bytes, shapes: frozenset[tuple[str, str]], **more: object
) -> list[Op]:
    """Return what the search would run: nothing behind a create that is refused."""
    kinds = more.pop("kinds", ALL)
    ops = Decoder(one, kinds, **more).decode(data)  # type: ignore[arg-type]
    kept, _ = plan(one, ops, shapes)
    return kept[:1] if kept[0].oom else kept


@settings(max_examples=150)
@given(LAYOUTS, st.integers(0, U64), st.integers(0, U64), st.booleans(), st.data())
def test_it_draws_what_the_search_would(
    one: Layout, seed: int, number: int, reach_only: bool, data: st.DataObject
) -> None:
    kinds = data.draw(st.sets(st.sampled_from(OURS)).map(frozenset)) | {Kind.CREATE}
    entries = [port_of(one).functions[kind] for kind in OURS]
    pairs = st.tuples(st.sampled_from(entries), st.sampled_from(NAMES))
    shapes = data.draw(st.sets(pairs, max_size=12).map(frozenset))
    generator, ops = Generator(one, kinds, seed, 60, reach_only), OpBuffer(66)
    generator.exclude(shapes)
    found = ops.ops(0, generator.draw(number, ops))
    given_bytes = data_of(seed, number, 60)
    assert found == wanted(one, given_bytes, shapes, kinds=kinds, reach_only=reach_only)


@settings(max_examples=150)
@given(LAYOUTS, st.randoms(use_true_random=True))
def test_triggers_and_contracts_are_those_of_the_model(one: Layout, source: object) -> None:
    ops = drawn(one, source, 60)  # type: ignore[arg-type]
    compare_triggers(one, ops)


ANY_OP = st.builds(
    Op,
    st.sampled_from(OURS),
    *(st.one_of(st.integers(0, 9), st.integers(0, U64)) for _ in range(4)),
    write=st.booleans(),
    writable=st.booleans(),
    answer=st.sampled_from(Answer),
    retries=st.integers(0, 1),
    oom=st.integers(0, 1),
)


@settings(max_examples=300)
@given(LAYOUTS, st.lists(ANY_OP, max_size=12))
def test_triggers_of_operands_that_no_caller_can_pass(one: Layout, ops: list[Op]) -> None:
    compare_triggers(one, ops)


def compare_triggers(one: Layout, ops: list[Op]) -> None:
    buffer, state, checker = OpBuffer(len(ops) + 1), AbstractMap(one), Filter(one)
    buffer.put(ops)
    found, allowed = checker.shapes(buffer, len(ops))
    for op, name, legal in zip(ops, found, allowed, strict=True):
        assert (name, legal) == (trigger(state, op), in_contract(one, op)), op
        state.apply(op)


def test_a_batch_is_sequences_of_consecutive_numbers() -> None:
    generator, ops = Generator(ONE, ALL, 3, 50), OpBuffer(500)
    starts = generator.fill(7, ops)
    assert len(starts) > 5
    assert 500 - starts[-1] < 56
    for number, (begin, end) in enumerate(pairwise(starts), 7):
        other = OpBuffer(56)
        assert ops.ops(begin, end) == other.ops(0, generator.draw(number, other))
        assert ops.ops(begin, begin + 1)[0].kind is Kind.CREATE


def test_seeds_and_numbers_tell_sequences_apart() -> None:
    ops, found = OpBuffer(56), set()
    for seed in range(20):
        for number in range(20):
            end = Generator(ONE, ALL, seed, 50).draw(number, ops)
            found.add(ops.data(0, end))
    refused = 400 - len(found)
    assert refused < 30  # creates that are refused, and nothing else, are alike


def test_what_is_drawn_is_counted() -> None:
    generator, ops = Generator(ONE, ALL, 1, 50), OpBuffer(56)
    generator.exclude({(entry_point(ONE, Kind.UNMAP), "ends-at-top")})
    count = 0
    kinds: dict[Kind, int] = {}
    for number in range(300):
        end = generator.draw(number, ops)
        count += end
        for op in ops.ops(0, end):
            kinds[op.kind] = kinds.get(op.kind, 0) + 1
    found = generator.coverage()
    assert found.operations == count == sum(found.operands.values())
    assert list(found.left_out) == [(Kind.UNMAP, "ends-at-top")]
    assert (Kind.UNMAP, "ends-at-top") not in found.drawn
    by_kind: dict[Kind, int] = {}
    for (kind, _), times in found.drawn.items():
        by_kind[kind] = by_kind.get(kind, 0) + times
    assert by_kind == kinds
    assert sum(found.followed.values()) == count - 300
    assert {place for _, place, _ in found.operands} == {"focus", "near", "far"}
    assert {extent for *_, extent in found.operands} >= {
        "under a mask",
        "whole tables",
        "to the end",
    }


def test_every_class_of_operands_that_a_layout_knows_is_drawn() -> None:
    """All that the search draws in many more operations than this is drawn here as well."""
    generator, ops = Generator(ONE, ALL, 1), OpBuffer(4096)
    number = 0
    while generator.coverage().operations < 400_000:
        number += len(generator.fill(number, ops)) - 1
    names = {name for _, name in generator.coverage().drawn}
    large = {
        "host-out-of-step", "above-unsigned-long", "smaller-than-leaf", "larger-than-leaves",
        "leaf-beyond-slot", "large-page", "logged", "part-of-leaf", "after-a-hole",
        "behind-the-first",
    }  # fmt: skip
    assert set(TRIGGERS) - names - large == {
        "truncated", "pfn-does-not-fit", "pfn-in-second-field",
    } & set(TRIGGERS) - names  # fmt: skip
    assert {"beyond-reach", "no-memory", "invalidated", "ends-at-top", "next-page-mapped"} <= names


def test_what_does_not_fit_is_refused() -> None:
    generator = Generator(ONE, ALL, 1, 50)
    with pytest.raises(IndexError):
        generator.draw(0, OpBuffer(55))
    with pytest.raises(IndexError):
        generator.draw(0, OpBuffer(60), 9)
    with pytest.raises(ValueError, match="20000"):
        Generator(ONE, ALL, 1, 20_000)


def test_nothing_is_written_behind_the_room_that_is_needed() -> None:
    ops = OpBuffer(80)
    behind = ops.address + 56 * 56
    ctypes.memset(behind, 0xA5, 24 * 56)
    generator = Generator(ONE, ALL, 9, 50)
    for number in range(200):
        generator.draw(number, ops)
    assert ctypes.string_at(behind, 24 * 56) == b"\xa5" * (24 * 56)


def test_the_map_holds_as_many_frames_as_a_sequence_may_map() -> None:
    """Also where every fault maps another frame; one more and the filter suspects it."""
    most = 16384
    ops = [Op(Kind.CREATE)]
    ops += [Op(Kind.FAULT, n << ONE.page_shift, pfn=1) for n in range(most + 1)]
    buffer = OpBuffer(len(ops))
    buffer.put(ops)
    checker = Filter(ONE)
    found, _ = checker.shapes(buffer, len(ops))
    assert len(found) == len(ops)
    assert library() is library()
