# SPDX-License-Identifier: GPL-2.0-only
"""What campaigns reached, for a page: numbers, and a curve that shows where more brings no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log10
from typing import Any

from slatcheck.display.canvas import MARGIN, WIDTH, Canvas
from slatcheck.display.words import clean
from slatcheck.document.result import Document

CURVES = (
    ("blocks_run", "basic blocks"),
    ("pairs", "pairs of operand classes"),
    ("states", "steps of the table"),
    ("findings", "findings"),
)
"""What is drawn of each point, with its title."""
HEIGHT, GAP = 120, 24
"""Height of a curve and room between two, in units of the picture."""


@dataclass(frozen=True)
class Shown:
    """A campaign as a page has it; ``picture`` is an SVG."""

    title: str
    numbers: list[tuple[str, str]]
    picture: str


def shown(document: Document) -> list[Shown]:
    """Return the campaigns of a document, none where it is of no campaign."""
    return [
        Shown(clean(_title(told)), _numbers(told), _picture(told, f"campaign-{number}"))
        for number, told in enumerate(document.tool.get("campaigns") or [], 1)
    ]


def _title(told: dict[str, Any]) -> str:
    return f"{told['layout']} ({told['byte_order']}-endian)"


def _numbers(told: dict[str, Any]) -> list[tuple[str, str]]:
    rate = int(told["operations"] / max(told["seconds"], 0.1))
    return [
        ("operations", f"{told['operations']:,}, {rate:,} a second of a process"),
        ("sequences", f"{told['sequences']:,}, {told['replayed']:,} of them inputs from before"),
        ("judged", f"{told['judged']:,} suspected, {told['spared']:,} for nothing"),
        ("ended at what is known", f"{told['known']:,}"),
        ("sampled", f"{told['sampled']:,} that nothing was suspected of"),
        ("basic blocks", f"{told['blocks_run']:,} of {told['blocks']:,}"),
        ("last new block", f"within {told['last_new_block']:,} operations"),
        ("pairs of operand classes", f"{told['pairs']:,}"),
        ("steps of the table", f"{told['states']:,}"),
        ("inputs", f"{told['inputs']:,}"),
    ]


def _picture(told: dict[str, Any], name: str) -> str:
    canvas = Canvas(name)
    width = (WIDTH - 2 * MARGIN - GAP * (len(CURVES) - 1)) / len(CURVES)
    top = canvas.y
    for place, (key, title) in enumerate(CURVES):
        points = [(point["operations"], point[key]) for point in told["curve"]]
        _curve(canvas, (MARGIN + place * (width + GAP), top, width), title, points)
    canvas.y = top + HEIGHT + 44
    said = "; ".join(f"{title}: {told['curve'][-1][key]:,}" for key, title in CURVES)
    return canvas.svg(f"What was reached on {_title(told)}", said, standalone=False)


def _curve(
    canvas: Canvas,
    box: tuple[float, float, float],
    title: str,
    points: Sequence[tuple[int, int]],
) -> None:
    """Draw one curve into a box (left, top, width); operations are on a logarithmic scale."""
    left, top, width = box
    most, first = max(value for _, value in points), max(points[min(1, len(points) - 1)][0], 1)
    decades = log10(max(points[-1][0], first * 10) / first)

    def at(operations: int, value: int) -> tuple[float, float]:
        right = log10(max(operations, first) / first) / decades
        return left + width * right, top + 22 + HEIGHT * (1 - value / max(most, 1))

    canvas.text(left, top + 11, title, "bold")
    canvas.text(left + width, top + 11, f"{most:,}", "soft", anchor="end")
    canvas.rect(left, top + 22, width, HEIGHT, "none")
    corners = []
    for (begin, before), (operations, value) in pairwise(points[1:] or points):
        # What was reached between two points was reached no later than the second.
        corners += [at(begin, before), at(operations, before), at(operations, value)]
    canvas.line(corners or [at(*points[-1]), at(*points[-1])], "curve")
    canvas.text(left, top + HEIGHT + 36, f"{first:,} operations", "soft", 10)
    canvas.text(left + width, top + HEIGHT + 36, f"{points[-1][0]:,}", "soft", 10, anchor="end")
