# SPDX-License-Identifier: GPL-2.0-only
"""The frames that an operation names: its ranges, and the addresses worth taking apart."""

from __future__ import annotations

from typing import NamedTuple

from model.layout import Layout
from model.operations import ADDRESSED, HALF_OPEN, U64, Kind, Op, frame_range
from model.ranges import coalesce


class Named(NamedTuple):
    """An operand that stands for a place: its name and the address (bytes) it means."""

    name: str
    address: int


def ranges(layout: Layout, op: Op) -> list[tuple[int, int]]:
    """Return the inclusive ranges of frames that ``op`` acts on, ascending, not clipped."""
    if op.kind is Kind.LOG_DIRTY_MASKED:
        base = op.first + op.last
        return coalesce(base + bit for bit in range(64) if op.mask >> bit & 1)
    found = frame_range(op, layout.page_shift)
    return [found] if found else []


def covers(spans: list[tuple[int, int]], frame: int) -> bool:
    """Return whether one of the ranges holds ``frame``."""
    return any(first <= frame <= last for first, last in spans)


def addresses(layout: Layout, op: Op) -> list[Named]:
    """Return the addresses of ``op`` that are worth taking apart; none for 0..~0."""
    if op.kind in ADDRESSED:
        return [Named("address", op.first)]
    spans = ranges(layout, op)
    if not spans or spans == [(0, U64)]:
        return []
    first, last = spans[0][0], spans[-1][1]
    found = [Named("first frame", first << layout.page_shift)]
    if last != first:
        found.append(Named("last frame", last << layout.page_shift))
    if op.kind in HALF_OPEN and op.last << layout.page_shift > layout.address_mask:
        found.append(Named("end", op.last << layout.page_shift))
    return found
