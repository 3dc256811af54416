# SPDX-License-Identifier: GPL-2.0-only
"""What makes the node of each operator: values of Python are turned into terms, then rules apply.

Import these from ``proofs.terms``, with which the rules come.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast, overload

from proofs.nodes import BOOL, FALSE, FITTING, TRUE, Term, Truth, Value, make, number, truth

# Connectives


def negate(value: Truth) -> Truth:
    """Return the negation."""
    if not isinstance(value, Term):
        return not value
    for rewrite in FITTING["not", value.op]:
        made = rewrite(value)
        if made is not None:
            return made
    return make("not", BOOL, (value,))


def both(*values: Truth) -> Truth:
    """Return the conjunction; of nothing it is true."""
    return _combine("and", values, TRUE, FALSE)


def either(*values: Truth) -> Truth:
    """Return the disjunction; of nothing it is false."""
    return _combine("or", values, FALSE, TRUE)


def _combine(op: str, values: Iterable[Truth], unit: Term, zero: Term) -> Truth:
    # Of 'x and (y and z)' the parts are joined, each once, as if written 'x and y and z'.
    parts: dict[int, Term] = {}
    concrete = True
    for value in values:
        if isinstance(value, Term):
            concrete = False
            for part in value.args if value.op == op else (value,):
                if part is not unit:
                    parts[part.uid] = part
        elif value is (zero is TRUE):
            return zero if zero.uid in parts else value
    if concrete:
        return unit is TRUE
    for rewrite in FITTING[op,]:
        made = rewrite(parts, unit, zero)
        if made is not None:
            return made
    return make(op, BOOL, tuple(parts.values()))


def implies(premise: Truth, conclusion: Truth) -> Truth:
    """Return whether ``conclusion`` follows from ``premise``."""
    return either(negate(premise), conclusion)


def _binary(op: str, width: int, left: Term, right: Term) -> Term:
    for rewrite in FITTING[op, left.op, right.op]:
        made = rewrite(left, right)
        if made is not None:
            return made
    return make(op, width, (left, right))


def agree(left: Truth, right: Truth) -> Truth:
    """Return whether two truth values are the same."""
    if not isinstance(left, Term) and not isinstance(right, Term):
        return left == right
    a, b = truth(left), truth(right)
    for rewrite in FITTING["iff", a.op, b.op]:
        made = rewrite(a, b)
        if made is not None:
            return made
    return make("=", BOOL, (a, b))


def same(left: Value, right: Value) -> Truth:
    """Return whether two values of one width are equal; an integer takes the other's width."""
    if not isinstance(left, Term):
        if not isinstance(right, Term):
            return left == right
        left, right = right, left
    if not isinstance(right, Term):
        if not 0 <= right < 1 << left.width:
            return FALSE
        right = number(right, left.width)
    if left.op == "number":
        left, right = right, left
    return _binary("=", BOOL, left, right)


@overload
def choose(condition: Truth, yes: Term, no: Term) -> Term: ...


@overload
def choose(condition: Truth, yes: Truth, no: Truth) -> Truth: ...


@overload
def choose(condition: Truth, yes: Value, no: Value) -> Value: ...


def choose(condition: Truth, yes: Value, no: Value) -> Value:
    """Return ``yes`` where ``condition`` holds, else ``no``; both of one width or both truths."""
    if not isinstance(condition, Term):
        return yes if condition else no
    if condition is TRUE or yes is no:
        return yes
    if condition is FALSE:
        return no
    if isinstance(yes, bool) or isinstance(no, bool) or _width_of(yes, no) == BOOL:
        then, otherwise = cast(Truth, yes), cast(Truth, no)
        return both(implies(condition, then), either(condition, otherwise))
    width = _width_of(yes, no)
    return _ite(condition, bits(yes, width), bits(no, width))


