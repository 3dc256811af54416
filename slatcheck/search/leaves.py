# SPDX-License-Identifier: GPL-2.0-only
"""Naming what is wrong where an operation left leaves that it may not leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from impl.interface import Outcome
from model.abstract_map import Expected
from model.entry import ORDER_SHIFT, Entry
from model.layout import Layout
from model.leaf_map import EEXIST, Habit, LeafMap
from model.leaves import Difference, Flaw, Leaves, holder, seen
from model.operations import ENOMEM, FAULTS, INSTALLING, Answer, Kind, Op

Named = tuple[str, str, bool]
_PARTLY = frozenset({Kind.IOREMAP, Kind.PREPARE_REGION})
"""Operations on many pages, whose callers take back what was done before a failure."""
_SPURIOUS = frozenset({Kind.AGE})
MOST_OF_A_DROP = 2
"""Where a page drops a larger leaf, that goes and the page comes; a split leaves more."""


def habit(state: LeafMap, op: Op, outcome: Outcome) -> Habit | None:
    """Return the habit that an outcome tells of, None for none; ``state`` is the map before."""
    if op.kind not in INSTALLING or op.kind is Kind.PREPARE_REGION:
        return None
    frame = op.first >> state.layout.page_shift
    around = state.holder(frame)
    if outcome.result == -EEXIST and op.kind is not Kind.FAULT:
        larger = around is not None and state.entries[around].order > op.order
        return Habit.REFUSES if larger else None
    order = max((raw >> ORDER_SHIFT for raw in outcome.changes.values() if raw), default=None)
    if around is None or order is None:
        return None
    if state.entries[around].order > order and len(outcome.changes) <= MOST_OF_A_DROP:
        return Habit.DROPS
    replaced = op.kind is Kind.FAULT and bool(state.smaller(frame >> order << order, order))
    return Habit.REPLACES if replaced else None


def wrong_answer(layout: Layout, op: Op, given: int, allowed: Sequence[int]) -> str:
    """Return in words that an operation returned ``given``; a walk returns an entry.

    Entries that read alike are told by their bits.
    """
    told = [given, *allowed]
    words = list(map(str, told))
    if op.kind is Kind.LOOKUP:
        words = [layout.entry.describe(value) for value in told]
        if words[0] in words[1:]:
            words = [f"{value:#x}" for value in told]
    return f"returned {words[0]}, not {' or '.join(words[1:])}"


@dataclass(frozen=True)
class LeafCase:
    """One outcome that is not what was foreseen, and may be right all the same.

    ``state`` is the map as the implementation left it, ``past`` its leaves before the operation,
    ``canonical`` those that were foreseen.
    """

    layout: Layout
    state: LeafMap
    past: dict[int, Entry]
    canonical: Leaves
    op: Op
    outcome: Outcome
    before: Outcome
    expected: Expected

    @cached_property
    def different(self) -> list[Difference]:
        """Where the leaves are not such as the operation may leave."""
        if self.op.kind in (Kind.CREATE, Kind.DESTROY):
            return []
        fmt = self.layout.entry
        odd = [
            Difference(base, base, Flaw.WRONG)
            for base, raw in sorted(self.outcome.changes.items())
            if raw and ((entry := fmt.decode(raw)) is None or fmt.encode(entry) != raw)
        ]
        changed = set(self.outcome.changes)
        return odd or self.state.flaws(self.op, self.past, self.outcome.result, changed)

    def name(self) -> Named | None:
        """Return (rule, words, imprecise) of the first promise that is broken, None if none is."""
        for namer in (self._atomicity, self._leaves, self._dirty, self._result, self._pages):
            found = namer()
            if found is not None:
                return found
        return None

    def map_holds(self, frame: int) -> int:
        """Return the raw leaf that was foreseen at ``frame``, 0 where none begins there."""
        entry = self.canonical.get(frame)
        return self.layout.entry.encode(entry) if entry else 0

    def table_holds(self, frame: int) -> int:
        """Return the raw leaf that the implementation has at ``frame``."""
        if frame in self.outcome.changes:
            return self.outcome.changes[frame]
        entry = self.past.get(frame)
        return self.layout.entry.encode(entry) if entry else 0

    def _atomicity(self) -> Named | None:
        if self.outcome.result >= 0 or self.op.kind in _PARTLY:
            return None
        if self.op.kind in INSTALLING and self.outcome.tables != self.before.tables:
            return "oom-not-atomic", "the operation failed and yet linked a table", False
        if self.different and self.outcome.result == -ENOMEM:
            return "oom-not-atomic", "the operation failed and yet changed entries", False
        return None

    def _leaves(self) -> Named | None:
        if not self.different:
            return None
        flaws = {found.flaw for found in self.different}
        frames = sum(found.last - found.first + 1 for found in self.different)
        many = "1 frame" if frames == 1 else f"{frames} frames"
        if self._from_before_the_invalidation():
            return "lost-invalidation", "the frame from before the invalidation stays", False
        if self.op.kind in FAULTS or Flaw.WRONG in flaws:
            missed = self.op.kind in FAULTS and not self.outcome.changes
            said = "the entry was not installed" if missed else "not what had to be left"
            return "wrong-entry", f"{said} at {many}", False
        if Flaw.STALE in flaws:
            return "stale-mapping", f"{many} of the range as before", False
        if self.op.kind in INSTALLING:
            return "collateral-change", f"{many} outside the range changed", False
        if all(map(self._only_weaker, self.different)):
            return "collateral-change", f"{many} outside the range changed", True
        return "wrong-entry", f"not what had to stay at {many} outside the range", False

    def _from_before_the_invalidation(self) -> bool:
        op = self.op
        if op.kind is not Kind.FAULT or not op.retries or op.answer is not Answer.PAGE:
            return False
        decoded = map(self.layout.entry.decode, self.outcome.changes.values())
        frame = op.first >> self.layout.page_shift
        wrong = op.pfn ^ 1
        return any(
            entry is not None and entry.pfn | frame & ((1 << entry.order) - 1) == wrong
            for entry in decoded
        )

    def _only_weaker(self, found: Difference) -> bool:
        """Return whether frames were only dropped, cleaned or aged."""
        orders, frame = self.layout.level_orders, found.first
        old = seen(self.past, holder(self.past, frame, orders), frame)
        new = seen(self.state.entries, self.state.holder(frame), frame)
        if old is None or new is None:
            return new is None
        kept = (old.pfn, old.device) == (new.pfn, new.device)
        weaker = new.writable <= old.writable and new.young <= old.young
        return kept and weaker and new.dirty == old.dirty

    def _dirty(self) -> Named | None:
        if self.op.kind not in FAULTS or self.outcome.result < 0:
            return None
        frame = self.op.first >> self.layout.page_shift
        base = self.state.holder(frame)
        changed = base is not None and base in self.outcome.changes
        writable = base is not None and self.state.entries[base].writable
        logged = changed and writable and self.state.slots.logs(frame)
        if logged and frame not in self.outcome.dirty:
            return "dirty-unreported", "mark_page_dirty was not told of the frame", False
        return None

    def _result(self) -> Named | None:
        results, given = self.expected.results, self.outcome.result
        if results is None or given in results:
            return None
        spurious = self.op.kind in _SPURIOUS and given == 1
        return "wrong-result", wrong_answer(self.layout, self.op, given, results), spurious

    def _pages(self) -> Named | None:
        if self.outcome.taken - self.outcome.freed != self.outcome.held:
            return "accounting", "pages taken less pages freed are not the pages held", True
        return None
