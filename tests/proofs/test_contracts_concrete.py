# SPDX-License-Identifier: GPL-2.0-only
"""Invariants and contracts hold of concrete heaps around every call, and not of damaged ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random
from typing import Any

import pytest

from impl.interface import Run
from impl.multilevel import MultiLevel, multilevel
from impl.multilevel.interface import RangeOp
from model.layout import Layout
from model.operations import Kind, Op
from model.ports import layout
from proofs import contracts, terms
from proofs.contracts import Call, Named
from proofs.evaluation import evaluate
from proofs.heap import (
    CACHED,
    ENTRY,
    LIVE,
    LOOSE,
    ORDER_BITS,
    PAGE_BITS,
    PFN_BITS,
    RAW_BITS,
    SHARED,
    empty_marker,
    fresh_heap,
    shape_of,
)
from proofs.lemmas.base import range_spec
from proofs.paths import Path, explore
from proofs.specs import Flush
from proofs.terms import Term, Value
from slatcheck.search.sequences import BLOCK, HEADER, Decoder
from tests.proofs.concrete import (
    POISON,
    ConcreteView,
    Seen,
    Table,
    Watcher,
    algorithm,
    call_of,
    damaged,
    effect_of,
    facts,
    model_of,
    truths,
    witness,
)

LAYOUTS = {2: "mips32-64k", 3: "mips64-4k", 4: "mips64-4k-va48"}
"""One layout of each depth; the root of that of three levels takes two pages."""
SEED = 20240607


def sequence(where: Layout, rng: Random, length: int) -> list[Op]:
    """Return operations from CREATE to DESTROY."""
    data = rng.randbytes(HEADER + BLOCK * length)
    return [Op(Kind.CREATE), *Decoder(where, frozenset(Kind)).decode(data)[1:]]


def run(watcher: Watcher, ops: Sequence[Op], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Carry out operations under the eyes of a watcher."""
    with monkeypatch.context() as patch:
        patch.setattr(multilevel, "ConcreteRuntime", watcher.runtime)
        return MultiLevel(watcher.layout, algorithm=watcher.module).run(ops)


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


# Planted bugs break them


@dataclass(frozen=True)
class Bug:
    """Pieces of the algorithm replaced by others, and a statement that this breaks."""

    statement: str
    changes: tuple[tuple[str, str, int], ...]
    levels: int = 3

    def __str__(self) -> str:
        return f"{self.statement}: {self.changes[0][1].strip()}"


