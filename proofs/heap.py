# SPDX-License-Identifier: GPL-2.0-only
"""The table heap as the specification sees it: memory, and ghosts that only primitives write.

``ent`` and ``pte`` are memory. ``kind`` says what a page is, ``order`` how it was taken, ``base``
which region a live table covers and ``at`` which table covers a region. Everything here takes
terms or concrete integers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

from model.layout import Layout
from proofs import terms
from proofs.paths import current
from proofs.raw import OWN, RawFormat
from proofs.terms import Term, Truth, Value, both, choose, extract, same

PAGE_BITS = 16
"""Bits of the name of a page. Names are opaque (``proofs.lifting.Name``): they are copied and
compared, nothing else, so a counterexample with any pages has one with as many names as the
query has terms, far fewer than 2**16."""
SLOT_BITS = 16
"""Bits of the number of a slot; the largest table has 2**14."""
KIND_BITS = 4
ORDER_BITS = 4
DEPTH_BITS = 8
"""Bits of the number of pages in a memory cache of which only that number is known."""
CACHE_SLOTS = 4
"""``KVM_ARCH_NR_OBJS_PER_MEMORY_CACHE``."""

FREE, SHARED, USED, CACHED, LOOSE, LIVE = range(6)
"""Kinds of page: with the allocator; an empty table of the kernel (or NULL); somebody else's;
in the memory cache; taken, but neither cached nor linked; ``LIVE + k`` is a table of level k."""

ENTRY = OWN.fmt
RAW_BITS = OWN.raw_bits
"""Bits of an entry in the proof's own format; of its PFN is true what is true of page names."""
PFN_BITS = OWN.pfn_bits


@dataclass(frozen=True)
class Shape:
    """The geometry of a layout in frames: all that the shape of the tree depends on.

    ``entry_bits[k]`` is the base-2 logarithm of the slots of a table of level k, ``orders[k]``
    its allocation order. Frames are numbered within the reach.
    """

    entry_bits: tuple[int, ...]
    orders: tuple[int, ...]
    page_shift: int
    entry: RawFormat = OWN
    """The format of leaf entries."""
    large: bool = False
    """Whether a slot of a directory may hold a leaf; ``pte`` is of all slots then."""
    address_bits: int = 64
    """Bits of the type that holds a guest-physical address."""

    @property
    def levels(self) -> int:
        """Number of levels, the leaf included."""
        return len(self.entry_bits)

    @cached_property
    def frame_bits(self) -> int:
        """Bits of a frame number within reach."""
        return sum(self.entry_bits)

    def below(self, level: int) -> int:
        """Return the bits that number the frames of one table of ``level``."""
        return sum(self.entry_bits[level:])

    def region_bits(self, level: int) -> int:
        """Return the bits that number the regions which tables of ``level`` cover."""
        return self.frame_bits - self.below(level)

    def region(self, level: int, frame: Value) -> Value:
        """Return the number of the region of ``level`` in which ``frame`` lies."""
        if not isinstance(frame, Term):
            return frame >> self.below(level)
        if level == 0:
            return 0
        return extract(frame, self.frame_bits - 1, self.below(level))

    def slot(self, level: int, frame: Value) -> Value:
        """Return the slot which ``frame`` selects in a table of ``level``."""
        if not isinstance(frame, Term):
            return (frame >> self.below(level + 1)) & ((1 << self.entry_bits[level]) - 1)
        return extract(frame, self.below(level) - 1, self.below(level + 1))

    def offset(self, level: int, frame: Value) -> Value:
        """Return the number of ``frame`` among the frames of its table of ``level``."""
        return terms.low_bits(frame, self.below(level))

    def frame_at(self, level: int, base: Value, slot: Value) -> Value:
        """Return the first frame below ``slot`` of the table of ``level`` that covers ``base``."""
        if not isinstance(base, Term) and not isinstance(slot, Term):
            return (base << self.entry_bits[level] | slot) << self.below(level + 1)
        parts = [
            terms.bits(
                terms.low_bits(terms.bits(slot, SLOT_BITS), self.entry_bits[level]),
                self.entry_bits[level],
            )
        ]
        if level:
            parts.insert(
                0,
                terms.bits(terms.low_bits(base, self.region_bits(level)), self.region_bits(level)),
            )
        if self.below(level + 1):
            parts.append(terms.number(0, self.below(level + 1)))
        result = parts[-1]
        for part in reversed(parts[:-1]):
            result = terms.concat(part, result)
        return result

    def first_frame(self, level: int, base: Value) -> Value:
        """Return the first frame of the table of ``level`` that covers region ``base``."""
        return self.frame_at(level, base, 0)

    def frame_of(self, address: Term) -> Term:
        """Return the frame of an address (a word), taken modulo the reach."""
        return extract(address, self.page_shift + self.frame_bits - 1, self.page_shift)


