# SPDX-License-Identifier: GPL-2.0-only
"""Symbolic integers and truth values that ordinary Python computes with, exactly.

An integer knows its bounds and has as many bits as they need, so nothing wraps around unnoticed;
truncation is an operation of the runtime, as it is in C. A comparison gives a truth value whose
``bool()`` forks the path. ``int()``, ``hash()`` and use as an index raise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn, cast, overload

from proofs import terms
from proofs.paths import Unsupported, current, merged
from proofs.terms import Term, Truth


class SymBool:
    """A truth value that is not known."""

    __slots__ = ("term",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, term: Term) -> None:
        self.term = term

    def __bool__(self) -> bool:
        return current().branch(self.term)

    def __and__(self, other: Flag) -> Flag:
        return lift_truth(terms.both(self.term, truth_only(other)))

    def __or__(self, other: Flag) -> Flag:
        return lift_truth(terms.either(self.term, truth_only(other)))

    __rand__ = __and__
    __ror__ = __or__

    # Python types == as bool; here it is a Flag, so that mypy can be told nothing of it.
    def __eq__(self, other: object) -> Any:
        if isinstance(other, int | SymInt) and not isinstance(other, bool):
            return lifted(self) == other
        return lift_truth(terms.agree(self.term, truth_only(other)))

    def __ne__(self, other: object) -> Any:
        return lift_truth(terms.negate(truth_of(self == other)))


Flag = SymBool | bool
"""A truth value of the program: Python's own where it is known."""


def lift_truth(value: Truth) -> Flag:
    """Return a truth value for the program: Python's own where it is known."""
    if isinstance(value, Term):
        if value is terms.TRUE or value is terms.FALSE:
            return value is terms.TRUE
        return SymBool(value)
    return value


def truth_only(value: object) -> Truth:
    """Return the term of a truth value. Raises Unsupported for anything else."""
    if isinstance(value, SymBool):
        return value.term
    if isinstance(value, bool):
        return value
    raise Unsupported("a truth value is combined with something else")


def truth_of(value: Flag | Number) -> Truth:
    """Return the term of a program's truth value."""
    if isinstance(value, SymBool):
        return value.term
    if isinstance(value, SymInt):
        return terms.negate(terms.same(value.term, 0))
    return bool(value)


def _width(lo: int, hi: int) -> int:
    """Return the bits that hold ``lo`` to ``hi``, in two's complement where ``lo`` < 0."""
    if lo >= 0:
        return max(1, hi.bit_length())
    return 1 + max((-lo - 1).bit_length(), max(hi, 0).bit_length())


def _fit(term: Term, signed: bool, width: int) -> Term:
    """Return the term as ``width`` bits: cut off, or filled up with zeros or the sign."""
    if term.width >= width:
        return terms.extract(term, width - 1, 0)
    if not signed:
        return terms.bits(term, width)
    sign = terms.extract(term, term.width - 1, term.width - 1)
    while term.width < width:
        term = terms.concat(sign, term)
    return term