FURTHER = "    i_max = min(i_max + 1, leaf.entries - 1)\n"
LESS = "    i_max = max(i_max - 1, 0)\n"
LOOP = '    frame = Frame("kvm_mips_flush_gpa_pte", '
TABLE_LOOP = '    frame = Frame("kvm_mips_flush_gpa_table", '
RANGE_LOOP = '    frame = Frame(f"kvm_mips_{op.value}_pte", '
CALLED = "a live table, or the shared empty one, is called for"
LINK = "rt.store(level, table, i, rt.empty(level))"
FREED = "            table_free(rt, level + 1, child)\n"
VANISHES = "exactly the range vanishes"
CHANGED = "exactly the range is changed"
BUGS = (
    Bug(VANISHES, ((LOOP, FURTHER + LOOP, 1),), 2),
    Bug(VANISHES, ((LOOP, FURTHER + LOOP, 1),)),
    Bug(VANISHES, ((LOOP, FURTHER + LOOP, 1),), 4),
    Bug(VANISHES, ((LOOP, LESS + LOOP, 1),)),
    Bug(VANISHES, (("start = start_gpa if i == i_min else 0", "start = start_gpa", 1),)),
    Bug(VANISHES, (("end = end_gpa if i == i_max else rt.ulong(U64)", "end = rt.ulong(U64)", 1),)),
    Bug(VANISHES, (("        rt.pte_store(ptep, 0)\n", "", 1),)),
    Bug("no page is taken and not linked", ((FREED, "", 1),)),
    Bug("a slot of level 0 is empty or links its table", ((LINK, "pass", 1),)),
    Bug("a slot of level 1 is empty or links its table", ((LINK, "pass", 1),)),
    Bug("an entry is absent or present", (("rt.pte_store(ptep, 0)", "rt.pte_store(ptep, 4)", 1),)),
    Bug("only tables below are freed",
        (("        rt.pte_store(ptep, 0)\n    return frame.result",
          "        rt.pte_store(ptep, 0)\n    rt.free_pages(pte, 0)\n    return False", 1),)),
    Bug("slots of level 1 stay",
        (("        rt.pte_store(ptep, 0)\n    return frame.result",
          "        rt.pte_store(ptep, 0)\n    for one, block in rt.memory.live.items():\n"
          "        if block.level == 1 and pte in block.slots.values():\n"
          "            for slot in [n for n, it in block.slots.items() if it == pte]:\n"
          "                block.put(slot, rt.empty(1))\n    return False", 1),)),
    Bug("safe implies that the index range is full",
        (("safe = covers_all(i_min, i_max, leaf.entries)", "safe = True", 1),)),
    Bug("safe implies that no slot is in use",
        (("            frame.result = False", "            pass", 1),)),
    Bug("a full range is safe", ((LOOP, "    safe = False\n" + LOOP, 1),)),
    Bug("a full range is safe", ((TABLE_LOOP, "    safe = False\n" + TABLE_LOOP, 1),)),
    Bug("not safe implies a slot in use", ((LOOP, "    safe = False\n" + LOOP, 1),)),
    Bug(CHANGED, ((RANGE_LOOP, FURTHER + RANGE_LOOP, 1),)),
    Bug(CHANGED, (("rt.pte_mkclean(raw)", "rt.pte_mkold(raw)", 1),)),
    Bug(CHANGED, (("end = end_gpa if i == i_max else rt.ulong(U64)", "end = end_gpa", 2),)),
    Bug("false implies that nothing had to change",
        (("        frame.result = True\n", "        pass\n", 1),)),
    Bug("false implies that nothing had to change",
        (("            frame.result = True\n", "            pass\n", 1),)),
    Bug("true implies that something had to change",
        (("        if new == old:\n            continue\n", "", 1),)),
    Bug("a test writes nothing",
        (("        if op is not RangeOp.TEST_YOUNG:\n            rt.pte_store",
          "        if True:\n            rt.pte_store", 1),)),
    Bug("nothing else is modified", (("    for i in rt.loop(frame):\n        ptep = Slot(pte, i)\n"
        "        old =", "    rt.cache_count() and rt.free_pages(rt.cache_pop(), 0)\n"
        "    for i in rt.loop(frame):\n        ptep = Slot(pte, i)\n        old =", 1),)),
    Bug(CALLED,
        (("flush_gpa_level(rt, level + 1, child,", "flush_gpa_level(rt, level + 1, table,", 1),)),
    Bug("the root is called for",
        (("flush_gpa_level(rt, 0, rt.pgd(),", "flush_gpa_level(rt, 0, rt.load(0, rt.pgd(), 0),",
          1),)),
    Bug("no page of any kind is left", (("    pgd_free(rt, rt.pgd())\n", "", 1),)),
)  # fmt: skip


@lru_cache(maxsize=8)
def examples(levels: int) -> list[list[Op]]:
    """Return sequences for planted bugs, among them a handful of frames side by side."""
    where = layout(LAYOUTS[levels])
    rng = Random(SEED + 7)
    near = where.tables[-2].span
    faults = [
        Op(Kind.FAULT, at, pfn=5, write=True, writable=True)
        for first in (0, near, 3 * near, where.frames - 1 << where.page_shift)
        for at in (first, first + where.leaf.span)
        if at < where.frames << where.page_shift
    ]
    gfn = near >> where.page_shift
    ranged = [
        Op(Kind.TEST_AGE, 0, 1),
        Op(Kind.MKCLEAN, 0, 0),
        Op(Kind.MKCLEAN, 0, gfn),
        Op(Kind.MKOLD, 1, where.top),
        Op(Kind.FLUSH, 0, 0),
        Op(Kind.FLUSH, gfn + 1, 2 * gfn - 1),
        Op(Kind.FLUSH, gfn, 2 * gfn - 1),
        Op(Kind.FLUSH, 1, where.top),
        Op(Kind.FLUSH_ALL),
        Op(Kind.DESTROY),
    ]
    told = [Op(Kind.CREATE), *faults, *ranged]
    again = [*told[:-1], *faults[:1], Op(Kind.MKCLEAN, 0, 0), *ranged[-4:]]
    return [told, again, *(sequence(where, rng, 40) for _ in range(2))]