def shape_of(layout: Layout, entry: RawFormat = OWN) -> Shape:
    """Return the geometry of a layout, with entries of a format."""
    return Shape(
        tuple(level.entries.bit_length() - 1 for level in layout.tables),
        tuple(level.order for level in layout.tables),
        layout.page_shift,
        entry,
        layout.large,
        layout.address_bits or layout.bits,
    )


def empty_marker(level: int) -> int:
    """Return the name of the shared empty table that a directory of ``level`` points to.

    Names of pages are opaque: that they are 1, 2, ... costs no generality. 0 is NULL.
    """
    return level + 1


class View(Protocol):
    """A heap to state things about: symbolic, or a concrete one in a test."""

    @property
    def shape(self) -> Shape:
        """The geometry."""
        ...

    @property
    def root(self) -> Value:
        """The name of the root."""
        ...

    @property
    def stack(self) -> Sequence[Value]:
        """The places of the memory cache; only the first ``depth`` hold a page."""
        ...

    @property
    def depth(self) -> Value:
        """The number of pages in the memory cache."""
        ...

    def ent(self, table: Value, slot: Value) -> Value:
        """Return what a slot of a directory holds."""
        ...

    def pte(self, table: Value, slot: Value) -> Value:
        """Return what a slot of a leaf table holds."""
        ...

    def kind(self, page: Value) -> Value:
        """Return what a page is."""
        ...

    def base(self, table: Value) -> Value:
        """Return the region that a live table covers."""
        ...

    def order(self, page: Value) -> Value:
        """Return the order with which a page was taken."""
        ...

    def at(self, level: int, region: Value) -> Value:
        """Return the table of ``level`` >= 1 that covers ``region``, if one does."""
        ...


@dataclass(frozen=True)
class Layer:
    """One change of a function: at ``keys`` or, with ``last``, from keys[1] to last."""

    keys: tuple[Term, ...]
    value: Term
    last: Term | None = None

    def hit(self, args: Sequence[Term]) -> Truth:
        """Return whether the change covers the arguments."""
        if self.last is None:
            return both(*[same(arg, key) for arg, key in zip(args, self.keys, strict=True)])
        first = terms.at_most(self.keys[1], args[1])
        return both(same(args[0], self.keys[0]), first, terms.at_most(args[1], self.last))

    def at(self, args: Sequence[Term]) -> Term:
        """Return the value at arguments that the change covers."""
        return self.value


@dataclass(frozen=True)
class Whole(Layer):
    """A change of every slot of one table, to what ``of_slot`` gives; ``value`` stands for none."""

    of_slot: Callable[[Term], Term] = field(default=lambda slot: slot)

    def hit(self, args: Sequence[Term]) -> Truth:
        """Return whether the change covers the arguments: whatever slot of the table."""
        return same(args[0], self.keys[0])

    def at(self, args: Sequence[Term]) -> Term:
        """Return the value at a slot."""
        return self.of_slot(args[1])


@dataclass(frozen=True)
class LayeredFunction:
    """An uninterpreted function with changes on top, the newest last."""

    name: str
    width: int
    layers: tuple[Layer, ...] = ()

    def read(self, *args: Term) -> Term:
        """Return the value at ``args``."""
        result = terms.apply(self.name, self.width, *args)
        for layer in self.layers:
            hit = layer.hit(args)
            if hit is not False and hit is not terms.FALSE:
                result = choose(hit, layer.at(args), result)
        return result

    def write(self, *args: Term, value: Term) -> LayeredFunction:
        """Return the function with ``value`` at ``args``."""
        return replace(self, layers=(*self.layers, Layer(args, value)))

    def put(self, table: Term, slot: Term, value: Term) -> LayeredFunction:
        """Return the function with ``value`` at one slot; neighbours written alike are joined."""
        last = self.layers[-1] if self.layers else None
        if last is not None and last.value is value and last.keys[0] is table:
            top = last.keys[1] if last.last is None else last.last
            numbers = slot.op == top.op == last.keys[1].op == "number"
            if numbers and slot.data == top.data + 1:
                return replace(self, layers=(*self.layers[:-1], replace(last, last=slot)))
            if numbers and slot.data == last.keys[1].data - 1:
                joined = Layer((table, slot), value, top)
                return replace(self, layers=(*self.layers[:-1], joined))
        return self.write(table, slot, value=value)

    def cover(self, table: Term, of_slot: Callable[[Term], Term]) -> LayeredFunction:
        """Return the function with ``of_slot(slot)`` at every slot of a table."""
        return replace(self, layers=(*self.layers, Whole((table,), table, None, of_slot)))

    def fill(self, first: tuple[Term, Term], last: Term, value: Term) -> LayeredFunction:
        """Return the function with ``value`` from slot ``first[1]`` to ``last`` (inclusive)."""
        return replace(self, layers=(*self.layers, Layer(first, value, last)))


