# SPDX-License-Identifier: GPL-2.0-only
"""Invariants, contracts and loop invariants of the page table, each stated once.

They are predicates at one arbitrary page or one arbitrary frame, over terms or concrete
integers: the solver proves them at a fresh symbol, the tests evaluate them everywhere on
concrete heaps. No front end is known here; functions and loops are known by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from proofs import terms
from proofs.heap import (
    CACHED,
    FREE,
    LIVE,
    LOOSE,
    SHARED,
    SLOT_BITS,
    Shape,
    View,
    empty_marker,
)
from proofs.terms import (
    Term,
    Truth,
    Value,
    agree,
    at_most,
    both,
    choose,
    either,
    implies,
    less,
    negate,
    same,
)

Named = list[tuple[str, Truth]]
"""Statements and whether they hold."""


# What the tree says of a frame


def table_of(heap: View, level: int, frame: Value) -> Value:
    """Return the table of ``level`` that the ghosts name for ``frame``."""
    return heap.root if level == 0 else heap.at(level, heap.shape.region(level, frame))


def link_of(heap: View, level: int, frame: Value) -> Value:
    """Return what the slot of ``frame`` in its directory of ``level`` holds."""
    return heap.ent(table_of(heap, level, frame), heap.shape.slot(level, frame))


def covered(heap: View, level: int, frame: Value) -> Truth:
    """Return whether a live table of ``level`` covers ``frame``."""
    if level == 0:
        return True
    table = table_of(heap, level, frame)
    region = heap.shape.region(level, frame)
    return both(same(heap.kind(table), LIVE + level), same(heap.base(table), _padded(heap, region)))


def _padded(heap: View, region: Value) -> Value:
    if not isinstance(region, Term):
        return region
    return terms.bits(region, max(1, heap.shape.region_bits(heap.shape.levels - 1)))


def entry_of(heap: View, frame: Value) -> Value:
    """Return M at ``frame``: the raw entry, 0 where there is none.

    Of a leaf that holds more frames it is the entry that a leaf of this frame alone would have.
    """
    leaf = heap.shape.levels - 1
    if heap.shape.large:
        return leaf_of(heap, frame)
    table = table_of(heap, leaf, frame)
    return choose(covered(heap, leaf, frame), heap.pte(table, heap.shape.slot(leaf, frame)), 0)


# Leaves of several sizes


def held(heap: View, level: int, frame: Value) -> Value:
    """Return the leaf in the slot of ``frame`` in its table of ``level``, 0 if there is none."""
    return heap.pte(table_of(heap, level, frame), heap.shape.slot(level, frame))


def leaf_of(heap: View, frame: Value) -> Value:
    """Return M at ``frame`` where slots of every level may hold leaves.

    The walk ends in the lowest table that covers the frame.
    """
    found: Value = own_leaf(heap, 0, frame)
    for level in range(1, heap.shape.levels):
        found = choose(covered(heap, level, frame), own_leaf(heap, level, frame), found)
    return found


def own_leaf(heap: View, level: int, frame: Value) -> Value:
    """Return the leaf in the slot of ``frame`` at ``level``, as one of this frame alone."""
    shape, raw = heap.shape, held(heap, level, frame)
    return choose(same(raw, 0), 0, shape.entry.for_page(raw, frame, shape.below(level + 1)))


def ends_at(heap: View, level: int, frame: Value) -> Truth:
    """Return whether the walk to ``frame`` ends in a table of ``level``."""
    if level == heap.shape.levels - 1:
        return covered(heap, level, frame)
    return both(covered(heap, level, frame), negate(covered(heap, level + 1, frame)))


def large_invariant(heap: View, frame: Value) -> Named:
    """What holds of the leaves in the tables that cover any frame."""
    shape = heap.shape
    found: Named = []
    for level in range(shape.levels):
        raw, here = held(heap, level, frame), covered(heap, level, frame)
        fits = shape.entry.aligned(raw, shape.below(level + 1))
        good = both(shape.entry.well_formed(raw), fits)
        found.append((f"a leaf of level {level} is absent or right", implies(here, good)))
        if level < shape.levels - 1:
            linked = negate(same(link_of(heap, level, frame), empty_marker(level)))
            apart = implies(both(here, linked), same(raw, 0))
            found.append((f"a slot of level {level} holds a leaf or a link, not both", apart))
    return found


# Invariant

ONE_ROOT = "only the root is a root"
"""The statement of the invariant that does not hold before there is a root."""


def page_invariant(heap: View, page: Value) -> Named:
    """What holds of every page between operations."""
    shape, kind = heap.shape, heap.kind(page)
    found: Named = [
        ("a page is of a known kind", at_most(kind, LIVE + shape.levels - 1)),
        (
            "only the kernel's empty tables are shared",
            agree(same(kind, SHARED), less(page, shape.levels)),
        ),
        (ONE_ROOT, agree(same(kind, LIVE), same(page, heap.root))),
        ("no page is taken and not linked", negate(same(kind, LOOSE))),
        (
            "the root keeps its order",
            implies(same(kind, LIVE), same(heap.order(page), shape.orders[0])),
        ),
    ]
    if heap.stack:
        found += [("the memory cache holds what is cached", fact) for fact in _cached(heap, page)]
    else:
        single = implies(same(kind, CACHED), same(heap.order(page), 0))
        found.append(("a cached page is a single one", single))
    for level in range(1, shape.levels):
        base = heap.base(page)
        within = terms.low_bits(base, shape.region_bits(level))
        here = both(
            same(heap.at(level, within), page),
            same(base, _padded(heap, within)),
            same(heap.order(page), shape.orders[level]),
        )
        found.append(
            (
                f"a table of level {level} is the one of its region",
                implies(same(kind, LIVE + level), here),
            )
        )
    return found


def _cached(heap: View, page: Value) -> list[Truth]:
    inside = [
        both(less(number, heap.depth), same(page, cached))
        for number, cached in enumerate(heap.stack)
    ]
    return [
        agree(same(heap.kind(page), CACHED), either(*inside)),
        implies(same(heap.kind(page), CACHED), same(heap.order(page), 0)),
    ]


def cache_invariant(heap: View) -> Named:
    """What holds of the memory cache."""
    if not heap.stack:
        return []
    distinct = [
        implies(less(j, heap.depth), negate(same(heap.stack[i], heap.stack[j])))
        for j in range(len(heap.stack))
        for i in range(j)
    ]
    held = [
        implies(less(i, heap.depth), both(same(heap.kind(page), CACHED), same(heap.order(page), 0)))
        for i, page in enumerate(heap.stack)
    ]
    return [
        ("the memory cache holds at most its capacity", at_most(heap.depth, len(heap.stack))),
        ("the memory cache holds no page twice", both(*distinct)),
        ("pages in the memory cache are cached", both(*held)),
    ]


def frame_invariant(heap: View, frame: Value) -> Named:
    """What holds of the tables that cover any frame, between operations."""
    shape = heap.shape
    leaf = shape.levels - 1
    found: Named = [("the root is live", same(heap.kind(heap.root), LIVE))]
    for level in range(1, shape.levels):
        table = table_of(heap, level, frame)
        linked = both(covered(heap, level - 1, frame), same(link_of(heap, level - 1, frame), table))
        found.append(
            (f"a table of level {level} is linked", implies(covered(heap, level, frame), linked))
        )
        link = link_of(heap, level - 1, frame)
        child = either(
            same(link, empty_marker(level - 1)),
            both(covered(heap, level, frame), same(link, table)),
        )
        found.append(
            (
                f"a slot of level {level - 1} is empty or links its table",
                implies(covered(heap, level - 1, frame), child),
            )
        )
    if shape.large:
        return found + large_invariant(heap, frame)
    table = table_of(heap, leaf, frame)
    raw = heap.pte(table, shape.slot(leaf, frame))
    found.append(
        (
            "an entry is absent or present",
            implies(covered(heap, leaf, frame), shape.entry.well_formed(raw)),
        )
    )
    return found


def chain_pages(heap: View, frame: Value) -> list[Value]:
    """Return the pages at which the invariant of a frame speaks of pages."""
    return [table_of(heap, level, frame) for level in range(1, heap.shape.levels)]


# Calls on a table of one level


@dataclass(frozen=True)
class From:
    """The slots from ``slot`` (inclusive) up: what a loop that goes down has done."""

    slot: Value


Done = Value | From | None
"""Which slots are done: those below a slot, those from one up, or (None) all."""


@dataclass(frozen=True)
class Call:
    """A call of a function for one table: ``low`` and ``high`` are frame offsets in the table.

    The function acts on the frames from ``low`` to ``high``, both inclusive, of the region
    ``region`` which the table covers; on none where ``low`` is above ``high``, and on none where
    the table is not ``live``, but the kernel's shared empty one.
    """

    level: int
    table: Value
    region: Value
    low: Value
    high: Value
    live: Truth = True

    def inside(self, shape: Shape, frame: Value) -> Truth:
        """Return whether the table covers ``frame``."""
        if self.level == 0:
            return True
        return both(self.live, same(shape.region(self.level, frame), self.region))

    def hits(self, shape: Shape, frame: Value) -> Truth:
        """Return whether the call acts on ``frame``."""
        offset = shape.offset(self.level, frame)
        return both(
            self.inside(shape, frame), at_most(self.low, offset), at_most(offset, self.high)
        )

    def first(self, shape: Shape) -> Value:
        """Return the slot of the first offset."""
        return _slot_of_offset(shape, self.level, self.low)

    def last(self, shape: Shape) -> Value:
        """Return the slot of the last offset."""
        return _slot_of_offset(shape, self.level, self.high)

    def all_slots(self, shape: Shape) -> Truth:
        """Return whether the offsets lie in the table's first and its last slot."""
        top = (1 << shape.entry_bits[self.level]) - 1
        return both(same(self.first(shape), 0), same(self.last(shape), top))

    def all_frames(self, shape: Shape) -> Truth:
        """Return whether the call acts on every frame of the table."""
        return both(same(self.low, 0), same(self.high, (1 << shape.below(self.level)) - 1))

    def before(self, shape: Shape, frame: Value, done: Done) -> Truth:
        """Return whether ``frame`` lies in a slot that is done."""
        if done is None:
            return True
        chosen = shape.slot(self.level, frame)
        here = terms.bits(chosen, SLOT_BITS) if isinstance(chosen, Term) else chosen
        return at_most(done.slot, here) if isinstance(done, From) else less(here, done)


