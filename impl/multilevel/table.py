# SPDX-License-Identifier: GPL-2.0-only
"""The multi-level page table of ``arch/mips/kvm/mmu.c`` for any number of levels, repaired.

Written once: with the concrete runtime it is tested, with a symbolic one it is proved. Functions
have the kernel's names; ``kvm_mips_flush_gpa_table`` and ``kvm_mips_range_op_table`` stand for
the kernel's one function for each level above the leaf. Folded levels do not exist here.
"""

from __future__ import annotations

from impl.multilevel.index import covers_all, gfn_of, gpa_of, slot_index
from impl.multilevel.interface import Frame, RangeOp, Runtime, Slot
from model.operations import EFAULT, ENOMEM, U64

# Allocation and initialisation


def kvm_pgd_init(rt: Runtime, page: int) -> None:
    """Make every slot of the root at ``page`` empty (``kvm_pgd_init``)."""
    entries = rt.layout.root.entries
    marker = pgd_marker(rt)
    rt.fill(0, page, 0, entries - 1, marker)


def pgd_marker(rt: Runtime) -> int:
    """Return what an empty slot of the root holds."""
    return rt.empty(0)


def kvm_pgd_alloc(rt: Runtime) -> int:
    """Return a new, empty root, or 0 where there is no memory (``kvm_pgd_alloc``)."""
    page = rt.alloc_pages(rt.layout.root.order)
    if page != 0:
        kvm_pgd_init(rt, page)
    return page


def table_init(rt: Runtime, level: int, table: int) -> None:
    """Make every slot of a table below the root empty.

    Follows ``pud_init`` and ``pmd_init``, and ``clear_page`` for the leaf.
    """
    marker = 0 if level == rt.layout.levels - 1 else rt.empty(level)
    rt.fill(level, table, 0, rt.layout.tables[level].entries - 1, marker)


def table_free(rt: Runtime, level: int, table: int) -> None:
    """Give back a table below the root (``pud_free``, ``pmd_free``, ``pte_free_kernel``)."""
    rt.free_pages(table, rt.layout.tables[level].order)


def pgd_free(rt: Runtime, pgd: int) -> None:
    """Give back the root with the order that it was taken with (``pgd_free``)."""
    rt.free_pages(pgd, rt.layout.root.order)


def kvm_mmu_topup_memory_cache(rt: Runtime, minimum: int) -> int:
    """Fill the memory cache unless it holds ``minimum`` pages; 0, or -ENOMEM with fewer."""
    if rt.cache_count() >= minimum:
        return 0
    if not rt.cache_open():
        return -ENOMEM
    while rt.cache_count() < rt.cache_capacity():
        page = rt.alloc_pages(0)
        if page == 0:
            return 0 if rt.cache_count() >= minimum else -ENOMEM
        rt.cache_push(page)
    return 0


def kvm_mmu_free_memory_caches(rt: Runtime) -> None:
    """Give back every page in the memory cache (``kvm_mmu_free_memory_caches``)."""
    while rt.cache_count() != 0:
        rt.free_pages(rt.cache_pop(), 0)
    rt.cache_close()


# Reach


def beyond_reach(rt: Runtime, gfn: int) -> bool:
    """Return whether guest frame ``gfn`` is refused, as the tree cannot tell it from another."""
    return gfn >= rt.layout.frames


def clip_end(rt: Runtime, end_gfn: int) -> int:
    """Return the exclusive end ``end_gfn`` of a range of frames, cut off at the reach."""
    return rt.layout.frames if beyond_reach(rt, end_gfn) else end_gfn


def gpa(rt: Runtime, gfn: int) -> int:
    """Return the address of a guest frame as the ``unsigned long`` that a walk gets."""
    return rt.ulong(gpa_of(gfn, rt.layout.leaf.span))


# Walk


def kvm_mips_walk_pgd(rt: Runtime, pgd: int, allocate: bool, addr: int) -> Slot | None:
    """Return where the entry of ``addr`` (bytes) is (``kvm_mips_walk_pgd``).

    Missing tables are taken from the memory cache if ``allocate``; otherwise the answer is None.
    """
    table = pgd
    for level in range(rt.layout.levels - 1):
        here = rt.layout.tables[level]
        index = slot_index(addr, here.span, here.entries)
        child = rt.load(level, table, index)
        if slot_none(rt, level, child):
            if not allocate:
                return None
            child = rt.cache_alloc()
            table_init(rt, level + 1, child)
            rt.store(level, table, index, child)
        table = child
    leaf = rt.layout.leaf
    return Slot(table, slot_index(addr, leaf.span, leaf.entries))


