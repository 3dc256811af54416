# SPDX-License-Identifier: GPL-2.0-only
"""Boxes, lines of text and arrows as SVG, for the pictures of the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

CHARACTER = 7.3
"""The width of a character of code, in units of the picture."""
LINE = 17
MARGIN = 10
_HEAD = 22


@dataclass(frozen=True)
class Box:
    """A rectangle of the picture."""

    x: float
    y: float
    width: float
    height: float

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y + self.height

    @property
    def middle(self) -> float:
        """The middle between the left and the right edge."""
        return self.x + self.width / 2


@dataclass
class Picture:
    """A picture as it is being drawn; the same calls give the same text."""

    width: float
    height: float
    title: str
    _parts: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, words: str, style: str = "", anchor: str = "") -> None:
        """Write a line, its base at ``y``."""
        kind = f' class="{style}"' if style else ""
        place = f' text-anchor="{anchor}"' if anchor else ""
        self._parts.append(f'<text x="{x:g}" y="{y:g}"{kind}{place}>{escape(words)}</text>')

    def box(self, at: Box, style: str = "") -> None:
        """Draw a rectangle."""
        kind = f' class="{style}"' if style else ""
        size = f'width="{at.width:g}" height="{at.height:g}"'
        self._parts.append(f'<rect x="{at.x:g}" y="{at.y:g}" {size} rx="5"{kind}/>')

    def arrow(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """Draw an arrow from one point to another."""
        ends = f'x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"'
        self._parts.append(f'<line {ends} marker-end="url(#tip)"/>')

    def code(self, at: Box, head: str, lines: Sequence[str]) -> None:
        """Draw a box that has a heading and lines of code."""
        self.box(at)
        self.text(at.x + MARGIN, at.y + LINE, head, "head")
        for number, line in enumerate(lines):
            self.text(at.x + MARGIN, at.y + _HEAD + LINE * (number + 1), line, "code")

    def svg(self) -> str:
        """Return the picture as a file of its own."""
        size = f'viewBox="0 0 {self.width:g} {self.height:g}" width="{self.width:g}"'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">',
                "<!-- SPDX-License-Identifier: GPL-2.0-only -->",
                f"<title>{escape(self.title)}</title>",
                "<style>",
                "text { font: 13px sans-serif; fill: #222 }",
                ".code { font: 12px monospace; white-space: pre }",
                ".head { font-weight: bold }",
                ".faint { fill: #777; font-size: 11px }",
                "rect { fill: #f6f8fa; stroke: #8a94a0 }",
                ".page { fill: #fff; stroke: none }",
                ".room { fill: #fff }",
                "line { stroke: #57606a; stroke-width: 1.4 }",
                "</style>",
                '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
                'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="#57606a"/></marker>',
                f'<rect x="0" y="0" width="{self.width:g}" height="{self.height:g}" class="page"/>',
                *self._parts,
                "</svg>",
                "",
            ]
        )


def room_for(lines: Sequence[str]) -> tuple[float, float]:
    """Return the width and the height of a box of code with a heading."""
    longest = max(map(len, lines), default=0)
    return longest * CHARACTER + 2 * MARGIN, _HEAD + LINE * len(lines) + MARGIN
