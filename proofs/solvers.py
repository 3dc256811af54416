# SPDX-License-Identifier: GPL-2.0-only
"""The solvers behind one function: an SMT-LIB text in, 'sat', 'unsat' or 'unknown' out.

Limits are in each solver's own resource units, never in seconds, so an answer does not depend
on how busy the machine is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import z3

from proofs.alternatives import alternatives
from proofs.terms import BOOL

SAT, UNSAT, UNKNOWN = "sat", "unsat", "unknown"


@dataclass(frozen=True)
class Strategy:
    """One way to ask Z3: a logic ('' is its plain core), and a limit in its resource units.

    With ``cases`` goals are taken one by one, as ``alternatives`` takes them apart, each on top of
    what was learned of the others; the limit is that of each. ``name`` is how it is recorded.
    ``shared`` with other queries, Z3's memory holds what came before, by which work and answer may
    differ; one of its own takes some milliseconds.
    """

    name: str
    logic: str
    limit: int
    cases: int | None = None
    shared: bool = False


STRATEGIES = (
    Strategy("z3-core", "", 300_000, shared=True),
    Strategy("z3-bits", "QF_UFBV", 30_000_000),
    Strategy("z3-cases", "", 20_000_000, cases=6),
    Strategy("z3-bits-long", "QF_UFBV", 100_000_000),
    Strategy("z3-core-long", "", 2_000_000_000),
)
"""How Z3 is asked, one after the other.

The core decides nearly every query in a few milliseconds. What it does not is mostly a refutation
of many goals at once, each of which is easy by cases. What is hard for one way is often easy for
the next, so each is tried for a short while before one is tried for long.
"""
CORE_FIRST = (STRATEGIES[0], STRATEGIES[2], STRATEGIES[1], *STRATEGIES[3:])
"""The same for what is no refutation of goals: most of it holds, and the core finds models soon."""
OF_PARTS = STRATEGIES[2]
"""How a part of a query is asked about that is likely to be refuted: none was faster over 100."""
CVC5_LIMIT = 20_000_000
BITWUZLA_LIMIT = 2_000_000
"""Calls of the terminator, Bitwuzla's only measure of work that is not a time."""


class SolverFailure(Exception):
    """A solver could not be run, or did not understand a query."""


@dataclass(frozen=True)
class Decision:
    """The answer to a query, and the solvers that gave it just now.

    With ``on_record`` Z3 is not among them: it gave this answer when the record of hard queries
    was made.
    """

    answer: str
    solvers: tuple[str, ...] = ()
    on_record: bool = False


def core(strategy: Strategy = STRATEGIES[0]) -> Any:
    """Return a new solver that is Z3's plain core, with a strategy's limit for each query."""
    context = z3.main_ctx() if strategy.shared else z3.Context()
    solver = z3.SimpleSolver(ctx=context)
    solver.set("rlimit", strategy.limit)
    # Facts that come of a decision one by one are put off: many of them are never needed.
    solver.set("smt.delay_units", True)
    return solver


def _of_logic(strategy: Strategy) -> Any:
    solver = z3.SolverFor(strategy.logic, ctx=z3.Context())
    solver.set("rlimit", strategy.limit)
    return solver


class Z3Query:
    """One query in Z3, asked in several ways until one of them answers."""

    def __init__(self, text: str, goals: bool = False) -> None:
        """Take a query; with ``goals`` its last assertion says that one of many goals fails."""
        self.text = text
        self.goals = goals
        # z3 comes without types.
        self.solver: Any = None
        self._model: Any = None

    def check(self, first: str = "") -> str:
        """Return whether the assertions can hold together.

        The strategy that is called ``first``, if there is one, is tried before the others.
        """
        strategies = STRATEGIES if self.goals else CORE_FIRST
        for strategy in sorted(strategies, key=lambda strategy: strategy.name != first):
            answer = self.attempt(strategy)
            if answer != UNKNOWN:
                return answer
        return UNKNOWN

    def attempt(self, strategy: Strategy) -> str:
        """Return what Z3 says when it is asked in one way."""
        self._model = None
        self.solver = _of_logic(strategy) if strategy.logic else core(strategy)
        if self.goals and strategy.cases is not None:
            return self._apart(strategy.cases)
        self.solver.from_string(self.text)
        return str(self.solver.check())

    def _apart(self, cases: int) -> str:
        """Return whether one of the alternatives of the last assertion can hold."""
        *premises, last = z3.parse_smt2_string(self.text, ctx=self.solver.ctx)
        self.solver.add(premises)
        for facts in alternatives(last, cases):
            self.solver.push()
            self.solver.add(facts)
            answer = str(self.solver.check())
            if answer != UNSAT:
                # What holds is left in place: its model is looked at.
                return answer
            self.solver.pop()
        return UNSAT

    def value(self, name: str, width: int) -> int:
        """Return the value of a constant of ``width`` bits, 0 for a truth; the answer was 'sat'."""
        if self._model is None:
            self._model = self.solver.model()
        return value_in(self._model, name, width)


