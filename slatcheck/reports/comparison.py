# SPDX-License-Identifier: GPL-2.0-only
"""Where two implementations or layouts part, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from slatcheck.display.words import clean, count, find_layout, written_operation
from slatcheck.document.result import Verdict
from slatcheck.document.schema import COMPARISON, validated
from slatcheck.judge.side_by_side import Comparison, Parting


def verdict(comparison: Comparison) -> Verdict:
    """Return violated where the two part, vacuous where nothing was compared, else holds."""
    if comparison.parting is not None:
        return Verdict.VIOLATED
    compared = comparison.sequences and comparison.operations
    return Verdict.HOLDS if compared else Verdict.VACUOUS


def render_json(comparison: Comparison) -> str:
    """Return the comparison as JSON that fits ``schema-diff.json``."""
    data = {"schema": "slatcheck-diff/1", "verdict": verdict(comparison).value}
    return validated(data | asdict(comparison), COMPARISON)


def render_text(comparison: Comparison) -> str:
    """Return the comparison for a person, ending with the verdict."""
    lines = [clean(f"{comparison.left} against {comparison.right}"), ""]
    if comparison.parting is not None:
        lines += [*_parting(comparison.parting), ""]
    lines += [f"note: {clean(note)}" for note in comparison.notes]
    done = f"{count(comparison.sequences, 'sequence')}, {count(comparison.operations, 'operation')}"
    lines += [done, f"verdict: {verdict(comparison).value}"]
    return "\n".join(lines) + "\n"


def _parting(parting: Parting) -> Iterator[str]:
    steps = len(parting.trace)
    shows = parting.step if 0 <= parting.step < steps else steps - 1
    yield f"they part at step {shows + 1}: {clean(parting.reason)}"
    yield ""
    layout = find_layout(parting.layout_left)
    width = len(str(steps))
    for number, data in enumerate(parting.trace):
        mark = ">" if number == shows else " "
        yield f"  {mark} {number + 1:{width}}. {written_operation(data, layout)}"
    sides = (
        ("-", parting.left, parting.layout_left, parting.left_shows),
        ("+", parting.right, parting.layout_right, parting.right_shows),
    )
    for sign, name, layout_name, shown in sides:
        yield ""
        place = "" if layout_name in name else f" on {clean(layout_name)}"
        yield f"  {sign} {clean(name)}{place} shows"
        yield from (f"    {sign} {clean(line)}" for line in shown or ["nothing"])
