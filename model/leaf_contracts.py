# SPDX-License-Identifier: GPL-2.0-only
"""Which operands callers can pass where leaves have several sizes and memslots matter."""

from __future__ import annotations

from collections.abc import Callable

from model.contracts import slot_limits
from model.layout import Layout
from model.operations import BYTES, HALF_OPEN, SLOT, Kind, Op, frame_range
from model.slots import Slots


def in_contract_now(layout: Layout, slots: Slots, op: Op) -> bool:
    """Return whether callers can pass these operands with the memslots as they are now.

    What ``model.contracts`` says of the operands alone holds as well, and is not asked here.
    """
    asked = _CONTRACTS.get(op.kind)
    return asked is None or asked(layout, slots, op)


def _fault_contract(layout: Layout, slots: Slots, op: Op) -> bool:
    """The host's mapping is aligned in its own addresses; every frame of it has memory."""
    frame = op.first >> layout.page_shift
    if frame > layout.top or op.order not in layout.leaf_orders:
        return False
    low = (1 << op.order) - 1
    aligned = not (frame + op.skew - op.pfn) & low
    # Where the host's page does not fit the guest's, its neighbours are asked for as well.
    room = low + 1 if op.skew & low else 0
    return aligned and op.pfn >= room and (op.pfn | low) + room <= layout.pfn_top


def _one_slot(layout: Layout, slots: Slots, op: Op) -> bool:
    run = frame_range(op, layout.page_shift)
    if run is None or run[1] > layout.top:
        return False
    slot = slots.of(run[0])
    if op.kind is Kind.LOG_DIRTY_MASKED and op.first != slot.base:
        return False
    return run[1] <= slot.last


def _within(layout: Layout, slots: Slots, op: Op) -> bool:
    run = frame_range(op, layout.page_shift)
    return run is not None and run[1] <= layout.top


def _exact_slot(layout: Layout, slots: Slots, op: Op) -> bool:
    return slots.is_slot(op.first, op.last)


def _prepare_contract(layout: Layout, slots: Slots, op: Op) -> bool:
    """A memslot that does not log yet, or one beyond the reach, which is refused."""
    limit, most = slot_limits(layout)
    end = op.first + op.last
    beyond = layout.frames < end <= limit and 0 < op.last <= most
    return beyond or (_exact_slot(layout, slots, op) and not slots.logs(op.first))


def _map_contract(layout: Layout, slots: Slots, op: Op) -> bool:
    frame = op.first >> layout.page_shift
    low = (1 << op.order) - 1
    if frame > layout.top or op.order not in layout.leaf_orders or op.pfn & low:
        return False
    slot = slots.of(frame)
    fits = slot.base <= frame & ~low and frame | low <= slot.last
    return fits and op.pfn | low <= layout.pfn_top and not slots.logs(frame)


def _split_contract(layout: Layout, slots: Slots, op: Op) -> bool:
    known = op.order in layout.leaf_orders
    return known and op.first >> layout.page_shift <= layout.top


def _device_contract(layout: Layout, slots: Slots, op: Op) -> bool:
    page = (1 << layout.page_shift) - 1
    if (op.first | op.last) & page or not op.last or not _within(layout, slots, op):
        return False
    pages = op.last >> layout.page_shift
    return op.kind is Kind.IOUNMAP or op.pfn + pages - 1 <= layout.pfn_top


_CONTRACTS: dict[Kind, Callable[[Layout, Slots, Op], bool]] = {
    Kind.FAULT: _fault_contract,
    Kind.LOOKUP: _within,
    Kind.FLUSH: _within,
    Kind.MKCLEAN: _within,
    Kind.LOG_DIRTY_MASKED: _one_slot,
    **dict.fromkeys(HALF_OPEN, _one_slot),
    **dict.fromkeys(SLOT, _exact_slot),
    **dict.fromkeys(BYTES, _device_contract),
    Kind.PREPARE_REGION: _prepare_contract,
    Kind.MAP: _map_contract,
    Kind.SPLIT: _split_contract,
}
