# SPDX-License-Identifier: GPL-2.0-only
"""Initial values of C objects: lists in braces, zeros, the null pointer."""

from __future__ import annotations

from proofs import terms
from proofs.c import types
from proofs.c.run import Run
from proofs.c.syntax import Node
from proofs.c.types import CType
from proofs.c.values import Aggregate, Ptr, Value, int_of
from proofs.paths import Unsupported


def initial(run: Run, node: Node, kind: CType) -> Value:
    """Return the value of a list in braces for an object of type ``kind``."""
    if not isinstance(kind, types.Record | types.Array):
        return run.evaluate(node.inner[0]) if node.inner else zero(kind)
    filled = zero(kind)
    leaves = dict(filled.leaves)
    given = [child for child in node.inner if child is not None]
    places: list[tuple[int, CType]]
    if isinstance(kind, types.Array):
        places = [(number * kind.of.size, kind.of) for number in range(kind.count)]
    else:
        places = [(member.offset, member.type) for member in kind.fields]
        if kind.union and given:
            raise Unsupported("an initialiser of a union")
    for child, (offset, part) in zip(given, places, strict=False):
        value = run.evaluate(child, part)
        if isinstance(value, Aggregate):
            leaves.update({offset + where: leaf for where, leaf in value.leaves.items()})
        else:
            leaves[offset] = value
    return Aggregate(kind, leaves)


def zero(kind: CType) -> Value:
    """Return what static memory of a type begins with."""
    match kind:
        case types.Integer():
            return int_of(0, kind)
        case types.Pointer():
            return null(kind)
        case types.Array():
            leaves: dict[int, Value] = {}
            for number in range(kind.count):
                _place(leaves, number * kind.of.size, zero(kind.of))
            return Aggregate(kind, leaves)
        case types.Record():
            leaves = {}
            for member in kind.fields[:1] if kind.union else kind.fields:
                _place(leaves, member.offset, zero(member.type))
            return Aggregate(kind, leaves)
    raise Unsupported("an initial value of this type")


def _place(leaves: dict[int, Value], offset: int, value: Value) -> None:
    if isinstance(value, Aggregate):
        leaves.update({offset + where: leaf for where, leaf in value.leaves.items()})
    else:
        leaves[offset] = value


def null(kind: types.Pointer) -> Ptr:
    """Return the null pointer of a type."""
    return Ptr(None, terms.number(0, 8 * kind.size), 1, 0, kind.to)
