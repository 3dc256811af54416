# SPDX-License-Identifier: GPL-2.0-only
"""Outcomes of an implementation written down as the runner would have written them."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from impl.interface import Event, Outcome, Run
from impl.kernel.executor import EVENTS, SUBJECTS
from model.entry import ORDER_SHIFT
from model.operations import U64
from slatcheck.fuzz.wire import Rings, WireChange, WireControl, WireEvent, WireResult

MOST_OPS, MOST_CHANGES, MOST_DIRTY, MOST_EVENTS = 4096, 65536, 8192, 1024
ORDER_MASK = (1 << ORDER_SHIFT) - 1


class Records:
    """The rings of a runner, in memory of this process."""

    def __init__(
        self, ops: int = MOST_OPS, changes: int = MOST_CHANGES, dirty: int = MOST_DIRTY
    ) -> None:
        self.control = WireControl()
        self.results = (WireResult * ops)()
        self.changes = (WireChange * changes)()
        self.dirty = (ctypes.c_uint64 * dirty)()
        self.events = (WireEvent * MOST_EVENTS)()
        self.rings = Rings(
            ctypes.addressof(self.control),
            ctypes.addressof(self.results),
            ctypes.addressof(self.changes),
            ctypes.addressof(self.dirty),
            ctypes.addressof(self.events),
            ops,
            changes,
            dirty,
            MOST_EVENTS,
        )

    def clear(self) -> None:
        """Forget what was recorded."""
        ctypes.memset(ctypes.addressof(self.control), 0, ctypes.sizeof(self.control))

    def put(self, run: Run, stutter: bool = False) -> int:
        """Add the outcomes of a run and return how many operations are recorded now.

        With ``stutter`` every frame that changed is recorded twice; the last one counts.
        """
        for outcome in run.outcomes[: run.stop]:
            self.add(outcome, stutter)
            self.control.done += 1
        if run.stop is not None:
            self.add(run.outcomes[run.stop], stutter)
            self.control.stopped = 1
        self.control.cursor = self.control.done
        return int(self.control.done)

    def add(self, outcome: Outcome, stutter: bool = False) -> None:
        """Write down one outcome; the runner has no words for a PFN that no entry holds."""
        control, result = self.control, self.results[self.control.done]
        shown = list(outcome.changes.items())
        early = [(gfn, raw ^ 1) for gfn, raw in shown] if stutter else []
        for gfn, raw in early + shown:
            order = raw >> ORDER_SHIFT
            self.changes[control.changes] = WireChange(gfn, raw & U64, order, 0)
            control.changes += 1
        for gfn in outcome.dirty:
            self.dirty[control.dirty] = gfn
            control.dirty += 1
        for event in outcome.events:
            self.events[control.events] = wire_event(event)
            control.events += 1
        result.result = signed(outcome.result & U64)
        result.changes, result.dirty = control.changes, control.dirty
        result.events = control.events
        result.tables, result.taken = outcome.tables, outcome.taken
        result.freed, result.held = outcome.freed, outcome.held


def wire_event(event: Event) -> WireEvent:
    """Return an event as the runner writes it, less what the filter does not look at."""
    known = event.subject in SUBJECTS
    return WireEvent(EVENTS.index(event.rule), SUBJECTS.index(event.subject) if known else 63)


def signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def representable(outcomes: Sequence[Outcome]) -> bool:
    """Return whether the wire can say all of it: no PFN bits beyond the raw entry."""
    raws = [raw for outcome in outcomes for raw in (*outcome.changes.values(), outcome.result)]
    return all(raw < 0 or not (raw & ORDER_MASK) >> 64 for raw in raws)
