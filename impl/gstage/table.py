# SPDX-License-Identifier: GPL-2.0-only
"""A guest-physical table with a run-time number of levels and leaves of several sizes, repaired.

Written once: with the concrete runtime it is tested, with a symbolic one it is proved. Functions
follow, one by one, those of the kernel's ``gstage.c`` and its ``mmu.c``, without the name of the
architecture. Where the kernel counts levels from the leaf, here 0 is the root, as in every layout.
Addresses are in bytes, exact.
"""

from __future__ import annotations

from functools import partial

from impl.gstage.interface import Found, LeafOp, MemSlot, Runtime, Walk
from impl.multilevel.index import gfn_of, gpa_of, slot_index
from impl.multilevel.interface import Frame, Slot
from impl.multilevel.table import kvm_mmu_free_memory_caches, kvm_mmu_topup_memory_cache
from model.operations import EFAULT

EEXIST = 17
EPERM = 1

# Levels and the walk


def gstage_pte(rt: Runtime, level: int, table: int, addr: int) -> Slot:
    """Return the slot that ``addr`` selects in a table of ``level`` (``gstage_pte_index``)."""
    here = rt.layout.tables[level]
    return Slot(table, slot_index(addr, here.span, here.entries))


def gstage_level_to_page_size(rt: Runtime, level: int) -> int:
    """Return how many bytes a leaf of ``level`` maps."""
    return rt.layout.tables[level].span


def gstage_order_to_level(rt: Runtime, order: int) -> int:
    """Return the level whose leaves map 2**order pages (``gstage_page_size_to_level``)."""
    return rt.layout.levels - 1 - rt.layout.level_orders.index(order)


def gstage_start(rt: Runtime, level: int, addr: int) -> int:
    """Return the first address that shares a leaf of ``level`` with ``addr``."""
    size = gstage_level_to_page_size(rt, level)
    return addr // size * size


def gstage_get_leaf(rt: Runtime, addr: int) -> Found:
    """Return the leaf that maps ``addr``, or the empty slot where the walk to it ends."""
    level, ptep = 0, gstage_pte(rt, 0, rt.pgd(), addr)
    value = rt.ptep_get(level, ptep)
    while rt.pte_link(level, value):
        level = level + 1
        ptep = gstage_pte(rt, level, rt.pte_table(value), addr)
        value = rt.ptep_get(level, ptep)
    return Found(rt.pte_leaf(level, value), level, ptep, value)


def gstage_tlb_flush(rt: Runtime, level: int, addr: int) -> None:
    """Flush what the guest may have cached of the slot of ``level`` that holds ``addr``."""
    rt.tlb_flush(gstage_start(rt, level, addr), gstage_level_to_page_size(rt, level))


# Mapping


def gstage_new_table(rt: Runtime, level: int) -> int:
    """Return a page of the memory cache as an empty table of ``level``."""
    table = rt.cache_alloc()
    rt.fill(level, table, 0, rt.layout.tables[level].entries - 1, 0)
    return table


def gstage_set_pte(rt: Runtime, addr: int, level: int, pte: int) -> int:
    """Put the leaf ``pte`` into the slot of ``level`` that holds ``addr``.

    Tables that miss on the way are taken from the memory cache; a table in the place of the leaf
    is given back with all below it. Returns 0, or -EEXIST where a larger leaf is in the way.
    """
    at, ptep = 0, gstage_pte(rt, 0, rt.pgd(), addr)
    while at < level:
        value = rt.ptep_get(at, ptep)
        if rt.pte_leaf(at, value):
            return -EEXIST
        if rt.pte_none(value):
            table = gstage_new_table(rt, at + 1)
            rt.set_pte(at, ptep, rt.table_pte(table))
        else:
            table = rt.pte_table(value)
        at = at + 1
        ptep = gstage_pte(rt, at, table, addr)
    old = rt.ptep_get(level, ptep)
    if old == pte:
        return 0
    gstage_make_way(rt, addr, level, ptep)
    rt.set_pte(level, ptep, pte)
    gstage_tlb_flush(rt, level, addr)
    return 0


