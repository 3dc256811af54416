# SPDX-License-Identifier: GPL-2.0-only
"""Executes functions of a C unit on symbolic values, along the path that is being explored.

Statements and expressions are executed as the compiler typed them. A condition that is open
forks the path; one whose branches only compute is merged instead. Memory beyond variables,
functions without a body and loops without a known end are the machine's business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from proofs import terms
from proofs.c import expressions, types
from proofs.c.purity import Purity, assigned
from proofs.c.syntax import FunctionNode, Node, Unit
from proofs.c.values import UNWRITTEN, Cell, Int, Missing, Ptr, Value, is_true
from proofs.c.values import merged as merged_value
from proofs.paths import PathEnd, Unsupported, current, merged
from proofs.terms import Term, Truth

MAX_TURNS = 40_000
"""Turns of a loop with a known end after which the program counts as unsupported."""
MAX_DEPTH = 60
"""Nested calls after which the program counts as unsupported."""


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

    def call(self, run: Interpreter, name: str, args: list[Value]) -> Value:
        """Carry out a function that the program does not define, or that is not to be entered.

        Raises Unsupported where nothing is known of it.
        """
        ...

    def takes(self, run: Interpreter, name: str, args: list[Value]) -> bool:
        """Return whether the machine carries out the call, although the program could."""
        ...

    def variable(self, run: Interpreter, name: str, kind: types.CType) -> Ptr:
        """Return where a global variable is. Raises Unsupported where that is not known."""
        ...

    def loop(self, run: Interpreter, loop: Loop) -> Callable[[], Signal | None] | None:
        """Return what carries out a loop by a rule, None where its turns are to be executed."""
        ...

    def endless(self, run: Interpreter, loop: Loop) -> None:
        """Be told of a loop whose end is not known; raises."""
        ...

    def demand(self, statement: str, goal: Truth) -> None:
        """Demand that an operation is defined; the path ends where it never is."""
        ...


class Interpreter:
    """One run of a program."""

    def __init__(self, unit: Unit, machine: Machine, purity: Purity | None = None) -> None:
        self.unit = unit
        self.machine = machine
        self.frames: list[Frame] = []
        self.entered: set[str] = set()
        self.purity = purity or Purity(unit)
        self.word = types.Integer(unit.pointer, False)

    @property
    def frame(self) -> Frame:
        """The call that is being executed."""
        return self.frames[-1]

    @property
    def stack(self) -> tuple[str, ...]:
        """The names of the functions that are being executed."""
        return tuple(one.function.name for one in self.frames)

    def type(self, text: str) -> types.CType:
        """Return a type of the unit."""
        return self.unit.types.parse(text)

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

    # Statements

    def execute(self, node: Node | None) -> Signal | None:
        """Execute a statement; returns how it ended, None for at its end."""
        if node is None:
            return None
        found = _STATEMENTS.get(node.kind)
        try:
            if found is None:
                expressions.evaluate(self, node)
                return None
            signal: Signal | None = found(self, node)
        except Unsupported as problem:
            self._say_where(problem, node)
            raise
        return signal

    def _say_where(self, problem: Unsupported, node: Node) -> None:
        """Put the place of the innermost statement in front of what is outside the subset."""
        function = self.frame.function
        if problem.placed or type(problem) is not Unsupported:
            return
        offset = node.at - function.at if min(node.at, function.at) >= 0 else 0
        problem.args = (f"{self.unit.place(function.name, offset)}: {problem}",)
        problem.placed = True

    def truth(self, node: Node) -> Truth:
        """Return the truth of an expression."""
        return is_true(expressions.evaluate(self, node))

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

    def block(self, statements: list[Node | None], first: int = 0) -> Signal | None:
        """Execute the statements of a block from ``first`` on, jumps within it included."""
        at = first
        while at < len(statements):
            node = statements[at]
            if node is not None and node.kind == "LabelStmt" and self._jumped_back(node):
                return self._labelled(statements, at)
            signal = self.execute(node)
            if signal is not None and signal.kind == "goto":
                target = _label_at(statements, signal.label)
                if target is None:
                    return signal
                at = target
                continue
            if signal is not None:
                return signal
            at += 1
        return None

    def _jumped_back(self, node: Node) -> bool:
        """Return whether a label is jumped to from behind it."""
        body = self.frame.function.body
        assert body is not None
        seen = False
        for one in body.walk():
            seen = seen or one is node
            target = one.facts.get("targetLabelDeclId") if one.kind == "GotoStmt" else None
            if seen and target is not None and target == node.facts.get("declId"):
                return True
        return False

    def _labelled(self, statements: list[Node | None], at: int) -> Signal | None:
        """Execute a loop that a jump back makes of the statements from a label on."""
        label = statements[at]
        assert label is not None
        name = str(label.facts.get("declId"))

        def body() -> Signal | None:
            return self.block([*label.inner, *statements[at + 1 :]])

        # What stands behind the last jump back is not of the loop: nothing it does is seen again.
        last = max(
            number for number in range(at, len(statements)) if _jumps(statements[number], name)
        )
        nodes = tuple(one for one in statements[at : last + 1] if one is not None)
        loop = Loop((*self.stack, name), None, body, lambda: None, nodes, label=name)
        rule = self.machine.loop(self, loop)
        if rule is None:
            self.machine.endless(self, loop)
            raise Unsupported("a loop made of jumps")
        signal = rule()
        if signal is not None and signal.kind == "goto":
            before = _label_at(statements[:at], signal.label)
            if before is not None:
                return self.block(statements, before)
        return signal

    def declare(self, node: Node) -> None:
        """Execute a declaration."""
        if node.kind in ("TypedefDecl", "EnumDecl"):
            raise Unsupported(f"the type {node.name} that only a function knows")
        if node.kind != "VarDecl":
            return
        kind = self.type(node.type)
        if node.facts.get("storageClass") in ("static", "extern"):
            raise Unsupported(f"the {node.facts['storageClass']} variable {node.name}")
        if any(one is not None and one.kind == "CleanupAttr" for one in node.inner):
            raise Unsupported(f"the variable {node.name} with a function that ends it")
        cell = Cell(node.name, kind)
        self.frame.cells[node.key] = cell
        if "init" in node.facts:
            value = expressions.evaluate(self, node.inner[-1], kind)
            cell.write(0, value, kind)

    def loop(self, loop: Loop) -> Signal | None:
        """Execute a loop: turn by turn while its end is known, otherwise by the machine's rule."""
        rule = self.machine.loop(self, loop)
        if rule is not None:
            return rule()
        for turn in range(MAX_TURNS):
            if loop.test is not None and not (loop.late and turn == 0):
                going = self.known(loop.test())
                if going is None:
                    self.machine.endless(self, loop)
                    raise Unsupported("a loop of which no end is known")
                if not going:
                    return None
            signal = loop.body()
            if signal is BREAK:
                return None
            if signal is not None and signal is not CONTINUE:
                return signal
            loop.step()
        raise Unsupported(f"a loop takes more than {MAX_TURNS} turns")

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