def value_in(model: Any, name: str, width: int) -> int:
    """Return the value of a constant of ``width`` bits in a model of Z3, 0 for a truth."""
    if width == BOOL:
        truth = z3.Bool(name, ctx=model.ctx)
        return int(z3.is_true(model.eval(truth, model_completion=True)))
    number = z3.BitVec(name, width, ctx=model.ctx)
    return int(model.eval(number, model_completion=True).as_long())


def _z3(text: str, goals: bool, first: str) -> str:
    return Z3Query(text, goals).check(first)


def _cvc5(text: str, *_: object) -> str:
    import cvc5

    manager = cvc5.TermManager()
    solver = cvc5.Solver(manager)
    solver.setOption("rlimit-per", str(CVC5_LIMIT))
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "query")
    answer = ""
    while True:
        command = parser.nextCommand()
        if command.isNull():
            return _answer("cvc5", answer)
        answer = command.invoke(solver, parser.getSymbolManager()).strip() or answer


def _bitwuzla(text: str, *_: object) -> str:
    import bitwuzla

    left = BITWUZLA_LIMIT

    def stop() -> bool:
        nonlocal left
        left -= 1
        return left < 0

    manager = bitwuzla.TermManager()
    parser = bitwuzla.Parser(manager, bitwuzla.Options())
    parser.parse(text.replace("(check-sat)", ""), True, False)
    solver = parser.bitwuzla()
    solver.configure_terminator(stop)
    return _answer("bitwuzla", str(solver.check_sat()).rpartition(".")[2].lower())


def _answer(name: str, answer: str) -> str:
    if answer not in (SAT, UNSAT, UNKNOWN):
        raise SolverFailure(f"{name} answers '{answer}'")
    return answer


SOLVERS: dict[str, Callable[[str, bool, str], str]] = {
    "z3": _z3,
    "bitwuzla": _bitwuzla,
    "cvc5": _cvc5,
}
_PACKAGES = {"z3": "z3-solver"}


def ask(name: str, text: str, goals: bool = False, first: str = "") -> str:
    """Return the answer of one solver. Raises SolverFailure where it does not work.

    With ``goals`` the last assertion says that one of many goals fails, and Z3 tries the strategy
    called ``first`` before the others; the answer is the same.
    """
    try:
        return SOLVERS[name](text, goals, first)
    except SolverFailure:
        raise
    except Exception as failure:  # whatever a solver raises is its failure
        raise SolverFailure(f"{name}: {failure}") from failure


def refuted(part: str) -> bool:
    """Return whether Z3 refutes goals from a part of their premises, which are then refuted.

    Asked in one way alone: what comes of it otherwise says nothing. Raises SolverFailure.
    """
    try:
        return Z3Query(part, goals=True).attempt(OF_PARTS) == UNSAT
    except z3.Z3Exception as failure:
        raise SolverFailure(f"z3: {failure}") from failure


@cache
def versions(names: tuple[str, ...]) -> str:
    """Return the solvers with their versions, such as ``z3 4.13.0``."""
    return ", ".join(f"{name} {_version(name)}" for name in names)


def _version(name: str) -> str:
    try:
        return version(_PACKAGES.get(name, name))
    except PackageNotFoundError:
        return "(not installed)"
