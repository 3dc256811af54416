# SPDX-License-Identifier: GPL-2.0-only
"""The lemmas on the reference table: which script proves which function, and what it decides."""

from __future__ import annotations

from impl.multilevel.interface import RangeOp
from model.layout import Layout
from model.operations import Kind
from model.ports.mips.functions import FUNCTIONS
from proofs.lemmas.base import Lemma
from proofs.lemmas.entries import entries, own_entries
from proofs.lemmas.faults import fault, fault_fast, map_locked, map_slow
from proofs.lemmas.life import create, destroy, free_caches, table_init, topup
from proofs.lemmas.ranges import RANGES, entry_point
from proofs.lemmas.tables import of_table
from proofs.lemmas.walk import index, lookup

_TABLE = ("exact", "result", "memory", "lock", "accounting")
_ENTRY = ("exact", "reach", "memory", "invariant", "lock", "accounting")
_RANGE = ("exact", "result", "reach", "memory", "lock", "accounting")

ENTRY_CLAUSES: dict[str, tuple[str, ...]] = {
    "slot_index": ("exact", "reach"),
    "pte": ("encode", "pfn_pte", "mkyoung", "mkold", "mkdirty", "mkclean"),
    "proof_entry": ("own",),
    "kvm_pgd_alloc": ("init", "exact", "memory", "invariant", "accounting"),
    "table_init": ("init", "exact", "memory", "accounting"),
    "kvm_mmu_topup_memory_cache": ("result", "exact", "memory", "invariant", "accounting"),
    "kvm_mmu_free_memory_caches": ("leak", "exact", "memory", "invariant", "accounting"),
    "kvm_mips_pte_for_gpa": ("exact", "reach", "memory", "lock", "accounting"),
    "_kvm_mips_map_page_fast": (
        "exact", "result", "reach", "dirty", "memory", "invariant", "lock", "accounting",
    ),
    "map_page_locked": (
        "exact", "dirty", "init", "invalidation", "memory", "invariant", "lock",
        "accounting",
    ),
    "map_page_slow": (
        "exact", "result", "reach", "dirty", "invalidation", "memory", "invariant", "lock",
        "accounting",
    ),
    "kvm_mips_map_page": (
        "exact", "result", "reach", "dirty", "invariant", "lock", "accounting",
    ),
    "kvm_mips_flush_gpa_pte": (*_TABLE, "invariant"),
    "kvm_mips_flush_gpa_table": (*_TABLE, "invariant", "init", "leak"),
    "kvm_mips_mkclean_pte": (*_TABLE, "invariant"),
    "kvm_mips_mkclean_table": _TABLE,
    "kvm_mips_mkold_pte": (*_TABLE, "invariant"),
    "kvm_mips_mkold_table": _TABLE,
    "kvm_mips_test_young_pte": _TABLE,
    "kvm_mips_test_young_table": _TABLE,
    "kvm_mips_flush_gpa_pt": (
        "exact", "safe", "reach", "memory", "invariant", "lock", "accounting",
    ),
    "kvm_mips_mkclean_gpa_pt": (*_RANGE, "invariant"),
    "kvm_mips_mkold_gpa_pt": (*_RANGE, "invariant"),
    "kvm_arch_mmu_enable_log_dirty_pt_masked": (
        "exact", "reach", "memory", "invariant", "lock", "accounting",
    ),
    "kvm_unmap_gfn_range": (*_RANGE, "invariant"),
    "kvm_age_gfn": (*_RANGE, "invariant"),
    "kvm_test_age_gfn": (*_RANGE, "invariant"),
    "kvm_arch_flush_shadow_memslot": _ENTRY,
    "kvm_arch_flush_shadow_all": ("exact", "reach", "memory", "invariant", "lock", "accounting"),
    "kvm_arch_commit_memory_region": _ENTRY,
    "kvm_mips_free_gpa_pt": ("warning", "leak", "memory", "lock", "accounting"),
}  # fmt: skip
"""The clauses that each function's lemma must decide."""


def lemmas(layout: Layout) -> list[Lemma]:
    """Return every lemma of a layout, in the order in which the argument uses them."""
    leaf = layout.levels - 1
    found = [
        Lemma("proof_entry", own_entries, scope="entry"),
        Lemma("pte", entries, kind=Kind.FAULT, scope="entry"),
        Lemma("slot_index", index),
        Lemma("kvm_pgd_alloc", create, kind=Kind.CREATE),
    ]
    found += [Lemma("table_init", table_init(level), level) for level in range(1, layout.levels)]
    found += [
        Lemma("kvm_mmu_topup_memory_cache", topup),
        Lemma("kvm_mmu_free_memory_caches", free_caches),
        Lemma("kvm_mips_pte_for_gpa", lookup, kind=Kind.LOOKUP),
        Lemma("_kvm_mips_map_page_fast", fault_fast, kind=Kind.FAULT_FAST),
        Lemma("map_page_locked", map_locked, kind=Kind.FAULT),
        Lemma("map_page_slow", map_slow, kind=Kind.FAULT),
        Lemma("kvm_mips_map_page", fault, kind=Kind.FAULT),
    ]
    for level in reversed(range(layout.levels)):
        name = f"kvm_mips_flush_gpa_{'pte' if level == leaf else 'table'}"
        script = of_table(level, None)
        found.append(Lemma(name, script, level, Kind.FLUSH))
    for op in RangeOp:
        kind = {"mkclean": Kind.MKCLEAN, "mkold": Kind.MKOLD}.get(op.value, Kind.TEST_AGE)
        for level in reversed(range(layout.levels)):
            script = of_table(level, op)
            name = f"kvm_mips_{op.value}_{'pte' if level == leaf else 'table'}"
            found.append(Lemma(name, script, level, kind, uniform=level != leaf))
    for kind, locks in RANGES:
        found.append(Lemma(FUNCTIONS[kind], entry_point(kind, locks), kind=kind))
    found.append(Lemma("kvm_mips_free_gpa_pt", destroy, kind=Kind.DESTROY))
    return found
