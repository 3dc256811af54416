# SPDX-License-Identifier: GPL-2.0-only
"""The Python front end: the algorithm's source, its functions bound anew, its loops looked over.

The loop rule forgets what a turn leaves in local variables, so a loop may carry nothing from
one turn to the next but ``frame.result``; that is decided on the syntax tree.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from types import CodeType, ModuleType
from typing import Any

from impl.multilevel import table
from proofs.paths import Unsupported
from proofs.program import Callables

LOOPS = frozenset({"loop", "attempts", "set_bits"})
"""Methods of the runtime that are loops carried out by an invariant."""


class PythonProgram:
    """A Python module with the functions of ``impl.multilevel.table``."""

    def __init__(self, name: str, source: str) -> None:
        """Take the module's source. Raises Unsupported where a loop carries undeclared state."""
        self.name = name
        self.source = source
        check_loops(source)
        self._code: CodeType = compile(source, f"{name}.py", "exec")

    def bind(self, contracts: Callables) -> Callables:
        """Return the functions, those in ``contracts`` replaced for their callers too."""
        module = ModuleType(self.name)
        exec(self._code, vars(module))
        functions = {name: one for name, one in vars(module).items() if callable(one)}
        vars(module).update(contracts)
        return functions


def multilevel() -> PythonProgram:
    """Return the built-in table."""
    return PythonProgram("impl.multilevel.table", inspect.getsource(table))


def check_loops(source: str) -> None:
    """Raise Unsupported where a loop of the runtime carries state from turn to turn."""
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef):
            for node in ast.walk(function):
                if isinstance(node, ast.For) and _rule(node) is not None:
                    _check_loop(function, node)


def _rule(loop: ast.For) -> str | None:
    """Return which of the runtime's loops this is, None for an ordinary one."""
    call = loop.iter
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
        return call.func.attr if call.func.attr in LOOPS else None
    return None


def _check_loop(function: ast.FunctionDef, loop: ast.For) -> None:
    where = f"{function.name}, line {loop.lineno}"
    for node in ast.walk(loop):
        stored = isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store)
        if stored and ast.unparse(node) != "frame.result":
            raise Unsupported(f"{where}: a loop changes '{ast.unparse(node)}'")
        if isinstance(node, ast.Global | ast.Nonlocal | ast.NamedExpr | ast.Delete):
            raise Unsupported(f"{where}: a loop has a statement that may carry state")
    if loop.orelse:
        raise Unsupported(f"{where}: a loop has an 'else'")
    assigned = {name.id for name in _names(loop.body, ast.Store)}
    early = _read_before_written(loop.body, _targets(loop.target))[0] & assigned
    if early:
        raise Unsupported(f"{where}: a loop carries '{min(early)}' from turn to turn")
    if _rule(loop) != "attempts":
        later = {n.id for n in _names([function], ast.Load) if n.lineno > (loop.end_lineno or 0)}
        if later & (assigned | _targets(loop.target)):
            raise Unsupported(f"{where}: '{min(later & assigned)}' of a loop is read after it")


def _targets(node: ast.expr) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _names(nodes: list[Any], context: type[ast.expr_context]) -> Iterator[ast.Name]:
    for root in nodes:
        for node in ast.walk(root):
            if isinstance(node, ast.Name) and isinstance(node.ctx, context):
                yield node


def _read_before_written(body: list[ast.stmt], written: set[str]) -> tuple[set[str], set[str]]:
    """Return the names that may be read before ``body`` writes them, and those surely written."""
    early: set[str] = set()
    written = set(written)
    for statement in body:
        match statement:
            case ast.If():
                early |= {n.id for n in _names([statement.test], ast.Load)} - written
                one, after = _read_before_written(statement.body, written)
                two, other = _read_before_written(statement.orelse, written)
                early |= one | two
                ends = [_leaves(statement.body), _leaves(statement.orelse)]
                written |= other if ends[0] else after if ends[1] else after & other
            case ast.For() | ast.While() | ast.Try() | ast.With():
                early |= {n.id for n in _names([statement], ast.Load)} - written
            case _:
                early |= {n.id for n in _names([statement], ast.Load)} - written
                if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
                    early |= {statement.target.id} - written
                written |= {n.id for n in _names([statement], ast.Store)}
    return early, written


def _leaves(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], ast.Return | ast.Continue | ast.Break | ast.Raise)
