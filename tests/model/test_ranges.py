# SPDX-License-Identifier: GPL-2.0-only
"""Ranges of frames against sets of frames."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from model.ranges import clip, coalesce, maplets, split

BASES = st.sampled_from([0, 1000, (1 << 52) - 40, (1 << 64) - 1])
SMALL = st.integers(0, 60)
FRAMES = st.sets(st.integers(0, 70))


def covered(first: int, last: int) -> set[int]:
    return set(range(first, last + 1))


@given(SMALL, SMALL, SMALL, BASES)
def test_clip_keeps_what_lies_below_the_top(first: int, last: int, top: int, base: int) -> None:
    first, last, top = first + base, last + base, top + base
    found = clip(first, last, top)
    wanted = covered(first, last) - covered(top + 1, last)
    assert (covered(*found) if found else set()) == wanted
    assert (found is None) == (not wanted)


@given(SMALL, SMALL, st.integers(1, 20), BASES)
def test_split_cuts_at_every_multiple(first: int, last: int, size: int, base: int) -> None:
    first, last = first + base, last + base
    pieces = split(first, last, size)
    assert [frame for piece in pieces for frame in range(piece[0], piece[1] + 1)] == list(
        range(first, last + 1)
    )
    for a, b in pieces:
        assert a // size == b // size
    cuts = {frame for frame in range(first + 1, last + 1) if frame % size == 0}
    assert {a for a, _ in pieces[1:]} == cuts


@given(FRAMES, BASES)
def test_coalesce_covers_exactly_with_the_fewest(frames: set[int], base: int) -> None:
    frames = {frame + base for frame in frames}
    found = coalesce(frames)
    assert {frame for one in found for frame in covered(*one)} == frames
    assert len(found) == len([frame for frame in frames if frame - 1 not in frames])
    assert found == sorted(found)


@given(st.lists(st.integers(0, 30)))
def test_coalesce_takes_frames_in_any_order_and_more_than_once(frames: list[int]) -> None:
    assert coalesce(frames) == coalesce(sorted(set(frames)))


@given(st.dictionaries(st.integers(0, 40), st.integers(0, 3)), st.integers(0, 2))
def test_maplets_say_exactly_what_the_entries_say(entries: dict[int, int], unit: int) -> None:
    found = maplets(entries, unit)
    said = {
        frame: run.value + run.step * (frame - run.first)
        for run in found
        for frame in range(run.first, run.last + 1)
    }
    assert said == entries
    assert sum(run.last - run.first + 1 for run in found) == len(entries)
    assert all(run.step in (0, unit) for run in found)
    assert [run.first for run in found] == sorted(run.first for run in found)


@given(st.dictionaries(st.integers(0, 12), st.integers(0, 3)), st.integers(0, 2))
def test_maplets_are_the_fewest(entries: dict[int, int], unit: int) -> None:
    frames = sorted(entries)
    best = [0]
    for end in range(1, len(frames) + 1):
        starts = [at for at in range(end) if one_run(entries, frames[at:end], unit)]
        best.append(1 + min(best[at] for at in starts))
    assert len(maplets(entries, unit)) == best[-1]


def one_run(entries: dict[int, int], frames: list[int], unit: int) -> bool:
    pairs = list(pairwise(frames))
    steps = {entries[b] - entries[a] for a, b in pairs}
    return all(b == a + 1 for a, b in pairs) and len(steps) <= 1 and steps <= {0, unit}


@given(st.integers(0, 30), st.integers(1, 20), st.integers(1, 9))
def test_counting_values_are_one_maplet(first: int, count: int, unit: int) -> None:
    entries = {first + n: 5 + n * unit for n in range(count)}
    assert len(maplets(entries, unit)) == 1
    assert len(maplets(entries)) == count
