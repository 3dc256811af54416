# SPDX-License-Identifier: GPL-2.0-only
"""How much stands behind a document: operations and findings in all, what backs a function."""

from __future__ import annotations

from collections.abc import Sequence

from model.rules import RULES
from slatcheck.display.words import count
from slatcheck.document.result import Check, Document, Finding, Verdict

_ORDER = {rule.name: number for number, rule in enumerate(RULES)}


def rank(finding: Finding) -> tuple[bool, bool, bool, int, str]:
    """Unsafe first, then what counts before what is out of contract, in catalogue order."""
    return (
        finding.severity != "unsafe",
        not finding.contract,
        finding.known,
        _ORDER.get(finding.rule, len(_ORDER)),
        finding.fingerprint,
    )


def operations(checks: Sequence[Check]) -> int:
    """Return how many operations are behind ``checks``.

    The checks of one function share its operations, one check for each rule it can break.
    """
    by_id: dict[tuple[str, str, str], int] = {}
    for check in checks:
        if check.kind != "differential":
            continue
        key = (check.layout, check.function, check.id)
        by_id[key] = by_id.get(key, 0) + check.cases
    by_function: dict[tuple[str, str], int] = {}
    for (layout, function, _), several in by_id.items():
        by_function[layout, function] = max(several, by_function.get((layout, function), 0))
    return sum(by_function.values())


def standing(checks: Sequence[Check]) -> str:
    """Return what stands behind one function in one layout."""
    proofs = {check.verdict for check in checks if check.kind == "proof-c"}
    if not proofs:
        return "test only"
    if Verdict.VIOLATED in proofs:
        return "refuted from C"
    if proofs == {Verdict.HOLDS}:
        return "proved from C"
    told = [check.reason for check in checks if check.kind == "proof-c"]
    return "not bound" if any(reason.startswith("not bound") for reason in told) else "open"


def totals(document: Document) -> str:
    """Return in one line how much was looked at, and how much was found."""
    several = operations(document.checks)
    parts = [
        count(len(document.layouts), "layout"),
        count(len(document.checks), "check"),
        *([count(several, "operation")] if several else []),
        _found(document),
    ]
    return ", ".join(parts)


def _found(document: Document) -> str:
    findings = document.findings
    if findings:
        unsafe = sum(finding.severity == "unsafe" for finding in findings)
        return f"{count(len(findings), 'finding')} ({unsafe} unsafe)"
    if document.verdict is Verdict.HOLDS:
        return "no findings"
    return f"nothing found, which is no pass: the verdict is {document.verdict.value}"
