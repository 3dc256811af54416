# SPDX-License-Identifier: GPL-2.0-only
"""The solvers behind one function: an SMT-LIB text in, 'sat', 'unsat' or 'unknown' out.

Limits are in each solver's own resource units, never in seconds, so an answer does not depend
on how busy the machine is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import z3

SAT, UNSAT, UNKNOWN = "sat", "unsat", "unknown"

STRATEGIES = (("", 1_000_000), ("QF_UFBV", 60_000_000), ("", 2_000_000_000))
"""How Z3 is asked, one after the other: a logic ('' is its plain core), and a resource limit.

The core decides nearly every query in a few milliseconds; the few that it does not are easy
for the tactics of the logic, which cost ten times as much on the others.
"""
CVC5_LIMIT = 20_000_000
BITWUZLA_LIMIT = 2_000_000
"""Calls of the terminator, Bitwuzla's only measure of work that is not a time."""


class SolverFailure(Exception):
    """A solver could not be run, or did not understand a query."""


class Z3Query:
    """One query in Z3, asked in several ways until one of them answers."""

    def __init__(self, text: str) -> None:
        self.text = text
        # z3 comes without types.
        self.solver: Any = None
        self._model: Any = None
        self._named: dict[str, Any] = {}

    def check(self) -> str:
        """Return whether the assertions can hold together."""
        for logic, limit in STRATEGIES:
            self.solver = z3.SolverFor(logic) if logic else z3.SimpleSolver()
            self.solver.set("rlimit", limit)
            self.solver.from_string(self.text)
            self._model = None
            answer = str(self.solver.check())
            if answer != UNKNOWN:
                return answer
        return UNKNOWN

    def value(self, name: str) -> int:
        """Return the value of a constant in the model of the last answer, which was 'sat'."""
        if self._model is None:
            self._model = self.solver.model()
            # Looked at once: a model has thousands of declarations.
            self._named = {symbol.name(): symbol for symbol in self._model.decls()}
        if name not in self._named:
            return 0
        found = self._model[self._named[name]]
        return int(z3.is_true(found)) if z3.is_bool(found) else int(found.as_long())


def _z3(text: str) -> str:
    return Z3Query(text).check()


def _cvc5(text: str) -> str:
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


def _bitwuzla(text: str) -> str:
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


SOLVERS: dict[str, Callable[[str], str]] = {"z3": _z3, "bitwuzla": _bitwuzla, "cvc5": _cvc5}


def ask(name: str, text: str) -> str:
    """Return the answer of one solver. Raises SolverFailure where it does not work."""
    try:
        return SOLVERS[name](text)
    except SolverFailure:
        raise
    except Exception as failure:  # whatever a solver raises is its failure
        raise SolverFailure(f"{name}: {failure}") from failure
