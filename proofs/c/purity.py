# SPDX-License-Identifier: GPL-2.0-only
"""Which parts of a unit only compute: no memory but variables, no calls but of such functions.

What only computes can be executed on both branches of a condition and merged.
"""

from __future__ import annotations

from proofs.c.syntax import Node, Unit

_VALUES = frozenset({
    "IntegerLiteral", "CharacterLiteral", "DeclRefExpr", "UnaryExprOrTypeTraitExpr",
    "ConditionalOperator", "CompoundLiteralExpr", "InitListExpr", "ImplicitValueInitExpr",
})  # fmt: skip
_CASTS = frozenset({"ImplicitCastExpr", "CStyleCastExpr"})
_PLAIN = frozenset({
    "LValueToRValue", "IntegralCast", "IntegralToBoolean", "NoOp", "FunctionToPointerDecay",
    "BuiltinFnToFnPtr", "PointerToBoolean", "PointerToIntegral", "IntegralToPointer", "BitCast",
    "NullToPointer", "ToVoid", "ArrayToPointerDecay",
})  # fmt: skip
_STATEMENTS = frozenset({"CompoundStmt", "NullStmt", "DeclStmt", "IfStmt"})
BUILTINS = frozenset({"__builtin_expect"})
"""Functions of the compiler that only compute."""


class Purity:
    """Answers for one unit; each function is looked at once."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self._functions: dict[str, bool] = {}
        self._forks: dict[str, bool] = {}
        self._computes: dict[int, bool] = {}
        self._nodes: list[Node] = []

    def value(self, node: Node | None) -> bool:
        """Return whether an expression only computes from variables of the function."""
        if node is None:
            return True
        if node.kind in _CASTS:
            if node.facts.get("castKind") not in _PLAIN:
                return False
        elif node.kind == "MemberExpr":
            if node.facts.get("isArrow"):
                return False
        elif node.kind == "UnaryOperator":
            if node.facts["opcode"] not in ("+", "-", "~", "!"):
                return False
        elif node.kind == "BinaryOperator":
            if not _safe(node):
                return False
        elif node.kind == "CallExpr":
            return self._call(node)
        elif node.kind not in _VALUES:
            return False
        return all(self.value(child) for child in node.inner)

    def _call(self, node: Node) -> bool:
        name = called(node)
        known = name in BUILTINS or self.function(name)
        return known and all(self.value(child) for child in node.inner[1:])

    def function(self, name: str) -> bool:
        """Return whether a function only computes its result from its arguments."""
        if name not in self._functions:
            self._functions[name] = False  # of itself, if it calls itself
            found = self.unit.functions.get(name)
            self._functions[name] = (
                found is not None
                and found.body is not None
                and not any("*" in parameter.type for parameter in found.parameters)
                and self._body(found.body)
            )
        return self._functions[name]

    def _body(self, node: Node | None) -> bool:
        if node is None:
            return True
        if node.kind == "ReturnStmt":
            return all(self.value(child) for child in node.inner)
        if node.kind == "IfStmt":
            return self.value(node.inner[0]) and all(self._body(child) for child in node.inner[1:])
        if node.kind == "CompoundStmt":
            return all(self._body(child) for child in node.inner)
        return self.computes(node)

    def forks(self, name: str) -> bool:
        """Return whether a function only computes, but returns from more than one place."""
        if name not in self._forks:
            found = self.unit.functions[name]
            returns = (
                [part for part in found.body.walk() if part.kind == "ReturnStmt"]
                if (found.body)
                else []
            )
            self._forks[name] = len(returns) > 1 and self.function(name)
        return self._forks[name]

    def computes(self, node: Node | None) -> bool:
        """Return whether a statement only changes variables of the function."""
        if node is None:
            return True
        key = id(node)
        if key not in self._computes:
            self._nodes.append(node)  # keeps the identity in use
            self._computes[key] = self._statement(node)
        return self._computes[key]

    def _statement(self, node: Node) -> bool:
        if node.kind == "IfStmt":
            return self.value(node.inner[0]) and all(
                self.computes(child) for child in node.inner[1:]
            )
        if node.kind in _STATEMENTS:
            return all(self.computes(child) for child in node.inner)
        if node.kind == "VarDecl":
            return all(self.value(child) for child in node.inner)
        assignment = node.kind == "CompoundAssignOperator" or (
            node.kind == "BinaryOperator" and node.facts["opcode"] == "="
        )
        if assignment:
            safe = node.kind != "CompoundAssignOperator" or _safe_operator(
                node.facts["opcode"][:-1], node.inner[1]
            )
            return safe and bool(_local(node.inner[0])) and self.value(node.inner[1])
        if node.kind == "UnaryOperator" and node.facts["opcode"] in ("++", "--"):
            return bool(_local(node.inner[0]))
        return self.value(node)

    def written(self, node: Node | None) -> set[str]:
        """Return the variables that a statement which only computes may change."""
        if node is None:
            return set()
        found = set()
        for part in node.walk():
            target = assigned(part)
            if target is not None:
                found.add(_local(target))
        return found


def assigned(node: Node) -> Node | None:
    """Return what an expression assigns to, None where it assigns to nothing."""
    plain = node.kind == "BinaryOperator" and node.facts["opcode"] == "="
    stepped = node.kind == "UnaryOperator" and node.facts["opcode"] in ("++", "--")
    return node.inner[0] if plain or stepped or node.kind == "CompoundAssignOperator" else None


def called(node: Node) -> str:
    """Return the name of the function that a call names, '' for a call through a pointer."""
    callee: Node | None = node.inner[0]
    while callee is not None and callee.kind in _CASTS:
        callee = callee.inner[0]
    named = callee is not None and callee.kind == "DeclRefExpr"
    return (
        callee.name if named and callee and callee.facts.get("declares") == "FunctionDecl" else ""
    )


def _local(node: Node | None) -> str:
    """Return the variable that an expression is a part of, '' for memory elsewhere."""
    while node is not None and node.kind == "MemberExpr" and not node.facts.get("isArrow"):
        node = node.inner[0]
    return node.ref if node is not None and node.kind == "DeclRefExpr" else ""


def constant(node: Node | None) -> bool:
    """Return whether an expression is a constant that the compiler knows."""
    if node is None:
        return False
    named = node.kind == "DeclRefExpr" and node.facts.get("declares") == "EnumConstantDecl"
    if named or node.kind in ("IntegerLiteral", "UnaryExprOrTypeTraitExpr"):
        return True
    composed = node.kind in _CASTS or node.kind in (
        "BinaryOperator",
        "UnaryOperator",
        "ConditionalOperator",
    )
    return composed and all(constant(child) for child in node.inner)


def _safe(node: Node) -> bool:
    return _safe_operator(str(node.facts["opcode"]), node.inner[1])


def _safe_operator(opcode: str, right: Node | None) -> bool:
    """Return whether an operator is defined for all operands."""
    if opcode in ("/", "%", "<<", ">>"):
        return constant(right)
    return opcode not in ("=",)
