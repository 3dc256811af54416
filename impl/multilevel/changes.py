# SPDX-License-Identifier: GPL-2.0-only
"""An observer of table memory that knows which guest frames an operation changed."""

from __future__ import annotations

from collections.abc import Iterator

from impl.multilevel.index import slot_gfn, slot_index
from impl.multilevel.memory import Memory

Place = tuple[int, int, int]
"""A slot: the address of its table, its number, and the table's level."""


class Changes:
    """Compares what the root maps before and after an operation, at the frames it touched.

    Follows stores, links, fills and frees; does not ask the algorithm. An entry counts while
    every table on its way is live; an entry that is not present counts as 0.
    """

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.layout = memory.layout
        self.root = 0
        self.before: dict[int, int] = {}
        self._parents: dict[int, set[Place]] = {}
        self._reached: dict[tuple[int, int], list[int]] = {}

    def reset(self) -> None:
        """Begin an operation."""
        self.before = {}
        self.forget()

    def forget(self) -> None:
        """The way to a table may be another from now on."""
        self._reached = {}

    def collect(self) -> dict[int, int]:
        """Return the frames whose entry is not what it was at ``reset``, with the new value."""
        found = {}
        for gfn, old in self.before.items():
            new = self._walk(gfn)
            if new != old:
                found[gfn] = new
        return found

    def entry_changes(self, table: int, index: int) -> None:
        """Entry ``index`` of a leaf table is about to be stored."""
        leaf = self.layout.levels - 1
        block = self.memory.live.get(table)
        old = (block.get(index) or 0) if block else 0
        for base in self._bases(table, leaf):
            self.before.setdefault(base + index, old if self._present(old) else 0)

    def link_changes(self, level: int, table: int, index: int, child: int) -> None:
        """A directory's slot is about to point to ``child``."""
        block = self.memory.live.get(table)
        old = (block.get(index) or 0) if block else 0
        span = self.layout.tables[level].span
        was = dict(self._contents(old, level + 1))
        touched = [*was, *(offset for offset, _ in self._contents(child, level + 1))]
        if touched:
            for base in self._bases(table, level):
                first = slot_gfn(base, index, span, self.layout.leaf.span)
                for offset in touched:
                    self.before.setdefault(first + offset, was.get(offset, 0))
        self._unlink(old, (table, index, level))
        self._link(child, (table, index, level))

    def table_changes(self, level: int, table: int) -> None:
        """All of a table was, or is about to be, filled or freed."""
        for base in self._bases(table, level):
            for offset, raw in self._contents(table, level):
                self.before.setdefault(base + offset, raw)
        self.forget()

    def _present(self, raw: int) -> bool:
        return bool(raw & self.layout.entry.present)

    def _link(self, child: int, place: Place) -> None:
        self._parents.setdefault(child, set()).add(place)
        self.forget()

    def _unlink(self, child: int, place: Place) -> None:
        self._parents.get(child, set()).discard(place)
        self.forget()

    def _bases(self, table: int, level: int) -> list[int]:
        """Return the first frame of each place at which the root reaches ``table``."""
        if level == 0:
            return [0] if table == self.root else []
        known = self._reached.get((table, level))
        if known is None:
            known = self._reached[table, level] = self._sought(table, level)
        return known

    def _sought(self, table: int, level: int) -> list[int]:
        found = []
        for parent, index, above in self._parents.get(table, ()):
            if above == level - 1:
                span = self.layout.tables[above].span
                for base in self._bases(parent, above):
                    found.append(slot_gfn(base, index, span, self.layout.leaf.span))
        return found

    def _contents(self, table: int, level: int) -> Iterator[tuple[int, int]]:
        """Yield the present entries below a table: frame relative to its first, raw entry."""
        block = self.memory.live.get(table)
        if block is None or level >= self.layout.levels:
            return
        if level == self.layout.levels - 1:
            yield from block.items(self._present)
            return
        span = self.layout.tables[level].span
        for index, child in block.items(self.memory.live.__contains__):
            first = slot_gfn(0, index, span, self.layout.leaf.span)
            for offset, raw in self._contents(child, level + 1):
                yield first + offset, raw

    def _walk(self, gfn: int) -> int:
        table, gpa = self.root, gfn << self.layout.page_shift
        for level in self.layout.tables:
            block = self.memory.live.get(table)
            if block is None:
                return 0
            table = block.get(slot_index(gpa, level.span, level.entries)) or 0
        return table if self._present(table) else 0
