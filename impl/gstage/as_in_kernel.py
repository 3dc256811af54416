# SPDX-License-Identifier: GPL-2.0-only
"""The kernel's version of functions of ``table.py``: what a quirk puts in their place.

A function stands for the one of the same name; ``quirks.py`` says for which quirk, and where. It
runs among the functions of the table: those that it calls may be replaced as well.
"""

from __future__ import annotations

from impl.gstage.interface import LeafOp, MemSlot, Runtime, Walk
from impl.gstage.table import (
    gstage_get_leaf,
    gstage_level_to_page_size,
    gstage_op_pte,
    gstage_set_pte,
    gstage_start,
    odd_size,
)
from impl.multilevel.index import gfn_of, gpa_of
from impl.multilevel.interface import Slot


def gstage_unmap_range(rt: Runtime, start: int, end: int) -> bool:
    """Remove a leaf only where it begins at the address and ends within the range.

    The next address is one leaf further on, also from within a leaf or a hole.
    """
    walk = Walk("gstage_unmap_range", start, end, start)
    for addr in rt.steps(walk):
        found = gstage_get_leaf(rt, addr)
        size = gstage_level_to_page_size(rt, found.level)
        if found.leaf and addr % size == 0 and end - addr >= size:
            gstage_op_pte(rt, LeafOp.CLEAR, addr, found.level, found.ptep)
            walk.result = True
        walk.next = addr + size
    return walk.result


def gstage_wp_range(rt: Runtime, start: int, end: int) -> bool:
    """Protect a leaf only where it begins at the address and ends within the range.

    The next address is one leaf further on, also from within a leaf or a hole.
    """
    walk = Walk("gstage_wp_range", start, end, start)
    for addr in rt.steps(walk):
        found = gstage_get_leaf(rt, addr)
        size = gstage_level_to_page_size(rt, found.level)
        if found.leaf and addr % size == 0 and end - addr >= size:
            gstage_op_pte(rt, LeafOp.WP, addr, found.level, found.ptep)
            walk.result = True
        walk.next = addr + size
    return walk.result


def hole_end(rt: Runtime, level: int, addr: int) -> int:
    """Go on one leaf further, from wherever in a hole the address lies."""
    return addr + gstage_level_to_page_size(rt, level)


def kvm_arch_mmu_enable_log_dirty_pt_masked(
    rt: Runtime, base_gfn: int, gfn_offset: int, mask: int
) -> None:
    """Write-protect every frame between those of the lowest and of the highest bit of ``mask``."""
    base = base_gfn + gfn_offset
    first, end = base + rt.ffs(mask), base + rt.fls(mask) + 1
    gstage_wp_range(rt, region_address(rt, first), region_address(rt, end))


def kvm_age_gfn(rt: Runtime, start_gfn: int, end_gfn: int) -> bool:
    """Make the leaf of the first frame old, whatever the range; warn unless it is one leaf."""
    rt.warn_on(odd_size(rt, end_gfn - start_gfn))
    addr = gpa_of(start_gfn, rt.layout.leaf.span)
    found = gstage_get_leaf(rt, addr)
    if not found.leaf:
        return False
    base = gstage_start(rt, found.level, addr)
    return gstage_op_pte(rt, LeafOp.MKOLD, base, found.level, found.ptep)


def kvm_test_age_gfn(rt: Runtime, start_gfn: int, end_gfn: int) -> bool:
    """Look at the leaf of the first frame, whatever the range; warn unless it is one leaf."""
    rt.warn_on(odd_size(rt, end_gfn - start_gfn))
    addr = gpa_of(start_gfn, rt.layout.leaf.span)
    found = gstage_get_leaf(rt, addr)
    if not found.leaf:
        return False
    base = gstage_start(rt, found.level, addr)
    return gstage_op_pte(rt, LeafOp.TEST_YOUNG, base, found.level, found.ptep)


def gstage_make_way(rt: Runtime, addr: int, level: int, ptep: Slot) -> None:
    """Leave the table where it is: the leaf overwrites its link."""


def gstage_map_page(
    rt: Runtime, addr: int, level: int, pfn: int, writable: bool, device: bool
) -> int:
    """Split nothing: where a larger leaf is in the way the answer is -EEXIST."""
    return gstage_set_pte(rt, addr, level, rt.leaf_pte(pfn, writable, device))


def fits(rt: Runtime, gfn: int, pfn: int, order: int, slot: MemSlot) -> bool:
    """Take the size of the host's page, however it and the memslot are aligned."""
    return True


def first_pfn(rt: Runtime, gfn: int, pfn: int, pages: int) -> int:
    """Return the host frame of the frame at which a leaf of ``pages`` for ``gfn`` begins."""
    return pfn - gfn % pages


def gstage_tlb_flush(rt: Runtime, level: int, addr: int) -> None:
    """Flush the slot that holds ``addr``, of which an ``unsigned long`` is left."""
    size = gstage_level_to_page_size(rt, level)
    rt.tlb_flush(rt.ulong(gstage_start(rt, level, addr)), size)


def region_address(rt: Runtime, gfn: int) -> int:
    """Return the address of a frame as a ``phys_addr_t``, an ``unsigned long`` here, holds it."""
    return rt.ulong(gpa_of(gfn, rt.layout.leaf.span))


def device_gfn(rt: Runtime, addr: int) -> int:
    """Return the guest frame of an address of which a ``phys_addr_t`` is left."""
    return gfn_of(rt.ulong(addr), rt.layout.leaf.span)


def beyond_reach(rt: Runtime, end_gfn: int) -> bool:
    """Take a slot that ends with the last frame within reach for one that goes beyond."""
    return end_gfn >= rt.layout.frames


def gstage_clear_root(rt: Runtime) -> None:
    """Remove every leaf; tables stay."""
    gstage_unmap_range(rt, 0, gpa_of(rt.layout.frames, rt.layout.leaf.span))