class SymInt:
    """An exact integer from ``lo`` to ``hi``; ``term`` has just the bits that the bounds need."""

    __slots__ = ("hi", "lo", "term")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, term: Term, lo: int, hi: int) -> None:
        self.lo = lo
        self.hi = hi
        self.term = term

    def _no(self, *_: object) -> NoReturn:
        raise Unsupported("a symbolic integer is used as a concrete one")

    __int__ = __index__ = __float__ = _no

    def __bool__(self) -> bool:
        return bool(self != 0)

    def sized(self, width: int) -> Term:
        """Return the value modulo 2**width."""
        return _fit(self.term, self.lo < 0, width)

    # Arithmetic

    def __add__(self, other: Operand) -> Number:
        other = lifted(other)
        lo, hi = self.lo + other.lo, self.hi + other.hi
        width = _width(lo, hi)
        return exact(terms.add(self.sized(width), other.sized(width)), lo, hi)

    def __sub__(self, other: Operand) -> Number:
        other = lifted(other)
        lo, hi = self.lo - other.hi, self.hi - other.lo
        width = _width(lo, hi)
        return exact(terms.subtract(self.sized(width), other.sized(width)), lo, hi)

    def __rsub__(self, other: Operand) -> Number:
        return lifted(other) - self

    def __neg__(self) -> Number:
        return lifted(0) - self

    def __mul__(self, other: int) -> Number:
        if not isinstance(other, int) or isinstance(other, bool) or other < 0:
            raise Unsupported("a product that is not with a constant")
        lo, hi = self.lo * other, self.hi * other
        return exact(terms.multiply(self.sized(_width(lo, hi)), other), lo, hi)

    __radd__ = __add__
    __rmul__ = __mul__

    def _power(self, divisor: object) -> int:
        if not isinstance(divisor, int) or divisor < 1 or divisor & (divisor - 1):
            raise Unsupported("division that is not by a power of two")
        return divisor.bit_length() - 1

    def __floordiv__(self, other: int) -> Number:
        shift = self._power(other)
        lo, hi = self.lo >> shift, self.hi >> shift
        if shift >= self.term.width:
            if lo < 0:
                raise Unsupported("a negative number is divided to nothing")
            return lo
        part = terms.extract(self.term, self.term.width - 1, shift)
        return exact(_fit(part, self.lo < 0, _width(lo, hi)), lo, hi)

    def __mod__(self, other: int) -> Number:
        shift = self._power(other)
        if shift == 0:
            return 0
        if self.lo >= 0 and self.hi < other:
            return self
        return exact(
            self.sized(shift), 0, min(other - 1, max(self.hi, 0)) if self.lo >= 0 else other - 1
        )

    def __rshift__(self, other: Number) -> Number:
        if isinstance(other, SymInt):
            if self.lo < 0 or other.lo < 0:
                raise Unsupported("a shift of or by a negative number")
            width = max(self.term.width, other.term.width)
            moved = terms.shift_right(self.sized(width), other.sized(width))
            return exact(_fit(moved, False, self.term.width), 0, self.hi)
        return self // (1 << other)

    def __lshift__(self, other: Number) -> Number:
        if isinstance(other, SymInt):
            raise Unsupported("a shift up by an unknown number of bits")
        return self * (1 << other)

    # Bits

    def __and__(self, other: Operand) -> Number:
        if isinstance(other, int) and other < 0 <= self.lo:
            return exact(terms.bit_and(self.term, terms.number(other, self.term.width)), 0, self.hi)
        other = lifted(other)
        if self.lo < 0 or other.lo < 0:
            raise Unsupported("a bitwise operation on a negative number")
        hi = min(self.hi, other.hi)
        width = _width(0, max(self.hi, other.hi))
        return exact(
            _fit(terms.bit_and(self.sized(width), other.sized(width)), False, _width(0, hi)), 0, hi
        )

    def __or__(self, other: Operand) -> Number:
        other = lifted(other)
        if self.lo < 0 or other.lo < 0:
            raise Unsupported("a bitwise operation on a negative number")
        width = _width(0, max(self.hi, other.hi))
        joined = terms.bit_or(self.sized(width), other.sized(width))
        return exact(joined, 0, (1 << width) - 1)

    def __xor__(self, other: Operand) -> Number:
        other = lifted(other)
        if self.lo < 0 or other.lo < 0:
            raise Unsupported("a bitwise operation on a negative number")
        width = _width(0, max(self.hi, other.hi))
        return exact(terms.bit_xor(self.sized(width), other.sized(width)), 0, (1 << width) - 1)

    __rand__ = __and__
    __ror__ = __or__
    __rxor__ = __xor__

    # Comparisons

    def __eq__(self, other: object) -> Any:
        if not isinstance(other, int | SymInt | SymBool):
            return False
        other = lifted(other)
        if self.hi < other.lo or other.hi < self.lo:
            return False
        width = _width(min(self.lo, other.lo), max(self.hi, other.hi))
        return lift_truth(terms.same(self.sized(width), other.sized(width)))

    def __ne__(self, other: object) -> Any:
        equal = self.__eq__(other)
        return lift_truth(terms.negate(truth_of(equal)))

    def __lt__(self, other: Operand) -> Flag:
        other = lifted(other)
        if self.hi < other.lo:
            return True
        if self.lo >= other.hi:
            return False
        lo = min(self.lo, other.lo)
        width = _width(lo, max(self.hi, other.hi))
        one, two = self.sized(width), other.sized(width)
        if lo < 0:
            sign = terms.number(1 << (width - 1), width)
            one, two = terms.add(one, sign), terms.add(two, sign)
        return lift_truth(terms.less(one, two))

    def __gt__(self, other: Operand) -> Flag:
        return lifted(other) < self

    def __le__(self, other: Operand) -> Flag:
        return lift_truth(terms.negate(truth_of(lifted(other) < self)))

    def __ge__(self, other: Operand) -> Flag:
        return lift_truth(terms.negate(truth_of(self < other)))


