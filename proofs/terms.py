# SPDX-License-Identifier: GPL-2.0-only
"""Terms over booleans, bit-vectors and uninterpreted functions, shared and simplified when built.

A term is what every solver is given and what a model is evaluated on, so nothing here depends
on a solver. The connectives also take Python's booleans and integers and then compute: one
predicate serves the solver and a concrete heap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

BOOL = 0
"""The width of a boolean term; bit-vectors have their number of bits."""


class Term:
    """One node; equal nodes are the same object. ``data`` is a constant's or a name's value."""

    __slots__ = ("args", "data", "op", "uid", "width")

    def __init__(self, op: str, width: int, args: tuple[Term, ...], data: Any, uid: int) -> None:
        self.op = op
        self.width = width
        self.args = args
        self.data = data
        self.uid = uid

    def __bool__(self) -> bool:
        raise TypeError("a term has no truth value; lift it")

    def __repr__(self) -> str:
        head = self.op if self.data is None else f"{self.op}:{self.data}"
        return f"({' '.join([head, *map(repr, self.args)])})"


Value = Term | int
"""A bit-vector term or a concrete integer."""
Truth = Term | bool
"""A boolean term or a concrete truth value."""

_terms: dict[tuple[Any, ...], Term] = {}


def _make(op: str, width: int, args: tuple[Term, ...] = (), data: Any = None) -> Term:
    key = (op, width, data, *[one.uid for one in args])
    found = _terms.get(key)
    if found is None:
        found = _terms[key] = Term(op, width, args, data, len(_terms))
    return found


TRUE = _make("true", BOOL)
FALSE = _make("false", BOOL)


def number(value: int, width: int) -> Term:
    """Return the constant ``value`` (taken modulo 2**width) of ``width`` > 0 bits."""
    return _make("number", width, (), value & ((1 << width) - 1))


def variable(name: str, width: int) -> Term:
    """Return the constant symbol ``name``."""
    return _make("variable", width, (), name)


def apply(name: str, width: int, *args: Term) -> Term:
    """Return uninterpreted function ``name``, of result width ``width``, at ``args``."""
    return _make("apply", width, args, name)


def truth(value: Truth) -> Term:
    """Return a boolean as a term."""
    if isinstance(value, Term):
        return value
    return TRUE if value else FALSE


# Connectives


def negate(value: Truth) -> Truth:
    """Return the negation."""
    if not isinstance(value, Term):
        return not value
    if value is TRUE or value is FALSE:
        return FALSE if value is TRUE else TRUE
    return value.args[0] if value.op == "not" else _make("not", BOOL, (value,))


def _combine(op: str, values: Iterable[Truth], unit: Term, zero: Term) -> Truth:
    kept: dict[int, Term] = {}
    concrete = True
    for value in values:
        if isinstance(value, Term):
            concrete = False
            for part in value.args if value.op == op else (value,):
                if part is zero:
                    return zero
                if part is not unit:
                    kept[part.uid] = part
        elif value is (zero is TRUE):
            return zero is TRUE
    if not kept:
        return (unit is TRUE) if concrete else unit
    for part in kept.values():
        if part.op == "not" and part.args[0].uid in kept:
            return zero
    if len(kept) == 1:
        return next(iter(kept.values()))
    return _make(op, BOOL, tuple(kept.values()))


def both(*values: Truth) -> Truth:
    """Return the conjunction; of nothing it is true."""
    return _combine("and", values, TRUE, FALSE)


def either(*values: Truth) -> Truth:
    """Return the disjunction; of nothing it is false."""
    return _combine("or", values, FALSE, TRUE)


def implies(premise: Truth, conclusion: Truth) -> Truth:
    """Return whether ``conclusion`` follows from ``premise``."""
    return either(negate(premise), conclusion)


def agree(one: Truth, other: Truth) -> Truth:
    """Return whether two truth values are the same."""
    if not isinstance(one, Term) and not isinstance(other, Term):
        return one == other
    a, b = truth(one), truth(other)
    for x, y in ((a, b), (b, a)):
        if x is TRUE:
            return y
        if x is FALSE:
            return negate(y)
    if a is b:
        return TRUE
    return _make("=", BOOL, (a, b))


def same(one: Value, other: Value) -> Truth:
    """Return whether two values of one width are equal; an integer takes the other's width."""
    if not isinstance(one, Term):
        if not isinstance(other, Term):
            return one == other
        one, other = other, one
    if not isinstance(other, Term):
        if not 0 <= other < 1 << one.width:
            return FALSE
        other = number(other, one.width)
    if one is other:
        return TRUE
    if one.op == "number":
        one, other = other, one
    if other.op == "number":
        return _same_as_number(one, other)
    if one.op == "concat" and other.op == "concat" and one.args[0].width == other.args[0].width:
        return both(*[same(a, b) for a, b in zip(one.args, other.args, strict=True)])
    return _make("=", BOOL, (one, other))


