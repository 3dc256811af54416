# SPDX-License-Identifier: GPL-2.0-only
"""What surrounds the table in a concrete run: locks, the answers to faults, references."""

from __future__ import annotations

from impl.multilevel.interface import Page
from impl.multilevel.memory import Report
from model.operations import Answer, Op


class Environment:
    """The environment of one operation after another.

    A fault's first ``retries`` answers are stale PFNs (``pfn ^ 1``), each followed at once by an
    invalidation: in turn one that is over (the sequence number grows) and one that is under way
    until the next request.
    """

    def __init__(self, report: Report) -> None:
        self.report = report
        self.locked = False
        self.readers = 0
        self.seq = 0
        self.in_progress = False
        self.answers = 0
        self.references: dict[int, int] = {}
        self.dirty: list[int] = []
        self.op: Op | None = None

    def begin(self, op: Op) -> None:
        """Begin an operation."""
        self.op = op
        self.answers = 0
        self.dirty = []

    def end(self) -> None:
        """Check that the operation left nothing taken."""
        if self.locked:
            self.report("accounting", "mmu_lock", "still held at the end", fatal=False)
        if self.readers:
            self.report("accounting", "srcu", "still held at the end", fatal=False)
        if any(count > 0 for count in self.references.values()):
            detail = "page references taken and not released"
            self.report("accounting", "page reference", detail, fatal=False)
        self.locked, self.readers, self.references = False, 0, {}
        self.in_progress = False

    def lock(self) -> None:
        """Take ``mmu_lock``."""
        if self.locked:
            self.report("runaway", "mmu_lock", "taken while it is held: a deadlock")
        self.locked = True

    def unlock(self) -> None:
        """Release ``mmu_lock``."""
        if not self.locked:
            self.report("accounting", "mmu_lock", "released while it is not held", fatal=False)
        self.locked = False

    def leave(self) -> None:
        """Leave a read-side critical section."""
        if not self.readers:
            self.report("accounting", "srcu", "released while it is not held", fatal=False)
        self.readers = max(0, self.readers - 1)

    def request(self) -> Page:
        """Answer a request for the page of the fault's frame, with a reference to it."""
        op = self.op
        if op is None:
            return Page(0, writable=False, error=True)
        self.in_progress = False
        self.answers += 1
        if self.answers <= op.retries:
            self._invalidate()
            return self._referenced(op.pfn ^ 1, op.writable)
        if op.answer is not Answer.PAGE:
            return Page(0, writable=False, error=True)
        return self._referenced(op.pfn, op.writable)

    def _invalidate(self) -> None:
        if self.answers % 2:
            self.seq += 1
        else:
            self.in_progress = True

    def _referenced(self, pfn: int, writable: bool) -> Page:
        self.references[pfn] = self.references.get(pfn, 0) + 1
        return Page(pfn, writable, error=False)

    def release(self, pfn: int) -> None:
        """Release a reference to a page."""
        count = self.references.get(pfn, 0)
        if count < 1:
            detail = "released a page without a reference to it"
            self.report("accounting", "page reference", detail, fatal=False)
            return
        self.references[pfn] = count - 1
