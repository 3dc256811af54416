# SPDX-License-Identifier: GPL-2.0-only
"""Evaluates expressions of C: constants, conversions, operators, calls."""

from __future__ import annotations

from collections.abc import Callable

from proofs.c import types
from proofs.c.initial import initial, null, zero
from proofs.c.operators import binary, in_bytes, moved, unary
from proofs.c.places import (
    address,
    decayed,
    literal_place,
    load,
    member_place,
    missing,
    place,
    store,
)
from proofs.c.purity import called
from proofs.c.run import Run
from proofs.c.syntax import Node
from proofs.c.types import INT, CType
from proofs.c.values import (
    Address,
    Callee,
    Int,
    Missing,
    OpaqueNumber,
    Ptr,
    Value,
    converted,
    int_of,
    is_true,
    merged,
    truth_int,
)
from proofs.paths import Unsupported
from proofs.terms import both, either, negate


def evaluate(run: Run, node: Node | None, kind: CType | None = None) -> Value:
    """Return the value of an expression; ``kind`` is what an initialiser is for."""
    if node is None:
        raise Unsupported("an expression is missing")
    if node.kind == "InitListExpr" and kind is not None:
        return initial(run, node, kind)
    found = _EXPRESSIONS.get(node.kind)
    if found is None:
        raise Unsupported(f"'{node.kind}' is no C that is understood")
    return found(run, node)


def _integer(run: Run, node: Node) -> Value:
    kind = run.type(node.type)
    assert isinstance(kind, types.Integer)
    return int_of(int(node.facts["value"]), kind)


def _reference(run: Run, node: Node) -> Value:
    if node.facts.get("declares") == "EnumConstantDecl":
        kind = run.type(node.type)
        assert isinstance(kind, types.Integer)
        if node.name not in run.unit.enumerators:
            raise Unsupported(f"the enumerator {node.name}")
        return int_of(run.unit.enumerators[node.name], kind)
    raise Unsupported(f"the name {node.name} as a value")


def _cast(run: Run, node: Node) -> Value:
    kind = str(node.facts.get("castKind"))
    inner = node.inner[0]
    if kind == "LValueToRValue":
        return load(run, place(run, inner))
    if kind == "ArrayToPointerDecay":
        return decayed(run, inner, run.type(node.type))
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


def cast(run: Run, value: Value, kind: str, to: CType) -> Value:
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
        case ("IntegralCast", OpaqueNumber(), types.Integer()):
            found = value.binary("cast", to, reverse=False)
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


def _unary(run: Run, node: Node) -> Value:
    opcode = str(node.facts["opcode"])
    inner = node.inner[0]
    if opcode == "&" and _names_function(inner):
        assert inner is not None
        return Callee(inner.name)
    if opcode == "&":
        return address(run, inner)
    if opcode == "*":
        raise Unsupported("a place as a value")
    if opcode in ("++", "--"):
        return _stepped(run, node, opcode)
    if opcode == "!":
        return truth_int(negate(is_true(evaluate(run, inner))), INT)
    if opcode == "__extension__":
        return evaluate(run, inner)
    return unary(opcode, evaluate(run, inner))


def _stepped(run: Run, node: Node, opcode: str) -> Value:
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


def _binary(run: Run, node: Node) -> Value:
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


def _logical(run: Run, conjunction: bool, left: Node | None, right: Node | None) -> Int:
    first = is_true(evaluate(run, left))
    known = run.known(first)
    if known is None and run.purity.value(right):
        second = is_true(evaluate(run, right))
        return truth_int(both(first, second) if conjunction else either(first, second), INT)
    decided = run.branch(first) if known is None else known
    if decided is not conjunction:
        return truth_int(not conjunction, INT)
    return truth_int(is_true(evaluate(run, right)), INT)


def _compound_assignment(run: Run, node: Node) -> Value:
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


def _conditional(run: Run, node: Node) -> Value:
    condition = is_true(evaluate(run, node.inner[0]))
    known = run.known(condition)
    if known is None and all(run.purity.value(child) for child in node.inner[1:]):
        yes, no = (evaluate(run, child) for child in node.inner[1:])
        try:
            return merged(condition, yes, no)
        except Unsupported:
            return yes if run.branch(condition) else no
    taken = run.branch(condition) if known is None else known
    return evaluate(run, node.inner[1 if taken else 2])


def _call(run: Run, node: Node) -> Value:
    name = called(node) or _pointed(run, node.inner[0])
    args = [evaluate(run, child) for child in node.inner[1:]]
    if name == "__builtin_expect":
        return args[0]
    return run.call(name, args)


def _pointed(run: Run, node: Node | None) -> str:
    """Return the function that a pointer is to. Raises Unsupported where that is not known."""
    while node is not None and node.facts.get("castKind") == "FunctionToPointerDecay":
        node = node.inner[0]  # what *pointer is, is the pointer again
    if node is not None and node.kind == "UnaryOperator" and node.facts.get("opcode") == "*":
        node = node.inner[0]
    value = evaluate(run, node)
    if not isinstance(value, Callee):
        raise Unsupported("a call through a pointer")
    return value.name


def _statements(run: Run, node: Node) -> Value:
    body = node.inner[0]
    assert body is not None
    *before, last = body.inner or [None]
    for statement in before:
        if run.execute(statement) is not None:
            raise Unsupported("a jump out of a statement expression")
    if last is None or last.kind.endswith("Stmt"):
        if run.execute(last) is not None:
            raise Unsupported("a jump out of a statement expression")
        return None
    return evaluate(run, last)


def _sizeof(run: Run, node: Node) -> Value:
    if node.name not in ("sizeof", "alignof", "_Alignof"):
        raise Unsupported(f"'{node.name}'")
    inner = node.inner[0] if node.inner else None
    measured = run.type(node.facts.get("argument") or (inner.type if inner else ""))
    kind = run.type(node.type)
    assert isinstance(kind, types.Integer)
    if isinstance(measured, types.Array) and not measured.count:
        raise Unsupported("the size of an array of unknown length")
    return int_of(measured.size if node.name == "sizeof" else measured.align, kind)


def _literal(run: Run, node: Node) -> Value:
    return load(run, literal_place(run, node))


def _value_list(run: Run, node: Node) -> Value:
    return initial(run, node, run.type(node.type))


def _predefined(run: Run, node: Node) -> Value:
    return zero(run.type(node.type))


def _member_value(run: Run, node: Node) -> Value:
    return load(run, member_place(run, node))


_EXPRESSIONS: dict[str, Callable[[Run, Node], Value]] = {
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