def gstage_make_way(rt: Runtime, addr: int, level: int, ptep: Slot) -> None:
    """Give back the table that a slot of ``level`` links, where a leaf is to be, if it does."""
    if rt.pte_link(level, rt.ptep_get(level, ptep)):
        gstage_op_pte(rt, LeafOp.CLEAR, gstage_start(rt, level, addr), level, ptep)


def gstage_map_page(
    rt: Runtime, addr: int, level: int, pfn: int, writable: bool, device: bool
) -> int:
    """Map the leaf of ``level`` that holds ``addr`` to the host frames from ``pfn`` on.

    A larger leaf is split before; every other page that it maps stays. The caller holds
    ``mmu_lock``, and filled the memory cache.
    """
    found = gstage_get_leaf(rt, addr)
    if found.leaf and found.level < level:
        gstage_split_huge(rt, addr, level)
    return gstage_set_pte(rt, addr, level, rt.leaf_pte(pfn, writable, device))


def make_child_pte(rt: Runtime, level: int, huge: int, index: int) -> int:
    """Return the leaf of ``level`` in slot ``index`` of the table that the leaf ``huge`` becomes.

    It is as ``huge`` is but for its page frame.
    """
    pages = gfn_of(gstage_level_to_page_size(rt, level), rt.layout.leaf.span)
    return rt.pte_at(huge, rt.pte_pfn(huge) + index * pages)


def gstage_split_leaf(rt: Runtime, level: int, ptep: Slot, addr: int) -> int:
    """Put a table of smaller leaves in the place of the leaf of ``level``; return the table."""
    table = rt.cache_alloc()
    huge = rt.ptep_get(level, ptep)
    rt.fill_each(level + 1, table, partial(make_child_pte, rt, level + 1, huge))
    rt.set_pte(level, ptep, rt.table_pte(table))
    gstage_tlb_flush(rt, level, addr)
    return table


def gstage_split_huge(rt: Runtime, addr: int, level: int) -> None:
    """Split the leaf that maps ``addr`` until it is of ``level``, if it is larger.

    The caller holds ``mmu_lock``, and filled the memory cache.
    """
    at, ptep = 0, gstage_pte(rt, 0, rt.pgd(), addr)
    while at < level:
        value = rt.ptep_get(at, ptep)
        if rt.pte_none(value):
            return
        if rt.pte_leaf(at, value):
            table = gstage_split_leaf(rt, at, ptep, addr)
        else:
            table = rt.pte_table(value)
        at = at + 1
        ptep = gstage_pte(rt, at, table, addr)


# Operations on leaves


def leaf_after(rt: Runtime, op: LeafOp, leaf: int) -> int:
    """Return what ``op`` makes of a leaf."""
    if op is LeafOp.CLEAR:
        return 0
    return rt.pte_wrprotect(leaf) if op is LeafOp.WP else rt.pte_mkold(leaf)


def gstage_op_pte(rt: Runtime, op: LeafOp, addr: int, level: int, ptep: Slot) -> bool:
    """Apply ``op`` to what is in a slot of ``level``, whose first address is ``addr``.

    A table is cleared with all below it, flushed and given back. Returns whether a leaf was, or
    for TEST_YOUNG would be, changed.
    """
    old = rt.ptep_get(level, ptep)
    if rt.pte_link(level, old):
        table = rt.pte_table(old)
        changed = gstage_clear_table(rt, level + 1, table, addr)
        rt.set_pte(level, ptep, 0)
        gstage_tlb_flush(rt, level, addr)
        rt.free_pages(table, rt.layout.tables[level + 1].order)
        return changed
    if rt.pte_none(old):
        return False
    new = leaf_after(rt, op, old)
    if new == old:
        return False
    if op is not LeafOp.TEST_YOUNG:
        rt.set_pte(level, ptep, new)
    if op in (LeafOp.CLEAR, LeafOp.WP):
        gstage_tlb_flush(rt, level, addr)
    return True


