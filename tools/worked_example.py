# SPDX-License-Identifier: GPL-2.0-only
"""Runs the engine on a few lines of C and writes down each step, for docs/proof.md.

Usage: ``python -m tools.worked_example`` writes the section of the page, and its picture, again.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path as File
from typing import NoReturn

from impl.kernel.declarations import declarations
from impl.kernel.ports.mips.code import MipsCode
from impl.kernel.toolchain import find
from proofs import terms
from proofs.c.interpreter import Interpreter
from proofs.c.run import Loop, Signal
from proofs.c.run import Run as Execution
from proofs.c.syntax import Node, Unit, reduced
from proofs.c.types import CType, Integer
from proofs.c.values import Int, Ptr, Value
from proofs.desk import Desk, Options
from proofs.engine import Proof, prove
from proofs.paths import Path, Unsupported
from proofs.smtlib import smtlib
from proofs.terms import Term, Truth
from tools.picture import LINE, Box, Picture, room_for
from tools.sections import ROOT, replaced

SOURCE = ROOT / "docs/example/slot.c"
PAGE = ROOT / "docs/proof.md"
PICTURE = ROOT / "docs/images/worked-example.svg"
FUNCTION = "slot_of"
RIGHT, WRONG = "& 511", "& 255"
"""What is changed in the C so that the promise is broken."""
PAGE_SHIFT, REACH_BITS, WIDTH = 12, 21, 32
_LANGUAGE = ("-std=gnu11", "-fwrapv", "-ffreestanding", "-w", "-fsyntax-only")


class Alone:
    """A machine around a function that needs none: whatever asks for it is refused."""

    def call(self, run: Execution, name: str, args: list[Value]) -> NoReturn:
        """Refuse a function without a body."""
        raise Unsupported(f"{name} has no body")

    def takes(self, run: Execution, name: str, args: list[Value]) -> bool:
        """Leave every call to the program."""
        return False

    def variable(self, run: Execution, name: str, kind: CType) -> Ptr:
        """Refuse a global variable."""
        raise Unsupported(f"the global variable {name}")

    def loop(self, run: Execution, loop: Loop) -> Callable[[], Signal | None] | None:
        """Have no rule for loops."""
        return None

    def endless(self, run: Execution, loop: Loop) -> None:
        """Refuse a loop without a known end."""
        raise Unsupported("a loop of which no end is known")

    def demand(self, statement: str, goal: Truth) -> None:
        """Take over what C leaves undefined as a promise."""


@dataclass(frozen=True)
class Taken:
    """A path that was explored: what is known on it, the result, and what is to be shown."""

    premises: tuple[Term, ...]
    result: Term
    goals: tuple[tuple[str, Truth], ...]
    query: str


@dataclass(frozen=True)
class Run:
    """What the engine made of the function."""

    tree: Node
    paths: tuple[Taken, ...]
    proof: Proof


def unit(source: str) -> Unit:
    """Return the C as Clang types it for 32-bit MIPS, reduced to the function."""
    chain = find()
    command = [*chain.compiler, *MipsCode().target(True, 32, True), *_LANGUAGE]
    command += ["-Xclang", "-ast-dump=json", "-x", "c", "-"]
    done = subprocess.run(command, input=source.encode(), capture_output=True, check=True)
    return reduced(declarations(done.stdout), 4, [FUNCTION])


def promises(gpa: Term, result: Term) -> list[tuple[str, str, Truth]]:
    """Return what the function promises: clause, statement, and the formula."""
    beyond = terms.at_most(1 << REACH_BITS, gpa)
    none = terms.same(result, terms.number(-1, WIDTH))
    begin = terms.multiply(result, 1 << PAGE_SHIFT)
    covered = terms.both(
        terms.at_most(begin, gpa), terms.less(terms.subtract(gpa, begin), 1 << PAGE_SHIFT)
    )
    return [
        ("reach", "an address at or beyond the reach has no slot", terms.implies(beyond, none)),
        ("exact", "the page of the slot has the address", terms.either(beyond, covered)),
    ]


def run(source: str) -> Run:
    """Execute the function on every path and have its promises decided."""
    given = unit(source)
    function = given.functions[FUNCTION]
    assert function.body is not None
    taken: list[Taken] = []

    def program(path: Path) -> None:
        gpa = path.fresh("gpa", WIDTH)
        path.show("gpa", gpa)
        kind = Integer(WIDTH // 8, False)
        value = Interpreter(given, Alone()).enter(function, [Int(gpa, kind)])
        assert isinstance(value, Int)
        wanted = promises(gpa, value.term)
        for clause, statement, goal in wanted:
            path.prove(clause, statement, goal)
        path.settle()
        goals = tuple((clause, goal) for clause, _, goal in wanted)
        query = smtlib(path.queries[-1].refutation) if path.queries else ""
        taken.append(Taken(tuple(path.premises), value.term, goals, query))

    proof = prove(FUNCTION, program, Desk(Options()), ["reach", "exact"])
    return Run(function.body, tuple(taken), proof)


# In words


def typed(node: Node, depth: int = 0) -> Iterator[str]:
    """Yield a typed tree, a line for each node."""
    facts = [str(node.facts[key]) for key in ("opcode", "castKind", "value") if key in node.facts]
    words = " ".join([node.kind, *facts, node.name]).strip()
    yield f"{'  ' * depth}{words}{f' : {node.type}' if node.type else ''}"
    for child in node.inner:
        if child is not None:
            yield from typed(child, depth + 1)


_SIGNS = {"and": " ∧ ", "or": " ∨ ", "=": " = ", "bvult": " < ", "bvadd": " + ", "bvsub": " - "}


def formula(term: Truth) -> str:
    """Return a term as people write it: ``x[20:12]`` are bits, ``·`` puts bits side by side."""
    if not isinstance(term, Term):
        return str(term).lower()
    args = [formula(arg) for arg in term.args]
    match term.op:
        case "number":
            return f"{term.data:#x}" if term.data > 9 else str(term.data)
        case "variable":
            return str(term.data)
        case "extract":
            high, low = term.data
            return f"{args[0]}[{high}:{low}]"
        case "concat":
            return " · ".join(_side_by_side(term))
        case "not":
            return f"¬{args[0]}" if args[0].startswith("(") else f"¬({args[0]})"
        case op if op in _SIGNS:
            return f"({_SIGNS[op].join(args)})"
    return term.op if not args else f"{term.op}({', '.join(args)})"


def _side_by_side(term: Term) -> Iterator[str]:
    if term.op == "concat":
        for arg in term.args:
            yield from _side_by_side(arg)
    else:
        yield f"{formula(term)}<{term.width}>" if term.op == "number" else formula(term)


def _body(source: str) -> list[str]:
    lines = source.splitlines()
    begin = next(n for n, line in enumerate(lines) if FUNCTION in line)
    return [line.replace("\t", "    ") for line in lines[begin:]]


def described(taken: Taken, number: int) -> list[str]:
    """Return what became of a path, line by line; paths are counted from 0."""
    lines = [f"path {number + 1}"]
    lines += [f"  known    {formula(premise)}" for premise in taken.premises]
    lines.append(f"  result   {formula(taken.result)}")
    for clause, goal in taken.goals:
        lines.append(f"  {clause:<8} {formula(goal)}")
    return lines


def _fenced(kind: str, lines: list[str]) -> str:
    return "\n".join([f"```{kind}", *lines, "```"])


def _decided(proof: Proof) -> list[str]:
    lines = []
    for clause in proof.clauses.values():
        line = f"{clause.name}: {clause.verdict}"
        if clause.values:  # which ones a solver picks is its own affair
            line += f", with a value of {', '.join(clause.values)} that shows it"
        lines.append(line)
    return lines


_SECTION = """\
From a line of C to the answer of a solver, with a function that is small enough to be shown whole.
It is ours (`docs/example/slot.c`); the kernel's functions go the same way. All that is shown here
was written by the engine.

