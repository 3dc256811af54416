# SPDX-License-Identifier: GPL-2.0-only
"""Values of C: integers of declared width, addresses, records by value, and the variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from proofs import terms
from proofs.c import types
from proofs.c.types import CType
from proofs.paths import Unsupported
from proofs.terms import Term, Truth, both, choose, either, less, negate, same


@dataclass(frozen=True)
class Int:
    """An integer of its type's width."""

    term: Term
    type: types.Integer


class Block(Protocol):
    """An object in memory; pointers point into blocks."""

    def load(self, at: Ptr, kind: CType) -> Value:
        """Return what is there."""
        ...

    def store(self, at: Ptr, kind: CType, value: Value) -> None:
        """Change what is there."""
        ...

    def is_null(self) -> Truth:
        """Return whether there is no object: the address of its beginning is 0."""
        ...

    def is_same(self, other: Block) -> Truth:
        """Return whether both are one object."""
        ...

    @property
    def alignment(self) -> int:
        """Return a power of two that divides the address of the beginning."""
        ...


@dataclass(frozen=True)
class Ptr:
    """A pointer: byte ``offset`` of element ``index`` (of ``unit`` bytes each) of a block.

    Without a block it is NULL or an invented address, which ``index`` gives. ``count`` is the
    number of elements of the array that it points into, 0 where that is all there is room for.
    """

    block: Block | None
    index: Term
    unit: int
    offset: int
    to: CType
    count: int = 0

    def cast(self, to: CType) -> Ptr:
        """Return the same address for something of another type."""
        return self if to is self.to else replace(self, to=to)


@dataclass(frozen=True)
class Address:
    """An integer that is an address."""

    pointer: Ptr
    type: types.Integer


@dataclass(frozen=True)
class Callee:
    """The address of a function; all that can be done with it is to call it."""

    name: str


class OpaqueNumber:
    """An integer of which a few operations only are known; ``binary`` says which."""

    def binary(self, op: str, other: Value, reverse: bool) -> Value | None:
        """Return the result of an operation, None where none is known."""
        raise NotImplementedError


