# SPDX-License-Identifier: GPL-2.0-only
"""The tree of tables: one row a level, each table a bar as wide as the addresses it covers."""

from __future__ import annotations

from collections.abc import Sequence

from impl.snapshot import Link, SlotState, Snapshot, Table
from model.layout import Layout
from model.ranges import clip, coalesce
from slatcheck.display.canvas import MARGIN, WIDTH, Canvas, fit, length
from slatcheck.display.describe import size
from slatcheck.explain.scene import BEYOND, Bar, Scene, covers, lands_at, place, strays
from slatcheck.explain.strip import Mark, compare

_BAR = 26
_BAND = 8
_ROW = 104
_LOOKS = {
    Mark.SAME: "same",
    Mark.CHANGED: "changed",
    Mark.GONE: "gone",
    Mark.STALE: "bad",
    Mark.MISSING: "bad",
    Mark.STRANGE: "bad",
    Mark.WRONG: "bad",
    Mark.UNKNOWN: "same",
}


def draw(canvas: Canvas, scene: Scene, moment: str) -> None:
    """Draw the tables of a step, from the root down."""
    canvas.heading("The table", moment)
    for limit in scene.snapshot.limits:
        canvas.text(MARGIN, canvas.y + 10, f"! {limit}", "bad-text")
        canvas.y += 18
    if not scene.snapshot.tables:
        canvas.text(MARGIN, canvas.y + 10, no_root(scene.snapshot), "soft")
        canvas.y += 24
        return
    above: list[Bar] = []
    for level in range(scene.layout.levels):
        tables = [table for table in scene.snapshot.tables if table.level == level]
        bars, hidden = place(scene, level, tables, above)
        if not bars:
            break
        if level == 0:
            _beyond(canvas, scene, bars[0])
        for bar in bars:
            _connect(canvas, scene.layout, bar, above)
            _bar(canvas, scene, bar)
        if hidden:
            more = f"and {hidden} more table{'s' if hidden > 1 else ''} at this level"
            canvas.text(WIDTH - MARGIN, canvas.y + 58, more, "soft", anchor="end")
        above = bars
        canvas.y += _ROW
    canvas.y -= 30


def no_root(snapshot: Snapshot) -> str:
    """Return why there is no table to show."""
    return "the root was freed" if snapshot.root in snapshot.freed else "there is no root table"


def _connect(canvas: Canvas, layout: Layout, bar: Bar, above: Sequence[Bar]) -> None:
    parent = next((upper for upper in above if upper.table.address == bar.table.parent), None)
    if parent is None:
        return
    slot = bar.table.slot
    left, right = parent.at(layout, slot), parent.at(layout, slot + 1)
    right = max(right, left + 4)
    top, bottom = canvas.y - _ROW + _BAND + 22 + _BAR, canvas.y + 20
    corners = [(left, top), (right, top), (bar.x + bar.width, bottom), (bar.x, bottom)]
    canvas.polygon(corners, "zoom")


def _bar(canvas: Canvas, scene: Scene, bar: Bar) -> None:
    layout, table = scene.layout, bar.table
    level = layout.tables[table.level]
    first, last = covers(layout, table)
    page = layout.page_shift
    name = f"{level.name.upper()} {table.address:#x}"
    extent = f"GPA {first << page:#x}..{((last + 1) << page) - 1:#x}"
    slots = f"{level.entries} slots of {size(level.span)}"
    label = f"{name} · {extent} · {slots}"
    if length(label, 10) > bar.width:
        label = f"{name} · {extent}"
    canvas.text(bar.x, canvas.y + 10, fit(label, bar.width, 10), "soft", 10)
    top = canvas.y + 16
    for span in scene.spans:
        part = clip(span[0], span[1], last)
        if part is not None and part[1] >= first:
            _band(canvas, scene.layout, bar, max(part[0], first), part[1], top)
    top += _BAND + 2
    if bar.ghost:
        canvas.rect(bar.x, top, bar.width, _BAR, "ghost", f"{name}: no longer linked")
        words = _fate(scene, table)
        look = "bad-text" if words.startswith("✗") else "soft"
        middle = bar.x + bar.width / 2
        canvas.text(middle, top + 17, fit(words, bar.width, 10), look, 10, "middle")
        return
    canvas.rect(bar.x, top, bar.width, _BAR, "bar", f"{name}: {extent}, {slots}")
    if table.level == layout.levels - 1:
        _entries(canvas, scene, bar, top)
    else:
        _links(canvas, scene, bar, top)
        if table.entries:
            _entries(canvas, scene, bar, top)


def _fate(scene: Scene, table: Table) -> str:
    if table.address in scene.snapshot.freed:
        return "unlinked and freed in this step"
    if table.address in scene.snapshot.loose:
        return "✗ unlinked and not freed"
    return "unlinked"


