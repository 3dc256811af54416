# SPDX-License-Identifier: GPL-2.0-only
"""The concrete runtime: carries out what the algorithm asks and watches it while it does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import CodeType, ModuleType

from impl.interface import Event
from impl.multilevel import as_in_kernel, pte
from impl.multilevel.changes import Changes
from impl.multilevel.environment import Environment
from impl.multilevel.interface import Frame, Page, Slot
from impl.multilevel.memory import Memory
from impl.multilevel.quirks import (
    PFN_TRUNCATED,
    YOUNG_READS_PFN_WORD,
    no_read_in_pfn_word,
)
from impl.quirk import Quirk
from model.layout import Layout
from model.operations import Op
from model.ports import entry_point

CACHE_CAPACITY = 4
"""Pages that a vCPU's memory cache can hold."""
STEP_LIMIT = 1 << 20
"""Runtime calls in one operation after which it counts as runaway."""


class Stopped(Exception):
    """A fatal event ended the operation."""


class ConcreteRuntime:
    """Implements ``impl.multilevel.interface.Runtime`` on real integers for one sequence."""

    kernel: ModuleType = as_in_kernel
    """The kernel's versions of functions, which quirks put into the algorithm."""

    def __init__(self, layout: Layout, quirks: frozenset[Quirk], algorithm: ModuleType) -> None:
        self.layout = layout
        self.quirks = quirks
        self.algorithm = algorithm
        self.memory = Memory(layout, self.report)
        self.environment = Environment(self.report)
        self.changes = Changes(self.memory)
        self.events: list[Event] = []
        self.cache: list[int] = []
        self.private = False
        self._op: Op | None = None
        self._steps = 0
        self._keep_pfn = PFN_TRUNCATED not in quirks
        tested = YOUNG_READS_PFN_WORD in quirks
        self._inhibit = no_read_in_pfn_word(layout.entry) if tested else 0

    # One operation

    def begin(self, op: Op, private: bool) -> None:
        """Begin an operation; ``private`` means that nobody else can reach the table."""
        self._op = op
        self._steps = 0
        self.events = []
        self.private = private
        self.memory.fail_in = op.oom
        self.environment.begin(op)
        self.changes.reset()

    def end(self) -> None:
        """Check that the operation left nothing taken that it must give back."""
        self.environment.end()

    def close(self) -> None:
        """Check, after the table was destroyed, that nothing is held any more."""
        for kind, pages in sorted(self.memory.held().items()):
            self.report("leak", kind, f"{pages} pages were never given back", fatal=False)
        for kind, balance in sorted(self.memory.constructed.items()):
            if balance:
                detail = f"constructor calls minus destructor calls is {balance}"
                self.report("accounting", kind, detail, fatal=False)

    def report(
        self, rule: str, subject: str, detail: str, fatal: bool = True, address: int = 0
    ) -> None:
        """Record an event where the algorithm stands; the same one only once an operation."""
        function, where = self._location()
        event = Event(rule, subject, detail, fatal, address, function, where)
        if (rule, subject) not in {(old.rule, old.subject) for old in self.events}:
            self.events.append(event)
        if fatal:
            raise Stopped

    def _location(self) -> tuple[str, str]:
        frame = sys._getframe()
        source = vars(self.algorithm)
        while frame is not None:
            if frame.f_globals is source:
                return frame.f_code.co_name, f"{self._file(frame.f_code)}:{frame.f_lineno}"
            if frame.f_back is None:
                break
            frame = frame.f_back
        return entry_point(self.layout, self._op.kind) if self._op else "", ""

    def _file(self, code: CodeType) -> str:
        """Return the file of a function: the algorithm's, or that of the kernel's versions."""
        of_kernel = code.co_filename == self.kernel.__file__
        module = self.kernel if of_kernel else self.algorithm
        return f"{module.__name__.replace('.', '/')}.py"

    def _step(self) -> None:
        self._steps += 1
        if self._steps > STEP_LIMIT:
            self.report("runaway", "operation", f"more than {STEP_LIMIT} steps")

    def _access(self, what: str) -> None:
        self._step()
        if not (self.private or self.environment.locked):
            self.report("unlocked-access", "mmu_lock", f"{what} accessed without it", fatal=False)

    # Values

    def ulong(self, value: int) -> int:
        """Return ``value`` as an ``unsigned long`` holds it."""
        return value & self.layout.word_mask

    def set_bits(self, mask: int) -> Iterator[int]:
        """Yield the number of every bit that is set in ``mask``, in ascending order."""
        while mask:
            bit = self.ffs(mask)
            yield bit
            mask -= 1 << bit

    def ffs(self, mask: int) -> int:
        """Return the number of the lowest bit that is set in ``mask``, from 0."""
        return (mask & -mask).bit_length() - 1

    def fls(self, mask: int) -> int:
        """Return the number of the highest bit that is set in ``mask``, from 0."""
        return mask.bit_length() - 1

    def attempts(self) -> Iterator[None]:
        """Yield until the body leaves the loop."""
        while True:
            self._step()
            yield

    # Tables

    def loop(self, frame: Frame) -> Iterator[int]:
        """Yield the slots of the frame in ascending order, of a run of equal ones only the ends.

        The slots are chosen when the loop begins; the algorithm stores only to the one it is at.
        """
        if frame.first > frame.last:
            return
        block = self.memory.at(frame.level, frame.table, frame.first)
        if block is None:
            return
        for index in block.distinct(frame.first, frame.last):
            self._step()
            yield index

    def load(self, level: int, table: int, index: int) -> int:
        """Return what a directory's slot holds."""
        self._access(self.memory.names[level])
        return self.memory.read(level, table, index)

    def store(self, level: int, table: int, index: int, child: int) -> None:
        """Let a directory's slot point to ``child``."""
        self._access(self.memory.names[level])
        block = self.memory.writable(level, table, index)
        if block is not None:
            self.changes.link_changes(level, table, index, child)
            block.put(index, child)

    def fill(self, level: int, table: int, first: int, last: int, value: int) -> None:
        """Store ``value`` in the slots ``first..last`` (inclusive)."""
        self._step()
        block = self.memory.writable(level, table, first)
        if block is None or self.memory.writable(level, table, last) is None:
            return
        if level == 0:
            self.memory.become(table, "pgd")
        elif block.kind == "table":
            self.memory.become(table, self.memory.names[level])
        self.changes.table_changes(level, table)
        block.level = level
        block.fill(first, last, value)

    def empty(self, level: int) -> int:
        """Return the address of the shared empty table of the level below ``level``."""
        return self.memory.markers[level]

    def none(self, level: int, child: int) -> bool:
        """Return whether a directory's slot that holds ``child`` is empty."""
        return child == self.memory.markers[level]

    # Entries

    def pte_load(self, ptep: Slot | None) -> int:
        """Return the raw entry; a null pointer is a bad access."""
        table, index = ptep or (0, 0)
        self._access("pte table")
        return self.memory.read(self.layout.levels - 1, table, index)

    def pte_store(self, ptep: Slot | None, raw: int) -> None:
        """Store a raw entry; a null pointer is a bad access."""
        table, index = ptep or (0, 0)
        self._access("pte table")
        block = self.memory.writable(self.layout.levels - 1, table, index)
        if block is not None:
            self.changes.entry_changes(table, index)
            block.put(index, raw)

    def pte_present(self, raw: int) -> bool:
        """Return whether the entry maps a page."""
        return bool(raw & self.layout.entry.present)

    def pte_young(self, raw: int) -> bool:
        """Return whether the entry was accessed."""
        return bool(raw & self.layout.entry.accessed)

    def pte_dirty(self, raw: int) -> bool:
        """Return whether the entry was written through."""
        return bool(raw & self.layout.entry.modified)

    def pte_write(self, raw: int) -> bool:
        """Return whether the entry may be written through."""
        return bool(raw & self.layout.entry.write)

    def pte_mkyoung(self, raw: int) -> int:
        """Return the entry, accessed."""
        return pte.mkyoung(self.layout.entry, raw, self._inhibit)

    def pte_mkold(self, raw: int) -> int:
        """Return the entry, not accessed."""
        return pte.mkold(self.layout.entry, raw)

    def pte_mkdirty(self, raw: int) -> int:
        """Return the entry, modified."""
        return pte.mkdirty(self.layout.entry, raw)

    def pte_mkclean(self, raw: int) -> int:
        """Return the entry, not modified."""
        return pte.mkclean(self.layout.entry, raw)

    def pfn_pte(self, pfn: int, writable: bool, dirty: bool) -> int:
        """Return a young entry; PFN bits without a place are kept above bit 64."""
        return pte.make(self.layout.entry, pfn, writable, dirty, self._keep_pfn)

    # Pages

    def pgd(self) -> int:
        """Return the root."""
        return self.changes.root

    def alloc_pages(self, order: int) -> int:
        """Return the address of a block of 2**order pages; 0 on failure."""
        self._step()
        return self.memory.allocate(order)

    def free_pages(self, table: int, order: int) -> None:
        """Give back a block of 2**order pages."""
        self._step()
        block = self.memory.live.get(table)
        if block is not None and block.level >= 0:
            self.changes.table_changes(block.level, table)
        self.memory.free(table, order)

    def destructor(self, level: int, table: int) -> None:
        """Run the page-table destructor on the page of a table."""
        self.memory.at(level, table, 0)
        name = self.memory.names[level]
        self.memory.constructed[name] = self.memory.constructed.get(name, 0) - 1

    def cache_open(self) -> bool:
        """Return whether the memory cache has its array, taking it if need be."""
        self._step()
        return self.memory.array or self.memory.allocate_array()

    def cache_close(self) -> None:
        """Give back the array of the memory cache."""
        self.memory.array = False

    def cache_capacity(self) -> int:
        """Return how many pages a memory cache can hold."""
        return CACHE_CAPACITY

    def cache_count(self) -> int:
        """Return the number of pages in the memory cache."""
        self._step()
        return len(self.cache)

    def cache_push(self, page: int) -> None:
        """Put a page into the memory cache."""
        self.memory.become(page, "memory cache")
        self.cache.append(page)

    def cache_pop(self) -> int:
        """Take a page out of the memory cache."""
        return self.cache.pop()

    def cache_alloc(self) -> int:
        """Take a page for a table out of the memory cache, or from the allocator if it is empty."""
        self._step()
        if self.cache:
            page = self.cache.pop()
        else:
            self.report("cache-exhausted", "memory cache", "no page is left", fatal=False)
            page = self.memory.allocate(0)
            if page == 0:
                self.report("kernel-bug", "memory cache", "no page can be taken")
        self.memory.become(page, "table")
        return page

    # Environment

    def spin_lock(self) -> None:
        """Take ``mmu_lock``."""
        self.environment.lock()

    def spin_unlock(self) -> None:
        """Release ``mmu_lock``."""
        self.environment.unlock()

    def srcu_read_lock(self) -> None:
        """Enter a read-side critical section of the memory slots."""
        self.environment.readers += 1

    def srcu_read_unlock(self) -> None:
        """Leave a read-side critical section of the memory slots."""
        self.environment.leave()

    def mmu_invalidate_seq(self) -> int:
        """Return the number of invalidations so far."""
        return self.environment.seq

    def mmu_invalidate_retry(self, seq: int) -> bool:
        """Return whether an invalidation is under way or was completed since ``seq``."""
        return self.environment.in_progress or self.environment.seq != seq

    def gfn_to_pfn_prot(self, gfn: int, write: bool) -> Page:
        """Return the page of a guest frame, with a reference unless it is an error."""
        self._step()
        return self.environment.request()

    def release_pfn(self, pfn: int) -> None:
        """Release a reference to a page."""
        self.environment.release(pfn)

    def mark_page_dirty(self, gfn: int) -> None:
        """Report a guest frame to the dirty log."""
        self._access("dirty log")
        self.environment.dirty.append(gfn)

    def warn_on(self, condition: bool) -> None:
        """Warn if ``condition`` holds."""
        if condition:
            self.report("kernel-warning", "pgd", "a table below the root is left", fatal=False)
