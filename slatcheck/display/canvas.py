# SPDX-License-Identifier: GPL-2.0-only
"""A small canvas on which pictures are drawn as SVG, and the look that all of them share."""

from __future__ import annotations

from xml.etree import ElementTree

from slatcheck.display.words import clean

WIDTH = 1120
"""Width of every picture, in its own units."""
MARGIN = 12
CHAR = 0.602
"""Width of a character of the monospaced font, in units of its size."""

STYLE = """
text { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1b1f24 }
.paper { fill: #ffffff }
.soft { fill: #57606a }
.bold { font-weight: 700 }
.bar { fill: #f3f5f8; stroke: #6e7781; stroke-width: 1 }
.ghost { fill: none; stroke: #6e7781; stroke-width: 1; stroke-dasharray: 4 3 }
.zoom { fill: #6e7781; fill-opacity: .10; stroke: #6e7781; stroke-opacity: .35; stroke-width: .6 }
.field { fill: #e7effa; stroke: #3d6db5; stroke-width: 1 }
.field-off { fill: #f3f5f8; stroke: #6e7781; stroke-width: 1 }
.band { fill: #7a4fd0; stroke: #5a32a8; stroke-width: .6 }
.link { fill: #3d6db5; stroke: #24508f; stroke-width: .6 }
.same { fill: #c9d3de; stroke: #57606a; stroke-width: .8 }
.changed { fill: #9fd0ae; stroke: #1a7f37; stroke-width: 1.2 }
.gone { fill: none; stroke: #1a7f37; stroke-width: 1.4; stroke-dasharray: 4 2 }
.none { fill: #ffffff; stroke: #c3cad2; stroke-width: .8 }
.bad { fill: #ffd7d3; stroke: #b3131b; stroke-width: 2 }
.hatch-line { stroke: #b3131b; stroke-width: 1.6 }
.bad-text { fill: #a40e15; font-weight: 700 }
.good-text { fill: #116329 }
.arrow { fill: none; stroke: #b3131b; stroke-width: 1.8 }
.arrow-head { fill: #b3131b }
.curve { fill: none; stroke: #24508f; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.paper { fill: #0f141a }
.soft { fill: #9aa7b4 }
.bar { fill: #1b222b; stroke: #8b949e }
.ghost { stroke: #8b949e }
.zoom { fill: #8b949e; stroke: #8b949e }
.field { fill: #172a45; stroke: #6ea8ff }
.field-off { fill: #1b222b; stroke: #8b949e }
.band { fill: #b392f0; stroke: #d2bcff }
.link { fill: #6ea8ff; stroke: #a8ccff }
.same { fill: #3a4552; stroke: #8b949e }
.changed { fill: #1f5a31; stroke: #56d364 }
.gone { stroke: #56d364 }
.none { fill: #0f141a; stroke: #3d4754 }
.bad { fill: #5a1a1d; stroke: #ff7b72 }
.hatch-line { stroke: #ff7b72 }
.bad-text { fill: #ff9a92 }
.good-text { fill: #7ee787 }
.arrow { stroke: #ff7b72 }
.arrow-head { fill: #ff7b72 }
.curve { stroke: #6ea8ff }
}
"""
"""Rules for every picture: plain ones first, so that a viewer without dark mode has them."""


