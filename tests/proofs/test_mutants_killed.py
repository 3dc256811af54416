# SPDX-License-Identifier: GPL-2.0-only
"""Every mutant of the table is noticed by its proof or explained, every clause notices one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

from bench.mutants import LAYOUTS, Trial, all_mutants, by_hand, planted
from model.ports import layout
from proofs.mutants import Mutant
from proofs.ports.mips.table_lemmas import ENTRY_CLAUSES

SURVIVORS = json.loads(Path(__file__).with_name("survivors.json").read_text(encoding="utf-8"))
"""What the proof does not notice: names, '*' for any characters, 'on' which layouts, and why."""

SAMPLE = dict(zip(LAYOUTS, (40, 8, 8), strict=True))
"""How many mutants are tried on each layout; ``python -m bench.mutants`` tries them all."""


@cache
def trial(name: str) -> Trial:
    return Trial(layout(name), None if name == LAYOUTS[0] else trial(LAYOUTS[0]))


def explained(mutant: str, name: str) -> bool:
    return any(
        fnmatchcase(mutant, one["mutant"]) and name in one.get("on", LAYOUTS) for one in SURVIVORS
    )


def sample(name: str) -> list[tuple[str, Mutant]]:
    every = all_mutants()
    step = len(every) // SAMPLE[name]
    # The layouts do not try the same mutants.
    return list(every[LAYOUTS.index(name) :: step][: SAMPLE[name]])


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_every_mutant_is_killed_or_explained(name: str) -> None:
    alive = [
        mutant.name
        for module, mutant in sample(name)
        if not explained(mutant.name, name) and not trial(name).judge(module, mutant).killed
    ]
    assert not alive


DISPATCH = {one.name for _, one in all_mutants() if one.function.endswith("_level")}
"""Changes to the choice between a leaf and a directory."""

ONCE_UNNOTICED = (
    "kvm_mips_map_page:condition-false:1",
    "kvm_mips_map_page:compare-ne-gt:0",
    "kvm_mips_map_page:assignment-deleted:0",
    "map_page_slow:variable-EFAULT-ENOMEM:0",
    "kvm_mmu_topup_memory_cache:boolean-not-dropped:0",
    "kvm_mmu_free_memory_caches:call-deleted:1",
)
"""Mutants that an earlier form of the theorems did not notice, though a run does."""


@pytest.mark.slow
@pytest.mark.parametrize("name", [*ONCE_UNNOTICED, *sorted(DISPATCH)[::9]])
def test_what_runs_notice_the_proof_notices(name: str) -> None:
    module, mutant = next(one for one in all_mutants() if one[1].name == name)
    assert trial(LAYOUTS[0]).judge(module, mutant).killed


def test_what_is_explained_exists() -> None:
    names = [mutant.name for _, mutant in all_mutants()]
    for one in SURVIVORS:
        assert any(fnmatchcase(name, one["mutant"]) for name in names), one["mutant"]
        assert one["why"]


# One mutant for every clause

NARROW = LAYOUTS[0]
"""The layout of 2 levels on which every address of a word is within the reach."""
WIDE = "mips64-64k"
"""A layout of 2 levels on which it is not."""

UNLINK = "rt.store(0, rt.pgd(), 0, rt.empty(0))"
"""The root's first slot is emptied, and the table that it links is lost."""
ASTRAY = "rt.pte_load(Slot(rt.pgd(), 0))"
"""The root is taken for a leaf table."""

INSTALL = "    map_page_locked(rt, addr, write_fault, page.pfn, page.writable)\n"
ATTEMPTS = "    for _ in rt.attempts():\n"
RETURN = "    rt.srcu_read_unlock()\n    return err\n"

BY_HAND = {
    "reach-by-one": ("gfn >= rt.layout.frames", "gfn > rt.layout.frames"),
    "installed-elsewhere": (INSTALL, INSTALL.replace("addr", "rt.ulong(U64)")),
    "root-slot-lost": (
        ATTEMPTS,
        f"    rt.spin_lock()\n    {UNLINK}\n    rt.spin_unlock()\n{ATTEMPTS}",
    ),
    "page-lost": (RETURN, f"    rt.alloc_pages(0)\n{RETURN}"),
}
"""Pieces of impl/multilevel/table.py and what they are replaced by."""

