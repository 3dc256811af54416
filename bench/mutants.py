# SPDX-License-Identifier: GPL-2.0-only
"""Tries mutants of the multi-level table on its proof: which clause, if any, notices each one.

Run as ``python -m bench.mutants``. A mutant is killed where a clause of a lemma does not hold,
or where the front end has no rule for what it does; what survives is listed.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache, cached_property, partial, wraps
from pathlib import Path as File
from types import FunctionType, ModuleType
from typing import Any

from impl.multilevel import MultiLevel, index, pte, table
from model.layout import Layout
from model.operations import Kind
from model.ports import layout as layout_named
from proofs.desk import Desk, Options
from proofs.engine import (
    HOLDS,
    OPEN,
    REFUTED,
    UNSUPPORTED,
    VACUOUS,
    Proof,
    prove,
)
from proofs.lemmas.base import Lemma, setting
from proofs.mutants import MODULE, Mutant, mutants_of
from proofs.paths import Path, PathEnd, Unsupported, explore
from proofs.ports.mips.table import LOOPS, ROLES
from proofs.ports.mips.table_lemmas import ENTRY_CLAUSES, lemmas
from proofs.program import Callables
from proofs.python_source import PythonProgram
from proofs.solvers import STRATEGIES, UNKNOWN, Decision, Z3Query
from slatcheck.judge.candidates import confirm
from slatcheck.search.campaign import Search

LAYOUTS = ("mips32-64k", "mips64-4k", "mips64-4k-va48")
"""A layout of 2, of 3 and of 4 levels."""

MODULES = {module.__name__.rpartition(".")[2]: module for module in (table, index, pte)}
"""The modules that are changed."""

CRASH = "crash"
"""The clause that a function ends without an exception of Python's."""

SURVIVES = "survives"
"""What is said of a mutant for which every clause holds."""

NOT_REACHED = "not reached"
"""What is said of a mutant that no lemma runs."""

TURNS = 100
"""Turns of a ``while`` on one path after which the program counts as unsupported."""

FALLBACK = 6_000
"""Operations of the search that compares a survivor with the specification."""


@cache
def source_of(module: str) -> str:
    """Return the text of one of the modules that are changed."""
    return inspect.getsource(MODULES[module])


@cache
def all_mutants() -> tuple[tuple[str, Mutant], ...]:
    """Return every mutant made by rule, with the module that it changes."""
    return tuple((name, mutant) for name in MODULES for mutant in mutants_of(source_of(name)))


def by_hand(name: str, module: str, before: str, after: str, nth: int = 1) -> tuple[str, Mutant]:
    """Return the mutant that replaces the ``nth`` place where ``before`` stands in a module."""
    source = source_of(module)
    at = -1
    for _ in range(nth):
        at = source.find(before, at + 1)
        if at < 0:
            raise ValueError(f"{name}: '{before}' is not in impl.multilevel.{module}")
    line = source.count("\n", 0, at) + 1
    function = MODULE
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or 0):
            function = node.name
    changed = source[:at] + after + source[at + len(before) :]
    return module, Mutant(name, function, "by-hand", line, before, after, changed)


def planted(name: str, function: str, statement: str, loop: bool = False) -> tuple[str, Mutant]:
    """Return the mutant of the table that begins a function, or its loop, with a statement."""
    source = source_of("table")
    (found,) = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef) and node.name == function
    ]
    body = found.body[1:]
    if loop:
        body = next(node for node in body if isinstance(node, ast.For)).body
    lines = source.splitlines(keepends=True)
    at = body[0].lineno - 1
    line = f"{' ' * body[0].col_offset}{statement}\n"
    changed = "".join([*lines[:at], line, *lines[at:]])
    return "table", Mutant(name, function, "by-hand", at + 1, "", statement, changed)


# The program


class _Bounded(ast.NodeTransformer):
    """Lets every ``while`` count its turns."""

    def visit_While(self, node: ast.While) -> ast.While:
        """Put a call of the counter before the body."""
        self.generic_visit(node)
        call = ast.Call(ast.Name("_turn", ast.Load()), [], [])
        node.body.insert(0, ast.fix_missing_locations(ast.copy_location(ast.Expr(call), node)))
        return node