@pytest.mark.parametrize("bug", BUGS, ids=str)
def test_planted_bug_breaks_its_statement(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    where = layout(LAYOUTS[bug.levels])
    watcher = Watcher(where, algorithm(*bug.changes), Random(SEED), ghosts=True, turns=0)
    for ops in examples(bug.levels):
        run(watcher, ops, monkeypatch)
        if bug.statement in watcher.broken:
            return
    raise AssertionError(f"broken is only {sorted(watcher.broken)}")


def test_a_loop_that_forgets_breaks_its_invariant(monkeypatch: pytest.MonkeyPatch) -> None:
    # Two frames of a leaf table in the wrong order: right at the end, but not in the loop.
    swapped = ("        rt.pte_store(ptep, 0)\n",
               "        if i < i_max:\n            continue\n"
               "        for i in range(i_min, i_max + 1):\n"
               "            rt.pte_store(Slot(pte, i), 0)\n", 1)  # fmt: skip
    where = layout(LAYOUTS[3])
    ops = examples(3)[0]
    for turns, breaks in ((0.0, False), (1.0, True)):
        watcher = Watcher(where, algorithm(swapped), Random(SEED), ghosts=True, turns=turns)
        run(watcher, [*ops[:3], Op(Kind.FLUSH, 0, 1)], monkeypatch)
        assert (VANISHES in watcher.broken) == breaks


# Damaged heaps break the invariant


@pytest.fixture
def heap(monkeypatch: pytest.MonkeyPatch) -> ConcreteView:
    where = layout(LAYOUTS[3])
    watcher = Watcher(where, algorithm(), Random(SEED), ghosts=False, turns=0)
    faults = [one for one in examples(where.levels)[0] if one.kind is Kind.FAULT]
    # Two tables go, so that pages are in the cache, free and live.
    near = where.tables[-2].span >> where.page_shift
    run(watcher, [Op(Kind.CREATE), *faults, Op(Kind.FLUSH, near, 2 * near - 1)], monkeypatch)
    view = watcher.view()
    assert not broken_of(view)
    assert not watcher.broken
    return view


def broken_of(view: ConcreteView) -> set[str]:
    """Return the statements of the invariant that are false somewhere."""
    named: Named = contracts.cache_invariant(view)
    for page in [*range(view.names.number + 2), POISON, *view.stack]:
        named += contracts.page_invariant(view, page)
    for frame in {*view.mapped(), *view.borders(), 12345}:
        named += contracts.frame_invariant(view, frame)
    return {statement for statement, fact in named if not fact}


def table_at(view: ConcreteView, level: int) -> int:
    """Return a live table of a level that is not the first."""
    return max(name for name, one in view.tables.items() if one.level == level)


def put(view: ConcreteView, name: int, slot: int, held: int) -> ConcreteView:
    """Return the view with something else in a slot: a name in a directory, a raw entry."""
    old = view.tables[name]
    if old.level < view.shape.levels - 1:
        held = view.names.address(held)
    table = Table(old.level, {**old.slots, slot: held}, old.fills)
    return damaged(view, tables={**view.tables, name: table})


def slot_in(view: ConcreteView, name: int) -> int:
    """Return a slot of a table that is in use."""
    return max(view.tables[name].slots)


Damage = Callable[[ConcreteView], ConcreteView]
IS_CACHED = "the memory cache holds what is cached"
IN_CACHE = "pages in the memory cache are cached"


def kind_of(find: Callable[[ConcreteView], int], kind: int) -> Damage:
    return lambda v: damaged(v, kinds={**v.kinds, find(v): kind})


def linked(find: Callable[[ConcreteView], int], level: int = 0) -> Damage:
    """Let a slot that is in use hold something else."""

    def damage(view: ConcreteView) -> ConcreteView:
        name = table_at(view, level)
        return put(view, name, slot_in(view, name), find(view))

    return damage


def freed(view: ConcreteView) -> int:
    """Return a page that is with the allocator."""
    return next(page for page in range(view.names.number) if not view.kind(page))


DAMAGES: tuple[tuple[str, str, Damage], ...] = (
    ("a link to a page that was freed", "a slot of level 0 is empty or links its table",
     linked(freed)),
    ("a link to a page that was freed, below", "a slot of level 1 is empty or links its table",
     linked(freed, 1)),
    ("a table freed, its link stale", "a slot of level 1 is empty or links its table",
     kind_of(lambda v: table_at(v, 2), 0)),
    ("a link to a table of another region", "a slot of level 0 is empty or links its table",
     linked(lambda v: min(n for n, t in v.tables.items() if t.level == 1))),
    ("a link to a table of another level", "a slot of level 0 is empty or links its table",
     linked(lambda v: table_at(v, 2))),
    ("a link to the root", "a slot of level 1 is empty or links its table",
     linked(lambda v: v.root, 1)),
    ("a slot with the marker of another level", "a slot of level 0 is empty or links its table",
     linked(lambda v: empty_marker(1))),
    ("a slot with NULL", "a slot of level 1 is empty or links its table", linked(lambda v: 0, 1)),
    ("a slot emptied, its table kept", "a table of level 1 is linked",
     linked(lambda v: empty_marker(0))),
    ("a slot emptied, its leaf kept", "a table of level 2 is linked",
     linked(lambda v: empty_marker(1), 1)),
    ("a table with a wrong base", "a table of level 2 is the one of its region",
     lambda v: damaged(v, bases={**v.bases, table_at(v, 2): v.base(table_at(v, 2)) ^ 1})),
    ("a table with a base that is too wide", "a table of level 1 is the one of its region",
     lambda v: damaged(v, bases={**v.bases, table_at(v, 1): v.base(table_at(v, 1))
                                 + (1 << v.shape.region_bits(1))})),
    ("a table that its region does not know", "a table of level 2 is the one of its region",
     lambda v: damaged(v, ats={**v.ats, (2, v.base(table_at(v, 2))): 0})),
    ("a table of another order", "a table of level 2 is the one of its region",
     lambda v: damaged(v, orders={**v.orders, table_at(v, 2): 1})),
    ("the root of another order", "the root keeps its order",
     lambda v: damaged(v, orders={**v.orders, v.root: 0})),
    ("an entry that is neither absent nor present", "an entry is absent or present",
     linked(lambda v: 1 << 50, 2)),
    ("a table never initialised", "an entry is absent or present",
     lambda v: damaged(v, tables={**v.tables, table_at(v, 2): Table(2, {}, [])})),
    ("a second root", "only the root is a root", kind_of(freed, LIVE)),
    ("a root that is dead", "the root is live", kind_of(lambda v: v.root, 0)),
    ("a page that nobody has", "no page is taken and not linked", kind_of(freed, LOOSE)),
    ("a page of no kind", "a page is of a known kind", kind_of(freed, LIVE + 3)),
    ("an empty table that is none", "only the kernel's empty tables are shared",
     kind_of(freed, SHARED)),
    ("NULL for a page", "only the kernel's empty tables are shared", kind_of(lambda v: 0, 0)),
    ("a cached page that is not in the cache", IS_CACHED, kind_of(freed, CACHED)),
    ("a live table in the cache", IN_CACHE,
     lambda v: damaged(v, stack=(table_at(v, 2), *v.stack[1:]))),
    ("a page in the cache that is not cached", IS_CACHED,
     lambda v: kind_of(lambda v: v.stack[0], 0)(v)),
    ("a cached page of more pages", IN_CACHE,
     lambda v: damaged(v, orders={**v.orders, v.stack[0]: 1})),
    ("a page in the cache twice", "the memory cache holds no page twice",
     lambda v: damaged(v, stack=(v.stack[0], *v.stack[:3]), depth=2)),
    ("a cache that holds too much", "the memory cache holds at most its capacity",
     lambda v: damaged(v, depth=5)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("statement", "damage"), [one[1:] for one in DAMAGES], ids=[one[0] for one in DAMAGES]
)
def test_damaged_heap_breaks_the_invariant(
    statement: str, damage: Damage, heap: ConcreteView
) -> None:
    assert statement in broken_of(damage(heap))


def test_a_table_of_no_region_may_not_be_called_for(heap: ConcreteView) -> None:
    # The region of a call is the table's own base, so only a base that is too wide is found out.
    name = table_at(heap, 1)
    wide = damaged(heap, bases={**heap.bases, name: heap.base(name) | 1 << 40})
    where = layout(LAYOUTS[3])
    for view, right in ((heap, True), (wide, False)):
        named = contracts.requires(view, call_of(where, view, 1, name, 0, 0))
        assert dict(named) == {CALLED: True, "it covers its region": right}


def test_every_statement_can_be_broken(heap: ConcreteView) -> None:
    named = contracts.cache_invariant(heap) + contracts.page_invariant(heap, 0)
    named += contracts.frame_invariant(heap, 0)
    call = Call(2, table_at(heap, 2), heap.base(table_at(heap, 2)), 0, 0)
    named += contracts.requires(heap, call) + contracts.requires(heap, replace(call, level=0))
    for op in (None, *RangeOp):
        seen = Seen(heap, heap, call, op, True)
        named += facts(seen, 0, None) + witness(seen, 0, None)
    named += contracts.flush_page(heap, heap, call, 0)
    shown = {one for _, one, _ in DAMAGES} | {bug.statement for bug in BUGS}
    # Shown above, or different from one shown in the number of the level only.
    alike = {
        "it covers its region",
        "a table of level 1 is the one of its region",
        "slots of level 0 stay",
    }
    assert {statement for statement, _ in named} - alike <= shown


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
