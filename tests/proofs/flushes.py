# SPDX-License-Identifier: GPL-2.0-only
"""The flush of the abstract map and of the multi-level table, as functions of small numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from impl.multilevel import MultiLevel, table
from model.abstract_map import AbstractMap
from model.layout import Layout
from model.operations import U64, Kind, Op
from model.ports import layout

T = TypeVar("T")

SMALLEST = (layout("mips32-64k"), layout("mips32-16k"))
"""The layouts with the fewest slots in the root."""


def edges(shape: Layout) -> tuple[int, int, int]:
    """Return the last frame of the first leaf table, the first of the next, the last of all."""
    return shape.leaf.entries - 1, shape.leaf.entries, shape.top


def pick(choices: Sequence[T], number: int) -> T:
    """Return the choice of a number; the comparisons make CrossHair try each of them."""
    for position, choice in enumerate(choices[:-1]):
        if number == position:
            return choice
    return choices[-1]


def off_by_one() -> ModuleType:
    """Return the algorithm with a flush that spares the last frame of its range."""
    assert table.__file__ is not None
    text = Path(table.__file__).read_text(encoding="utf-8")
    old = "gpa(rt, start_gfn), gpa(rt, end - 1))"
    assert old in text
    module = ModuleType("off_by_one")
    exec(compile(text.replace(old, old.replace("- 1", "- 2"), 1), "bug.py", "exec"), vars(module))
    return module


FAITHFUL = tuple(MultiLevel(one) for one in SMALLEST)
MUTATED = tuple(MultiLevel(one, algorithm=off_by_one()) for one in SMALLEST)


def sequence(shape: Layout, mapped: Sequence[bool], first: int, last: int) -> list[Op]:
    """Return operations that map those edges and flush from one edge to another."""
    frames = edges(shape)
    faults = [
        Op(Kind.FAULT, frame << shape.page_shift, pfn=5, writable=True)
        for frame, one in zip(frames, mapped, strict=True)
        if one
    ]
    begin = pick((0, *frames), first)
    return [Op(Kind.CREATE), *faults, Op(Kind.FLUSH, begin, pick((*frames, U64), last))]


def left(implementation: MultiLevel, ops: Sequence[Op]) -> list[int]:
    """Return the frames that an implementation maps after the operations."""
    found: set[int] = set()
    for outcome in implementation.run(ops).outcomes:
        found |= {frame for frame, raw in outcome.changes.items() if raw}
        found -= {frame for frame, raw in outcome.changes.items() if not raw}
    return sorted(found)


def abstract(shape: int, one: bool, two: bool, three: bool, first: int, last: int) -> list[int]:
    """Return the frames that the abstract map holds after a flush."""
    state = AbstractMap(pick(SMALLEST, shape))
    for op in sequence(state.layout, (one, two, three), first, last):
        state.apply(op)
    return sorted(state.entries)


def multilevel(shape: int, one: bool, two: bool, three: bool, first: int, last: int) -> list[int]:
    """Return the frames that the multi-level table holds after a flush."""
    chosen = pick(FAITHFUL, shape)
    return left(chosen, sequence(chosen.layout, (one, two, three), first, last))


def mutated(shape: int, one: bool, two: bool, three: bool, first: int, last: int) -> list[int]:
    """Return the frames that the multi-level table holds after a flush with a bug."""
    chosen = pick(MUTATED, shape)
    return left(chosen, sequence(chosen.layout, (one, two, three), first, last))
