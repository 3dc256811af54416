# SPDX-License-Identifier: GPL-2.0-only
"""Numbers within records and entries: taken out of the records that wrap them, cut out, joined."""

from __future__ import annotations

from proofs import terms
from proofs.c import types
from proofs.c.types import CType
from proofs.c.values import Address, Aggregate, Int, Missing, Value
from proofs.lifting import Number, exact
from proofs.paths import Unsupported
from proofs.terms import Term


def signed(term: Term) -> Number:
    """Return a number of a register's width as the exact signed integer."""
    half = 1 << (term.width - 1)
    return exact(term, -half, half - 1)


def plain(value: Value) -> Value:
    """Return a scalar out of the records of one member that wrap it."""
    while isinstance(value, Aggregate) and list(value.leaves) == [0]:
        value = value.leaves[0]
    return value


def shaped(value: Value, kind: CType) -> Value:
    """Return a scalar as a type of its size: a record of one member, a pointer, a number."""
    if isinstance(kind, types.Record | types.Array):
        return Aggregate(kind, {0: value})
    if isinstance(kind, types.Pointer) and isinstance(value, Address):
        return value.pointer.cast(kind.to)
    return value


def scalars(kind: CType, offset: int = 0) -> list[tuple[int, types.Integer]]:
    """Return the numbers of a type: where each is (bytes) and its type."""
    match kind:
        case types.Integer():
            return [(offset, kind)]
        case types.Record() if not kind.union:
            return [
                place for part in kind.fields for place in scalars(part.type, offset + part.offset)
            ]
    raise Unsupported("an entry is of another type than numbers")


def whole_numbers(kind: CType, offset: int, size: int) -> None:
    """Refuse access to an entry but by whole numbers of ``size`` bytes, of which it consists.

    What a part of a number holds, or two numbers read as one, depends on the byte order, which
    proofs know nothing of.
    """
    for where, scalar in scalars(kind):
        if scalar.size != size or (offset + where) % size:
            raise Unsupported("a number in an entry is accessed in parts, or with another")


def cut(bits: Term, offset: int, kind: CType) -> Value:
    """Return the part of an entry that a type sees from byte ``offset`` on."""
    leaves: dict[int, Value] = {}
    for where, scalar in scalars(kind):
        low = 8 * (offset + where)
        if low + 8 * scalar.size > bits.width:
            raise Unsupported("an entry is read beyond its end")
        leaves[where] = Int(terms.extract(bits, low + 8 * scalar.size - 1, low), scalar)
    return leaves[0] if isinstance(kind, types.Integer) else Aggregate(kind, leaves)


def joined(value: Value, kind: CType) -> Term:
    """Return the bits of a number, or of a record of numbers."""
    leaves = value.leaves if isinstance(value, Aggregate) else {0: value}
    found: Term | None = None
    for where, scalar in scalars(kind):
        leaf = leaves.get(where)
        if isinstance(leaf, Missing) or leaf is None:
            raise Unsupported("an entry is written with a value that was not given")
        if not isinstance(leaf, Int) or leaf.term.width != 8 * scalar.size:
            raise Unsupported("an entry is written with what is no number")
        found = leaf.term if found is None else terms.concat(leaf.term, found)
    if found is None:
        raise Unsupported("an entry without members")
    return found


def replaced(bits: Term, part: Term, offset: int) -> Term:
    """Return ``bits`` with ``part`` from byte ``offset`` on."""
    low, high = 8 * offset, 8 * offset + part.width
    found = part
    if low:
        found = terms.concat(found, terms.extract(bits, low - 1, 0))
    if high < bits.width:
        found = terms.concat(terms.extract(bits, bits.width - 1, high), found)
    return found