def _jumps(node: Node | None, label: str) -> bool:
    """Return whether a statement has a jump to a label."""
    return node is not None and any(
        one.kind == "GotoStmt" and one.facts.get("targetLabelDeclId") == label
        for one in node.walk()
    )


def _label_at(statements: list[Node | None], label: str) -> int | None:
    for number, node in enumerate(statements):
        while node is not None and node.kind == "LabelStmt":
            if node.facts.get("declId") == label:
                return number
            node = node.inner[0]
    return None


# One function for each statement


def _compound(run: Interpreter, node: Node) -> Signal | None:
    return run.block(node.inner)


def _declarations(run: Interpreter, node: Node) -> None:
    for one in node.inner:
        if one is not None:
            run.declare(one)


def _nothing(run: Interpreter, node: Node) -> None:
    return None


def _return(run: Interpreter, node: Node) -> Signal:
    value = expressions.evaluate(run, node.inner[0]) if node.inner else None
    return Signal("return", value)


def _if(run: Interpreter, node: Node) -> Signal | None:
    if node.facts.get("hasInit") or node.facts.get("hasVar"):
        raise Unsupported("a declaration in a condition")
    yes = node.inner[1]
    no = node.inner[2] if len(node.inner) > 2 else None
    assert node.inner[0] is not None
    condition = run.truth(node.inner[0])
    known = run.known(condition)
    computes = known is None and run.purity.computes(yes) and run.purity.computes(no)
    if computes and _if_merged(run, condition, yes, no):
        return None
    taken = run.branch(condition) if known is None else known
    return run.execute(yes if taken else no)


def _if_merged(run: Interpreter, condition: Truth, yes: Node | None, no: Node | None) -> bool:
    """Execute both branches, which only change variables, and merge what they leave.

    Returns false, with nothing changed, where that is no single value.
    """
    keys = run.purity.written(yes) | run.purity.written(no)
    cells = {key: run.frame.cells[key] for key in keys if key in run.frame.cells}
    before = {key: dict(cell.leaves) for key, cell in cells.items()}
    try:
        run.execute(yes)
        after = {key: dict(cell.leaves) for key, cell in cells.items()}
        _restore(cells, before)
        run.execute(no)
        for key, cell in cells.items():
            cell.leaves = _merged_leaves(condition, after[key], cell.leaves)
    except Unsupported:
        _restore(cells, before)
        return False
    return True


def _restore(cells: dict[str, Cell], leaves: dict[str, dict[int, Value]]) -> None:
    for key, cell in cells.items():
        cell.leaves = dict(leaves[key])


