# SPDX-License-Identifier: GPL-2.0-only
"""Executes statements of C: blocks and jumps, conditions, loops, declarations, switches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from proofs import terms
from proofs.c.run import BREAK, CONTINUE, Loop, Run, Signal
from proofs.c.syntax import Node
from proofs.c.values import UNWRITTEN, Cell, Int, Missing, Value
from proofs.c.values import merged as merged_value
from proofs.paths import Unsupported
from proofs.terms import Truth

MAX_TURNS = 40_000
"""Turns of a loop with a known end after which the program counts as unsupported."""


def execute(run: Run, node: Node) -> Signal | None:
    """Execute a statement; returns how it ended, None for at its end."""
    statement = _STATEMENTS.get(node.kind)
    if statement is None:
        run.evaluate(node)
        return None
    return statement(run, node)


# Blocks, and jumps within them


def _jumps(node: Node | None, label: str) -> bool:
    """Return whether a statement has a jump to a label."""
    return node is not None and any(
        part.kind == "GotoStmt" and part.facts.get("targetLabelDeclId") == label
        for part in node.walk()
    )


def _label_at(statements: list[Node | None], label: str) -> int | None:
    for number, node in enumerate(statements):
        while node is not None and node.kind == "LabelStmt":
            if node.facts.get("declId") == label:
                return number
            node = node.inner[0]
    return None


def block(run: Run, statements: list[Node | None], first: int = 0) -> Signal | None:
    """Execute the statements of a block from ``first`` on, jumps within it included."""
    at = first
    while at < len(statements):
        node = statements[at]
        if node is not None and node.kind == "LabelStmt" and _jumped_back(run, node):
            return _labelled(run, statements, at)
        signal = run.execute(node)
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


def _jumped_back(run: Run, node: Node) -> bool:
    """Return whether a label is jumped to from behind it."""
    body = run.frame.function.body
    assert body is not None
    seen = False
    for part in body.walk():
        seen = seen or part is node
        target = part.facts.get("targetLabelDeclId") if part.kind == "GotoStmt" else None
        if seen and target is not None and target == node.facts.get("declId"):
            return True
    return False


def _labelled(run: Run, statements: list[Node | None], at: int) -> Signal | None:
    """Execute a loop that a jump back makes of the statements from a label on."""
    label = statements[at]
    assert label is not None
    name = str(label.facts.get("declId"))

    def body() -> Signal | None:
        return block(run, [*label.inner, *statements[at + 1 :]])

    # What stands behind the last jump back is not of the loop: nothing it does is seen again.
    last = max(number for number in range(at, len(statements)) if _jumps(statements[number], name))
    nodes = tuple(child for child in statements[at : last + 1] if child is not None)
    loop = Loop((*run.stack, name), None, body, lambda: None, nodes, label=name)
    rule = run.machine.loop(run, loop)
    if rule is None:
        run.machine.endless(run, loop)
        raise Unsupported("a loop made of jumps")
    signal = rule()
    if signal is not None and signal.kind == "goto":
        before = _label_at(statements[:at], signal.label)
        if before is not None:
            return block(run, statements, before)
    return signal


# Loops


def carry_out(run: Run, loop: Loop) -> Signal | None:
    """Execute a loop: turn by turn while its end is known, otherwise by the machine's rule."""
    rule = run.machine.loop(run, loop)
    if rule is not None:
        return rule()
    for turn in range(MAX_TURNS):
        if loop.test is not None and not (loop.late and turn == 0):
            going = run.known(loop.test())
            if going is None:
                run.machine.endless(run, loop)
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


def _declare(run: Run, node: Node) -> None:
    """Execute a declaration."""
    if node.kind in ("TypedefDecl", "EnumDecl"):
        raise Unsupported(f"the type {node.name} that only a function knows")
    if node.kind != "VarDecl":
        return
    kind = run.type(node.type)
    if node.facts.get("storageClass") in ("static", "extern"):
        raise Unsupported(f"the {node.facts['storageClass']} variable {node.name}")
    if any(child is not None and child.kind == "CleanupAttr" for child in node.inner):
        raise Unsupported(f"the variable {node.name} with a function that ends it")
    cell = Cell(node.name, kind)
    run.frame.cells[node.key] = cell
    if "init" in node.facts:
        value = run.evaluate(node.inner[-1], kind)
        cell.write(0, value, kind)


