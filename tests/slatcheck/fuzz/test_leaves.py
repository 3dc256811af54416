# SPDX-License-Identifier: GPL-2.0-only
"""Leaves of several sizes: any right cover passes, and what the judge finds is suspected."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impl.interface import Run
from impl.ports import quirks_of, table
from model.layout import Layout
from model.leaf_map import Habit, LeafMap
from model.operations import CLEANING, REMOVING, Answer, Kind, Op
from model.ports import layouts, port_of
from model.triggers import TRIGGERS, trigger
from slatcheck.fuzz.checker import Filter
from slatcheck.fuzz.generator import Generator
from slatcheck.fuzz.operands import NAMES
from slatcheck.fuzz.wire import OpBuffer
from slatcheck.search.differential import Judge, plan
from slatcheck.search.leaf_sequences import decoder_of
from slatcheck.search.sequences import BLOCK, HEADER
from tests.slatcheck.fuzz.comparing import (
    BUFFER,
    CHANGES,
    RECORDS,
    Recorded,
    altered,
    filtered,
    judged,
)
from tests.slatcheck.fuzz.test_generator import data_of
from tests.slatcheck.search.ideal import Ideal, Twist
from tests.slatcheck.search.test_leaves import (
    forgets_to_age,
    keep_the_rest,
    more_than_touched,
    refuses,
    split_all,
    stale,
    too_large,
    wrong_neighbour,
)

LARGE = [one for one in layouts() if one.large]
LAYOUTS = st.sampled_from(LARGE)
SOURCES = st.randoms(use_true_random=True)
FILTERS: dict[tuple[str, bool], Filter] = {}


def checker(one: Layout, pages: bool = True) -> Filter:
    return FILTERS.setdefault((one.name, pages), Filter(one, pages))


def kinds(one: Layout) -> frozenset[Kind]:
    return frozenset(port_of(one).functions)


def drawn(one: Layout, source: Random, operations: int) -> list[Op]:
    """Return a sequence of which every operation is in contract."""
    ops = decoder_of(one, kinds(one)).decode(source.randbytes(HEADER + BLOCK * operations))
    return plan(one, ops, frozenset())[0]


def without_need(ops: list[Op], run: Run, step: int, judged_at: int) -> bool:
    """Return whether an operation may be suspected that the judge lets pass.

    One without a result is suspected where it returns an error, a create where it shows entries.
    Where an implementation has left other leaves than planned, an operation may be out of
    contract, behind which events alone are looked at.
    """
    outcome = run.outcomes[step]
    unasked = ops[step].kind in REMOVING | CLEANING and outcome.result < 0
    shown = ops[step].kind is Kind.CREATE and bool(outcome.changes)
    return step < judged_at and (unasked or shown or bool(outcome.events))


def agree(
    one: Layout, ops: list[Op], run: Run, pages: bool = True, made: Filter | None = None
) -> bool:
    wanted = judged(one, ops, run, pages)
    found = filtered(made or checker(one, pages), ops, run, len(ops) % 2 == 0)
    return found == wanted or (found < wanted and without_need(ops, run, found, wanted))


@settings(max_examples=40)
@given(LAYOUTS, SOURCES)
def test_what_the_repaired_table_does_passes(one: Layout, source: Random) -> None:
    ops = drawn(one, source, 60)
    run = table(one).run(ops)
    assert filtered(checker(one), ops, run) == len(ops)


@settings(max_examples=60)
@given(LAYOUTS, st.sampled_from([split_all, keep_the_rest]), SOURCES)
def test_another_cover_of_the_same_frames_passes(one: Layout, twist: Twist, source: Random) -> None:
    ops = drawn(one, source, 30)
    run = Ideal(one, twist).run(ops)
    assert agree(one, ops, run, pages=False)


TWISTS = (forgets_to_age, more_than_touched, refuses, stale, too_large, wrong_neighbour)


@settings(max_examples=60)
@given(LAYOUTS, st.sampled_from(TWISTS), SOURCES)
def test_a_mistake_in_the_cover_is_suspected(one: Layout, twist: Twist, source: Random) -> None:
    ops = drawn(one, source, 30)
    assert agree(one, ops, Ideal(one, twist).run(ops), pages=False)


@settings(max_examples=80)
@given(LAYOUTS, st.data(), SOURCES)
def test_what_a_kernel_does_otherwise_is_suspected(
    one: Layout, data: st.DataObject, source: Random
) -> None:
    names = [quirk.name for quirk in quirks_of(one)]
    quirks = data.draw(st.sets(st.sampled_from(names), max_size=3))
    ops = drawn(one, source, 60)
    assert agree(one, ops, table(one, quirks).run(ops))


@settings(max_examples=120)
@given(LAYOUTS, st.sampled_from(CHANGES), SOURCES)
def test_one_outcome_that_is_changed(one: Layout, change: object, source: Random) -> None:
    ops = drawn(one, source, 40)
    run = table(one).run(ops)
    run = altered(run, source.randrange(len(run.outcomes)), change, source)  # type: ignore[arg-type]
    assert agree(one, ops, run)


@settings(max_examples=80)
@given(LAYOUTS, st.integers(0, 1 << 64), st.sets(st.sampled_from(Habit)), st.data())
def test_it_draws_what_the_search_would(
    one: Layout, seed: int, habits: set[Habit], data: st.DataObject
) -> None:
    entries = sorted(set(port_of(one).functions.values()))
    pairs = st.tuples(st.sampled_from(entries), st.sampled_from(NAMES))
    shapes = data.draw(st.sets(pairs, max_size=30).map(frozenset))
    own = kinds(one) - data.draw(st.sets(st.sampled_from(sorted(kinds(one) - {Kind.CREATE}))))
    generator, ops = Generator(one, own, seed, 60), OpBuffer(66)
    generator.exclude(shapes, habits)
    found = ops.ops(0, generator.draw(3, ops))
    decoded = decoder_of(one, own).decode(data_of(seed & (1 << 64) - 1, 3, 60))
    kept, _ = plan(one, decoded, shapes, frozenset(habits))
    assert found == (kept[:1] if kept[0].oom else kept)


@settings(max_examples=40)
@given(LAYOUTS, SOURCES)
def test_triggers_and_contracts_are_those_of_the_model(one: Layout, source: Random) -> None:
    """Also of operations out of contract, which the generator leaves out."""
    ops = decoder_of(one, kinds(one)).decode(source.randbytes(HEADER + BLOCK * 80))
    state = LeafMap(one)
    buffer, own = OpBuffer(1), checker(one)
    for op in ops:
        buffer.put([op])
        (found,), (allowed,) = own.shapes(buffer, 1)
        assert allowed == state.in_contract(op), op
        if allowed:
            assert found == trigger(state, op), op
            state.apply(op)


DEVICES = {Kind.IOREMAP, Kind.PREPARE_REGION}
"""Operations that take as long as they have pages."""
NUMBERS = st.one_of(st.integers(0, 1100), st.integers(0, (1 << 64) - 1), st.just(1 << 33))


@settings(max_examples=300)
@given(LAYOUTS, st.data())
def test_operands_that_no_caller_can_pass(one: Layout, data: st.DataObject) -> None:
    state = LeafMap(one)
    buffer, own = OpBuffer(1), checker(one)
    made = st.builds(
        Op,
        st.sampled_from(sorted(kinds(one) - {Kind.CREATE, Kind.DESTROY})),
        *[NUMBERS] * 4,
        write=st.booleans(),
        writable=st.booleans(),
        answer=st.sampled_from(Answer),
        retries=st.integers(0, 1),
        oom=st.integers(0, 1),
        order=st.sampled_from([0, 1, *one.leaf_orders, 63, 200]),
        skew=st.sampled_from([0, 1, 511, 1 << 9, 1 << 18]),
    )
    few = made.filter(lambda op: op.kind not in DEVICES or op.last < 64 << one.page_shift)
    ops = [Op(Kind.CREATE, 3, 1024), *data.draw(st.lists(few, max_size=8))]
    for op in ops:
        buffer.put([op])
        (found,), (allowed,) = own.shapes(buffer, 1)
        assert allowed == state.in_contract(op), op
        if allowed:
            assert found == trigger(state, op), op
            state.apply(op)


@pytest.mark.parametrize("one", LARGE, ids=lambda one: one.name)
def test_every_kind_and_many_classes_are_drawn(one: Layout) -> None:
    generator, ops = Generator(one, kinds(one), 1), OpBuffer(1000)
    number = 0
    while generator.coverage().operations < 60_000:
        number += len(generator.fill(number, ops)) - 1
    shapes = set(generator.coverage().drawn)
    assert {kind for kind, _ in shapes} == kinds(one)
    assert {name for _, name in shapes} >= {
        "no-memory", "invalidated", "host-out-of-step", "smaller-than-leaf", "larger-than-leaves",
        "leaf-beyond-slot", "large-page", "logged", "part-of-leaf", "after-a-hole",
        "behind-the-first", "ends-at-top", "next-page-mapped", "mask-with-holes",
    }  # fmt: skip


NAMED_OTHERWISE = {"collateral-change", "unflushed"}


def test_a_suspected_operation_has_the_trigger_that_the_judge_sees() -> None:
    seen: set[str] = set()
    for one in LARGE:
        faulty = table(one, [quirk.name for quirk in quirks_of(one)])
        for number in range(50):
            ops = drawn(one, Random(number), 40)
            run = faulty.run(ops)
            symptoms = Judge(one).examine(Recorded(one, run), ops).symptoms
            RECORDS.clear()
            RECORDS.put(run)
            suspects = checker(one).suspects(BUFFER, RECORDS.rings, BUFFER.put(ops))
            # Others are named by an event, or by frames beside those of the operation.
            first = next((s for s in symptoms if s.trigger in TRIGGERS), None)
            if first and first.rule not in NAMED_OTHERWISE and first.step in suspects:
                assert suspects[first.step] in (first.trigger, ""), (one.name, number)
                seen.add(suspects[first.step])
    assert len(seen - {""}) > 3
