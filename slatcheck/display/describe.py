# SPDX-License-Identifier: GPL-2.0-only
"""Raw entries and operations in words: coalesced ranges, sizes, addresses in hex."""

from __future__ import annotations

from collections.abc import Iterable

from model.entry import ORDER_SHIFT
from model.layout import Layout
from model.ranges import maplets
from slatcheck.search.differential import AS_BEFORE

_UNITS = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def size(count: int) -> str:
    """Return a number of bytes with the largest binary unit that divides it."""
    for unit, name in _UNITS:
        if count >= unit and count % unit == 0:
            return f"{count // unit} {name}"
    return f"{count} bytes"


def frames(layout: Layout, first: int, last: int) -> str:
    """Return an inclusive range of frames with its address and its size."""
    pages = last - first + 1
    where = f"gfn {first:#x}" if pages == 1 else f"gfn {first:#x}..{last:#x}"
    amount = f"{pages} page{'s' if pages > 1 else ''}, {size(pages << layout.page_shift)}"
    return f"{where} (GPA {first << layout.page_shift:#x}, {amount})"


def entries(layout: Layout, pairs: Iterable[tuple[int, int]]) -> list[str]:
    """Return (frame, raw entry) pairs as lines, one for each run of equal or counting entries."""
    unit = layout.entry.encode_pfn(1)
    lines, small = [], {}
    for frame, raw in sorted(pairs):
        order = raw >> ORDER_SHIFT if raw > 0 else 0
        if order:
            last = frame + (1 << order) - 1
            lines.append(f"{frames(layout, frame, last)}: {layout.entry.describe(raw)}, one leaf")
        else:
            small[frame] = raw
    for run in maplets(small, unit):
        if run.value == AS_BEFORE:
            what = "as before"
        else:
            what = layout.entry.describe(run.value)
            if run.step:
                what += ", counting up"
        lines.append(f"{frames(layout, run.first, run.last)}: {what}")
    return lines