Number = SymInt | int
"""An integer of the program: Python's own where it is known."""
Operand = SymInt | SymBool | int
"""What a symbolic integer is combined with: a truth value counts as 0 or 1, as in Python."""


def lifted(value: object) -> SymInt:
    """Return an integer or truth value of the program as a symbolic integer."""
    if isinstance(value, SymInt):
        return value
    if isinstance(value, SymBool):
        return SymInt(terms.choose(value.term, terms.number(1, 1), terms.number(0, 1)), 0, 1)
    if isinstance(value, int):
        number = int(value)
        return SymInt(terms.number(number, _width(number, number)), number, number)
    raise Unsupported(f"a number was expected, not {type(value).__name__}")


def exact(term: Term, lo: int, hi: int) -> Number:
    """Return a value for the program: Python's own integer where the term is a constant."""
    width = _width(lo, hi)
    term = term if term.width == width else _fit(term, lo < 0, width)
    if term.op == "number":
        value = int(term.data)
        return value - (1 << width) if lo < 0 and value >> (width - 1) else value
    return SymInt(term, lo, hi)


def unsigned(term: Term) -> Number:
    """Return a bit-vector as the exact integer that it stands for."""
    return exact(term, 0, (1 << term.width) - 1)


class Name:
    """The name of a page, a PFN or a raw entry: the program may copy and compare it only."""

    __slots__ = ("term",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, term: Term) -> None:
        self.term = term

    def __bool__(self) -> bool:
        return bool(self != 0)

    def __eq__(self, other: object) -> Any:
        if isinstance(other, Name | int):
            return lift_truth(
                terms.same(self.term, other.term if isinstance(other, Name) else other)
            )
        return False

    def __ne__(self, other: object) -> Any:
        return lift_truth(terms.negate(truth_of(self == other)))

    def _no(self, *_: object) -> NoReturn:
        raise Unsupported("a name is used as a number")

    __int__ = __index__ = __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __mod__ = _no
    __floordiv__ = __and__ = __or__ = __lt__ = __le__ = __gt__ = __ge__ = __rshift__ = _no


Handle = Name | int
"""The name of a page, a PFN or a raw entry: Python's own integer where it is known."""


@overload
def as_plain(value: Flag) -> bool: ...


@overload
def as_plain(value: Number | Handle) -> int: ...


def as_plain(value: Flag | Number | Handle) -> int:
    """Return ``value`` itself, for text that is typed for plain integers and truth values.

    The model and the algorithm are such text, and are run on lifted values as they stand.
    """
    return cast(int, value)


def as_bits(value: Number | Handle, width: int) -> Term:
    """Return a program's integer as ``width`` bits. Raises Unsupported where it may not fit."""
    if isinstance(value, Name):
        if value.term.width != width:
            raise Unsupported("a name is used in the place of another kind of value")
        return value.term
    if isinstance(value, SymInt):
        if value.lo < 0 or value.hi >= 1 << width:
            raise Unsupported(f"a value up to {value.hi:#x} enters a place of {width} bits")
        return terms.bits(value.term, width)
    if not 0 <= int(value) < 1 << width:
        raise Unsupported(f"{int(value):#x} enters a place of {width} bits")
    return terms.number(int(value), width)


def summary(program: Callable[[], Sequence[object]]) -> list[Truth]:
    """Run a pure program on symbolic values and return its values with all its forks merged."""
    leaves = merged(lambda: [_lowered(value) for value in program()])
    result = leaves[-1][1]
    for condition, values in reversed(leaves[:-1]):
        result = [
            terms.choose(condition, yes, other) for yes, other in zip(values, result, strict=True)
        ]
    return result


def _lowered(value: object) -> Truth | Term:
    if isinstance(value, SymBool):
        return value.term
    if isinstance(value, SymInt):
        raise TypeError("give the width of a number in a summary")
    if isinstance(value, Term | bool):
        return value
    raise TypeError(f"a summary holds terms, not {type(value).__name__}")
