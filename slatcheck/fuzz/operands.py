# SPDX-License-Identifier: GPL-2.0-only
"""The tables of operands that the generator in C draws from: those of the search."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

from model.layout import Layout
from model.leaf_map import Habit
from model.operations import Kind
from model.ports import port_of
from model.triggers import TRIGGERS
from slatcheck.search.leaf_sequences import decoder_of
from slatcheck.search.sequences import addresses

_U8, _U32, _U64 = ctypes.c_uint8, ctypes.c_uint32, ctypes.c_uint64
MOST_FRAMES = 64
MOST_PFNS = 192
MOST_SPANS = 8
KEPT_KINDS = 32
NAMES = tuple(TRIGGERS)
"""The triggers by their numbers in C."""


class Operands(ctypes.Structure):
    """``struct operands`` of draw.c."""

    _fields_ = (
        ("near", _U64 * MOST_FRAMES), ("far", _U64 * MOST_FRAMES),
        ("pfns", _U64 * MOST_PFNS), ("second", _U64 * MOST_PFNS), ("spans", _U64 * MOST_SPANS),
        ("nears", _U32), ("fars", _U32), ("pfns_used", _U32), ("seconds", _U32),
        ("spans_used", _U32), ("kinds", _U32), ("reach_only", _U32), ("habits", _U32),
        ("excluded", _U32 * KEPT_KINDS), ("kind_of", _U8 * 256),
    )  # fmt: skip


def operands(
    layout: Layout,
    kinds: Iterable[Kind],
    reach_only: bool = False,
    habits: Iterable[Habit] = (),
) -> Operands:
    """Return where the operands of a layout come from; only ``kinds`` are drawn.

    ``habits`` are those of the table, where its leaves have several sizes. Raises ValueError where
    C has no room for a table of operands.
    """
    decoder = decoder_of(layout, frozenset(kinds), reach_only)
    table = addresses(layout)
    spans = [level.span >> layout.page_shift for level in layout.tables]
    return Operands(
        _array(MOST_FRAMES, table.near),
        _array(MOST_FRAMES, table.far),
        _array(MOST_PFNS, table.pfns),
        _array(MOST_PFNS, table.second),
        _array(MOST_SPANS, spans),
        len(table.near),
        len(table.far),
        len(table.pfns),
        len(table.second),
        len(spans),
        sum(1 << kind for kind in decoder.kinds),
        decoder.reach_only,
        habits_of(habits),
        kind_of=(_U8 * 256)(0, *decoder.by_byte),
    )


def habits_of(habits: Iterable[Habit]) -> int:
    """Return habits as C has them, a bit for each."""
    return sum(1 << tuple(Habit).index(habit) for habit in habits)


def _array(room: int, values: list[int]) -> ctypes.Array[ctypes.c_uint64]:
    if len(values) > room:
        raise ValueError(f"a table of operands has {len(values)} entries, at most {room} fit")
    return (_U64 * room)(*values)


def excluded(layout: Layout, shapes: Iterable[tuple[str, str]]) -> ctypes.Array[ctypes.c_uint32]:
    """Return, by kind, a bit for each trigger whose (entry point, trigger) is in ``shapes``.

    Nothing excludes the first and the last operation of a sequence.
    """
    bits = (_U32 * KEPT_KINDS)()
    kinds = {k: f for k, f in port_of(layout).functions.items() if k not in _ENDS}
    for entry, trigger in shapes:
        for kind, function in kinds.items():
            if function == entry and trigger in TRIGGERS:
                bits[kind] |= 1 << NAMES.index(trigger)
    return bits


_ENDS = (Kind.CREATE, Kind.DESTROY)
