# SPDX-License-Identifier: GPL-2.0-only
"""The operators of C on integers, on pointers, and on integers that are addresses."""

from __future__ import annotations

from dataclasses import replace

from proofs import terms
from proofs.c import types
from proofs.c.run import Run
from proofs.c.types import INT
from proofs.c.values import (
    Address,
    Int,
    Missing,
    OpaqueNumber,
    Ptr,
    Value,
    below,
    converted,
    is_null,
    shifted,
    sign_extended,
    truth_int,
)
from proofs.paths import Unsupported
from proofs.terms import Term, Truth, both, less, negate, same

_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})


def unary(opcode: str, value: Value) -> Value:
    """Return ``+``, ``-`` or ``~`` of a number."""
    if not isinstance(value, Int):
        raise Unsupported(f"'{opcode}' of what is no number")
    width = value.term.width
    if opcode == "-":
        return Int(terms.subtract(terms.number(0, width), value.term), value.type)
    if opcode == "~":
        return Int(terms.bit_xor(value.term, terms.number(-1, width)), value.type)
    if opcode == "+":
        return value
    raise Unsupported(f"the operator '{opcode}'")


def binary(run: Run, opcode: str, left: Value, right: Value) -> Value:
    """Return the result of an operator on operands of the types that the compiler gave them."""
    for operand in (left, right):
        if isinstance(operand, Missing):
            raise Unsupported("a value is missing")
    if isinstance(left, OpaqueNumber) or isinstance(right, OpaqueNumber):
        return _opaque(opcode, left, right)
    match left, right:
        case Int(), Int():
            return _integers(run, opcode, left, right)
        case Ptr(), Int() if opcode in ("+", "-"):
            return moved(run, left, right, negative=opcode == "-")
        case Int(), Ptr() if opcode == "+":
            return moved(run, right, left, negative=False)
        case Ptr(), Ptr() if opcode in _COMPARISONS:
            return truth_int(compare_pointers(opcode, left, right), INT)
        case Ptr(), Ptr() if opcode == "-":
            return _distance(run, left, right)
        case ((Address() | Int()), (Address() | Int())):
            return _addresses(run, opcode, left, right)
        case Ptr(), OpaqueNumber():
            return _opaque(opcode, left, right)
    raise Unsupported(f"'{opcode}' of such operands")


def _opaque(opcode: str, left: Value, right: Value) -> Value:
    found = None
    if isinstance(left, OpaqueNumber):
        found = left.binary(opcode, right, reverse=False)
    if found is None and isinstance(right, OpaqueNumber):
        found = right.binary(opcode, left, reverse=True)
    if found is None:
        raise Unsupported(f"'{opcode}' of a number that stands for something else")
    return found


# Integers


def _integers(run: Run, opcode: str, left: Int, right: Int) -> Int:
    if opcode in ("<<", ">>"):
        return _shift(run, opcode, left, right)
    if left.term.width != right.term.width:
        raise Unsupported(f"'{opcode}' of operands of two types")
    if opcode in _COMPARISONS:
        return truth_int(compared(opcode, left.term, right.term, left.type.signed), INT)
    if opcode in ("/", "%"):
        return _divided(run, opcode, left, right)
    make = {
        "+": terms.add,
        "-": terms.subtract,
        "*": terms.product,
        "&": terms.bit_and,
        "|": terms.bit_or,
        "^": terms.bit_xor,
    }.get(opcode)
    if make is None:
        raise Unsupported(f"the operator '{opcode}'")
    return Int(make(left.term, right.term), left.type)


def compared(opcode: str, left: Term, right: Term, signed: bool) -> Truth:
    """Return the truth of a comparison of two numbers."""
    match opcode:
        case "==":
            return same(left, right)
        case "!=":
            return negate(same(left, right))
        case "<":
            return below(left, right, signed)
        case ">":
            return below(right, left, signed)
        case "<=":
            return negate(below(right, left, signed))
        case _:
            return negate(below(left, right, signed))


