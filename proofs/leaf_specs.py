# SPDX-License-Identifier: GPL-2.0-only
"""What functions on leaves of several sizes promise: removal of a table, walks over addresses.

Predicates at one arbitrary page or frame, as those of ``proofs.contracts``.
"""

from __future__ import annotations

from dataclasses import dataclass

from impl.gstage.interface import LeafOp
from model.entry import Entry
from model.leaf_map import aged, cleaned
from proofs import contracts, terms
from proofs.contracts import (
    Call,
    Done,
    Named,
    covered,
    entry_of,
    held,
    link_of,
    table_of,
)
from proofs.heap import Heap, View, empty_marker
from proofs.lifting import summary
from proofs.raw import RawFormat
from proofs.specs import Clause, Promised
from proofs.terms import (
    Term,
    Truth,
    Value,
    both,
    choose,
    implies,
    less,
    negate,
    same,
)

# Leaves as ranges of frames


def wide(heap: View, frame: Value) -> Term:
    """Return the number of a frame with a bit to spare, so that it can be compared with an end."""
    return terms.bits(frame, heap.shape.frame_bits + 1)


def first_of(heap: View, frame: Term) -> Term:
    """Return the first frame of the slot in which the walk to ``frame`` ends."""
    return _border(heap, frame, 0)


def end_of(heap: View, frame: Term) -> Term:
    """Return the frame behind the slot in which the walk to ``frame`` ends."""
    return _border(heap, frame, 1)


def _border(heap: View, frame: Term, more: int) -> Term:
    shape = heap.shape
    width = shape.frame_bits + 1
    found: Term | None = None
    for level in range(shape.levels):
        bits = shape.below(level + 1)
        high = terms.extract(frame, shape.frame_bits - 1, bits)
        number = terms.add(terms.bits(high, width - bits), terms.number(more, width - bits))
        here = terms.concat(number, terms.number(0, bits)) if bits else number
        found = here if found is None else choose(covered(heap, level, frame), here, found)
    assert found is not None
    return found


def touched(heap: View, frame: Term, start: Term, end: Term) -> Truth:
    """Return whether the slot in which the walk to ``frame`` ends has a frame of a range.

    The range is [``start``, ``end``).
    """
    return both(
        less(start, end), less(first_of(heap, frame), end), less(start, end_of(heap, frame))
    )


# What operations make of a leaf


def effect(op: LeafOp, entry: RawFormat, raw: Value) -> Term:
    """Return what the model says that an operation makes of the entry of a frame."""
    change = {LeafOp.CLEAR: _gone, LeafOp.WP: cleaned}.get(op, aged)

    def run() -> list[Truth | Term]:
        old = entry.decode(raw)
        return [entry.encode(None if old is None else change(old))]

    (found,) = summary(run)
    return terms.bits(found, entry.raw_bits)


def _gone(_: Entry) -> None:
    return None


def walked(old: View, new: View, op: LeafOp, frame: Term, start: Term, end: Term) -> Named:
    """The effect on a frame of an operation on every leaf that has a frame of [start, end)."""
    before = entry_of(old, frame)
    after = before
    if op is not LeafOp.TEST_YOUNG:
        hit = touched(old, frame, start, end)
        after = choose(hit, effect(op, old.shape.entry, before), before)
    return [("exactly the leaves of the range change", same(entry_of(new, frame), after))]


def had_to_change(old: View, op: LeafOp, frame: Term, start: Term, end: Term) -> Truth:
    """Return whether an operation on [start, end) changes the entry of a frame."""
    before = entry_of(old, frame)
    differs = negate(same(effect(op, old.shape.entry, before), before))
    return both(touched(old, frame, start, end), differs)


# The removal of a table


def cleared_frame(old: View, new: View, call: Call, frame: Value, upto: Done) -> Named:
    """The effect on a frame where the slots of a table are emptied; ``upto``: those below."""
    shape = old.shape
    hit = both(call.inside(shape, frame), call.before(shape, frame, upto))
    expected = choose(hit, 0, entry_of(old, frame))
    found: Named = [("exactly what the table maps vanishes", same(entry_of(new, frame), expected))]
    if call.level < shape.levels - 1:
        unlinked = same(link_of(new, call.level, frame), empty_marker(call.level))
        found.append(("no table is linked from a slot that is done", implies(hit, unlinked)))
    raw = held(new, call.level, frame)
    found.append(("no leaf is in a slot that is done", implies(hit, same(raw, 0))))
    for level in range(call.level):
        here = covered(old, level, frame)
        links = same(link_of(new, level, frame), link_of(old, level, frame))
        leaves = same(held(new, level, frame), held(old, level, frame))
        found.append((f"slots of level {level} stay", implies(here, both(links, leaves))))
    for level in range(call.level + 1, shape.levels):
        page = table_of(old, level, frame)
        kept = same(new.kind(page), old.kind(page))
        stays = implies(both(covered(old, level, frame), negate(hit)), kept)
        found.append((f"a table of level {level} elsewhere stays", stays))
    return found


@dataclass(frozen=True)
class Cleared:
    """The emptying of one table: all its leaves and all tables below it go."""

    leaf: int

    def modifies(self, level: int) -> tuple[str, ...]:
        """Return the fields of the heap that may change."""
        return ("ptes",) if level == self.leaf else ("ents", "ptes", "kinds")

    def frame(
        self, old: Heap, new: Heap, call: Call, result: Truth, at: Value, upto: Done
    ) -> list[Promised]:
        """Return what holds at any frame."""
        named = cleared_frame(old, new, call, at, upto)
        return [Promised(Clause.EXACT, statement, fact) for statement, fact in named]

    def page(self, old: Heap, new: Heap, call: Call, at: Value) -> list[Promised]:
        """Return what holds at any page."""
        named = contracts.flush_page(old, new, call, at)
        return [Promised(Clause.EXACT, statement, fact) for statement, fact in named]

    def witness(
        self, old: Heap, new: Heap, call: Call, result: Truth, at: Value, upto: Done
    ) -> list[Promised]:
        """Return nothing: the function has no result."""
        return []

    def explained(
        self, before: Truth, after: Truth, here: Value, below: Value, earlier: Value
    ) -> Value:
        """Return the witness, which stays."""
        return earlier
