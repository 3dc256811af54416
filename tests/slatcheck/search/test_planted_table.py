# SPDX-License-Identifier: GPL-2.0-only
"""Bugs planted into the built-in table: each is found under its own rule, by the gate's search."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

import pytest

from impl.multilevel import QUIRKS, MultiLevel, quirk, table
from model.ports import layout
from model.rules import RULES
from slatcheck.search.campaign import DEFAULT_OPS, Search
from tests.mips import permitted_layouts


@dataclass(frozen=True)
class Bug:
    """A piece of impl/multilevel/table.py replaced by another; ``nth`` counts from 1."""

    name: str
    rule: str
    old: str
    new: str
    nth: int = 1
    on: str = "mips64-4k"

    def __str__(self) -> str:
        return self.name


START = "start = start_gpa if i == i_min else 0"
END = "end = end_gpa if i == i_max else rt.ulong(U64)"
FREE = "            table_free(rt, level + 1, child)\n"
TOPUP = "    if err != 0:\n        return err\n    for _ in rt.attempts():"
LINKED = (
    "    if err != 0:\n        rt.spin_lock()\n"
    "        kvm_mips_pte_for_gpa(rt, rt.cache_count() != 0, addr)\n"
    "        rt.spin_unlock()\n        return err\n    for _ in rt.attempts():"
)
BUGS = (
    Bug("one page too few", "stale-mapping", "return end_gfn - 1", "return end_gfn - 2"),
    Bug("flush start kept", "stale-mapping", START, "start = start_gpa"),
    Bug("range start kept", "stale-mapping", START, "start = start_gpa", 2),
    Bug("flush end unset", "collateral-change", END, "end = rt.ulong(U64)"),
    Bug("range end unset", "collateral-change", END, "end = rt.ulong(U64)", 2),
    Bug("one page too many", "collateral-change", "return end_gfn - 1", "return end_gfn"),
    Bug("always safe", "unsafe-to-remove", "            frame.result = False", "            pass",
        on="mips32-4k"),
    Bug("table kept", "leak", FREE, ""),
    Bug("not unlinked", "use-after-free",
        "            rt.store(level, table, i, rt.empty(level))\n",
        ""),
    Bug("freed twice", "double-free", FREE, FREE + FREE),
    Bug("order too large", "wild-free", "rt.free_pages(pgd, rt.layout.root.order)",
        "rt.free_pages(pgd, rt.layout.root.order + 1)"),
    Bug("table not cleared", "uninitialised", "            table_init(rt, level + 1, child)\n", ""),
    Bug("root one slot longer", "out-of-bounds", "page, 0, entries - 1, marker",
        "page, 0, entries, marker"),
    Bug("pointer astray", "bad-access", "        table = child\n", "        table = child + 8\n"),
    Bug("cache never empty", "runaway", "        rt.free_pages(rt.cache_pop(), 0)\n",
        "        pass\n"),
    Bug("assertion too strict", "kernel-bug", "        dirty = True\n",
        "        dirty = True\n        assert pfn % 2 == 0\n"),
    Bug("destroy flushes less", "kernel-warning", "safe = kvm_mips_flush_gpa_pt(rt, 0, U64)",
        "safe = kvm_mips_flush_gpa_pt(rt, 0, 5)"),
    Bug("reach one frame longer", "aliasing", "gfn >= rt.layout.frames",
        "gfn > rt.layout.frames"),
    Bug("wrong frame", "wrong-entry", "rt.pfn_pte(pfn, writable, dirty)",
        "rt.pfn_pte(pfn ^ 2, writable, dirty)"),
    Bug("no retry", "lost-invalidation", "if not rt.mmu_invalidate_retry(mmu_seq):", "if True:"),
    Bug("change not told", "wrong-result", "        frame.result = True\n", "        pass\n"),
    Bug("dirty untold", "dirty-unreported",
        "        rt.mark_page_dirty(gfn_of(addr, rt.layout.leaf.span))\n", ""),
    Bug("page kept", "accounting", "    rt.release_pfn(page.pfn)\n    return 0", "    return 0"),
    Bug("cache one short", "cache-exhausted", "return rt.layout.cache_needed", "return 1"),
    Bug("linked on failure", "oom-not-atomic", TOPUP, LINKED),
    Bug("flushed unlocked", "unlocked-access",
        "    rt.spin_lock()\n    kvm_mips_flush_gpa_pt(rt, base_gfn, base_gfn + npages - 1)\n"
        "    rt.spin_unlock()\n",
        "    kvm_mips_flush_gpa_pt(rt, base_gfn, base_gfn + npages - 1)\n"),
)  # fmt: skip


def planted(bug: Bug) -> ModuleType:
    """Return the algorithm with the bug in it; fails where the piece is not there."""
    assert table.__file__ is not None
    with open(table.__file__, encoding="utf-8") as source:
        text = source.read()
    at = -1
    for _ in range(bug.nth):
        at = text.find(bug.old, at + 1)
        assert at >= 0, f"'{bug.old}' is not in the table"
    text = text[:at] + bug.new + text[at + len(bug.old) :]
    module = ModuleType("planted")
    exec(compile(text, "planted.py", "exec"), vars(module))
    return module


@pytest.mark.parametrize("bug", BUGS, ids=str)
def test_planted_bug_is_found(bug: Bug) -> None:
    one = MultiLevel(layout(bug.on), algorithm=planted(bug))
    marks = hits(one)
    assert bug.rule in {mark.partition("/")[0] for mark in marks}, sorted(marks)


def test_every_rule_has_a_planted_bug() -> None:
    # The built-in table computes nothing from headers, so geometry cannot go wrong in it; it
    # leaves flushes to its callers.
    assert {bug.rule for bug in BUGS} == {rule.name for rule in RULES} - {"geometry", "unflushed"}


@pytest.mark.parametrize("one", [quirk_.name for quirk_ in QUIRKS])
def test_each_quirk_is_found_where_it_bites_and_nowhere_else(one: str) -> None:
    chosen = quirk(one)
    biting = next(where for where in permitted_layouts() if chosen.bites(where))
    marks = hits(MultiLevel(biting, frozenset({chosen})))
    assert {mark.partition("/")[0] for mark in marks} & set(chosen.rules), sorted(marks)
    for spared in [where for where in permitted_layouts() if not chosen.bites(where)][:1]:
        assert not hits(MultiLevel(spared, frozenset({chosen})))


def hits(one: MultiLevel) -> set[str]:
    """Return the fingerprints that a short search finds."""
    search = Search(one, 0, f"multilevel/{one.layout.name}", shrinking=False)
    return set(search.run(DEFAULT_OPS // 4).hits)