def slot_none(rt: Runtime, level: int, child: int) -> bool:
    """Return whether the walk takes a slot that holds ``child`` for empty (``pud_none``, ...)."""
    return pgd_none(rt, child) if level == 0 else rt.none(level, child)


def pgd_none(rt: Runtime, child: int) -> bool:
    """Return whether the walk takes a slot of the root that holds ``child`` for empty."""
    return rt.none(0, child)


def kvm_mips_pte_for_gpa(rt: Runtime, allocate: bool, addr: int) -> Slot | None:
    """Return where the entry of ``addr`` (bytes) is, None beyond the reach.

    The caller holds ``mmu_lock`` (``kvm_mips_pte_for_gpa``).
    """
    if beyond_reach(rt, gfn_of(addr, rt.layout.leaf.span)):
        return None
    return kvm_mips_walk_pgd(rt, rt.pgd(), allocate, rt.ulong(addr))


# Flush


def kvm_mips_flush_gpa_pte(rt: Runtime, pte: int, start_gpa: int, end_gpa: int) -> bool:
    """Drop the entries of a leaf table from ``start_gpa`` to ``end_gpa`` (bytes, inclusive).

    Returns whether that was the whole table (``kvm_mips_flush_gpa_pte``).
    """
    level = rt.layout.levels - 1
    leaf = rt.layout.leaf
    i_min = slot_index(start_gpa, leaf.span, leaf.entries)
    i_max = slot_index(end_gpa, leaf.span, leaf.entries)
    safe = covers_all(i_min, i_max, leaf.entries)
    frame = Frame("kvm_mips_flush_gpa_pte", level, pte, start_gpa, end_gpa, i_min, i_max, safe)
    for i in rt.loop(frame):
        ptep = Slot(pte, i)
        if not rt.pte_present(rt.pte_load(ptep)):
            continue
        rt.pte_store(ptep, 0)
    return frame.result


def kvm_mips_flush_gpa_table(
    rt: Runtime, level: int, table: int, start_gpa: int, end_gpa: int
) -> bool:
    """Flush ``start_gpa`` to ``end_gpa`` (bytes, inclusive) in a directory of ``level``.

    Tables below that are empty afterwards are unlinked and freed. Returns whether the range was
    the whole table and no table is left below it (``kvm_mips_flush_gpa_{pmd,pud,pgd}``).
    """
    here = rt.layout.tables[level]
    i_min = slot_index(start_gpa, here.span, here.entries)
    i_max = slot_index(end_gpa, here.span, here.entries)
    safe = covers_all(i_min, i_max, here.entries)
    frame = Frame("kvm_mips_flush_gpa_table", level, table, start_gpa, end_gpa, i_min, i_max, safe)
    for i in rt.loop(frame):
        child = rt.load(level, table, i)
        if not slot_present(rt, level, child):
            continue
        start = start_gpa if i == i_min else 0
        end = end_gpa if i == i_max else rt.ulong(U64)
        if kvm_mips_flush_gpa_level(rt, level + 1, child, start, end):
            rt.store(level, table, i, rt.empty(level))
            table_free(rt, level + 1, child)
        else:
            frame.result = False
    return frame.result


def kvm_mips_flush_gpa_level(
    rt: Runtime, level: int, table: int, start_gpa: int, end_gpa: int
) -> bool:
    """Flush ``start_gpa`` to ``end_gpa`` (bytes, inclusive) in a table of any level."""
    if level == rt.layout.levels - 1:
        return kvm_mips_flush_gpa_pte(rt, table, start_gpa, end_gpa)
    return kvm_mips_flush_gpa_table(rt, level, table, start_gpa, end_gpa)


def slot_present(rt: Runtime, level: int, child: int) -> bool:
    """Return whether a slot that holds ``child`` links a table (``pud_present``, ...)."""
    return pgd_present(rt, child) if level == 0 else not rt.none(level, child)


