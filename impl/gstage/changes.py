# SPDX-License-Identifier: GPL-2.0-only
"""An observer of table memory that knows which leaves, of whatever size, an operation changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from impl.gstage import pte
from impl.multilevel.changes import Changes
from impl.multilevel.index import slot_gfn, slot_index
from impl.multilevel.memory import Memory

Leaf = tuple[int, int]
"""The first frame of a leaf, and what the leaf is, with its order (``pte.sized``)."""


class LeafChanges(Changes):
    """Compares the leaves that the root reaches before and after an operation.

    ``table_at`` gives the address of the table that a raw value links. A leaf is known by its
    first frame.
    """

    def __init__(self, memory: Memory, table_at: Callable[[int], int]) -> None:
        super().__init__(memory)
        self._table_at = table_at
        self._orders = tuple(reversed(self.layout.level_orders))

    def slot_changes(
        self, level: int, table: int, index: int, new: int
    ) -> Iterator[tuple[int, list[Leaf], list[Leaf]]]:
        """A slot is about to hold ``new``: yield, for each place, what it maps before and then.

        A place is the first frame of the slot; the leaves are relative to it.
        """
        block = self.memory.live.get(table)
        old = (block.get(index) or 0) if block else 0
        was, then = list(self._below(level, old)), list(self._below(level, new))
        span = self.layout.tables[level].span
        places = [
            slot_gfn(base, index, span, self.layout.leaf.span) for base in self._bases(table, level)
        ]
        known = dict.fromkeys([offset for offset, _ in then], 0) | dict(was)
        for first in places:
            for offset, leaf in known.items():
                self.before.setdefault(first + offset, leaf)
            yield first, was, then
        self._relink(level, table, index, old, new)

    def _relink(self, level: int, table: int, index: int, old: int, new: int) -> None:
        place = (table, index, level)
        if pte.is_link(self.layout.entry, old):
            self._parents.get(self._table_at(old), set()).discard(place)
        if pte.is_link(self.layout.entry, new):
            self._parents.setdefault(self._table_at(new), set()).add(place)

    def _below(self, level: int, raw: int) -> Iterator[Leaf]:
        """Yield the leaves of a slot of ``level`` that holds ``raw``, relative to the slot."""
        if pte.is_leaf(self.layout.entry, raw):
            yield 0, pte.sized(raw, self._orders[level])
        elif pte.is_link(self.layout.entry, raw):
            yield from self._contents(self._table_at(raw), level + 1)

    def _contents(self, table: int, level: int) -> Iterator[Leaf]:
        """Yield the leaves below a table, relative to its first frame."""
        block = self.memory.live.get(table)
        if block is None or level >= self.layout.levels:
            return
        span, page = self.layout.tables[level].span, self.layout.leaf.span
        for index, raw in block.items(bool):
            first = slot_gfn(0, index, span, page)
            for offset, leaf in self._below(level, raw):
                yield first + offset, leaf

    def _walk(self, gfn: int) -> int:
        """Return the leaf that begins at ``gfn``, 0 where none does."""
        table, gpa, fmt = self.root, gfn << self.layout.page_shift, self.layout.entry
        for level, here in enumerate(self.layout.tables):
            block = self.memory.live.get(table)
            if block is None:
                return 0
            raw = block.get(slot_index(gpa, here.span, here.entries)) or 0
            if pte.is_leaf(fmt, raw):
                return 0 if gpa % here.span else pte.sized(raw, self._orders[level])
            if not pte.is_link(fmt, raw):
                return 0
            table = self._table_at(raw)
        return 0
