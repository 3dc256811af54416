# SPDX-License-Identifier: GPL-2.0-only
"""Named behaviours of the kernel that break a promise; the built-in table has none of them."""

from __future__ import annotations

from impl.multilevel import as_in_kernel
from impl.quirk import Quirk, Quirks, everywhere
from model.entry import EntryFormat
from model.layout import Layout
from model.operations import Kind


def _four_levels(layout: Layout) -> bool:
    return layout.levels == 4


def _middle_tables(layout: Layout) -> bool:
    return layout.levels >= 3


def _odd_root(layout: Layout) -> bool:
    return layout.root.entries % 8 != 0


def _large_root(layout: Layout) -> bool:
    return layout.root.order > 0


def _pfn_gap(layout: Layout) -> bool:
    return not layout.entry.holds(layout.pfn_top)


def no_read_in_pfn_word(entry: EntryFormat) -> int:
    """Return the bit of a raw entry at which XPA's ``pte_mkyoung()`` looks for NO_READ.

    The bit belongs to the high word, but is tested in the low one, where PFN bits are; 0 for
    formats with one PFN field.
    """
    if len(entry.pfn) < 2:
        return 0
    return entry.flags["no-read"] >> 32


def _pfn_reads_as_no_read(layout: Layout) -> bool:
    bit = no_read_in_pfn_word(layout.entry)
    return bool(layout.entry.decode_pfn(bit) & layout.pfn_top)


NOTIFIER_END_INCLUSIVE = Quirk(
    "notifier-end-inclusive",
    "The exclusive end of a notifier's range is handed on as its last frame: one page too many, "
    "and nothing at all where the end is the top of the reach.",
    "kvm_unmap_gfn_range",
    (Kind.UNMAP, Kind.AGE),
    ("collateral-change", "stale-mapping", "wrong-result"),
    everywhere,
    {"notifier_last": everywhere},
)
DIRTY_MASK_HULL = Quirk(
    "dirty-mask-hull",
    "The masked dirty log cleans every page between the lowest and the highest bit of the mask.",
    "kvm_arch_mmu_enable_log_dirty_pt_masked",
    (Kind.LOG_DIRTY_MASKED,),
    ("collateral-change",),
    everywhere,
    {"kvm_arch_mmu_enable_log_dirty_pt_masked": everywhere},
)
NO_REACH_CHECK = Quirk(
    "no-reach-check",
    "An address at or beyond the reach is truncated and masked into the table, not refused.",
    "kvm_mips_walk_pgd",
    (
        Kind.FAULT,
        Kind.FAULT_FAST,
        Kind.LOOKUP,
        Kind.FLUSH,
        Kind.MKCLEAN,
        Kind.MKOLD,
        Kind.LOG_DIRTY_MASKED,
        Kind.UNMAP,
        Kind.AGE,
        Kind.TEST_AGE,
        Kind.FLUSH_SLOT,
        Kind.COMMIT_REGION,
    ),
    ("aliasing",),
    everywhere,
    {"beyond_reach": everywhere},
)
PGD_INIT_BY_EIGHT = Quirk(
    "pgd-init-by-eight",
    "The root is initialised in steps of eight slots that end only at exactly its last slot, so "
    "a root whose size is no multiple of eight is written past its end.",
    "kvm_pgd_init",
    (Kind.CREATE,),
    ("out-of-bounds",),
    _odd_root,
    {"kvm_pgd_init": everywhere},
)
PGD_INIT_SKIPS_PUD = Quirk(
    "pgd-init-skips-pud",
    "With four levels the slots of the root are initialised with the empty marker of a PUD slot, "
    "so every walk takes an empty table for one of another level.",
    "kvm_pgd_init",
    (Kind.FAULT, Kind.FAULT_FAST, Kind.LOOKUP, Kind.FLUSH, Kind.DESTROY),
    ("bad-access",),
    _four_levels,
    {"pgd_marker": everywhere},
)
WALK_SKIPS_PUD = Quirk(
    "walk-skips-pud",
    "With four levels the walk never allocates a PUD table, and the cache minimum is two pages, "
    "so a new table is linked into the shared empty PUD table.",
    "kvm_mips_walk_pgd",
    (Kind.FAULT,),
    ("out-of-bounds",),
    _four_levels,
    {"pgd_none": _four_levels, "cache_minimum": everywhere},
)
PGD_ALWAYS_PRESENT = Quirk(
    "pgd-always-present",
    "With four levels the flush takes every slot of the root for present, so it frees the shared "
    "empty PUD table.",
    "kvm_mips_flush_gpa_pgd",
    (Kind.FLUSH, Kind.UNMAP, Kind.FLUSH_SLOT, Kind.FLUSH_ALL, Kind.DESTROY),
    ("wild-free",),
    _four_levels,
    {"pgd_present": _four_levels},
)
PGD_FREED_AS_ONE_PAGE = Quirk(
    "pgd-freed-as-one-page",
    "The root is freed by its compound order although the block is not compound, so of a root of "
    "several pages all but the first are never given back.",
    "pgd_free",
    (Kind.DESTROY,),
    ("leak",),
    _large_root,
    {"pgd_free": everywhere},
)
PMD_DESTRUCTOR_UNPAIRED = Quirk(
    "pmd-destructor-unpaired",
    "Freeing a PMD or PUD table runs its destructor although its constructor never ran.",
    "pmd_free",
    (Kind.DESTROY,),
    ("accounting",),
    _middle_tables,
    {"table_free": everywhere},
)
PFN_TRUNCATED = Quirk(
    "pfn-truncated",
    "PFN bits for which the entry format has no place are silently lost.",
    "pfn_pte",
    (Kind.FAULT,),
    ("wrong-entry",),
    _pfn_gap,
)
YOUNG_READS_PFN_WORD = Quirk(
    "young-reads-pfn-word",
    "An old entry that becomes young gets V only if a bit of the word that holds the upper PFN "
    "bits is clear, because NO_READ is looked for in that word.",
    "pte_mkyoung",
    (Kind.FAULT, Kind.FAULT_FAST),
    ("wrong-entry",),
    _pfn_reads_as_no_read,
)
FLUSH_ALL_UNLOCKED = Quirk(
    "flush-all-unlocked",
    "The flush of the whole map runs without mmu_lock.",
    "kvm_arch_flush_shadow_all",
    (Kind.FLUSH_ALL,),
    ("unlocked-access",),
    everywhere,
    {"kvm_arch_flush_shadow_all": everywhere},
)

QUIRKS: tuple[Quirk, ...] = (
    NOTIFIER_END_INCLUSIVE,
    DIRTY_MASK_HULL,
    NO_REACH_CHECK,
    PGD_INIT_BY_EIGHT,
    PGD_INIT_SKIPS_PUD,
    WALK_SKIPS_PUD,
    PGD_ALWAYS_PRESENT,
    PGD_FREED_AS_ONE_PAGE,
    PMD_DESTRUCTOR_UNPAIRED,
    PFN_TRUNCATED,
    YOUNG_READS_PFN_WORD,
    FLUSH_ALL_UNLOCKED,
)

TABLE = Quirks(QUIRKS, as_in_kernel)
quirk, replaceable, replacements, with_quirks = (
    TABLE.named,
    TABLE.replaceable,
    TABLE.replacements,
    TABLE.put_into,
)
