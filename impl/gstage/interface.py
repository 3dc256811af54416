# SPDX-License-Identifier: GPL-2.0-only
"""All that the algorithm may ask of its runtime beside what it shares with the other table."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from impl.multilevel import interface
from impl.multilevel.interface import Slot


class LeafOp(Enum):
    """What a range operation does to each leaf; the value is part of a loop's name."""

    CLEAR = "clear"
    WP = "wp"
    MKOLD = "mkold"
    TEST_YOUNG = "test_young"


class Found(NamedTuple):
    """Where the walk to an address ended: at a leaf or at an empty slot (``leaf``: which).

    ``level`` is an index into ``layout.tables``, ``value`` what the slot holds.
    """

    leaf: bool
    level: int
    ptep: Slot
    value: int


class HostPage(NamedTuple):
    """The host's answer to a fault: the host frame, and how many pages it maps there at once.

    ``order`` is the base-2 logarithm of their number; ``error`` means that there is no page.
    """

    pfn: int
    writable: bool
    error: bool
    order: int


class MemSlot(NamedTuple):
    """A memslot: ``pages`` guest frames from ``base`` on, and whether it logs dirty pages."""

    base: int
    pages: int
    logs: bool


@dataclass
class Walk:
    """One loop over the addresses [``start``, ``end``) in bytes, from leaf to leaf and hole.

    ``loop`` names the loop. Each turn says in ``next`` where the one after it begins. Between
    turns only ``next`` and ``result`` may change.
    """

    loop: str
    start: int
    end: int
    next: int
    result: bool = False


class Runtime(interface.Runtime, Protocol):
    """Memory, locks and environment of the algorithm.

    What a slot holds, its value, is 0, a leaf or the link of a table, at every level. Values are
    opaque: they are copied, compared, and looked into with the functions below.
    """

    def steps(self, walk: Walk) -> Iterator[int]:
        """Yield ``walk.start``, then where each turn says, up to ``walk.end`` (exclusive).

        Of holes that follow each other only the last need be visited.
        """
        ...

    # Slots

    def ptep_get(self, level: int, ptep: Slot) -> int:
        """Return what a slot of a table of ``level`` holds."""
        ...

    def set_pte(self, level: int, ptep: Slot, value: int) -> None:
        """Store a value in a slot of a table of ``level``."""
        ...

    def fill_each(self, level: int, table: int, value: Callable[[int], int]) -> None:
        """Store ``value(i)`` in each slot i of a table of ``level`` that is not linked yet."""
        ...

    # Values

    def pte_none(self, value: int) -> bool:
        """Return whether a slot that holds ``value`` is empty."""
        ...

    def pte_leaf(self, level: int, value: int) -> bool:
        """Return whether a slot of ``level`` that holds ``value`` maps pages."""
        ...

    def pte_link(self, level: int, value: int) -> bool:
        """Return whether a slot of ``level`` that holds ``value`` links a table."""
        ...

    def pte_table(self, value: int) -> int:
        """Return the address of the table that ``value`` links."""
        ...

    def table_pte(self, table: int) -> int:
        """Return the value that links ``table``."""
        ...

    def leaf_pte(self, pfn: int, writable: bool, device: bool) -> int:
        """Return a leaf that begins at page frame ``pfn``, young and dirty."""
        ...

    def pte_pfn(self, value: int) -> int:
        """Return the page frame at which the leaf ``value`` begins."""
        ...

    def pte_at(self, value: int, pfn: int) -> int:
        """Return the leaf ``value`` as it is but for its page frame, which is ``pfn``."""
        ...

    def pte_wrprotect(self, value: int) -> int:
        """Return the leaf ``value`` without write permission."""
        ...

    # Environment

    def tlb_flush(self, addr: int, size: int) -> None:
        """Flush what the guest may have cached of ``size`` bytes from address ``addr`` on."""
        ...

    def memslot(self, gfn: int) -> MemSlot:
        """Return the memslot of a guest frame within reach."""
        ...

    def faultin_pfn(self, gfn: int, write: bool) -> HostPage:
        """Return the host's page for a guest frame, with a reference unless it is an error."""
        ...

    def device_cache(self, own: bool) -> None:
        """Use a memory cache of its own, empty now, or again that of the vCPU."""
        ...
