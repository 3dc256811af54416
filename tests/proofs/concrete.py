# SPDX-License-Identifier: GPL-2.0-only
"""Concrete heaps as the specification sees them.

The names of pages are small integers: 0 is NULL, then the shared empty tables, then pages in the
order in which they were met. Memory without meaning reads as POISON, so that a predicate which
looks where it should not is found out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from impl.multilevel.interface import RangeOp
from impl.multilevel.memory import Block, Fill
from impl.multilevel.runtime import ConcreteRuntime
from model.entry import EntryFormat
from model.layout import Layout
from model.operations import Kind
from model.pointwise import changed
from proofs.contracts import Call, Effect, is_shared
from proofs.evaluation import Model
from proofs.heap import (
    CACHE_SLOTS,
    CACHED,
    ENTRY,
    FREE,
    LIVE,
    LOOSE,
    SHARED,
    Heap,
    Shape,
    empty_marker,
    shape_of,
)
from proofs.terms import Value, negate

POISON = 0xFFF0
"""What is read where nothing is stored: no page that is known, no entry that is present."""


def integer(value: Value) -> int:
    """Return a value that must be concrete."""
    assert isinstance(value, int)
    return value


class Names:
    """Small integers for the addresses of pages, the same in every view of one run."""

    def __init__(self, markers: Sequence[int]) -> None:
        self._known = {0: 0}
        for level, marker in enumerate(markers):
            self._known[marker] = empty_marker(level)

    def of(self, address: int) -> int:
        """Return the name of an address; a new one if it was never met."""
        return self._known.setdefault(address, len(self._known))

    def address(self, name: int) -> int:
        """Return the address that has a name."""
        return next(address for address, known in self._known.items() if known == name)

    @property
    def number(self) -> int:
        """How many names are in use: 0 and up."""
        return len(self._known)


@dataclass(frozen=True)
class Table:
    """What a live table held when it was looked at."""

    level: int
    slots: dict[int, int]
    fills: list[Fill]

    def get(self, slot: int) -> int | None:
        """Return the raw content of a slot, None where nothing was stored."""
        if slot in self.slots:
            return self.slots[slot]
        return next((one.value for one in self.fills if one.first <= slot <= one.last), None)


@dataclass(frozen=True)
class ConcreteView:
    """A ``proofs.heap.View`` of concrete memory at one moment."""

    shape: Shape
    root: int
    stack: tuple[int, ...]
    depth: int
    names: Names
    format: EntryFormat
    tables: dict[int, Table]
    kinds: dict[int, int]
    bases: dict[int, int]
    orders: dict[int, int]
    ats: dict[tuple[int, int], int]

    def ent(self, name: Value, slot: Value) -> int:
        """Return the name that a slot of a live directory holds."""
        found = self.tables.get(integer(name))
        if found is None or found.level == self.shape.levels - 1:
            return POISON
        held = found.get(integer(slot))
        return POISON if held is None else self.names.of(held)

    def pte(self, name: Value, slot: Value) -> int:
        """Return a slot of a live leaf table, in the proof's own format."""
        found = self.tables.get(integer(name))
        if found is None or found.level != self.shape.levels - 1:
            return POISON
        held = found.get(integer(slot))
        return POISON if held is None else translated(self.format, held)

    def kind(self, page: Value) -> int:
        """Return what a page is."""
        return self.kinds.get(integer(page), FREE)

    def base(self, name: Value) -> int:
        """Return the region that a table covers."""
        return self.bases.get(integer(name), 0)

    def order(self, page: Value) -> int:
        """Return the order with which a page was taken."""
        return self.orders.get(integer(page), 0)

    def at(self, level: int, region: Value) -> int:
        """Return the table of ``level`` that covers ``region``, 0 if none does."""
        return self.ats.get((level, integer(region)), 0)

    def mapped(self) -> list[int]:
        """Return the frames whose slot in a live leaf table is not 0."""
        leaf = self.shape.levels - 1
        return sorted(
            (self.bases[name] << self.shape.entry_bits[leaf]) + slot
            for name, one in self.tables.items()
            if one.level == leaf
            for slot, raw in one.slots.items()
            if raw
        )

    def borders(self) -> list[int]:
        """Return the first and the last frame of every live table."""
        found: set[int] = set()
        for name, one in self.tables.items():
            first = self.bases[name] << self.shape.below(one.level)
            found |= {first, first + (1 << self.shape.below(one.level)) - 1}
        return sorted(found)


