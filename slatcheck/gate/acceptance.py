# SPDX-License-Identifier: GPL-2.0-only
"""What a gate accepts: findings that are known, what rests on them, what is not severe enough."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from slatcheck.document.result import Check, Document, Finding, Gate, Verdict, worst

IMPRECISE = "imprecise"
UNSAFE = "unsafe"
"""What may fail a run: unsafe findings only, or every finding."""


class Known(Protocol):
    """What is known of a tree from before."""

    @property
    def about(self) -> dict[str, str]:
        """What it is, in words: a file, or a revision."""
        ...

    def finding(self, fingerprint: str, layout: str) -> bool:
        """Return whether a finding is known on a layout."""
        ...

    def undecided(self, check: Check) -> bool:
        """Return whether a check was as little decided before."""
        ...

    def entries(self) -> dict[str, list[str]]:
        """Return the layouts of each fingerprint that is known."""
        ...

    def looked_for(self, document: Document, fingerprint: str, layout: str) -> bool:
        """Return whether a run looked for a known finding on a layout as it was found."""
        ...


@dataclass(frozen=True)
class _Terms:
    known: Known
    fail_on: str
    severity: dict[str, str]

    def excuse(self, fingerprint: str, layout: str) -> str:
        """Return why a finding on a layout does not fail the run, '' where it does."""
        if fingerprint and self.known.finding(fingerprint, layout):
            return "baseline"
        mild = self.severity.get(fingerprint) == IMPRECISE
        return "severity" if mild and self.fail_on == UNSAFE else ""


def accept(document: Document, known: Known, fail_on: str = IMPRECISE) -> None:
    """Mark what of ``document`` is accepted, and give it the gate's verdict.

    A violation is accepted where its finding is known on the layout, or is not severe enough. What
    could not be decided is accepted where it rests on such a violation, or was as little decided
    before. Nothing that is accepted becomes a pass: the verdict of a check stays what it is.
    """
    terms = _Terms(
        known, fail_on, {finding.fingerprint: finding.severity for finding in document.findings}
    )
    for finding in document.findings:
        finding.known_on = [
            layout for layout in finding.layouts if known.finding(finding.fingerprint, layout)
        ]
        finding.known = finding.known_on == finding.layouts
    document.checks = _with_excuses(document.checks, terms)
    document.gate = Gate(
        verdict=_verdict(document, terms),
        fail_on=fail_on,
        against=dict(known.about),
        new=[finding.fingerprint for finding in document.findings if not finding.known],
        gone=_gone(document, known),
    )


def _with_excuses(checks: Iterable[Check], terms: _Terms) -> list[Check]:
    found = list(checks)
    by_id = {(check.layout, check.byte_order, check.id): check for check in found}
    return [replace(check, accepted=_excuse(check, by_id, terms)) for check in found]


def _excuse(check: Check, by_id: dict[tuple[str, str, str], Check], terms: _Terms) -> str:
    """Return why a check that is no pass does not count, '' where it does."""
    seen: set[str] = set()
    current: Check | None = check
    while current is not None and current.id not in seen:
        if current.verdict is Verdict.VIOLATED:
            return terms.excuse(current.finding, current.layout)
        if current.verdict in (Verdict.HOLDS, Verdict.ERROR):
            return ""
        if terms.known.undecided(current):
            return "baseline"
        seen.add(current.id)
        current = by_id.get((current.layout, current.byte_order, current.rests_on))
    return ""


def _verdict(document: Document, terms: _Terms) -> Verdict:
    counted = [
        replace(check, verdict=Verdict.HOLDS) if check.accepted else check
        for check in document.checks
    ]
    counts = any(_counts(finding, terms) for finding in document.findings)
    return worst([document.judged(counted), *([Verdict.VIOLATED] if counts else [])])


def _counts(finding: Finding, terms: _Terms) -> bool:
    """Return whether a finding fails the run.

    A finding outside the contract is told and fails nothing, as without a gate.
    """
    excuses = (terms.excuse(finding.fingerprint, layout) for layout in finding.layouts)
    return finding.contract and not all(excuses)


def _gone(document: Document, known: Known) -> dict[str, list[str]]:
    """Return what is known and was looked for in vain, with the layouts."""
    still = {
        (finding.fingerprint, layout) for finding in document.findings for layout in finding.layouts
    }
    gone = {}
    for mark, layouts in known.entries().items():
        lost = [
            layout
            for layout in layouts
            if (mark, layout) not in still and known.looked_for(document, mark, layout)
        ]
        if lost:
            gone[mark] = lost
    return gone


def was_judged(document: Document, layout: str) -> bool:
    """Return whether a layout was run, and nothing kept it from being judged."""
    mine = [check for check in document.checks if check.layout == layout]
    built = all("/build/" not in check.id and check.verdict is not Verdict.ERROR for check in mine)
    return bool(mine) and built and not document.tool.get("interrupted")
