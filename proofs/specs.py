# SPDX-License-Identifier: GPL-2.0-only
"""The rules by which a call is replaced by its contract and a loop by its invariant.

A specification binds the predicates of ``proofs.contracts`` to a kind of function; the rules
assume or prove them. Both rules know names only, not the language of the function.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, Protocol

from proofs import contracts, terms
from proofs.contracts import Call, Done, Effect, Named
from proofs.heap import PAGE_BITS, SLOT_BITS, Heap
from proofs.paths import Path
from proofs.terms import Term, Truth, Value

REMEMBERED = 4096
"""Instances of the invariant, of a heap at a point, that are remembered."""


class Clause(StrEnum):
    """The promises that a function of one table makes beside those that every function makes."""

    EXACT = "exact"
    RESULT = "result"


class Promised(NamedTuple):
    """What a specification says at one point, and the promise that it is part of."""

    clause: Clause
    statement: str
    holds: Truth


def _of(clause: Clause, named: Named) -> list[Promised]:
    return [Promised(clause, statement, fact) for statement, fact in named]


class Specification(Protocol):
    """What a function of one table promises; ``upto`` as in ``proofs.contracts``."""

    def modifies(self, level: int) -> tuple[str, ...]:
        """Return the fields of the heap that may change."""
        ...

    def frame(
        self, old: Heap, new: Heap, call: Call, result: Truth, at: Value, upto: Done
    ) -> list[Promised]:
        """Return what holds at any frame."""
        ...

    def page(self, old: Heap, new: Heap, call: Call, at: Value) -> list[Promised]:
        """Return what holds at any page."""
        ...

    def witness(
        self, old: Heap, new: Heap, call: Call, result: Truth, at: Value, upto: Done
    ) -> list[Promised]:
        """Return what holds at the frame that explains the result."""
        ...

    def explained(
        self, before: Truth, after: Truth, here: Value, below: Value, earlier: Value
    ) -> Value:
        """Return the witness after a turn of the loop that changed the result thus.

        ``here`` is the first frame of the turn's slot, ``below`` the witness of the last call
        in the turn, ``earlier`` the witness before it.
        """
        ...


@dataclass(frozen=True)
class Flush:
    """The flush of one table."""

    leaf: int

    def modifies(self, level: int) -> tuple[str, ...]:
        """Return the fields of the heap that may change."""
        return ("ptes",) if level == self.leaf else ("ents", "ptes", "kinds")

    def frame(
        self, old: Heap, new: Heap, call: Call, result: Truth, at: Value, upto: Done
    ) -> list[Promised]:
        """Return what holds at any frame."""
        effect = contracts.flush_frame(old, new, call, at, upto)
        answer = contracts.flush_result(new, call, result, at, upto)
        return _of(Clause.EXACT, effect) + _of(Clause.RESULT, answer)

    def page(self, old: Heap, new: Heap, call: Call, at: Value) -> list[Promised]:
        """Return what holds at any page."""
        return _of(Clause.EXACT, contracts.flush_page(old, new, call, at))

    def witness(
        self, old: Heap, new: Heap, call: Call, result: Truth, at: Value, upto: Done
    ) -> list[Promised]:
        """Return what holds at the frame that explains 'not safe'."""
        return _of(Clause.RESULT, contracts.flush_witness(new, call, result, at, upto))

    def explained(
        self, before: Truth, after: Truth, here: Value, below: Value, earlier: Value
    ) -> Value:
        """Return the witness: this slot where 'safe' became 'not safe'."""
        return terms.choose(terms.both(before, terms.negate(after)), here, earlier)


@dataclass(frozen=True)
class Range:
    """A change of entries of one table over a range, and the test of young entries."""

    effect: Effect
    writes: bool

    def modifies(self, level: int) -> tuple[str, ...]:
        """Return the fields of the heap that may change."""
        return ("ptes",) if self.writes else ()

    def frame(
        self, old: Heap, new: Heap, call: Call, result: Truth, at: Value, upto: Done
    ) -> list[Promised]:
        """Return what holds at any frame."""
        answer = contracts.range_result(old, call, self.effect, result, at, upto)
        promised = _of(Clause.RESULT, answer)
        if self.writes:
            effect = contracts.range_frame(old, new, call, self.effect, at, upto)
            promised += _of(Clause.EXACT, effect)
        return promised

    def page(self, old: Heap, new: Heap, call: Call, at: Value) -> list[Promised]:
        """Return what holds at any page."""
        return []

    def witness(
        self, old: Heap, new: Heap, call: Call, result: Truth, at: Value, upto: Done
    ) -> list[Promised]:
        """Return what holds at the frame that explains 'changed'."""
        named = contracts.range_witness(old, call, self.effect, result, at, upto)
        return _of(Clause.RESULT, named)

    def explained(
        self, before: Truth, after: Truth, here: Value, below: Value, earlier: Value
    ) -> Value:
        """Return the witness: that of the call where 'unchanged' became 'changed'."""
        return terms.choose(terms.both(terms.negate(before), after), below, earlier)


# The invariant


def assume_invariant(path: Path, heap: Heap) -> None:
    """Take for granted that the invariant holds of ``heap``, at every page and frame."""
    path.everywhere("page", lambda at: _page_facts(heap, at))
    path.everywhere("frame", lambda at: _frame_facts(heap, at))
    path.assume(*[fact for _, fact in contracts.cache_invariant(heap)])


# The paths of a lemma begin with the same heap, and name the same points of it.
@lru_cache(REMEMBERED)
def _page_facts(heap: Heap, at: Value) -> tuple[Truth, ...]:
    return tuple(fact for _, fact in contracts.page_invariant(heap, at))


@lru_cache(REMEMBERED)
def _frame_facts(heap: Heap, at: Term) -> tuple[Truth, ...]:
    found = [fact for _, fact in contracts.frame_invariant(heap, at)]
    for page in contracts.chain_pages(heap, at):
        found += _page_facts(heap, page)
    return tuple(found)


def prove_invariant(
    path: Path, heap: Heap, points: tuple[Term, Term] | None = None, clause: str = "invariant"
) -> None:
    """Demand the invariant of ``heap``, at an arbitrary page and an arbitrary frame."""
    page, frame = points or goal_points(path, heap)
    for statement, fact in contracts.page_invariant(heap, page):
        path.prove(clause, statement, fact)
    for statement, fact in contracts.frame_invariant(heap, frame):
        path.prove(clause, statement, fact)
    for statement, fact in contracts.cache_invariant(heap):
        path.prove(clause, statement, fact)


def goal_points(path: Path, heap: Heap) -> tuple[Term, Term]:
    """Return an arbitrary page and an arbitrary frame, at which hypotheses are instantiated too."""
    page = path.fresh("P", PAGE_BITS)
    frame = path.fresh("F", heap.shape.frame_bits)
    path.point("page", page, passing=True)
    path.point("frame", frame, passing=True)
    return page, frame


# The two rules


@dataclass
class State:
    """What the rules share with the runtime that uses them."""

    heap: Heap
    kept: Heap | None = None
    """The heap of which the invariant is known to hold."""
    witness: Value = 0


def demand_invariant(path: Path, state: State) -> None:
    """Demand the invariant of the present heap, unless it is known to hold."""
    if state.heap is not state.kept:
        prove_invariant(path, state.heap)
        state.kept = state.heap


def assume_effect(
    path: Path,
    spec: Specification,
    old: Heap,
    state: State,
    call: Call,
    result: Truth,
    upto: Done,
) -> None:
    """Change the heap as the specification allows, and assume of it what it promises."""
    level = call.level
    fields = spec.modifies(level)
    new = state.heap.havoc(*fields) if fields else state.heap
    shape = new.shape
    witness = path.fresh("W", shape.frame_bits)
    path.point("frame", witness)
    path.everywhere(
        "frame", lambda at: [part.holds for part in spec.frame(old, new, call, result, at, upto)]
    )
    path.everywhere("page", lambda at: [part.holds for part in spec.page(old, new, call, at)])
    path.everywhere(
        "frame",
        lambda at: [
            part.holds
            for page in contracts.chain_pages(new, at)
            for part in spec.page(old, new, call, page)
        ],
    )
    path.assume(*[part.holds for part in spec.witness(old, new, call, result, witness, upto)])
    if fields:
        assume_invariant(path, new)
    state.heap = state.kept = new
    state.witness = witness


def prove_rest(path: Path, old: Heap, new: Heap, allowed: tuple[str, ...]) -> None:
    """Demand that nothing of the heap changed but the fields ``allowed``."""
    for name in ("ents", "ptes", "kinds", "bases", "orders", "ats", "stack", "depth"):
        if name not in allowed:
            kept = getattr(old, name) == getattr(new, name)
            path.prove("exact", f"nothing but {', '.join(allowed) or 'nothing'} changes", kept)


def prove_effect(
    path: Path,
    spec: Specification,
    old: Heap,
    state: State,
    call: Call,
    result: Truth,
    upto: Done,
) -> None:
    """Demand of the present heap what the specification promises."""
    new = state.heap
    allowed = spec.modifies(call.level)
    prove_rest(path, old, new, allowed)
    page, frame = goal_points(path, new)
    witness = terms.bits(state.witness, new.shape.frame_bits)
    promised = [
        *spec.frame(old, new, call, result, frame, upto),
        *spec.page(old, new, call, page),
        *spec.witness(old, new, call, result, witness, upto),
    ]
    for clause, statement, fact in promised:
        path.prove(clause.value, statement, fact)
    if new is not state.kept:
        prove_invariant(path, new, (page, frame))


def contract_rule(path: Path, spec: Specification, state: State, call: Call) -> Term:
    """Replace a call by its contract; returns the result."""
    for statement, fact in contracts.requires(state.heap, call):
        path.prove("memory", statement, fact)
    demand_invariant(path, state)
    path.settle()
    result = path.fresh("result", terms.BOOL)
    assume_effect(path, spec, state.heap, state, call, result, None)
    path.check("contract")
    return result


def slot_number(value: Term) -> Term:
    """Return the number of a slot, or one more than the last, as the specification takes it."""
    return terms.bits(value, SLOT_BITS)


def loop_bound(first: Term, last: Term) -> Term:
    """Return the slot up to which a loop from ``first`` to ``last`` (inclusive) has come."""
    one = terms.number(1, SLOT_BITS)
    return terms.choose(terms.at_most(first, last), terms.add(last, one), first)
