# SPDX-License-Identifier: GPL-2.0-only
"""The contract of each entry point: which operands its callers in the kernel can pass."""

from __future__ import annotations

from typing import NamedTuple

from model.layout import Layout
from model.operations import (
    ADDRESSED,
    HALF_OPEN,
    INCLUSIVE,
    SLOT,
    U64,
    Answer,
    Kind,
    Op,
)

MAX_SLOT_PAGES = (1 << 31) - 1
"""``KVM_MEM_MAX_NR_PAGES`` of include/linux/kvm_host.h."""


class Contract(NamedTuple):
    """What may be passed, in words, and where that was read."""

    operands: str
    source: str


CONTRACTS: dict[Kind, Contract] = {
    Kind.CREATE: Contract("none", "kvm_arch_init_vm, arch/mips/kvm/mips.c"),
    Kind.FAULT: Contract(
        "any unsigned long address; a write is answered with a writable page or refused",
        "kvm_mips_handle_vz_root_tlb_fault, arch/mips/kvm/mmu.c; hva_to_pfn, virt/kvm/kvm_main.c",
    ),
    Kind.FAULT_FAST: Contract("any unsigned long address", "kvm_mips_map_page, mmu.c"),
    Kind.LOOKUP: Contract("any unsigned long address", "_kvm_mips_map_page_fast, mmu.c"),
    Kind.FLUSH: Contract(
        "first <= last, inclusive, frames of slots; or 0..~0",
        "kernel-doc of kvm_mips_flush_gpa_pt; kvm_mips_free_gpa_pt passes 0..~0",
    ),
    Kind.MKCLEAN: Contract(
        "first <= last, inclusive, frames of slots; or 0..~0",
        "kernel-doc of kvm_mips_mkclean_gpa_pt",
    ),
    Kind.MKOLD: Contract(
        "first <= last, inclusive, frames of slots; or 0..~0",
        "kvm_age_gfn, mmu.c",
    ),
    Kind.LOG_DIRTY_MASKED: Contract(
        "a mask that is not 0, bits within a slot",
        "kvm_clear_dirty_log_protect and kvm_get_dirty_log_protect, virt/kvm/kvm_main.c",
    ),
    Kind.UNMAP: Contract(
        "a non-empty [start, end) within a slot", "__kvm_handle_hva_range, virt/kvm/kvm_main.c"
    ),
    Kind.AGE: Contract(
        "a non-empty [start, end) within a slot", "kvm_mmu_notifier_clear_flush_young"
    ),
    Kind.TEST_AGE: Contract("[gfn, gfn + 1)", "kvm_mmu_notifier_test_young, kvm_main.c"),
    Kind.FLUSH_SLOT: Contract(
        "a slot: page-aligned, 1 to 2^31 - 1 pages (2 GiB on 32-bit), no wrap",
        "__kvm_set_memory_region",
    ),
    Kind.FLUSH_ALL: Contract("none", "kvm_mmu_notifier_release, virt/kvm/kvm_main.c"),
    Kind.COMMIT_REGION: Contract(
        "a slot on which dirty logging is switched on", "kvm_commit_memory_region"
    ),
    Kind.DESTROY: Contract("none", "kvm_arch_destroy_vm, arch/mips/kvm/mips.c"),
}


def slot_limits(layout: Layout) -> tuple[int, int]:
    """Return (first frame that no slot reaches, most pages of a slot).

    ``__kvm_set_memory_region`` refuses a slot whose end wraps, and one whose memory does not fit
    in user space, half of the addresses of a 32-bit kernel (``access_ok``).
    """
    most = MAX_SLOT_PAGES
    if layout.bits == 32:
        most = min(most, 1 << (31 - layout.page_shift))
    return (1 << (64 - layout.page_shift)) - 1, most


def _in_a_slot(layout: Layout, first: int, count: int) -> bool:
    limit, most = slot_limits(layout)
    return 0 < count <= most and first + count <= limit


def in_contract(layout: Layout, op: Op) -> bool:
    """Return whether ``op``'s operands are such as the kernel's own callers can pass."""
    kind = op.kind
    if kind in ADDRESSED:
        if op.first > layout.word_mask or op.pfn > layout.pfn_top:
            return False
        if kind is Kind.FAULT and op.answer is Answer.PAGE:
            return op.writable or not op.write
        return op.answer is not Answer.READ_ONLY or op.write
    if kind in INCLUSIVE:
        # Frames are those of slots; the whole range is 0..~0.
        within = op.last < slot_limits(layout)[0] or (op.first, op.last) == (0, U64)
        return op.first <= op.last and within
    if kind is Kind.TEST_AGE:
        return op.last == op.first + 1 and _in_a_slot(layout, op.first, 1)
    if kind in HALF_OPEN:
        return op.first < op.last and _in_a_slot(layout, op.first, op.last - op.first)
    if kind in SLOT:
        return _in_a_slot(layout, op.first, op.last)
    if kind is Kind.LOG_DIRTY_MASKED:
        fits = 0 < op.mask <= layout.word_mask
        return fits and _in_a_slot(layout, op.first, op.last + op.mask.bit_length())
    return True
