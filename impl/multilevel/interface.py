# SPDX-License-Identifier: GPL-2.0-only
"""All that the algorithm may ask of its runtime, concrete or symbolic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from model.layout import Layout


class RangeOp(Enum):
    """What a range operation does to each present entry; the value is part of its name."""

    MKCLEAN = "mkclean"
    MKOLD = "mkold"
    TEST_YOUNG = "test_young"


class Slot(NamedTuple):
    """A pointer to a PTE: the leaf table that holds it and its slot there."""

    table: int
    number: int


class Page(NamedTuple):
    """The answer to a request for the page of a guest frame; ``error`` means there is none."""

    pfn: int
    writable: bool
    error: bool


@dataclass
class Frame:
    """One loop over the slots ``first..last`` (inclusive) of ``table``.

    ``loop`` names the function that loops; ``start`` and ``end`` are the addresses (bytes,
    inclusive) it was called with. Between iterations only ``result`` may change.
    """

    loop: str
    level: int
    table: int
    start: int
    end: int
    first: int
    last: int
    result: bool


class Runtime(Protocol):
    """Memory, locks and environment of the algorithm.

    Tables are named by their address, 0 is NULL. ``level`` is an index into ``layout.tables``;
    0 is the root. Integers may be symbolic: the algorithm uses only ``+ - * // %`` and
    comparisons on them.
    """

    @property
    def layout(self) -> Layout:
        """The layout that the algorithm runs for; its numbers are never symbolic."""
        ...

    def ulong(self, value: int) -> int:
        """Return ``value`` as an ``unsigned long`` holds it."""
        ...

    def set_bits(self, mask: int) -> Iterator[int]:
        """Yield the number of every bit that is set in ``mask``, in ascending order."""
        ...

    def ffs(self, mask: int) -> int:
        """Return the number of the lowest bit that is set in ``mask`` (not 0), from 0."""
        ...

    def fls(self, mask: int) -> int:
        """Return the number of the highest bit that is set in ``mask`` (not 0), from 0."""
        ...

    def attempts(self) -> Iterator[None]:
        """Yield without end, for a loop that only its body leaves; it carries no state."""
        ...

    # Tables

    def loop(self, frame: Frame) -> Iterator[int]:
        """Yield every slot of the frame in ascending order; slots that are alike may be left out.

        Slots are alike when they are neighbours and hold the same value.
        """
        ...

    def load(self, level: int, table: int, index: int) -> int:
        """Return the table that a directory's slot points to, or the slot's empty marker."""
        ...

    def store(self, level: int, table: int, index: int, child: int) -> None:
        """Let a directory's slot point to ``child``, or make it empty."""
        ...

    def fill(self, level: int, table: int, first: int, last: int, value: int) -> None:
        """Store ``value`` in the slots ``first..last`` (inclusive) of a table of any level."""
        ...

    def empty(self, level: int) -> int:
        """Return the empty marker of a directory: the shared empty table of the level below."""
        ...

    def none(self, level: int, child: int) -> bool:
        """Return whether a directory's slot that holds ``child`` is empty."""
        ...

    # Entries

    def pte_load(self, ptep: Slot | None) -> int:
        """Return the raw entry; None is a null pointer."""
        ...

    def pte_store(self, ptep: Slot | None, raw: int) -> None:
        """Store a raw entry (``set_pte``); None is a null pointer."""
        ...

    def pte_present(self, raw: int) -> bool:
        """Return whether the entry maps a page."""
        ...

    def pte_young(self, raw: int) -> bool:
        """Return whether the entry was accessed."""
        ...

    def pte_dirty(self, raw: int) -> bool:
        """Return whether the entry was written through."""
        ...

    def pte_write(self, raw: int) -> bool:
        """Return whether the entry may be written through."""
        ...

    def pte_mkyoung(self, raw: int) -> int:
        """Return the entry, accessed."""
        ...

    def pte_mkold(self, raw: int) -> int:
        """Return the entry, not accessed."""
        ...

    def pte_mkdirty(self, raw: int) -> int:
        """Return the entry, modified."""
        ...

    def pte_mkclean(self, raw: int) -> int:
        """Return the entry, not modified."""
        ...

    def pfn_pte(self, pfn: int, writable: bool, dirty: bool) -> int:
        """Return a young entry for the page frame ``pfn``."""
        ...

    # Pages

    def pgd(self) -> int:
        """Return the root, ``kvm->arch.gpa_mm.pgd``."""
        ...

    def alloc_pages(self, order: int) -> int:
        """Return the address of a block of 2**order pages, not initialised; 0 on failure."""
        ...

    def free_pages(self, table: int, order: int) -> None:
        """Give back a block of 2**order pages."""
        ...

    def destructor(self, level: int, table: int) -> None:
        """Run the page-table destructor on the page of a table."""
        ...

    def cache_open(self) -> bool:
        """Return whether the memory cache has its array of pages, taking it if need be."""
        ...

    def cache_close(self) -> None:
        """Give back the array of the memory cache; it holds no page."""
        ...

    def cache_capacity(self) -> int:
        """Return how many pages a memory cache can hold (``KVM_ARCH_NR_OBJS_PER_MEMORY_CACHE``)."""
        ...

    def cache_count(self) -> int:
        """Return the number of pages in the vCPU's memory cache."""
        ...

    def cache_push(self, page: int) -> None:
        """Put a page into the vCPU's memory cache."""
        ...

    def cache_pop(self) -> int:
        """Take a page out of the memory cache, not for a table; the cache is not empty."""
        ...

    def cache_alloc(self) -> int:
        """Take a page out of the memory cache, for a table (``kvm_mmu_memory_cache_alloc``)."""
        ...

    # Environment

    def spin_lock(self) -> None:
        """Take ``mmu_lock``."""
        ...

    def spin_unlock(self) -> None:
        """Release ``mmu_lock``."""
        ...

    def srcu_read_lock(self) -> None:
        """Enter a read-side critical section of the memory slots."""
        ...

    def srcu_read_unlock(self) -> None:
        """Leave a read-side critical section of the memory slots."""
        ...

    def mmu_invalidate_seq(self) -> int:
        """Return the number of invalidations so far."""
        ...

    def mmu_invalidate_retry(self, seq: int) -> bool:
        """Return whether an invalidation is under way or was completed since ``seq``."""
        ...

    def gfn_to_pfn_prot(self, gfn: int, write: bool) -> Page:
        """Return the page of a guest frame, with a reference unless it is an error."""
        ...

    def release_pfn(self, pfn: int) -> None:
        """Release a reference to a page."""
        ...

    def mark_page_dirty(self, gfn: int) -> None:
        """Report a guest frame to the dirty log."""
        ...

    def warn_on(self, condition: bool) -> None:
        """Warn if ``condition`` holds."""
        ...