@dataclass(frozen=True)
class Aggregate:
    """A record or an array by value: its scalars by offset (bytes)."""

    type: CType
    leaves: Mapping[int, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Missing:
    """What a variable holds that was not written, or of which a loop keeps nothing."""

    lost: bool


Value = Any
"""What an expression of C has for a value. The compiler's types say which kind it is, which mypy
cannot know; code that can meet more than one kind asks, and refuses what it does not expect.

An Int, Ptr, Address, Callee, OpaqueNumber, Aggregate, Missing, or None for no value."""

UNWRITTEN = Missing(lost=False)
LOST = Missing(lost=True)


class Cell:
    """A variable: its scalars by offset (bytes). ``escaped`` once its address was taken.

    ``ended`` once the call is over that it belongs to.
    """

    def __init__(self, name: str, kind: CType) -> None:
        self.name = name
        self.type = kind
        self.leaves: dict[int, Value] = {}
        self.escaped = False
        self.ended = False

    alignment = 1

    def load(self, at: Ptr, kind: CType) -> Value:
        """Return what is at an offset of the variable."""
        if at.index.op != "number":
            return self._choose(at, kind)
        return self.read(at.index.data * at.unit + at.offset, kind)

    def read(self, offset: int, kind: CType) -> Value:
        """Return what is at ``offset`` (bytes)."""
        if isinstance(kind, types.Record | types.Array):
            inside = {
                where - offset: leaf
                for where, leaf in self.leaves.items()
                if offset <= where < offset + kind.size
            }
            return Aggregate(kind, inside)
        return retyped(self.leaves.get(offset, UNWRITTEN), kind, self.name)

    def _choose(self, at: Ptr, kind: CType) -> Value:
        found: Value = None
        for number in self._elements(at):
            value = self.read(number * at.unit + at.offset, kind)
            here = same(at.index, number)
            found = value if found is None else merged(here, value, found)
        return found

    def _elements(self, at: Ptr) -> range:
        count = self.count(at)
        if count > 64:
            raise Unsupported(f"{self.name} is a large array")
        return range(count)

    def count(self, at: Ptr) -> int:
        """Return of how many elements one is chosen by a pointer's index."""
        return at.count or (self.type.size - at.offset) // at.unit

    def store(self, at: Ptr, kind: CType, value: Value) -> None:
        """Change what is at an offset of the variable."""
        if at.index.op == "number":
            self.write(at.index.data * at.unit + at.offset, value, kind)
            return
        for number in self._elements(at):
            where = number * at.unit + at.offset
            old = self.read(where, kind)
            self.write(where, merged(same(at.index, number), value, old), kind)

    def write(self, offset: int, value: Value, kind: CType) -> None:
        """Change what is at ``offset`` (bytes)."""
        if not 0 <= offset <= self.type.size - kind.size:
            raise Unsupported(f"a store beyond {self.name}")
        if any(where < offset < where + _bytes(leaf) for where, leaf in self.leaves.items()):
            raise Unsupported(f"a part of a number in {self.name} is changed")
        for where in [start for start in self.leaves if offset <= start < offset + kind.size]:
            del self.leaves[where]
        if isinstance(value, Aggregate):
            for where, leaf in value.leaves.items():
                self.leaves[offset + where] = leaf
        else:
            self.leaves[offset] = value

    def forget(self) -> None:
        """Hold nothing that is known any more."""
        self.leaves = dict.fromkeys(self.leaves, LOST)

    def is_null(self) -> Truth:
        """A variable has an address."""
        return False

    def is_same(self, other: Block) -> Truth:
        """Variables are different objects."""
        return self is other


def _bytes(leaf: Value) -> int:
    """Return the size of a scalar in a variable."""
    if isinstance(leaf, Int | Address):
        return leaf.type.size
    return leaf.index.width // 8 if isinstance(leaf, Ptr) else 1


def retyped(value: Value, kind: CType, name: str) -> Value:
    """Return a scalar as another type of its size sees it."""
    match value, kind:
        case Int(), types.Integer():
            if value.type == kind:
                return value
            if value.type.width == kind.width:
                return Int(value.term, kind)
        case Address(), types.Integer():
            if value.type.size == kind.size:
                return Address(value.pointer, kind)
        case Ptr(), types.Pointer():
            return value.cast(kind.to)
        case Missing(), _:
            return value
        case OpaqueNumber(), types.Integer():
            return value
        case Callee(), types.Pointer():
            return value
        case Ptr(), types.Integer():
            if kind.width == value.index.width:
                return Address(value, kind)
        case Address(), types.Pointer():
            return value.pointer.cast(kind.to)
    raise Unsupported(f"{name} is read as another type than it was written as")


def merged(condition: Truth, yes: Value, no: Value) -> Value:
    """Return ``yes`` where the condition holds, else ``no``.

    Raises Unsupported where that is no single value.
    """
    if yes is no or yes == no:
        return yes
    match yes, no:
        case Int(), Int():
            if yes.type.width == no.type.width:
                return Int(choose(condition, yes.term, no.term), yes.type)
        case Ptr(), Ptr():
            alike = yes.block is no.block and yes.unit == no.unit and yes.offset == no.offset
            if alike and yes.count == no.count:
                return replace(yes, index=choose(condition, yes.index, no.index))
        case Aggregate(), Aggregate():
            if yes.leaves.keys() == no.leaves.keys():
                leaves = {
                    where: merged(condition, leaf, no.leaves[where])
                    for where, leaf in yes.leaves.items()
                }
                return Aggregate(yes.type, leaves)
    raise Unsupported("two values of different kinds are merged")


# Integers


def int_of(value: int, kind: types.Integer) -> Int:
    """Return a constant."""
    return Int(terms.number(value, kind.width), kind)


def truth_int(value: Truth, kind: types.Integer) -> Int:
    """Return 1 for true, 0 for false."""
    return Int(
        choose(terms.truth(value), terms.number(1, kind.width), terms.number(0, kind.width)), kind
    )


def is_true(value: Value) -> Truth:
    """Return whether a scalar is not 0."""
    match value:
        case Int():
            return negate(same(value.term, 0))
        case Ptr():
            return negate(is_null(value))
        case Address():
            return negate(is_null(value.pointer))
        case Missing():
            raise Unsupported("a value that a loop does not keep is looked at")
    raise Unsupported("the truth of a value that is no number")


def is_null(pointer: Ptr) -> Truth:
    """Return whether a pointer is NULL."""
    start = both(same(pointer.index, 0), pointer.offset == 0)
    if pointer.block is None:
        return start
    return both(pointer.block.is_null(), start)


def converted(value: Int, kind: types.Integer) -> Int:
    """Return an integer as another type: cut off, or filled up by its own signedness."""
    if value.type == kind:
        return value
    if kind.boolean:
        return truth_int(is_true(value), kind)
    width = value.term.width
    if width >= kind.width:
        return Int(terms.extract(value.term, kind.width - 1, 0), kind)
    if not value.type.signed:
        return Int(terms.bits(value.term, kind.width), kind)
    return Int(sign_extended(value.term, kind.width), kind)


def sign_extended(term: Term, width: int) -> Term:
    """Return a term filled up with copies of its highest bit."""
    sign = terms.extract(term, term.width - 1, term.width - 1)
    if sign.op == "number":
        fill = terms.number(-sign.data, width - term.width)
    else:
        fill = choose(
            same(sign, 1),
            terms.number(-1, width - term.width),
            terms.number(0, width - term.width),
        )
    return terms.concat(fill, term)


def below(left: Term, right: Term, signed: bool) -> Truth:
    """Return whether one number is below the other."""
    if not signed:
        return less(left, right)
    top = left.width - 1
    a, b = (same(terms.extract(term, top, top), 1) for term in (left, right))
    return either(both(a, negate(b)), both(terms.agree(a, b), less(left, right)))


def shifted(value: Int, amount: Term, op: str) -> Term:
    """Return a shift by an amount of the value's width, which is below the width."""
    if op == "<<":
        if amount.op == "number":
            return terms.multiply(value.term, 1 << amount.data)
        return terms.shift_left(value.term, amount)
    if not value.type.signed:
        return terms.shift_right(value.term, amount)
    width = value.term.width
    sign = same(terms.extract(value.term, width - 1, width - 1), 1)
    if sign is terms.FALSE:
        return terms.shift_right(value.term, amount)
    flipped = terms.bit_xor(value.term, terms.number(-1, width))
    back = terms.bit_xor(terms.shift_right(flipped, amount), terms.number(-1, width))
    return choose(sign, back, terms.shift_right(value.term, amount))
