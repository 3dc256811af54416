# SPDX-License-Identifier: GPL-2.0-only
"""Evaluates expressions of C: conversions, operators, places in memory, calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from proofs import terms
from proofs.c import types
from proofs.c.operators import binary, in_bytes, moved, unary
from proofs.c.purity import called
from proofs.c.syntax import Node
from proofs.c.types import CType
from proofs.c.values import (
    Address,
    Aggregate,
    Callee,
    Cell,
    Int,
    Missing,
    Opaque,
    Ptr,
    Value,
    converted,
    int_of,
    is_true,
    merged,
    truth_int,
)
from proofs.paths import Mismatch, Unsupported
from proofs.terms import both, either, negate

if TYPE_CHECKING:
    from proofs.c.interpreter import Interpreter

INT = types.Integer(4, True)


def evaluate(run: Interpreter, node: Node | None, kind: CType | None = None) -> Value:
    """Return the value of an expression; ``kind`` is what an initialiser is for."""
    if node is None:
        raise Unsupported("an expression is missing")
    if node.kind == "InitListExpr" and kind is not None:
        return _initial(run, node, kind)
    found = _EXPRESSIONS.get(node.kind)
    if found is None:
        raise Unsupported(f"'{node.kind}' is no C that is understood")
    return found(run, node)


def _initial(run: Interpreter, node: Node, kind: CType) -> Value:
    if not isinstance(kind, types.Record | types.Array):
        return evaluate(run, node.inner[0]) if node.inner else _zero(kind)
    filled = _zero(kind)
    leaves = dict(filled.leaves)
    given = [one for one in node.inner if one is not None]
    places: list[tuple[int, CType]]
    if isinstance(kind, types.Array):
        places = [(number * kind.of.size, kind.of) for number in range(kind.count)]
    else:
        places = [(one.offset, one.type) for one in kind.fields]
        if kind.union and given:
            raise Unsupported("an initialiser of a union")
    for one, (offset, part) in zip(given, places, strict=False):
        value = evaluate(run, one, part)
        if isinstance(value, Aggregate):
            leaves.update({offset + where: leaf for where, leaf in value.leaves.items()})
        else:
            leaves[offset] = value
    return Aggregate(kind, leaves)


def _zero(kind: CType) -> Any:
    """Return what static memory of a type begins with."""
    match kind:
        case types.Integer():
            return int_of(0, kind)
        case types.Pointer():
            return null(kind)
        case types.Array():
            leaves: dict[int, Value] = {}
            for number in range(kind.count):
                _place(leaves, number * kind.of.size, _zero(kind.of))
            return Aggregate(kind, leaves)
        case types.Record():
            leaves = {}
            for one in kind.fields[:1] if kind.union else kind.fields:
                _place(leaves, one.offset, _zero(one.type))
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


# Places in memory


def place(run: Interpreter, node: Node | None) -> Ptr:
    """Return where an expression that names a place is; ``to`` is its type."""
    if node is None:
        raise Unsupported("an expression is missing")
    found = _PLACES.get(node.kind)
    if found is None:
        raise Unsupported(f"'{node.kind}' as a place is no C that is understood")
    return found(run, node)


def _variable_place(run: Interpreter, node: Node) -> Ptr:
    kind = run.type(node.type)
    cell = run.frame.cells.get(node.ref) if node.ref else None
    if cell is None:
        if node.ref:
            raise Unsupported(f"{node.name} is used where it is not declared")
        return run.machine.variable(run, node.name, kind)
    return _start(run, cell, kind)


def _start(run: Interpreter, cell: Cell, kind: CType) -> Ptr:
    return Ptr(cell, terms.number(0, run.word.width), max(1, cell.type.size), 0, kind)


def _member_place(run: Interpreter, node: Node) -> Ptr:
    if node.facts.get("isArrow"):
        base = evaluate(run, node.inner[0])
    else:
        base = _member_base(run, node.inner[0])
    record = base.to if isinstance(base, Ptr) else None
    if not isinstance(base, Ptr) or not isinstance(record, types.Record):
        raise Unsupported(f"the member {node.name} of what is no record")
    member = record.field(node.name)
    return replace(base, offset=base.offset + member.offset, to=member.type)


def _member_base(run: Interpreter, node: Node | None) -> Ptr:
    assert node is not None
    if node.kind in _PLACES:
        return place(run, node)
    value = evaluate(run, node)
    cell = Cell("a value", run.type(node.type))
    cell.write(0, value, cell.type)
    return _start(run, cell, cell.type)


def _element_place(run: Interpreter, node: Node) -> Ptr:
    one, other = (evaluate(run, part) for part in node.inner)
    base, number = (one, other) if isinstance(one, Ptr) else (other, one)
    if not isinstance(base, Ptr) or not isinstance(number, Int):
        raise Unsupported("an element of what is no array")
    return moved(run, base, number, negative=False)


def _followed(run: Interpreter, node: Node) -> Ptr:
    if node.facts["opcode"] != "*":
        raise Unsupported(f"'{node.facts['opcode']}' as a place")
    pointer = evaluate(run, node.inner[0])
    if isinstance(pointer, Missing):
        missing(run, pointer)
    if not isinstance(pointer, Ptr):
        raise Unsupported("what is followed is no pointer")
    return pointer


def _literal_place(run: Interpreter, node: Node) -> Ptr:
    kind = run.type(node.type)
    cell = Cell("a literal", kind)
    cell.write(0, evaluate(run, node.inner[0], kind), kind)
    return _start(run, cell, kind)


def _temporary_place(run: Interpreter, node: Node) -> Ptr:
    """Return where an array is that is a member of a value."""
    kind = run.type(node.type)
    cell = Cell("a value", kind)
    cell.write(0, evaluate(run, node.inner[0]), kind)
    return _start(run, cell, kind)


_PLACES: dict[str, Callable[[Interpreter, Node], Ptr]] = {
    "DeclRefExpr": _variable_place,
    "MemberExpr": _member_place,
    "ArraySubscriptExpr": _element_place,
    "UnaryOperator": _followed,
    "CompoundLiteralExpr": _literal_place,
    "MaterializeTemporaryExpr": _temporary_place,
}


def load(run: Interpreter, at: Ptr) -> Value:
    """Return what is at a place."""
    if at.block is None:
        run.machine.demand("a pointer that is followed points to an object", False)
        raise Unsupported("a pointer to nothing is followed")
    _within(run, at)
    value = at.block.load(at, at.to)
    return missing(run, value) if isinstance(value, Missing) else value


def missing(run: Interpreter, value: Missing) -> Value:
    """Refuse a value that there is not."""
    if value.lost:
        raise Mismatch("annotation mismatch: a loop carries a value of which no invariant is known")
    run.machine.demand("a variable is written before it is read", False)
    raise Unsupported("a variable is read that was not written")


def store(run: Interpreter, at: Ptr, value: Value) -> None:
    """Change what is at a place."""
    if at.block is None:
        run.machine.demand("a pointer that is followed points to an object", False)
        raise Unsupported("a pointer to nothing is followed")
    _within(run, at)
    at.block.store(at, at.to, value)


def _within(run: Interpreter, at: Ptr) -> None:
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


# Expressions


def _integer(run: Interpreter, node: Node) -> Value:
    kind = run.type(node.type)
    assert isinstance(kind, types.Integer)
    return int_of(int(node.facts["value"]), kind)


def _reference(run: Interpreter, node: Node) -> Value:
    if node.facts.get("declares") == "EnumConstantDecl":
        kind = run.type(node.type)
        assert isinstance(kind, types.Integer)
        if node.name not in run.unit.enumerators:
            raise Unsupported(f"the enumerator {node.name}")
        return int_of(run.unit.enumerators[node.name], kind)
    raise Unsupported(f"the name {node.name} as a value")


def _cast(run: Interpreter, node: Node) -> Value:
    kind = str(node.facts.get("castKind"))
    inner = node.inner[0]
    if kind == "LValueToRValue":
        return load(run, place(run, inner))
    if kind == "ArrayToPointerDecay":
        return _decayed(run, inner, run.type(node.type))
    if kind == "FunctionToPointerDecay" and _names_function(inner):
        assert inner is not None
        return Callee(inner.name)
    if kind in ("FunctionToPointerDecay", "BuiltinFnToFnPtr"):
        raise Unsupported("a function as a value")
    value = evaluate(run, inner)
    if kind == "ToVoid":
        return None
    return cast(run, value, kind, run.type(node.type))


def _names_function(node: Node | None) -> bool:
    named = node is not None and node.kind == "DeclRefExpr"
    return named and node is not None and node.facts.get("declares") == "FunctionDecl"


def _decayed(run: Interpreter, inner: Node | None, kind: CType) -> Ptr:
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


def cast(run: Interpreter, value: Value, kind: str, to: CType) -> Value:
    """Return a value converted as the compiler says."""
    if isinstance(value, Missing):
        return missing(run, value)
    match kind, value, to:
        case ("NoOp", _, _):
            return value.cast(to.to) if isinstance(to, types.Pointer) else value
        case ("IntegralCast", Int(), types.Integer()):
            return converted(value, to)
        case ("IntegralCast", Address(), types.Integer()) if to.size == value.type.size:
            return Address(value.pointer, to)
        case ("IntegralCast", Opaque(), types.Integer()):
            found = value.binary("cast", to, False)
            if found is not None:
                return found
        case ("IntegralToBoolean" | "PointerToBoolean", _, types.Integer()):
            return truth_int(is_true(value), to)
        case ("PointerToIntegral", Ptr(), types.Integer()):
            if value.block is None:
                return converted(Int(in_bytes(value), run.word), to)
            if to.size == run.word.size:
                return Address(value, to)
        case ("IntegralToPointer", Address(), types.Pointer()):
            return value.pointer.cast(to.to)
        case ("IntegralToPointer", Int(), types.Pointer()):
            return Ptr(None, converted(value, run.word).term, 1, 0, to.to)
        case ("BitCast", Ptr(), types.Pointer()):
            return value.cast(to.to)
        case ("NullToPointer", _, types.Pointer()):
            return null(to)
    raise Unsupported(f"the conversion {kind}")


def _unary(run: Interpreter, node: Node) -> Value:
    opcode = str(node.facts["opcode"])
    inner = node.inner[0]
    if opcode == "&" and _names_function(inner):
        assert inner is not None
        return Callee(inner.name)
    if opcode == "&":
        return _address(run, inner)
    if opcode == "*":
        raise Unsupported("a place as a value")
    if opcode in ("++", "--"):
        return _stepped(run, node, opcode)
    if opcode == "!":
        return truth_int(negate(is_true(evaluate(run, inner))), INT)
    if opcode == "__extension__":
        return evaluate(run, inner)
    return unary(opcode, evaluate(run, inner))


def _address(run: Interpreter, inner: Node | None) -> Ptr:
    at = place(run, inner)
    if isinstance(at.block, Cell):
        at.block.escaped = True
    return at


def _stepped(run: Interpreter, node: Node, opcode: str) -> Value:
    at = place(run, node.inner[0])
    old = load(run, at)
    one = int_of(1, INT)
    if isinstance(old, Ptr):
        new: Value = moved(run, old, one, negative=opcode == "--")
    elif isinstance(old, Int) and isinstance(at.to, types.Integer):
        wide = old.type if old.type.size >= 4 else INT
        result = binary(run, opcode[0], converted(old, wide), converted(one, wide))
        new = converted(result, at.to)
    else:
        raise Unsupported(f"'{opcode}' of what is no number")
    store(run, at, new)
    return old if node.facts.get("isPostfix") else new


def _binary(run: Interpreter, node: Node) -> Value:
    opcode = str(node.facts["opcode"])
    left, right = node.inner
    if opcode == "=":
        at = place(run, left)
        value = evaluate(run, right)
        store(run, at, value)
        return value
    if opcode == ",":
        evaluate(run, left)
        return evaluate(run, right)
    if opcode in ("&&", "||"):
        return _logical(run, opcode == "&&", left, right)
    return binary(run, opcode, evaluate(run, left), evaluate(run, right))


def _logical(run: Interpreter, conjunction: bool, left: Node | None, right: Node | None) -> Int:
    first = is_true(evaluate(run, left))
    known = run.known(first)
    if known is None and run.purity.value(right):
        second = is_true(evaluate(run, right))
        return truth_int(both(first, second) if conjunction else either(first, second), INT)
    decided = run.branch(first) if known is None else known
    if decided is not conjunction:
        return truth_int(not conjunction, INT)
    return truth_int(is_true(evaluate(run, right)), INT)


def _compound_assignment(run: Interpreter, node: Node) -> Value:
    opcode = str(node.facts["opcode"])[:-1]
    at = place(run, node.inner[0])
    right = evaluate(run, node.inner[1])
    old = load(run, at)
    if isinstance(old, Ptr) and isinstance(right, Int):
        new: Value = moved(run, old, right, negative=opcode == "-")
    else:
        computed = run.type(node.facts["computed"])
        if isinstance(old, Int) and isinstance(computed, types.Integer):
            old = converted(old, computed)
        new = binary(run, opcode, old, right)
        if isinstance(new, Int) and isinstance(at.to, types.Integer):
            new = converted(new, at.to)
    store(run, at, new)
    return new


def _conditional(run: Interpreter, node: Node) -> Value:
    condition = is_true(evaluate(run, node.inner[0]))
    known = run.known(condition)
    if known is None and all(run.purity.value(one) for one in node.inner[1:]):
        yes, no = (evaluate(run, one) for one in node.inner[1:])
        try:
            return merged(condition, yes, no)
        except Unsupported:
            return yes if run.branch(condition) else no
    taken = run.branch(condition) if known is None else known
    return evaluate(run, node.inner[1 if taken else 2])


def _call(run: Interpreter, node: Node) -> Value:
    name = called(node) or _pointed(run, node.inner[0])
    args = [evaluate(run, one) for one in node.inner[1:]]
    if name == "__builtin_expect":
        return args[0]
    return run.call(name, args)


def _pointed(run: Interpreter, node: Node | None) -> str:
    """Return the function that a pointer is to. Raises Unsupported where that is not known."""
    while node is not None and node.facts.get("castKind") == "FunctionToPointerDecay":
        node = node.inner[0]  # what *pointer is, is the pointer again
    if node is not None and node.kind == "UnaryOperator" and node.facts.get("opcode") == "*":
        node = node.inner[0]
    value = evaluate(run, node)
    if not isinstance(value, Callee):
        raise Unsupported("a call through a pointer")
    return value.name


def _statements(run: Interpreter, node: Node) -> Value:
    body = node.inner[0]
    assert body is not None
    *before, last = body.inner or [None]
    for one in before:
        if run.execute(one) is not None:
            raise Unsupported("a jump out of a statement expression")
    if last is None or last.kind.endswith("Stmt"):
        if run.execute(last) is not None:
            raise Unsupported("a jump out of a statement expression")
        return None
    return evaluate(run, last)


def _sizeof(run: Interpreter, node: Node) -> Value:
    if node.name not in ("sizeof", "alignof", "_Alignof"):
        raise Unsupported(f"'{node.name}'")
    inner = node.inner[0] if node.inner else None
    measured = run.type(node.facts.get("argument") or (inner.type if inner else ""))
    kind = run.type(node.type)
    assert isinstance(kind, types.Integer)
    if isinstance(measured, types.Array) and not measured.count:
        raise Unsupported("the size of an array of unknown length")
    return int_of(measured.size if node.name == "sizeof" else measured.align, kind)


def _literal(run: Interpreter, node: Node) -> Value:
    return load(run, _literal_place(run, node))


def _value_list(run: Interpreter, node: Node) -> Value:
    return _initial(run, node, run.type(node.type))


def _predefined(run: Interpreter, node: Node) -> Value:
    return _zero(run.type(node.type))


def _member_value(run: Interpreter, node: Node) -> Value:
    return load(run, _member_place(run, node))


_EXPRESSIONS: dict[str, Callable[[Interpreter, Node], Value]] = {
    "IntegerLiteral": _integer,
    "CharacterLiteral": _integer,
    "DeclRefExpr": _reference,
    "ImplicitCastExpr": _cast,
    "CStyleCastExpr": _cast,
    "UnaryOperator": _unary,
    "BinaryOperator": _binary,
    "CompoundAssignOperator": _compound_assignment,
    "ConditionalOperator": _conditional,
    "CallExpr": _call,
    "StmtExpr": _statements,
    "UnaryExprOrTypeTraitExpr": _sizeof,
    "CompoundLiteralExpr": _literal,
    "InitListExpr": _value_list,
    "ImplicitValueInitExpr": _predefined,
    "MemberExpr": _member_value,
}
