# SPDX-License-Identifier: GPL-2.0-only
"""Which theorems each quirk must refute where it bites: those, and no others."""

from __future__ import annotations

from impl.multilevel import quirks
from impl.quirk import Quirk
from model.layout import Layout

_FAULTS = ("kvm_mips_pte_for_gpa", "_kvm_mips_map_page_fast", "kvm_mips_map_page")
_RANGES = (
    "kvm_mips_flush_gpa_pt",
    "kvm_mips_mkclean_gpa_pt",
    "kvm_mips_mkold_gpa_pt",
    "kvm_arch_mmu_enable_log_dirty_pt_masked",
    "kvm_unmap_gfn_range",
    "kvm_age_gfn",
    "kvm_test_age_gfn",
    "kvm_arch_flush_shadow_memslot",
    "kvm_arch_commit_memory_region",
)
_FREED_BELOW = ("exact", "result", "memory", "invariant", "leak")

_REFUTED: dict[Quirk, tuple[str, ...]] = {
    quirks.NOTIFIER_END_INCLUSIVE: (
        "kvm_unmap_gfn_range/exact",
        "kvm_unmap_gfn_range/reach",
        "kvm_age_gfn/exact",
        "kvm_age_gfn/result",
        "kvm_age_gfn/reach",
    ),
    quirks.DIRTY_MASK_HULL: (
        "kvm_arch_mmu_enable_log_dirty_pt_masked/exact",
        "kvm_arch_mmu_enable_log_dirty_pt_masked/reach",
    ),
    quirks.NO_REACH_CHECK: tuple(f"{name}/reach" for name in _RANGES),
    quirks.PGD_INIT_BY_EIGHT: ("kvm_pgd_alloc/memory",),
    quirks.PGD_INIT_SKIPS_PUD: ("kvm_pgd_alloc/init", "kvm_pgd_alloc/invariant"),
    quirks.WALK_SKIPS_PUD: tuple(
        f"map_page_locked/{clause}" for clause in ("exact", "memory", "invariant")
    ),
    quirks.PGD_ALWAYS_PRESENT: tuple(f"kvm_mips_flush_gpa_pgd/{clause}" for clause in _FREED_BELOW),
    quirks.PGD_FREED_AS_ONE_PAGE: ("kvm_mips_free_gpa_pt/leak",),
    quirks.PMD_DESTRUCTOR_UNPAIRED: (
        "kvm_mips_flush_gpa_pgd/accounting",
        "kvm_mips_flush_gpa_pud/accounting",
    ),
    quirks.PFN_TRUNCATED: ("pte/pfn_pte",),
    quirks.YOUNG_READS_PFN_WORD: ("pte/mkyoung",),
    quirks.FLUSH_ALL_UNLOCKED: ("kvm_arch_flush_shadow_all/lock",),
}


def refuted_by(quirk: Quirk, layout: Layout) -> frozenset[str]:
    """Return the theorems, as ``function/clause``, that a quirk must refute in a layout.

    No address of a fault can lie beyond a reach that is as wide as a word.
    """
    if not quirk.bites(layout):
        return frozenset()
    found = set(_REFUTED[quirk])
    if quirk == quirks.NO_REACH_CHECK and layout.geometry.reach_bits < layout.bits:
        found |= {f"{name}/reach" for name in _FAULTS}
    return frozenset(found)
