# SPDX-License-Identifier: GPL-2.0-only
"""Triggers: the published classes of operands by which findings of one entry are told apart."""

from __future__ import annotations

from model.abstract_map import AbstractMap
from model.layout import Layout
from model.leaf_map import LeafMap
from model.leaves import end_of
from model.operations import (
    ADDRESSED,
    CLEANING,
    HALF_OPEN,
    INSTALLING,
    SLOT,
    U64,
    Answer,
    Kind,
    Op,
    frame_range,
)

TRIGGERS: dict[str, str] = {
    "truncated": "an address that an unsigned long cannot hold, so bits are lost on the way in",
    "beyond-reach": "an address at or beyond the reach of the table",
    "pfn-does-not-fit": "a page frame number with bits that the entry format has no place for",
    "pfn-in-second-field": "a frame whose page number reaches into the entry's second PFN field",
    "refused": "the environment refuses: no slot, a read-only slot, an error",
    "no-memory": "a page allocation within the operation fails",
    "invalidated": "an invalidation comes between the look-up of the frame and the lock",
    "host-out-of-step": "a large page of the host that does not begin where a large leaf can",
    "above-unsigned-long": "an address within reach that an unsigned long cannot hold",
    "smaller-than-leaf": "a page is mapped where a larger leaf is",
    "larger-than-leaves": "a large leaf is mapped where smaller ones are",
    "leaf-beyond-slot": "a large page of the host that reaches beyond the memslot",
    "large-page": "the host has a large page there",
    "logged": "a memslot that logs dirty pages",
    "part-of-leaf": "a range that begins or ends within a large leaf",
    "after-a-hole": "a range whose first frame is not mapped, with mapped frames behind it",
    "behind-the-first": "a range with a leaf in it that does not hold its first frame",
    "ends-at-top": "a half-open range or slot whose end is exactly the first frame beyond reach",
    "next-page-mapped": "a half-open range or slot right before a frame that is mapped",
    "mask-with-holes": "a dirty mask with clear bits between its lowest and its highest set bit",
    "whole-range": "a range that covers the whole reach",
    "any": "operands of no special kind",
}
"""The classes of operands, in the order in which the first that fits is taken."""


def beyond(layout: Layout, op: Op) -> str | None:
    """Return 'truncated' or 'beyond-reach' where an operand of ``op`` is, else None.

    The end of a half-open range may equal the first frame beyond reach. A flush of everything
    (``0..~0``) names no particular address beyond the reach.
    """
    if op.kind in ADDRESSED and op.first >> layout.page_shift <= layout.top:
        return None
    found = frame_range(op, layout.page_shift)
    if found is None or found == (0, U64) or op.kind in (Kind.CREATE, Kind.DESTROY):
        return None
    first, last = found
    if last > layout.top and max(first, last) << layout.page_shift > layout.address_mask:
        return "truncated"
    return "beyond-reach" if last > layout.top else None


def beside(layout: Layout, op: Op) -> str | None:
    """Return the class of operands for which ``op`` may reach what it does not name, if any."""
    return "mask-with-holes" if has_holes(op.mask) else tall(layout, op)


def has_holes(mask: int) -> bool:
    """Return whether a mask has clear bits between its lowest and its highest set bit."""
    run = mask >> ((mask & -mask).bit_length() - 1) if mask else 0
    return bool(run & (run + 1))


_ENDED = (HALF_OPEN | SLOT) - {Kind.TEST_AGE}
"""Operations that take an end; what follows it must stay as it is."""


def _range_trigger(state: AbstractMap, op: Op) -> str | None:
    layout = state.layout
    if op.kind in _ENDED:
        end = op.first + op.last if op.kind in SLOT else op.last
        if end == layout.frames:
            return "ends-at-top"
        if end in state.entries and op.kind not in INSTALLING:
            return "next-page-mapped"
    if op.kind is Kind.LOG_DIRTY_MASKED:
        return "mask-with-holes" if has_holes(op.mask) else None
    found = frame_range(op, layout.page_shift)
    return "whole-range" if found and found[0] == 0 and found[1] >= layout.top else None


