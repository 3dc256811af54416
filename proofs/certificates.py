# SPDX-License-Identifier: GPL-2.0-only
"""A share of the refutations, done once more by a SAT solver whose proof is checked here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from proofs import bitblast, drat
from proofs.bitblast import NoClauses, Satisfiable
from proofs.solvers import SolverFailure
from proofs.terms import Term

_DIGITS = 13
"""Hexadecimal digits of a digest that decide: as many as a float holds without loss."""


def wanted(key: str, share: float) -> bool:
    """Return whether the refutation with this digest belongs to a share of all, from 0 to 1.

    It is the same ones each time, and for no property of theirs.
    """
    return int(key[:_DIGITS], 16) / 16.0**_DIGITS < share


@dataclass
class Certificates:
    """The refutations that were certified; ``share`` of all are to be, from 0 to 1."""

    share: float
    _done: dict[str, bool] = field(default_factory=dict)

    def certify(self, key: str, assertions: Iterable[Term]) -> bool:
        """Return whether there is a checked certificate that the assertions cannot hold together.

        ``key`` is the query's digest. There is none for what is not in the share, or has no
        clauses. Raises SolverFailure where the SAT solver says otherwise, or its proof is none.
        """
        if not wanted(key, self.share):
            return False
        if key not in self._done:
            self._done[key] = _certified(key, assertions)
        return self._done[key]


def _certified(key: str, assertions: Iterable[Term]) -> bool:
    try:
        bitblast.refute(assertions)
    except NoClauses:
        return False
    except Satisfiable:
        raise SolverFailure(
            f"solvers disagree (refuted, but {bitblast.SOLVER} satisfies query {key[:12]})"
        ) from None
    except drat.ProofError as bad:
        raise SolverFailure(
            f"the certificate of {bitblast.SOLVER} for query {key[:12]} is none: {bad}"
        ) from None
    return True