SLOW_PATH = "        err = map_page_slow(rt, addr, write_fault)\n"
READ_LOCK = "    rt.srcu_read_lock()\n"
CLEANED = "        kvm_mips_mkclean_gpa_pt(rt, base + bit, base + bit)\n"

NOTICED = {
    "lost before it is installed": (INSTALL, f"    rt.alloc_pages(0)\n{INSTALL}"),
    "lost before the slow path": (SLOW_PATH, f"        rt.alloc_pages(0)\n{SLOW_PATH}"),
    "lost for every bit": (CLEANED, f"{CLEANED}        rt.alloc_pages(0)\n"),
    "unlocked for every bit": (CLEANED, f"{CLEANED}        rt.spin_unlock()\n"),
    "slow path not tried": (SLOW_PATH, "        err = -ENOMEM\n"),
    "unlinked before the fast path": (
        READ_LOCK,
        f"    rt.spin_lock()\n    {UNLINK}\n    rt.spin_unlock()\n{READ_LOCK}",
    ),
}
"""Changes that an earlier form of the theorems did not notice, though a run does."""

PLANTED_NOTICED = (
    f"kvm_arch_mmu_enable_log_dirty_pt_masked: {UNLINK}",
    "kvm_arch_mmu_enable_log_dirty_pt_masked@loop: rt.srcu_read_lock()",
    "kvm_mips_flush_gpa_pte: rt.srcu_read_lock()",
    "kvm_mips_flush_gpa_pte: rt.destructor(1, rt.pgd())",
    "kvm_mips_flush_gpa_table: rt.srcu_read_lock()",
    "kvm_mips_range_op_pte: rt.srcu_read_lock()",
    "kvm_mips_range_op_table: rt.srcu_read_lock()",
    "kvm_mips_walk_pgd: rt.destructor(1, rt.pgd())",
    "map_page_locked: rt.srcu_read_lock()",
    "map_page_slow: rt.destructor(1, rt.pgd())",
    "table_init: rt.srcu_read_lock()",
    "kvm_mmu_topup_memory_cache: rt.spin_lock()",
    "kvm_mmu_free_memory_caches: rt.spin_lock()",
    "kvm_mips_flush_gpa_pt: rt.destructor(1, rt.pgd())",
    "kvm_mips_free_gpa_pt: rt.srcu_read_lock()",
    "pgd_free: rt.spin_lock()",
)
"""The same of statements put at the beginning of a function, or of its loop."""

NOT_OF_THE_TABLE = {
    ("pte", "encode"): "speaks of model.entry only",
    ("proof_entry", "own"): "speaks of the proof's own entry format only",
    ("kvm_arch_flush_shadow_all", "reach"): "the operation names no operand",
}
"""Clauses that no change to the table can refute."""


@dataclass(frozen=True)
class Named:
    """A mutant that refutes clauses of a lemma.

    It is named as ``proofs.mutants`` does, or by hand, or it is a statement put at the beginning
    of a function ('function: statement') or of its loop ('function@loop: statement').
    """

    lemma: str
    mutant: str
    clauses: str
    layout: str = NARROW

    def __str__(self) -> str:
        return f"{self.lemma}-{self.mutant}"

    @property
    def function(self) -> str:
        return self.lemma.partition("@")[0]


def find(name: str) -> tuple[str, Mutant]:
    """Return the mutant of that name, by rule or by hand."""
    change = BY_HAND.get(name) or NOTICED.get(name)
    if change:
        return by_hand(name, "table", *change)
    place, colon, statement = name.partition(": ")
    if colon:
        function, _, loop = place.partition("@")
        return planted(name, function, statement, bool(loop))
    return next(one for one in all_mutants() if one[1].name == name)


