# SPDX-License-Identifier: GPL-2.0-only
"""JUnit XML, as most CI systems read it: a suite a layout, a test case a check."""

from __future__ import annotations

import io

# junitparser: writes the dialect that CI systems agree on, with its counts.
import junitparser

from slatcheck.display.words import clean
from slatcheck.document.result import Document, Verdict
from slatcheck.reports import lines
from slatcheck.reports.cases import Case, CaseGroup, Suite, loose, suites
from slatcheck.reports.forms import Replay


def render(document: Document, replay: Replay | None = None) -> str:
    """Return the document as JUnit XML: what does not hold is a failure or an error.

    ``violated`` is a failure; what could not be decided is an error that names its verdict. CI
    systems show a run of passed and skipped cases as passed: only what the gate accepts is skipped.
    """
    told = suites(document)
    xml = junitparser.JUnitXml("slatcheck")
    for number, suite in enumerate(told):
        # A reader meets the causes before any check: they stand at the top of the first suite.
        opening = [] if number else [("cause", line) for line in lines.causes(document)]
        xml.add_testsuite(_suite(document, suite, replay, opening))
    remarks = "\n".join(_remarks(document, told, replay))
    next(iter(xml)).append(junitparser.SystemOut(remarks))  # type: ignore[no-untyped-call]
    xml.update_statistics()  # type: ignore[no-untyped-call]
    xml.time = round(xml.time, 3)
    out = io.BytesIO()
    xml.write(out, pretty=True)
    return out.getvalue().decode("utf-8")


def _remarks(document: Document, told: list[Suite], replay: Replay | None) -> list[str]:
    """Return what belongs to no check: it goes into the output of the first suite."""
    names = [layout.name for layout in document.layouts]
    out = [lines.headline(document), *lines.causes(document)]
    for finding in loose(document, told):
        out += ["", *lines.of_finding(finding, names, replay(finding) if replay else "")]
    return [*out, *lines.closing(document)]


def _suite(
    document: Document, suite: Suite, replay: Replay | None, opening: list[tuple[str, str]]
) -> junitparser.TestSuite:
    out = junitparser.TestSuite(suite.name)
    for key, value in [*opening, *_properties(document, suite)]:
        out.add_property(key, value)
    out.add_testcases(
        [
            _case(document, suite, group, case, replay)
            for group in suite.groups
            for case in group.cases
        ]
    )
    out.time = round(out.time, 3)
    return out


def _properties(document: Document, suite: Suite) -> list[tuple[str, str]]:
    kernel = document.kernel or {}
    found = [
        ("verdict", suite.verdict.value),
        ("tool", f"{document.tool.get('name')} {document.tool.get('version')}"),
        ("seed", document.tool.get("seed")),
        ("kernel", kernel.get("version")),
        ("commit", kernel.get("commit")),
    ]
    return [(key, clean(str(value))) for key, value in found if value not in (None, "")]


def _case(
    document: Document, suite: Suite, group: CaseGroup, case: Case, replay: Replay | None
) -> junitparser.TestCase:
    seconds = case.check.seconds if case.check else 0.0
    out = junitparser.TestCase(case.name, f"{suite.name}.{group.name}", round(seconds, 3))
    if case.verdict is Verdict.HOLDS:
        return out
    kind: type[junitparser.Failure | junitparser.Error | junitparser.Skipped]
    kind = junitparser.Failure if case.verdict is Verdict.VIOLATED else junitparser.Error
    told = f"{case.verdict.value}: {case.reason or 'no reason given'}"
    if case.accepted:
        kind, told = junitparser.Skipped, f"accepted ({case.accepted}), {told}"
    why = kind(told, case.verdict.value)
    names = [layout.name for layout in document.layouts]
    texts = [
        "\n".join(lines.of_finding(finding, names, replay(finding) if replay else ""))
        for finding in case.findings
    ]
    why.text = "\n\n".join(texts) or case.reason
    out.result = [why]
    return out
