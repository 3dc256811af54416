# SPDX-License-Identifier: GPL-2.0-only
"""Executes functions of a C unit on symbolic values, along the path that is being explored.

Statements and expressions are executed as the compiler typed them. A condition that is open
forks the path; one whose branches only compute is merged instead. Memory beyond variables,
functions without a body and loops without a known end are the machine's business.
"""

from __future__ import annotations

from proofs.c import expressions, statements
from proofs.c.run import Frame, Run, Signal
from proofs.c.syntax import FunctionNode, Node
from proofs.c.types import CType
from proofs.c.values import Cell, Value
from proofs.c.values import merged as merged_value
from proofs.paths import Mismatch, PathEnd, Unsupported, merged
from proofs.terms import Term, Truth

MAX_DEPTH = 60
"""Nested calls after which the program counts as unsupported."""


class Interpreter(Run):
    """A run that executes what it is given: the one of ``proofs.c.run`` that is complete."""

    # Calls

    def call(self, name: str, args: list[Value]) -> Value:
        """Call a function; returns its value. Raises Unsupported for what is not C's subset."""
        function = self.unit.functions.get(name)
        if function is None or function.body is None or self.machine.takes(self, name, args):
            return self.machine.call(self, name, args)
        if self.purity.forks(name):
            return self._merged(function, args)
        return self.enter(function, args)

    def enter(self, function: FunctionNode, args: list[Value]) -> Value:
        """Execute a function of the program."""
        if len(self.frames) >= MAX_DEPTH:
            raise Unsupported(f"{function.name} is called too deep")
        if len(args) != len(function.parameters) or function.body is None:
            raise Unsupported(f"{function.name} is called with other arguments than it has")
        self.entered.add(function.name)
        frame = Frame(function)
        for parameter, value in zip(function.parameters, args, strict=True):
            cell = Cell(parameter.name, self.type(parameter.type))
            cell.write(0, value, cell.type)
            frame.cells[parameter.key] = cell
        self.frames.append(frame)
        try:
            signal = self.execute(function.body)
        finally:
            self.frames.pop()
            for cell in frame.cells.values():
                cell.ended = True
        if signal is None:
            return None
        if signal.kind != "return":
            raise Unsupported(f"{function.name} jumps to where it cannot")
        return signal.value

    def _merged(self, function: FunctionNode, args: list[Value]) -> Value:
        """Execute a function that only computes; its forks are no forks of the path."""
        values: list[Value] = []

        def run() -> list[Truth | Term]:
            try:
                values.append(self.enter(function, args))
            except PathEnd:  # would end the path of the caller, which may go on elsewhere
                raise Unsupported(f"{function.name} is not defined everywhere") from None
            return []

        leaves = merged(run)
        result = values[-1]
        for (condition, _), value in zip(leaves[-2::-1], values[-2::-1], strict=True):
            result = merged_value(condition, value, result)
        return result

    # Expressions and statements

    def evaluate(self, node: Node | None, kind: CType | None = None) -> Value:
        """Return the value of an expression; ``kind`` is what an initialiser is for."""
        return expressions.evaluate(self, node, kind)

    def execute(self, node: Node | None) -> Signal | None:
        """Execute a statement; returns how it ended, None for at its end."""
        if node is None:
            return None
        try:
            return statements.execute(self, node)
        except Unsupported as problem:
            self._say_where(problem, node)
            raise

    def _say_where(self, problem: Unsupported, node: Node) -> None:
        """Put the place of the innermost statement in front of what is outside the subset."""
        function = self.frame.function
        if problem.placed or type(problem) not in (Unsupported, Mismatch):
            return
        offset = node.at - function.at if min(node.at, function.at) >= 0 else 0
        problem.put(self.unit.place(function.name, offset))
