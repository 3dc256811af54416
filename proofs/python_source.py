# SPDX-License-Identifier: GPL-2.0-only
"""The Python front end: the algorithm's source, its functions bound anew, its loops looked over.

The loop rule forgets what a turn leaves in local variables, so a loop may carry nothing from
one turn to the next but ``frame.result``; that is decided on the syntax tree.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, wraps
from types import CodeType, FunctionType, ModuleType
from typing import Never

from impl.multilevel.interface import RangeOp
from impl.quirk import Quirk, put_among
from proofs.paths import Unsupported
from proofs.program import Callables, Function
from proofs.symbolic import SymbolicRuntime

NOTHING: Mapping[str, Never] = {}

CARRIED: Mapping[str, tuple[str, ...]] = {
    "loop": ("frame.result",),
    "steps": ("walk.next", "walk.result"),
    "attempts": (),
    "set_bits": (),
}
"""Methods of the runtime that are loops carried out by an invariant, and what a turn may keep."""
LOOPS = frozenset(CARRIED)


class PythonProgram:
    """A Python module with the functions of a port's reference table.

    ``roles`` gives the module's own name of a function by its role, where it is another;
    ``loops`` the functions that loop over the slots of a table.
    ``replaced`` are put in the place of the module's own, as a quirk does; ``asking`` says which
    quirks replace a function, so that a proof tells on which it depends.
    """

    def __init__(
        self,
        name: str,
        source: str,
        roles: Mapping[str, str],
        loops: Mapping[str, RangeOp | None],
        replaced: Mapping[str, FunctionType] = NOTHING,
        asking: Mapping[str, frozenset[Quirk]] = NOTHING,
    ) -> None:
        """Take the module's source. Raises Unsupported where a loop carries undeclared state."""
        self.name = name
        self.roles = roles
        self.loops = loops
        self.source = source
        self.replaced = replaced
        self.asking = asking
        for function in replaced.values():
            check_loops(inspect.getsource(function))
        self._code = _compiled(name, source)

    def bind(self, contracts: Callables) -> Callables:
        """Return the functions, those in ``contracts`` replaced for their callers too."""
        module = ModuleType(self.name)
        exec(self._code, vars(module))
        put_among(self.replaced, vars(module))
        for name, quirks in self.asking.items():
            vars(module)[name] = _noting(vars(module)[name], quirks)
        functions = {name: member for name, member in vars(module).items() if callable(member)}
        vars(module).update(
            {self.roles.get(name, name): contract for name, contract in contracts.items()}
        )
        return functions | {role: functions[name] for role, name in self.roles.items()}


@cache
def _compiled(name: str, source: str) -> CodeType:
    """Return the code of a text whose loops were looked over; each lemma wants the same one."""
    check_loops(source)
    return compile(source, f"{name}.py", "exec")


def _noting(function: Function, quirks: frozenset[Quirk]) -> Function:
    """Return a function that notes for the proof which quirks would replace it."""

    @wraps(function)
    def noting(rt: SymbolicRuntime, *args: object) -> object:
        rt.consulted |= quirks
        return function(rt, *args)

    return noting


def check_loops(source: str) -> None:
    """Raise Unsupported where a loop of the runtime carries state from turn to turn.

    Such a loop is a ``for`` straight in a function, over a call of the runtime's method; its
    body has plain statements only and keeps nothing but ``frame.result``.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Global | ast.Nonlocal):
            raise Unsupported(f"line {node.lineno}: '{ast.unparse(node)}' may carry state")
    allowed = set()
    for function in tree.body:
        if isinstance(function, ast.FunctionDef):
            for loop in _loops(function.body):
                _check_loop(function, loop)
                allowed.add(loop.iter)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in LOOPS:
            uses = [call for call in allowed if isinstance(call, ast.Call) and call.func is node]
            if not uses:
                raise Unsupported(f"line {node.lineno}: '{node.attr}' is used outside a plain loop")


def _loops(body: list[ast.stmt]) -> Iterator[ast.For]:
    """Yield the runtime's loops of a function that are in no other loop."""
    for statement in body:
        if isinstance(statement, ast.For) and _rule(statement) is not None:
            yield statement
        elif isinstance(statement, ast.If):
            yield from _loops(statement.body)
            yield from _loops(statement.orelse)


