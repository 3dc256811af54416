# SPDX-License-Identifier: GPL-2.0-only
"""The abstract map where leaves have several sizes: what each operation must do, and what it may.

A map with leaves of one size is the case in which every leaf holds one guest frame; there both
say the same.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from model.abstract_map import AbstractMap, Expected
from model.contracts import in_contract
from model.entry import Entry
from model.layout import Layout
from model.leaf_contracts import in_contract_now
from model.leaves import (
    Difference,
    Flaw,
    Judged,
    Leaves,
    Piece,
    Run,
    differences,
    end_of,
    holder,
    overlapping,
    pieces,
    removed,
    same,
    seen,
    unchanged,
    weakened,
)
from model.operations import (
    AGEING,
    CLEANING,
    EFAULT,
    ENOMEM,
    REMOVING,
    Answer,
    Kind,
    Op,
    frame_range,
)
from model.ranges import clip
from model.slots import Slots

EEXIST = 17
EPERM = 1
ORDER_MASK = (1 << 128) - 1
"""The bits of a raw entry below those that say the size of its leaf."""


def cleaned(entry: Entry) -> Entry:
    """Return a leaf without write permission."""
    return entry._replace(writable=False)


def aged(entry: Entry) -> Entry:
    """Return a leaf that is not young."""
    return entry._replace(young=False)


def mask_runs(base: int, mask: int) -> list[Run]:
    """Return the frames that the bits of a mask name, as inclusive runs."""
    runs: list[Run] = []
    while mask:
        low = (mask & -mask).bit_length() - 1
        mask >>= low
        length = ((mask + 1) & ~mask).bit_length() - 1
        runs.append((base + low, base + low + length - 1))
        base, mask = base + low + length, mask >> length
    return runs


class Habit(Enum):
    """What a table may do where the map would do something else, both of them right."""

    REFUSES = "refuses to map a page where a larger leaf is"
    DROPS = "drops a larger leaf instead of splitting it"
    REPLACES = "puts a large leaf in the place of smaller ones"


class LeafMap(AbstractMap):
    """Leaves by the first guest frame of each, and the memslots of the virtual machine.

    ``apply`` does what a table does that takes whole leaves and splits where it must, unless it
    has other ``habits``; ``flaws`` judges any other cover of the frames by leaves.
    """

    def __init__(self, layout: Layout, habits: frozenset[Habit] = frozenset()) -> None:
        super().__init__(layout)
        self.slots = Slots(layout)
        self.habits = habits

    # What an operation names

    def runs(self, op: Op) -> list[Run]:
        """Return the frames that an operation names, inclusive and within reach."""
        shift = self.layout.page_shift
        if op.kind is Kind.LOG_DIRTY_MASKED:
            found = mask_runs(op.first + op.last, op.mask)
        elif op.kind is Kind.MAP:
            base = op.first >> shift >> op.order << op.order
            found = [(base, base + (1 << op.order) - 1)]
        else:
            whole = frame_range(op, shift)
            found = [whole] if whole else []
        clipped = (clip(first, last, self.layout.top) for first, last in found)
        return [run for run in clipped if run is not None]

    def holder(self, frame: int) -> int | None:
        """Return the first frame of the leaf that holds ``frame``, None where none does."""
        return holder(self.entries, frame, self.layout.level_orders)

    def mapped(self, op: Op) -> list[int]:
        """Return the first frames of the leaves of which ``op`` names some frame."""
        return sorted(overlapping(self.entries, self.runs(op))) if self.entries else []

    # What an operation does

    def expected(self, op: Op, result: int) -> Expected:
        """Apply ``op``, of which an implementation returned ``result``; see AbstractMap."""
        if op.oom and result == -ENOMEM and op.kind is not Kind.CREATE:
            return Expected((-ENOMEM,), {})
        if op.kind is Kind.MAP and result == -EEXIST:
            return Expected((-EEXIST,), {})
        return self.apply(op)

    def apply(self, op: Op) -> Expected:
        """Carry out ``op`` and return what an implementation should show for it."""
        self.slots.follow(op)
        return _HANDLERS[op.kind](self, op)

    def replay(self, op: Op, shown: Expected) -> None:
        """Take over what an operation was seen to do; see AbstractMap."""
        self.slots.follow(op)
        super().replay(op, shown)

    def largest(self, op: Op) -> int:
        """Return the order of the largest leaf that may hold a fault's frame."""
        frame = op.first >> self.layout.page_shift
        slot = self.slots.of(frame)
        if self.slots.logs(frame):
            return 0
        return max(
            order
            for order in self.layout.leaf_orders
            if order <= op.order
            and not (frame ^ op.pfn) & ((1 << order) - 1)
            and slot.base <= frame >> order << order
            and (frame >> order << order) + (1 << order) - 1 <= slot.last
        )

    def permission(self, op: Op) -> bool:
        """Return whether a fault makes its frame writable: for reads not while it is logged."""
        logs = self.slots.logs(op.first >> self.layout.page_shift)
        return op.writable and (op.write or not logs)

    def fault(self, op: Op) -> Expected:
        """Install the environment's answer, in the largest leaf that is right."""
        if op.answer is not Answer.PAGE:
            return Expected((-EFAULT,), {})
        if op.retries:
            return Expected((0,), {})
        frame = op.first >> self.layout.page_shift
        order = self.largest(op)
        replaces = Habit.REPLACES in self.habits
        if not replaces and self.smaller(frame >> order << order, order):
            order = 0
        base = frame >> order << order
        leaf = Entry(op.pfn - frame + base, self.permission(op), True, True, order)
        logged = leaf.writable and self.slots.logs(frame)
        return self._change((0,), self._installed(base, leaf), frame if logged else -1)

    def smaller(self, base: int, order: int) -> list[int]:
        """Return the leaves smaller than ``order`` that lie where a leaf of it would."""
        last = base + (1 << order) - 1
        return [f for f, e in self.entries.items() if base <= f <= last and e.order < order]

    def _installed(self, base: int, leaf: Entry) -> dict[int, Entry | None]:
        """Return what changes when a leaf is put in, larger ones split, smaller ones dropped."""
        changes: dict[int, Entry | None] = dict.fromkeys(self.smaller(base, leaf.order))
        around = self._around(base, leaf.order)
        if around is not None and Habit.DROPS in self.habits:
            changes[around] = None
        elif around is not None:
            changes |= self._split(around, base, leaf.order)
        changes[base] = leaf
        return {f: e for f, e in changes.items() if self.entries.get(f) != e}

    def _around(self, frame: int, order: int) -> int | None:
        """Return the leaf that holds ``frame`` if it is larger than ``order``."""
        around = self.holder(frame)
        return around if around is not None and self.entries[around].order > order else None

    def _refuses(self, frame: int, order: int) -> bool:
        return Habit.REFUSES in self.habits and self._around(frame, order) is not None

    def _split(self, around: int, base: int, order: int) -> dict[int, Entry | None]:
        """Return the leaves that a leaf is divided into, down to one of ``order`` at ``base``."""
        changes: dict[int, Entry | None] = {}
        entry = self.entries[around]
        for smaller in reversed(self.layout.level_orders):
            if not order <= smaller < entry.order:
                continue
            for first in range(around, end_of(around, entry) + 1, 1 << smaller):
                changes[first] = entry._replace(pfn=entry.pfn + first - around, order=smaller)
            around = base >> smaller << smaller
            entry = changes[around] or entry
        return changes

    def map(self, op: Op) -> Expected:
        """Put in a leaf of exactly the size that is asked for; refusing is allowed."""
        base = op.first >> self.layout.page_shift >> op.order << op.order
        if self._refuses(base, op.order):
            return Expected((-EEXIST,), {})
        leaf = Entry(op.pfn, op.writable, True, True, op.order)
        return self._change((0, -EEXIST), self._installed(base, leaf))

    def ioremap(self, op: Op) -> Expected:
        """Map a device, page by page."""
        return self._mapped_devices(op)

    def _mapped_devices(self, op: Op) -> Expected:
        changes: dict[int, Entry | None] = {}
        for first, last in self.runs(op):
            for frame in range(first, last + 1):
                if self._refuses(frame, 0):
                    return Expected((-EEXIST,), changes)
                leaf = Entry(op.pfn + frame - first, op.writable, True, True, device=True)
                page = self._installed(frame, leaf)
                self.settle(page)
                changes |= page
        return Expected((0, -EEXIST), changes)

    def prepare(self, op: Op) -> Expected:
        """Accept a memslot within reach whose memory may be written as the slot says.

        What it has of a device may be mapped at once or page by page at faults.
        """
        if op.first + op.last > self.layout.frames:
            return Expected((-EFAULT,), {})
        if not op.writable:
            return Expected((-EPERM,), {})
        return self._mapped_devices(op)._replace(results=(0,)) if op.write else Expected((0,), {})

    def split(self, op: Op) -> Expected:
        """Divide the leaf at an address until it is of the size that is asked for."""
        frame = op.first >> self.layout.page_shift
        around = self.holder(frame)
        if around is None or self.entries[around].order <= op.order:
            return Expected((0,), {})
        base = frame >> op.order << op.order
        return self._change((0,), self._split(around, base, op.order))

    def lookup(self, op: Op) -> Expected:
        """Answer with the raw leaf that holds the address (0 where none does)."""
        around = self.holder(op.first >> self.layout.page_shift)
        raw = 0 if around is None else self.layout.entry.encode(self.entries[around]) & ORDER_MASK
        return Expected((raw,), {})

    def remove(self, op: Op) -> Expected:
        """Drop every leaf of which the range names some frame."""
        return self._change(None, dict.fromkeys(self.mapped(op)))

    def change(self, op: Op) -> Expected:
        """Make clean or old every leaf of which the range names some frame."""
        weaker = aged if op.kind in AGEING else cleaned
        changes: dict[int, Entry | None] = {}
        young = False
        for base in self.mapped(op):
            entry = self.entries[base]
            young = young or entry.young
            if weaker(entry) != entry:
                changes[base] = weaker(entry)
        results = (int(young),) if op.kind in AGEING else None
        return self._change(results, changes)

    # What an operation may do

    def flaws(self, op: Op, before: Leaves, result: int, changed: set[int]) -> list[Difference]:
        """Return where the map as it is now is none that ``op`` may leave of ``before``."""
        runs = self.runs(op)
        found = pieces(before, self.entries, runs, changed, self.layout.level_orders)
        wrong = differences(found, self.judge(op, before, result))
        return wrong or self._bounds(op, result, changed)

    def judge(self, op: Op, before: Leaves, result: int) -> Judged:
        """Return what says of frames whether ``op``, having returned ``result``, may leave them so.

        ``before`` are the leaves before it; the memslots are those of this map.
        """
        if op.kind is Kind.PREPARE_REGION:
            return self._prepared(op, result)
        if op.kind is Kind.IOREMAP:
            return self._mapped_device(op, result)
        if result < 0:
            return unchanged
        if op.kind in REMOVING:
            return removed
        if op.kind in CLEANING:
            return weakened(cleaned)
        if op.kind in AGEING:
            return weakened(aged)
        if op.kind is Kind.FAULT and op.answer is Answer.PAGE:
            return self._faulted(op, before)
        return self._put(op, before) if op.kind is Kind.MAP else unchanged

    def _faulted(self, op: Op, before: Leaves) -> Judged:
        frame = op.first >> self.layout.page_shift
        old = seen(before, holder(before, frame, self.layout.level_orders), frame)
        allowed = {self.permission(op)}
        if old is not None and old.pfn == op.pfn and op.writable:
            allowed.add(old.writable)
        first, last = self.host_page(op)

        def judge(piece: Piece) -> Flaw | None:
            new = piece.new
            if same(piece) and (op.retries or not piece.inside):
                return None
            if not piece.inside:
                if piece.touched and new is None:
                    return None
                if new is None or not first <= piece.first <= last:
                    return Flaw.EXTRA
            if new is None or new.writable not in allowed:
                return Flaw.WRONG
            right = new._replace(writable=True, order=0)
            wanted = Entry(op.pfn + piece.first - frame, True, True, True)
            return None if right == wanted else Flaw.WRONG

        return judge

    def host_page(self, op: Op) -> Run:
        """Return the frames that a fault may map: those of the host's page in the memslot."""
        frame = op.first >> self.layout.page_shift
        slot = self.slots.of(frame)
        if self.slots.logs(frame):
            return frame, frame
        first = frame - (frame + op.skew & (1 << op.order) - 1)
        return max(first, slot.base), min(first + (1 << op.order) - 1, slot.last)

    def _put(self, op: Op, before: Leaves) -> Judged:
        """Judge a leaf that was put in; where smaller ones are, one that is smaller will do."""
        frame = op.first >> self.layout.page_shift
        base = frame >> op.order << op.order
        last = base + (1 << op.order) - 1
        leaf = Entry(op.pfn, op.writable, True, True)
        refusable = any(base <= f <= last and e.order < op.order for f, e in before.items())

        def judge(piece: Piece) -> Flaw | None:
            if piece.inside:
                wanted = leaf._replace(pfn=op.pfn + piece.first - base)
                right = piece.new is not None and piece.new._replace(order=0) == wanted
                asked = piece.first <= frame <= piece.last
                left = refusable and not asked and same(piece)
                return None if right or left else Flaw.WRONG
            return None if same(piece) or (piece.touched and piece.new is None) else Flaw.EXTRA

        return judge

    def _mapped_device(self, op: Op, result: int) -> Judged:
        start = op.first >> self.layout.page_shift

        def judge(piece: Piece) -> Flaw | None:
            if not piece.inside:
                return None if same(piece) or (piece.touched and piece.new is None) else Flaw.EXTRA
            wanted = Entry(op.pfn + piece.first - start, op.writable, True, True, 0, True)
            if piece.new == wanted or (result < 0 and same(piece)):
                return None
            return Flaw.WRONG

        return judge

    def _prepared(self, op: Op, result: int) -> Judged:
        def judge(piece: Piece) -> Flaw | None:
            if same(piece):
                return None
            if not piece.inside or not op.write:
                return Flaw.EXTRA
            wanted = Entry(op.pfn + piece.first - op.first, op.writable, True, True, 0, True)
            right = piece.new is None if result < 0 else piece.new == wanted
            return None if right else Flaw.WRONG

        return judge

    def _bounds(self, op: Op, result: int, changed: set[int]) -> list[Difference]:
        """Return the leaves that are not aligned, leave their memslot or are larger than asked."""
        out = []
        for base in sorted(changed & self.entries.keys()):
            entry = self.entries[base]
            low = (1 << entry.order) - 1
            slot = self.slots.of(base)
            wrong = (base | entry.pfn) & low or end_of(base, entry) > slot.last
            if op.kind is Kind.FAULT and base == self.holder(op.first >> self.layout.page_shift):
                largest = 0 if self.slots.logs(base) else op.order
                wrong = wrong or entry.order > largest
            if wrong:
                out.append(Difference(base, end_of(base, entry), Flaw.WRONG))
        if op.kind is Kind.SPLIT and result == 0:
            out += self._unsplit(op)
        return out

    def _unsplit(self, op: Op) -> list[Difference]:
        around = self.holder(op.first >> self.layout.page_shift)
        if around is None or self.entries[around].order <= op.order:
            return []
        return [Difference(around, end_of(around, self.entries[around]), Flaw.STALE)]

    # What callers can pass

    def in_contract(self, op: Op) -> bool:
        """Return whether the kernel's own callers can pass these operands now.

        A memslot that is prepared is new: nothing is mapped there.
        """
        allowed = in_contract(self.layout, op) and in_contract_now(self.layout, self.slots, op)
        return allowed and not (op.kind is Kind.PREPARE_REGION and self.mapped(op))


_HANDLERS: dict[Kind, Callable[[LeafMap, Op], Expected]] = {
    Kind.CREATE: LeafMap.create,
    Kind.FAULT: LeafMap.fault,
    Kind.LOOKUP: LeafMap.lookup,
    **dict.fromkeys(REMOVING, LeafMap.remove),
    **dict.fromkeys(CLEANING | AGEING, LeafMap.change),
    Kind.TEST_AGE: LeafMap.test_age,
    Kind.DESTROY: LeafMap.destroy,
    Kind.MAP: LeafMap.map,
    Kind.IOREMAP: LeafMap.ioremap,
    Kind.PREPARE_REGION: LeafMap.prepare,
    Kind.SPLIT: LeafMap.split,
}


def map_of(layout: Layout, habits: frozenset[Habit] = frozenset()) -> AbstractMap:
    """Return an empty map for a layout."""
    return LeafMap(layout, habits) if layout.large else AbstractMap(layout)
