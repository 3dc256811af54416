# SPDX-License-Identifier: GPL-2.0-only
"""What the proof of a tree's C claims against what runs show, and what it trusts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from proofs.kvm.primitives import BY_CONTRACT, PRIMITIVES
from proofs.ports import CODES
from proofs.reliance import EXTRA
from proofs.theorems import CLAUSES
from slatcheck.document.identity import CheckId
from slatcheck.document.result import Check, Finding, Verdict


def disagreements(checks: Iterable[Check], findings: Iterable[Finding]) -> list[Check]:
    """Return an error for each finding of a run where the proof says that nothing is wrong.

    A finding counts where every promise of its entry point that its rule breaks is proved.
    """
    proved: dict[str, list[Check]] = {}
    for check in checks:
        proved.setdefault(check.layout, []).append(check)
    found = []
    for finding in findings:
        for layout in finding.layouts:
            mine = [
                check
                for check in proved.get(layout, ())
                if check.function == finding.entry and finding.rule in rules_of(check)
            ]
            if finding.contract and mine and all(check.verdict is Verdict.HOLDS for check in mine):
                reason = f"a run shows {finding.fingerprint}, the proof says that it cannot be"
                found.append(replace(mine[0], verdict=Verdict.ERROR, reason=reason))
    return found


def rules_of(check: Check) -> frozenset[str]:
    """Return the rules that are broken where a check of a promise fails."""
    clause = CheckId.parse(check.id).promise
    told = CLAUSES[clause][1] if clause in CLAUSES else ()
    return frozenset(told) | set(EXTRA.get(clause, ()))


def trusted(ports: Iterable[str]) -> list[str]:
    """Return the primitives that the proofs of ``ports`` trust, in one line each with the reason.

    What only another port's code uses is not among them.
    """
    known = dict(PRIMITIVES)
    for name in ports:
        known |= CODES[name].services.primitives
    told = {name: primitive.reason for name, primitive in known.items()} | BY_CONTRACT
    return [f"trusted, {name}(): {reason}" for name, reason in sorted(told.items())]
