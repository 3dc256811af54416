# SPDX-License-Identifier: GPL-2.0-only
"""Memory of a table with leaves of several sizes in a proof: values of slots, flushes owed.

What a primitive does to memory and ghosts is trusted and small; that it may be called is a goal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from impl.gstage import pte
from impl.multilevel.interface import Slot
from model.layout import Layout
from proofs import terms
from proofs.contracts import entry_of
from proofs.heap import (
    CACHED,
    DEPTH_BITS,
    LOOSE,
    PAGE_BITS,
    SLOT_BITS,
    Heap,
    empty_marker,
    page,
)
from proofs.lifting import (
    Flag,
    Handle,
    Name,
    Number,
    as_bits,
    as_plain,
    exact,
    lift_truth,
    lifted,
    summary,
    truth_of,
    unsigned,
)
from proofs.paths import Path
from proofs.raw import RawFormat
from proofs.symbolic import NO_LOOPS, Loops, SymbolicRuntime
from proofs.terms import Term, Truth, Value, both, either, implies, less, negate, same


class Held:
    """What a slot holds: the link of a table, if any, and a raw leaf, 0 for none.

    The program may copy and compare it only. ``level`` is that of the slot it was read from, -1
    for a value that was made.
    """

    __slots__ = ("level", "link", "raw")
    # Python types == as bool; here it is a truth value that may not be known.
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, level: int, link: Term | None, raw: Term) -> None:
        self.level = level
        self.link = link
        self.raw = raw

    def linked(self, level: int) -> Value:
        """Return the table that is linked, as a slot of ``level`` holds it: or its marker."""
        return empty_marker(level) if self.link is None else self.link

    def __eq__(self, other: object) -> Any:
        if isinstance(other, int):
            other = Held(-1, None, terms.number(other, self.raw.width))
        if not isinstance(other, Held):
            return False
        level = max(self.level, other.level)
        links: Truth = True
        if self.link is not None or other.link is not None:
            links = same(self.linked(level), other.linked(level))
        return lift_truth(both(links, same(self.raw, other.raw)))

    def __ne__(self, other: object) -> Any:
        return lift_truth(negate(truth_of(self == other)))


Owed = Callable[[Term], Truth]
"""Whether the guest may have cached of a frame what the table no longer says."""


def nothing_owed(_: Term) -> Truth:
    """Say that no flush is owed."""
    return False


def lost(entry: RawFormat, old: Value, new: Value) -> Truth:
    """Return whether a page is no longer mapped as it was, or lost a permission."""
    before, after = terms.bits(old, entry.raw_bits), terms.bits(new, entry.raw_bits)
    fmt = entry.fmt
    moved = negate(same(entry.pfn(before), entry.pfn(after)))
    weaker = both(has(before, fmt.write), negate(has(after, fmt.write)))
    barred = both(has(before, fmt.execute), negate(has(after, fmt.execute)))
    there = negate(same(before, 0))
    return both(there, either(same(after, 0), moved, weaker, barred))


def has(raw: Term, mask: int) -> Truth:
    """Return whether a raw entry has some bit of ``mask``."""
    bits = [bit for bit in range(raw.width) if mask >> bit & 1]
    return either(*[same(terms.extract(raw, bit, bit), 1) for bit in bits])


class LeafTables(SymbolicRuntime):
    """One path of a program on a table whose slots hold leaves of several sizes."""

    def __init__(
        self,
        path: Path,
        layout: Layout,
        heap: Heap,
        quirks: frozenset[object] = frozenset(),
        loops: Loops = NO_LOOPS,
    ) -> None:
        super().__init__(path, layout, heap, quirks, loops)  # type: ignore[arg-type]
        self.owed: Owed = nothing_owed
        path.assume(terms.at_most(heap.depth, self.cache_capacity()))

    # Slots

    def ptep_get(self, level: int, ptep: Slot) -> Held:
        """Return what a slot of a table of ``level`` holds."""
        table = as_bits(ptep.table, PAGE_BITS)
        slot = self._access(level, table, ptep.number, writes=False)
        link = None if self._bottom(level) else self.heap.ent(table, slot)
        return Held(level, link, self.heap.pte(table, slot))

    def _bottom(self, level: int) -> bool:
        return level == self.shape.levels - 1

    def set_pte(self, level: int, ptep: Slot, value: Held | int) -> None:
        """Store a value in a slot: what it unlinks is taken and not linked from then on."""
        table, before = as_bits(ptep.table, PAGE_BITS), self.heap
        slot = self._access(level, table, ptep.number, writes=True)
        made = value if isinstance(value, Held) else Held(-1, None, self._number(value))
        if self._bottom(level):
            self.demand("memory", "the lowest level links no table", made.link is None)
        elif made.link is not None or not self._known_empty(level, before.ent(table, slot)):
            link = made.linked(level)
            child = Name(link) if isinstance(link, Term) else link
            self.store(level, Name(table), ptep.number, child)
        ptes = self.heap.ptes.write(table, slot, value=made.raw)
        self.heap = replace(self.heap, ptes=ptes)
        self._owe(before, self.heap)

    def _known_empty(self, level: int, link: Term) -> bool:
        """Return whether the path has found that a slot links no table."""
        empty = same(link, empty_marker(level))
        known = self.path.known
        return known.get(empty.uid, False) if isinstance(empty, Term) else empty

    def _number(self, value: int) -> Term:
        return terms.number(value, self.shape.entry.raw_bits)

    def _owe(self, before: Heap, after: Heap) -> None:
        earlier, entry = self.owed, self.shape.entry

        def owed(frame: Term) -> Truth:
            gone = lost(entry, entry_of(before, frame), entry_of(after, frame))
            return either(earlier(frame), gone)

        self.owed = owed

    def is_empty(self, level: int, table: Term) -> Truth:
        """Return whether an arbitrary slot of a table is empty."""
        return self._every_slot(level, table, lambda raw: same(raw, 0))

    def is_ready(self, level: int, table: Term) -> Truth:
        """Return whether an arbitrary slot of a table links nothing, and its leaf is right."""
        shape = self.shape

        def right(raw: Term) -> Truth:
            fits = shape.entry.aligned(raw, shape.below(level + 1))
            return both(shape.entry.well_formed(raw), fits)

        return self._every_slot(level, table, right)

    def _every_slot(self, level: int, table: Term, leaf: Callable[[Term], Truth]) -> Truth:
        slot = self.path.fresh("J", SLOT_BITS)
        good = leaf(self.heap.pte(table, slot))
        if not self._bottom(level):
            good = both(good, same(self.heap.ent(table, slot), empty_marker(level)))
        return implies(less(slot, self.layout.tables[level].entries), good)

    def fill(self, level: int, table: Handle, first: Number, last: Number, value: Handle) -> None:
        """Store ``value`` in every slot of a table not yet linked."""
        entries = self.layout.tables[level].entries
        whole = both(truth_of(first == 0), truth_of(last == entries - 1))
        self.demand("memory", "the whole of a table is initialised", whole, fatal=True)
        raw = as_bits(value, self.shape.entry.raw_bits)
        self._initialise(level, table, lambda _: raw)

    def fill_each(self, level: int, table: Handle, value: Callable[[Number], Held]) -> None:
        """Store ``value(i)`` in each slot i of a table that is not linked yet."""
        width = self.shape.entry_bits[level]
        self._initialise(level, table, lambda i: value(unsigned(terms.low_bits(i, width))).raw)

    def _initialise(self, level: int, table: Handle, leaf: Callable[[Term], Term]) -> None:
        name, heap = as_bits(table, PAGE_BITS), self.heap
        taken = same(heap.kind(name), LOOSE)
        self.demand("memory", "what is initialised is a page taken for it", taken)
        heap = replace(heap, ptes=heap.ptes.cover(name, leaf))
        if not self._bottom(level):
            marker = page(empty_marker(level))
            heap = replace(heap, ents=heap.ents.cover(name, lambda _: marker))
        self.heap = heap

    def free_pages(self, table: Handle, order: int) -> None:
        """Give back a block of 2**order pages, of which no flush is owed."""
        frame = self.path.fresh("G", self.shape.frame_bits)
        self.path.point("frame", frame)
        owed = either(self.around.private, negate(self.owed(frame)))
        self.demand("flush", "what a table mapped is flushed before it is given back", owed)
        super().free_pages(table, order)

    # The memory cache, of which only the number of pages is known

    def cache_capacity(self) -> int:
        """Return how many pages the memory cache can hold."""
        return 32

    def cache_count(self) -> Number:
        """Return the number of pages in the memory cache."""
        return exact(self.heap.depth, 0, self.cache_capacity())

    def cache_push(self, page: Handle) -> None:
        """Put a page into the memory cache."""
        heap, name = self.heap, as_bits(page, PAGE_BITS)
        self.demand("memory", "what is cached is a page taken for it", same(heap.kind(name), LOOSE))
        self.demand("memory", "what is cached is a single page", same(heap.order(name), 0))
        room = less(heap.depth, self.cache_capacity())
        self.demand("memory", "the memory cache has room", room)
        self.demand("memory", "the memory cache has its array", self.around.array)
        depth = terms.add(heap.depth, terms.number(1, DEPTH_BITS))
        self.heap = replace(heap.with_kind(name, CACHED), depth=depth)

    def cache_pop(self) -> Name:
        """Take a page out of the memory cache: any that is in it."""
        heap, path = self.heap, self.path
        left = negate(same(heap.depth, 0))
        self.demand("memory", "the memory cache is not exhausted", left)
        name = path.fresh("cached", PAGE_BITS)
        path.point("page", name)
        path.assume(same(heap.kind(name), CACHED), negate(same(name, 0)))
        depth = terms.subtract(heap.depth, terms.number(1, DEPTH_BITS))
        self.heap = replace(heap.with_kind(name, LOOSE), depth=depth)
        return Name(name)

    # Values

    def pte_none(self, value: Held) -> Flag:
        """Return whether a slot that holds ``value`` is empty."""
        return lift_truth(both(negate(self._links(value)), same(value.raw, 0)))

    def _links(self, value: Held) -> Truth:
        if value.link is None:
            return False
        if value.level < 0:
            return True
        return negate(same(value.link, empty_marker(value.level)))

    def pte_leaf(self, level: int, value: Held) -> Flag:
        """Return whether a slot of ``level`` that holds ``value`` maps pages."""
        return lift_truth(has(value.raw, self.layout.entry.permissions))

    def pte_link(self, level: int, value: Held) -> Flag:
        """Return whether a slot of ``level`` that holds ``value`` links a table."""
        return lift_truth(self._links(value))

    def pte_table(self, value: Held) -> Name:
        """Return the table that ``value`` links."""
        assert value.link is not None
        return Name(value.link)

    def table_pte(self, table: Handle) -> Held:
        """Return the value that links ``table``."""
        return Held(-1, as_bits(table, PAGE_BITS), self._number(0))

    def _pure(self, program: Callable[[], int]) -> Held:
        """Return a leaf that a pure function computes, its forks merged."""
        width = self.shape.entry.raw_bits
        (raw,) = summary(lambda: [lifted(program()).sized(width)])
        return Held(-1, None, terms.bits(raw, width))

    def leaf_pte(self, pfn: Number, writable: Flag, device: Flag) -> Held:
        """Return a leaf that begins at page frame ``pfn``, young and dirty."""
        fmt = self.layout.entry
        made = as_plain(pfn), as_plain(writable), as_plain(device)
        return self._pure(lambda: pte.make(fmt, *made))

    def pte_pfn(self, value: Held) -> Number:
        """Return the page frame at which a leaf begins."""
        return unsigned(self.shape.entry.pfn(value.raw))

    def pte_at(self, value: Held, pfn: Number) -> Held:
        """Return the leaf ``value`` at page frame ``pfn``."""
        raw = as_plain(unsigned(value.raw))
        return self._pure(lambda: pte.at(self.layout.entry, raw, as_plain(pfn)))

    def pte_wrprotect(self, value: Held) -> Held:
        """Return the leaf ``value`` without write permission."""
        raw = as_plain(unsigned(value.raw))
        return self._pure(lambda: pte.wrprotect(self.layout.entry, raw))

    def pte_mkold(self, raw: Held) -> Held:  # type: ignore[override]
        """Return the leaf, not accessed."""
        value = as_plain(unsigned(raw.raw))
        return self._pure(lambda: pte.mkold(self.layout.entry, value))

    # Flushes

    def tlb_flush(self, addr: Number, size: int) -> None:
        """Flush what the guest may have cached of ``size`` bytes from address ``addr`` on."""
        earlier, shift = self.owed, self.layout.page_shift

        def owed(frame: Term) -> Truth:
            here = unsigned(frame) * (1 << shift)
            inside = both(truth_of(here >= addr), truth_of(here < addr + size))
            return both(earlier(frame), negate(inside))

        self.owed = owed
