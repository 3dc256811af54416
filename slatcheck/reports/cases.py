# SPDX-License-Identifier: GPL-2.0-only
"""A document as a test run: every check once, under its layout and function, with its findings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from model.machines import LITTLE
from slatcheck.display.words import clean
from slatcheck.document.identity import CheckId
from slatcheck.document.result import Check, Document, Finding, Verdict, worst

NOTHING = "nothing was checked"


@dataclass
class Case:
    """One check, or ``check`` None where there should have been one.

    ``name`` and ``reason`` are clean; no other case of the group, nor the group, has this name.
    ``accepted`` says why the gate does not mind what is no pass, '' where it does.
    """

    name: str
    verdict: Verdict
    reason: str
    check: Check | None = None
    accepted: str = ""
    findings: list[Finding] = field(default_factory=list)

    @property
    def counts(self) -> bool:
        """Whether this case shuts the gate."""
        return self.verdict is not Verdict.HOLDS and not self.accepted


@dataclass
class CaseGroup:
    """The cases of one function of one layout."""

    name: str
    cases: list[Case]


@dataclass
class Suite:
    """All groups of one layout."""

    name: str
    groups: list[CaseGroup]

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the cases."""
        return worst(case.verdict for case in self.cases())

    def cases(self) -> list[Case]:
        """Return all cases of the layout."""
        return [case for group in self.groups for case in group.cases]


def suites(document: Document) -> list[Suite]:
    """Return every check of the document once, by layout and function; never an empty list.

    A layout without any check has one case that is vacuous, and so has an empty document. Where
    the gate is shut by something else than a check, a case of its own says so.
    """
    by_layout: dict[str, list[Check]] = {layout.name: [] for layout in document.layouts}
    for check in document.checks:
        by_layout.setdefault(check.layout, []).append(check)
    common = by_layout.pop("", [])
    out = [_suite(document, name, checks) for name, checks in by_layout.items()]
    if common or not out:
        out.append(_suite(document, "(no layout)", common))
    if not opens(document) and not any(case.counts for suite in out for case in suite.cases()):
        out.append(Suite("(gate)", [CaseGroup("(whole)", [_whole(document)])]))
    return out


def opens(document: Document) -> bool:
    """Whether the run is over and nothing that counts is against it: whether its gate is open."""
    return document.decides is Verdict.HOLDS and not document.tool.get("interrupted")


def _whole(document: Document) -> Case:
    if document.tool.get("interrupted"):
        return Case("verdict", Verdict.UNKNOWN, "the run was interrupted")
    marks = [
        finding.fingerprint
        for finding in document.findings
        if finding.contract and not finding.known
    ]
    return Case("verdict", document.decides, clean(", ".join(marks)))


def loose(document: Document, told: Iterable[Suite]) -> list[Finding]:
    """Return the findings that stand behind no check of ``told``: those out of contract, mostly."""
    shown = {id(finding) for suite in told for case in suite.cases() for finding in case.findings}
    return [finding for finding in document.findings if id(finding) not in shown]


def explains(finding: Finding, check: Check) -> bool:
    """Whether ``finding`` is what made ``check`` violated."""
    if check.verdict is not Verdict.VIOLATED or check.layout not in finding.layouts:
        return False
    if not finding.contract or check.byte_order not in ("", *finding.byte_orders):
        return False
    rule = CheckId.parse(check.id).promise
    return check.finding == finding.fingerprint or (
        check.function == finding.entry and rule == finding.rule
    )


def label(text: str) -> str:
    """Return a name that no reader takes for something else: one line, never empty, no ``#``."""
    return clean(text).replace("#", r"\x23").lstrip("- ") or "(no name)"


def _suite(document: Document, name: str, checks: list[Check]) -> Suite:
    if not checks:
        group = CaseGroup("(none)", [Case(NOTHING, Verdict.VACUOUS, "no check ran")])
        return Suite(label(name), [group])
    by_function: dict[str, list[Check]] = {}
    for check in checks:
        by_function.setdefault(check.function, []).append(check)
    used = {label(name)}
    groups = [
        _group(document, _unused(label(function or "(no function)"), used), mine)
        for function, mine in by_function.items()
    ]
    return Suite(label(name), groups)


def _group(document: Document, name: str, checks: list[Check]) -> CaseGroup:
    used = {name}
    cases = []
    for check in checks:
        findings = [finding for finding in document.findings if explains(finding, check)]
        little = " (little-endian)" if check.byte_order == LITTLE else ""
        called = _unused(label(check.id + little), used)
        reason = check.reason or ", ".join(finding.fingerprint for finding in findings)
        # What a document without a gate accepts, it does not accept.
        accepted = clean(check.accepted) if document.gate is not None else ""
        cases.append(Case(called, check.verdict, clean(reason), check, accepted, findings))
    return CaseGroup(name, cases)


def _unused(name: str, used: set[str]) -> str:
    """Return ``name``, with a number where it is taken."""
    called, number = name, 1
    while called in used:
        number += 1
        called = f"{name} ({number})"
    used.add(called)
    return called