def _merged_leaves(
    condition: Truth, yes: Mapping[int, Value], no: Mapping[int, Value]
) -> dict[int, Value]:
    found: dict[int, Value] = {}
    for where in [*yes, *(one for one in no if one not in yes)]:
        one, other = yes.get(where, UNWRITTEN), no.get(where, UNWRITTEN)
        if one != other and (isinstance(one, Missing) or isinstance(other, Missing)):
            raise Unsupported("one branch gives a value, the other none")
        found[where] = merged_value(condition, one, other)
    return found


def _discard(run: Interpreter, node: Node | None) -> None:
    run.execute(node)


def _for(run: Interpreter, node: Node) -> Signal | None:
    first, variable, condition, step, body = node.inner
    if variable is not None:
        raise Unsupported("a declaration in a condition")
    run.execute(first)
    parts = tuple(one for one in (condition, step, body) if one is not None)

    def test() -> Truth:
        return run.truth(condition) if condition is not None else True

    return run.loop(
        Loop(
            (*run.stack, node.key),
            test,
            lambda: run.execute(body),
            lambda: _discard(run, step),
            parts,
        )
    )


def _while(run: Interpreter, node: Node) -> Signal | None:
    if len(node.inner) != 2:
        raise Unsupported("a declaration in a condition")
    condition, body = node.inner
    assert condition is not None
    parts = tuple(one for one in node.inner if one is not None)
    key = (*run.stack, node.key)
    test = lambda: run.truth(condition)  # noqa: E731
    return run.loop(Loop(key, test, lambda: run.execute(body), lambda: None, parts))


def _do(run: Interpreter, node: Node) -> Signal | None:
    body, condition = node.inner
    assert condition is not None
    if condition.kind == "IntegerLiteral" and condition.facts["value"] == "0":
        return _once(run, body)
    parts = tuple(one for one in node.inner if one is not None)
    key = (*run.stack, node.key)
    test = lambda: run.truth(condition)  # noqa: E731
    return run.loop(Loop(key, test, lambda: run.execute(body), lambda: None, parts, late=True))


def _once(run: Interpreter, body: Node | None) -> Signal | None:
    """Execute the body of ``do { } while (0)``."""
    signal = run.execute(body)
    return None if signal is BREAK or signal is CONTINUE else signal


def _goto(run: Interpreter, node: Node) -> Signal:
    return Signal("goto", label=str(node.facts["targetLabelDeclId"]))


def _label(run: Interpreter, node: Node) -> Signal | None:
    return run.execute(node.inner[0])


def _switch(run: Interpreter, node: Node) -> Signal | None:
    subject = expressions.evaluate(run, node.inner[0])
    body = node.inner[-1]
    if body is None or body.kind != "CompoundStmt" or not isinstance(subject, Int):
        raise Unsupported("a switch of another shape")
    if _has_deeper_cases(body.inner):
        raise Unsupported("a case within another statement")
    start = _case(run, subject, body.inner)
    if start is None:
        return None
    signal = run.block([_unlabelled(one) for one in body.inner], start)
    return None if signal is BREAK else signal


def _case(run: Interpreter, subject: Int, statements: list[Node | None]) -> int | None:
    """Return the statement at which a switch begins, None where no case fits."""
    default: int | None = None
    for number, node in enumerate(statements):
        while node is not None and node.kind in ("CaseStmt", "DefaultStmt"):
            if node.kind == "DefaultStmt":
                default = number
            else:
                if len(node.inner) != 2:
                    raise Unsupported("a range of cases")
                value = expressions.evaluate(run, node.inner[0])
                if run.branch(terms.same(subject.term, value.term)):
                    return number
            node = node.inner[-1]
    return default


def _has_deeper_cases(statements: list[Node | None]) -> bool:
    """Return whether statements that belong to a switch have cases within."""
    pending = [_unlabelled(one) for one in statements]
    while pending:
        node = pending.pop()
        if node is None or node.kind == "SwitchStmt":
            continue
        if node.kind in ("CaseStmt", "DefaultStmt"):
            return True
        pending += node.inner
    return False


def _unlabelled(node: Node | None) -> Node | None:
    while node is not None and node.kind in ("CaseStmt", "DefaultStmt"):
        node = node.inner[-1]
    return node


_STATEMENTS: dict[str, Callable[[Interpreter, Node], Any]] = {
    "CompoundStmt": _compound,
    "DeclStmt": _declarations,
    "NullStmt": _nothing,
    "ReturnStmt": _return,
    "IfStmt": _if,
    "ForStmt": _for,
    "WhileStmt": _while,
    "DoStmt": _do,
    "BreakStmt": lambda run, node: BREAK,
    "ContinueStmt": lambda run, node: CONTINUE,
    "GotoStmt": _goto,
    "LabelStmt": _label,
    "SwitchStmt": _switch,
}