def _ite(condition: Term, yes: Term, no: Term) -> Term:
    for rewrite in FITTING["ite", condition.op, yes.op, no.op]:
        made = rewrite(condition, yes, no)
        if made is not None:
            return made
    return make("ite", yes.width, (condition, yes, no))


def _width_of(*values: Value) -> int:
    for value in values:
        if isinstance(value, Term):
            return value.width
    raise TypeError("the width of integers alone is not known")


# Bit-vectors


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


def concat(high: Term, low: Term) -> Term:
    """Return the bits of ``high`` above those of ``low``."""
    return _binary("concat", high.width + low.width, high, low)


def extract(value: Term, high: int, low: int) -> Term:
    """Return bits ``high`` down to ``low`` (inclusive)."""
    for rewrite in FITTING["extract", value.op]:
        made = rewrite(value, high, low)
        if made is not None:
            return made
    return make("extract", high - low + 1, (value,), (high, low))


@overload
def low_bits(value: Term, width: int) -> Term: ...


@overload
def low_bits(value: Value, width: int) -> Value: ...


def low_bits(value: Value, width: int) -> Value:
    """Return the lowest ``width`` bits of a value."""
    if not isinstance(value, Term):
        return value & ((1 << width) - 1)
    return value if value.width <= width else extract(value, width - 1, 0)


def add(left: Term, right: Term) -> Term:
    """Return the sum modulo 2**width of two values of one width."""
    if right.op == "number":
        left, right = right, left
    return _binary("bvadd", left.width, left, right)


def subtract(left: Term, right: Term) -> Term:
    """Return the difference modulo 2**width of two values of one width."""
    return _binary("bvsub", left.width, left, right)


def multiply(term: Term, factor: int) -> Term:
    """Return the product modulo 2**width with a constant."""
    for rewrite in FITTING["times", term.op]:
        made = rewrite(term, factor)
        if made is not None:
            return made
    return make("bvmul", term.width, (term, number(factor, term.width)))


def product(left: Term, right: Term) -> Term:
    """Return the product modulo 2**width of two values of one width."""
    if left.op == "number":
        left, right = right, left
    return _binary("bvmul", left.width, left, right)


def quotient(left: Term, right: Term) -> Term:
    """Return the quotient, rounded down, of two values of one width; the other is not 0."""
    return _binary("bvudiv", left.width, left, right)


def remainder(left: Term, right: Term) -> Term:
    """Return the remainder of the quotient of two values of one width; the other is not 0."""
    return _binary("bvurem", left.width, left, right)


def shift_right(left: Term, right: Term) -> Term:
    """Return ``left`` shifted down by ``right`` bits (a value of the same width), zero-filled."""
    return _binary("bvlshr", left.width, left, right)


def shift_left(left: Term, right: Term) -> Term:
    """Return ``left`` shifted up by ``right`` bits modulo 2**width."""
    return make("bvshl", left.width, (left, right))


def bit_and(left: Term, right: Term) -> Term:
    """Return the bitwise conjunction."""
    if left.op == "number":
        left, right = right, left
    return _binary("bvand", left.width, left, right)


def bit_or(left: Term, right: Term) -> Term:
    """Return the bitwise disjunction."""
    if left.op == "number":
        left, right = right, left
    return _binary("bvor", left.width, left, right)


def bit_xor(left: Term, right: Term) -> Term:
    """Return the bitwise exclusive disjunction."""
    return _binary("bvxor", left.width, left, right)


def less(left: Value, right: Value) -> Truth:
    """Return whether one value is below the other, both not negative and of one width."""
    if not isinstance(left, Term) and not isinstance(right, Term):
        return left < right
    width = _width_of(left, right)
    if not isinstance(right, Term) and right >= 1 << width:
        return TRUE
    if not isinstance(left, Term) and left >= 1 << width:
        return FALSE
    return _binary("bvult", BOOL, bits(left, width), bits(right, width))


def at_most(left: Value, right: Value) -> Truth:
    """Return whether one value is not above the other, both not negative and of one width."""
    return negate(less(right, left))
