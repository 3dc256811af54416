# SPDX-License-Identifier: GPL-2.0-only
"""Which theorems each quirk must refute where it bites: those, and no others."""

from __future__ import annotations

from impl.gstage import quirks
from impl.quirk import Quirk
from model.layout import Layout

_WALKS = ("gstage_unmap_range", "gstage_wp_range", "gstage_mkold_range", "gstage_test_young_range")

_REFUTED: dict[Quirk, tuple[str, ...]] = {
    quirks.UNMAP_SKIPS_PARTS: ("gstage_unmap_range/exact", "gstage_unmap_range/result"),
    quirks.WP_SKIPS_PARTS: ("gstage_wp_range/exact", "gstage_wp_range/result"),
    quirks.STEPS_OVER_LEAVES: tuple(
        f"{name}/{clause}" for name in _WALKS for clause in ("exact", "result")
    ),
    quirks.AGE_FIRST_LEAF: (
        *(f"kvm_age_gfn/{clause}" for clause in ("exact", "result", "warning")),
        *(f"kvm_test_age_gfn/{clause}" for clause in ("result", "warning")),
    ),
    quirks.HOST_SIZE_UNCHECKED: ("mapping_level/exact",),
    quirks.TABLES_KEPT: ("mmu_free_pgd/leak",),
    quirks.REGION_TRUNCATED: ("kvm_arch_commit_memory_region/exact",),
}
"""Of theorems that are one for all levels."""


def refuted_by(quirk: Quirk, layout: Layout) -> frozenset[str]:
    """Return the theorems, as ``function/clause``, that a quirk must refute in a layout.

    A leaf is in the way of smaller ones only, and a table in that of larger ones.
    """
    if not quirk.bites(layout):
        return frozenset()
    found = set(_REFUTED.get(quirk, ()))
    names = [level.name for level in layout.tables]
    if quirk == quirks.NO_SPLIT:
        for name in names[1:]:
            found |= {f"gstage_map_{name}/exact", f"gstage_map_{name}/result"}
    if quirk == quirks.LEAF_OVER_TABLE:
        found |= {f"gstage_map_{name}/invariant" for name in names[:-1]}
    if quirk == quirks.FLUSH_TRUNCATED:
        for name in names:
            found |= {f"gstage_clear_{name}/flush", f"gstage_map_{name}/flush"}
        found |= {"gstage_unmap_range/flush", "gstage_wp_range/flush"}
    return frozenset(found)