def gstage_clear_table(rt: Runtime, level: int, table: int, base: int) -> bool:
    """Clear every slot of a table of ``level``, whose first address is ``base``.

    Returns whether a leaf was removed.
    """
    here = rt.layout.tables[level]
    last = here.entries - 1
    end = base + here.entries * here.span - 1
    frame = Frame("gstage_clear_table", level, table, base, end, 0, last, False)
    for i in rt.loop(frame):
        if gstage_op_pte(rt, LeafOp.CLEAR, base + i * here.span, level, Slot(table, i)):
            frame.result = True
    return frame.result


def hole_end(rt: Runtime, level: int, addr: int) -> int:
    """Return where the empty slot of ``level`` that holds ``addr`` ends."""
    return gstage_start(rt, level, addr) + gstage_level_to_page_size(rt, level)


def gstage_op_range(rt: Runtime, op: LeafOp, start: int, end: int) -> bool:
    """Apply ``op`` to every leaf that maps an address of [``start``, ``end``).

    Returns whether a leaf was, or for TEST_YOUNG would be, changed.
    """
    walk = Walk(f"gstage_{op.value}_range", start, end, start)
    for addr in rt.steps(walk):
        found = gstage_get_leaf(rt, addr)
        base = gstage_start(rt, found.level, addr)
        if found.leaf and gstage_op_pte(rt, op, base, found.level, found.ptep):
            walk.result = True
        size = gstage_level_to_page_size(rt, found.level)
        walk.next = base + size if found.leaf else hole_end(rt, found.level, addr)
    return walk.result


def gstage_unmap_range(rt: Runtime, start: int, end: int) -> bool:
    """Remove every leaf that maps an address of [``start``, ``end``); true if there was one.

    The caller holds ``mmu_lock``.
    """
    return gstage_op_range(rt, LeafOp.CLEAR, start, end)


def gstage_wp_range(rt: Runtime, start: int, end: int) -> bool:
    """Take write permission from every leaf that maps an address of [``start``, ``end``).

    Returns whether one had it. The caller holds ``mmu_lock``.
    """
    return gstage_op_range(rt, LeafOp.WP, start, end)


# Ranges of guest frames


def clipped(rt: Runtime, gfn: int) -> int:
    """Return the address at which guest frame ``gfn`` begins, at most the end of the reach."""
    inside = gfn if gfn < rt.layout.frames else rt.layout.frames
    return gpa_of(inside, rt.layout.leaf.span)


def kvm_unmap_gfn_range(rt: Runtime, start_gfn: int, end_gfn: int) -> bool:
    """Remove the guest frames [``start_gfn``, ``end_gfn``); true if there was one.

    The caller holds ``mmu_lock`` (``kvm_unmap_gfn_range``).
    """
    return gstage_unmap_range(rt, clipped(rt, start_gfn), clipped(rt, end_gfn))


def odd_size(rt: Runtime, pages: int) -> bool:
    """Return whether no leaf that the host asks for has so many ``pages``."""
    return all(pages != 1 << order for order in rt.layout.leaf_orders)


def kvm_age_gfn(rt: Runtime, start_gfn: int, end_gfn: int) -> bool:
    """Make the leaves of the guest frames [``start_gfn``, ``end_gfn``) old; true if one was young.

    The caller holds ``mmu_lock`` (``kvm_age_gfn``).
    """
    first, end = clipped(rt, start_gfn), clipped(rt, end_gfn)
    return gstage_op_range(rt, LeafOp.MKOLD, first, end)


def kvm_test_age_gfn(rt: Runtime, start_gfn: int, end_gfn: int) -> bool:
    """Return whether a leaf of the guest frames [``start_gfn``, ``end_gfn``) is young.

    The caller holds ``mmu_lock`` (``kvm_test_age_gfn``).
    """
    first, end = clipped(rt, start_gfn), clipped(rt, end_gfn)
    return gstage_op_range(rt, LeafOp.TEST_YOUNG, first, end)


def region_address(rt: Runtime, gfn: int) -> int:
    """Return the address of a frame of a slot that is write-protected, at most the reach's end."""
    return clipped(rt, gfn)


