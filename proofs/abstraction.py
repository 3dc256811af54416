# SPDX-License-Identifier: GPL-2.0-only
"""The specification, ``model.pointwise``, on symbolic frames and raw entries."""

from __future__ import annotations

from typing import Any

from model import pointwise
from model.entry import Entry
from model.operations import Op
from proofs import terms
from proofs.contracts import present
from proofs.heap import PFN_SHIFT, RAW_BITS
from proofs.lifting import lift_truth, lifted, summary, truth_of, unsigned
from proofs.terms import Term, Truth, Value, choose, same


def _flag(raw: Term, bit: int) -> Any:
    return lift_truth(same(terms.extract(raw, bit, bit), 1))


def decode(raw: Value) -> Entry | None:
    """Return what a raw entry, in the proof's own format, represents; forks on its presence."""
    value = terms.bits(raw, RAW_BITS)
    if not lift_truth(present(value)):
        return None
    pfn = unsigned(terms.extract(value, RAW_BITS - 1, PFN_SHIFT))
    return Entry(pfn, _flag(value, 1), _flag(value, 2), _flag(value, 3))


def encode(entry: Entry | None) -> Term:
    """Return the raw entry, in the proof's own format, that represents ``entry``."""
    if entry is None:
        return terms.number(0, RAW_BITS)
    parts = [lifted(entry.pfn).sized(RAW_BITS - PFN_SHIFT)]
    for flag in (entry.dirty, entry.young, entry.writable):
        parts.append(choose(truth_of(flag), terms.number(1, 1), terms.number(0, 1)))
    raw = terms.number(1, 1)
    for part in reversed(parts):
        raw = terms.concat(part, raw)
    return raw


def after(op: Op, frame: Term, raw: Value, page_shift: int) -> Term:
    """Return what the specification says that ``op`` leaves at ``frame``."""
    where = unsigned(frame)
    (found,) = summary(lambda: [encode(pointwise.after(op, where, decode(raw), page_shift))])
    return terms.bits(found, RAW_BITS)


def covers(op: Op, frame: Term, page_shift: int) -> Truth:
    """Return whether the specification says that ``op`` acts on ``frame``."""
    (found,) = summary(lambda: [truth_of(pointwise.covers(op, unsigned(frame), page_shift))])
    return terms.truth(found)


def fast(raw: Value, write: Any) -> tuple[Truth, Term, Truth]:
    """Return for the fast path: whether it succeeds, what it leaves, whether that is reported."""

    def run() -> list[Any]:
        done = pointwise.fast(decode(raw), write)
        return [done.result == 0, encode(done.entry), truth_of(done.dirtied)]

    good, left, dirtied = summary(run)
    return good, terms.bits(left, RAW_BITS), dirtied


def fault(raw: Value, op: Op) -> tuple[Truth, Term, Truth]:
    """Return for a fault: whether it succeeds, what it leaves, whether that is reported."""

    def run() -> list[Any]:
        done = pointwise.fault(decode(raw), op)
        return [done.result == 0, encode(done.entry), truth_of(done.dirtied)]

    good, left, dirtied = summary(run)
    return good, terms.bits(left, RAW_BITS), dirtied
