# SPDX-License-Identifier: GPL-2.0-only
"""A layout as the numbers that the filter computes with, and which layouts it can follow."""

from __future__ import annotations

import ctypes

from model.contracts import slot_limits
from model.entry import Entry
from model.layout import Layout
from model.operations import Kind
from model.ports import port_of
from model.slots import window

_U32, _U64 = ctypes.c_uint32, ctypes.c_uint64
MOST_FIELDS = 4
MOST_ORDERS = 8
_FLAGS = 16


class NotCoveredError(Exception):
    """The filter cannot follow a layout; says why."""


class PfnField(ctypes.Structure):
    """``struct pfn_field``: a run of PFN bits and where the raw entry keeps it."""

    _fields_ = (("source", _U32), ("width", _U32), ("target", _U32), ("pad", _U32))


class LayoutNumbers(ctypes.Structure):
    """``struct layout`` of filter.h."""

    _fields_ = (
        ("top", _U64), ("word_mask", _U64), ("address_mask", _U64),
        ("pfn_top", _U64), ("pfn_mask", _U64), ("slot_limit", _U64), ("slot_most", _U64),
        ("raw", _U64 * _FLAGS),
        ("present", _U64), ("write", _U64), ("accessed", _U64), ("modified", _U64),
        ("execute", _U64), ("window", _U64),
        ("fields", PfnField * MOST_FIELDS),
        ("fields_used", _U32), ("page_shift", _U32), ("bits", _U32), ("pages", _U32),
        ("large", _U32), ("levels", _U32), ("leaf_orders_used", _U32),
        ("level_orders", _U32 * MOST_ORDERS), ("leaf_orders", _U32 * MOST_ORDERS),
        ("kinds", _U32), ("pad", _U32),
    )  # fmt: skip


def why_not(layout: Layout) -> str:
    """Return why the filter cannot follow a layout, '' where it can."""
    if len(layout.entry.pfn) > MOST_FIELDS:
        return f"its entries keep the PFN in more than {MOST_FIELDS} fields"
    if max(len(layout.level_orders), len(layout.leaf_orders)) > MOST_ORDERS:
        return f"it has more than {MOST_ORDERS} levels"
    return ""


def kinds_of(layout: Layout) -> frozenset[Kind]:
    """Return the operations of a layout that the filter knows."""
    kinds = frozenset(port_of(layout).functions)
    return kinds - _FAST if layout.large else kinds - _LARGE


_FAST = frozenset({Kind.FAULT_FAST, Kind.MKOLD})
_LARGE = frozenset({Kind.MAP, Kind.IOREMAP, Kind.IOUNMAP, Kind.PREPARE_REGION, Kind.SPLIT})
"""Operations that only tables with leaves of several sizes have, and those that they have not."""


def numbers(layout: Layout, pages: bool = True) -> LayoutNumbers:
    """Return a layout as numbers; ``pages`` says whether pages are accounted for.

    Raises NotCoveredError where the filter cannot follow the layout.
    """
    reason = why_not(layout)
    if reason:
        raise NotCoveredError(f"{layout.name}: {reason}")
    limit, most = slot_limits(layout)
    entry = layout.entry
    flagged = [
        Entry(0, bool(n & 1), bool(n & 2), bool(n & 4), 0, bool(n & 8)) for n in range(_FLAGS)
    ]
    return LayoutNumbers(
        layout.top,
        layout.word_mask,
        layout.address_mask,
        layout.pfn_top,
        entry.pfn_mask,
        limit,
        most,
        (_U64 * _FLAGS)(*map(entry.encode, flagged)),
        entry.present,
        entry.write,
        entry.accessed,
        entry.modified,
        entry.execute,
        window(layout),
        (PfnField * MOST_FIELDS)(*(PfnField(f.source, f.width, f.target) for f in entry.pfn)),
        len(entry.pfn),
        layout.page_shift,
        layout.bits,
        pages,
        layout.large,
        layout.levels,
        len(layout.leaf_orders),
        (_U32 * MOST_ORDERS)(*layout.level_orders),
        (_U32 * MOST_ORDERS)(*layout.leaf_orders),
        sum(1 << kind for kind in kinds_of(layout)),
    )
