# SPDX-License-Identifier: GPL-2.0-only
"""The specification, ``model.pointwise``, on symbolic frames and raw entries."""

from __future__ import annotations

from model import pointwise
from model.operations import Op
from proofs import terms
from proofs.lifting import Flag, as_plain, summary, truth_of, unsigned
from proofs.raw import OWN, RawFormat
from proofs.terms import Term, Truth, Value


def after(op: Op, frame: Term, raw: Value, page_shift: int, entry: RawFormat = OWN) -> Term:
    """Return what the specification says that ``op`` leaves at ``frame``."""
    where = as_plain(unsigned(frame))
    (found,) = summary(
        lambda: [entry.encode(pointwise.after(op, where, entry.decode(raw), page_shift))]
    )
    return terms.bits(found, entry.raw_bits)


def covers(op: Op, frame: Term, page_shift: int) -> Truth:
    """Return whether the specification says that ``op`` acts on ``frame``."""
    (found,) = summary(
        lambda: [truth_of(pointwise.covers(op, as_plain(unsigned(frame)), page_shift))]
    )
    return terms.truth(found)


def fast(raw: Value, write: Flag, entry: RawFormat = OWN) -> tuple[Truth, Term, Truth]:
    """Return for the fast path: whether it succeeds, what it leaves, whether that is reported."""

    def run() -> list[Truth]:
        done = pointwise.fast(entry.decode(raw), as_plain(write))
        return [done.result == 0, entry.encode(done.entry), truth_of(done.dirtied)]

    good, left, dirtied = summary(run)
    return good, terms.bits(left, entry.raw_bits), dirtied


def fault(raw: Value, op: Op, entry: RawFormat = OWN) -> tuple[Truth, Term, Truth]:
    """Return for a fault: whether it succeeds, what it leaves, whether that is reported."""

    def run() -> list[Truth]:
        done = pointwise.fault(entry.decode(raw), op)
        return [done.result == 0, entry.encode(done.entry), truth_of(done.dirtied)]

    good, left, dirtied = summary(run)
    return good, terms.bits(left, entry.raw_bits), dirtied
