# SPDX-License-Identifier: GPL-2.0-only
"""Queries that have most of their assertions in common, in one Z3 solver.

What an assertion says is taken in once, behind a switch; a query turns on those that it consists
of. So Z3 translates each once, and not once for every path and goal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import z3

from proofs.smtlib import smtlib
from proofs.solvers import SAT, UNKNOWN, UNSAT, SolverFailure, Z3Query, core, value_in
from proofs.terms import BOOL, TRUE, Term, agree, either, negate, truth, variable

Claim = TypeVar("Claim")
"""What a claim is known by."""

_SAID = {z3.Z3_L_TRUE: SAT, z3.Z3_L_FALSE: UNSAT, z3.Z3_L_UNDEF: UNKNOWN}


class Together:
    """Asks Z3's core about sets of assertions, within the limit of its first strategy."""

    def __init__(self) -> None:
        # z3 comes without types.
        self._solver: Any = None
        self._switches: dict[Term, Any] = {}
        self._answered: Any = None
        self._model: Any = None

    def soon(self, assertions: Sequence[Term]) -> str:
        """Return whether the assertions can hold together, 'unknown' where that takes long.

        Raises SolverFailure where Z3 does not work.
        """
        try:
            if self._solver is None:
                self._solver = core()
            self._take_in(dict.fromkeys(assertions))
            return self._checked([self._switches[term] for term in assertions])
        except z3.Z3Exception as failure:
            raise SolverFailure(f"z3: {failure}") from failure

    def answer(self, assertions: Sequence[Term]) -> str:
        """Return the same; what takes long is asked alone, in every way that there is."""
        found = self.soon(assertions)
        self._model, self._answered = None, self._solver
        if found != UNKNOWN:
            return found
        alone = Z3Query(smtlib(assertions))
        found, self._answered = alone.check(), alone.solver
        return found

    def value(self, name: str, width: int) -> int:
        """Return the value of a constant of ``width`` bits; ``answer`` was 'sat' just before."""
        if self._model is None:
            self._model = self._answered.model()
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
            context, solver = self._solver.ctx.ref(), self._solver.solver
            for fact in z3.parse_smt2_string(smtlib(switched), ctx=self._solver.ctx):
                z3.Z3_solver_assert(context, solver, fact.as_ast())

    def _checked(self, switches: Sequence[Any]) -> str:
        """Ask with some switches on: of hundreds, z3's own check() looks at the sort of each."""
        context, solver = self._solver.ctx.ref(), self._solver.solver
        turned_on = (z3.Ast * len(switches))(*[switch.as_ast() for switch in switches])
        return _SAID[z3.Z3_solver_check_assumptions(context, solver, len(switches), turned_on)]


def failing(premises: Iterable[Term], claims: Mapping[Claim, Term], asked: Together) -> set[Claim]:
    """Return the claims that do not follow from premises, as far as the solver can tell.

    Each model of one that fails is looked at for all the others that fail in it.
    """
    given = tuple(premises)
    alias = {claim: variable(f"holds {n}", BOOL) for n, claim in enumerate(claims)}
    open_ = {claim: term for claim, term in claims.items() if term is not TRUE}
    told = {claim: truth(agree(alias[claim], term)) for claim, term in open_.items()}
    found: set[Claim] = set()
    while open_:
        some = truth(either(*[negate(alias[claim]) for claim in open_]))
        answer = asked.answer([*given, *[told[claim] for claim in open_], some])
        if answer == UNSAT:
            break
        failed = {
            claim
            for claim in open_
            if answer == SAT and not asked.value(str(alias[claim].data), BOOL)
        }
        if not failed:
            # Together they were too hard.
            failed = {claim for claim, term in open_.items() if not _follows(given, term, asked)}
            return found | failed
        found |= failed
        open_ = {claim: term for claim, term in open_.items() if claim not in failed}
    return found


def _follows(premises: Iterable[Term], claim: Term, asked: Together) -> bool:
    return asked.answer([*premises, truth(negate(claim))]) == UNSAT
