# SPDX-License-Identifier: GPL-2.0-only
"""The generic page-table layout: widths, levels, entry format and reach of one configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from model.entry import EntryFormat


@dataclass(frozen=True)
class Level:
    """One unfolded level of the tree, seen from the root.

    ``shift`` is the number of address bits below the level's index, ``entries`` how many slots
    the index selects from (a power of two), ``order`` the allocation order of one table.
    """

    name: str
    shift: int
    entries: int
    order: int = 0

    def index(self, address: int) -> int:
        """Return the slot that ``address`` (bytes, any width) selects, as ``*_index()`` does."""
        return (address >> self.shift) & (self.entries - 1)

    @cached_property
    def span(self) -> int:
        """Bytes of guest-physical address space that one slot covers."""
        return 1 << self.shift


@dataclass(frozen=True)
class Geometry:
    """What a tree's headers evaluate to for one configuration.

    Shifts of folded levels equal the PGD's and their entry counts are 1. ``cache_min`` is
    ``KVM_MMU_CACHE_MIN_PAGES``, in pages. Field order is the order of every report.
    """

    bits: int
    levels: int
    page_shift: int
    pmd_shift: int
    pud_shift: int
    pgdir_shift: int
    ptrs_per_pgd: int
    ptrs_per_pud: int
    ptrs_per_pmd: int
    ptrs_per_pte: int
    pte_size: int
    pgd_order: int
    reach_bits: int
    cache_min: int


@dataclass(frozen=True)
class Layout:
    """All that the algorithm needs to know of one kernel configuration.

    ``port`` names the architecture's port. ``permitted`` says whether Kconfig allows the
    configuration together with KVM; ``refusal`` says why not (empty when permitted). ``kconfig``
    holds the choices that select it. ``address_bits`` is the width of the type that holds a
    guest-physical address, where it is not ``unsigned long``; ``leaf_orders`` the sizes of leaves
    that the host asks for, as base-2 logarithms of base pages, smallest first.
    """

    port: str
    name: str
    geometry: Geometry
    tables: tuple[Level, ...]
    entry: EntryFormat
    phys_bits: int
    permitted: bool
    refusal: str
    kconfig: dict[str, str] = field(hash=False, compare=False)
    address_bits: int = 0
    leaf_orders: tuple[int, ...] = (0,)

    @cached_property
    def bits(self) -> int:
        """Width of ``unsigned long`` in bits."""
        return self.geometry.bits

    @cached_property
    def page_shift(self) -> int:
        """Base-2 logarithm of the page size in bytes."""
        return self.geometry.page_shift

    @cached_property
    def levels(self) -> int:
        """Number of unfolded levels, the leaf table included."""
        return self.geometry.levels

    @property
    def cache_needed(self) -> int:
        """Pages that one fault may need: one for each table below the root."""
        return self.geometry.levels - 1

    @cached_property
    def frames(self) -> int:
        """Number of guest frames within reach; the first frame beyond reach."""
        return 1 << (self.geometry.reach_bits - self.page_shift)

    @cached_property
    def top(self) -> int:
        """The last guest frame within reach (inclusive)."""
        return self.frames - 1

    @cached_property
    def word_mask(self) -> int:
        """The largest ``unsigned long``."""
        return (1 << self.bits) - 1

    @cached_property
    def root(self) -> Level:
        """The page directory's level."""
        return self.tables[0]

    @cached_property
    def leaf(self) -> Level:
        """The level whose slots are PTEs."""
        return self.tables[-1]

    @cached_property
    def large(self) -> bool:
        """Whether a leaf can hold more than one guest frame."""
        return len(self.leaf_orders) > 1

    @cached_property
    def level_orders(self) -> tuple[int, ...]:
        """What one slot of each level spans, as base-2 logarithms of pages, smallest first."""
        return tuple(level.shift - self.page_shift for level in reversed(self.tables))

    @cached_property
    def address_mask(self) -> int:
        """The largest number that the type of a guest-physical address holds."""
        return (1 << (self.address_bits or self.bits)) - 1

    def truncate(self, address: int) -> int:
        """Return ``address`` as the type of a guest-physical address holds it."""
        return address & self.address_mask

    def table_bytes(self, level: Level) -> int:
        """Bytes of the block that holds one table of ``level``."""
        return 1 << (self.page_shift + level.order)

    @cached_property
    def pfn_top(self) -> int:
        """The largest page frame number within the physical address width (inclusive)."""
        return (1 << (self.phys_bits - self.page_shift)) - 1
