# SPDX-License-Identifier: GPL-2.0-only
"""Units of C as the interpreter executes them, on a machine without memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from proofs import terms
from proofs.c.interpreter import Interpreter
from proofs.c.purity import Purity
from proofs.c.run import Loop, Run, Signal
from proofs.c.syntax import reduced
from proofs.c.types import CType, Integer
from proofs.c.values import Int, Ptr, Value, converted, int_of
from proofs.evaluation import Model, evaluate
from proofs.paths import Path, PathEnd, Unsupported, explore
from proofs.terms import Term, Truth
from tests.proofs.c.compiled import Function, Target, declared, tree

WORD = Integer(8, False)


class Bare:
    """A machine without memory, without rules; keeps what is demanded."""

    def __init__(self) -> None:
        self.demanded: list[Term] = []

    def call(self, run: Run, name: str, args: list[Value]) -> Value:
        raise Unsupported(f"{name} has no body")

    def takes(self, run: Run, name: str, args: list[Value]) -> bool:
        return False

    def variable(self, run: Run, name: str, kind: CType) -> Ptr:
        raise Unsupported(f"the global variable {name}")

    def loop(self, run: Run, loop: Loop) -> Callable[[], Signal | None] | None:
        return None

    def endless(self, run: Run, loop: Loop) -> None:
        raise Unsupported("a loop of which no end is known")

    def demand(self, statement: str, goal: Truth) -> None:
        self.demanded.append(terms.truth(goal))
        if terms.truth(goal) is terms.FALSE:
            raise PathEnd


@dataclass
class Outcome:
    """A path of a call: what was demanded on it, and the result, None where it ended early."""

    path: Path
    demanded: list[Term]
    result: Term | None = None


class Compared:
    """A unit for one target, as the interpreter executes it."""

    def __init__(self, source: str, functions: Sequence[Function], target: Target) -> None:
        names = [one.name for one in functions]
        self.unit = reduced(declared(tree(source, target)), target.pointer, names)
        self.purity = Purity(self.unit)
        self._paths: dict[str, list[Outcome]] = {}

    def kinds(self, function: Function) -> list[Integer]:
        """Return the types of a function's parameters."""
        given = self.unit.functions[function.name].parameters
        parsed = [self.unit.types.parse(one.type) for one in given]
        kinds = [one for one in parsed if isinstance(one, Integer)]
        assert len(kinds) == len(function.parameters)
        return kinds

    def arguments(self, function: Function, given: Sequence[int]) -> list[Int]:
        """Return numbers converted to the types of the parameters."""
        kinds = self.kinds(function)
        return [converted(int_of(one, WORD), kind) for one, kind in zip(given, kinds, strict=True)]

    def open(self, function: Function) -> list[Int]:
        """Return open arguments ``a0``, ``a1``, ..."""
        kinds = enumerate(self.kinds(function))
        return [Int(terms.variable(f"a{at}", kind.width), kind) for at, kind in kinds]

    def called(self, function: Function, args: Sequence[Value]) -> list[Outcome]:
        """Return every path of a call."""
        found: list[Outcome] = []

        def run(path: Path) -> None:
            machine = Bare()
            found.append(Outcome(path, machine.demanded))
            result = Interpreter(self.unit, machine, self.purity).call(function.name, list(args))
            found[-1].result = widened(result)

        explore(run)
        return found

    def result(self, function: Function, given: Sequence[int], symbolic: bool) -> int:
        """Return the result of a call: of one with numbers, or of one with open arguments."""
        numbers = self.arguments(function, given)
        if not symbolic:
            outcomes = self.called(function, numbers)
            assert len(outcomes) == 1, f"{len(outcomes)} paths"
            found = outcomes[0].result
            assert found is None or found.op == "number", "not computed"
            return _evaluated(outcomes, {})
        if function.name not in self._paths:
            self._paths[function.name] = self.called(function, self.open(function))
        model: dict[str, Callable[..., int]] = {
            f"a{at}": lambda one=one: int(one.term.data) for at, one in enumerate(numbers)
        }
        return _evaluated(self._paths[function.name], model)


def _evaluated(outcomes: Sequence[Outcome], model: Model) -> int:
    """Return the result on the one path that a model takes."""
    live = [one for one in outcomes if all(evaluate(fact, model) for fact in one.path.premises)]
    assert len(live) == 1, f"{len(live)} paths of {len(outcomes)}"
    assert all(evaluate(goal, model) for goal in live[0].demanded), "not defined"
    assert live[0].result is not None, "no result"
    return evaluate(live[0].result, model)


def widened(value: Value) -> Term:
    """Return a result as compiled code returns it: converted to 64 bits."""
    assert isinstance(value, Int), value
    return converted(value, WORD).term


class Case(NamedTuple):
    """A unit whose function ``f``, given numbers, returns a number (or one for each width)."""

    text: str
    given: tuple[int, ...]
    expected: int | tuple[int, int]


def together(texts: Sequence[str]) -> tuple[str, list[Function]]:
    """Return many units with a function ``f`` each as one, and those functions."""
    found, functions = [], []
    for number, text in enumerate(texts):
        # Each unit has its own names for all that is not a keyword or a member.
        renamed = re.sub(r"\b(f|g|s|u|e|A|B|C|glob|pte_t|T)\b(?!\s*:)", rf"\g<1>{number}", text)
        found.append(renamed)
        match = re.search(rf"(\w+(?: \w+)*) f{number}\(([^)]*)\) {{", renamed)
        assert match, text
        given = [one.strip() for one in match[2].split(",") if one != "void"]
        kinds = tuple(one.rpartition(" ")[0] for one in given)
        functions.append(Function(f"f{number}", kinds, match[1]))
    return "\n".join(found) + "\n", functions
