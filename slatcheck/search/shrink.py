# SPDX-License-Identifier: GPL-2.0-only
"""The shortest trace: operations are dropped, then operands made simpler, while a symptom stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from model.layout import Layout
from model.operations import ADDRESSED, HALF_OPEN, INCLUSIVE, SLOT, Answer, Kind, Op, frame_range

Shows = Callable[[list[Op]], bool]
PLAIN_PFN = 5
LIMIT = 600
"""Traces that may be tried to shrink one."""


class _Budget:
    def __init__(self, shows: Shows, limit: int) -> None:
        self._shows = shows
        self._tried: dict[tuple[Op, ...], bool] = {}
        self.left = limit

    def shows(self, ops: list[Op]) -> bool:
        """Return whether a trace does; one that was tried counts again, but is not run again."""
        if self.left <= 0:
            return False
        self.left -= 1
        trace = tuple(ops)
        if trace not in self._tried:
            self._tried[trace] = self._shows(ops)
        return self._tried[trace]


def _drop(ops: list[Op], budget: _Budget) -> list[Op]:
    """Remove runs of operations, long ones first; CREATE at the front stays."""
    size = max(1, len(ops) // 2)
    while size:
        at = len(ops) - size
        while at >= 1:
            shorter = ops[:at] + ops[at + size :]
            if budget.shows(shorter):
                ops = shorter
            at -= size
        size //= 2
    return ops


def _without_borders(ops: list[Op], budget: _Budget) -> list[Op]:
    """Take away borders of memslots that do not matter."""
    first, last = ops[0].first, ops[0].last
    for borders in ((0, 0), (0, first), (0, last)) if first or last else ():
        simpler = [ops[0]._replace(first=borders[0], last=borders[1]), *ops[1:]]
        if simpler != ops and budget.shows(simpler):
            return simpler
    return ops


def _simpler_fault(op: Op) -> Iterator[Op]:
    yield op._replace(oom=0)
    yield op._replace(retries=0)
    yield op._replace(retries=1) if op.retries > 1 else op
    yield op._replace(write=False)
    yield op._replace(answer=Answer.PAGE, pfn=PLAIN_PFN)
    yield op._replace(pfn=PLAIN_PFN)
    yield op._replace(writable=op.write)
    if op.skew or op.order:
        yield op._replace(skew=0)
        yield op._replace(order=0, skew=0)
    yield op._replace(pfn=1 << op.order)
    low = op.pfn & -op.pfn
    if op.pfn & (op.pfn - 1):
        yield op._replace(pfn=op.pfn & (op.pfn - 1))
        yield op._replace(pfn=op.pfn ^ (1 << (op.pfn.bit_length() - 1)))
        yield op._replace(pfn=low)


def _frames(layout: Layout, frame: int) -> Iterator[int]:
    """Yield simpler frames than ``frame``, the simplest first."""
    yield from (0, 1, layout.top, layout.frames)
    if frame > layout.frames:
        yield layout.frames + frame % layout.frames
    for level in reversed(layout.tables):
        span = level.span >> layout.page_shift
        yield span
        yield frame // span * span
    yield frame - 1


def _simpler(layout: Layout, op: Op) -> Iterator[Op]:
    """Yield operations simpler than ``op``, the simplest first."""
    if op.kind in ADDRESSED:
        yield from _simpler_fault(op)
        for frame in _frames(layout, op.first >> layout.page_shift):
            yield op._replace(first=layout.truncate(frame << layout.page_shift))
    elif op.kind in INCLUSIVE | HALF_OPEN:
        width = op.last - op.first
        for frame in _frames(layout, op.first):
            yield op._replace(first=frame, last=frame + width)
        least = 0 if op.kind in INCLUSIVE else 1
        yield op._replace(last=op.first + least)
        yield op._replace(first=op.last - least)
        yield op._replace(first=0)
        for last in (layout.top, layout.frames, layout.frames + op.first):
            yield op._replace(last=last)
        yield op._replace(last=op.first + (width + least) // 2)
        yield op._replace(first=op.last - (width + least) // 2)
    elif op.kind in SLOT:
        yield op._replace(last=1)
        yield op._replace(last=max(1, op.last // 2))
        for frame in _frames(layout, op.first):
            yield op._replace(first=frame)
    elif op.kind is Kind.LOG_DIRTY_MASKED:
        yield op._replace(first=op.first + op.last, last=0)
        yield op._replace(mask=1)
        yield op._replace(mask=5)
        yield op._replace(mask=op.mask & (op.mask - 1))
        for frame in _frames(layout, op.first):
            yield op._replace(first=frame)


def _valid(op: Op) -> bool:
    fields = (op.first, op.last, op.mask, op.pfn)
    return all(0 <= value < 1 << 64 for value in fields)


def _weight(op: Op) -> tuple[int, ...]:
    """Order operations by how much a reader has to take in."""
    flags = int(op.write) + int(op.writable) + op.retries + op.oom + int(op.answer)
    flags += op.order + op.skew
    size = op.last - op.first if op.last >= op.first else op.last
    pfn = 0 if op.pfn == PLAIN_PFN else 1 + op.pfn.bit_count()
    return (flags, op.mask.bit_count(), size, op.first, pfn, op.last)


def _shift_all(layout: Layout, ops: list[Op], budget: _Budget) -> list[Op]:
    """Move a whole trace down towards frame 0 where it does not matter where it lies."""
    for at in range(1, len(ops)):
        if not _moves(ops[at]):
            continue
        frame = _first_frame(layout, ops[at])
        for target in (0, 1):
            moved = [_move(op, frame - target, layout.page_shift) for op in ops]
            if frame > target and all(map(_valid, moved)) and budget.shows(moved):
                return moved
    return ops


def _first_frame(layout: Layout, op: Op) -> int:
    return op.first >> layout.page_shift if op.kind in ADDRESSED else op.first


def _moves(op: Op) -> bool:
    return op.kind in ADDRESSED | INCLUSIVE | HALF_OPEN | SLOT | {Kind.LOG_DIRTY_MASKED}


def _move(op: Op, base: int, shift: int) -> Op:
    if op.kind in ADDRESSED:
        return op._replace(first=op.first - (base << shift))
    if op.kind in INCLUSIVE | HALF_OPEN:
        return op._replace(first=op.first - base, last=op.last - base)
    return op._replace(first=op.first - base) if _moves(op) else op


def _focus(layout: Layout, ops: list[Op], budget: _Budget) -> list[Op]:
    """Reduce a range to its first or last page, and bring the faults within it to that page."""
    for at in range(1, len(ops)):
        op = ops[at]
        found = frame_range(op, layout.page_shift) if op.kind in _RANGES else None
        if found is None or found[0] == found[1]:
            continue
        for page in found:
            moved = [_onto(layout, old, found, page) for old in ops]
            moved[at] = _single(op, page)
            if budget.shows(moved):
                ops = moved
                break
    return ops


_RANGES = INCLUSIVE | HALF_OPEN | SLOT


def _single(op: Op, page: int) -> Op:
    """Return a range operation that names just ``page``."""
    last = {True: page, False: page + 1}[op.kind in INCLUSIVE]
    return op._replace(first=page, last=1 if op.kind in SLOT else last)


def _onto(layout: Layout, op: Op, found: tuple[int, int], page: int) -> Op:
    frame = _first_frame(layout, op)
    if op.kind not in ADDRESSED or not found[0] <= frame <= found[1]:
        return op
    return op._replace(first=layout.truncate(page << layout.page_shift))


def _simplify(layout: Layout, ops: list[Op], budget: _Budget) -> list[Op]:
    """Replace operations by simpler ones, one at a time, until nothing simpler shows it."""
    changed = True
    while changed and budget.left > 0:
        changed = False
        for at in range(1, len(ops)):
            for candidate in _simpler(layout, ops[at]):
                if not _valid(candidate) or _weight(candidate) >= _weight(ops[at]):
                    continue
                attempt = [*ops[:at], candidate, *ops[at + 1 :]]
                if budget.shows(attempt):
                    ops = attempt
                    changed = True
                    break
    return ops


def shrink(layout: Layout, ops: list[Op], shows: Shows, limit: int = LIMIT) -> list[Op]:
    """Return a trace as short and simple as can be found that still shows the symptom.

    ``shows`` decides whether a trace does, and always alike. Deterministic; tries at most ``limit``
    traces.
    """
    budget = _Budget(shows, limit)
    ops = _drop(ops, budget)
    ops = _without_borders(ops, budget)
    ops = _shift_all(layout, ops, budget)
    ops = _focus(layout, ops, budget)
    ops = _simplify(layout, ops, budget)
    return _drop(ops, budget)