class Changed(PythonProgram):
    """The table with other helpers; tells which functions are called, and ends endless loops."""

    def __init__(self, source: str, helpers: Callables, called: set[str] | None = None) -> None:
        """Take the table's source. Raises Unsupported where a loop carries undeclared state."""
        super().__init__("mutant", source, ROLES, LOOPS)
        self._code = compile(_Bounded().visit(ast.parse(source)), "mutant.py", "exec")
        self._helpers = helpers
        self._called = called

    def bind(self, contracts: Callables) -> Callables:
        """Return the functions, those in ``contracts`` replaced for their callers too."""
        module = ModuleType(self.name)
        left = TURNS

        def turn() -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Unsupported(f"more than {TURNS} turns of a loop that has no rule")

        exec(self._code, vars(module))
        vars(module).update(self._helpers)
        if self._called is not None:
            _tell(module, self._called)
        functions = {name: value for name, value in vars(module).items() if callable(value)}
        replaced = {self.roles.get(name, name): contract for name, contract in contracts.items()}
        vars(module).update({"_turn": turn}, **replaced)
        return functions | {role: functions[name] for role, name in self.roles.items()}


def _tell(module: ModuleType, called: set[str]) -> None:
    """Let every function of a module tell its name when it is called."""
    for name, value in list(vars(module).items()):
        if isinstance(value, FunctionType):
            setattr(module, name, _telling(name, value, called))


def _telling(name: str, function: Callable[..., Any], called: set[str]) -> Callable[..., Any]:
    @wraps(function)
    def wrapper(*args: Any, **named: Any) -> Any:
        called.add(name)
        return function(*args, **named)

    return wrapper


def _functions(source: str) -> dict[str, Any]:
    """Return the functions that the text of a module defines."""
    module = ModuleType("changed")
    exec(compile(source, "changed.py", "exec"), vars(module))
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, FunctionType) and value.__module__ == "changed"
    }


@contextmanager
def _replaced(module: ModuleType, functions: Callables) -> Iterator[None]:
    """Put other functions into a module for a while."""
    usual = {name: getattr(module, name) for name in functions}
    vars(module).update(functions)
    try:
        yield
    finally:
        vars(module).update(usual)


@contextmanager
def _in_place(module: str, mutant: Mutant) -> Iterator[ModuleType]:
    """Give the algorithm with a mutant in it; entry helpers are changed where all find them."""
    changed = ModuleType("mutant")
    text = mutant.source if module == "table" else source_of("table")
    exec(compile(text, "mutant.py", "exec"), vars(changed))
    functions = _functions(mutant.source) if module != "table" else {}
    if module == "index":
        vars(changed).update(functions)
    with _replaced(pte, functions if module == "pte" else {}):
        yield changed


# Verdicts


