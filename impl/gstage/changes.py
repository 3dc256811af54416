# SPDX-License-Identifier: GPL-2.0-only
"""An observer of table memory that knows which leaves, of whatever size, an operation changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from impl.gstage import pte
from impl.multilevel.changes import Changes
from impl.multilevel.index import slot_gfn, slot_index
from impl.multilevel.memory import Block, Memory

Leaf = tuple[int, int]
"""The first frame of a leaf, and what the leaf is, with its order (``pte.sized``)."""

NOWHERE = (0, 0, 0, None)
"""No table in which a walk ended."""


class LeafChanges(Changes):
    """Compares the leaves that the root reaches before and after an operation.

    ``table_at`` gives the address of the table that a raw value links. A leaf is known by its
    first frame.
    """

    def __init__(self, memory: Memory, table_at: Callable[[int], int]) -> None:
        super().__init__(memory)
        self._table_at = table_at
        self._orders = tuple(reversed(self.layout.level_orders))
        tables = zip(self.layout.tables, self._orders, strict=True)
        self._near: tuple[int, int, int, Block | None] = NOWHERE
        self._levels = tuple((here.span, here.entries, order) for here, order in tables)

    def slot_changes(
        self, level: int, table: int, index: int, new: int
    ) -> tuple[list[int], list[Leaf], list[Leaf]]:
        """A slot is about to hold ``new``: return its places, and what it maps before and then.

        A place is the first frame of the slot, wherever the root reaches it; leaves are relative
        to it.
        """
        block, fmt = self.memory.live.get(table), self.layout.entry
        old = (block.get(index) or 0) if block else 0
        was, then = self._below(level, old), self._below(level, new)
        span, page = self.layout.tables[level].span, self.layout.leaf.span
        places = [slot_gfn(base, index, span, page) for base in self._bases(table, level)]
        known = dict.fromkeys([offset for offset, _ in then], 0) | dict(was)
        for first in places:
            for offset, leaf in known.items():
                self.before.setdefault(first + offset, leaf)
        place = (table, index, level)
        if pte.is_link(fmt, old):
            self._unlink(self._table_at(old), place)
        if pte.is_link(fmt, new):
            self._link(self._table_at(new), place)
        return places, was, then

    def forget(self) -> None:
        """The way to a table may be another from now on."""
        super().forget()
        self._near = NOWHERE

    def end_of_walk(self, gpa: int) -> tuple[int, Block, int] | None:
        """Return the level, table and slot where the walk to an address (bytes) ends.

        None where it meets what is no table. A walk begins at the table in which the last one
        ended, where that one maps the address too: an operation goes from leaf to leaf.
        """
        low, high, level, block = self._near
        if block is None or block.freed or not low <= gpa < high:
            level, block = 0, self.memory.live.get(self.root)
        last = len(self._levels) - 1
        while block is not None:
            span, entries, _ = self._levels[level]
            index = slot_index(gpa, span, entries)
            raw = block.get(index) or 0
            if level == last or not pte.is_link(self.layout.entry, raw):
                first = gpa - gpa % (span * entries)
                self._near = first, first + span * entries, level, block
                return level, block, index
            level, block = level + 1, self.memory.live.get(self._table_at(raw))
        return None

    def _below(self, level: int, raw: int) -> list[Leaf]:
        """Return the leaves of a slot of ``level`` that holds ``raw``, relative to the slot."""
        if pte.is_leaf(self.layout.entry, raw):
            return [(0, pte.sized(raw, self._orders[level]))]
        if pte.is_link(self.layout.entry, raw):
            return list(self._contents(self._table_at(raw), level + 1))
        return []

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
        gpa = gfn << self.layout.page_shift
        found = self.end_of_walk(gpa)
        if found is None:
            return 0
        level, block, index = found
        raw = block.get(index) or 0
        span, _, order = self._levels[level]
        begins = pte.is_leaf(self.layout.entry, raw) and not gpa % span
        return pte.sized(raw, order) if begins else 0
