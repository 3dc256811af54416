# SPDX-License-Identifier: GPL-2.0-only
"""A layout as the numbers that the filter computes with, and which layouts it can follow."""

from __future__ import annotations

import ctypes

from model.contracts import slot_limits
from model.entry import Entry
from model.layout import Layout

_U32, _U64 = ctypes.c_uint32, ctypes.c_uint64
MOST_FIELDS = 4
_FLAGS = 8


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
        ("raw", _U64 * _FLAGS), ("fields", PfnField * MOST_FIELDS),
        ("fields_used", _U32), ("page_shift", _U32), ("bits", _U32), ("pages", _U32),
    )  # fmt: skip


def why_not(layout: Layout) -> str:
    """Return why the filter cannot follow a layout, '' where it can."""
    if layout.large:
        return "its leaves have several sizes, and the filter knows no other cover than its own"
    if len(layout.entry.pfn) > MOST_FIELDS:
        return f"its entries keep the PFN in more than {MOST_FIELDS} fields"
    return ""


def numbers(layout: Layout, pages: bool = True) -> LayoutNumbers:
    """Return a layout as numbers; ``pages`` says whether pages are accounted for.

    Raises NotCoveredError where the filter cannot follow the layout.
    """
    reason = why_not(layout)
    if reason:
        raise NotCoveredError(f"{layout.name}: {reason}")
    limit, most = slot_limits(layout)
    entry = layout.entry
    flagged = [Entry(0, bool(n & 1), bool(n & 2), bool(n & 4)) for n in range(_FLAGS)]
    return LayoutNumbers(
        layout.top,
        layout.word_mask,
        layout.address_mask,
        layout.pfn_top,
        entry.pfn_mask,
        limit,
        most,
        (_U64 * _FLAGS)(*map(entry.encode, flagged)),
        (PfnField * MOST_FIELDS)(*(PfnField(f.source, f.width, f.target) for f in entry.pfn)),
        len(entry.pfn),
        layout.page_shift,
        layout.bits,
        pages,
    )