def _same_as_number(one: Term, other: Term) -> Truth:
    if one.op == "number":
        return FALSE
    if one.op == "concat":
        high, low = one.args
        return both(
            same(high, other.data >> low.width), same(low, other.data & ((1 << low.width) - 1))
        )
    if one.op == "ite" and any(arg.op == "number" for arg in one.args[1:]):
        condition, yes, no = one.args
        if yes.op == "number":
            return (
                either(condition, same(no, other))
                if yes is other
                else both(negate(condition), same(no, other))
            )
        return (
            either(negate(condition), same(yes, other))
            if no is other
            else both(condition, same(yes, other))
        )
    return _make("=", BOOL, (one, other))


def choose(condition: Truth, yes: Any, no: Any) -> Any:
    """Return ``yes`` where ``condition`` holds, else ``no``; both of one width or both truths."""
    if not isinstance(condition, Term):
        return yes if condition else no
    if condition is TRUE or yes is no:
        return yes
    if condition is FALSE:
        return no
    if isinstance(yes, bool) or isinstance(no, bool) or _width_of(yes, no) == BOOL:
        return both(implies(condition, yes), either(condition, no))
    width = _width_of(yes, no)
    yes, no = bits(yes, width), bits(no, width)
    if yes is no:
        return yes
    if condition.op == "not":
        condition, yes, no = condition.args[0], no, yes
    if yes.op == "ite" and yes.args[0] is condition:
        yes = yes.args[1]
    if no.op == "ite" and no.args[0] is condition:
        no = no.args[2]
    return _make("ite", width, (condition, yes, no))


def _width_of(*values: Value) -> int:
    for value in values:
        if isinstance(value, Term):
            return value.width
    raise TypeError("the width of integers alone is not known")


def bits(value: Value, width: int) -> Term:
    """Return ``value`` as exactly ``width`` bits, filled up with zeros; it must not be wider."""
    if not isinstance(value, Term):
        if not 0 <= value < 1 << width:
            raise ValueError(f"{value} does not fit into {width} bits")
        return number(value, width)
    if value.width == width:
        return value
    if value.width > width:
        raise ValueError(f"{value.width} bits do not fit into {width}")
    return concat(number(0, width - value.width), value)


# Bit-vectors


def concat(high: Term, low: Term) -> Term:
    """Return the bits of ``high`` above those of ``low``."""
    if high.op == "number" and low.op == "number":
        return number(high.data << low.width | low.data, high.width + low.width)
    if high.op == "extract" and low.op == "extract" and high.args[0] is low.args[0]:
        (top, bottom), (upper, lower) = high.data, low.data
        if bottom == upper + 1:
            return extract(high.args[0], top, lower)
    if high.op == "number" and low.op == "concat" and low.args[0].op == "number":
        return concat(concat(high, low.args[0]), low.args[1])
    if low.op == "concat" and high.op == "extract":
        joined = concat_extracts(high, low.args[0])
        if joined is not None:
            return concat(joined, low.args[1])
    return _make("concat", high.width + low.width, (high, low))


