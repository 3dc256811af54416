# SPDX-License-Identifier: GPL-2.0-only
"""Page blocks that know who owns them and what is in them; every misuse is an event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from model.layout import Layout

NULL_GAP = 1 << 16


class Report(Protocol):
    """Where events go; a fatal one does not return."""

    def __call__(
        self, rule: str, subject: str, detail: str, fatal: bool = True, address: int = 0
    ) -> None:
        """Take one event."""
        ...


class Fill(NamedTuple):
    """The slots ``first..last`` (inclusive) were all initialised with ``value``."""

    first: int
    last: int
    value: int


class Block:
    """A block of 2**order pages and what its slots hold.

    A slot is looked up in ``slots``, then in ``fills``; in neither it is not initialised. A
    slot that holds what its fill holds is not in ``slots``, so a sparse table stays small.
    """

    def __init__(self, address: int, order: int, kind: str) -> None:
        self.address = address
        self.order = order
        self.kind = kind
        self.level = -1
        self.freed = False
        self.shared = False
        self.slots: dict[int, int] = {}
        self.fills: list[Fill] = []

    def get(self, index: int) -> int | None:
        """Return what slot ``index`` holds, None if it is not initialised."""
        found = self.slots.get(index)
        return self._filled(index) if found is None else found

    def _filled(self, index: int) -> int | None:
        for fill in self.fills:
            if fill.first <= index <= fill.last:
                return fill.value
        return None

    def put(self, index: int, value: int) -> None:
        """Store ``value`` in slot ``index``."""
        if self._filled(index) == value:
            self.slots.pop(index, None)
        else:
            self.slots[index] = value

    def fill(self, first: int, last: int, value: int) -> None:
        """Store ``value`` in the slots ``first..last`` (inclusive)."""
        for index in [index for index in self.slots if first <= index <= last]:
            del self.slots[index]
        kept = []
        for old in self.fills:
            if old.first < first:
                kept.append(Fill(old.first, min(old.last, first - 1), old.value))
            if old.last > last:
                kept.append(Fill(max(old.first, last + 1), old.last, old.value))
        new = Fill(first, last, value)
        for old in [old for old in kept if old.value == value]:
            if old.last + 1 == new.first or new.last + 1 == old.first:
                kept.remove(old)
                new = Fill(min(old.first, new.first), max(old.last, new.last), value)
        self.fills = [*kept, new]

    def items(self, counts: Callable[[int], bool]) -> Iterator[tuple[int, int]]:
        """Yield every slot, in no order, whose value ``counts``."""
        for index, value in self.slots.items():
            if counts(value):
                yield index, value
        for fill in self.fills:
            if counts(fill.value):
                for index in range(fill.first, fill.last + 1):
                    if index not in self.slots:
                        yield index, fill.value

    def distinct(self, first: int, last: int) -> list[int]:
        """Return the slots of ``first..last`` (inclusive), without the inner ones of a run.

        A run is a maximal sequence of slots that hold the same fill, or that all are not
        initialised. Its first and last slot stay, so nothing can be hidden in it.
        """
        if last - first <= 2 * len(self.slots) + 8:
            return list(range(first, last + 1))
        edges = {first, last}
        for fill in self.fills:
            edges |= {fill.first - 1, fill.first, fill.last, fill.last + 1}
        for index in self.slots:
            edges |= {index - 1, index, index + 1}
        return sorted(index for index in edges if first <= index <= last)


def names_of(layout: Layout) -> tuple[str, ...]:
    """Return what the tables of each level are called in events, the root first."""
    root, *below = (level.name for level in layout.tables)
    return root, *(f"{name} table" for name in below)


class Memory:
    """A page allocator that hands out every address once, and the shared empty tables."""

    def __init__(self, layout: Layout, report: Report) -> None:
        self.layout = layout
        self.report = report
        self.blocks: dict[int, Block] = {}
        self.live: dict[int, Block] = {}
        self.partial: dict[str, int] = {}
        self.taken = 0
        self.freed = 0
        self.tables = 0
        self.fail_in = 0
        self.array = False
        self.constructed: dict[str, int] = {}
        self._next = 1 << (layout.bits - 1)
        self.names = names_of(layout)
        """What tables of each level are called in events."""
        self._entries = tuple(level.entries for level in layout.tables)
        self.markers = self._empty_tables()

    def _place(self, order: int, kind: str) -> Block:
        block = Block(self._next, order, kind)
        self._next += ((1 << order) + 1) << self.layout.page_shift
        self.blocks[block.address] = block
        return block

    def _empty_tables(self) -> list[int]:
        """Make ``invalid_{pud,pmd,pte}_table``; return their addresses, by the level above."""
        markers: list[int] = []
        below = 0
        for level in reversed(self.layout.tables[1:]):
            block = self._place(0, "empty table")
            block.shared = True
            block.fill(0, level.entries - 1, below)
            below = block.address
            markers.insert(0, below)
        return markers

    def _fails(self) -> bool:
        """Count an allocation; return whether it is the one that fails."""
        if not self.fail_in:
            return False
        self.fail_in -= 1
        return self.fail_in == 0

    def allocate_array(self) -> bool:
        """Take the array of the memory cache, which is no page; False where the failure is due."""
        self.array = not self._fails()
        return self.array

    def allocate(self, order: int) -> int:
        """Return the address of 2**order fresh pages, or 0 where the failure is due."""
        if self._fails():
            return 0
        block = self._place(order, "page")
        self.live[block.address] = block
        self.taken += 1 << order
        return block.address

    def free(self, address: int, order: int) -> None:
        """Take back 2**order pages."""
        block = self.blocks.get(address)
        if block is None or block.shared:
            kind = "empty table" if block else "page"
            self.report("wild-free", kind, "freed, but never taken", address=address)
            return
        if block.freed:
            self.report("double-free", block.kind, "freed a second time", address=address)
            return
        if order > block.order:
            detail = f"taken with order {block.order}, freed with order {order}"
            self.report("wild-free", block.kind, detail, address=address)
            return
        block.freed = True
        del self.live[address]
        if order < block.order:
            kept = (1 << block.order) - (1 << order)
            self.partial[block.kind] = self.partial.get(block.kind, 0) + kept
        self.freed += 1 << order
        if block.kind.endswith("table"):
            self.tables -= 1

    def become(self, address: int, kind: str) -> None:
        """Note what a block is used for."""
        block = self.blocks.get(address)
        if block is not None and not block.shared:
            self.tables += kind.endswith("table") - block.kind.endswith("table")
            block.kind = kind

    def held(self) -> dict[str, int]:
        """Return how many pages, and arrays, are not given back, by kind."""
        found = dict(self.partial)
        if self.array:
            found["cache array"] = 1
        for block in self.live.values():
            found[block.kind] = found.get(block.kind, 0) + (1 << block.order)
        return found

    def at(self, level: int, address: int, index: int) -> Block | None:
        """Return the block of a table that is about to be accessed at ``index``."""
        block = self.blocks.get(address)
        if block is not None and not block.freed and 0 <= index < self._entries[level]:
            return block
        self._refuse(level, address, index, block)
        return None

    def _refuse(self, level: int, address: int, index: int, block: Block | None) -> None:
        """Report why slot ``index`` of what should be a table must not be accessed."""
        size = self.layout.entry.size if level == self.layout.levels - 1 else self.layout.bits // 8
        where = address + index * size
        if block is None:
            what = "NULL" if 0 <= where < NULL_GAP else "no live object"
            self.report("bad-access", self.names[level], f"access at {what}", address=where)
        elif block.freed:
            self.report("use-after-free", block.kind, "access to a freed page", address=where)
        else:
            detail = f"slot {index} of {self._entries[level]}"
            self.report("out-of-bounds", self.names[level], detail, address=where)

    def read(self, level: int, address: int, index: int) -> int:
        """Return what slot ``index`` of a table holds."""
        block = self.at(level, address, index)
        if block is None:
            return 0
        value = block.get(index)
        if value is None:
            detail = f"slot {index} was never initialised"
            self.report("uninitialised", self.names[level], detail, address=address)
            return 0
        return value

    def writable(self, level: int, address: int, index: int) -> Block | None:
        """Return the block of a table that is about to be written at ``index``."""
        block = self.at(level, address, index)
        if block is not None and block.shared:
            detail = "store to a shared empty table"
            self.report("out-of-bounds", "empty table", detail, address=address)
            return None
        return block
