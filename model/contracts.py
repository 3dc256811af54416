# SPDX-License-Identifier: GPL-2.0-only
"""The contract of each entry point: which operands its callers in the kernel can pass."""

from __future__ import annotations

from typing import NamedTuple

from model.layout import Layout
from model.operations import ADDRESSED, HALF_OPEN, INCLUSIVE, SLOT, U64, Answer, Kind, Op

MAX_SLOT_PAGES = (1 << 31) - 1
"""``KVM_MEM_MAX_NR_PAGES`` of include/linux/kvm_host.h."""


class Contract(NamedTuple):
    """What may be passed, in words, and where that was read."""

    operands: str
    source: str


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
        if op.first > layout.address_mask or op.pfn > layout.pfn_top:
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