def concat_extracts(high: Term, low: Term) -> Term | None:
    """Return the two as one where they are neighbouring parts of one term, else None."""
    if high.op == "extract" and low.op == "extract" and high.args[0] is low.args[0]:
        (top, bottom), (upper, lower) = high.data, low.data
        if bottom == upper + 1:
            return extract(high.args[0], top, lower)
    return None


def extract(value: Term, high: int, low: int) -> Term:
    """Return bits ``high`` down to ``low`` (inclusive)."""
    if low == 0 and high == value.width - 1:
        return value
    if value.op == "number":
        return number(value.data >> low, high - low + 1)
    if value.op == "extract":
        return extract(value.args[0], value.data[1] + high, value.data[1] + low)
    if value.op == "concat":
        upper, lower = value.args
        if low >= lower.width:
            return extract(upper, high - lower.width, low - lower.width)
        if high < lower.width:
            return extract(lower, high, low)
        return concat(extract(upper, high - lower.width, 0), extract(lower, lower.width - 1, low))
    if value.op == "ite":
        chosen: Term = choose(
            value.args[0], extract(value.args[1], high, low), extract(value.args[2], high, low)
        )
        return chosen
    if value.op in ("bvand", "bvor", "bvxor"):
        one, other = (extract(arg, high, low) for arg in value.args)
        return _BITWISE[value.op](one, other)
    return _make("extract", high - low + 1, (value,), (high, low))


def low_bits(value: Value, width: int) -> Value:
    """Return the lowest ``width`` bits of a value."""
    if not isinstance(value, Term):
        return value & ((1 << width) - 1)
    return value if value.width <= width else extract(value, width - 1, 0)


def add(one: Term, other: Term) -> Term:
    """Return the sum modulo 2**width of two values of one width."""
    if other.op == "number":
        one, other = other, one
    if one.op == "number":
        if one.data == 0:
            return other
        if other.op == "number":
            return number(one.data + other.data, one.width)
        if other.op == "bvadd" and other.args[0].op == "number":
            return add(number(one.data + other.args[0].data, one.width), other.args[1])
    return _make("bvadd", one.width, (one, other))


def subtract(one: Term, other: Term) -> Term:
    """Return the difference modulo 2**width of two values of one width."""
    if other.op == "number":
        return add(number(-other.data, one.width), one)
    if one is other:
        return number(0, one.width)
    return _make("bvsub", one.width, (one, other))


def multiply(one: Term, factor: int) -> Term:
    """Return the product modulo 2**width with a constant."""
    if factor & (factor - 1) == 0 and factor:
        shift = factor.bit_length() - 1
        if not shift:
            return one
        if shift >= one.width:
            return number(0, one.width)
        return concat(extract(one, one.width - shift - 1, 0), number(0, shift))
    return _make("bvmul", one.width, (one, number(factor, one.width)))


def product(one: Term, other: Term) -> Term:
    """Return the product modulo 2**width of two values of one width."""
    if one.op == "number":
        one, other = other, one
    if other.op == "number":
        if one.op == "number" or other.data == 0:
            return number(other.data and one.data * other.data, one.width)
        return multiply(one, other.data)
    return _make("bvmul", one.width, (one, other))


