# SPDX-License-Identifier: GPL-2.0-only
"""What guest frames may hold after an operation, where leaves of several sizes may cover them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from model.abstract_map import Expected
from model.entry import Entry
from model.layout import Layout
from model.leaf_map import LeafMap
from model.leaves import Leaves, Piece, Run, end_of, holder, overlapping, seen
from model.operations import Answer, Kind, Op

Limit = tuple[int, int, int]


@dataclass(frozen=True)
class Claim:
    """Frames ``first..last`` and what is allowed of them: all that is set, one of it at least.

    ``entry`` is what the first frame is mapped to, by a leaf of whatever size; the others are
    mapped to the frames that follow. They may be ``gone``, or be ``kept`` as they were.
    """

    first: int
    last: int
    entry: Entry | None
    gone: bool
    kept: bool


@dataclass(frozen=True)
class Claims:
    """All claims about an operation; frames that none names hold what they held.

    ``limit`` is (order, first frame, last frame): leaves that come there are not larger than that.
    """

    frames: tuple[Claim, ...]
    limit: Limit | None


def claims(state: LeafMap, op: Op, before: Leaves, expected: Expected, returned: int) -> Claims:
    """Return what ``op`` may leave of the leaves ``before``.

    ``state`` is the map after it, ``expected`` what was promised, ``returned`` what it returned.
    """
    results = expected.results
    result = results[0] if results and returned not in results else returned
    judge = state.judge(op, before, result)
    orders = state.layout.level_orders
    runs = state.runs(op)
    touched = overlapping(before, runs)
    found: list[Claim] = []
    for first, end in pairwise(_borders(state, op, before, expected, runs)):
        was = holder(before, first, orders)
        old, now = seen(before, was, first), _after(state, op, expected, first)
        inside = any(low <= first <= high for low, high in runs)
        piece = Piece(first, end - 1, old, None, inside, was in touched)
        gone, kept = (judge(piece._replace(new=new)) is None for new in (None, old))
        # An entry on its own: no size of the leaf that holds it is asked for.
        entry = now and now._replace(order=0)
        as_old = kept and old is not None and entry == old._replace(order=0)
        if entry is not None and (as_old or judge(piece._replace(new=entry)) is not None):
            entry = None
        if old is None:
            gone, kept = gone or kept, False
        if entry is not None or gone != (old is None) or not (gone or kept):
            found.append(Claim(first, end - 1, entry, gone, kept))
    return Claims(tuple(_joined(found)), _limit(state, op, runs, result))


def _after(state: LeafMap, op: Op, expected: Expected, frame: int) -> Entry | None:
    """Return what a frame is to be mapped to; a fault may map more than was foreseen."""
    found = seen(state.entries, holder(state.entries, frame, state.layout.level_orders), frame)
    if not _maps(op, expected):
        return found
    first, last = state.host_page(op)
    if not first <= frame <= last:
        return found
    pfn = op.pfn + frame - (op.first >> state.layout.page_shift)
    return Entry(pfn, state.permission(op), True, True)


def _maps(op: Op, expected: Expected) -> bool:
    """Return whether an operation is a fault that has to map something."""
    answered = op.kind is Kind.FAULT and op.answer is Answer.PAGE and not op.retries
    return answered and expected.results == (0,)


def _borders(
    state: LeafMap, op: Op, before: Leaves, expected: Expected, runs: Iterable[Run]
) -> list[int]:
    """Return the frames at which what is allowed may change, in order."""
    areas = list(runs)
    for leaves in (before, state.entries):
        bases = overlapping(leaves, areas) | (expected.changes.keys() & leaves.keys())
        areas += [(base, end_of(base, leaves[base])) for base in bases]
    if _maps(op, expected):
        areas.append(state.host_page(op))
        for base in overlapping(before, areas):
            areas.append((base, end_of(base, before[base])))
    return sorted({border for first, last in areas for border in (first, last + 1)})


def _limit(state: LeafMap, op: Op, runs: list[Run], result: int) -> Limit | None:
    if not runs or result < 0:
        return None
    first, last = runs[0][0], runs[-1][1]
    if op.kind is Kind.FAULT:
        return (0 if state.slots.logs(first) else op.order), first, last
    if op.kind is Kind.SPLIT:
        return op.order, first, last
    device = op.kind is Kind.IOREMAP or (op.kind is Kind.PREPARE_REGION and op.write)
    return (0, first, last) if device else None


def _joined(found: list[Claim]) -> list[Claim]:
    """Return the claims with those put together that go on where the one before ends."""
    out: list[Claim] = []
    for claim in found:
        last = out[-1] if out else None
        if last is not None and _goes_on(last, claim):
            out[-1] = replace(last, last=claim.last)
        else:
            out.append(claim)
    return out


def _goes_on(one: Claim, other: Claim) -> bool:
    if one.last + 1 != other.first or (one.gone, one.kept) != (other.gone, other.kept):
        return False
    if one.entry is None or other.entry is None:
        return one.entry is other.entry
    return one.entry._replace(pfn=one.entry.pfn + other.first - one.first) == other.entry


def in_words(layout: Layout, claim: Claim) -> str:
    """Return a claim as a comment says it."""
    parts = []
    if claim.entry is not None:
        raw = layout.entry.encode(claim.entry)
        parts.append(
            layout.entry.describe(raw) + (", counting up" if claim.last > claim.first else "")
        )
    parts += ["absent"] if claim.gone else []
    parts += ["as before"] if claim.kept else []
    many = claim.last - claim.first + 1
    where = f"GPA {claim.first << layout.page_shift:#x}"
    return f"{where}{f', {many} pages' if many > 1 else ''}: {' or '.join(parts) or 'nothing'}"
