# SPDX-License-Identifier: GPL-2.0-only
"""Named behaviours of the kernel that break a promise; the built-in table has none of them."""

from __future__ import annotations

from impl.gstage import as_in_kernel
from impl.quirk import Quirk, Quirks, everywhere
from model.layout import Layout
from model.operations import Kind


def _narrow(layout: Layout) -> bool:
    """Return whether an ``unsigned long`` cannot hold every address within reach."""
    return layout.geometry.reach_bits > layout.bits


UNMAP_SKIPS_PARTS = Quirk(
    "unmap-skips-parts",
    "A removal leaves a leaf of which its range covers a part only, and goes on from there, or "
    "from within a hole, by the size of a whole leaf, past what begins in between.",
    "gstage_unmap_range",
    (Kind.FLUSH, Kind.UNMAP, Kind.FLUSH_SLOT, Kind.IOUNMAP),
    ("stale-mapping",),
    everywhere,
    {"gstage_unmap_range": everywhere},
)
WP_SKIPS_PARTS = Quirk(
    "wp-skips-parts",
    "Write protection leaves a leaf of which its range covers a part only, and goes on from "
    "there, or from within a hole, by the size of a whole leaf.",
    "gstage_wp_range",
    (Kind.MKCLEAN, Kind.LOG_DIRTY_MASKED, Kind.COMMIT_REGION),
    ("stale-mapping",),
    everywhere,
    {"gstage_wp_range": everywhere},
)
STEPS_OVER_LEAVES = Quirk(
    "steps-over-leaves",
    "From an address within a hole a range operation goes on by the size of the whole hole, past "
    "the leaf that begins behind it.",
    "gstage_wp_range",
    (Kind.MKCLEAN, Kind.LOG_DIRTY_MASKED, Kind.COMMIT_REGION, Kind.FLUSH, Kind.UNMAP, Kind.AGE),
    ("stale-mapping", "wrong-result"),
    everywhere,
    {"hole_end": everywhere},
)
DIRTY_MASK_HULL = Quirk(
    "leaf-dirty-mask-hull",
    "The masked dirty log write-protects every page between the lowest and the highest bit.",
    "kvm_arch_mmu_enable_log_dirty_pt_masked",
    (Kind.LOG_DIRTY_MASKED,),
    ("collateral-change",),
    everywhere,
    {"kvm_arch_mmu_enable_log_dirty_pt_masked": everywhere},
)
AGE_FIRST_LEAF = Quirk(
    "age-first-leaf",
    "Ageing looks at the leaf of the range's first frame only, and warns of a range that is not "
    "as long as a leaf.",
    "kvm_age_gfn",
    (Kind.AGE, Kind.TEST_AGE),
    ("stale-mapping", "wrong-result", "kernel-warning"),
    everywhere,
    {"kvm_age_gfn": everywhere, "kvm_test_age_gfn": everywhere},
)
LEAF_OVER_TABLE = Quirk(
    "leaf-over-table",
    "A large leaf overwrites the link of a table, which is lost with the tables below it.",
    "gstage_set_pte",
    (Kind.DESTROY,),
    ("leak",),
    everywhere,
    {"gstage_make_way": everywhere},
)
NO_SPLIT = Quirk(
    "no-split",
    "A page that a larger leaf maps cannot be mapped by itself: the answer is -EEXIST.",
    "gstage_map_page",
    (Kind.FAULT, Kind.MAP, Kind.IOREMAP),
    ("wrong-entry", "wrong-result"),
    everywhere,
    {"gstage_map_page": everywhere},
)
HOST_SIZE_UNCHECKED = Quirk(
    "host-size-unchecked",
    "A leaf is as large as the host's page, whether it is aligned and within its memslot or not.",
    "mmu_map",
    (Kind.FAULT,),
    ("wrong-entry",),
    everywhere,
    {"fits": everywhere, "first_pfn": everywhere},
)
TABLES_KEPT = Quirk(
    "tables-kept",
    "The end of the table removes the leaves only: no table below the root is given back.",
    "mmu_free_pgd",
    (Kind.DESTROY,),
    ("leak",),
    everywhere,
    {"gstage_clear_root": everywhere},
)
FLUSH_TRUNCATED = Quirk(
    "flush-truncated",
    "The address that is flushed is cut off to an unsigned long.",
    "gstage_tlb_flush",
    (Kind.FAULT, Kind.MAP, Kind.FLUSH, Kind.MKCLEAN, Kind.UNMAP, Kind.FLUSH_SLOT, Kind.SPLIT),
    ("unflushed",),
    _narrow,
    {"gstage_tlb_flush": _narrow},
)
REGION_TRUNCATED = Quirk(
    "region-truncated",
    "Borders of what is write-protected, and addresses of devices, are cut off to a phys_addr_t.",
    "mmu_wp_memory_region",
    (Kind.LOG_DIRTY_MASKED, Kind.COMMIT_REGION, Kind.IOREMAP),
    ("stale-mapping", "wrong-entry", "collateral-change"),
    _narrow,
    {"region_address": _narrow, "device_gfn": _narrow},
)
TOP_SLOT_REFUSED = Quirk(
    "top-slot-refused",
    "A memslot that ends with the last frame within reach is refused.",
    "kvm_arch_prepare_memory_region",
    (Kind.PREPARE_REGION,),
    ("wrong-result",),
    everywhere,
    {"beyond_reach": everywhere},
)

QUIRKS: tuple[Quirk, ...] = (
    UNMAP_SKIPS_PARTS,
    WP_SKIPS_PARTS,
    STEPS_OVER_LEAVES,
    DIRTY_MASK_HULL,
    AGE_FIRST_LEAF,
    LEAF_OVER_TABLE,
    NO_SPLIT,
    HOST_SIZE_UNCHECKED,
    TABLES_KEPT,
    FLUSH_TRUNCATED,
    REGION_TRUNCATED,
    TOP_SLOT_REFUSED,
)

TABLE = Quirks(QUIRKS, as_in_kernel)
quirk = TABLE.named