def _rule(loop: ast.For) -> str | None:
    """Return which of the runtime's loops this is, None for an ordinary one."""
    call = loop.iter
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
        return call.func.attr if call.func.attr in LOOPS else None
    return None


_PLAIN = (
    ast.If, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr, ast.Return, ast.Continue,
    ast.Break, ast.Pass, ast.expr, ast.expr_context, ast.operator, ast.unaryop, ast.cmpop,
    ast.boolop, ast.keyword,
)  # fmt: skip
_REFUSED = (
    ast.NamedExpr, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
    ast.Yield, ast.YieldFrom, ast.Await, ast.List, ast.Dict, ast.Set, ast.Starred,
)  # fmt: skip


def _check_loop(function: ast.FunctionDef, loop: ast.For) -> None:
    where = f"{function.name}, line {loop.lineno}"
    if loop.orelse or not isinstance(loop.target, ast.Name):
        raise Unsupported(f"{where}: a loop has an 'else' or no plain variable")
    _check_frame(loop, where)
    for statement in loop.body:
        for node in ast.walk(statement):
            _check_node(node, CARRIED[_rule(loop) or ""], where)
    assigned = {name.id for name in _names(loop.body, ast.Store)} | _targets(loop.target)
    early = _read_before_written(loop.body, _targets(loop.target))[0] & assigned
    if early:
        raise Unsupported(f"{where}: a loop carries '{min(early)}' from turn to turn")
    if _rule(loop) != "attempts":
        later = {n.id for n in _names([function], ast.Load) if n.lineno > (loop.end_lineno or 0)}
        if later & assigned:
            raise Unsupported(f"{where}: '{min(later & assigned)}' of a loop is read after it")


def _check_frame(loop: ast.For, where: str) -> None:
    """Demand that ``rt.loop`` is given the name ``frame``, ``rt.steps`` the name ``walk``.

    Turns may change what these carry.
    """
    call = loop.iter
    assert isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)
    of_runtime = isinstance(call.func.value, ast.Name) and call.func.value.id == "rt"
    named = [arg.id if isinstance(arg, ast.Name) else "" for arg in call.args]
    rule = _rule(loop) or ""
    wanted = {kept.partition(".")[0] for kept in CARRIED[rule]}
    if not of_runtime or call.keywords or (wanted and {*named} != wanted) or len(named) > 1:
        raise Unsupported(f"{where}: a loop is not over the runtime's own frame")


def _check_node(node: ast.AST, kept: tuple[str, ...], where: str) -> None:
    """Refuse whatever in a loop's body could keep something for the next turn."""
    if isinstance(node, _REFUSED) or not isinstance(node, _PLAIN):
        raise Unsupported(f"{where}: a loop has a statement that may carry state")
    stored = isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store)
    if stored and ast.unparse(node) not in kept:
        raise Unsupported(f"{where}: a loop changes '{ast.unparse(node)}'")
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = node.func.value
        if not (isinstance(owner, ast.Name) and owner.id == "rt"):
            raise Unsupported(f"{where}: a loop calls '{ast.unparse(node.func)}'")


def _targets(node: ast.expr) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _names(nodes: Sequence[ast.AST], context: type[ast.expr_context]) -> Iterator[ast.Name]:
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
            case _:
                early |= {n.id for n in _names([statement], ast.Load)} - written
                if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
                    early |= {statement.target.id} - written
                written |= {n.id for n in _names([statement], ast.Store)}
    return early, written


def _leaves(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[-1], ast.Return | ast.Continue | ast.Break | ast.Raise)
