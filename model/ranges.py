# SPDX-License-Identifier: GPL-2.0-only
"""Inclusive ranges of guest frames: clipping, splitting and coalescing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Maplet(NamedTuple):
    """A run of frames ``first..last`` (inclusive) whose entries follow one another."""

    first: int
    last: int
    value: int
    step: int


def clip(first: int, last: int, top: int) -> tuple[int, int] | None:
    """Return ``first..last`` cut off above ``top`` (all inclusive), None if nothing is left."""
    last = min(last, top)
    return (first, last) if first <= last else None


def split(first: int, last: int, size: int) -> list[tuple[int, int]]:
    """Split ``first..last`` (inclusive) at every multiple of ``size`` > 0, in order."""
    pieces = []
    while first <= last:
        end = min(last, first // size * size + size - 1)
        pieces.append((first, end))
        first = end + 1
    return pieces


def coalesce(frames: Iterable[int]) -> list[tuple[int, int]]:
    """Return the fewest inclusive ranges, ascending, that cover exactly ``frames``."""
    found: list[tuple[int, int]] = []
    for frame in sorted(set(frames)):
        if found and found[-1][1] + 1 == frame:
            found[-1] = (found[-1][0], frame)
        else:
            found.append((frame, frame))
    return found


def maplets(entries: Mapping[int, int], unit: int = 0) -> list[Maplet]:
    """Return ``entries`` (frame to value) as the fewest maplets, ascending.

    Neighbouring frames join when the value stays the same or, with ``unit`` > 0, when it grows
    by ``unit`` from each frame to the next, as consecutive PFNs do.
    """
    found: list[Maplet] = []
    for frame in sorted(entries):
        value = entries[frame]
        if found:
            run = found[-1]
            length = frame - run.first
            step = run.step if length > 1 else value - run.value
            if run.last + 1 == frame and step in (0, unit) and value == run.value + step * length:
                found[-1] = Maplet(run.first, frame, run.value, step)
                continue
        found.append(Maplet(frame, frame, value, 0))
    return found
