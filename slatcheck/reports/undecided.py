# SPDX-License-Identifier: GPL-2.0-only
"""What no finding stands for and is no pass all the same, grouped by verdict and reason."""

from __future__ import annotations

from dataclasses import dataclass

from slatcheck.reports import cases
from slatcheck.reports.words import clean
from slatcheck.result import Check, Document, Verdict


@dataclass(frozen=True)
class Open:
    """Checks that share a verdict and a clean reason; ``rests`` if all only rest on others."""

    verdict: Verdict
    reason: str
    checks: tuple[Check, ...]

    @property
    def rests(self) -> bool:
        """Whether each of them is open because of a check that fails, and says which."""
        return all(check.rests_on for check in self.checks)


def undecided(document: Document) -> list[Open]:
    """Return what is open, in the order of the checks."""
    groups: dict[tuple[Verdict, str], list[Check]] = {}
    for check in document.checks:
        explained = any(cases.explains(finding, check) for finding in document.findings)
        if check.verdict is not Verdict.HOLDS and not explained:
            groups.setdefault((check.verdict, clean(check.reason)), []).append(check)
    return [Open(*key, tuple(checks)) for key, checks in groups.items()]