def translated(form: EntryFormat, raw: int) -> int:
    """Return a raw entry of a layout in the proof's own format; POISON if neither 0 nor present."""
    entry = form.decode(raw)
    if entry is None:
        return 0 if raw == 0 else POISON
    return ENTRY.encode(entry)


def fits(form: EntryFormat, raw: int) -> bool:
    """Return whether a raw entry is one that the specification has: of its flags and its PFN."""
    entry = form.decode(raw)
    return raw == 0 if entry is None else raw == form.encode(entry)


@dataclass
class Ghosts:
    """What ``proofs.symbolic`` keeps of tables that are gone: nothing but a link changes it."""

    bases: dict[int, int] = field(default_factory=dict)
    ats: dict[tuple[int, int], int] = field(default_factory=dict)


def view_of(rt: ConcreteRuntime, names: Names, ghosts: Ghosts | None = None) -> ConcreteView:
    """Return a view of a runtime's memory; with ``ghosts``, which it updates, none is forgotten."""
    shape, memory = shape_of(rt.layout), rt.memory
    kinds = dict.fromkeys(range(shape.levels), SHARED)
    orders = {names.of(address): block.order for address, block in memory.blocks.items()}
    kinds |= {names.of(address): LOOSE for address in memory.live}
    bases: dict[int, int] = {}
    tables: dict[int, Table] = {}
    ats: dict[tuple[int, int], int] = {}
    root = rt.changes.root
    for level, region, block in _reached(rt, root):
        name = names.of(block.address)
        if level:
            ats[level, region] = name
        if name not in tables:
            kinds[name] = LIVE + level
            bases[name] = region
            tables[name] = Table(level, dict(block.slots), block.fills)
    stack = [names.of(address) for address in rt.cache]
    kinds |= dict.fromkeys(stack, CACHED)
    if ghosts is not None:
        ghosts.bases |= bases
        ghosts.ats |= ats
        bases, ats = dict(ghosts.bases), dict(ghosts.ats)
    padded = (stack + [POISON] * CACHE_SLOTS)[: max(CACHE_SLOTS, len(stack))]
    return ConcreteView(
        shape,
        names.of(root),
        tuple(padded),
        len(stack),
        names,
        rt.layout.entry,
        tables,
        kinds,
        bases,
        orders,
        ats,
    )


def _reached(rt: ConcreteRuntime, root: int) -> Iterator[tuple[int, int, Block]]:
    """Yield level, region and block of every live table that a walk from the root can reach."""
    live = rt.memory.live
    pending = [(0, 0, root)] if root in live else []
    while pending:
        level, region, address = pending.pop(0)
        block = live[address]
        yield level, region, block
        if level < rt.layout.levels - 1:
            for slot, child in sorted(block.items(live.__contains__)):
                pending.append((level + 1, region * rt.layout.tables[level].entries + slot, child))


def call_of(
    layout: Layout, view: ConcreteView, level: int, name: int, start: int, end: int
) -> Call:
    """Return what a call means in frames, as ``SymbolicRuntime.call`` does."""
    shape = view.shape
    region = view.base(name) % (1 << shape.region_bits(level)) if level else 0
    low, high = (
        (one >> layout.page_shift) % layout.frames % (1 << shape.below(level))
        for one in (start, end)
    )
    return Call(level, name, region, low, high, negate(is_shared(level, name)))


def effect_of(op: RangeOp) -> Effect:
    """Return what the specification says that a range operation makes of a raw entry."""
    kind = Kind.MKCLEAN if op is RangeOp.MKCLEAN else Kind.MKOLD

    def effect(raw: Value) -> int:
        entry = changed(kind, ENTRY.decode(integer(raw)))
        return 0 if entry is None else ENTRY.encode(entry)

    return effect


def model_of(heap: Heap, view: ConcreteView) -> Model:
    """Return the model in which a symbolic heap of which nothing is known is the concrete one."""
    found: dict[str, Callable[..., int]] = {
        heap.root.data: lambda: view.root,
        heap.depth.data: lambda: view.depth,
        heap.ents.name: view.ent,
        heap.ptes.name: view.pte,
        heap.kinds.name: view.kind,
        heap.bases.name: view.base,
        heap.orders.name: view.order,
    }
    for place, one in zip(heap.stack, view.stack, strict=True):
        found[place.data] = lambda one=one: one
    for level, ats in enumerate(heap.ats, start=1):
        found[ats.name] = lambda region, level=level: view.at(level, region)
    return found


def damaged(view: ConcreteView, **changes: Any) -> ConcreteView:
    """Return a view with other contents."""
    return replace(view, **changes)
