# SPDX-License-Identifier: GPL-2.0-only
"""KTAP version 1, as the kernel's own tools read it: a layout, its functions, their checks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from slatcheck.display.words import clean, count
from slatcheck.document.result import Document, Finding, Verdict, worst
from slatcheck.reports import lines
from slatcheck.reports.cases import Case, CaseGroup, Suite, loose, suites
from slatcheck.reports.forms import Replay

# kunit.py begins a test, or ends the whole, at a line that holds one of these.
_SIGNALS = re.compile(
    r"(Subtest|TAP version|List of all partitions|Kernel panic - not syncing|reboot)([: ])"
)


def render(document: Document, replay: Replay | None = None) -> str:
    """Return the document as KTAP: ``ok`` is a check that holds, and nothing else is.

    Those who read KTAP take a run of passed and skipped tests as passed. So SKIP stands only at
    what is no pass and yet accepted by the gate, and what they make of the whole is the gate's.
    """
    return "\n".join(_Report(document, replay).all()) + "\n"


class _Report:
    def __init__(self, document: Document, replay: Replay | None) -> None:
        self.document = document
        self.replay = replay
        self.names = [layout.name for layout in document.layouts]
        self.told: set[int] = set()

    def all(self) -> Iterator[str]:
        """Yield the report; the plan comes first, as kunit.py of Linux 6.1 wants it."""
        told = suites(self.document)
        yield "KTAP version 1"
        yield f"1..{len(told)}"
        yield _diagnostic(lines.headline(self.document))
        for number, suite in enumerate(told, 1):
            yield from _indented(self._suite(suite))
            yield _summary(number, suite.name, suite.cases())
        for finding in loose(self.document, told):
            yield from self._finding(finding)
        yield from map(_diagnostic, lines.closing(self.document))

    def _suite(self, suite: Suite) -> Iterator[str]:
        yield "KTAP version 1"
        yield f"# Subtest: {_harmless(suite.name)}"
        yield f"1..{len(suite.groups)}"
        for number, group in enumerate(suite.groups, 1):
            yield from _indented(self._group(group))
            yield _summary(number, group.name, group.cases)

    def _group(self, group: CaseGroup) -> Iterator[str]:
        yield "KTAP version 1"
        yield f"# Subtest: {_harmless(group.name)}"
        yield f"1..{len(group.cases)}"
        for number, case in enumerate(group.cases, 1):
            for finding in case.findings:
                yield from self._finding(finding)
            yield _result(case, number, case.name, case.reason)

    def _finding(self, finding: Finding) -> Iterator[str]:
        """Yield a finding as diagnostics, whole where it comes for the first time."""
        if id(finding) in self.told:
            yield _diagnostic(f"{finding.fingerprint}: {finding.summary}; its trace is above")
            return
        self.told.add(id(finding))
        again = self.replay(finding) if self.replay else ""
        for line in lines.of_finding(finding, self.names, again):
            yield _diagnostic(line)


def _indented(inner: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" for line in inner)


def _harmless(text: str) -> str:
    """Return a line, or a part of one, that kunit.py takes for nothing but text."""
    return _SIGNALS.sub(r"\1\\\2", text)


def _diagnostic(line: str) -> str:
    # Leading spaces show what belongs together; clean() takes them away.
    lead = line[: len(line) - len(line.lstrip(" "))]
    return "# " + lead + _harmless(clean(line))


def _summary(number: int, name: str, cases: list[Case]) -> str:
    """Return the result line of what ``cases`` are part of: the worst of those that count."""
    verdict = worst(case.verdict for case in cases)
    told = Case("", verdict, "", accepted="" if any(case.counts for case in cases) else "gate")
    hold = sum(case.verdict is Verdict.HOLDS for case in cases)
    why = f"{hold} of {count(len(cases), 'check')} hold"
    if accepted := sum(bool(case.accepted) for case in cases):
        why += f", {accepted} accepted"
    return _result(told, number, name, why)


def _result(case: Case, number: int, name: str, why: str) -> str:
    """Return a result line; of what does not hold it says the verdict and the reason."""
    if case.verdict is Verdict.HOLDS:
        return f"ok {number} {_harmless(name)}"
    # A second '#' could begin a directive: a reason must not turn a failure into a SKIP.
    told = f"{case.verdict.value}: {why or 'no reason given'}".replace("#", r"\x23")
    if case.accepted:
        told = f"SKIP accepted ({case.accepted}), {told}"
    return f"not ok {number} {_harmless(name)} {_diagnostic(told)}"