def _band(canvas: Canvas, layout: Layout, bar: Bar, first: int, last: int, y: float) -> None:
    """Draw the operated frames ``first..last``, which the table covers, above its bar."""
    level = layout.tables[bar.table.level]
    frames = level.span * level.entries >> layout.page_shift
    base = bar.table.base >> layout.page_shift
    left = bar.x + bar.width * (first - base) / frames
    right = bar.x + bar.width * (last + 1 - base) / frames
    wide = max(right - left, 4.0)
    left = min(left, bar.x + bar.width - wide)
    canvas.rect(left, y, wide, _BAND, "band", f"operated on: frames {first:#x}..{last:#x}")


def _mark(canvas: Canvas, bar: Bar, left: float, right: float) -> tuple[float, float]:
    """Return (x, width) of a slot, wide enough to be seen and inside its bar."""
    wide = max(right - left, 4.0)
    return max(bar.x, min(left, bar.x + bar.width - wide)), wide


def _links(canvas: Canvas, scene: Scene, bar: Bar, top: float) -> None:
    free = bar.x
    for link in bar.table.links:
        x, wide = _mark(
            canvas,
            bar,
            bar.at(scene.layout, link.first),
            bar.at(scene.layout, link.last + 1),
        )
        name = _slots(link)
        good = link.slot is SlotState.TABLE
        shape = canvas.rect if good else canvas.hatched
        shape(x, top, wide, _BAR, "link" if good else "bad", f"{name}: {link.slot.value}")
        words = name if good else f"✗ {name} {link.slot.value}"
        words = fit(words, max(wide, 300.0), 10)
        # Where an arrow comes up into the slot, its name stands beside it.
        beside = x + 14 if bar.table.level == 0 and lands_at(scene) is not None else x
        free = _label(canvas, bar, beside, free, top, words, not good)


def _label(
    canvas: Canvas, bar: Bar, x: float, free: float, top: float, words: str, bad: bool
) -> float:
    """Write a name below its slot if there is room from ``free`` on; return where room is left."""
    width = length(words, 10)
    x = min(x, bar.x + bar.width - width)
    if x < free:
        return free
    canvas.text(x, top + _BAR + 12, words, "bad-text" if bad else "", 10)
    return x + width + 8


def _slots(link: Link) -> str:
    if link.first == link.last:
        return f"slot {link.first:#x}"
    return f"slots {link.first:#x}..{link.last:#x}"


def _entries(canvas: Canvas, scene: Scene, bar: Bar, top: float) -> None:
    layout = scene.layout
    first, last = covers(layout, bar.table)
    every = set(bar.table.entries)
    order = layout.tables[bar.table.level].shift - layout.page_shift
    if not order:
        every |= {gfn - first for gfn in scene.moved if first <= gfn <= last}
    marks: dict[Mark, list[int]] = {}
    for index in every:
        marks.setdefault(compare(scene.maps, first + (index << order)), []).append(index)
    free = bar.x
    runs = [(*run, mark) for mark, found in marks.items() for run in coalesce(found)]
    # What is wrong is drawn last, so that nothing lies over it; labels go from left to right.
    for low, high, mark in sorted(runs, key=lambda run: (run[2].broken, run[0])):
        x, wide = _mark(canvas, bar, bar.at(layout, low), bar.at(layout, high + 1))
        shape = canvas.hatched if mark.broken else canvas.rect
        shape(x, top, wide, _BAR, _LOOKS[mark], f"{_run(low, high)}: {mark.value}")
    for low, high, mark in sorted(runs):
        x, wide = _mark(canvas, bar, bar.at(layout, low), bar.at(layout, high + 1))
        words = ("✗ " if mark.broken else "") + _run(low, high)
        if order:
            leaf = size(1 << layout.page_shift + order)
            words += f" leaf of {leaf}" if low == high else f" leaves of {leaf}"
        free = _label(canvas, bar, x, free, top, words, mark.broken)


def _run(low: int, high: int) -> str:
    return f"{low:#x}" if low == high else f"{low:#x}..{high:#x}"


def _beyond(canvas: Canvas, scene: Scene, root: Bar) -> None:
    """Draw what lies beyond the reach, and where an address there leads."""
    if not strays(scene):
        return
    x, top = root.x + root.width + 14, canvas.y + 16
    wide = BEYOND - 14.0
    canvas.text(x, canvas.y + 10, "beyond the reach", "bad-text", 10)
    canvas.rect(x, top, wide, _BAND, "band", "operated on, beyond the reach")
    canvas.hatched(x, top + _BAND + 2, wide, _BAR, "bad", "no table covers these addresses")
    lands = lands_at(scene)
    if lands is None:
        return
    slot = scene.layout.root.index(lands)
    # From below, into the slot that the bits within reach select.
    target = (root.at(scene.layout, slot) + max(root.at(scene.layout, slot + 1), 4)) / 2
    target = max(root.x + 2, min(target, root.at(scene.layout, slot) + 6))
    foot = top + _BAND + 2 + _BAR
    low, start = foot + 24, x + wide / 2
    canvas.arrow([(start, foot), (start, low), (target, low), (target, foot + 1)])
    canvas.text(start - 8, low - 4, f"taken for GPA {lands:#x}", "bad-text", 10, "end")
