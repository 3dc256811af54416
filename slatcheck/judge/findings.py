# SPDX-License-Identifier: GPL-2.0-only
"""From hits of a search to findings: one for each fingerprint, related ones linked."""

from __future__ import annotations

from collections.abc import Sequence

from model.machines import ORDERS
from model.operations import to_json
from model.ports import layout as layout_named
from slatcheck.display import describe
from slatcheck.document.causes import GEOMETRY, causes_of
from slatcheck.document.result import Finding, Location, severity_of
from slatcheck.search.campaign import Hit
from slatcheck.search.unit import Report


def merge(reports: list[Report], seed: int) -> list[Finding]:
    """Return one finding for each fingerprint, shown on the layout with the shortest trace.

    The byte order of the trace is the first in which the finding showed.
    """
    best: dict[str, tuple[Report, Hit]] = {}
    where: dict[str, list[Report]] = {}
    for report in reports:
        for mark, hit in report.campaign.hits.items():
            where.setdefault(mark, []).append(report)
            if mark not in best or _cost(report, hit) < _cost(*best[mark]):
                best[mark] = (report, hit)
    findings = [_finding(*best[mark], where[mark], seed) for mark in best]
    relate(findings)
    return sorted(findings, key=_rank)


def _rank(finding: Finding) -> tuple[bool, bool, str]:
    """Order what is wrong with the comparison itself first, then what is unsafe."""
    return finding.rule != GEOMETRY, finding.severity == "imprecise", finding.fingerprint


def _cost(report: Report, hit: Hit) -> tuple[int, int]:
    return ORDERS.index(report.unit.byte_order), len(hit.ops)


def relate(findings: Sequence[Finding]) -> None:
    """Let each finding name the others of its cause."""
    by_mark = {finding.fingerprint: finding for finding in findings}
    for cause in causes_of(findings, ()):
        for mark in cause.findings:
            by_mark[mark].related = sorted(set(cause.findings) - {mark})


def _finding(report: Report, hit: Hit, where: list[Report], seed: int) -> Finding:
    symptom, layout = hit.symptom, report.layout or layout_named(report.unit.layout)
    op = hit.ops[symptom.step]
    expected = describe.entries(layout, symptom.expected)
    actual = describe.entries(layout, symptom.actual)
    file, line = _place(report, hit)
    return Finding(
        fingerprint=symptom.fingerprint,
        rule=symptom.rule,
        severity=severity_of(symptom.rule, symptom.imprecise),
        layouts=list(dict.fromkeys(other.unit.layout for other in where)),
        byte_orders=[order for order in ORDERS if order in {r.unit.byte_order for r in where}],
        shown_on=layout.name,
        entry=symptom.entry,
        trigger=symptom.trigger,
        operands=to_json(op),
        summary=_summary(report, hit),
        trace=[to_json(step) for step in hit.ops],
        expected=expected,
        actual=actual or [symptom.said],
        location=Location(symptom.function or _named(report, hit), file, line),
        seed=seed,
        implementation=report.implementation,
        contract=symptom.contract,
        step=symptom.step,
        quirks=list(report.unit.quirks),
        handed_on=hit.evidence.handed_on,
        as_if=hit.evidence.as_if,
    )


def _named(report: Report, hit: Hit) -> str:
    """Return what the tree calls the entry point; the fingerprint has today's name for it."""
    return report.names.get(hit.symptom.entry, hit.symptom.entry)


def _summary(report: Report, hit: Hit) -> str:
    return f"{_named(report, hit)}: {hit.symptom.said or hit.symptom.rule}"


def _place(report: Report, hit: Hit) -> tuple[str, int]:
    """Return file and line of the event, else of the definition of the entry point."""
    file, _, line = hit.symptom.where.rpartition(":")
    if file and line.isdigit():
        return file, int(line)
    return report.places.get(hit.symptom.entry, ("", 0))
