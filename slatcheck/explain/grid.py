# SPDX-License-Identifier: GPL-2.0-only
"""The frames that matter as columns: named by the operation, before, should be, is."""

from __future__ import annotations

from model.layout import Layout
from slatcheck.display.canvas import MARGIN, WIDTH, Canvas, fit
from slatcheck.explain.strip import Frame, Gap, Mark, Strip

_LABELS = 112
_GAP = 58
_ROW = 34
_LOOKS = {
    Mark.SAME: "same",
    Mark.CHANGED: "changed",
    Mark.GONE: "gone",
    Mark.STALE: "bad",
    Mark.MISSING: "bad",
    Mark.STRANGE: "bad",
    Mark.WRONG: "bad",
    Mark.UNKNOWN: "none",
}


def flags(layout: Layout, raw: int) -> str:
    """Return the software flags of a raw entry: w writable, y young, d dirty; - where clear."""
    entry = layout.entry.decode(raw)
    if entry is None:
        return "absent" if not raw else "not present"
    marks = zip("wyd", (entry.writable, entry.young, entry.dirty), strict=True)
    return "".join(letter if on else "-" for letter, on in marks)


def entry_words(layout: Layout, raw: int) -> tuple[str, str]:
    """Return a raw entry in two short words: its PFN and its flags; a dash where absent."""
    if not raw & layout.entry.present:
        return ("—", "") if not raw else (f"{raw:#x}", "not present")
    return f"pfn {layout.entry.decode_pfn(raw):#x}", flags(layout, raw)


def draw(canvas: Canvas, layout: Layout, strip: Strip, named: str) -> None:
    """Draw the strip; ``named`` says what marks the frames that the operation names."""
    if not strip.columns:
        return
    canvas.heading("Guest frames", "flags: w writable, y young, d dirty")
    gaps = sum(isinstance(column, Gap) for column in strip.columns)
    frames = len(strip.columns) - gaps
    width = min(132.0, (WIDTH - 2 * MARGIN - _LABELS - gaps * _GAP) / max(1, frames))
    top = canvas.y
    labels = ("guest frame", named, "before", "should be", "is")
    for row, (label, down) in enumerate(zip(labels, (20, 13, 21, 21, 21), strict=True)):
        look = "bold" if row >= 3 else "soft"
        canvas.text(MARGIN, top + _line(row) + down, label, look)
    x = float(MARGIN + _LABELS)
    for column in strip.columns:
        if isinstance(column, Gap):
            _gap(canvas, column, x, top)
            x += _GAP
        else:
            _frame(canvas, layout, column, x, top, width)
            x += width
    canvas.y = top + _line(5) + 20
    if strip.left_out:
        more = f"✗ {strip.left_out} more frames are not what they should be"
        canvas.text(MARGIN, canvas.y + 10, more, "bad-text")
        canvas.y += 18
    canvas.y += 6


def _line(row: int) -> float:
    """Return where a row begins; that of the operation is low."""
    return (0, 26, 46, 46 + _ROW, 46 + 2 * _ROW, 46 + 3 * _ROW)[row]


def _gap(canvas: Canvas, gap: Gap, x: float, top: float) -> None:
    count = gap.last - gap.first + 1
    words = f"{count:,}" if count < 100_000 else "many"
    canvas.text(x + _GAP / 2, top + 20, "⋯", "soft", 12, "middle")
    if gap.operated:
        canvas.rect(x, top + _line(1) + 4, _GAP, 10, "band", "all of them in the range")
    canvas.text(x + _GAP / 2, top + _line(3) + 10, fit(words, _GAP - 4, 10), "soft", 10, "middle")
    frames = "frame" if count == 1 else "frames"
    canvas.text(x + _GAP / 2, top + _line(3) + 22, frames, "soft", 10, "middle")


def _frame(
    canvas: Canvas, layout: Layout, frame: Frame, x: float, top: float, width: float
) -> None:
    middle = x + width / 2
    name = fit(f"{frame.gfn:#x}", width - 4)
    canvas.text(
        middle, top + 20, name, "bad-text" if frame.mark.broken else "bold", anchor="middle"
    )
    if frame.operated:
        canvas.rect(x + 1, top + _line(1) + 4, width - 2, 10, "band", "named by the operation")
    elif not frame.beyond:
        canvas.rect(x + 1, top + _line(1) + 8, width - 2, 1.5, "none")
    _cell(canvas, layout, frame, frame.before, x, top + _line(2), width, "same")
    _cell(canvas, layout, frame, frame.wanted, x, top + _line(3), width, "same")
    if frame.actual is None:
        canvas.rect(x + 1, top + _line(4) + 2, width - 2, _ROW - 4, "none", frame.mark.value)
        canvas.text(middle, top + _line(4) + 22, "?", "bold", anchor="middle")
        return
    _cell(canvas, layout, frame, frame.actual, x, top + _line(4), width, _LOOKS[frame.mark])
    if frame.mark.broken:
        words = fit(f"✗ {frame.mark.value}", width + 24, 10)
        canvas.text(middle, top + _line(5) + 12, words, "bad-text", 10, "middle")
    elif frame.mark in (Mark.CHANGED, Mark.GONE):
        words = fit("✓ " + frame.mark.value.partition(",")[0], width, 10)
        canvas.text(middle, top + _line(5) + 12, words, "good-text", 10, "middle")


def _cell(
    canvas: Canvas, layout: Layout, frame: Frame, raw: int, x: float, y: float, width: float,
    look: str,
) -> None:  # fmt: skip
    bad = look == "bad"
    if not raw and look in ("same",):
        look = "none"
    title = layout.entry.describe(raw)
    if frame.beyond and not raw:
        title = "beyond the reach: no entry can stand for this frame"
    shape = canvas.hatched if bad else canvas.rect
    shape(x + 1, y + 2, width - 2, _ROW - 4, look, title)
    first, second = entry_words(layout, raw)
    if frame.beyond and not raw:
        first, second = "no such", "frame"
    look = "bad-text" if bad else "soft" if not raw else ""
    middle = x + width / 2
    if length_over(first, width):
        first = first.removeprefix("pfn ")
    if second:
        canvas.text(middle, y + 15, fit(first, width - 6, 10), look, 10, "middle")
        canvas.text(middle, y + 27, fit(second, width - 6, 10), look, 10, "middle")
    else:
        canvas.text(middle, y + 21, fit(first, width - 6, 10), look, 10, "middle")


def length_over(words: str, width: float) -> bool:
    """Return whether ``words`` are too wide for a cell."""
    return len(words) * 6.02 > width - 6
