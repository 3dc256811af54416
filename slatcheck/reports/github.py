# SPDX-License-Identifier: GPL-2.0-only
"""Annotations of a GitHub workflow: what is printed is shown at the line of the change."""

from __future__ import annotations

from slatcheck.document.result import Document
from slatcheck.reports import lines
from slatcheck.reports.forms import Replay
from slatcheck.reports.remarks import Remark, comparisons, remarks

_COMMAND = {"error": "error", "warning": "warning", "note": "notice"}


def render(document: Document, replay: Replay | None = None) -> str:
    """Return a workflow command for each remark, then a line with the verdict, and the gate's."""
    names = [layout.name for layout in document.layouts]
    out = [
        _annotation(remark, names, replay)
        for remark in (*remarks(document), *comparisons(document))
    ]
    last = f"slatcheck verdict: {document.verdict.value}"
    if document.gate is not None:
        last += f", gate: {document.gate.verdict.value}"
    out.append(last)
    return "\n".join(out) + "\n"


def _annotation(remark: Remark, names: list[str], replay: Replay | None) -> str:
    text = remark.text
    if remark.finding is not None:
        again = replay(remark.finding) if replay else ""
        text = "\n".join([text, *lines.evidence(remark.finding, names, again)])
    place = remark.place
    known = f"file={_property(place.file)},line={place.line}"
    title = _property(f"slatcheck {remark.title}")
    return f"::{_COMMAND[remark.level]} {known},title={title}::{_data(text)}"


def _data(text: str) -> str:
    """Return ``text`` as the message of a workflow command: it can neither end it nor start one."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