def _slot_of_offset(shape: Shape, level: int, offset: Value) -> Value:
    if not isinstance(offset, Term):
        return offset >> shape.below(level + 1)
    return terms.extract(offset, shape.below(level) - 1, shape.below(level + 1))


def is_shared(level: int, table: Value) -> Truth:
    """Return whether ``table`` is the kernel's shared empty table of ``level``."""
    return same(table, empty_marker(level - 1)) if level else False


def requires(heap: View, call: Call) -> Named:
    """What must hold where a function of one table is called, beside the invariant."""
    if call.level == 0:
        return [("the root is called for", same(call.table, heap.root))]
    live = same(heap.kind(call.table), LIVE + call.level)
    where = same(heap.base(call.table), _padded(heap, call.region))
    return [
        ("a live table, or the shared empty one, is called for", implies(call.live, live)),
        ("it covers its region", implies(call.live, where)),
    ]


# Flush


def flush_frame(old: View, new: View, call: Call, frame: Value, upto: Done) -> Named:
    """The effect of a flush on a frame; ``upto``: only the slots below have been flushed."""
    shape = old.shape
    hit = both(call.hits(shape, frame), call.before(shape, frame, upto))
    expected = choose(hit, 0, entry_of(old, frame))
    found: Named = [("exactly the range vanishes", same(entry_of(new, frame), expected))]
    for level in range(call.level):
        kept = same(link_of(new, level, frame), link_of(old, level, frame))
        found.append((f"slots of level {level} stay", implies(covered(old, level, frame), kept)))
    return found


