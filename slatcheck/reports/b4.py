# SPDX-License-Identifier: GPL-2.0-only
"""What b4 shows of a patch: a result in its JSON, or lines as checkpatch prints them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slatcheck.display.words import clean, count
from slatcheck.document.result import Document, Verdict
from slatcheck.reports import lines
from slatcheck.reports.remarks import Remark, remarks

TOOL = "slatcheck"
PASS, WARN, FAIL = "pass", "warn", "fail"
_STATUS = {"error": FAIL, "warning": WARN}


@dataclass(frozen=True)
class _Line:
    """One thing to say of a patch: in one line, and at length."""

    status: str
    text: str
    whole: str = ""


def as_json(document: Document) -> str:
    """Return b4's JSON on what a patch adds to a tree: one result.

    Of several from one tool b4 keeps the last; so each new finding, and each reason why something
    new is open, is one of its details. Only a run that is over, of which nothing counts, passes.
    """
    told = _objections(document)
    status = FAIL if any(line.status == FAIL for line in told) else WARN if told else PASS
    return _written(status, _summary(document, told), [_detail(line) for line in told])


def as_lines(document: Document) -> str:
    """Return the same as lines: ``ERROR:`` and ``WARNING:``, nothing where nothing counts."""
    words = {FAIL: "ERROR", WARN: "WARNING"}
    return "".join(f"{words[line.status]}: {line.text}\n" for line in _objections(document))


def failed(reason: str) -> str:
    """Return b4's JSON where a patch could not be judged at all."""
    return _written(FAIL, clean(reason), [])


def _written(status: str, summary: str, details: list[dict[str, str]]) -> str:
    told = {"tool": TOOL, "status": status, "summary": summary, "url": ""}
    result = {**told, "details": json.dumps(details) if details else ""}
    return json.dumps([result], indent=1) + "\n"


def _detail(line: _Line) -> dict[str, str]:
    return {"status": line.status, "description": line.whole or line.text}


def _objections(document: Document) -> list[_Line]:
    """Return what counts against a patch, the worst first."""
    said = [remark for remark in remarks(document) if remark.level in _STATUS]
    told = [*_causes(document, said), *(_open(remark) for remark in said if remark.finding is None)]
    if document.tool.get("interrupted"):
        told.append(_Line(FAIL, "interrupted before everything was looked at"))
    if not told and document.decides is not Verdict.HOLDS:
        told.append(_Line(FAIL, f"the verdict is {document.decides.value}"))
    return sorted(told, key=lambda line: line.status != FAIL)


def _open(remark: Remark) -> _Line:
    return _Line(_STATUS[remark.level], _short(remark))


def _short(remark: Remark) -> str:
    return f"{remark.place.file}:{remark.place.line}: {remark.title}: {remark.text}"


def _causes(document: Document, said: Sequence[Remark]) -> Iterator[_Line]:
    """Yield one line for each cause of which a finding counts; ``said`` is what counts."""
    names = [layout.name for layout in document.layouts]
    by_mark = {remark.finding.fingerprint: remark for remark in said if remark.finding is not None}
    for cause in document.causes:
        mine = [by_mark[mark] for mark in cause.findings if mark in by_mark]
        if not mine:
            continue
        first = mine[0].finding
        assert first is not None
        more = f" ({len(mine)} findings of one cause)" * (len(mine) > 1)
        status = FAIL if any(_STATUS[remark.level] == FAIL for remark in mine) else WARN
        whole = "\n".join(lines.of_finding(first, names))
        yield _Line(status, _short(mine[0]) + more, whole)


def _summary(document: Document, told: Sequence[_Line]) -> str:
    layouts = count(len(document.layouts), "layout")
    if told:
        more = f"; and {len(told) - 1} more" * (len(told) > 1)
        return f"{told[0].text}{more}"
    as_before = sum(finding.known for finding in document.findings)
    gone = len(document.gate.gone) if document.gate else 0
    told_of = [f"nothing new in {layouts}", f"{count(as_before, 'finding')} as before"]
    return ", ".join(told_of + [f"{gone} no longer found"] * bool(gone))
