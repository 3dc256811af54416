# SPDX-License-Identifier: GPL-2.0-only
"""The concrete runtime: carries out what the algorithm asks and watches it while it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType

from impl.gstage import as_in_kernel, pte
from impl.gstage.changes import LeafChanges
from impl.gstage.flushes import Flushes
from impl.gstage.interface import HostPage, MemSlot, Walk
from impl.multilevel.interface import Slot
from impl.multilevel.memory import Block
from impl.multilevel.runtime import ConcreteRuntime
from impl.quirk import Quirk
from model.layout import Layout
from model.operations import Answer, Op
from model.slots import Slots

CACHE_CAPACITY = 32
"""``KVM_ARCH_NR_OBJS_PER_MEMORY_CACHE``: pages that a memory cache can hold."""


class LeafRuntime(ConcreteRuntime):
    """Implements ``impl.gstage.interface.Runtime`` on real integers for one sequence."""

    kernel: ModuleType = as_in_kernel
    changes: LeafChanges

    def __init__(self, layout: Layout, quirks: frozenset[Quirk], algorithm: ModuleType) -> None:
        super().__init__(layout, quirks, algorithm)
        self.changes = LeafChanges(self.memory, self.pte_table)
        self.flushes = Flushes(layout.entry)
        self.slots = Slots(layout)
        self._linked: dict[int, int] = {}
        self._regions: dict[int, tuple[int, int]] = {}
        self._order, self._answer = 0, Answer.PAGE
        self._memory_base = 1 << (layout.bits - 1)
        self._vcpu: tuple[list[int], bool] = ([], False)

    # One operation

    def begin(self, op: Op, private: bool) -> None:
        """Begin an operation, with the memslots as they are then."""
        super().begin(op, private)
        self.flushes.owed = []
        self._order, self._answer = op.order, op.answer
        self.slots.follow(op)

    def end(self) -> None:
        """Check that the operation left nothing taken, and nothing cached that is no longer so."""
        super().end()
        if self.flushes.owed and not self.private:
            first, end = self.flushes.owed[0]
            detail = f"frames {first:#x}..{end - 1:#x} were taken away and not flushed"
            self.report("unflushed", "leaf", detail, fatal=False)

    # Loops

    def steps(self, walk: Walk) -> Iterator[int]:
        """Yield the addresses at which the turns begin; of a run of holes only the last."""
        addr = walk.start
        while addr < walk.end:
            self._step()
            addr = self._past_holes(addr, walk.end)
            walk.next = addr
            yield addr
            if walk.next <= addr:
                self.report("runaway", "operation", "a turn does not get on")
            addr = walk.next

    def _past_holes(self, addr: int, end: int) -> int:
        """Return ``addr``, moved by whole slots to the last of the empty ones that follow it.

        The address stays below ``end``, and in the table in which the walk to it ends.
        """
        found = self.changes.end_of_walk(addr)
        if found is None:
            return addr
        level, block, index = found
        if block.get(index) != 0:
            return addr
        here = self.layout.tables[level]
        last = min(_last_empty(block, index, here.entries), index + (end - addr - 1) // here.span)
        return addr + (last - index) * here.span

    # Slots

    def ptep_get(self, level: int, ptep: Slot) -> int:
        """Return what a slot of a table of ``level`` holds."""
        self._access(self.memory.names[level])
        return self.memory.read(level, *ptep)

    def set_pte(self, level: int, ptep: Slot, value: int) -> None:
        """Store a value in a slot of a table of ``level``."""
        self._access(self.memory.names[level])
        block = self.memory.writable(level, *ptep)
        if block is None:
            return
        places, was, then = self.changes.slot_changes(level, *ptep, value)
        for first in places:
            self.flushes.replaced(first, was, then)
        if places and self.pte_link(level, value):
            pages = self.layout.tables[level].span // self.layout.leaf.span
            self._regions[self.pte_table(value)] = (places[-1], places[-1] + pages)
        block.put(ptep.number, value)

    def fill_each(self, level: int, table: int, value: Callable[[int], int]) -> None:
        """Store ``value(i)`` in each slot i of a table that is not linked yet."""
        self.fill(level, table, 0, self.layout.tables[level].entries - 1, 0)
        block = self.memory.writable(level, table, 0)
        if block is not None:
            for index in range(self.layout.tables[level].entries):
                block.put(index, value(index))

    def free_pages(self, table: int, order: int) -> None:
        """Give back a block of 2**order pages."""
        region = self._regions.pop(table, None)
        if region is not None and self.flushes.owes(*region) and not self.private:
            detail = "a table was given back before what it mapped was flushed"
            self.report("unflushed", "table", detail, fatal=False)
        super().free_pages(table, order)

    # Values

    def pte_none(self, value: int) -> bool:
        """Return whether a slot that holds ``value`` is empty."""
        return value == 0

    def pte_leaf(self, level: int, value: int) -> bool:
        """Return whether a slot that holds ``value`` maps pages."""
        return pte.is_leaf(self.layout.entry, value)

    def pte_link(self, level: int, value: int) -> bool:
        """Return whether a slot of ``level`` that holds ``value`` links a table."""
        return level < self.layout.levels - 1 and pte.is_link(self.layout.entry, value)

    def pte_table(self, value: int) -> int:
        """Return the address of the table that ``value`` links."""
        found = self._linked.get(value)
        if found is None:
            pfn = self.layout.entry.decode_pfn(value)
            found = self._linked[value] = self._memory_base + (pfn << self.layout.page_shift)
        return found

    def table_pte(self, table: int) -> int:
        """Return the value that links ``table``."""
        pfn = table - self._memory_base >> self.layout.page_shift
        return pte.link(self.layout.entry, pfn)

    def leaf_pte(self, pfn: int, writable: bool, device: bool) -> int:
        """Return a leaf that begins at page frame ``pfn``, young and dirty."""
        return pte.make(self.layout.entry, pfn, writable, device)

    def pte_pfn(self, value: int) -> int:
        """Return the page frame at which a leaf begins."""
        return self.layout.entry.decode_pfn(value)

    def pte_at(self, value: int, pfn: int) -> int:
        """Return the leaf ``value`` at page frame ``pfn``."""
        return pte.at(self.layout.entry, value, pfn)

    def pte_wrprotect(self, value: int) -> int:
        """Return the leaf ``value`` without write permission."""
        return pte.wrprotect(self.layout.entry, value)

    def pte_mkold(self, raw: int) -> int:
        """Return the leaf, not accessed."""
        return pte.mkold(self.layout.entry, raw)

    # Environment

    def tlb_flush(self, addr: int, size: int) -> None:
        """Flush what the guest may have cached of ``size`` bytes from address ``addr`` on."""
        self._step()
        page = self.layout.leaf.span
        self.flushes.flush(addr // page, (addr + size + page - 1) // page)

    def warn_on(self, condition: bool) -> None:
        """Warn if ``condition`` holds."""
        if condition:
            self.report("kernel-warning", "range", "a warning fired", fatal=False)

    def memslot(self, gfn: int) -> MemSlot:
        """Return the memslot of a guest frame within reach."""
        base, pages = self.slots.of(gfn)
        return MemSlot(base, pages, self.slots.logs(gfn))

    def faultin_pfn(self, gfn: int, write: bool) -> HostPage:
        """Return the host's page for a guest frame, with a reference unless it is an error."""
        if self._answer is not Answer.PAGE:
            return HostPage(0, writable=False, error=True, order=0)
        return HostPage(*self.gfn_to_pfn_prot(gfn, write), self._order)

    def cache_capacity(self) -> int:
        """Return how many pages a memory cache can hold."""
        return CACHE_CAPACITY

    def device_cache(self, own: bool) -> None:
        """Use a memory cache of its own, empty now, or again that of the vCPU."""
        if own:
            self._vcpu = self.cache, self.memory.array
            self.cache, self.memory.array = [], False
        else:
            self.cache, self.memory.array = self._vcpu


def _last_empty(block: Block, index: int, entries: int) -> int:
    """Return the last of the empty slots that follow slot ``index`` without a gap."""
    later = [number for number in block.slots if number > index]
    if len(block.fills) != 1 or block.fills[0].value != 0:
        return index
    return min(later, default=entries) - 1
