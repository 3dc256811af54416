# SPDX-License-Identifier: GPL-2.0-only
"""The frames that matter in a step, side by side: before, what should be, and what is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from model.layout import Layout
from slatcheck.explain.operated import covers

COLUMNS = 14
"""Frames that are shown at most."""
SMALL = 8
"""Frames of a range that is shown without a gap."""


class Mark(Enum):
    """How what is compares with what should be."""

    SAME = "as before, rightly"
    CHANGED = "changed, rightly"
    GONE = "dropped, rightly"
    STALE = "still there"
    MISSING = "missing"
    STRANGE = "should not be there"
    WRONG = "not what it should be"
    UNKNOWN = "not known: the machine stopped"

    @property
    def broken(self) -> bool:
        """Whether a promise is broken at this frame."""
        return self in (Mark.STALE, Mark.MISSING, Mark.STRANGE, Mark.WRONG)


@dataclass(frozen=True)
class Frame:
    """One guest frame; entries are raw, 0 where absent, ``actual`` None where it is not known."""

    gfn: int
    operated: bool
    beyond: bool
    before: int
    wanted: int
    actual: int | None
    mark: Mark


@dataclass(frozen=True)
class Gap:
    """Frames ``first..last`` (inclusive) that are left out; ``operated`` where all are named."""

    first: int
    last: int
    operated: bool


@dataclass(frozen=True)
class Strip:
    """The frames worth a look, ascending; ``left_out`` differ as well and found no room."""

    columns: tuple[Frame | Gap, ...]
    left_out: int = 0


@dataclass(frozen=True)
class Maps:
    """Raw entries by guest frame: before, as they should be after, as they are (None: unknown)."""

    before: Mapping[int, int]
    wanted: Mapping[int, int]
    actual: Mapping[int, int] | None


def compare(maps: Maps, gfn: int) -> Mark:
    """Return how what is at ``gfn`` compares with what should be."""
    before, wanted = maps.before.get(gfn, 0), maps.wanted.get(gfn, 0)
    if maps.actual is None:
        return Mark.UNKNOWN
    actual = maps.actual.get(gfn, 0)
    if actual == wanted:
        if actual == before:
            return Mark.SAME
        return Mark.CHANGED if actual else Mark.GONE
    if not wanted:
        return Mark.STALE if actual == before else Mark.STRANGE
    if not actual:
        return Mark.MISSING
    return Mark.STALE if actual == before else Mark.WRONG


def differing(maps: Maps) -> list[int]:
    """Return the frames whose entry is not what it should be, ascending."""
    if maps.actual is None:
        return []
    every = maps.wanted.keys() | maps.actual.keys()
    return sorted(f for f in every if maps.wanted.get(f, 0) != maps.actual.get(f, 0))


def make(layout: Layout, spans: list[tuple[int, int]], maps: Maps) -> Strip:
    """Return the strip of a step that operates on ``spans`` (inclusive ranges of frames)."""
    wrong = differing(maps)
    chosen = _choose(wrong, spans, maps, layout)
    columns: list[Frame | Gap] = []
    last: int | None = None
    for gfn in sorted(chosen):
        if last is not None and gfn > last + 1:
            whole = any(a <= last + 1 and gfn - 1 <= b for a, b in spans)
            columns.append(Gap(last + 1, gfn - 1, whole))
        columns.append(_frame(layout, spans, maps, gfn))
        last = gfn
    return Strip(tuple(columns), len(set(wrong) - chosen))


def _frame(layout: Layout, spans: list[tuple[int, int]], maps: Maps, gfn: int) -> Frame:
    actual = None if maps.actual is None else maps.actual.get(gfn, 0)
    return Frame(
        gfn,
        covers(spans, gfn),
        gfn > layout.top,
        maps.before.get(gfn, 0),
        maps.wanted.get(gfn, 0),
        actual,
        compare(maps, gfn),
    )


def _choose(wrong: list[int], spans: list[tuple[int, int]], maps: Maps, layout: Layout) -> set[int]:
    """Return the frames to show: what is wrong first, then the edges of ranges, then the rest."""
    actual = maps.actual if maps.actual is not None else maps.wanted
    moved = [
        f
        for f in maps.before.keys() | actual.keys() | maps.wanted.keys()
        if not maps.before.get(f, 0) == actual.get(f, 0) == maps.wanted.get(f, 0)
    ]
    whole = [span for span in spans if span == (0, (1 << 64) - 1)]
    edges = [] if whole else [gfn for span in spans[:4] for gfn in span]
    beside = [gfn + step for gfn in edges for step in (-1, 1) if gfn + step >= 0]
    mapped = sorted(maps.before.keys() | actual.keys())
    inner = [gfn for first, last in spans if last - first < SMALL for gfn in range(first, last + 1)]
    near = [gfn for gfn in mapped if covers(spans, gfn)]
    chosen: set[int] = set()
    for group in (wrong, edges, sorted(moved), beside, near, inner, mapped):
        _take(chosen, group)
    return chosen


def _take(chosen: set[int], group: Iterable[int]) -> None:
    for gfn in group:
        if len(chosen) >= COLUMNS:
            return
        chosen.add(gfn)
