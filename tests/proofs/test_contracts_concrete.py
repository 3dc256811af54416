# SPDX-License-Identifier: GPL-2.0-only
"""Contracts hold of concrete heaps around every call, and say the same as terms."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import lru_cache
from random import Random
from typing import Any

import pytest

from impl.multilevel.interface import RangeOp
from model.layout import Layout
from model.operations import Kind
from model.ports import layout
from proofs import contracts, terms
from proofs.contracts import Call, Named
from proofs.evaluation import evaluate
from proofs.heap import (
    ENTRY,
    ORDER_BITS,
    PAGE_BITS,
    PFN_BITS,
    RAW_BITS,
    empty_marker,
    fresh_heap,
    shape_of,
)
from proofs.lemmas.base import range_spec
from proofs.paths import Path, explore
from proofs.specs import Flush
from proofs.terms import Term, Value
from tests.proofs.concrete import effect_of, model_of
from tests.proofs.watched_runs import LAYOUTS, SEED, examples, run, sequence
from tests.proofs.watcher import Seen, Watcher, algorithm, facts, truths, witness

# The algorithm keeps its contracts


REQUIRED = {
    "a test writes nothing",
    "exactly the range is changed",
    "exactly the range vanishes",
    "it covers its region",
    "no page of any kind is left",
    "not safe implies a slot in use",
    "nothing else is modified",
    "only tables below are freed",
    "pages in the memory cache are cached",
    "the root is called for",
    "true implies that something had to change",
}
"""Statements that must have been asked for, beside others."""


@pytest.mark.parametrize("ghosts", [True, False], ids=["ghosts kept", "ghosts forgotten"])
@pytest.mark.parametrize("levels", LAYOUTS)
def test_contracts_hold_around_every_call(
    levels: int, ghosts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = layout(LAYOUTS[levels])
    seed = SEED + 2 * levels + ghosts
    print(f"seed {seed}")
    rng = Random(seed)
    watcher = Watcher(where, algorithm(), rng, ghosts)
    for ops in (examples(levels)[0], sequence(where, rng, 40), sequence(where, rng, 40)):
        done = run(watcher, ops, monkeypatch)
        assert done.stop is None
        assert not any(one.events for one in done.outcomes)
    assert not watcher.broken
    results = {(one.op, one.result) for one in watcher.seen}
    assert {(None, True), (None, False)} <= results
    assert {(op, True) for op in RangeOp} | {(RangeOp.MKOLD, False)} <= results
    assert {one.call.level for one in watcher.seen} == set(range(levels))
    print(f"{watcher.calls} calls, {sum(watcher.asked.values())} statements")
    assert watcher.calls > 50
    assert set(watcher.asked) >= REQUIRED


@pytest.mark.parametrize("levels", LAYOUTS)
def test_contracts_hold_for_any_addresses(levels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # The proof takes any two words: also the wrong way round, beyond the reach, within a page.
    where = layout(LAYOUTS[levels])
    seed = SEED + 100 + levels
    print(f"seed {seed}")
    rng = Random(seed)
    watcher = Watcher(where, algorithm(), rng, ghosts=True)
    for _ in range(2):
        ops = [one for one in sequence(where, rng, 60)[:-1] if one.kind not in FLUSHES]
        assert run(watcher, ops, monkeypatch).stop is None
        assert watcher.rt is not None
        watcher.rt.private = True
        for _ in range(15):
            call_anything(watcher, rng)
    assert not watcher.broken
    backwards = [one for one in watcher.seen if one.call.low > one.call.high]  # type: ignore[operator]
    assert len(backwards) > 5
    assert not all(one.call.live for one in watcher.seen)
    assert {one.call.level for one in watcher.seen} == set(range(levels))


FLUSHES = {Kind.FLUSH, Kind.UNMAP, Kind.FLUSH_SLOT, Kind.FLUSH_ALL}


def call_anything(watcher: Watcher, rng: Random) -> None:
    """Call a function of one table for any live table, or an empty one, and any two words."""
    view, where = watcher.view(), watcher.layout
    if rng.random() < 0.1:
        level = rng.randrange(1, where.levels)
        name = empty_marker(level - 1)
    else:
        name = rng.choice(sorted(view.tables))
        level = view.tables[name].level
    frames = [*view.mapped(), *view.borders(), rng.randrange(where.frames)]
    start, end = (
        rng.choice(
            [
                0,
                where.word_mask,
                rng.getrandbits(where.bits),
                (rng.choice(frames) + rng.choice((-1, 0, 1)) << where.page_shift)
                + rng.randrange(2) * ((1 << where.page_shift) - 1)
                & where.word_mask,
            ]
        )
        for _ in range(2)
    )
    do, page = vars(watcher.module), watcher.names.address(name)
    op = rng.choice([None, None, *RangeOp])
    if op is None:
        do["kvm_mips_flush_gpa_level"](watcher.rt, level, page, start, end)
    else:
        do["kvm_mips_range_op_level"](watcher.rt, op, level, page, start, end)


# The same statements as terms


@lru_cache(maxsize=64)
def as_terms(name: str, level: int, op: RangeOp | None, bounded: bool) -> Any:
    """Return two symbolic heaps, and all statements at a page and a frame, as terms."""
    where = layout(name)
    shape = shape_of(where)
    built: list[Any] = []

    def program(path: Path) -> None:
        old, new = fresh_heap(shape), fresh_heap(shape)
        frame = path.fresh("F", shape.frame_bits)
        page = path.fresh("P", PAGE_BITS)
        low, high = (path.fresh(n, shape.below(level)) for n in ("low", "high"))
        region = path.fresh("region", shape.region_bits(level)) if level else 0
        live = path.fresh("live", terms.BOOL)
        call = Call(level, path.fresh("table", PAGE_BITS), region, low, high, live)
        result = path.fresh("result", terms.BOOL)
        upto: Value | None = path.fresh("upto", 16) if bounded else None
        spec = Flush(shape.levels - 1) if op is None else range_spec(op)
        promised = spec.frame(old, new, call, result, frame, upto)
        promised += spec.witness(old, new, call, result, frame, upto)
        promised += spec.page(old, new, call, page)
        named: Named = [(part.statement, part.holds) for part in promised]
        named += contracts.requires(old, call) + contracts.page_invariant(new, page)
        named += contracts.frame_invariant(new, frame) + contracts.cache_invariant(new)
        built.append((old, new, named))

    explore(program)
    return built[0]


@pytest.mark.parametrize("levels", LAYOUTS)
def test_terms_say_what_integers_say(levels: int, monkeypatch: pytest.MonkeyPatch) -> None:
    where = layout(LAYOUTS[levels])
    seed = SEED + 200 + levels
    print(f"seed {seed}")
    rng = Random(seed)
    watcher = Watcher(where, algorithm(), rng, ghosts=True, turns=0)
    ops = [one._replace(pfn=one.pfn % (1 << PFN_BITS)) for one in sequence(where, rng, 60)]
    run(watcher, ops, monkeypatch)
    values = {True: 0, False: 0}
    for seen in rng.sample(watcher.seen, min(40, len(watcher.seen))):
        for changed, statement, told, value in compared(where, seen, rng):
            assert told == value, f"{statement} ({changed})"
            values[value] += 1
    assert values[True] > 1000
    assert values[False] > 50


def compared(where: Layout, seen: Seen, rng: Random) -> list[tuple[str, str, bool, bool]]:
    """Return statements with their truth as terms and as integers, also for wrong calls."""
    shape = seen.old.shape
    size = 1 << shape.below(seen.call.level)
    shifted = replace(seen.call, low=rng.randrange(size), high=rng.randrange(size))
    variants = {
        "as it was": seen,
        "turned round": replace(seen, old=seen.new, new=seen.old),
        "another range": replace(seen, call=shifted),
        "the other result": replace(seen, result=not seen.result),
        "an empty table": replace(seen, call=replace(seen.call, live=False)),
    }
    frames = [*seen.old.mapped(), *seen.old.borders(), *seen.new.borders()]
    found: list[tuple[str, str, bool, bool]] = []
    for (name, one), upto in itertools.product(variants.items(), (None, True)):
        if upto:
            upto = rng.randrange((1 << shape.entry_bits[one.call.level]) + 1)  # type: ignore[assignment]
        frame, page = rng.choice(frames), rng.randrange(seen.new.names.number + 2)
        found += [(name, *rest) for rest in both_ways(where, one, frame, page, upto)]
    return found


def both_ways(
    where: Layout, seen: Seen, frame: int, page: int, upto: int | None
) -> list[tuple[str, bool, bool]]:
    old, new, named = as_terms(where.name, seen.call.level, seen.op, upto is not None)
    call = seen.call
    given = {
        "F": frame, "P": page, "low": call.low, "high": call.high, "table": call.table,
        "region": call.region, "live": int(call.live is True), "result": int(seen.result),
        "upto": upto,
    }  # fmt: skip
    model = {**model_of(old, seen.old), **model_of(new, seen.new)}
    model |= {key: lambda value=value: value for key, value in given.items()}
    concrete = facts(seen, frame, upto) + witness(seen, frame, upto)
    if seen.op is None:
        concrete += contracts.flush_page(seen.old, seen.new, call, page)
    concrete += contracts.requires(seen.old, call) + contracts.page_invariant(seen.new, page)
    concrete += contracts.frame_invariant(seen.new, frame) + contracts.cache_invariant(seen.new)
    concrete = [one for one in concrete if one[0] != "a test writes nothing"]
    assert sorted(name for name, _ in named) == sorted(name for name, _ in concrete)
    joined: dict[str, bool] = {}
    for statement, fact in named:
        value = bool(evaluate(terms.truth(fact), model))
        joined[statement] = value and joined.get(statement, True)
    expected = truths(concrete)
    return [(name, joined[name], bool(expected[name])) for name in joined]


def test_effects_are_those_of_the_model() -> None:
    rng = Random(SEED)
    for op, flags in itertools.product(RangeOp, range(16)):
        for pfn in (0, 1, (1 << PFN_BITS) - 1, rng.randrange(1 << PFN_BITS)):
            raw = pfn << 4 | flags | ENTRY.present
            lifted = range_spec(op).effect(terms.number(raw, RAW_BITS))
            assert isinstance(lifted, Term)
            assert lifted.data == effect_of(op)(raw)


def test_widths_hold_what_they_name() -> None:
    for name in LAYOUTS.values():
        shape = shape_of(layout(name))
        assert max(shape.orders) < 1 << ORDER_BITS
        assert max(shape.entry_bits) < 16
