# SPDX-License-Identifier: GPL-2.0-only
"""A run of a C program as its parts see it: calls, variables, decisions, and the machine around it.

Places, initial values, operators, expressions and statements know this class only; what carries
them out together is ``proofs.c.interpreter``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from proofs import terms
from proofs.c import types
from proofs.c.purity import Purity, assigned
from proofs.c.syntax import FunctionNode, Node, Unit
from proofs.c.types import CType
from proofs.c.values import Cell, Ptr, Value, is_true
from proofs.paths import current
from proofs.terms import Term, Truth


@dataclass(frozen=True)
class Signal:
    """How a statement ends, if not at its end: break, continue, return or goto."""

    kind: str
    value: Value = None
    label: str = ""


BREAK = Signal("break")
CONTINUE = Signal("continue")


@dataclass
class Frame:
    """A call that is being executed: its function and its variables by declaration."""

    function: FunctionNode
    cells: dict[str, Cell] = field(default_factory=dict)


@dataclass
class Loop:
    """A loop to be carried out: ``test`` gives its condition (None: it has none).

    ``body`` executes a turn and returns how it ended; ``step`` is what follows a turn.
    ``nodes`` are the parts in which variables may be changed. A ``late`` loop tests after the
    turn.
    """

    key: tuple[str, ...]
    test: Callable[[], Truth] | None
    body: Callable[[], Signal | None]
    step: Callable[[], None]
    nodes: tuple[Node, ...]
    late: bool = False
    label: str = ""

    def goes_on(self, signal: Signal | None) -> bool:
        """Return whether a turn ended in such a way that the next one follows."""
        if signal is None or signal is CONTINUE:
            return True
        return signal.kind == "goto" and signal.label == self.label and self.label != ""


class Machine(Protocol):
    """What surrounds the program: memory, functions without a body, rules for loops."""

    def call(self, run: Run, name: str, args: list[Value]) -> Value:
        """Carry out a function that the program does not define, or that is not to be entered.

        Raises Unsupported where nothing is known of it.
        """
        ...

    def takes(self, run: Run, name: str, args: list[Value]) -> bool:
        """Return whether the machine carries out the call, although the program could."""
        ...

    def variable(self, run: Run, name: str, kind: types.CType) -> Ptr:
        """Return where a global variable is. Raises Unsupported where that is not known."""
        ...

    def loop(self, run: Run, loop: Loop) -> Callable[[], Signal | None] | None:
        """Return what carries out a loop by a rule, None where its turns are to be executed."""
        ...

    def endless(self, run: Run, loop: Loop) -> None:
        """Be told of a loop whose end is not known; raises."""
        ...

    def demand(self, statement: str, goal: Truth) -> None:
        """Demand that an operation is defined; the path ends where it never is."""
        ...


class Run(ABC):
    """One run of a program: its unit, the machine, and the calls that are being executed."""

    def __init__(self, unit: Unit, machine: Machine, purity: Purity | None = None) -> None:
        self.unit = unit
        self.machine = machine
        self.frames: list[Frame] = []
        self.entered: set[str] = set()
        self.purity = purity or Purity(unit)
        self.word = types.Integer(unit.pointer, signed=False)

    @abstractmethod
    def evaluate(self, node: Node | None, kind: CType | None = None) -> Value:
        """Return the value of an expression; ``kind`` is what an initialiser is for."""

    @abstractmethod
    def execute(self, node: Node | None) -> Signal | None:
        """Execute a statement; returns how it ended, None for at its end."""

    @abstractmethod
    def call(self, name: str, args: list[Value]) -> Value:
        """Call a function; returns its value. Raises Unsupported for what is not C's subset."""

    @property
    def frame(self) -> Frame:
        """The call that is being executed."""
        return self.frames[-1]

    @property
    def stack(self) -> tuple[str, ...]:
        """The names of the functions that are being executed."""
        return tuple(frame.function.name for frame in self.frames)

    def type(self, text: str) -> types.CType:
        """Return a type of the unit."""
        return self.unit.types.parse(text)

    def truth(self, node: Node) -> Truth:
        """Return the truth of an expression."""
        return is_true(self.evaluate(node))

    def known(self, condition: Truth) -> bool | None:
        """Return a condition where the path has decided it, None where it is open."""
        if not isinstance(condition, Term):
            return condition
        if condition is terms.TRUE or condition is terms.FALSE:
            return condition is terms.TRUE
        return current().known.get(condition.uid)

    def branch(self, condition: Truth) -> bool:
        """Return a condition; where it is open, both on paths of their own."""
        return current().branch(condition)

    def assigned(self, nodes: tuple[Node, ...]) -> dict[str, Cell]:
        """Return the variables, by place and declaration, that a loop may change."""
        written: set[str] = set()
        through = False
        for root in nodes:
            for node in root.walk():
                target = assigned(node)
                if target is not None:
                    direct = _variable(target)
                    written |= {direct} if direct else set()
                    through = through or not direct
                through = through or node.kind == "CallExpr"
                written.add(_named_address(node))
        found: dict[str, Cell] = {}
        for number, frame in enumerate(self.frames):
            for key, cell in frame.cells.items():
                mine = frame is self.frame and key in written
                if mine or (through and cell.escaped):
                    found[f"{number}:{key}"] = cell
        return found


def _named_address(node: Node) -> str:
    """Return the variable whose address an expression takes, '' where it takes none.

    What an address was taken of in the loop, may be changed through it.
    """
    taken = node.kind == "UnaryOperator" and node.facts["opcode"] == "&"
    if taken or node.facts.get("castKind") == "ArrayToPointerDecay":
        return _variable(node.inner[0])
    return ""


def _variable(node: Node | None) -> str:
    """Return the declaration of the variable of which ``node`` is a part, '' for other memory."""
    while node is not None:
        if node.kind == "DeclRefExpr":
            return node.ref
        if node.kind == "MemberExpr" and not node.facts.get("isArrow"):
            node = node.inner[0]
        elif node.kind == "ArraySubscriptExpr":
            base = node.inner[0]
            if base is None or base.facts.get("castKind") != "ArrayToPointerDecay":
                return ""
            node = base.inner[0]
        else:
            return ""
    return ""