# One function for each statement


def _compound(run: Run, node: Node) -> Signal | None:
    return block(run, node.inner)


def _declarations(run: Run, node: Node) -> None:
    for child in node.inner:
        if child is not None:
            _declare(run, child)


def _nothing(run: Run, node: Node) -> None:
    return None


def _return(run: Run, node: Node) -> Signal:
    value = run.evaluate(node.inner[0]) if node.inner else None
    return Signal("return", value)


def _if(run: Run, node: Node) -> Signal | None:
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


def _if_merged(run: Run, condition: Truth, yes: Node | None, no: Node | None) -> bool:
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
    for where in [*yes, *(offset for offset in no if offset not in yes)]:
        one, other = yes.get(where, UNWRITTEN), no.get(where, UNWRITTEN)
        if one != other and (isinstance(one, Missing) or isinstance(other, Missing)):
            raise Unsupported("one branch gives a value, the other none")
        found[where] = merged_value(condition, one, other)
    return found


def _discard(run: Run, node: Node | None) -> None:
    run.execute(node)


def _for(run: Run, node: Node) -> Signal | None:
    first, variable, condition, step, body = node.inner
    if variable is not None:
        raise Unsupported("a declaration in a condition")
    run.execute(first)
    parts = tuple(part for part in (condition, step, body) if part is not None)

    def test() -> Truth:
        return run.truth(condition) if condition is not None else True

    return carry_out(
        run,
        Loop(
            (*run.stack, node.key),
            test,
            lambda: run.execute(body),
            lambda: _discard(run, step),
            parts,
        ),
    )


def _while(run: Run, node: Node) -> Signal | None:
    if len(node.inner) != 2:
        raise Unsupported("a declaration in a condition")
    condition, body = node.inner
    assert condition is not None
    return carry_out(run, _loop(run, node, condition, body))


def _do(run: Run, node: Node) -> Signal | None:
    body, condition = node.inner
    assert condition is not None
    if condition.kind == "IntegerLiteral" and condition.facts["value"] == "0":
        return _once(run, body)
    return carry_out(run, _loop(run, node, condition, body, late=True))


def _loop(run: Run, node: Node, condition: Node, body: Node | None, late: bool = False) -> Loop:
    """Return a loop of which nothing but its condition and its body is executed."""
    parts = tuple(part for part in node.inner if part is not None)
    key = (*run.stack, node.key)
    test = partial(run.truth, condition)
    return Loop(key, test, partial(run.execute, body), lambda: None, parts, late)


def _once(run: Run, body: Node | None) -> Signal | None:
    """Execute the body of ``do { } while (0)``."""
    signal = run.execute(body)
    return None if signal is BREAK or signal is CONTINUE else signal


def _goto(run: Run, node: Node) -> Signal:
    return Signal("goto", label=str(node.facts["targetLabelDeclId"]))


def _label(run: Run, node: Node) -> Signal | None:
    return run.execute(node.inner[0])


def _switch(run: Run, node: Node) -> Signal | None:
    subject = run.evaluate(node.inner[0])
    body = node.inner[-1]
    if body is None or body.kind != "CompoundStmt" or not isinstance(subject, Int):
        raise Unsupported("a switch of another shape")
    if _has_deeper_cases(body.inner):
        raise Unsupported("a case within another statement")
    start = _case(run, subject, body.inner)
    if start is None:
        return None
    signal = block(run, [_unlabelled(child) for child in body.inner], start)
    return None if signal is BREAK else signal


def _case(run: Run, subject: Int, statements: list[Node | None]) -> int | None:
    """Return the statement at which a switch begins, None where no case fits."""
    default: int | None = None
    for number, node in enumerate(statements):
        while node is not None and node.kind in ("CaseStmt", "DefaultStmt"):
            if node.kind == "DefaultStmt":
                default = number
            else:
                if len(node.inner) != 2:
                    raise Unsupported("a range of cases")
                value = run.evaluate(node.inner[0])
                if run.branch(terms.same(subject.term, value.term)):
                    return number
            node = node.inner[-1]
    return default


def _has_deeper_cases(statements: list[Node | None]) -> bool:
    """Return whether statements that belong to a switch have cases within."""
    pending = [_unlabelled(child) for child in statements]
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


_STATEMENTS: dict[str, Callable[[Run, Node], Signal | None]] = {
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
