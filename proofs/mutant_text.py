# SPDX-License-Identifier: GPL-2.0-only
"""The text of a module that is changed: where its nodes stand, and what runs of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

MODULE = "<module>"
"""In place of the function: a constant at the top of the module."""

RUNTIME = "rt"
"""The name of the runtime, which does all that has an effect."""

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
    """The text of a module, and where its nodes stand in it."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.tree = ast.parse(source)
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._lines = source.splitlines()
        self.functions = {n.name: n for n in self.tree.body if isinstance(n, ast.FunctionDef)}
        self.names = {
            n.id for top in self.tree.body if isinstance(top, ast.Assign) for n in names(top)
        } | {
            alias.asname or alias.name
            for top in self.tree.body
            if isinstance(top, ast.ImportFrom)
            for alias in top.names
        }

    def scopes(self) -> list[tuple[str, Scope]]:
        """Return what is changed: constants and functions."""
        return list(_scopes_of(self.tree))

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


def within(node: ast.AST, parent: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Yield each node that says what runs, with the node that it is part of.

    Docstrings and the types of variables are left out.
    """
    yield node, parent
    for child in _children(node):
        yield from within(child, node)


def _children(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.FunctionDef):
        return list(_body(node))
    if isinstance(node, ast.AnnAssign):
        return [node.value] if node.value else []
    return list(ast.iter_child_nodes(node))


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
    return [part for part in ast.walk(node) if isinstance(part, ast.Name)]


def is_stored(node: ast.Name | ast.Attribute) -> bool:
    """Return whether something gets a value where a node stands."""
    return isinstance(node.ctx, ast.Store)


def stored(node: ast.AST) -> list[ast.Name]:
    """Return where variables get a value in a node, in the order of the text."""
    found = [name for name in names(node) if is_stored(name)]
    return sorted(found, key=lambda name: (name.lineno, name.col_offset))
