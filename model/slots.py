# SPDX-License-Identifier: GPL-2.0-only
"""Memslots: how the guest frames of a virtual machine are divided among them."""

from __future__ import annotations

from typing import NamedTuple

from model.layout import Layout
from model.operations import Kind, Op


class Slot(NamedTuple):
    """A memslot: ``pages`` guest frames from ``base`` on."""

    base: int
    pages: int

    @property
    def last(self) -> int:
        """The last frame (inclusive)."""
        return self.base + self.pages - 1


def window(layout: Layout) -> int:
    """Return the frames at whose multiples a memslot ends in any case.

    A power of two that ``KVM_MEM_MAX_NR_PAGES`` and user space allow, above every size of a leaf.
    """
    return 1 << 30 if layout.bits == 64 else 1 << (31 - layout.page_shift)


class Slots:
    """The memslots of a virtual machine: all frames within reach, divided at two borders.

    A border of 0 is none. ``logging`` are the bases of those that log dirty pages.
    """

    def __init__(self, layout: Layout, first: int = 0, second: int = 0) -> None:
        self._layout = layout
        self._window = window(layout)
        self._borders = (first, second)
        self.logging: set[int] = set()

    def follow(self, op: Op) -> None:
        """Note which memslots there are from an operation on, and which of them log dirty pages."""
        if op.kind is Kind.CREATE:
            self._borders = (op.first, op.last)
            self.logging = set()
        elif op.kind is Kind.FLUSH_SLOT:
            self.logging.discard(op.first)
        elif op.kind is Kind.COMMIT_REGION:
            self.logging.add(op.first)

    def of(self, frame: int) -> Slot:
        """Return the memslot that a frame within reach belongs to."""
        base = frame // self._window * self._window
        end = min(base + self._window, self._layout.frames)
        for border in self._borders:
            if base < border <= frame:
                base = border
            elif frame < border < end:
                end = border
        return Slot(base, end - base)

    def logs(self, frame: int) -> bool:
        """Return whether the memslot of a frame logs dirty pages."""
        return bool(self.logging) and self.of(frame).base in self.logging

    def is_slot(self, base: int, pages: int) -> bool:
        """Return whether ``pages`` frames from ``base`` on are exactly one memslot."""
        return base <= self._layout.top and self.of(base) == (base, pages)