def kvm_arch_mmu_enable_log_dirty_pt_masked(
    rt: Runtime, base_gfn: int, gfn_offset: int, mask: int
) -> None:
    """Write-protect the frames of a slot whose bit is set in ``mask``.

    Bit n stands for frame ``base_gfn + gfn_offset + n``. The caller holds ``mmu_lock``
    (``kvm_arch_mmu_enable_log_dirty_pt_masked``).
    """
    base = base_gfn + gfn_offset
    for bit in rt.set_bits(mask):
        gstage_wp_range(rt, region_address(rt, base + bit), region_address(rt, base + bit + 1))


def kvm_arch_flush_shadow_memslot(rt: Runtime, base_gfn: int, npages: int) -> None:
    """Remove the ``npages`` guest frames of a slot from ``base_gfn`` on."""
    rt.spin_lock()
    gstage_unmap_range(rt, clipped(rt, base_gfn), clipped(rt, base_gfn + npages))
    rt.spin_unlock()


def mmu_wp_memory_region(rt: Runtime, base_gfn: int, npages: int) -> None:
    """Write-protect the ``npages`` guest frames of a slot from ``base_gfn`` on."""
    rt.spin_lock()
    gstage_wp_range(rt, region_address(rt, base_gfn), region_address(rt, base_gfn + npages))
    rt.spin_unlock()


def kvm_arch_commit_memory_region(rt: Runtime, base_gfn: int, npages: int) -> None:
    """Write-protect a slot whose dirty log was switched on, the one case in which this acts."""
    mmu_wp_memory_region(rt, base_gfn, npages)


def beyond_reach(rt: Runtime, end_gfn: int) -> bool:
    """Return whether a slot that ends before ``end_gfn`` has frames beyond the reach."""
    return end_gfn > rt.layout.frames


def kvm_arch_prepare_memory_region(rt: Runtime, base_gfn: int, npages: int, may_write: bool) -> int:
    """Return 0, -EFAULT for a slot that ends beyond the reach, -EPERM where it may not be written.

    ``may_write`` is the host's permission. Devices are mapped when the guest first accesses them
    (``kvm_arch_prepare_memory_region``).
    """
    if beyond_reach(rt, base_gfn + npages):
        return -EFAULT
    return 0 if may_write else -EPERM


# Devices


def device_gfn(rt: Runtime, addr: int) -> int:
    """Return the guest frame of an address at which a device is mapped."""
    return gfn_of(addr, rt.layout.leaf.span)


def mmu_ioremap(rt: Runtime, addr: int, size: int, pfn: int, writable: bool) -> int:
    """Map ``size`` bytes from ``addr`` on, page by page, to a device at host frame ``pfn``.

    Returns 0, -EFAULT for what lies beyond the reach, -ENOMEM with fewer pages mapped
    .
    """
    rt.device_cache(True)
    err = mmu_ioremap_pages(rt, addr, size, pfn, writable)
    kvm_mmu_free_memory_caches(rt)
    rt.device_cache(False)
    return err


def mmu_ioremap_pages(rt: Runtime, addr: int, size: int, pfn: int, writable: bool) -> int:
    """Do what ``mmu_ioremap`` does between making its memory cache and giving it back."""
    page = rt.layout.leaf.span
    first, end = device_gfn(rt, addr), device_gfn(rt, addr + size + page - 1)
    if end > rt.layout.frames:
        return -EFAULT
    for gfn in range(first, end):
        err = kvm_mmu_topup_memory_cache(rt, cache_minimum(rt))
        if err != 0:
            return err
        rt.spin_lock()
        leaf = rt.layout.levels - 1
        err = gstage_map_page(rt, gpa_of(gfn, page), leaf, pfn + gfn - first, writable, True)
        rt.spin_unlock()
        if err != 0:
            return err
    return 0


def mmu_iounmap(rt: Runtime, addr: int, size: int) -> None:
    """Remove ``size`` bytes from ``addr`` on."""
    page = rt.layout.leaf.span
    end = gfn_of(addr + size + page - 1, page)
    rt.spin_lock()
    gstage_unmap_range(rt, clipped(rt, gfn_of(addr, page)), clipped(rt, end))
    rt.spin_unlock()


