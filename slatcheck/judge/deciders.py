# SPDX-License-Identifier: GPL-2.0-only
"""Who decided the obligations of a report: each solver, the record, certificates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from proofs import bitblast
from proofs.desk import Z3, Options
from proofs.engine import ClauseResult
from proofs.solvers import versions
from slatcheck.document.result import Check


def of_clause(clause: ClauseResult, options: Options) -> dict[str, Any]:
    """Return the fields of a check that say who decided a clause; who was asked, if nobody did."""
    solver = versions(tuple(clause.decided) or options.solvers)
    return {
        "solver": f"{solver}, {Z3} on record" if clause.on_record else solver,
        "decided": dict(clause.decided),
        "on_record": clause.on_record,
        "certified": clause.certified,
    }


def notes_of_solvers(checks: Iterable[Check], options: Options) -> list[str]:
    """Return notes of how many obligations each solver decided, and of certificates wanted."""
    proved = list(checks)
    return _decided(proved) + (_certified(proved) if options.certify else [])


def _decided(proved: Sequence[Check]) -> list[str]:
    counted: Counter[str] = Counter()
    for check in proved:
        counted.update(check.decided)
    if not counted:
        return []
    on_record = sum(check.on_record for check in proved)
    told = [f"{number:,} by {name}" for name, number in counted.items()]
    record = f", {on_record:,} of them with {Z3} on record" if on_record else ""
    return [f"decided: {', '.join(told)}{record}; see docs/proof.md"]


def _certified(proved: Sequence[Check]) -> list[str]:
    some, all_ = sum(check.certified for check in proved), sum(check.cases for check in proved)
    return [
        f"certified: {some:,} of {all_:,} obligations, by a refutation of {bitblast.SOLVER} "
        "that was checked; see docs/proof.md"
    ]
