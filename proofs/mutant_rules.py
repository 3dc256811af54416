# SPDX-License-Identifier: GPL-2.0-only
"""The rules by which mutants are made: each is a small mistake that a programmer may make."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator

from proofs.mutant_text import (
    Change,
    Module,
    Scope,
    called,
    is_runtime,
    is_stored,
    names,
    stored,
    within,
)

COMPARISONS = {
    "<": ("<=", ">="),
    "<=": ("<", ">"),
    ">": (">=", "<="),
    ">=": (">", "<"),
    "==": ("!=", "<=", ">="),
    "!=": ("==", "<", ">"),
    "is": ("is not",),
    "is not": ("is",),
    "in": ("not in",),
    "not in": ("in",),
}
"""What each comparison is replaced by: its neighbours and its negation."""

ARITHMETIC = {"+": ("-",), "-": ("+",), "*": ("//",), "//": ("*", "%"), "%": ("//",)}
"""What each operator on integers is replaced by."""

LOGIC = {"and": "or", "or": "and", "&": "|", "|": "&"}
"""What each operator on truth values is replaced by; ``&`` and ``|`` do not stop half-way."""

ROLES = (
    ("start_gpa", "end_gpa"),
    ("start_gfn", "end_gfn"),
    ("start", "end"),
    ("start", "start_gpa"),
    ("end", "end_gpa"),
    ("end", "end_gfn"),
    ("i_min", "i_max"),
    ("first", "last"),
    ("index", "base"),
    ("span", "entries"),
    ("span", "page_size"),
    ("base_gfn", "npages"),
    ("base_gfn", "gfn_offset"),
    ("old", "new"),
    ("table", "child"),
    ("writable", "write_fault"),
    ("writable", "dirty"),
    ("EFAULT", "ENOMEM"),
)
"""Pairs of variables that are easily taken for each other, where both are known."""

INTEGERS = frozenset({"i", "bit", "index", "i_min", "i_max", "start", "end", "first", "last"})
"""Variables that are integers, whatever is assigned to them."""

POINTERS = frozenset({"table", "page", "pgd", "pte", "child"})
"""Integers that name a table: never off by one, nor exchanged with other integers."""

_WORDS = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.And: "and",
    ast.Or: "or",
    ast.BitAnd: "&",
    ast.BitOr: "|",
}
_NAMES = {
    "<": "lt",
    "<=": "le",
    ">": "gt",
    ">=": "ge",
    "==": "eq",
    "!=": "ne",
    "+": "add",
    "-": "sub",
    "*": "mul",
    "//": "div",
    "%": "mod",
    "&": "and",
    "|": "or",
}


class Rules:
    """The changes to one function, or to one constant of the module."""

    def __init__(self, module: Module, scope: Scope) -> None:
        self.module = module
        self.scope = scope
        self.bound = {name.id: name.lineno for name in reversed(stored(scope))}
        self.kinds = dict.fromkeys(INTEGERS, "int")
        if isinstance(scope, ast.FunctionDef):
            for argument in scope.args.args:
                self.bound[argument.arg] = scope.lineno
                if isinstance(argument.annotation, ast.Name):
                    self.kinds[argument.arg] = argument.annotation.id
        for node in ast.walk(scope):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                self.kinds.setdefault(node.targets[0].id, self.kind(node.value))

    def changes(self) -> Iterator[Change]:
        """Yield all changes, in no particular order."""
        for node, parent in within(self.scope, self.module.tree):
            if isinstance(node, ast.stmt):
                yield from self.deletion(node, parent)
                yield from self.neighbours(node)
            if isinstance(node, ast.expr):
                yield from self.operators(node)
                yield from self.truth(node, parent)
                yield from self.off_by_one(node, parent)
                yield from self.confusions(node)
                yield from self.arguments(node)

    # Ways to make a change

    def put(self, rule: str, node: ast.expr | ast.stmt, text: str) -> Change:
        """Return the change that puts ``text`` in place of a node, as many lines as it has."""
        start, end = self.module.span(node)
        missing = "\n" * (self.module.text(node).count("\n") - text.count("\n"))
        if missing:
            text = f"({text}{missing})" if isinstance(node, ast.expr) else text + missing
        return Change(rule, start, end, text, (start, end))

    def between(
        self, rule: str, whole: ast.expr, left: ast.expr, right: ast.expr, words: tuple[str, str]
    ) -> Change:
        """Return the change of an operator between two operands, brackets left as they are."""
        start, end = self.module.span(left)[1], self.module.span(right)[0]
        old, new = words
        pattern = r"\s+".join(map(re.escape, old.split()))
        text = re.sub(pattern, new, self.module.source[start:end], count=1)
        return Change(rule, start, end, text, self.module.span(whole))

    # What is known of an expression

    def kind(self, node: ast.expr) -> str:
        """Return 'int' or 'bool' where that is known."""
        if isinstance(node, ast.Constant):
            return type(node.value).__name__
        if isinstance(node, ast.Name):
            return self.kinds.get(node.id, "")
        if isinstance(node, ast.BinOp):
            return self.kind(node.left) if isinstance(node.op, ast.BitAnd | ast.BitOr) else "int"
        if isinstance(node, ast.Compare | ast.BoolOp):
            return "bool"
        if isinstance(node, ast.UnaryOp):
            return "bool" if isinstance(node.op, ast.Not) else "int"
        if isinstance(node, ast.IfExp):
            return self.kind(node.body)
        returns = getattr(self.module.functions.get(called(node)), "returns", None)
        return returns.id if isinstance(returns, ast.Name) else ""

    def known(self, name: str, node: ast.expr) -> bool:
        """Return whether a variable has a value where a node stands."""
        return name in self.module.names or self.bound.get(name, node.lineno) < node.lineno

    def answers(self, kind: str, parent: ast.AST) -> bool:
        """Return whether ``parent`` returns a value of that kind from the function."""
        returns = getattr(self.scope, "returns", None)
        return (
            isinstance(parent, ast.Return) and isinstance(returns, ast.Name) and returns.id == kind
        )

    # Rules

    def operators(self, node: ast.expr) -> Iterator[Change]:
        """Replace a comparison, an arithmetic operator, ``and`` or ``or``."""
        if isinstance(node, ast.Compare):
            left = node.left
            for operator, right in zip(node.ops, node.comparators, strict=True):
                old = _WORDS[type(operator)]
                for new in COMPARISONS[old]:
                    rule = f"compare-{_spelled(old)}-{_spelled(new)}"
                    yield self.between(rule, node, left, right, (old, new))
                left = right
        elif isinstance(node, ast.BinOp) and type(node.op) in _WORDS:
            old = _WORDS[type(node.op)]
            for new in ARITHMETIC.get(old, ()):
                rule = f"arithmetic-{_spelled(old)}-{_spelled(new)}"
                yield self.between(rule, node, node.left, node.right, (old, new))
            if self.kind(node) == "bool":
                yield from self.connective(node, old, [node.left, node.right])
        elif isinstance(node, ast.BoolOp):
            yield from self.connective(node, _WORDS[type(node.op)], node.values)

    def connective(self, node: ast.expr, old: str, values: list[ast.expr]) -> Iterator[Change]:
        """Replace an ``and`` or an ``or`` of whatever form."""
        new = LOGIC[old]
        for left, right in itertools.pairwise(values):
            rule = f"boolean-{_spelled(old)}-{_spelled(new)}"
            yield self.between(rule, node, left, right, (old, new))

    def truth(self, node: ast.expr, parent: ast.AST) -> Iterator[Change]:
        """Negate a truth value, or let a condition always or never hold."""
        text = self.module.text(node)
        if isinstance(node, ast.Constant) and isinstance(node.value, bool):
            yield self.put(
                f"boolean-{text.lower()}-{str(not node.value).lower()}", node, str(not node.value)
            )
            return
        condition = isinstance(parent, ast.If | ast.While | ast.IfExp) and node is parent.test
        part = self._is_part(node, parent)
        if condition or part:
            yield self.put("condition-true", node, "True")
            yield self.put("condition-false", node, "False")
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            yield self.put("boolean-not-dropped", node, self.module.text(node.operand))
        elif not isinstance(node, ast.Compare | ast.BoolOp | ast.Constant | ast.IfExp | ast.BinOp):
            passed = (
                isinstance(parent, ast.Call) and node in parent.args and self.kind(node) == "bool"
            )
            if condition or part or passed or self.answers("bool", parent):
                negated = f"(not {text})" if _is_logic(parent) else f"not {text}"
                yield self.put("boolean-not-added", node, negated)

    def _is_part(self, node: ast.expr, parent: ast.AST) -> bool:
        """Return whether a node is one of several truth values joined."""
        return isinstance(parent, ast.BoolOp) or _is_logic(parent)

    def off_by_one(self, node: ast.expr, parent: ast.AST) -> Iterator[Change]:
        """Add one to an integer, or take one away."""
        if not self._counts(node, parent):
            return
        value = _constant(node)
        if value is not None:
            texts = [str(value + 1), str(value - 1)]
        elif isinstance(node, ast.BinOp) and _sum_with_constant(node):
            left, by = self.module.text(node.left), _constant(node.right)
            assert by is not None
            texts = [_moved(left, by + sign, node.op) for sign in _signs(node.op)]
        else:
            texts = [f"{self.module.text(node)} {sign} 1" for sign in "+-"]
            if isinstance(parent, ast.BinOp):
                texts = [f"({text})" for text in texts]
        yield self.put("off-by-one-more", node, texts[0])
        yield self.put("off-by-one-less", node, texts[1])

    def _counts(self, node: ast.expr, parent: ast.AST) -> bool:
        """Return whether an integer is one that may be off by one, and not part of such a one."""
        if isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Add | ast.Sub):
            return False
        if (
            isinstance(parent, ast.Compare)
            and node is not parent.left
            and self.kind(parent.left) == "int"
        ):
            return False
        if isinstance(node, ast.Name) and (is_stored(node) or _is_pointer(node)):
            return False
        if isinstance(node, ast.Attribute):
            factor = isinstance(parent, ast.BinOp)
            return not is_stored(node) and (factor or self.answers("int", parent))
        if isinstance(node, ast.IfExp | ast.UnaryOp) or isinstance(
            parent, ast.UnaryOp | ast.keyword
        ):
            return False
        return self.kind(node) == "int" and not isinstance(parent, ast.Attribute)

    def confusions(self, node: ast.expr) -> Iterator[Change]:
        """Take one variable for another, the largest address for 0, or leave the truncation out."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "ulong":
                yield self.put("truncation-dropped", node, self.module.text(node.args[0]))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            if node.id == "U64":
                yield self.put("u64-zero", node, "0")
            for pair in ROLES:
                if node.id in pair:
                    other = pair[node.id == pair[0]]
                    if self.known(other, node):
                        yield self.put(f"variable-{node.id}-{other}", node, other)

    def arguments(self, node: ast.expr) -> Iterator[Change]:
        """Exchange neighbouring arguments of one kind."""
        if not isinstance(node, ast.Call):
            return
        for first, second in itertools.pairwise(node.args):
            pointers = {_is_pointer(argument) for argument in (first, second)}
            if self.kind(first) == self.kind(second) != "" and len(pointers) == 1:
                yield self._exchanged("arguments-swapped", first, second, node)

    def neighbours(self, node: ast.stmt) -> Iterator[Change]:
        """Exchange neighbouring statements that both do something; not if one needs the other."""
        for body in (getattr(node, "body", []), getattr(node, "orelse", [])):
            for first, second in itertools.pairwise(body):
                if all(_has_effect(statement) for statement in (first, second)):
                    fresh = {n.id for n in stored(first) if self.bound[n.id] == n.lineno}
                    needed = {name.id for name in names(second)} & fresh
                    if not needed:
                        yield self._exchanged("statements-swapped", first, second)

    def _exchanged(
        self,
        rule: str,
        first: ast.expr | ast.stmt,
        second: ast.expr | ast.stmt,
        whole: ast.expr | None = None,
    ) -> Change:
        (start, middle), (other, end) = self.module.span(first), self.module.span(second)
        gap = self.module.source[middle:other]
        text = self.module.text(second) + gap + self.module.text(first)
        return Change(rule, start, end, text, self.module.span(whole) if whole else (start, end))

    def deletion(self, node: ast.stmt, parent: ast.AST) -> Iterator[Change]:
        """Leave a statement out, unless a variable would then have no value."""
        if isinstance(node, ast.Continue | ast.Break):
            yield self.put(f"{type(node).__name__.lower()}-deleted", node, "pass")
        elif isinstance(node, ast.Return) and not isinstance(parent, ast.FunctionDef):
            yield self.put("return-deleted", node, "pass")
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield self.put("call-deleted", node, "pass")
        elif isinstance(node, ast.AugAssign) or (
            isinstance(node, ast.Assign)
            and node is not self.scope
            and all(self.bound[name.id] < node.lineno for name in stored(node))
        ):
            yield self.put("assignment-deleted", node, "pass")


def _spelled(word: str) -> str:
    return _NAMES.get(word, word.replace(" ", "-"))


def _is_logic(node: ast.AST) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr)


def _is_pointer(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in POINTERS


def _has_effect(node: ast.stmt) -> bool:
    """Return whether a simple statement lets the runtime do something, or changes an object."""
    if not isinstance(node, ast.Assign | ast.Expr):
        return False
    calls = (part for part in ast.walk(node) if isinstance(part, ast.Call))
    reached = (arg for call in calls for arg in (call.func, *call.args))
    stored = isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute)
    return stored or any(is_runtime(getattr(callee, "value", callee)) for callee in reached)


def _constant(node: ast.expr) -> int | None:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    return None


def _sum_with_constant(node: ast.BinOp) -> bool:
    return isinstance(node.op, ast.Add | ast.Sub) and _constant(node.right) is not None


def _signs(operator: ast.operator) -> tuple[int, int]:
    return (1, -1) if isinstance(operator, ast.Add) else (-1, 1)


def _moved(left: str, by: int, operator: ast.operator) -> str:
    """Return the text of ``left`` with ``by`` added or taken away, without a 0."""
    return f"{left} {_WORDS[type(operator)]} {by}" if by else left