# Faults


def cache_minimum(rt: Runtime) -> int:
    """Return how many pages must be in the memory cache before anything is mapped."""
    return rt.layout.geometry.cache_min


def fits(rt: Runtime, gfn: int, pfn: int, order: int, slot: MemSlot) -> bool:
    """Return whether a leaf of 2**order pages may map guest frame ``gfn`` to host frame ``pfn``.

    It must be aligned alike on both sides, and lie within its memslot.
    """
    pages = 1 << order
    if gfn % pages != pfn % pages:
        return False
    begin = gfn // pages * pages
    return slot.base <= begin and begin + pages <= slot.base + slot.pages


def first_pfn(rt: Runtime, gfn: int, pfn: int, pages: int) -> int:
    """Return the host frame at which a leaf of ``pages`` begins that maps ``gfn`` to ``pfn``."""
    return pfn // pages * pages


def mapping_level(rt: Runtime, gfn: int, pfn: int, order: int) -> int:
    """Return the level of the largest leaf that may map guest frame ``gfn``.

    ``order`` is the base-2 logarithm of the pages that the host maps there at once. A slot that
    logs dirty pages gets base pages only (``transparent_hugepage_adjust``).
    """
    slot = rt.memslot(gfn)
    if slot.logs:
        return rt.layout.levels - 1
    for size in reversed(rt.layout.leaf_orders):
        if size <= order and fits(rt, gfn, pfn, size, slot):
            return gstage_order_to_level(rt, size)
    return rt.layout.levels - 1


def mmu_map(rt: Runtime, addr: int, write: bool) -> int:
    """Map the page of a fault at ``addr`` (bytes), in the largest leaf that may.

    Returns 0, also where an invalidation came between and the guest must try again; -EFAULT where
    there is no page, or beyond the reach; -ENOMEM where the memory cache cannot be filled
    .
    """
    gfn = gfn_of(addr, rt.layout.leaf.span)
    if gfn >= rt.layout.frames:
        return -EFAULT
    err = kvm_mmu_topup_memory_cache(rt, cache_minimum(rt))
    if err != 0:
        return err
    mmu_seq = rt.mmu_invalidate_seq()
    page = rt.faultin_pfn(gfn, write)
    if page.error:
        return -EFAULT
    rt.spin_lock()
    if not rt.mmu_invalidate_retry(mmu_seq):
        err = map_locked(rt, addr, write, page.pfn, page.writable, page.order)
    rt.release_pfn(page.pfn)
    rt.spin_unlock()
    return err


def map_locked(rt: Runtime, addr: int, write: bool, pfn: int, may_write: bool, order: int) -> int:
    """Install the host's page for ``addr`` (bytes); the caller holds ``mmu_lock``."""
    gfn = gfn_of(addr, rt.layout.leaf.span)
    writable = may_write and (write or not rt.memslot(gfn).logs)
    level = mapping_level(rt, gfn, pfn, order)
    if writable:
        rt.mark_page_dirty(gfn)
    pages = gfn_of(gstage_level_to_page_size(rt, level), rt.layout.leaf.span)
    return gstage_map_page(rt, addr, level, first_pfn(rt, gfn, pfn, pages), writable, False)


# The life of the table


def mmu_alloc_pgd(rt: Runtime) -> int:
    """Return a new, empty root, or 0 where there is no memory."""
    pgd = rt.alloc_pages(rt.layout.root.order)
    if pgd != 0:
        rt.fill(0, pgd, 0, rt.layout.root.entries - 1, 0)
    return pgd


def gstage_clear_root(rt: Runtime) -> None:
    """Remove every leaf and give back every table below the root."""
    gstage_clear_table(rt, 0, rt.pgd(), 0)


def mmu_free_pgd(rt: Runtime) -> None:
    """Remove every leaf, give back every table and the root."""
    pgd = rt.pgd()
    rt.spin_lock()
    gstage_clear_root(rt)
    rt.spin_unlock()
    rt.free_pages(pgd, rt.layout.root.order)