def _shift(run: Run, opcode: str, left: Int, right: Int) -> Int:
    width = left.term.width
    amount = converted(right, types.Integer(left.type.size, signed=False)).term
    inside = less(right.term, width)
    if inside is not terms.TRUE and inside is not True:
        run.machine.demand("a shift is by less than the width", inside)
    return Int(shifted(left, amount, opcode), left.type)


def _divided(run: Run, opcode: str, left: Int, right: Int) -> Int:
    defined = negate(same(right.term, 0))
    if defined is not terms.TRUE and defined is not True:
        run.machine.demand("a divisor is not 0", defined)
    divide = terms.quotient if opcode == "/" else terms.remainder
    if not left.type.signed:
        return Int(divide(left.term, right.term), left.type)
    zero = terms.number(0, left.term.width)
    lowest, minus_one = 1 << (left.term.width - 1), (1 << left.term.width) - 1
    overflow = both(same(left.term, lowest), same(right.term, minus_one))
    if overflow is not terms.FALSE and overflow is not False:
        run.machine.demand("a quotient is in the range of its type", negate(overflow))
    down, up = below(left.term, zero, signed=True), below(right.term, zero, signed=True)
    size = terms.choose(down, terms.subtract(zero, left.term), left.term)
    by = terms.choose(up, terms.subtract(zero, right.term), right.term)
    found = divide(size, by)
    turned = terms.negate(terms.agree(down, up)) if opcode == "/" else down
    return Int(terms.choose(turned, terms.subtract(zero, found), found), left.type)


# Pointers


