# SPDX-License-Identifier: GPL-2.0-only
"""Which addresses the guest may still have cached although the table no longer maps them so."""

from __future__ import annotations

from collections.abc import Iterable

from impl.gstage import pte
from impl.gstage.changes import Leaf
from model.entry import EntryFormat


class Flushes:
    """The ranges of guest frames, [first, end), of which a flush is owed."""

    def __init__(self, fmt: EntryFormat) -> None:
        self._format = fmt
        self.owed: list[tuple[int, int]] = []

    def replaced(self, first: int, was: Iterable[Leaf], then: list[Leaf]) -> None:
        """Owe a flush of each leaf of ``was`` that ``then`` does not map as before.

        Leaves are relative to frame ``first``. More permission, and an entry that becomes old or
        young, owe nothing.
        """
        for offset, raw in was:
            pages = 1 << pte.order_of(raw)
            if not then or self._kept(offset, raw, then) < pages:
                self.owed.append((first + offset, first + offset + pages))

    def _kept(self, offset: int, raw: int, then: list[Leaf]) -> int:
        """Return how many pages of a leaf are mapped as before."""
        old, kept = pte.maps(self._format, raw), 0
        end = offset + (1 << old.order)
        for other, now in then:
            new = pte.maps(self._format, now)
            low, high = max(offset, other), min(end, other + (1 << new.order))
            alike = new.pfn - other == old.pfn - offset and new.device == old.device
            if low < high and alike and new.writable >= old.writable:
                kept += high - low
        return kept

    def flush(self, first: int, end: int) -> None:
        """The guest frames [``first``, ``end``) are flushed."""
        left = []
        for low, high in self.owed:
            left += [(low, min(high, first)), (max(low, end), high)]
        self.owed = [(low, high) for low, high in left if low < high]

    def owes(self, first: int, end: int) -> bool:
        """Return whether a flush of some frame of [``first``, ``end``) is owed."""
        return any(low < end and first < high for low, high in self.owed)
