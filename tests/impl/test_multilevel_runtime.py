# SPDX-License-Identifier: GPL-2.0-only
"""Planted bugs: the runtime must catch each by the right rule, the comparison the others."""

import inspect
from types import ModuleType

import pytest

from impl.multilevel import MultiLevel, table
from impl.multilevel.memory import Block, Memory
from impl.multilevel.quirks import QUIRKS
from model.layout import Layout
from model.operations import U64, Kind, Op
from model.ports import layout
from tests.impl.test_multilevel import difference

FLUSH_TEST = "        if not slot_present(rt, level, child):\n            continue\n"
LEVELS = {2: "mips32-4k", 3: "mips64-16k", 4: "mips64-4k-va48"}


def planted(old: str, new: str) -> ModuleType:
    """Return the algorithm with one piece of its source text replaced."""
    source = inspect.getsource(table)
    assert old in source
    module = ModuleType("planted")
    exec(compile(source.replace(old, new), "planted.py", "exec"), vars(module))
    return module


def sequence(one: Layout) -> list[Op]:
    """Return a sequence that goes through every function."""
    size = 1 << one.page_shift
    slot = one.tables[-2].span
    ops = [Op(Kind.CREATE)]
    for gpa in (0, size, slot, 3 * slot + size, (one.frames - 1) * size):
        ops.append(Op(Kind.FAULT, gpa, pfn=gpa % 97, write=True, writable=True, retries=2))
    ops += [
        Op(Kind.LOOKUP, 2 * slot),
        Op(Kind.FAULT_FAST, 2 * size),
        Op(Kind.COMMIT_REGION, 0, 2),
        Op(Kind.AGE, 0, one.frames),
        Op(Kind.TEST_AGE, 0, 1),
        Op(Kind.FAULT_FAST, 0, write=True),
        Op(Kind.TEST_AGE, 0, 1),
        Op(Kind.UNMAP, 0, 1),
        Op(Kind.FLUSH, slot // size, slot // size + 1),
        Op(Kind.FLUSH_SLOT, 3 * slot // size, 1),
        Op(Kind.FAULT, 3 * slot, writable=True),
        Op(Kind.FLUSH, 1, one.frames),
        Op(Kind.FLUSH_ALL),
        Op(Kind.FAULT, 5 * slot),
        Op(Kind.DESTROY),
    ]
    return ops


BUGS = [
    ("table_free(rt, level + 1, child)", "pass", "leak"),
    ("    pgd_free(rt, rt.pgd())\n", "", "leak"),
    ("        rt.free_pages(rt.cache_pop(), 0)\n", "        rt.cache_pop()\n", "leak"),
    ("            rt.store(level, table, i, rt.empty(level))\n", "", "use-after-free"),
    ("    pgd_free(rt, rt.pgd())\n", "    pgd_free(rt, rt.pgd())\n" * 2, "double-free"),
    ("level].order)", "level].order + 1)", "wild-free"),
    (FLUSH_TEST, "", "wild-free"),
    ("            table_init(rt, level + 1, child)\n", "", "uninitialised"),
    ("0, entries - 1, marker", "0, entries - 2, marker", "uninitialised"),
    ("0, entries - 1, marker", "0, entries, marker", "out-of-bounds"),
    (
        "    if ptep is None:\n        return -EFAULT\n    entry",
        "    entry",
        "bad-access",
    ),
    ("        rt.release_pfn(page.pfn)\n    map_page", "    map_page", "accounting"),
    ("    rt.srcu_read_unlock()\n", "", "accounting"),
    ("    rt.spin_unlock()\n    rt.release_pfn", "    rt.release_pfn", "accounting"),
    ("rt.warn_on(not safe)", "rt.warn_on(safe)", "kernel-warning"),
    (
        "    rt.spin_lock()\n    kvm_mips_mkclean_gpa_pt(rt, base",
        "    kvm_mips_mkclean_gpa_pt(rt, base",
        "unlocked-access",
    ),
    ("            break\n        rt.spin_unlock()", "            break", "runaway"),
    (
        "            break\n        rt.spin_unlock()",
        "            pass\n        rt.spin_unlock()",
        "runaway",
    ),
    (
        "    if err != 0:\n        err = map_page_slow",
        "    if err.x:\n        err = map_page_slow",
        "kernel-bug",
    ),
    (
        "            break\n        rt.spin",
        "            break\n        break\n        rt.spin",
        "FAULT changes",
    ),
    ("if i == i_min else 0", "", "FLUSH changes"),
    (
        "    rt.pte_store(ptep, rt.pfn_pte(pfn",
        "    rt.pte_store(ptep, rt.pfn_pte(pfn + 1",
        "FAULT changes",
    ),
]


@pytest.mark.parametrize("levels", LEVELS)
def test_without_a_bug_nothing_is_caught(levels: int) -> None:
    one = layout(LEVELS[levels])
    same = planted("i_min", "i_min")
    assert difference(one, sequence(one), MultiLevel(one, algorithm=same)) == ""


@pytest.mark.parametrize("levels", LEVELS)
@pytest.mark.parametrize(("old", "new", "caught"), BUGS)
def test_planted_bug_is_caught(levels: int, old: str, new: str, caught: str) -> None:
    one = layout(LEVELS[levels])
    table = MultiLevel(one, algorithm=planted(old, new))
    found = difference(one, sequence(one), table)
    assert found == caught or (levels > 2 and old == FLUSH_TEST and found == "bad-access")


@pytest.mark.parametrize("levels", [3, 4])
def test_too_small_a_cache_is_caught(levels: int) -> None:
    one = layout(LEVELS[levels])
    bug = planted("return rt.layout.cache_needed", "return 1")
    ops = [Op(Kind.CREATE)]
    for distance in range(12):
        ops.append(Op(Kind.FAULT, distance * one.root.span, oom=3 - distance % 2))
    assert "cache-exhausted" in difference(one, ops, MultiLevel(one, algorithm=bug))


def test_events_name_the_place() -> None:
    one = layout("mips64-4k")
    ops = [Op(Kind.CREATE), Op(Kind.FAULT), Op(Kind.FLUSH_ALL)]
    quirk = next(q for q in QUIRKS if q.name == "flush-all-unlocked")
    run = MultiLevel(one, frozenset({quirk})).run(ops)
    (event,) = run.outcomes[-1].events
    assert (event.rule, event.subject, event.fatal) == ("unlocked-access", "mmu_lock", False)
    assert event.function == "kvm_mips_flush_gpa_table"
    assert event.where.startswith("impl/multilevel/table.py:")


def test_fatal_event_ends_the_run() -> None:
    one = layout("mips32-64k")
    run = MultiLevel(one, frozenset(QUIRKS)).run([Op(Kind.CREATE), Op(Kind.DESTROY)])
    assert (run.stop, len(run.outcomes)) == (0, 1)
    assert run.outcomes[0].events[-1].fatal


def test_work_does_not_grow_with_the_table() -> None:
    block = Block(0, 0, "page")
    block.fill(0, (1 << 30) - 1, 0)
    block.put(7, 1)
    block.put(1 << 20, 1)
    block.put(9, 1)
    block.put(9, 0)
    top = (1 << 30) - 1
    around = [(1 << 20) - 1, 1 << 20, (1 << 20) + 1]
    assert block.distinct(0, top) == [0, 6, 7, 8, *around, top]
    assert block.distinct(8, top) == [8, *around, top]
    assert block.distinct(3, 6) == [3, 4, 5, 6]


def test_fills_join_and_leave_gaps() -> None:
    block = Block(0, 0, "page")
    for first in (0, 8, 24):
        block.fill(first, first + 7, 5)
    assert sorted(block.fills) == [(0, 15, 5), (24, 31, 5)]
    assert (block.get(16), block.get(24)) == (None, 5)
    assert {15, 16, 23, 24} <= set(block.distinct(0, 31))
    block.fill(4, 27, 6)
    assert sorted(block.fills) == [(0, 3, 5), (4, 27, 6), (28, 31, 5)]
    block.put(4, 6)
    assert block.slots == {}


def test_addresses_are_never_handed_out_twice() -> None:
    def report(*_: object, **__: object) -> None:
        raise AssertionError

    memory = Memory(layout("mips32-4k"), report)
    first = memory.allocate(1)
    memory.free(first, 1)
    assert memory.allocate(0) > first + (2 << 12)
    assert memory.held() == {"page": 1}


@pytest.mark.parametrize("levels", LEVELS)
def test_whole_flush_of_a_full_range_is_safe(levels: int) -> None:
    one = layout(LEVELS[levels])
    run = MultiLevel(one).run([*sequence(one)[:6], Op(Kind.FLUSH, 0, U64)])
    assert (run.outcomes[-1].result, run.outcomes[-1].tables) == (1, 0)