class Canvas:
    """Collects shapes from top to bottom; ``y`` is where the next part begins."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.y = float(MARGIN)
        self._body = ElementTree.Element("g")

    def rect(
        self, x: float, y: float, width: float, height: float, look: str, title: str = ""
    ) -> None:
        """Draw a rectangle; ``title`` is what a pointer over it tells."""
        made = self._add("rect", look, x=x, y=y, width=width, height=height)
        if title:
            ElementTree.SubElement(made, "title").text = clean(title)

    def hatched(
        self, x: float, y: float, width: float, height: float, look: str, title: str = ""
    ) -> None:
        """Draw a rectangle that is told from others by a pattern, not by colour alone."""
        self.rect(x, y, width, height, look, title)
        pattern = self._add("rect", "", x=x, y=y, width=width, height=height)
        pattern.set("fill", f"url(#{self.name}-hatch)")
        pattern.set("fill-opacity", "0.35")
        pattern.set("pointer-events", "none")

    def polygon(self, points: list[tuple[float, float]], look: str) -> None:
        """Draw a polygon."""
        made = self._add("polygon", look)
        made.set("points", " ".join(f"{x:.1f},{y:.1f}" for x, y in points))

    def line(self, points: list[tuple[float, float]], look: str) -> None:
        """Draw a line through ``points``."""
        made = self._add("polyline", look)
        made.set("points", " ".join(f"{x:.1f},{y:.1f}" for x, y in points))

    def arrow(self, points: list[tuple[float, float]]) -> None:
        """Draw a line through ``points`` (at least two) that ends in an arrow."""
        made = self._add("polyline", "arrow")
        made.set("points", " ".join(f"{x:.1f},{y:.1f}" for x, y in points))
        (x0, y0), (x, y) = points[-2:]
        side = 1 if x0 > x else -1
        down = -8 if y0 < y else 8
        head = (
            [(x, y), (x - 4, y + down), (x + 4, y + down)]
            if abs(y - y0) > abs(x - x0)
            else [(x, y), (x + side * 8, y - 4), (x + side * 8, y + 4)]
        )
        self.polygon(head, "arrow-head")

    def text(
        self, x: float, y: float, words: str, look: str = "", size: int = 11, anchor: str = "start"
    ) -> None:
        """Write ``words`` with their baseline at ``y``, moved so that they stay in the picture."""
        words = clean(words)
        width = length(words, size)
        if width > WIDTH - 4:
            words = fit(words, WIDTH - 4, size)
            width = length(words, size)
        left = x - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
        x += max(0.0, 2 - left) - max(0.0, left + width - (WIDTH - 2))
        made = self._add("text", look, x=x, y=y)
        made.set("font-size", str(size))
        if anchor != "start":
            made.set("text-anchor", anchor)
        made.text = words

    def heading(self, words: str, soft: str = "") -> None:
        """Begin a part with a heading."""
        self.text(MARGIN, self.y + 11, words, "bold", 12)
        if soft:
            self.text(MARGIN + length(words, 12) + 16, self.y + 11, soft, "soft")
        self.y += 22

    def _add(self, tag: str, look: str, **numbers: float) -> ElementTree.Element:
        made = ElementTree.SubElement(self._body, tag)
        for key, value in numbers.items():
            made.set(key, f"{value:.1f}".removesuffix(".0"))
        if look:
            made.set("class", look)
        return made

    def svg(self, title: str, description: str, standalone: bool) -> str:
        """Return the picture; with ``standalone`` as a document that has its own style."""
        height = f"{self.y + MARGIN:.0f}"
        root = ElementTree.Element("svg")
        if standalone:
            root.set("xmlns", "http://www.w3.org/2000/svg")
            root.set("width", str(WIDTH))
            root.set("height", height)
        root.set("viewBox", f"0 0 {WIDTH} {height}")
        root.set("role", "img")
        root.set("aria-labelledby", f"{self.name}-title {self.name}-text")
        for tag, key, words in (("title", "title", title), ("desc", "text", description)):
            made = ElementTree.SubElement(root, tag)
            made.set("id", f"{self.name}-{key}")
            made.text = clean(words)
        if standalone:
            ElementTree.SubElement(root, "style").text = STYLE
        root.append(self._pattern())
        paper = ElementTree.SubElement(root, "rect")
        paper.set("class", "paper")
        paper.set("width", str(WIDTH))
        paper.set("height", height)
        root.append(self._body)
        ElementTree.indent(root)
        return ElementTree.tostring(root, encoding="unicode") + "\n"

    def _pattern(self) -> ElementTree.Element:
        holder = ElementTree.Element("defs")
        pattern = ElementTree.SubElement(holder, "pattern")
        pattern.set("id", f"{self.name}-hatch")
        for key, value in (("width", "7"), ("height", "7"), ("patternUnits", "userSpaceOnUse")):
            pattern.set(key, value)
        pattern.set("patternTransform", "rotate(45)")
        line = ElementTree.SubElement(pattern, "line")
        line.set("class", "hatch-line")
        for key, value in (("x1", "0"), ("y1", "0"), ("x2", "0"), ("y2", "7")):
            line.set(key, value)
        return holder


def length(words: str, size: int = 11) -> float:
    """Return how wide ``words`` are drawn."""
    return len(words) * size * CHAR


def fit(words: str, width: float, size: int = 11) -> str:
    """Return ``words``, with their middle left out where they are wider than ``width``."""
    room = max(1, int(width / (size * CHAR)))
    if len(words) <= room:
        return words
    if room < 4:
        return words[-room:] if room > 1 else "…"
    head = (room - 1) // 2
    return f"{words[:head]}…{words[-(room - 1 - head) :]}"