@dataclass(frozen=True)
class Failure:
    """A clause of a lemma that does not hold of a mutant."""

    lemma: str
    clause: str
    kind: str
    reason: str
    values: dict[str, int] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant on a layout: how it was killed, or that it survives."""

    mutant: str
    layout: str
    kind: str
    failures: tuple[Failure, ...]
    seconds: float

    @property
    def killed(self) -> bool:
        """Whether the proof noticed it."""
        return self.kind not in (SURVIVES, NOT_REACHED)

    def refuted(self) -> set[tuple[str, str]]:
        """Return the lemmas and clauses of which there are counterexamples."""
        return {
            (failure.lemma, failure.clause) for failure in self.failures if failure.kind == REFUTED
        }


class Hasty(Desk):
    """Gives up on queries that cost too much: a mutant's may be far harder than the table's."""

    def _ask(self, text: str, key: str, goals: bool) -> Decision:
        query = Z3Query(text, goals)
        # The last one is for what must be decided, whatever it costs.
        answers = (query.attempt(strategy) for strategy in STRATEGIES[:-1])
        answer = next((answer for answer in answers if answer != UNKNOWN), UNKNOWN)
        return Decision(answer, ("z3",))


class Trial:
    """The lemmas of one layout, tried on one mutant after the other with one desk."""

    def __init__(self, layout: Layout, like: Trial | None = None) -> None:
        """Take the calls from a trial on fewer levels, if one is given: they are the same."""
        self.layout = layout
        self.like = like
        self.desk = Hasty(Options())
        self.lemmas = {lemma.name: lemma for lemma in lemmas(layout)}
        self._cost: dict[str, float] = {}

    @cached_property
    def calls(self) -> dict[str, set[str]]:
        """The functions that each lemma runs.

        Found by running the lemmas on the table itself: until a changed function is called for
        the first time, a mutant does the same.
        """
        found: dict[str, set[str]] = {}
        if self.like is not None:
            return self._as_in(self.like)
        for lemma in self.lemmas.values():
            called = found[lemma.name] = set()
            helpers = {name: _telling(name, function, called) for name, function in _pte().items()}
            begun = time.monotonic()
            with _replaced(pte, helpers):
                explore(self._run(lemma, Changed(source_of("table"), {}, called)))
            self._cost.setdefault(lemma.name, time.monotonic() - begun)
        return found

    def _as_in(self, like: Trial) -> dict[str, set[str]]:
        known = {like.lemmas[name].function: name for name in like.calls}
        for lemma in self.lemmas.values():
            self._cost.setdefault(lemma.name, like._cost[known[lemma.function]])
        return {name: like.calls[known[lemma.function]] for name, lemma in self.lemmas.items()}

    def check(self) -> None:
        """Prove the table itself. Raises ValueError where that fails."""
        program = Changed(source_of("table"), {})
        for lemma in self.lemmas.values():
            begun = time.monotonic()
            proof = self._prove(lemma, program)
            if proof.verdict != HOLDS:
                raise ValueError(f"{self.layout.name}, {lemma.name}: {proof.verdict}")
            self._cost[lemma.name] = time.monotonic() - begun

    def lemmas_on(self, mutant: Mutant) -> list[Lemma]:
        """Return the lemmas that run what is changed: its own first, then the cheapest."""
        anywhere = mutant.function.startswith(MODULE)
        chosen = [name for name, run in self.calls.items() if anywhere or mutant.function in run]
        found = [self.lemmas[name] for name in chosen]
        return sorted(
            found, key=lambda lemma: (lemma.function != mutant.function, self._cost[lemma.name])
        )

    def judge(self, module: str, mutant: Mutant, every: bool = False, only: str = "") -> Verdict:
        """Return what becomes of a mutant in all lemmas that run it, or in one only.

        With ``every``, go on after the first lemma that fails.
        """
        begun = time.monotonic()
        chosen = [self.lemmas[only]] if only else self.lemmas_on(mutant)
        failures: list[Failure] = []
        try:
            for lemma in chosen:
                if every or not failures:
                    failures += _failures(self._tried(module, mutant, lemma))
        except Exception as reason:  # what a mutant asks for may not even be sayable
            failures.append(Failure("", "", UNSUPPORTED, f"{type(reason).__name__}: {reason}"))
        kind = _kind(failures) if chosen else NOT_REACHED
        seconds = round(time.monotonic() - begun, 2)
        return Verdict(mutant.name, self.layout.name, kind, tuple(failures), seconds)

    def _tried(self, module: str, mutant: Mutant, lemma: Lemma) -> Proof:
        if module == "table":
            return self._prove(lemma, Changed(mutant.source, {}))
        functions = _functions(mutant.source)
        program = Changed(source_of("table"), functions if module == "index" else {})
        with _replaced(pte, functions if module == "pte" else {}):
            return self._prove(lemma, program)

    def _run(self, lemma: Lemma, program: PythonProgram) -> Callable[[Path], None]:
        start = partial(setting, layout=self.layout, program=program, uniform=lemma.uniform)

        def run(path: Path) -> None:
            at = start(path)
            try:
                lemma.script(at)
            except (PathEnd, Unsupported):
                raise
            except Exception as failure:  # whatever a mutant does on a path is its failure
                path.prove(CRASH, f"{type(failure).__name__}: {failure}", False)
                path.stopped = True
                raise PathEnd from None

        return run

    def _prove(self, lemma: Lemma, program: PythonProgram) -> Proof:
        clauses = ENTRY_CLAUSES[lemma.function]
        return prove(lemma.name, self._run(lemma, program), self.desk, clauses)


def _pte() -> dict[str, Any]:
    return {name: value for name, value in vars(pte).items() if isinstance(value, FunctionType)}


def _failures(proof: Proof) -> list[Failure]:
    return [
        Failure(proof.name, clause.name, clause.verdict, clause.reason, dict(clause.values))
        for clause in proof.clauses.values()
        if clause.verdict != HOLDS
    ]


def _kind(failures: list[Failure]) -> str:
    """Return how a mutant was killed: by the strongest of its failures."""
    found = {CRASH if failure.clause == CRASH else failure.kind for failure in failures}
    order = (REFUTED, CRASH, VACUOUS, UNSUPPORTED, OPEN)
    return next((kind for kind in order if kind in found), next(iter(found), SURVIVES))


# What runs say


def distinguished(module: str, mutant: Mutant, layout: Layout, budget: int = FALLBACK) -> list[str]:
    """Return the fingerprints by which a search tells a mutant from the specification."""
    with _in_place(module, mutant) as algorithm:
        mutated = MultiLevel(layout, algorithm=algorithm)
        search = Search(mutated, 0, layout.name, shrinking=False)
        return sorted(search.run(budget).hits)


def replayed(module: str, mutant: Mutant, verdict: Verdict) -> list[str]:
    """Return the fingerprints of a run that shows the first counterexample of a verdict."""
    layout = layout_named(verdict.layout)
    failure = next(candidate for candidate in verdict.failures if candidate.kind == REFUTED)
    kind: Kind | None = next(lemma.kind for lemma in lemmas(layout) if lemma.name == failure.lemma)
    with _in_place(module, mutant) as algorithm:
        mutated = MultiLevel(layout, algorithm=algorithm)
        return sorted(confirm(mutated, kind, failure.values).hits)


# Command line


def main() -> None:
    """Try mutants on layouts and print what survives."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layout", action="append", help="a layout (default: all three)")
    parser.add_argument("--every", type=int, default=1, help="try each N-th mutant only")
    parser.add_argument("--only", default="", help="a regular expression for names")
    parser.add_argument("--again", type=File, help="try what survives in this --json file too")
    parser.add_argument("--matrix", action="store_true", help="go on after the first failure")
    parser.add_argument("--runs", action="store_true", help="search for runs that show survivors")
    parser.add_argument("--confirm", type=int, default=0, help="replay N counterexamples")
    parser.add_argument("--json", type=File, help="where to write the verdicts")
    given = parser.parse_args()
    again = _survivors(given.again) if given.again else set()
    rows: list[dict[str, Any]] = []
    for name in given.layout or LAYOUTS:
        rows += _tried_on(name, given, again)
        if given.json:
            given.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


