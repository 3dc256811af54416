# SPDX-License-Identifier: GPL-2.0-only
"""What the linear array and the page table cost in memory for a guest's RAM."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from model.layout import Layout

ByteRange = tuple[int, int]
"""Guest-physical addresses ``first..last`` in bytes, inclusive."""


class LinearCost(NamedTuple):
    """The array's ``entries``, the bytes asked for and the bytes that the allocator hands out."""

    entries: int
    requested: int
    allocated: int
    order: int


class LevelCost(NamedTuple):
    """The tables of one level that are in use, and their bytes."""

    name: str
    tables: int
    allocated: int


class TableCost(NamedTuple):
    """The page table's cost by level, from the root, and in all (bytes)."""

    levels: tuple[LevelCost, ...]
    allocated: int


def block_order(size: int, page_shift: int) -> int:
    """Return the order of the smallest block of 2**order pages that holds ``size`` bytes."""
    pages = (size + (1 << page_shift) - 1) >> page_shift
    return max(pages - 1, 0).bit_length()


def linear_cost(layout: Layout, ram: Sequence[ByteRange]) -> LinearCost:
    """Return the cost of the array: one ``unsigned long`` a frame up to the highest in ``ram``.

    It must be contiguous, so it is handed out as a block of a power of two of pages.
    """
    entries = max((last >> layout.page_shift) + 1 for _, last in ram)
    requested = entries * layout.bits // 8
    order = block_order(requested, layout.page_shift)
    return LinearCost(entries, requested, 1 << (layout.page_shift + order), order)


def slots_touched(ram: Sequence[ByteRange], span: int) -> int:
    """Return into how many pieces of ``span`` bytes, aligned to it, the ranges reach."""
    count, done = 0, -1
    for first, last in sorted(ram):
        start = max(first // span, done + 1)
        count += max(0, last // span - start + 1)
        done = max(done, last // span)
    return count


def table_cost(layout: Layout, ram: Sequence[ByteRange]) -> TableCost:
    """Return the cost of the page table when every page of ``ram`` is mapped.

    Raises ValueError where a range ends beyond the reach.
    """
    if any(last >> layout.page_shift > layout.top for _, last in ram):
        raise ValueError("a range ends beyond the reach of the page table")
    levels = [LevelCost(layout.root.name, 1, layout.table_bytes(layout.root))]
    for above, level in zip(layout.tables, layout.tables[1:], strict=False):
        tables = slots_touched(ram, above.span)
        levels.append(LevelCost(level.name, tables, tables * layout.table_bytes(level)))
    return TableCost(tuple(levels), sum(level.allocated for level in levels))