def quotient(one: Term, other: Term) -> Term:
    """Return the quotient, rounded down, of two values of one width; the other is not 0."""
    if other.op == "number" and other.data and other.data & (other.data - 1) == 0:
        return shift_right(one, number(other.data.bit_length() - 1, one.width))
    if one.op == "number" and other.op == "number" and other.data:
        return number(one.data // other.data, one.width)
    return _make("bvudiv", one.width, (one, other))


def remainder(one: Term, other: Term) -> Term:
    """Return the remainder of the quotient of two values of one width; the other is not 0."""
    if other.op == "number" and other.data and other.data & (other.data - 1) == 0:
        return bit_and(one, number(other.data - 1, one.width))
    if one.op == "number" and other.op == "number" and other.data:
        return number(one.data % other.data, one.width)
    return _make("bvurem", one.width, (one, other))


def shift_right(one: Term, other: Term) -> Term:
    """Return ``one`` shifted down by ``other`` bits (a value of the same width), zero-filled."""
    if other.op == "number":
        if other.data >= one.width:
            return number(0, one.width)
        return bits(extract(one, one.width - 1, other.data), one.width)
    return _make("bvlshr", one.width, (one, other))


def shift_left(one: Term, other: Term) -> Term:
    """Return ``one`` shifted up by ``other`` bits modulo 2**width."""
    return _make("bvshl", one.width, (one, other))


def bit_and(one: Term, other: Term) -> Term:
    """Return the bitwise conjunction."""
    if one.op == "number":
        one, other = other, one
    if other.op == "number":
        if one.op == "number":
            return number(one.data & other.data, one.width)
        if other.data == 0:
            return other
        if other.data == (1 << one.width) - 1:
            return one
        return _masked(one, other.data)
    return one if one is other else _make("bvand", one.width, (one, other))


def _masked(one: Term, mask: int) -> Term:
    """Return ``one`` where ``mask`` has ones, as a concatenation of its parts and zeros."""
    parts: list[Term] = []
    position = 0
    while position < one.width:
        value = mask >> position & 1
        end = position
        while end + 1 < one.width and mask >> (end + 1) & 1 == value:
            end += 1
        part = extract(one, end, position) if value else number(0, end - position + 1)
        parts.insert(0, part)
        position = end + 1
    result = parts[-1]
    for part in reversed(parts[:-1]):
        result = concat(part, result)
    return result


def bit_or(one: Term, other: Term) -> Term:
    """Return the bitwise disjunction."""
    if one.op == "number":
        one, other = other, one
    if other.op == "number":
        if one.op == "number":
            return number(one.data | other.data, one.width)
        return _with_ones(one, other.data)
    return one if one is other else _make("bvor", one.width, (one, other))


def _with_ones(one: Term, mask: int) -> Term:
    if mask == 0:
        return one
    parts: list[Term] = []
    position = 0
    while position < one.width:
        value = mask >> position & 1
        end = position
        while end + 1 < one.width and mask >> (end + 1) & 1 == value:
            end += 1
        width = end - position + 1
        parts.insert(0, number(-1, width) if value else extract(one, end, position))
        position = end + 1
    result = parts[-1]
    for part in reversed(parts[:-1]):
        result = concat(part, result)
    return result


def bit_xor(one: Term, other: Term) -> Term:
    """Return the bitwise exclusive disjunction."""
    if one.op == "number" and other.op == "number":
        return number(one.data ^ other.data, one.width)
    if one is other:
        return number(0, one.width)
    return _make("bvxor", one.width, (one, other))


_BITWISE: dict[str, Callable[[Term, Term], Term]] = {
    "bvand": bit_and,
    "bvor": bit_or,
    "bvxor": bit_xor,
}


def less(one: Value, other: Value) -> Truth:
    """Return whether one value is below the other, both not negative and of one width."""
    if not isinstance(one, Term) and not isinstance(other, Term):
        return one < other
    width = _width_of(one, other)
    if not isinstance(other, Term) and other >= 1 << width:
        return TRUE
    if not isinstance(one, Term) and one >= 1 << width:
        return FALSE
    a, b = bits(one, width), bits(other, width)
    if a is b or (b.op == "number" and b.data == 0):
        return FALSE
    if a.op == "number" and b.op == "number":
        return TRUE if a.data < b.data else FALSE
    if a.op == "concat" and b.op == "concat" and a.args[0] is b.args[0]:
        return less(a.args[1], b.args[1])
    if a.op == "number" and a.data == 0:
        return negate(same(b, 0))
    if b.op == "number" and b.data & (b.data - 1) == 0:
        return same(extract(a, width - 1, b.data.bit_length() - 1), 0)
    return _make("bvult", BOOL, (a, b))


def at_most(one: Value, other: Value) -> Truth:
    """Return whether one value is not above the other, both not negative and of one width."""
    return negate(less(other, one))
