# SPDX-License-Identifier: GPL-2.0-only
"""The lemmas on the reference table: which script proves which function, and what it decides."""

from __future__ import annotations

from impl.gstage.interface import LeafOp
from model.layout import Layout
from model.operations import Kind
from proofs.lemmas.base import Lemma
from proofs.lemmas.leaf_entries import RANGES, gfn_range, map_locked, mapping_level
from proofs.lemmas.leaves import clear_table, destroy, get_leaf, map_page, op_range, split
from proofs.lemmas.life import create
from proofs.lemmas.walk import index

_SAFE = ("memory", "lock", "accounting")
_RANGE = ("exact", "result", *_SAFE, "invariant", "flush")
_SLOT = ("exact", *_SAFE, "invariant", "flush")
_MAP = ("exact", "result", "init", *_SAFE, "invariant", "flush")

CLAUSES: dict[str, tuple[str, ...]] = {
    "slot_index": ("exact", "reach"),
    "gstage_get_leaf": ("exact", "result", *_SAFE),
    "gstage_clear_table": ("exact", *_SAFE, "invariant", "flush"),
    "gstage_map_page": _MAP,
    "gstage_split_huge": ("exact", "init", *_SAFE, "invariant", "flush"),
    "gstage_unmap_range": _RANGE,
    "gstage_wp_range": _RANGE,
    "gstage_mkold_range": _RANGE,
    "gstage_test_young_range": _RANGE,
    "kvm_unmap_gfn_range": (*_RANGE, "warning"),
    "kvm_age_gfn": (*_RANGE, "warning"),
    "kvm_test_age_gfn": (*_RANGE, "warning"),
    "kvm_arch_flush_shadow_memslot": _SLOT,
    "kvm_arch_commit_memory_region": _SLOT,
    "mapping_level": ("exact", "accounting"),
    "map_locked": ("exact", "result", "dirty", "memory", "lock", "invariant"),
    "mmu_alloc_pgd": ("init", "exact", "memory", "invariant", "accounting"),
    "mmu_free_pgd": ("leak", "flush", "memory", "lock", "accounting"),
}
"""The clauses that each function's lemma must decide."""

_RANGES = {
    "gstage_unmap_range": (LeafOp.CLEAR, Kind.FLUSH),
    "gstage_wp_range": (LeafOp.WP, Kind.MKCLEAN),
    "gstage_mkold_range": (LeafOp.MKOLD, Kind.AGE),
    "gstage_test_young_range": (LeafOp.TEST_YOUNG, Kind.TEST_AGE),
}


def lemmas(layout: Layout) -> list[Lemma]:
    """Return every lemma of a layout, in the order in which the argument uses them."""
    levels = range(layout.levels)
    found = [
        Lemma("slot_index", index),
        Lemma("mmu_alloc_pgd", create, kind=Kind.CREATE),
        Lemma("gstage_get_leaf", get_leaf, kind=Kind.LOOKUP),
    ]
    found += [
        Lemma("gstage_clear_table", clear_table(level), level, Kind.DESTROY)
        for level in reversed(levels)
    ]
    for level in reversed(levels):
        if level:
            found.append(Lemma("gstage_split_huge", split(level), level, Kind.SPLIT))
        found.append(Lemma("gstage_map_page", map_page(level), level, Kind.MAP, long=True))
    for name, (op, kind) in _RANGES.items():
        found.append(Lemma(name, op_range(op), kind=kind, long=True))
    found += [Lemma(name, gfn_range(name), kind=kind) for name, (_, kind, _) in RANGES.items()]
    found.append(Lemma("mapping_level", mapping_level, kind=Kind.FAULT))
    found.append(Lemma("map_locked", map_locked, kind=Kind.FAULT))
    found.append(Lemma("mmu_free_pgd", destroy, kind=Kind.DESTROY))
    return found
