# SPDX-License-Identifier: GPL-2.0-only
"""Pairs of independent bugs to plant into one tree: what each shows must not be one cause."""

from __future__ import annotations

from impl.kernel.tree import MIPS
from tests.kernels.test_planted import BUGS, Bug

_UNMAP, _AGE = "kvm_unmap_gfn_range", "kvm_age_gfn"
_SLOT, _COMMIT = "kvm_arch_flush_shadow_memslot", "kvm_arch_commit_memory_region"
_ALL, _MASKED = "kvm_arch_flush_shadow_all", "kvm_arch_mmu_enable_log_dirty_pt_masked"
_FLUSH = "kvm_mips_flush_gpa_pt(kvm, range->start, range->end);"

#: Bugs of a caller, of the same rules as bugs of what it calls.
CALLERS = (
    Bug("unmap does nothing", "stale-mapping", _UNMAP, _FLUSH, ""),
    Bug("unmap begins late", "stale-mapping", _UNMAP, "range->start", "range->start + 1"),
    Bug("age begins late", "stale-mapping", _AGE, "range->start", "range->start + 1"),
    Bug("slot ends early", "stale-mapping", _SLOT, "npages - 1", "npages - 2", file=MIPS),
    Bug("slot begins early", "collateral-change", _SLOT, "slot->base_gfn,", "0,", file=MIPS),
    Bug("logging ends early", "stale-mapping", _COMMIT, "npages - 1", "npages - 2", file=MIPS),
    Bug("logging goes too far", "collateral-change", _COMMIT, "npages - 1", "npages", file=MIPS),
    Bug("all but the first", "stale-mapping", _ALL, "0, ~0", "1, ~0", file=MIPS),
    Bug("mask begins late", "stale-mapping", _MASKED, "__ffs(mask)", "__ffs(mask) + 1"),
)  # fmt: skip

_BY_NAME = {bug.name: bug for bug in (*BUGS, *CALLERS)}

_OF_ONE_RULE = (
    ("flush pte loop", "range pte loop"),
    ("flush pmd loop", "range pmd loop"),
    ("flush pmd start kept", "range pmd start kept"),
    ("shift too far", "mkold shift too far"),
    ("flush pte loop", "unmap does nothing"),
    ("flush pmd loop", "unmap begins late"),
    ("flush pte loop", "slot ends early"),
    ("unmap begins late", "slot ends early"),
    ("unmap begins late", "age begins late"),
    ("all but the first", "slot ends early"),
    ("logging ends early", "mask begins late"),
    ("slot one page longer", "logging goes too far"),
    ("slot one page longer", "flush pmd end unset"),
    ("slot begins early", "logging goes too far"),
    ("dirty untold, slow", "dirty untold, fast"),
    ("fast path unlocked", "slot flushed unlocked"),
    ("pte table kept", "pmd table kept"),
    ("pte table kept", "cache never freed"),
    ("change not told", "young turned round"),
)
_IN_ONE_FUNCTION = (
    ("page kept on success", "srcu kept"),
    ("page kept on retry", "no retry"),
    ("dirty untold, slow", "write permission lost"),
    ("dirty untold, fast", "fast path unlocked"),
    ("slot one page longer", "slot flushed unlocked"),
    ("pte table kept", "flush pmd loop"),
    ("pte table twice", "flush pmd end unset"),
    ("destroy flushes less", "wrong order"),
    ("no cache needed", "new table uncleared"),
)
_ON_A_BROKEN_TABLE = (
    ("pgd init short", "no cache needed"),
    ("pgd init short", "fast path unlocked"),
    ("pgd init short", "one entry too many"),
)

PAIRS = tuple(
    (_BY_NAME[first], _BY_NAME[second])
    for first, second in (*_OF_ONE_RULE, *_IN_ONE_FUNCTION, *_ON_A_BROKEN_TABLE)
)
