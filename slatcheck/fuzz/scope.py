# SPDX-License-Identifier: GPL-2.0-only
"""Small scopes: the few operations of a layout, at its borders, that are tried in every state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from model.layout import Layout
from model.leaf_map import map_of
from model.operations import Kind, Op

PFN = 5
"""What every fault of a scope is answered: it does not matter to a table which frame it is."""
FRAMES = 3
"""Guest frames that a scope has by default."""


@dataclass(frozen=True)
class Scope:
    """Operations that are tried in every state of a layout's table.

    The first is a create, the last a destroy; the others are between 1 and 30, within the contract.
    """

    layout: Layout
    ops: tuple[Op, ...]


def borders(layout: Layout, count: int = FRAMES) -> tuple[int, ...]:
    """Return guest frames at the borders of a layout's tables and of its reach, in their order.

    The last frame below the second slot of the root, the first one above it: whatever level there
    is has a border between them; then the last within reach, the first of all, and its neighbour.
    Raises ValueError for less than 2 or more than 6.
    """
    if not 2 <= count <= 6:
        raise ValueError(f"a scope has 2 to 6 guest frames, not {count}")
    span = _second(layout)
    return tuple(sorted([span - 1, span, layout.top, 0, 1, span + 1][:count]))


def scope(layout: Layout, kinds: Iterable[Kind], count: int = FRAMES) -> Scope:
    """Return the scope of a layout that has operations of these ``kinds``."""
    known = frozenset(kinds)
    create = _create(layout)
    fresh = map_of(layout)
    fresh.apply(create)
    every = [*_ops(layout, borders(layout, count)), *_large_ops(layout)]
    inside = [op for op in every if op.kind in known and fresh.in_contract(op)]
    return Scope(layout, (create, *inside, Op(Kind.DESTROY)))


def _second(layout: Layout) -> int:
    """Return the first guest frame of the root's second slot."""
    return max(level.span for level in layout.tables) >> layout.page_shift


def _create(layout: Layout) -> Op:
    """Where memslots matter, the frame that ranges begin at is one of its own."""
    second = _second(layout)
    return Op(Kind.CREATE, second, second + 1) if layout.large else Op(Kind.CREATE)


def _large_ops(layout: Layout) -> Iterator[Op]:
    """Yield what is tried beside where leaves have several sizes: one comes, and is divided."""
    if not layout.large:
        return
    order = min(order for order in layout.leaf_orders if order)
    yield Op(Kind.FAULT, 0, pfn=1 << order, write=True, writable=True, order=order)
    yield Op(Kind.FAULT, 0, pfn=1 << order, write=True, writable=True)
    yield Op(Kind.UNMAP, 0, 1)
    yield Op(Kind.LOG_DIRTY_MASKED, _second(layout), mask=1)


def _ops(layout: Layout, frames: tuple[int, ...]) -> Iterator[Op]:
    """Yield what is tried between a create and a destroy."""
    for frame in frames:
        gpa = frame << layout.page_shift
        yield Op(Kind.FAULT, gpa, pfn=PFN, write=True, writable=True)
        yield Op(Kind.FAULT, gpa, pfn=PFN, writable=True)
    for frame in frames:
        yield Op(Kind.UNMAP, frame, frame + 1)
    low, high = _second(layout) - 1, _second(layout)
    gpa = low << layout.page_shift
    yield Op(Kind.LOOKUP, gpa)
    yield Op(Kind.FAULT_FAST, gpa, write=True)
    yield Op(Kind.MKCLEAN, low, high)
    yield Op(Kind.MKOLD, low, high)
    yield Op(Kind.AGE, high, high + 1)
    yield Op(Kind.TEST_AGE, high, high + 1)
    yield Op(Kind.FLUSH, low, high)
    yield Op(Kind.LOG_DIRTY_MASKED, low, mask=3)
    yield Op(Kind.COMMIT_REGION, high, 1)
    yield Op(Kind.FLUSH_SLOT, high, 1)
    yield Op(Kind.FLUSH_ALL)