def moved(run: Run, pointer: Ptr, number: Int, negative: bool) -> Ptr:
    """Return a pointer ``number`` elements of what it points to further, or back."""
    width = run.word.width
    term = number.term
    if term.width < width:
        filled = sign_extended(term, width) if number.type.signed else terms.bits(term, width)
    else:
        filled = terms.extract(term, width - 1, 0)
    if negative:
        filled = terms.subtract(terms.number(0, width), filled)
    size = pointer.to.size
    if filled.op == "number" and filled.data == 0:
        return pointer
    if size == pointer.unit:
        return replace(pointer, index=terms.add(pointer.index, filled))
    if filled.op == "number":
        signed = filled.data - (1 << width if filled.data >> (width - 1) else 0)
        return _by_bytes(pointer, signed * size, width)
    if size % pointer.unit == 0:
        step = terms.multiply(filled, size // pointer.unit)
        return replace(pointer, index=terms.add(pointer.index, step))
    if pointer.unit % size == 0 and pointer.offset % size == 0:
        index = terms.multiply(pointer.index, pointer.unit // size)
        start = terms.number(pointer.offset // size, width)
        total = terms.add(terms.add(index, start), filled)
        return replace(pointer, index=total, unit=size, offset=0, count=0)
    raise Unsupported("a pointer is moved by parts of what it points to")


def _by_bytes(pointer: Ptr, count: int, width: int) -> Ptr:
    total = pointer.offset + count
    steps, offset = divmod(total, pointer.unit)
    index = terms.add(pointer.index, terms.number(steps, width))
    return replace(pointer, index=index, offset=offset, count=0)


def in_bytes(pointer: Ptr) -> Term:
    """Return how many bytes from the beginning of its object a pointer points to."""
    scaled = terms.multiply(pointer.index, pointer.unit)
    return terms.add(scaled, terms.number(pointer.offset, scaled.width))


def compare_pointers(opcode: str, left: Ptr, right: Ptr) -> Truth:
    """Return the truth of a comparison of two pointers."""
    if left.block is None or right.block is None:
        if opcode not in ("==", "!="):
            raise Unsupported("the order of pointers that point to no object")
        if left.block is None and right.block is None:
            equal = same(in_bytes(left), in_bytes(right))
        else:
            nothing, something = (left, right) if left.block is None else (right, left)
            zero = same(in_bytes(nothing), 0)
            if zero is not terms.TRUE and zero is not True:
                raise Unsupported("a pointer is compared with a number")
            equal = is_null(something)
        return equal if opcode == "==" else negate(equal)
    alike = left.block.is_same(right.block)
    here, there = (
        (left.index, right.index)
        if left.unit == right.unit and left.offset == right.offset
        else (in_bytes(left), in_bytes(right))
    )
    if opcode in ("==", "!="):
        equal = both(alike, same(here, there))
        return equal if opcode == "==" else negate(equal)
    if alike is not True and alike is not terms.TRUE:
        raise Unsupported("the order of pointers into two objects")
    return compared(opcode, here, there, signed=True)


def _distance(run: Run, left: Ptr, right: Ptr) -> Value:
    known = left.block is not None and right.block is not None
    alike = known and left.block.is_same(right.block)  # type: ignore[union-attr,arg-type]
    if alike is not True and alike is not terms.TRUE:
        raise Unsupported("the distance of pointers into two objects")
    if left.unit != right.unit or left.offset != right.offset or left.to.size != left.unit:
        raise Unsupported("the distance of pointers to elements of other sizes")
    kind = types.Integer(run.unit.pointer, signed=True)
    return Int(terms.subtract(left.index, right.index), kind)


# Integers that are addresses


def _addresses(run: Run, opcode: str, left: Value, right: Value) -> Value:
    if opcode in _COMPARISONS:
        return truth_int(compare_pointers(opcode, _pointer(left), _pointer(right)), INT)
    if isinstance(left, Int):
        if opcode not in ("+", "&", "|", "^"):
            raise Unsupported(f"'{opcode}' of a number and an address")
        left, right = right, left
    if not isinstance(right, Int):
        raise Unsupported(f"'{opcode}' of two addresses")
    number = right.term
    if number.op != "number":
        raise Unsupported(f"'{opcode}' of an address and a number that is not known")
    kind, at, value = left.type, left.pointer, number.data
    if opcode in ("+", "-"):
        signed = value - (1 << number.width if value >> (number.width - 1) else 0)
        step = signed if opcode == "+" else -signed
        return Address(_by_bytes(at, step, at.index.width), kind)
    if opcode == "&":
        return _masked(at, value, kind)
    return _flipped(opcode, at, value, kind)


def _pointer(value: Value) -> Ptr:
    if isinstance(value, Address):
        return value.pointer
    return Ptr(None, value.term, 1, 0, types.Void())


def _masked(at: Ptr, mask: int, kind: types.Integer) -> Value:
    """Return an address of which only some bits are kept: low ones, or all but low ones."""
    alignment = at.block.alignment if at.block is not None else 1
    top = (1 << kind.width) - 1
    if mask < alignment:
        return Int(terms.bit_and(in_bytes(at), terms.number(mask, at.index.width)), kind)
    low = top ^ mask
    if low & (low + 1) == 0 and low < alignment:
        inside = terms.bit_and(in_bytes(at), terms.number(mask, at.index.width))
        return Address(_at_byte(at, inside), kind)
    raise Unsupported("an address is masked with other bits")


def _at_byte(at: Ptr, inside: Term) -> Ptr:
    shift = at.unit.bit_length() - 1
    if at.unit != 1 << shift:
        raise Unsupported("an address is masked")
    if inside.op == "number":
        index, offset = divmod(inside.data, at.unit)
        return replace(at, index=terms.number(index, inside.width), offset=offset, count=0)
    low = terms.low_bits(inside, shift) if shift else terms.number(0, 1)
    if not isinstance(low, Term) or low.op != "number":
        raise Unsupported("an address is masked")
    index = terms.shift_right(inside, terms.number(shift, inside.width))
    return replace(at, index=index, offset=low.data, count=0)


def _flipped(opcode: str, at: Ptr, value: int, kind: types.Integer) -> Address:
    """Return an address with bits of its place within an aligned object set or turned."""
    alignment = at.block.alignment if at.block is not None else 1
    if value >= alignment or opcode not in ("^", "|"):
        raise Unsupported(f"'{opcode}' of an address")
    make = terms.bit_xor if opcode == "^" else terms.bit_or
    return Address(_at_byte(at, make(in_bytes(at), terms.number(value, at.index.width))), kind)
