# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's version of functions of ``table.py``: what a quirk puts in their place.

A function stands for the one of the same name; ``quirks.py`` says for which quirk, and where. It
runs among the functions of the table: those that it calls may be replaced as well.
"""

from __future__ import annotations

from impl.multilevel.interface import Runtime
from impl.multilevel.table import kvm_mips_flush_gpa_pt, kvm_mips_mkclean_gpa_pt
from model.operations import U64


def notifier_last(rt: Runtime, end_gfn: int) -> int:
    """Take the end of a notifier's range, which is exclusive, for its last frame."""
    return end_gfn


def kvm_arch_mmu_enable_log_dirty_pt_masked(
    rt: Runtime, base_gfn: int, gfn_offset: int, mask: int
) -> None:
    """Make clean every frame between those of the lowest and of the highest bit of ``mask``."""
    base = base_gfn + gfn_offset
    kvm_mips_mkclean_gpa_pt(rt, base + rt.ffs(mask), base + rt.fls(mask))


def beyond_reach(rt: Runtime, gfn: int) -> bool:
    """Refuse no frame: what does not fit is truncated and masked into the table."""
    return False


def kvm_pgd_init(rt: Runtime, page: int) -> None:
    """Fill eight slots of the root at a time until exactly the last one is reached."""
    first = 0
    while True:
        rt.fill(0, page, first, first + 7, pgd_marker(rt))
        first = first + 8
        if first == rt.layout.root.entries:
            return


def pgd_marker(rt: Runtime) -> int:
    """Take the marker of a PUD slot where a PUD lies between the root and the PMD."""
    return rt.empty(1 if rt.layout.levels == 4 else 0)


def pgd_none(rt: Runtime, child: int) -> bool:
    """Let the walk take every slot of the root for one that links a table."""
    return False


def cache_minimum(rt: Runtime) -> int:
    """Ask for as many pages as the kernel's constant says, whatever a walk may take."""
    return rt.layout.geometry.cache_min


def pgd_present(rt: Runtime, child: int) -> bool:
    """Take every slot of the root for one that links a table."""
    return True


def pgd_free(rt: Runtime, pgd: int) -> None:
    """Give back the root by its compound order: it is not compound, so that is one page."""
    rt.free_pages(pgd, 0)


def table_free(rt: Runtime, level: int, table: int) -> None:
    """Give back a table below the root, for a directory after the destructor."""
    if level != rt.layout.levels - 1:
        rt.destructor(level, table)
    rt.free_pages(table, rt.layout.tables[level].order)


def kvm_arch_flush_shadow_all(rt: Runtime) -> None:
    """Drop every entry without ``mmu_lock``."""
    kvm_mips_flush_gpa_pt(rt, 0, U64)
