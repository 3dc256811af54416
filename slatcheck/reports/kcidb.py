# SPDX-License-Identifier: GPL-2.0-only
"""KCIDB's report of kernel tests, version 5.3: a build a layout, a test a check, known issues."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from slatcheck.display.words import clean, find_layout
from slatcheck.document.result import Document, Finding, Verdict
from slatcheck.git import history
from slatcheck.reports import lines
from slatcheck.reports.cases import Case, Suite, suites
from slatcheck.reports.forms import NOTHING_ASKED, Asked, Replay, judged_tree

VERSION = {"major": 5, "minor": 3}
STATUS = {
    Verdict.HOLDS: "PASS",
    Verdict.VIOLATED: "FAIL",
    Verdict.ERROR: "ERROR",
    Verdict.UNKNOWN: "ERROR",
    Verdict.VACUOUS: "MISS",
    Verdict.UNSUPPORTED: "MISS",
}
"""What KCIDB calls a verdict. Never SKIP: a reader ranks that below PASS."""
LONGEST = 16_384
"""Characters of a log excerpt."""
_UNFIT = re.compile(r"[^A-Za-z0-9_-]+", re.ASCII)


def render(document: Document, replay: Replay | None = None, asked: Asked = NOTHING_ASKED) -> str:
    """Return the document as one submission to KCIDB: checkout, builds, tests, issues, incidents.

    A test that the gate accepts keeps its status. It is waived as the schema has it: an incident
    ties it to an issue that says so; ``misc.waived`` tells the same to simpler readers.
    """
    return json.dumps(_Submission(document, replay, asked).all(), indent=1) + "\n"


class _Submission:
    def __init__(self, document: Document, replay: Replay | None, asked: Asked) -> None:
        self.document = document
        self.replay = replay
        self.origin = asked.origin
        tree = judged_tree(document, asked.kernel)
        self.source = history.source(tree) if tree is not None else None
        self.run = _run(document, self.source)
        self.names = [layout.name for layout in document.layouts]
        self.issues: dict[str, dict[str, Any]] = {}
        self.incidents: list[dict[str, Any]] = []

    def all(self) -> dict[str, Any]:
        """Return the whole submission."""
        for finding in self.document.findings:
            self._issue_of(finding)
        told = suites(self.document)
        builds = [self._build(suite) for suite in told]
        tests = [test for suite in told for test in self._tests(suite)]
        return {
            "version": VERSION,
            "checkouts": [self._checkout()],
            "builds": builds,
            "tests": tests,
            "issues": list(self.issues.values()),
            "incidents": self.incidents,
        }

    def _named(self, *parts: str) -> dict[str, Any]:
        return {"id": ":".join((self.origin, self.run, *parts)), "origin": self.origin}

    def _checkout(self) -> dict[str, Any]:
        out = self._named() | {"comment": lines.headline(self.document), "valid": True}
        if self.source is None:
            return out
        out |= {
            "git_commit_hash": self.source.commit,
            "git_commit_name": clean(self.source.name),
            "patchset_hash": _patchset(self.source.changed),
        }
        return out | ({"git_repository_url": self.source.url} if self.source.url else {})

    def _build(self, suite: Suite) -> dict[str, Any]:
        kernel = self.document.kernel or {}
        layout = find_layout(suite.name)
        out = self._named(suite.name) | {
            "checkout_id": self._named()["id"],
            "comment": f"{suite.name}: {suite.verdict.value}",
            "architecture": layout.port if layout is not None else "",
            "status": STATUS[_built(suite)],
        }
        if layout is not None:
            out["config_name"] = layout.name
            out["misc"] = {"kconfig": dict(sorted(layout.kconfig.items()))}
        compiler = clean(str(kernel.get("compiler", "")))
        return out | ({"compiler": compiler} if compiler else {})

    def _tests(self, suite: Suite) -> Iterator[dict[str, Any]]:
        number = 0
        for group in suite.groups:
            for case in group.cases:
                number += 1
                yield self._test(suite, case, f"{number}")

    def _test(self, suite: Suite, case: Case, number: str) -> dict[str, Any]:
        check = case.check
        out = self._named(suite.name, number) | {
            "build_id": self._named(suite.name)["id"],
            "path": _path(case),
            "status": STATUS[case.verdict],
            "comment": _comment(case),
            "duration": round(check.seconds, 3) if check else 0,
            "misc": {
                "waived": bool(case.accepted),
                "verdict": case.verdict.value,
                "evidence": check.kind if check else "",
                "cases": check.cases if check else 0,
            },
        }
        for finding in case.findings:
            self._incident(out, self._issue_of(finding))
        if case.accepted:
            self._incident(out, self._waiver(case.accepted))
        if case.findings:
            out["log_excerpt"] = self._excerpt(case.findings)
        return out

    def _excerpt(self, findings: list[Finding]) -> str:
        told = (
            "\n".join(
                lines.of_finding(finding, self.names, self.replay(finding) if self.replay else "")
            )
            for finding in findings
        )
        return "\n\n".join(told)[:LONGEST]

    def _issue_of(self, finding: Finding) -> dict[str, Any]:
        """Return the issue that a finding is, the same one in every run that has it."""
        mark = hashlib.sha256(finding.fingerprint.encode(errors="surrogatepass")).hexdigest()[:16]
        new: dict[str, Any] = {
            "id": f"{self.origin}:finding:{mark}",
            "version": 1,
            "origin": self.origin,
            "report_subject": lines.title(finding),
            "comment": clean(finding.fingerprint),
            "culprit": {"code": True, "tool": False, "harness": False},
        }
        return self.issues.setdefault(new["id"], new)

    def _waiver(self, why: str) -> dict[str, Any]:
        new: dict[str, Any] = {
            "id": f"{self.origin}:waived:{_UNFIT.sub('_', why)}",
            "version": 1,
            "origin": self.origin,
            "comment": f"waived: accepted by the gate ({why})",
        }
        return self.issues.setdefault(new["id"], new)

    def _incident(self, test: dict[str, Any], issue: dict[str, Any]) -> None:
        told = {"issue_id": issue["id"], "issue_version": issue["version"], "present": True}
        number = str(len(self.incidents) + 1)
        self.incidents.append(self._named("incident", number) | told | {"test_id": test["id"]})


def _run(document: Document, source: history.Source | None) -> str:
    """Return the name of a run: another one for whatever else was run, or was found."""
    told = [
        (
            check.id,
            check.kind,
            check.layout,
            check.verdict.value,
            check.reason,
            check.accepted,
            check.cases,
        )
        for check in document.checks
    ]
    times = [check.seconds for check in document.checks]
    marks = [finding.fingerprint for finding in document.findings]
    names = [layout.name for layout in document.layouts]
    whole = (document.tool, document.kernel, str(source), names, told, times, marks)
    return hashlib.sha256(repr(whole).encode()).hexdigest()[:16]


def _comment(case: Case) -> str:
    if case.verdict is Verdict.HOLDS:
        return case.name
    return f"{case.verdict.value}: {case.reason or case.name}"


def _patchset(changed: bytes) -> str:
    """Return KCIDB's hash of the patch between the commit and the tree, '' for none."""
    if not changed:
        return ""
    of_patch = hashlib.sha256(changed).hexdigest()
    return hashlib.sha256(f"{of_patch}\n".encode()).hexdigest()


def _built(suite: Suite) -> Verdict:
    """Return what became of a build: a check of its own says that a layout cannot be built."""
    failed = (
        case.verdict
        for case in suite.cases()
        if case.check is not None
        and "/build/" in case.check.id
        and case.verdict is not Verdict.HOLDS
    )
    return next(failed, Verdict.HOLDS)


def _path(case: Case) -> str:
    """Return the place of a test among all tests, the same in every build: no layout in it."""
    check = case.check
    parts = [check.kind, *check.id.split("/")] if check else ["verdict"]
    fit = [_UNFIT.sub("_", part).strip("_") for part in parts]
    return ".".join(["slatcheck", *(part or "_" for part in fit)])
