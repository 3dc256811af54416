# SPDX-License-Identifier: GPL-2.0-only
"""The text of a module that is changed: where its nodes stand, and what only quirks need of it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

MODULE = "<module>"
"""In place of the function: a constant at the top of the module."""

RUNTIME = "rt"
"""The name of the runtime, which is asked for quirks and does all that has an effect."""

Scope = ast.FunctionDef | ast.Assign


@dataclass(frozen=True)
class Change:
    """``text`` in place of the characters ``start..end`` (exclusive); ``shown`` is around them."""

    rule: str
    start: int
    end: int
    text: str
    shown: tuple[int, int]


def _scopes_of(tree: ast.Module) -> Iterator[tuple[str, Scope]]:
    """Yield the functions of a module and its constants, the latter as 'module.NAME'."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield f"{MODULE}.{node.targets[0].id}", node


class Module:
    """The text of a module, where its nodes stand in it, and what quirks make dead code of."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tree = ast.parse(source)
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._lines = source.splitlines()
        self.functions = {n.name: n for n in self.tree.body if isinstance(n, ast.FunctionDef)}
        self.quirks = Quirks(self.functions)
        self.names = {
            n.id for top in self.tree.body if isinstance(top, ast.Assign) for n in names(top)
        } | {
            alias.asname or alias.name
            for top in self.tree.body
            if isinstance(top, ast.ImportFrom)
            for alias in top.names
        }

    def scopes(self) -> list[tuple[str, Scope]]:
        """Return what is changed: constants, and functions that do not serve a quirk only."""
        unused = self.quirks.unused(self.tree)
        return [(name, one) for name, one in _scopes_of(self.tree) if name not in unused]

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Return where a node begins and ends in the text."""
        assert node.end_lineno is not None and node.end_col_offset is not None
        return (
            self._offset(node.lineno, node.col_offset),
            self._offset(node.end_lineno, node.end_col_offset),
        )

    def _offset(self, line: int, column: int) -> int:
        """Return the place in the text of a column, which ast counts in bytes."""
        before = self._lines[line - 1].encode()[:column].decode()
        return self._starts[line - 1] + len(before)

    def text(self, node: ast.expr | ast.stmt) -> str:
        """Return the text of a node."""
        start, end = self.span(node)
        return self.source[start:end]

    def changed(self, change: Change) -> str:
        """Return the text with a change in it."""
        return self.source[: change.start] + change.text + self.source[change.end :]


class Quirks:
    """What is known while all quirks are off: ``rt.has(...)`` is false, and what follows."""

    def __init__(self, functions: dict[str, ast.FunctionDef]) -> None:
        self._functions: dict[str, bool] = {}
        self._variables: dict[str, bool] = {}
        for function in functions.values():
            statement = _body(function)[0]
            if isinstance(statement, ast.Return) and statement.value is not None:
                known = self.truth(statement.value)
                if known is not None:
                    self._functions[function.name] = known

    def enter(self, scope: Scope) -> None:
        """Learn what the variables of a function are, as far as quirks say."""
        self._variables = {}
        bound = Counter(one.id for one in stored(scope))
        for node in ast.walk(scope):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                variable, known = node.targets[0].id, self.truth(node.value)
                if known is not None and bound[variable] == 1:
                    self._variables[variable] = known

    def truth(self, node: ast.expr) -> bool | None:
        """Return the truth of an expression if quirks decide it."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            return False if is_runtime(node.func.value) and node.func.attr == "has" else None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self._functions.get(node.func.id)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            return self._variables.get(node.id)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.truth(node.operand)
            return None if inner is None else not inner
        if isinstance(node, ast.BoolOp):
            known = [self.truth(one) for one in node.values]
            decides = isinstance(node.op, ast.Or)
            if decides in known:
                return decides
            return None if None in known else not decides
        return None

    def live(self, node: ast.AST, parent: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
        """Yield each node that matters while quirks are off, with the node that it is part of."""
        if isinstance(node, ast.expr) and self.truth(node) is not None:
            return
        yield node, parent
        for child in self._children(node):
            yield from self.live(child, node)

    def _children(self, node: ast.AST) -> list[ast.AST]:
        if isinstance(node, ast.FunctionDef):
            return list(_body(node))
        if isinstance(node, ast.AnnAssign):
            return [node.value] if node.value else []
        if isinstance(node, ast.If | ast.IfExp):
            known = self.truth(node.test)
            if known is not None:
                branch = node.body if known else node.orelse
                return [*branch] if isinstance(branch, list) else [branch]
        return list(ast.iter_child_nodes(node))

    def unused(self, tree: ast.Module) -> set[str]:
        """Return the names of functions that are called for a quirk only."""
        live: set[str] = set()
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                self.enter(node)
                live |= {called(one) for one, _ in self.live(node, tree)}
        return {called(node) for node in ast.walk(tree)} - live


def called(node: ast.AST) -> str:
    """Return the function that a node calls by its bare name, or nothing."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def is_runtime(node: ast.expr) -> bool:
    """Return whether an expression is the runtime."""
    return isinstance(node, ast.Name) and node.id == RUNTIME


def _body(function: ast.FunctionDef) -> list[ast.stmt]:
    """Return what a function does, without its docstring."""
    return function.body[1:] if ast.get_docstring(function) is not None else function.body


def names(node: ast.AST) -> list[ast.Name]:
    """Return the variables in a node."""
    return [one for one in ast.walk(node) if isinstance(one, ast.Name)]


def is_stored(node: ast.Name | ast.Attribute) -> bool:
    """Return whether something gets a value where a node stands."""
    return isinstance(node.ctx, ast.Store)


def stored(node: ast.AST) -> list[ast.Name]:
    """Return where variables get a value in a node, in the order of the text."""
    found = [one for one in names(node) if is_stored(one)]
    return sorted(found, key=lambda one: (one.lineno, one.col_offset))
