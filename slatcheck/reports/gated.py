# SPDX-License-Identifier: GPL-2.0-only
"""What is new, gone and accepted, as lines of text, where a run was compared with what is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from slatcheck.display.words import clean, count, find_layout, layout_names, written_operation
from slatcheck.document.result import Document, Gate, Verdict


def lines(document: Document) -> Iterator[str]:
    """Yield what the gate says of a document, its verdict last; nothing where there is no gate."""
    gate = document.gate
    if gate is None:
        return
    names = [layout.name for layout in document.layouts]
    yield f"gate, {_compared_with(gate)}"
    if gate.against:
        yield from _changes(document, gate, names)
    if gate.fail_on == "unsafe":
        mild = sum(finding.severity == "imprecise" for finding in document.findings)
        yield f"  {count(mild, 'imprecise finding')} {_do(mild)} not count"
    if "revision" in gate.against:
        yield from _differences(gate.differences, names)
    yield ""


def verdict(document: Document) -> str:
    """Return the last line of a report, on what decides the exit status."""
    gate = document.gate
    if gate is None:
        return f"verdict: {document.verdict.value}"
    if gate.verdict is not Verdict.HOLDS:
        return f"verdict: {gate.verdict.value}"
    accepted = sum(bool(check.accepted) for check in document.checks)
    if not accepted:
        return "verdict: holds"
    return f"verdict: holds, except for what is accepted ({count(accepted, 'check')})"


def _compared_with(gate: Gate) -> str:
    if "revision" in gate.against:
        commit = gate.against.get("commit", "")[:12] or "no commit named"
        return clean(f"against {gate.against['revision']} ({commit})")
    if "baseline" in gate.against:
        return clean(f"against the baseline {gate.against['baseline']}")
    return f"failing on what is {gate.fail_on}"


def _do(number: int) -> str:
    return "does" if number == 1 else "do"


def _changes(document: Document, gate: Gate, names: Sequence[str]) -> Iterator[str]:
    yield f"  {count(len(gate.new), 'new finding')}{':' if gate.new else ''}"
    for finding in document.findings:
        if finding.known:
            continue
        new = [layout for layout in finding.layouts if layout not in finding.known_on]
        partly = ", known elsewhere" if finding.known_on else ""
        yield f"    + {clean(finding.fingerprint)} ({layout_names(new, names)}{partly})"
    # A finding may also hide behind a new one that ends every run before it.
    yield f"  {count(len(gate.gone), 'finding')} no longer found{':' if gate.gone else ''}"
    for mark, layouts in gate.gone.items():
        yield f"    - {clean(mark)} ({layout_names(layouts, names)})"
    known = sum(finding.known for finding in document.findings)
    yield f"  {count(known, 'finding')} as before"


def _differences(found: Sequence[dict[str, Any]], names: Sequence[str]) -> Iterator[str]:
    """Yield where the two kernels differ: one trace for each function and reason."""
    if not found:
        yield "  no operation was found at which the two kernels differ"
        return
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for difference in found:
        groups.setdefault((difference["function"], difference["reason"]), []).append(difference)
    yield "  the two kernels differ from each other, first at:"
    for (function, reason), several in groups.items():
        where = layout_names([difference["layout"] for difference in several], names)
        yield f"    {clean(function)}: {clean(reason)} ({where})"
        shortest = min(several, key=lambda difference: len(difference["trace"]))
        layout = find_layout(shortest["layout"])
        for number, op in enumerate(shortest["trace"], 1):
            yield f"      {number}. {written_operation(op, layout)}"
        yield from (f"      - {clean(line)}" for line in shortest["before"] or ["as before"])
        yield from (f"      + {clean(line)}" for line in shortest["after"] or ["as before"])