@dataclass(frozen=True)
class Heap:
    """A symbolic heap; changing it gives another one. Fields that stay are the same objects."""

    shape: Shape
    root: Term
    ents: LayeredFunction
    ptes: LayeredFunction
    kinds: LayeredFunction
    bases: LayeredFunction
    orders: LayeredFunction
    ats: tuple[LayeredFunction, ...]
    stack: tuple[Term, ...]
    depth: Term

    def ent(self, table: Value, slot: Value) -> Term:
        """Return what a slot of a directory holds."""
        return self.ents.read(page(table), terms.bits(slot, SLOT_BITS))

    def pte(self, table: Value, slot: Value) -> Term:
        """Return what a slot of a leaf table holds."""
        return self.ptes.read(page(table), terms.bits(slot, SLOT_BITS))

    def kind(self, name: Value) -> Term:
        """Return what a page is."""
        return self.kinds.read(page(name))

    def base(self, table: Value) -> Term:
        """Return the region that a live table covers."""
        return self.bases.read(page(table))

    def order(self, name: Value) -> Term:
        """Return the order with which a page was taken."""
        return self.orders.read(page(name))

    def at(self, level: int, region: Value) -> Term:
        """Return the table of ``level`` >= 1 that covers ``region``, if one does."""
        return self.ats[level - 1].read(terms.bits(region, self.shape.region_bits(level)))

    def with_kind(self, name: Value, kind: int) -> Heap:
        """Return the heap with another kind of one page."""
        return replace(
            self, kinds=self.kinds.write(page(name), value=terms.number(kind, KIND_BITS))
        )

    def havoc(self, *fields: str) -> Heap:
        """Return the heap with nothing known of ``fields``."""
        path = current()
        changed: dict[str, Any] = {}  # fields of several types, by name
        for name in fields:
            if name == "ats":
                changed[name] = tuple(
                    LayeredFunction(path.name(function.name.split(".")[0]), function.width)
                    for function in self.ats
                )
            elif name == "cache":
                changed["stack"], changed["depth"] = fresh_cache()
            else:
                old: LayeredFunction = getattr(self, name)
                changed[name] = LayeredFunction(path.name(old.name.split(".")[0]), old.width)
        return replace(self, **changed)


def page(name: Value) -> Term:
    """Return the name of a page as a term."""
    return terms.bits(name, PAGE_BITS)


def fresh_cache() -> tuple[tuple[Term, ...], Term]:
    """Return a memory cache of which nothing is known: its pages and how many there are."""
    path = current()
    stack = tuple(path.fresh("cached", PAGE_BITS) for _ in range(CACHE_SLOTS))
    return stack, path.fresh("depth", 3)


def fresh_heap(shape: Shape) -> Heap:
    """Return a heap of which nothing is known."""
    path = current()
    width = max(1, shape.region_bits(shape.levels - 1))
    stack, depth = fresh_cache() if not shape.large else ((), path.fresh("depth", DEPTH_BITS))
    return Heap(
        shape,
        path.fresh("root", PAGE_BITS),
        LayeredFunction(path.name("ent"), PAGE_BITS),
        LayeredFunction(path.name("pte"), shape.entry.raw_bits),
        LayeredFunction(path.name("kind"), KIND_BITS),
        LayeredFunction(path.name("base"), width),
        LayeredFunction(path.name("order"), ORDER_BITS),
        tuple(LayeredFunction(path.name(f"at{k}"), PAGE_BITS) for k in range(1, shape.levels)),
        stack,
        depth,
    )