NAMED = (
    Named("slot_index", "slot_index:arithmetic-mod-div:0", "exact reach"),
    Named("pte", "mkdirty:off-by-one-more:4", "pfn_pte mkdirty"),
    Named("pte", "mkclean:condition-false:3", "mkclean"),
    Named("pte", "mkyoung:off-by-one-less:5", "mkyoung"),
    Named("pte", "mkold:condition-true:0", "mkold"),
    Named("kvm_pgd_alloc", "kvm_pgd_alloc:compare-ne-eq:0", "init exact memory invariant"),
    Named("table_init@1", "table_init: rt.fill(level, rt.cache_pop(), 0, 0, 0)", "exact memory"),
    Named("table_init@1", "table_init:off-by-one-more:7", "init"),
    Named("table_init@1", "table_init: rt.srcu_read_lock()", "accounting"),
    Named("kvm_mmu_topup_memory_cache", "kvm_mmu_topup_memory_cache:compare-eq-ne:0",
          "exact memory invariant"),
    Named("kvm_mmu_topup_memory_cache", "kvm_mmu_topup_memory_cache:variable-ENOMEM-EFAULT:1",
          "result"),
    Named("kvm_mmu_free_memory_caches", "kvm_mmu_free_memory_caches:compare-ne-eq:0",
          "leak exact memory invariant"),
    Named("kvm_mips_pte_for_gpa", "kvm_mips_pte_for_gpa:boolean-not-added:1", "exact memory"),
    Named("kvm_mips_pte_for_gpa", "reach-by-one", "reach", WIDE),
    Named("kvm_mips_pte_for_gpa", "kvm_mips_pte_for_gpa: rt.spin_unlock()", "lock"),
    Named("_kvm_mips_map_page_fast", "map_page_fast_locked:compare-is-is-not:0",
          "exact result dirty memory"),
    Named("_kvm_mips_map_page_fast", "_kvm_mips_map_page_fast:call-deleted:0", "lock accounting"),
    Named("_kvm_mips_map_page_fast", "map_page_fast_locked:return-deleted:1",
          "exact result invariant"),
    Named("_kvm_mips_map_page_fast", "reach-by-one", "exact result reach dirty", WIDE),
    Named("map_page_locked", "kvm_mips_walk_pgd:variable-child-table:1",
          "exact init memory invariant"),
    Named("map_page_locked", "map_page_locked: rt.spin_unlock()", "invalidation lock"),
    Named("map_page_locked", "map_page_locked:variable-write_fault-writable:0", "exact dirty"),
    Named("map_page_slow", "map_page_slow:off-by-one-more:6", "exact result dirty"),
    Named("map_page_slow", "map_page_slow:call-deleted:0", "invalidation lock accounting"),
    Named("map_page_slow", "map_page_slow:off-by-one-more:1", "memory"),
    Named("map_page_slow", "root-slot-lost", "exact invariant"),
    Named("map_page_slow", "installed-elsewhere", "exact reach dirty", WIDE),
    Named("kvm_mips_map_page", "kvm_mips_map_page:condition-true:0", "exact result dirty"),
    Named("kvm_mips_map_page", "kvm_mips_map_page:call-deleted:0", "lock accounting"),
    Named("kvm_mips_map_page", "reach-by-one", "reach", WIDE),
    Named("kvm_mips_map_page", "page-lost", "invariant"),
    Named("kvm_mips_flush_gpa_pte@1", "kvm_mips_flush_gpa_pte@loop: rt.pte_store(Slot(pte, i), 2)",
          "exact result memory invariant"),
    Named("kvm_mips_flush_gpa_pte@1", "kvm_mips_flush_gpa_pte@loop: rt.spin_unlock()",
          "lock accounting"),
    Named("kvm_mips_flush_gpa_table@0", "kvm_mips_flush_gpa_table:off-by-one-more:5",
          "exact result memory invariant leak"),
    Named("kvm_mips_flush_gpa_table@0", "kvm_mips_flush_gpa_table@loop: rt.spin_unlock()",
          "lock accounting"),
    Named("kvm_mips_flush_gpa_table@0", "kvm_mips_flush_gpa_table:off-by-one-more:21",
          "memory init"),
    Named("kvm_mips_mkclean_pte@1", "kvm_mips_range_op_pte@loop: rt.pte_store(Slot(pte, i), 2)",
          "exact result memory invariant"),
    Named("kvm_mips_mkclean_pte@1", "kvm_mips_range_op_pte@loop: rt.spin_unlock()",
          "lock accounting"),
    Named("kvm_mips_mkclean_table@0", "kvm_mips_range_op_table@loop: continue", "exact result"),
    Named("kvm_mips_mkclean_table@0", "kvm_mips_range_op_table@loop: rt.spin_unlock()",
          "lock accounting"),
    Named("kvm_mips_mkclean_table@0", "kvm_mips_range_op_table@loop: rt.pte_load(Slot(table, i))",
          "memory"),
    Named("kvm_mips_mkold_pte@1", "kvm_mips_range_op_pte@loop: rt.pte_store(Slot(pte, i), 2)",
          "exact result memory invariant"),
    Named("kvm_mips_mkold_pte@1", "kvm_mips_range_op_pte@loop: rt.spin_unlock()",
          "lock accounting"),
    Named("kvm_mips_mkold_table@0", "kvm_mips_range_op_table:off-by-one-less:16",
          "exact result memory"),
    Named("kvm_mips_mkold_table@0", "kvm_mips_range_op_table@loop: rt.spin_unlock()",
          "lock accounting"),
    Named("kvm_mips_test_young_pte@1", "kvm_mips_range_op_pte@loop: rt.pte_store(Slot(pte, i), 2)",
          "exact result memory"),
    Named("kvm_mips_test_young_pte@1", "kvm_mips_range_op_pte@loop: rt.spin_unlock()",
          "lock accounting"),
    Named("kvm_mips_test_young_table@0",
          "kvm_mips_range_op_table@loop: rt.store(level, table, i, rt.empty(level))",
          "exact result"),
    Named("kvm_mips_test_young_table@0", "kvm_mips_range_op_table@loop: rt.spin_unlock()",
          "lock accounting"),
    Named("kvm_mips_test_young_table@0",
          "kvm_mips_range_op_table@loop: rt.pte_load(Slot(table, i))",
          "memory"),
    Named("kvm_mips_flush_gpa_pt", "kvm_mips_flush_gpa_pt:off-by-one-more:3",
          "exact safe reach memory"),
    Named("kvm_mips_flush_gpa_pt", f"kvm_mips_flush_gpa_pt: {UNLINK}", "exact reach invariant"),
    Named("kvm_mips_flush_gpa_pt", "kvm_mips_flush_gpa_pt: rt.spin_unlock()", "lock accounting"),
    Named("kvm_mips_mkclean_gpa_pt", "kvm_mips_mkclean_gpa_pt:variable-start_gfn-end_gfn:0",
          "exact result reach"),
    Named("kvm_mips_mkclean_gpa_pt", f"kvm_mips_mkclean_gpa_pt: {ASTRAY}", "memory"),
    Named("kvm_mips_mkclean_gpa_pt", f"kvm_mips_mkclean_gpa_pt: {UNLINK}", "exact reach invariant"),
    Named("kvm_mips_mkclean_gpa_pt", "kvm_mips_mkclean_gpa_pt: rt.spin_unlock()",
          "lock accounting"),
    Named("kvm_mips_mkold_gpa_pt", "kvm_mips_mkold_gpa_pt:variable-start_gfn-end_gfn:0",
          "exact result reach"),
    Named("kvm_mips_mkold_gpa_pt", f"kvm_mips_mkold_gpa_pt: {ASTRAY}", "memory"),
    Named("kvm_mips_mkold_gpa_pt", f"kvm_mips_mkold_gpa_pt: {UNLINK}", "exact reach invariant"),
    Named("kvm_mips_mkold_gpa_pt", "kvm_mips_mkold_gpa_pt: rt.spin_unlock()", "lock accounting"),
    Named("kvm_arch_mmu_enable_log_dirty_pt_masked",
          "kvm_arch_mmu_enable_log_dirty_pt_masked:call-deleted:0",
          "exact reach"),
    Named("kvm_arch_mmu_enable_log_dirty_pt_masked",
          f"kvm_arch_mmu_enable_log_dirty_pt_masked: {ASTRAY}",
          "memory"),
    Named("kvm_arch_mmu_enable_log_dirty_pt_masked", "kvm_mips_mkclean_gpa_pt: rt.alloc_pages(0)",
          "invariant"),
    Named("kvm_arch_mmu_enable_log_dirty_pt_masked",
          "kvm_arch_mmu_enable_log_dirty_pt_masked: rt.spin_unlock()",
          "lock accounting"),
    Named("kvm_unmap_gfn_range", "kvm_unmap_gfn_range:condition-true:0", "exact result reach"),
    Named("kvm_unmap_gfn_range", "kvm_unmap_gfn_range:off-by-one-more:5", "exact reach memory"),
    Named("kvm_unmap_gfn_range", f"kvm_unmap_gfn_range: {UNLINK}", "exact reach invariant"),
    Named("kvm_unmap_gfn_range", "kvm_unmap_gfn_range: rt.spin_unlock()", "lock accounting"),
    Named("kvm_age_gfn", "kvm_age_gfn:off-by-one-more:8", "exact result reach memory"),
    Named("kvm_age_gfn", f"kvm_age_gfn: {UNLINK}", "exact reach invariant"),
    Named("kvm_age_gfn", "kvm_age_gfn: rt.spin_unlock()", "lock accounting"),
    Named("kvm_test_age_gfn", f"kvm_test_age_gfn: {UNLINK}", "exact result reach invariant"),
    Named("kvm_test_age_gfn", "kvm_mips_range_op_gpa_pt:off-by-one-more:3", "result reach memory"),
    Named("kvm_test_age_gfn", "kvm_test_age_gfn: rt.spin_unlock()", "lock accounting"),
    Named("kvm_arch_flush_shadow_memslot", f"kvm_arch_flush_shadow_memslot: {UNLINK}",
          "exact reach invariant lock"),
    Named("kvm_arch_flush_shadow_memslot", "kvm_arch_flush_shadow_memslot:call-deleted:0",
          "lock accounting"),
    Named("kvm_arch_flush_shadow_memslot", f"kvm_arch_flush_shadow_memslot: {ASTRAY}",
          "memory lock"),
    Named("kvm_arch_flush_shadow_all", "kvm_arch_flush_shadow_all:call-deleted:0",
          "lock accounting"),
    Named("kvm_arch_flush_shadow_all", "gpa_of:off-by-one-less:1", "exact"),
    Named("kvm_arch_flush_shadow_all", f"kvm_arch_flush_shadow_all: {ASTRAY}", "memory lock"),
    Named("kvm_arch_flush_shadow_all", f"kvm_arch_flush_shadow_all: {UNLINK}", "invariant lock"),
    Named("kvm_arch_commit_memory_region", f"kvm_arch_commit_memory_region: {UNLINK}",
          "exact reach invariant lock"),
    Named("kvm_arch_commit_memory_region", "kvm_arch_commit_memory_region:call-deleted:2",
          "accounting"),
    Named("kvm_arch_commit_memory_region", f"kvm_arch_commit_memory_region: {ASTRAY}",
          "memory lock"),
    Named("kvm_mips_free_gpa_pt", "kvm_mips_free_gpa_pt:off-by-one-less:0", "warning leak"),
    Named("kvm_mips_free_gpa_pt", f"kvm_mips_free_gpa_pt: {ASTRAY}", "memory"),
    Named("kvm_mips_free_gpa_pt", "kvm_mips_free_gpa_pt: rt.spin_lock(); rt.spin_lock()", "lock"),
    *(Named(name, f"{name}: rt.srcu_read_lock()", "accounting") for name in (
        "kvm_mmu_topup_memory_cache", "kvm_mips_pte_for_gpa", "kvm_mips_free_gpa_pt",
        "kvm_pgd_alloc", "kvm_mmu_free_memory_caches", "map_page_locked",
    )),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("name", [*NOTICED, *PLANTED_NOTICED])
def test_what_runs_notice_of_hand_made_changes_the_proof_notices(name: str) -> None:
    module, mutant = find(name)
    assert trial(LAYOUTS[0]).judge(module, mutant).killed


def quick() -> list[Named]:
    """Return enough of them to see every function and every clause fail."""
    seen: set[str] = set()
    found = []
    for one in NAMED:
        new = {f"{one.function}()", *one.clauses.split()} - seen
        if new:
            found.append(one)
            seen |= new
    return found


def check(one: Named) -> None:
    module, mutant = find(one.mutant)
    verdict = trial(one.layout).judge(module, mutant, only=one.lemma)
    assert {(one.lemma, clause) for clause in one.clauses.split()} <= verdict.refuted()


@pytest.mark.slow
@pytest.mark.parametrize("one", quick(), ids=str)
def test_every_function_and_every_clause_notices_a_mutant(one: Named) -> None:
    check(one)


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("one", [one for one in NAMED if one not in quick()], ids=str)
def test_every_clause_of_every_function_notices_a_mutant(one: Named) -> None:
    check(one)


def test_no_clause_is_left_out() -> None:
    named = {(one.function, clause) for one in NAMED for clause in one.clauses.split()}
    pairs = {(name, clause) for name, clauses in ENTRY_CLAUSES.items() for clause in clauses}
    assert pairs - set(NOT_OF_THE_TABLE) <= named
    assert not named & set(NOT_OF_THE_TABLE)
