# SPDX-License-Identifier: GPL-2.0-only
"""Named behaviours of the kernel that break a promise; the built-in table has none of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import FunctionType, ModuleType

from impl.multilevel import as_in_kernel
from model.entry import EntryFormat
from model.layout import Layout
from model.operations import Kind


@dataclass(frozen=True)
class Quirk:
    """One behaviour of the kernel that can be switched on.

    ``bites`` says in which layouts it can be observed; ``kinds`` are the operations it shows
    in, ``rules`` the promises that it breaks there, ``function`` the kernel function it sits in.
    ``replaces`` names the functions of ``table.py`` in whose place those of ``as_in_kernel.py``
    are put, each with the layouts where they are; of none it is a matter of entries (``pte.py``).
    """

    name: str
    statement: str = field(compare=False)
    function: str = field(compare=False)
    kinds: tuple[Kind, ...] = field(compare=False)
    rules: tuple[str, ...] = field(compare=False)
    bites: Callable[[Layout], bool] = field(compare=False, repr=False)
    replaces: Mapping[str, Callable[[Layout], bool]] = field(
        default_factory=dict, compare=False, repr=False
    )


def _everywhere(_: Layout) -> bool:
    return True


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
    return dict(entry.named)["no-read"] >> 32


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
    _everywhere,
    {"notifier_last": _everywhere},
)
DIRTY_MASK_HULL = Quirk(
    "dirty-mask-hull",
    "The masked dirty log cleans every page between the lowest and the highest bit of the mask.",
    "kvm_arch_mmu_enable_log_dirty_pt_masked",
    (Kind.LOG_DIRTY_MASKED,),
    ("collateral-change",),
    _everywhere,
    {"kvm_arch_mmu_enable_log_dirty_pt_masked": _everywhere},
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
    _everywhere,
    {"beyond_reach": _everywhere},
)
PGD_INIT_BY_EIGHT = Quirk(
    "pgd-init-by-eight",
    "The root is initialised in steps of eight slots that end only at exactly its last slot, so "
    "a root whose size is no multiple of eight is written past its end.",
    "kvm_pgd_init",
    (Kind.CREATE,),
    ("out-of-bounds",),
    _odd_root,
    {"kvm_pgd_init": _everywhere},
)
PGD_INIT_SKIPS_PUD = Quirk(
    "pgd-init-skips-pud",
    "With four levels the slots of the root are initialised with the empty marker of a PUD slot, "
    "so every walk takes an empty table for one of another level.",
    "kvm_pgd_init",
    (Kind.FAULT, Kind.FAULT_FAST, Kind.LOOKUP, Kind.FLUSH, Kind.DESTROY),
    ("bad-access",),
    _four_levels,
    {"pgd_marker": _everywhere},
)
WALK_SKIPS_PUD = Quirk(
    "walk-skips-pud",
    "With four levels the walk never allocates a PUD table, and the cache minimum is two pages, "
    "so a new table is linked into the shared empty PUD table.",
    "kvm_mips_walk_pgd",
    (Kind.FAULT,),
    ("out-of-bounds",),
    _four_levels,
    {"pgd_none": _four_levels, "cache_minimum": _everywhere},
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
    {"pgd_free": _everywhere},
)
PMD_DESTRUCTOR_UNPAIRED = Quirk(
    "pmd-destructor-unpaired",
    "Freeing a PMD or PUD table runs its destructor although its constructor never ran.",
    "pmd_free",
    (Kind.DESTROY,),
    ("accounting",),
    _middle_tables,
    {"table_free": _everywhere},
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
    _everywhere,
    {"kvm_arch_flush_shadow_all": _everywhere},
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


def quirk(name: str) -> Quirk:
    """Return the quirk called ``name``. Raises KeyError where there is none."""
    for candidate in QUIRKS:
        if candidate.name == name:
            return candidate
    raise KeyError(name)


def replaceable(layout: Layout) -> dict[str, frozenset[Quirk]]:
    """Return the functions of the table that quirks replace in a layout, and which quirks."""
    names: dict[str, set[Quirk]] = {}
    for candidate in QUIRKS:
        for name, where in candidate.replaces.items():
            if where(layout):
                names.setdefault(name, set()).add(candidate)
    return {name: frozenset(quirks) for name, quirks in names.items()}


def replacements(quirks: Iterable[Quirk], layout: Layout) -> dict[str, FunctionType]:
    """Return the kernel's versions of the functions that quirks replace in a layout."""
    wanted = set(quirks)
    return {
        name: getattr(as_in_kernel, name)
        for name, asking in replaceable(layout).items()
        if asking & wanted
    }


def put_among(functions: Mapping[str, FunctionType], namespace: dict[str, object]) -> None:
    """Put functions among those of a module, so that they call each other there."""
    for name, function in functions.items():
        namespace[name] = FunctionType(function.__code__, namespace, name, function.__defaults__)


def with_quirks(algorithm: ModuleType, quirks: Iterable[Quirk], layout: Layout) -> ModuleType:
    """Return the algorithm with quirks in a layout; itself where they replace nothing there."""
    replaced = replacements(quirks, layout)
    if not replaced:
        return algorithm
    module = ModuleType(algorithm.__name__, algorithm.__doc__)
    vars(module).update(vars(algorithm))
    own = {
        name: function
        for name, function in vars(algorithm).items()
        if isinstance(function, FunctionType) and function.__globals__ is vars(algorithm)
    }
    put_among({**own, **replaced}, vars(module))
    return module
