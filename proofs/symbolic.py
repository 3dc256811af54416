# SPDX-License-Identifier: GPL-2.0-only
"""The symbolic runtime: every primitive states what it needs and changes the symbolic heap.

Implements ``impl.multilevel.interface.Runtime`` of the parts in ``proofs.runtime``; here are the
values and the loops. Contracts and the rule of loops over slots are ``proofs.specs``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Self

from impl.multilevel.interface import Frame
from impl.quirk import Quirk
from model.layout import Layout
from model.operations import Op
from proofs import terms
from proofs.contracts import Call, is_shared
from proofs.heap import PAGE_BITS, SLOT_BITS, Heap
from proofs.lifting import (
    Handle,
    Number,
    as_bits,
    as_plain,
    exact,
    lift_truth,
    lifted,
    truth_of,
    unsigned,
)
from proofs.paths import Path, PathEnd, Unsupported
from proofs.runtime.pages import Pages
from proofs.specs import (
    Specification,
    assume_effect,
    demand_invariant,
    loop_bound,
    prove_effect,
    slot_number,
)
from proofs.terms import Term, Truth, at_most, negate, same


@dataclass(frozen=True)
class OverBits:
    """An operation on the frames of a mask: what carries out its loop over the bits.

    ``within`` says whether all that the operation names lies within the reach.
    """

    op: Op
    within: Truth
    rule: Callable[[SymbolicRuntime, Term], Iterator[Number]]


@dataclass(frozen=True)
class Loops:
    """The invariants of loops: of those over slots by name, of the one over bits."""

    tables: Mapping[str, Specification] = field(default_factory=dict)
    bits: OverBits | None = None


NO_LOOPS = Loops()


class SymbolicRuntime(Pages):
    """Memory and environment of one path."""

    def __init__(
        self,
        path: Path,
        layout: Layout,
        heap: Heap,
        quirks: frozenset[Quirk] = frozenset(),
        loops: Loops = NO_LOOPS,
    ) -> None:
        super().__init__(path, layout, heap)
        self.quirks = quirks
        self.consulted: set[Quirk] = set()
        self.loops = loops

    def over_bits(self, bits: OverBits) -> Self:
        """Return the runtime of the same path that carries out a loop over bits so."""
        other = copy(self)
        other.loops = replace(self.loops, bits=bits)
        return other

    # Values

    def has(self, quirk: Quirk) -> bool:
        """Return whether ``quirk`` is switched on."""
        self.consulted.add(quirk)
        return quirk in self.quirks

    def ulong(self, value: Number) -> Number:
        """Return ``value`` as an ``unsigned long`` holds it."""
        if isinstance(value, int):
            return value & self.layout.word_mask
        width = self.layout.bits
        return exact(
            value.sized(width),
            0,
            min(value.hi, self.layout.word_mask) if value.lo >= 0 else self.layout.word_mask,
        )

    def ffs(self, mask: Number) -> Number:
        """Return the number of the lowest bit that is set."""
        return self._set_bit(mask, lowest=True)

    def fls(self, mask: Number) -> Number:
        """Return the number of the highest bit that is set."""
        return self._set_bit(mask, lowest=False)

    def _set_bit(self, mask: Number, lowest: bool) -> Number:
        value = lifted(mask).sized(64)
        found = self.path.fresh("bit", 6)
        number = terms.bits(found, 64)
        one = terms.number(1, 64)
        at = terms.shift_right(value, number)
        rest = (
            terms.bit_and(value, terms.subtract(terms.shift_left(one, number), one))
            if lowest
            else terms.shift_right(at, one)
        )
        self.path.assume(same(terms.extract(at, 0, 0), 1), same(rest, 0))
        return unsigned(found)

    # Loops

    def loop(self, frame: Frame) -> Iterator[Number]:
        """Carry out a loop over slots by its invariant: one arbitrary turn, or what follows."""
        spec = self.loops.tables.get(frame.loop)
        if spec is None:
            raise Unsupported(f"no invariant is known for the loop of {frame.loop}")
        path, state, old = self.path, self.state, self.heap
        call = self.call(frame.level, frame.table, frame.start, frame.end)
        first, last = (
            slot_number(as_bits(address, SLOT_BITS)) for address in (frame.first, frame.last)
        )
        demand_invariant(path, state)
        state.witness = path.fresh("W", self.shape.frame_bits)
        prove_effect(path, spec, old, state, call, truth_of(frame.result), first)
        path.settle()
        result = path.fresh("result", terms.BOOL)
        frame.result = as_plain(lift_truth(result))
        if path.choose(2):
            assume_effect(path, spec, old, state, call, result, loop_bound(first, last))
            path.check(f"after the loop of {frame.loop}")
            return
        index = path.fresh("i", SLOT_BITS)
        path.assume(at_most(first, index), at_most(index, last))
        assume_effect(path, spec, old, state, call, result, index)
        here = self.shape.frame_at(frame.level, call.region, index)
        path.point("frame", terms.bits(here, self.shape.frame_bits))
        path.check(f"in the loop of {frame.loop}")
        earlier = state.witness
        state.witness = here
        held = self.held()
        yield exact(index, 0, self.layout.tables[frame.level].entries - 1)
        path.prove("accounting", "a turn takes and gives back alike", held == self.held())
        after = truth_of(frame.result)
        state.witness = spec.explained(result, after, here, state.witness, earlier)
        following = terms.add(index, terms.number(1, SLOT_BITS))
        prove_effect(path, spec, old, state, call, after, following)
        raise PathEnd

    def call(self, level: int, table: Handle, start: Number, end: Number) -> Call:
        """Return what a call for a table, from ``start`` to ``end`` (bytes), means in frames."""
        shape = self.shape
        name = as_bits(table, PAGE_BITS)
        region = terms.low_bits(self.heap.base(name), shape.region_bits(level)) if level else 0
        live = negate(is_shared(level, name))
        low, high = (
            shape.offset(level, shape.frame_of(as_bits(address, shape.address_bits)))
            for address in (start, end)
        )
        return Call(level, name, region, low, high, live)

    def attempts(self) -> Iterator[None]:
        """Carry out a loop that only its body leaves: one arbitrary turn."""
        heap, held = self.heap, self.held()
        self.path.settle()
        self.others_act()
        self.path.check("in a loop of attempts")
        yield
        self.path.prove("accounting", "an attempt leaves nothing taken", held == self.held())
        self.path.prove("exact", "an attempt leaves the table alone", heap is self.heap)
        raise PathEnd

    def set_bits(self, mask: Number) -> Iterator[Number]:
        """Carry out a loop over the bits of a mask by its invariant."""
        if self.loops.bits is None:
            raise Unsupported("no invariant is known for a loop over bits")
        yield from self.loops.bits.rule(self, lifted(mask).sized(64))
