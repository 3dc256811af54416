# SPDX-License-Identifier: GPL-2.0-only
"""Pages in a proof: the allocator, and the memory cache of a vCPU."""

from __future__ import annotations

from dataclasses import replace

from proofs import terms
from proofs.heap import CACHE_SLOTS, CACHED, FREE, LIVE, LOOSE, ORDER_BITS, PAGE_BITS, Heap
from proofs.lifting import Handle, Name, Number, as_bits, exact
from proofs.runtime.memory import Tables
from proofs.terms import Term, Truth, at_most, choose, less, negate, same


class Pages(Tables):
    """One path of a program: where pages for tables come from, and where they go."""

    def pgd(self) -> Name:
        """Return the root."""
        return Name(self.heap.root)

    def alloc_pages(self, order: int) -> Handle:
        """Return the name of a block of 2**order pages, or 0."""
        if self.path.choose(2):
            self.around.starved = True
            return 0
        name = self.path.fresh("page", PAGE_BITS)
        self.path.point("page", name)
        self.path.assume(same(self.heap.kind(name), FREE), negate(same(name, 0)))
        orders = self.heap.orders.write(name, value=terms.number(order, ORDER_BITS))
        self.heap = replace(self.heap.with_kind(name, LOOSE), orders=orders)
        return Name(name)

    def free_pages(self, table: Handle, order: int) -> None:
        """Give back a block of 2**order pages that nothing links, or the root."""
        name = as_bits(table, PAGE_BITS)
        if name is self.heap.root:
            self.demand("memory", "a page freed is taken", same(self.heap.kind(name), LIVE))
            self.demand("leak", "no table is left when the root is freed", self._bare())
        else:
            self.demand(
                "memory", "a page freed is taken and not linked", same(self.heap.kind(name), LOOSE)
            )
        given = same(self.heap.order(name), order)
        self.demand("leak", "a page is freed with the order it was taken with", given)
        self.heap = self.heap.with_kind(name, FREE)

    def _bare(self) -> Truth:
        page = self.path.fresh("P", PAGE_BITS)
        self.path.point("page", page)
        heap = self.heap
        for level in range(1, self.shape.levels):
            self.path.point("frame", as_frame(heap, level, page))
        return at_most(heap.kind(page), LIVE)

    def destructor(self, level: int, table: Handle) -> None:
        """Run the page-table destructor; no constructor ever runs."""
        self.around.destructors += 1

    def cache_open(self) -> bool:
        """Return whether the memory cache has its array of pages, taking it if need be."""
        if not self.around.array and self.path.choose(2):
            self.around.starved = True
            return False
        self.around.array = True
        return True

    def cache_close(self) -> None:
        """Give back the array of the memory cache."""
        empty = same(self.heap.depth, 0)
        self.demand("leak", "the memory cache is empty when it is given back", empty)
        self.around.array = False

    def cache_capacity(self) -> int:
        """Return how many pages the memory cache can hold."""
        return CACHE_SLOTS

    def cache_count(self) -> Number:
        """Return the number of pages in the memory cache."""
        return (
            exact(self.heap.depth, 0, CACHE_SLOTS)
            if self.heap.depth.op != "number"
            else self.heap.depth.data
        )

    def cache_push(self, page: Handle) -> None:
        """Put a page into the memory cache."""
        heap, name = self.heap, as_bits(page, PAGE_BITS)
        self.demand("memory", "what is cached is a page taken for it", same(heap.kind(name), LOOSE))
        self.demand("memory", "what is cached is a single page", same(heap.order(name), 0))
        self.demand("memory", "the memory cache has room", less(heap.depth, CACHE_SLOTS))
        self.demand("memory", "the memory cache has its array", self.around.array)
        stack = tuple(
            choose(same(heap.depth, n), name, cached) for n, cached in enumerate(heap.stack)
        )
        depth = terms.add(heap.depth, terms.number(1, 3))
        self.heap = replace(heap.with_kind(name, CACHED), stack=stack, depth=depth)

    def cache_pop(self) -> Name:
        """Take a page out of the memory cache."""
        heap = self.heap
        left = negate(same(heap.depth, 0))
        self.demand("memory", "the memory cache is not exhausted", left)
        name = heap.stack[0]
        for number in range(1, CACHE_SLOTS):
            name = choose(same(heap.depth, number + 1), heap.stack[number], name)
        depth = terms.subtract(heap.depth, terms.number(1, 3))
        self.heap = replace(heap.with_kind(name, LOOSE), depth=depth)
        self.path.point("page", name)
        return Name(name)

    def cache_alloc(self) -> Name:
        """Take a page for a table out of the memory cache."""
        return self.cache_pop()


def as_frame(heap: Heap, level: int, page: Term) -> Term:
    """Return the first frame of the region that ``page`` covers as a table of ``level``."""
    within = terms.low_bits(heap.base(page), heap.shape.region_bits(level))
    return terms.bits(heap.shape.first_frame(level, within), heap.shape.frame_bits)
