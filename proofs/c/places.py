# SPDX-License-Identifier: GPL-2.0-only
"""Places in memory that expressions of C name, and loads and stores there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from proofs import terms
from proofs.c import types
from proofs.c.operators import moved
from proofs.c.run import Run
from proofs.c.syntax import Node
from proofs.c.types import CType
from proofs.c.values import Cell, Int, Missing, Ptr, Value
from proofs.paths import Mismatch, Unsupported


def place(run: Run, node: Node | None) -> Ptr:
    """Return where an expression that names a place is; ``to`` is its type."""
    if node is None:
        raise Unsupported("an expression is missing")
    found = _PLACES.get(node.kind)
    if found is None:
        raise Unsupported(f"'{node.kind}' as a place is no C that is understood")
    return found(run, node)


def _variable_place(run: Run, node: Node) -> Ptr:
    kind = run.type(node.type)
    cell = run.frame.cells.get(node.ref) if node.ref else None
    if cell is None:
        if node.ref:
            raise Unsupported(f"{node.name} is used where it is not declared")
        return run.machine.variable(run, node.name, kind)
    return _start(run, cell, kind)


def _start(run: Run, cell: Cell, kind: CType) -> Ptr:
    return Ptr(cell, terms.number(0, run.word.width), max(1, cell.type.size), 0, kind)


def member_place(run: Run, node: Node) -> Ptr:
    """Return where a member is, of a record at a place or of a value."""
    if node.facts.get("isArrow"):
        base = run.evaluate(node.inner[0])
    else:
        base = _member_base(run, node.inner[0])
    record = base.to if isinstance(base, Ptr) else None
    if not isinstance(base, Ptr) or not isinstance(record, types.Record):
        raise Unsupported(f"the member {node.name} of what is no record")
    member = record.field(node.name)
    return replace(base, offset=base.offset + member.offset, to=member.type)


def _member_base(run: Run, node: Node | None) -> Ptr:
    assert node is not None
    if node.kind in _PLACES:
        return place(run, node)
    value = run.evaluate(node)
    cell = Cell("a value", run.type(node.type))
    cell.write(0, value, cell.type)
    return _start(run, cell, cell.type)


def _element_place(run: Run, node: Node) -> Ptr:
    one, other = (run.evaluate(part) for part in node.inner)
    base, number = (one, other) if isinstance(one, Ptr) else (other, one)
    if not isinstance(base, Ptr) or not isinstance(number, Int):
        raise Unsupported("an element of what is no array")
    return moved(run, base, number, negative=False)


def _followed(run: Run, node: Node) -> Ptr:
    if node.facts["opcode"] != "*":
        raise Unsupported(f"'{node.facts['opcode']}' as a place")
    pointer = run.evaluate(node.inner[0])
    if isinstance(pointer, Missing):
        missing(run, pointer)
    if not isinstance(pointer, Ptr):
        raise Unsupported("what is followed is no pointer")
    return pointer


def literal_place(run: Run, node: Node) -> Ptr:
    """Return where a compound literal is, an object without a name."""
    kind = run.type(node.type)
    cell = Cell("a literal", kind)
    cell.write(0, run.evaluate(node.inner[0], kind), kind)
    return _start(run, cell, kind)


def _temporary_place(run: Run, node: Node) -> Ptr:
    """Return where an array is that is a member of a value."""
    kind = run.type(node.type)
    cell = Cell("a value", kind)
    cell.write(0, run.evaluate(node.inner[0]), kind)
    return _start(run, cell, kind)


_PLACES: dict[str, Callable[[Run, Node], Ptr]] = {
    "DeclRefExpr": _variable_place,
    "MemberExpr": member_place,
    "ArraySubscriptExpr": _element_place,
    "UnaryOperator": _followed,
    "CompoundLiteralExpr": literal_place,
    "MaterializeTemporaryExpr": _temporary_place,
}


def load(run: Run, at: Ptr) -> Value:
    """Return what is at a place."""
    if at.block is None:
        run.machine.demand("a pointer that is followed points to an object", False)
        raise Unsupported("a pointer to nothing is followed")
    _within(run, at)
    value = at.block.load(at, at.to)
    if not isinstance(value, Missing):
        return value
    return missing(run, value, at.block.name if isinstance(at.block, Cell) else "")


def missing(run: Run, value: Missing, name: str = "") -> Value:
    """Refuse a value that there is not; ``name`` is the variable that should hold it."""
    if value.lost:
        carried = f"a loop carries {name or 'a value'}"
        raise Mismatch(f"{carried}, of which no invariant is known")
    run.machine.demand("a variable is written before it is read", False)
    raise Unsupported("a variable is read that was not written")


def store(run: Run, at: Ptr, value: Value) -> None:
    """Change what is at a place."""
    if at.block is None:
        run.machine.demand("a pointer that is followed points to an object", False)
        raise Unsupported("a pointer to nothing is followed")
    _within(run, at)
    at.block.store(at, at.to, value)


def _within(run: Run, at: Ptr) -> None:
    """Demand that a variable is still there, and that an element is one that it has."""
    if isinstance(at.block, Cell) and at.block.ended:
        run.machine.demand("a variable is used within its lifetime", False)
        raise Unsupported(f"{at.block.name} is used after its function has returned")
    if isinstance(at.block, Cell) and (at.count or at.index.op != "number"):
        inside = terms.less(at.index, at.block.count(at))
        if inside is not terms.TRUE:
            run.machine.demand("an access is within the variable", inside)
        if inside is terms.FALSE:
            raise Unsupported(f"an access beyond {at.block.name}")


# Places as values


def decayed(run: Run, inner: Node | None, kind: CType) -> Ptr:
    """Return a pointer of type ``kind`` to the first element of the array at a place."""
    at = place(run, inner)
    array = at.to
    if not isinstance(kind, types.Pointer) or not isinstance(array, types.Array):
        raise Unsupported("an array of another shape")
    if isinstance(at.block, Cell):
        at.block.escaped = True
        start = at.offset
        if at.index.op != "number":
            raise Unsupported("an array within an array")
        return Ptr(
            at.block,
            terms.number(0, run.word.width),
            array.of.size,
            start + at.index.data * at.unit,
            array.of,
            array.count,
        )
    return replace(at, to=array.of)


def address(run: Run, inner: Node | None) -> Ptr:
    """Return the address of a place, which is known to others from here on."""
    at = place(run, inner)
    if isinstance(at.block, Cell):
        at.block.escaped = True
    return at