def pgd_present(rt: Runtime, child: int) -> bool:
    """Return whether a slot of the root that holds ``child`` links a table (``pgd_present``)."""
    return not rt.none(0, child)


def kvm_mips_flush_gpa_pt(rt: Runtime, start_gfn: int, end_gfn: int) -> bool:
    """Drop the entries of the guest frames ``start_gfn..end_gfn`` (inclusive).

    Returns whether no table below the root is left, so that the root may be freed. The caller
    holds ``mmu_lock`` (``kvm_mips_flush_gpa_pt``).
    """
    end = clip_end(rt, end_gfn + 1)
    if start_gfn >= end:
        return False
    return kvm_mips_flush_gpa_level(rt, 0, rt.pgd(), gpa(rt, start_gfn), gpa(rt, end - 1))


# Range operations


def range_op(rt: Runtime, op: RangeOp, raw: int) -> int:
    """Return what ``op`` makes of the raw entry."""
    return rt.pte_mkclean(raw) if op is RangeOp.MKCLEAN else rt.pte_mkold(raw)


def kvm_mips_range_op_pte(rt: Runtime, op: RangeOp, pte: int, start_gpa: int, end_gpa: int) -> bool:
    """Apply ``op`` to a leaf table from ``start_gpa`` to ``end_gpa`` (bytes, inclusive).

    Returns whether an entry was, or for TEST_YOUNG would be, changed
    (``kvm_mips_{mkclean,mkold}_pte``).
    """
    level = rt.layout.levels - 1
    leaf = rt.layout.leaf
    i_min = slot_index(start_gpa, leaf.span, leaf.entries)
    i_max = slot_index(end_gpa, leaf.span, leaf.entries)
    frame = Frame(f"kvm_mips_{op.value}_pte", level, pte, start_gpa, end_gpa, i_min, i_max, False)
    for i in rt.loop(frame):
        ptep = Slot(pte, i)
        old = rt.pte_load(ptep)
        if not rt.pte_present(old):
            continue
        new = range_op(rt, op, old)
        if new == old:
            continue
        if op is not RangeOp.TEST_YOUNG:
            rt.pte_store(ptep, new)
        frame.result = True
    return frame.result


def kvm_mips_range_op_table(
    rt: Runtime, op: RangeOp, level: int, table: int, start_gpa: int, end_gpa: int
) -> bool:
    """Apply ``op`` to ``start_gpa`` to ``end_gpa`` (bytes, inclusive) in a directory of ``level``.

    Returns whether an entry was changed (``kvm_mips_{mkclean,mkold}_{pmd,pud,pgd}``).
    """
    here = rt.layout.tables[level]
    i_min = slot_index(start_gpa, here.span, here.entries)
    i_max = slot_index(end_gpa, here.span, here.entries)
    name = f"kvm_mips_{op.value}_table"
    frame = Frame(name, level, table, start_gpa, end_gpa, i_min, i_max, False)
    for i in rt.loop(frame):
        child = rt.load(level, table, i)
        if not slot_present(rt, level, child):
            continue
        start = start_gpa if i == i_min else 0
        end = end_gpa if i == i_max else rt.ulong(U64)
        if kvm_mips_range_op_level(rt, op, level + 1, child, start, end):
            frame.result = True
    return frame.result


def kvm_mips_range_op_level(
    rt: Runtime, op: RangeOp, level: int, table: int, start_gpa: int, end_gpa: int
) -> bool:
    """Apply ``op`` to ``start_gpa`` to ``end_gpa`` (bytes, inclusive) in a table of any level."""
    if level == rt.layout.levels - 1:
        return kvm_mips_range_op_pte(rt, op, table, start_gpa, end_gpa)
    return kvm_mips_range_op_table(rt, op, level, table, start_gpa, end_gpa)


def kvm_mips_range_op_gpa_pt(rt: Runtime, op: RangeOp, start_gfn: int, end_gfn: int) -> bool:
    """Apply ``op`` to the guest frames ``start_gfn..end_gfn`` (inclusive).

    Returns whether an entry was changed. The caller holds ``mmu_lock``.
    """
    end = clip_end(rt, end_gfn + 1)
    if start_gfn >= end:
        return False
    return kvm_mips_range_op_level(rt, op, 0, rt.pgd(), gpa(rt, start_gfn), gpa(rt, end - 1))