![A line of C, its typed tree, a path, the obligation and the answer]({picture})

{code}

It makes two promises: an address at or beyond the reach of 2 MiB has no slot (`reach`), and the
page of the slot that it gives has the address (`exact`).

**The typed tree.** Clang says what each operator works on, and writes down every conversion. The
shift is one of unsigned numbers; the result is converted to `int` at the end.

{tree}

**Paths and terms.** The function is executed with an open value for `gpa`. The condition is open
as well, so each of its two truths is a path of its own. Terms are simplified as they are built: a
shift and a mask come down to the choice of some bits. `x[20:12]` are bits of x, `·` puts bits side
by side, `0<11>` are eleven zeros.

{paths}

A goal that is `true` when it is built needs no solver. Of the others, those of one path are asked
together.

**The obligation** of the last path: what is known on it, and that not all of its goals hold. A
solver is asked whether both can be.

{query}

**The answer** is `unsat`: they cannot. On every path that can be taken the goals follow, so the
promises hold:

{good}

With `{wrong}` in the place of `{right}`, the same question is answered by `sat`, and with a value.
It is a candidate; of the kernel's C, a run has to show it before it counts.

{bad}"""


def section() -> str:
    """Return the section of the page."""
    source = SOURCE.read_text(encoding="utf-8")
    good, bad = run(source), run(source.replace(RIGHT, WRONG))
    return _SECTION.format(
        picture=PICTURE.relative_to(PAGE.parent),
        code=_fenced("c", _body(source)),
        tree=_fenced("text", list(typed(good.tree))),
        paths=_fenced(
            "text", [line for n, path in enumerate(good.paths) for line in described(path, n)]
        ),
        query=_fenced("smt2", good.paths[-1].query.strip().splitlines()),
        good=_fenced("text", _decided(good.proof)),
        bad=_fenced("text", _decided(bad.proof)),
        right=RIGHT,
        wrong=WRONG,
    )


def picture() -> str:
    """Return the picture: each step in a box, from the C to the answer."""
    source = SOURCE.read_text(encoding="utf-8")
    good = run(source)
    taken = good.paths[-1]
    asked = [formula(goal) for _, goal in taken.goals if terms.truth(goal) is not terms.TRUE]
    branch = [node for node in good.tree.inner if node is not None][-1]
    known = [formula(premise) for premise in taken.premises]
    answer = Desk(Options()).decide(taken.query).answer
    steps = [
        ("C", _body(source)),
        ("typed tree (of the last line)", list(typed(branch))),
        (
            f"path {len(good.paths)} of {len(good.paths)}",
            [*known, f"result = {formula(taken.result)}"],
        ),
        ("obligation", [*known, "and not all of", *[f"  {goal}" for goal in asked]]),
        ("answer", [f"{answer}: {', '.join(_decided(good.proof))}"]),
    ]
    rooms = [room_for(lines) for _, lines in steps]
    width = max(size for size, _ in rooms) + 2 * LINE
    gap = 26
    height = sum(size for _, size in rooms) + gap * (len(rooms) - 1) + 2 * LINE
    drawn = Picture(width, height, "From a line of C to the answer of a solver")
    y = float(LINE)
    for number, ((head, lines), (_, tall)) in enumerate(zip(steps, rooms, strict=True)):
        at = Box(LINE, y, width - 2 * LINE, tall)
        drawn.code(at, head, lines)
        if number + 1 < len(steps):
            drawn.arrow(at.middle, at.bottom, at.middle, at.bottom + gap)
        y = at.bottom + gap
    return drawn.svg()


def made() -> dict[File, str]:
    """Return the files that this makes, as they should be."""
    page = replaced(PAGE.read_text(encoding="utf-8"), "worked example", section())
    return {PAGE: page, PICTURE: picture()}


def main(arguments: list[str]) -> str:
    """Write the files, or with ``--check`` return which of them are not as they should be."""
    stale = [str(path) for path, text in made().items() if path.read_text("utf-8") != text]
    if arguments == ["--check"]:
        return f"not as they should be: {', '.join(stale)}" if stale else ""
    for path, text in made().items():
        path.write_text(text, encoding="utf-8")
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) or 0)
