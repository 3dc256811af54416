# SPDX-License-Identifier: GPL-2.0-only
"""What an entry point may hand its request on as, and the scenes in which that is tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from model.layout import Layout
from model.operations import BYTES, HALF_OPEN, SLOT, U64, Kind, Op, frame_range
from slatcheck.document.evidence import BELOW, BELOW_LARGE


def targets(layout: Layout) -> Mapping[Kind, Kind]:
    """Return the operation below each entry point of a layout's table that may have one."""
    return BELOW_LARGE if layout.large else BELOW


def below(layout: Layout, op: Op, more: int = 0) -> Op | None:
    """Return the request that ``op`` is handed on as, ``more`` pages longer; None for none."""
    if op.kind is Kind.FAULT:
        return _mapped(op, layout.page_shift) if layout.large else _fast(op)
    found = frame_range(op, layout.page_shift)
    if op.kind not in BELOW or found is None:
        return None
    if op.kind is Kind.PREPARE_REGION:
        return _device(op, layout.page_shift)
    return Op(BELOW[op.kind], found[0], (found[1] + more) & U64)


def _fast(op: Op) -> Op:
    return Op(Kind.FAULT_FAST, op.first, write=op.write)


def _mapped(op: Op, page_shift: int) -> Op | None:
    """Return the leaf that a fault puts in where nothing speaks against the host's whole page."""
    if op.skew or op.retries:
        return None
    low = (op.first >> page_shift) & ((1 << op.order) - 1)
    return Op(Kind.MAP, op.first, pfn=op.pfn - low, writable=op.writable, order=op.order)


def _device(op: Op, page_shift: int) -> Op | None:
    if not op.write or not op.writable:
        return None
    bytes_ = op.last << page_shift
    return Op(Kind.IOREMAP, op.first << page_shift, bytes_, pfn=op.pfn, writable=True)


def request(layout: Layout, kind: Kind, first: int, pages: int) -> Op:
    """Return the operation of a kind for ``pages`` pages from ``first``."""
    if kind is Kind.PREPARE_REGION:
        return Op(kind, first, pages, write=True, pfn=7, writable=True)
    if kind in SLOT:
        return Op(kind, first, pages)
    if kind in BYTES:
        return Op(kind, first << layout.page_shift, pages << layout.page_shift)
    if kind is Kind.LOG_DIRTY_MASKED:
        mask = (1 << pages) - 1
        return Op(kind, 0, first, mask=mask) if layout.large else Op(kind, first, mask=mask)
    return Op(kind, first, first + pages if kind in HALF_OPEN else first + pages - 1)


def scenes(layout: Layout, kind: Kind) -> Iterator[list[Op]]:
    """Yield sequences on a table with a few pages that end with an operation of a kind."""
    leaf = layout.leaf.entries
    scene = [Op(Kind.CREATE), *_pages(layout)]
    if kind is Kind.FAULT:
        yield from _faults(layout, scene)
        return
    if kind is Kind.FLUSH_ALL:
        yield [*scene, Op(kind)]
        return
    ranges = [(0, 1), (1, 1), (1, 2), (0, 3), (3, 4), (leaf - 1, 1), (leaf - 1, 2)]
    ranges += [(leaf - 2, 5), (leaf, leaf), (2 * leaf - 1, 1), (0, 3 * leaf)]
    most = layout.bits if kind is Kind.LOG_DIRTY_MASKED else 1 << 20
    for first, pages in ranges:
        asked = request(layout, kind, first, min(pages, most))
        if kind is Kind.PREPARE_REGION:
            # A new memslot: nothing is mapped there, and each page of it is mapped by itself.
            pages = min(pages, 16)
            yield [Op(Kind.CREATE, first, first + pages), asked._replace(last=pages)]
        elif layout.large and kind in SLOT:
            yield [Op(Kind.CREATE, first, first + pages), *scene[1:], asked]
        else:
            yield [*scene, asked]


def _pages(layout: Layout) -> list[Op]:
    leaf, shift = layout.leaf.entries, layout.page_shift
    frames = sorted({0, 1, 2, leaf - 1, leaf, leaf + 1, 2 * leaf - 1, layout.top})
    return [
        Op(Kind.FAULT, frame << shift, pfn=number, write=True, writable=True)
        for number, frame in enumerate(frames, 1)
    ]


def _faults(layout: Layout, scene: list[Op]) -> Iterator[list[Op]]:
    if layout.large:
        for order in layout.leaf_orders:
            for first in (0, 1 << order, 3 << order):
                gpa, pfn = first << layout.page_shift, 8 << order
                page = Op(Kind.FAULT, gpa, pfn=pfn, write=True, writable=True, order=order)
                yield [scene[0], page]
                yield [scene[0], page, page._replace(pfn=16 << order)]
        return
    for before in (Kind.MKOLD, Kind.MKCLEAN):
        for page in scene[1:]:
            yield [*scene, Op(before, 0, layout.top), page]
            yield [*scene, Op(before, 0, layout.top), page._replace(write=False)]