def kvm_mips_mkclean_gpa_pt(rt: Runtime, start_gfn: int, end_gfn: int) -> bool:
    """Make the guest frames ``start_gfn..end_gfn`` (inclusive) clean; true if one was dirty.

    The caller holds ``mmu_lock`` (``kvm_mips_mkclean_gpa_pt``).
    """
    return kvm_mips_range_op_gpa_pt(rt, RangeOp.MKCLEAN, start_gfn, end_gfn)


def kvm_mips_mkold_gpa_pt(rt: Runtime, start_gfn: int, end_gfn: int) -> bool:
    """Make the guest frames ``start_gfn..end_gfn`` (inclusive) old; true if one was young.

    The caller holds ``mmu_lock`` (``kvm_mips_mkold_gpa_pt``).
    """
    return kvm_mips_range_op_gpa_pt(rt, RangeOp.MKOLD, start_gfn, end_gfn)


def kvm_arch_mmu_enable_log_dirty_pt_masked(
    rt: Runtime, base_gfn: int, gfn_offset: int, mask: int
) -> None:
    """Make clean the frames of a slot whose bit is set in ``mask``.

    Bit n stands for frame ``base_gfn + gfn_offset + n``. The caller holds ``mmu_lock``
    (``kvm_arch_mmu_enable_log_dirty_pt_masked``).
    """
    base = base_gfn + gfn_offset
    for bit in rt.set_bits(mask):
        kvm_mips_mkclean_gpa_pt(rt, base + bit, base + bit)


# Notifiers


def notifier_last(rt: Runtime, end_gfn: int) -> int:
    """Return the last frame of a notifier's range, whose end is exclusive."""
    return end_gfn - 1


def kvm_unmap_gfn_range(rt: Runtime, start_gfn: int, end_gfn: int) -> bool:
    """Drop the guest frames [``start_gfn``, ``end_gfn``); true if derived mappings may be stale.

    The caller holds ``mmu_lock`` (``kvm_unmap_gfn_range``).
    """
    end = clip_end(rt, end_gfn)
    if start_gfn >= end:
        return False
    last = notifier_last(rt, end)
    kvm_mips_flush_gpa_level(rt, 0, rt.pgd(), gpa(rt, start_gfn), gpa(rt, last))
    return True


def kvm_age_gfn(rt: Runtime, start_gfn: int, end_gfn: int) -> bool:
    """Make the guest frames [``start_gfn``, ``end_gfn``) old; true if one was young.

    The caller holds ``mmu_lock`` (``kvm_age_gfn``).
    """
    end = clip_end(rt, end_gfn)
    if start_gfn >= end:
        return False
    first, last = gpa(rt, start_gfn), gpa(rt, notifier_last(rt, end))
    return kvm_mips_range_op_level(rt, RangeOp.MKOLD, 0, rt.pgd(), first, last)


def kvm_test_age_gfn(rt: Runtime, start_gfn: int, end_gfn: int) -> bool:
    """Return whether one of the guest frames [``start_gfn``, ``end_gfn``) is young.

    The kernel's function of this name looks at the first frame only; its callers name exactly
    one. The caller holds ``mmu_lock``.
    """
    return kvm_mips_range_op_gpa_pt(rt, RangeOp.TEST_YOUNG, start_gfn, end_gfn - 1)


# Faults


def _kvm_mips_map_page_fast(rt: Runtime, addr: int, write_fault: bool) -> int:
    """Handle a fault at ``addr`` (bytes) with what the table holds.

    An old entry becomes young, a clean writable one dirty on a write. Returns 0, or -EFAULT
    where the slow path must decide (``_kvm_mips_map_page_fast``).
    """
    rt.spin_lock()
    err = map_page_fast_locked(rt, addr, write_fault)
    rt.spin_unlock()
    return err


