# SPDX-License-Identifier: GPL-2.0-only
"""The picture of one layout: the bits of an address, the tables, the bits of an entry."""

from __future__ import annotations

from model.layout import Layout
from slatcheck.display import ruler
from slatcheck.display.address import split
from slatcheck.display.canvas import MARGIN, WIDTH, Canvas, fit
from slatcheck.display.words import count, size
from slatcheck.reports.layouts_one import LevelFacts, cost, levels, permission, reach, what

_BAR = 30
_ROW = 118
_SHOWN = 64
"""Slots of a table that are drawn one by one at most; more are drawn as a part of them."""
_SHORT = {
    "present": "pres",
    "accessed": "acc",
    "modified": "mod",
    "special": "spec",
    "global": "glob",
    "no-exec": "noexe",
    "no-read": "nord",
}


def render(layout: Layout) -> str:
    """Return the layout as SVG, a file of its own."""
    canvas = Canvas("layout")
    canvas.text(MARGIN, canvas.y + 14, f"{layout.name}: {what(layout)}", "bold", 14)
    canvas.text(MARGIN, canvas.y + 34, permission(layout), "soft")
    canvas.y += 50
    canvas.heading("A guest-physical address, bit by bit")
    ruler.draw(canvas, "", split(layout, 0), "", values=False)
    canvas.heading("The tables", "each row is one table; what lies below a slot is that slot")
    for number, level in enumerate(levels(layout)):
        _level(canvas, layout, level, number)
    canvas.y -= 26
    canvas.heading("An entry, bit by bit", f"{layout.entry.size} bytes")
    _entry(canvas, layout)
    for line in (*reach(layout)[:2], *cost(layout)):
        canvas.text(MARGIN, canvas.y + 12, line, "soft")
        canvas.y += 18
    title = f"The layout {layout.name}"
    return canvas.svg(title, " ".join((*reach(layout), *cost(layout))), standalone=True)


def _level(canvas: Canvas, layout: Layout, level: LevelFacts, number: int) -> None:
    """Draw one table as a bar with its first slots, and the zoom into its first slot."""
    room = float(WIDTH - 2 * MARGIN)
    words = (
        f"{level.name}, bits {level.high}..{level.low}: {level.entries:,} slots of "
        f"{size(level.covers)}, {size(level.used)} in a block of order {level.order}; "
        f"at most {count(level.most, 'table')}"
    )
    canvas.text(MARGIN, canvas.y + 12, words)
    top = canvas.y + 20
    canvas.rect(MARGIN, top, room, _BAR, "bar", words)
    slots = min(level.entries, _SHOWN)
    # A slot is drawn to scale unless there are too many to be seen.
    width = room / slots
    canvas.rect(MARGIN, top, width, _BAR, "link", "the first slot")
    for slot in range(1, slots):
        canvas.rect(MARGIN + slot * width, top + 1, 0.5, _BAR - 2, "none")
    if level.entries > slots:
        words = f"{slots} of {level.entries:,} slots are drawn"
        canvas.text(WIDTH - MARGIN, top + _BAR + 12, words, "soft", 10, "end")
    if number + 1 < layout.levels:
        foot = top + _BAR
        next_top = canvas.y + _ROW + 20
        corners = [(MARGIN, foot), (MARGIN + width, foot)]
        corners += [(WIDTH - MARGIN, next_top), (MARGIN, next_top)]
        canvas.polygon([(float(x), y) for x, y in corners], "zoom")
    else:
        canvas.text(MARGIN, top + _BAR + 12, "one entry a page", "soft", 10)
    canvas.y += _ROW


def _entry(canvas: Canvas, layout: Layout) -> None:
    """Draw the bits of an entry from the highest, in rows of 32."""
    names = bit_names(layout)
    for high in range(len(names) - 1, 0, -32):
        _entry_row(canvas, names, high, high - 31)
    canvas.y += 8


def bit_names(layout: Layout) -> list[str]:
    """Return what each bit of an entry holds, from bit 0: ``PFN n``, a flag, or '' where unused."""
    fmt = layout.entry
    names = [""] * (fmt.size * 8)
    for f in fmt.pfn:
        for bit in range(f.width):
            names[f.target + bit] = f"PFN {f.source + bit}"
    for name, mask in fmt.named:
        for bit in range(len(names)):
            if mask >> bit & 1:
                names[bit] = name
    for bit in range(len(names)):
        if not names[bit] and _in_cache(layout, bit):
            names[bit] = "cache"
    return names


def _in_cache(layout: Layout, bit: int) -> bool:
    """Return whether a bit belongs to the three bits of a cache attribute."""
    cache = layout.entry.cache
    starts = [n for n in range(cache.bit_length()) if cache >> n & 1 and not cache >> n - 1 & 1]
    return any(start <= bit < start + 3 for start in starts)


def _kind(name: str) -> str:
    return "PFN" if name.startswith("PFN") else name


def _entry_row(canvas: Canvas, names: list[str], high: int, low: int) -> None:
    """Draw the bits ``high..low``; neighbours of one kind are one box."""
    unit = (WIDTH - 2 * MARGIN) / (high - low + 1)
    bit = high
    while bit >= low:
        kind = _kind(names[bit])
        last = bit
        while last > low and _kind(names[last - 1]) == kind:
            last -= 1
        x, width = MARGIN + (high - bit) * unit, (bit - last + 1) * unit
        name, span = _SHORT.get(kind, kind) or "unused", _run(bit, last)
        if kind == "PFN":
            name = f"PFN {_run(int(names[bit][4:]), int(names[last][4:]))}"
        look = "field" if kind == "PFN" else "same" if kind else "field-off"
        canvas.rect(x, canvas.y, width, 34, look, f"{kind or name}: bits {span}")
        middle = x + width / 2
        canvas.text(middle, canvas.y + 14, fit(name, width - 1, 9), "", 9, "middle")
        canvas.text(middle, canvas.y + 28, fit(span, width - 1, 9), "soft", 9, "middle")
        bit = last - 1
    canvas.y += 40


def _run(high: int, low: int) -> str:
    return f"{high}..{low}" if high > low else str(high)
