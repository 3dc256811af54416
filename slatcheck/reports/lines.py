# SPDX-License-Identifier: GPL-2.0-only
"""The lines that forms of report share: who was judged by what, and a finding from top to end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from model.rules import RULES
from slatcheck.display.words import clean, count, find_layout, layout_names, spared_names
from slatcheck.display.words import written_operation as written
from slatcheck.document.result import Document, Finding
from slatcheck.reports import gated

_STATEMENTS = {rule.name: rule.statement for rule in RULES}


def headline(document: Document) -> str:
    """Return in one line what was judged, by what and how."""
    tool, kernel = document.tool, document.kernel
    parts = [f"{tool.get('name', 'slatcheck')} {tool.get('version', '')}".strip()]
    if kernel is None:
        parts.append("built-in page table")
        if tool.get("quirks"):
            parts.append(f"quirks {', '.join(tool['quirks'])}")
    else:
        parts.append(f"Linux {kernel.get('version', 'of unknown version')}")
        if kernel.get("commit"):
            parts.append(f"commit {kernel['commit']}")
    if "seed" in tool:
        parts.append(f"seed {tool['seed']}")
    return clean(" · ".join(parts))


def closing(document: Document) -> Iterator[str]:
    """Yield what there is to say at the end: notes, what the gate makes of it, the verdict."""
    yield from (f"note: {clean(note)}" for note in document.notes)
    yield from (line for line in gated.lines(document) if line)
    if document.tool.get("interrupted"):
        yield "interrupted: this is what was found until then"
    yield gated.verdict(document)


def gone(mark: str, layouts: Sequence[str]) -> str:
    """Return in one line that a known finding was looked for in vain."""
    return clean(f"gone: {mark} ({', '.join(layouts)})")


def difference_between(record: Mapping[str, Any]) -> str:
    """Return in one line where two revisions differ on a layout."""
    return clean(f"differs: {record['function']} on {record['layout']}: {record['reason']}")


def title(finding: Finding) -> str:
    """Return one line that says which rule is broken, how gravely, and where."""
    marks = ", out of contract" * (not finding.contract) + ", known" * finding.known
    return clean(f"{finding.rule} ({finding.severity}{marks}) in {finding.entry}")


def causes(document: Document) -> Iterator[str]:
    """Yield each cause in one clean line, worst first, with how many findings come from it."""
    names = [layout.name for layout in document.layouts]
    for number, cause in enumerate(document.causes, 1):
        many = count(len(cause.findings), "finding")
        where_to = spared_names(cause.layouts, names)
        yield clean(f"{number}. ({cause.severity}) {cause.title}; {where_to}; {many}: {cause.id}")


def where(finding: Finding) -> str:
    """Return function, file and line of a finding as far as they are known."""
    place = finding.location
    line = f"{place.file}:{place.line}" if place.line else place.file
    return clean(", ".join(part for part in (place.function, line) if part))


def trace(finding: Finding) -> Iterator[str]:
    """Yield the operations of a finding's trace; ``>`` marks the one that shows it."""
    layout = find_layout(finding.shown_on)
    shows = shown_step(finding)
    width = len(str(len(finding.trace)))
    for number, data in enumerate(finding.trace, 1):
        yield f"{'>' if number == shows else ' '} {number:{width}}. {written(data, layout)}"


def shown_step(finding: Finding) -> int:
    """Return the number, from 1, of the operation that shows the finding."""
    steps = len(finding.trace)
    return finding.step + 1 if 0 <= finding.step < steps else steps


def difference(finding: Finding) -> Iterator[str]:
    """Yield expected (``-``) against actual (``+``), what both have in common once."""
    expected = [clean(line) for line in finding.expected]
    actual = [clean(line) for line in finding.actual]
    matcher = SequenceMatcher(None, expected, actual, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            yield from (f"  {line}" for line in expected[a:b])
            continue
        yield from (f"- {line}" for line in expected[a:b])
        yield from (f"+ {line}" for line in actual[c:d])


def of_finding(finding: Finding, names: Sequence[str], replay: str = "") -> Iterator[str]:
    """Yield the whole of a finding, each line clean; ``names`` are all layouts of the document."""
    yield title(finding)
    if finding.summary:
        yield f"what: {clean(finding.summary)}"
    yield from evidence(finding, names, replay)


def evidence(finding: Finding, names: Sequence[str], replay: str = "") -> Iterator[str]:
    """Yield what stands behind a finding: the promise, the place, the trace, what came of it."""
    if finding.rule in _STATEMENTS:
        yield f"promise: {_STATEMENTS[finding.rule]}"
    yield f"layouts: {clean(layout_names(finding.layouts, names))}"
    if place := where(finding):
        yield f"where: {place}"
    yield (
        f"trace ({count(len(finding.trace), 'operation')}, {clean(finding.shown_on)}, "
        f"seed {finding.seed}):"
    )
    yield from trace(finding)
    told = list(difference(finding))
    if told:
        yield f"after step {shown_step(finding)}, expected (-) and actual (+):"
        yield from told
    yield f"name: {clean(finding.fingerprint)}"
    if replay:
        yield f"replay: {clean(replay)}"
