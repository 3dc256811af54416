# SPDX-License-Identifier: GPL-2.0-only
"""Queries that have most of their assertions in common, in one Z3 solver.

What an assertion says is taken in once, behind a switch; a query turns on those that it consists
of. So Z3 translates each once, and not once for every path and goal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import z3

from proofs.smtlib import smtlib
from proofs.solvers import SAT, UNKNOWN, SolverFailure, Z3Query, core, value_in
from proofs.terms import BOOL, Term, either, negate, truth, variable


class Together:
    """Asks Z3's core about sets of assertions, within the limit of its first strategy."""

    def __init__(self) -> None:
        # z3 comes without types.
        self._solver: Any = None
        self._switches: dict[Term, Any] = {}
        self._model: Any = None

    def soon(self, assertions: Sequence[Term]) -> str:
        """Return whether the assertions can hold together, 'unknown' where that takes long.

        Raises SolverFailure where Z3 does not work.
        """
        try:
            if self._solver is None:
                self._solver = core()
            self._take_in(dict.fromkeys(assertions))
            return str(self._solver.check([self._switches[term] for term in assertions]))
        except z3.Z3Exception as failure:
            raise SolverFailure(f"z3: {failure}") from failure

    def answer(self, assertions: Sequence[Term]) -> str:
        """Return the same; what takes long is asked alone, in every way that there is."""
        self._model, found = None, self.soon(assertions)
        if found == SAT:
            self._model = self._solver.model()
        if found != UNKNOWN:
            return found
        alone = Z3Query(smtlib(assertions))
        found = alone.check()
        if found == SAT:
            self._model = alone.solver.model()
        return found

    def value(self, name: str, width: int) -> int:
        """Return the value of a constant of ``width`` bits; ``answer`` was 'sat' just before."""
        return value_in(self._model, name, width)

    def _take_in(self, assertions: Iterable[Term]) -> None:
        """Assert what is new, each behind a switch of its own."""
        switched = []
        for term in assertions:
            if term in self._switches:
                continue
            switch = variable(f"switch {len(self._switches)}", BOOL)
            self._switches[term] = z3.Bool(switch.data, ctx=self._solver.ctx)
            switched.append(truth(either(negate(switch), term)))
        if switched:
            self._solver.add(z3.parse_smt2_string(smtlib(switched), ctx=self._solver.ctx))
