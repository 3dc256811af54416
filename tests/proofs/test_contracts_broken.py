# SPDX-License-Identifier: GPL-2.0-only
"""Planted bugs break contracts, and damaged heaps the invariant: each statement can be broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

import pytest

from impl.multilevel.interface import RangeOp
from model.operations import Kind, Op
from model.ports import layout
from proofs import contracts
from proofs.contracts import Call, Named
from proofs.heap import CACHED, LIVE, LOOSE, SHARED, empty_marker
from tests.proofs.concrete import POISON, ConcreteView, Table, call_of, damaged
from tests.proofs.watched_runs import LAYOUTS, SEED, examples, run
from tests.proofs.watcher import Seen, Watcher, algorithm, facts, witness

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