def map_page_fast_locked(rt: Runtime, addr: int, write_fault: bool) -> int:
    """Do what ``_kvm_mips_map_page_fast`` does between taking and releasing the lock."""
    ptep = kvm_mips_pte_for_gpa(rt, False, addr)
    if ptep is None:
        return -EFAULT
    entry = rt.pte_load(ptep)
    if not rt.pte_present(entry):
        return -EFAULT
    if not rt.pte_young(entry):
        entry = rt.pte_mkyoung(entry)
        rt.pte_store(ptep, entry)
    if write_fault and not rt.pte_dirty(entry):
        if not rt.pte_write(entry):
            return -EFAULT
        rt.pte_store(ptep, rt.pte_mkdirty(entry))
        rt.mark_page_dirty(gfn_of(addr, rt.layout.leaf.span))
    return 0


def kvm_mips_map_page(rt: Runtime, addr: int, write_fault: bool) -> int:
    """Map the page of a fault at ``addr`` (bytes), or upgrade its entry.

    Returns 0; -EFAULT where there is no page to map, or beyond the reach; -ENOMEM where the
    memory cache cannot be filled (``kvm_mips_map_page``).
    """
    if beyond_reach(rt, gfn_of(addr, rt.layout.leaf.span)):
        return -EFAULT
    rt.srcu_read_lock()
    err = _kvm_mips_map_page_fast(rt, addr, write_fault)
    if err != 0:
        err = map_page_slow(rt, addr, write_fault)
    rt.srcu_read_unlock()
    return err


def cache_minimum(rt: Runtime) -> int:
    """Return how many pages one walk may take from the memory cache."""
    return rt.layout.cache_needed


def map_page_slow(rt: Runtime, addr: int, write_fault: bool) -> int:
    """Do what ``kvm_mips_map_page`` does where the fast path failed."""
    err = kvm_mmu_topup_memory_cache(rt, cache_minimum(rt))
    if err != 0:
        return err
    for _ in rt.attempts():
        mmu_seq = rt.mmu_invalidate_seq()
        page = rt.gfn_to_pfn_prot(gfn_of(addr, rt.layout.leaf.span), write_fault)
        if page.error:
            return -EFAULT
        rt.spin_lock()
        if not rt.mmu_invalidate_retry(mmu_seq):
            break
        rt.spin_unlock()
        rt.release_pfn(page.pfn)
    map_page_locked(rt, addr, write_fault, page.pfn, page.writable)
    rt.spin_unlock()
    rt.release_pfn(page.pfn)
    return 0


def map_page_locked(rt: Runtime, addr: int, write_fault: bool, pfn: int, writable: bool) -> None:
    """Install the entry of ``addr`` (bytes); the caller holds ``mmu_lock``."""
    ptep = kvm_mips_pte_for_gpa(rt, True, addr)
    dirty = False
    if writable and write_fault:
        dirty = True
        rt.mark_page_dirty(gfn_of(addr, rt.layout.leaf.span))
    rt.pte_store(ptep, rt.pfn_pte(pfn, writable, dirty))


# Memory slots and the life of the table


def kvm_arch_flush_shadow_memslot(rt: Runtime, base_gfn: int, npages: int) -> None:
    """Drop the ``npages`` guest frames of a slot from ``base_gfn`` up."""
    rt.spin_lock()
    kvm_mips_flush_gpa_pt(rt, base_gfn, base_gfn + npages - 1)
    rt.spin_unlock()


def kvm_arch_flush_shadow_all(rt: Runtime) -> None:
    """Drop every entry (``kvm_arch_flush_shadow_all``)."""
    rt.spin_lock()
    kvm_mips_flush_gpa_pt(rt, 0, U64)
    rt.spin_unlock()


def kvm_arch_commit_memory_region(rt: Runtime, base_gfn: int, npages: int) -> None:
    """Make the ``npages`` guest frames of a slot from ``base_gfn`` up clean.

    The one case in which ``kvm_arch_commit_memory_region`` acts: dirty logging was switched on.
    """
    rt.spin_lock()
    kvm_mips_mkclean_gpa_pt(rt, base_gfn, base_gfn + npages - 1)
    rt.spin_unlock()


def kvm_mips_free_gpa_pt(rt: Runtime) -> None:
    """Drop every entry and free the root (``kvm_mips_free_gpa_pt``)."""
    safe = kvm_mips_flush_gpa_pt(rt, 0, U64)
    rt.warn_on(not safe)
    pgd_free(rt, rt.pgd())
