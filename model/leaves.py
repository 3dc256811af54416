# SPDX-License-Identifier: GPL-2.0-only
"""Leaves of several sizes: which cover of the guest frames by leaves an operation may leave."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

from model.entry import Entry

Leaves = Mapping[int, Entry]
"""Leaves by the first guest frame of each."""
Run = tuple[int, int]
"""Guest frames, both ends inclusive."""


class Flaw(Enum):
    """What is wrong with what an operation left at some frames."""

    STALE = "as before"
    EXTRA = "changed although the operation does not concern them"
    WRONG = "not what the operation had to leave"


class Difference(NamedTuple):
    """Guest frames ``first..last`` (inclusive) at which an operation left what it may not."""

    first: int
    last: int
    flaw: Flaw


class Piece(NamedTuple):
    """Guest frames ``first..last`` that lie in one leaf, or none, before and after an operation.

    Frames that are in none at either time are a piece where the operation names them.

    ``old`` and ``new`` are what frame ``first`` is mapped to. ``inside`` says that the operation
    names the frames, ``touched`` that it names some frame of the leaf that held them.
    """

    first: int
    last: int
    old: Entry | None
    new: Entry | None
    inside: bool
    touched: bool


def end_of(base: int, entry: Entry) -> int:
    """Return the last frame of the leaf at ``base`` (inclusive)."""
    return base + (1 << entry.order) - 1


def holder(leaves: Leaves, frame: int, orders: Iterable[int]) -> int | None:
    """Return the first frame of the leaf that holds ``frame``, None where none does."""
    for order in orders:
        base = frame >> order << order
        entry = leaves.get(base)
        if entry is not None and entry.order >= order and frame <= end_of(base, entry):
            return base
    return None


def seen(leaves: Leaves, base: int | None, frame: int) -> Entry | None:
    """Return what ``frame`` is mapped to by the leaf at ``base``, as an entry of its own."""
    if base is None:
        return None
    entry = leaves[base]
    return entry._replace(pfn=entry.pfn + frame - base)


def overlapping(leaves: Leaves, runs: Iterable[Run]) -> set[int]:
    """Return the first frames of the leaves of which ``runs`` name some frame."""
    found: set[int] = set()
    for first, last in runs:
        for base, entry in leaves.items():
            if base <= last and base + (1 << entry.order) > first:
                found.add(base)
    return found


def pieces(
    before: Leaves, after: Leaves, runs: list[Run], changed: Iterable[int], orders: tuple[int, ...]
) -> Iterator[Piece]:
    """Yield, in order, the pieces of all leaves that an operation names or changed.

    ``runs`` are the frames that it names, ``changed`` the first frames of leaves that are not as
    they were.
    """
    touched = overlapping(before, runs)
    bases = touched | overlapping(after, runs) | set(changed)
    borders: set[int] = set()
    for leaves in (before, after):
        for base in bases:
            if base in leaves:
                borders |= {base, end_of(base, leaves[base]) + 1}
    for first, last in runs:
        borders |= {first, last + 1}
    ordered = sorted(borders)
    for first, end in pairwise(ordered):
        was, now = holder(before, first, orders), holder(after, first, orders)
        inside = any(low <= first <= high for low, high in runs)
        if was is None and now is None and not inside:
            continue
        yield Piece(
            first, end - 1, seen(before, was, first), seen(after, now, first), inside,
            was in touched,
        )  # fmt: skip


Judged = Callable[[Piece], Flaw | None]


def same(piece: Piece) -> bool:
    """Return whether the frames are mapped as before, by whatever leaf."""
    old, new = piece.old, piece.new
    if old is None or new is None:
        return old is new
    return old._replace(order=new.order) == new


def unchanged(piece: Piece) -> Flaw | None:
    """Judge an operation that leaves every frame as it was."""
    return None if same(piece) else Flaw.EXTRA


def removed(piece: Piece) -> Flaw | None:
    """Judge a removal: what it names goes, the rest of the leaf may."""
    if piece.inside:
        if piece.new is None:
            return None
        return Flaw.STALE if same(piece) else Flaw.WRONG
    gone = piece.touched and piece.new is None
    return None if gone or same(piece) else Flaw.EXTRA


def weakened(change: Callable[[Entry], Entry]) -> Judged:
    """Return the judge of an operation that makes entries clean or old, as ``change`` does."""

    def judge(piece: Piece) -> Flaw | None:
        if piece.old is None:
            return None if piece.new is None else Flaw.EXTRA
        done = same(piece._replace(old=change(piece.old)))
        if piece.inside:
            if done:
                return None
            return Flaw.STALE if same(piece) else Flaw.WRONG
        return None if same(piece) or (piece.touched and done) else Flaw.EXTRA

    return judge


def differences(found: Iterable[Piece], judge: Judged) -> list[Difference]:
    """Return where an operation left what it may not."""
    out = []
    for piece in found:
        flaw = judge(piece)
        if flaw is not None:
            out.append(Difference(piece.first, piece.last, flaw))
    return out