def flush_page(old: View, new: View, call: Call, page: Value) -> Named:
    """The effect of a flush on a page."""
    below = both(same(new.kind(page), FREE), less(LIVE + call.level, old.kind(page)))
    stays = same(new.kind(page), old.kind(page))
    return [("only tables below are freed", either(stays, below))]


def flush_result(new: View, call: Call, result: Truth, frame: Value, upto: Done) -> Named:
    """What 'safe to remove' says, at any frame."""
    shape = new.shape
    empty = _slot_is_empty(new, call.level, frame)
    here = both(call.inside(shape, frame), call.before(shape, frame, upto))
    return [
        ("safe implies that the index range is full", implies(result, call.all_slots(shape))),
        ("safe implies that no slot is in use", implies(both(result, here), empty)),
        ("a full range is safe", implies(call.all_frames(shape), result)),
    ]


def flush_witness(new: View, call: Call, result: Truth, witness: Value, upto: Done) -> Named:
    """What 'not safe' says, of the witness: a frame below a slot that is in use."""
    shape = new.shape
    used = negate(_slot_is_empty(new, call.level, witness))
    here = both(call.inside(shape, witness), call.before(shape, witness, upto), used)
    return [
        (
            "not safe implies a slot in use",
            implies(both(negate(result), call.all_slots(shape)), here),
        )
    ]


def _slot_is_empty(heap: View, level: int, frame: Value) -> Truth:
    shape = heap.shape
    if level == shape.levels - 1:
        return same(entry_of(heap, frame), 0)
    return same(link_of(heap, level, frame), empty_marker(level))


# Range operations

Effect = Callable[[Value], Value]
"""What a range operation makes of a present raw entry."""


def range_frame(
    old: View, new: View, call: Call, effect: Effect, frame: Value, upto: Done
) -> Named:
    """The effect of a range operation on a frame."""
    shape = old.shape
    hit = both(call.hits(shape, frame), call.before(shape, frame, upto))
    before = entry_of(old, frame)
    after = choose(both(hit, shape.entry.present(before)), effect(before), before)
    return [("exactly the range is changed", same(entry_of(new, frame), after))]


def _had_to_change(old: View, call: Call, effect: Effect, frame: Value, upto: Done) -> Truth:
    before = entry_of(old, frame)
    hit = both(call.hits(old.shape, frame), call.before(old.shape, frame, upto))
    return both(hit, old.shape.entry.present(before), negate(same(effect(before), before)))


def range_result(
    old: View, call: Call, effect: Effect, result: Truth, frame: Value, upto: Done
) -> Named:
    """What 'nothing changed' says, at any frame."""
    changed = _had_to_change(old, call, effect, frame, upto)
    return [("false implies that nothing had to change", implies(changed, result))]


def range_witness(
    old: View, call: Call, effect: Effect, result: Truth, witness: Value, upto: Done
) -> Named:
    """What 'something changed' says, of the witness: a frame whose entry had to change."""
    changed = _had_to_change(old, call, effect, witness, upto)
    return [("true implies that something had to change", implies(result, changed))]
