# SPDX-License-Identifier: GPL-2.0-only
"""The abstract map from guest frames to entries, executable: what every operation must do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from model.contracts import in_contract
from model.entry import Entry
from model.layout import Layout
from model.operations import EFAULT, ENOMEM, Kind, Op, frame_range
from model.pointwise import Fault, after, fast, fault
from model.ranges import clip


class Expected(NamedTuple):
    """What an operation must return and change.

    ``results`` are the allowed return values, None where the operation returns nothing that
    counts. ``changes`` maps each guest frame whose entry changes to the new entry, None where
    it vanishes. ``dirty`` are the frames that must be reported dirty.
    """

    results: tuple[int, ...] | None
    changes: dict[int, Entry | None]
    dirty: frozenset[int] = frozenset()


NOTHING = Expected(None, {})


class AbstractMap:
    """M: GFN -> Entry, partial, over the reach of a layout.

    Every method that carries out an operation returns what it must show and updates the map.
    A range is clipped to the reach; a fault or lookup at or beyond it is refused.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.entries: dict[int, Entry] = {}

    def apply(self, op: Op) -> Expected:
        """Carry out ``op`` and return what an implementation must show for it."""
        return _HANDLERS[op.kind](self, op)

    def in_contract(self, op: Op) -> bool:
        """Return whether the kernel's own callers can pass these operands now."""
        return in_contract(self.layout, op)

    def replay(self, op: Op, shown: Expected) -> None:
        """Take over what an operation was seen to do, instead of working it out."""
        self.settle(shown.changes)

    def settle(self, changes: dict[int, Entry | None]) -> None:
        """Write ``changes`` into the map, as an observer found them."""
        for frame, entry in changes.items():
            if entry is None:
                self.entries.pop(frame, None)
            else:
                self.entries[frame] = entry

    def mapped(self, op: Op) -> list[int]:
        """Return the mapped frames within reach that ``op``'s range covers, in no order."""
        entries = self.entries
        if not entries:
            return []
        found = frame_range(op, self.layout.page_shift)
        inside = clip(*found, self.layout.top) if found else None
        if inside is None:
            return []
        first, last = inside
        if last - first < len(entries):
            return [frame for frame in range(first, last + 1) if frame in entries]
        return [frame for frame in entries if first <= frame <= last]

    def _change(
        self, results: Iterable[int] | None, changes: dict[int, Entry | None], dirty: int = -1
    ) -> Expected:
        self.settle(changes)
        reported = frozenset() if dirty < 0 else frozenset((dirty,))
        return Expected(None if results is None else tuple(results), changes, reported)

    def create(self, op: Op) -> Expected:
        """Start empty; with a failing allocation there is no table (-ENOMEM)."""
        self.entries.clear()
        return Expected((-ENOMEM,) if op.oom == 1 else (0,), {})

    def fault_fast(self, op: Op) -> Expected:
        """Make an old entry young and, on a write, a clean writable one dirty."""
        frame = op.first >> self.layout.page_shift
        return self._settle_fault(frame, fast(self.entries.get(frame), op.write))

    def fault(self, op: Op) -> Expected:
        """Install or upgrade the entry with the answer of the environment.

        Where an allocation fails, -ENOMEM is allowed beside the ordinary result; ``apply`` then
        predicts the ordinary one, and ``fault_without_memory`` what a refusal must show.
        """
        frame = op.first >> self.layout.page_shift
        if frame > self.layout.top:
            return Expected((-EFAULT,), {})
        return self._settle_fault(frame, fault(self.entries.get(frame), op))

    def _settle_fault(self, frame: int, done: Fault) -> Expected:
        new = done.entry
        changes = {} if new == self.entries.get(frame) else {frame: new}
        return self._change((done.result,), changes, frame if done.dirtied else -1)

    def expected(self, op: Op, result: int) -> Expected:
        """Apply ``op``, of which an implementation returned ``result``, and return what to expect.

        A fault whose allocation is let fail may be refused, and need not.
        """
        if op.kind is Kind.FAULT and op.oom and result == -ENOMEM:
            return self.fault_without_memory(op)
        return self.apply(op)

    def fault_without_memory(self, op: Op) -> Expected:
        """Refuse a fault for want of memory: at most the faulting entry became young."""
        fast = self.fault_fast(op)
        return fast._replace(results=(-ENOMEM,)) if fast.results != (0,) else fast

    def lookup(self, op: Op) -> Expected:
        """Answer with the raw entry (0 when absent) and change nothing."""
        entry = self.entries.get(op.first >> self.layout.page_shift)
        raw = self.layout.entry.encode(entry) if entry else 0
        return Expected((raw,), {})

    def _ranged(self, op: Op) -> dict[int, Entry | None]:
        """Return what a range operation changes."""
        shift = self.layout.page_shift
        found: dict[int, Entry | None] = {}
        for frame in self.mapped(op):
            entry = self.entries[frame]
            new = after(op, frame, entry, shift)
            if new != entry:
                found[frame] = new
        return found

    def remove(self, op: Op) -> Expected:
        """Drop exactly the entries of the range."""
        changes = self._ranged(op)
        results: tuple[int, ...] | None = None
        if op.kind is Kind.UNMAP:
            results = (1,) if changes else (0, 1)
        elif op.kind is Kind.FLUSH:
            whole = op.first == 0 and op.last >= self.layout.top
            results = (1,) if whole else (0, 1)
        return self._change(results, changes)

    def change(self, op: Op) -> Expected:
        """Make exactly the entries of the range, or of the mask, clean or old.

        The answer is whether an entry changed, where the operation has one.
        """
        changes = self._ranged(op)
        silent = op.kind in (Kind.LOG_DIRTY_MASKED, Kind.COMMIT_REGION)
        return self._change(None if silent else (int(bool(changes)),), changes)

    def test_age(self, op: Op) -> Expected:
        """Answer whether an entry of the range is young; change nothing."""
        young = any(self.entries[frame].young for frame in self.mapped(op))
        return Expected((int(young),), {})

    def destroy(self, op: Op) -> Expected:
        """Drop everything; nothing of any kind remains."""
        return self._change(None, dict.fromkeys(self.entries))


_HANDLERS = {
    Kind.CREATE: AbstractMap.create,
    Kind.FAULT: AbstractMap.fault,
    Kind.FAULT_FAST: AbstractMap.fault_fast,
    Kind.LOOKUP: AbstractMap.lookup,
    Kind.FLUSH: AbstractMap.remove,
    Kind.MKCLEAN: AbstractMap.change,
    Kind.MKOLD: AbstractMap.change,
    Kind.LOG_DIRTY_MASKED: AbstractMap.change,
    Kind.UNMAP: AbstractMap.remove,
    Kind.AGE: AbstractMap.change,
    Kind.TEST_AGE: AbstractMap.test_age,
    Kind.FLUSH_SLOT: AbstractMap.remove,
    Kind.FLUSH_ALL: AbstractMap.remove,
    Kind.COMMIT_REGION: AbstractMap.change,
    Kind.DESTROY: AbstractMap.destroy,
}
