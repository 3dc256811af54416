# SPDX-License-Identifier: GPL-2.0-only
"""Which tables of a step are drawn, and where each of them stands in its row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from impl.snapshot import Snapshot, Table
from model.layout import Layout
from slatcheck.display.address import stands_for
from slatcheck.display.canvas import MARGIN, WIDTH
from slatcheck.explain.strip import Maps

ROW_TABLES = 4
"""Tables of one level that are drawn at most."""
BEYOND = 150
"""Room for what lies beyond the reach, right of the root."""


@dataclass(frozen=True)
class Scene:
    """What is drawn of one step; ``previous`` is the table before it."""

    layout: Layout
    spans: tuple[tuple[int, int], ...]
    maps: Maps
    snapshot: Snapshot
    previous: Snapshot | None

    @cached_property
    def moved(self) -> frozenset[int]:
        """The frames whose entry changed, or should have."""
        before, wanted = self.maps.before, self.maps.wanted
        actual = self.maps.actual if self.maps.actual is not None else before
        return frozenset(
            gfn
            for gfn in before.keys() | actual.keys() | wanted.keys()
            if not before.get(gfn, 0) == actual.get(gfn, 0) == wanted.get(gfn, 0)
        )


@dataclass(frozen=True)
class Bar:
    """A table at its place: from ``x``, ``width`` wide; ``ghost`` where it is no longer linked."""

    table: Table
    x: float
    width: float
    ghost: bool = False

    def at(self, layout: Layout, index: float) -> float:
        """Return where slot ``index`` begins."""
        return self.x + self.width * index / layout.tables[self.table.level].entries


def _interest(scene: Scene, table: Table) -> tuple[int, int]:
    """Rank a table: 0 where something is wrong or changed, 1 where operated on, else 2."""
    layout = scene.layout
    first, last = covers(layout, table)
    touched = [gfn for gfn in scene.moved if first <= gfn <= last]
    if touched:
        return 0, table.base
    named = any(a <= last and first <= b for a, b in scene.spans)
    return 1 if named else 2, table.base


def covers(layout: Layout, table: Table) -> tuple[int, int]:
    """Return the inclusive range of frames that a table covers."""
    level = layout.tables[table.level]
    first = table.base >> layout.page_shift
    return first, first + (level.span * level.entries >> layout.page_shift) - 1


def place(
    scene: Scene, level: int, tables: list[Table], above: Sequence[Bar]
) -> tuple[list[Bar], int]:
    """Return the bars of a level and how many tables found no room."""
    shown = {bar.table.address for bar in above if not bar.ghost}
    candidates = [table for table in tables if level == 0 or table.parent in shown]
    ghosts = _ghosts(scene, level, {bar.table.address for bar in above})
    ranked = sorted(candidates, key=lambda table: _interest(scene, table))[:ROW_TABLES]
    kept = ghosts[: ROW_TABLES - len(ranked)]
    order = sorted([*ranked, *kept], key=lambda table: table.base)
    if not order:
        return [], 0
    right = BEYOND if level == 0 and strays(scene) else 0
    room = WIDTH - 2 * MARGIN - right
    gap = 18.0
    width = (room - gap * (len(order) - 1)) / len(order)
    gone = {table.address for table in kept}
    bars = [
        Bar(table, MARGIN + n * (width + gap), width, table.address in gone)
        for n, table in enumerate(order)
    ]
    return bars, len(tables) - len(ranked)


def _ghosts(scene: Scene, level: int, parents: set[int]) -> list[Table]:
    """Return the tables that this step unlinked."""
    if scene.previous is None or scene.previous is scene.snapshot:
        return []
    now = {table.address for table in scene.snapshot.tables}
    return [
        table
        for table in scene.previous.tables
        if table.level == level
        and table.address not in now
        and (not level or table.parent in parents)
    ]


def strays(scene: Scene) -> bool:
    """Return whether the operation names frames beyond the reach; 0..~0 names none."""
    return any(
        last > scene.layout.top and (first, last) != (0, (1 << 64) - 1)
        for first, last in scene.spans
    )


def lands_at(scene: Scene) -> int | None:
    """Return the GPA that the operation's first address stands for, None where it is in reach."""
    if not scene.spans or scene.spans[0][0] <= scene.layout.top:
        return None
    return stands_for(scene.layout, scene.spans[0][0] << scene.layout.page_shift)