def _survivors(file: File) -> set[str]:
    rows = json.loads(file.read_text(encoding="utf-8"))
    return {row["mutant"] for row in rows if row["kind"] in (SURVIVES, NOT_REACHED)}


def _tried_on(name: str, given: argparse.Namespace, again: set[str]) -> list[dict[str, Any]]:
    begun = time.monotonic()
    trial = Trial(layout_named(name))
    trial.check()
    print(f"{name}: the table holds, {time.monotonic() - begun:.0f} s", flush=True)
    every = [pair for pair in all_mutants() if re.search(given.only, pair[1].name)]
    chosen = [
        pair
        for number, pair in enumerate(every)
        if number % given.every == 0 or pair[1].name in again
    ]
    found: list[tuple[str, Mutant, Verdict]] = []
    rows: list[dict[str, Any]] = []
    for module, mutant in chosen:
        verdict = trial.judge(module, mutant, given.matrix)
        found.append((module, mutant, verdict))
        row = {**asdict(verdict), "module": module, "line": mutant.line}
        row |= {"before": mutant.before, "after": mutant.after}
        if not verdict.killed:
            print(
                f"  {verdict.kind}: {mutant.name}: {mutant.before!r} -> {mutant.after!r}",
                flush=True,
            )
            if given.runs:
                row["runs"] = distinguished(module, mutant, trial.layout)
                print(f"    runs: {row['runs'] or 'none differs'}", flush=True)
        rows.append(row)
    refuted = [tried for tried in found if tried[2].kind == REFUTED]
    step = max(1, len(refuted) // given.confirm) if given.confirm else 0
    for module, mutant, verdict in refuted[:: step or len(refuted) + 1]:
        shown = replayed(module, mutant, verdict)
        rows[[tried[1] for tried in found].index(mutant)]["replayed"] = shown
        print(f"  {mutant.name}: {shown or 'not shown by a run'}", flush=True)
    kinds = Counter(verdict.kind for _, _, verdict in found)
    told = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common())
    print(f"{name}: {len(found)} mutants: {told}; {time.monotonic() - begun:.0f} s", flush=True)
    return rows


if __name__ == "__main__":
    main()