def _fault_trigger(state: AbstractMap, op: Op) -> str | None:
    layout = state.layout
    if op.kind is Kind.FAULT and op.answer is Answer.PAGE and not layout.entry.holds(op.pfn):
        return "pfn-does-not-fit"
    if op.kind in (Kind.FAULT, Kind.FAULT_FAST):
        entry = state.entries.get(op.first >> layout.page_shift)
        fields = layout.entry.pfn
        if entry and len(fields) > 1 and entry.pfn >> fields[1].source:
            return "pfn-in-second-field"
    if op.kind is Kind.FAULT and op.answer is not Answer.PAGE:
        return "refused"
    if op.oom:
        return "no-memory"
    return "invalidated" if op.retries else None


def tall(layout: Layout, op: Op) -> str | None:
    """Return 'above-unsigned-long' where an address of ``op`` within reach is."""
    found = frame_range(op, layout.page_shift)
    if found is None or layout.word_mask >> layout.page_shift >= layout.top:
        return None
    above = min(found[1], layout.top) << layout.page_shift > layout.word_mask
    return "above-unsigned-long" if above else None


def replaced(state: LeafMap, op: Op) -> str | None:
    """Return 'larger-than-leaves' where the host's large page lies over leaves that are smaller."""
    frame = op.first >> state.layout.page_shift
    if op.kind is not Kind.FAULT or not op.order or state.slots.logs(frame):
        return None
    smaller = state.smaller(frame >> op.order << op.order, op.order)
    return "larger-than-leaves" if smaller else None


def _large_fault(state: LeafMap, op: Op) -> str | None:
    frame = op.first >> state.layout.page_shift
    if op.kind is Kind.FAULT and op.order and not state.slots.logs(frame):
        if op.skew & ((1 << op.order) - 1):
            return "host-out-of-step"
        if state.largest(op) != op.order:
            return "leaf-beyond-slot"
    order = state.largest(op) if op.kind is Kind.FAULT else op.order
    around = state.holder(frame)
    if around is not None and state.entries[around].order > order:
        return "smaller-than-leaf"
    if order and state.smaller(frame >> order << order, order):
        return "larger-than-leaves"
    return None


def _plain_fault(state: LeafMap, op: Op) -> str | None:
    """Return the class of a fault that meets no other leaf."""
    if op.kind in ADDRESSED and state.slots.logs(op.first >> state.layout.page_shift):
        return "logged"
    return "large-page" if op.order and op.kind is Kind.FAULT else None


def _large_range(state: LeafMap, op: Op) -> str | None:
    found = frame_range(op, state.layout.page_shift)
    if found is None or op.kind is Kind.FLUSH_ALL:
        return None
    first, last = found
    inside = state.mapped(op)
    if op.kind in _AGES and set(inside) - {state.holder(first)}:
        return "behind-the-first"
    for frame in (first, last):
        around = state.holder(frame)
        if around is not None and not _holds(state, around, first, last):
            return "part-of-leaf"
    hole = state.holder(first) is None and op.kind not in INSTALLING
    return "after-a-hole" if inside and hole else None


_AGES = frozenset({Kind.AGE, Kind.TEST_AGE})


def _holds(state: LeafMap, base: int, first: int, last: int) -> bool:
    return first <= base and end_of(base, state.entries[base]) <= last


def _large(state: AbstractMap, op: Op) -> str | None:
    """Return the class of operands that only tables with large leaves know."""
    if not isinstance(state, LeafMap) or op.kind in (Kind.CREATE, Kind.DESTROY):
        return None
    return _large_fault(state, op) if op.kind in ADDRESSED else _large_range(state, op)


def trigger(state: AbstractMap, op: Op) -> str:
    """Return the class of ``op``'s operands, given the map before it."""
    special = _fault_trigger if op.kind in ADDRESSED or op.oom else _range_trigger
    found = beyond(state.layout, op)
    if found is not None or not isinstance(state, LeafMap) or op.answer is not Answer.PAGE:
        return found or special(state, op) or "any"
    found = _large(state, op)
    if op.kind in ADDRESSED:
        found = found or tall(state.layout, op) or _plain_fault(state, op)
    elif op.kind in CLEANING:
        found = found or tall(state.layout, op)
    return found or special(state, op) or tall(state.layout, op) or "any"
