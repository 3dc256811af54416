# SPDX-License-Identifier: GPL-2.0-only
"""What each operation does to one guest frame, as pure functions: the specification itself.

The abstract map applies them to every mapped frame, the proofs to one arbitrary frame.
"""

from __future__ import annotations

from typing import NamedTuple

from model.entry import Entry
from model.operations import AGEING, CLEANING, EFAULT, REMOVING, Answer, Kind, Op, frame_range

MASK_BITS = 64
"""Bits of the widest mask of the dirty log."""


class Fault(NamedTuple):
    """How a fault ends: its result, the entry it leaves, whether the frame is reported dirty."""

    result: int
    entry: Entry | None
    dirtied: bool


def fast(entry: Entry | None, write: bool) -> Fault:
    """Upgrade an entry: old becomes young and, on a write, clean and writable becomes dirty."""
    if entry is None:
        return Fault(-EFAULT, None, False)
    if not write or entry.dirty:
        return Fault(0, entry._replace(young=True), False)
    if entry.writable:
        return Fault(0, entry._replace(young=True, dirty=True), True)
    return Fault(-EFAULT, entry._replace(young=True), False)


def fault(entry: Entry | None, op: Op) -> Fault:
    """Upgrade an entry or, where that fails, install the environment's answer."""
    done = fast(entry, op.write)
    if done.result == 0 or op.answer is not Answer.PAGE:
        return done
    dirty = op.write and op.writable
    return Fault(0, Entry(op.pfn, op.writable, True, dirty), dirty)


def covers(op: Op, frame: int, page_shift: int) -> bool:
    """Return whether the operation acts on guest frame ``frame``."""
    if op.kind is Kind.LOG_DIRTY_MASKED:
        base = op.first + op.last
        if frame < base or frame >= base + MASK_BITS:
            return False
        return (op.mask >> (frame - base) % MASK_BITS) % 2 == 1
    found = frame_range(op, page_shift)
    return found is not None and found[0] <= frame and frame <= found[1]


def after(op: Op, frame: int, entry: Entry | None, page_shift: int) -> Entry | None:
    """Return what ``op``, if it succeeds, leaves at ``frame``, where it found ``entry``."""
    if op.kind in (Kind.CREATE, Kind.DESTROY):
        return None
    if not covers(op, frame, page_shift):
        return entry
    if op.kind is Kind.FAULT:
        return fault(entry, op).entry
    if op.kind is Kind.FAULT_FAST:
        return fast(entry, op.write).entry
    return changed(op.kind, entry)


def changed(kind: Kind, entry: Entry | None) -> Entry | None:
    """Return what a range operation makes of an entry that it covers."""
    if entry is None or kind in REMOVING:
        return None
    if kind in CLEANING:
        return entry._replace(dirty=False)
    if kind in AGEING:
        return entry._replace(young=False)
    return entry
