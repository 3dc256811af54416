# SPDX-License-Identifier: GPL-2.0-only
"""Sequences for tables with leaves of several sizes: what meets at the borders of leaves."""

from __future__ import annotations

from model.contracts import slot_limits
from model.layout import Layout
from model.operations import Kind, Op
from model.slots import Slots
from slatcheck.search.sequences import BLOCK, HEADER, Decoder, by_weight

_WEIGHTS: tuple[tuple[Kind, int], ...] = (
    (Kind.FAULT, 62),
    (Kind.MAP, 20),
    (Kind.LOOKUP, 6),
    (Kind.FLUSH, 18),
    (Kind.MKCLEAN, 14),
    (Kind.LOG_DIRTY_MASKED, 28),
    (Kind.UNMAP, 22),
    (Kind.AGE, 14),
    (Kind.TEST_AGE, 8),
    (Kind.FLUSH_SLOT, 10),
    (Kind.COMMIT_REGION, 18),
    (Kind.PREPARE_REGION, 6),
    (Kind.IOREMAP, 12),
    (Kind.IOUNMAP, 8),
    (Kind.SPLIT, 9),
)
_DELTAS = (0, 0, 0, 1, -1, 2, -2, 3)
MOST_DEVICE_PAGES = 16
"""Pages of the largest memslot that maps a device here: each is mapped by itself."""


class LeafDecoder(Decoder):
    """Turns bytes into operations on a layout whose leaves have several sizes.

    What is drawn may be out of contract where that depends on the map; ``plan`` leaves that out.
    """

    by_byte = by_weight(_WEIGHTS)

    def __init__(self, layout: Layout, kinds: frozenset[Kind], reach_only: bool = False) -> None:
        super().__init__(layout, kinds, reach_only=True)
        self._slots = Slots(layout)
        self._focus: list[int] = []
        self._border = 0
        self._makers |= {
            Kind.MAP: self._mapped,
            Kind.SPLIT: self._split,
            Kind.IOREMAP: self._device,
            Kind.IOUNMAP: self._device,
            Kind.PREPARE_REGION: self._prepared,
        }

    def decode(self, data: bytes) -> list[Op]:
        """Return what ``data`` says; often a memslot is prepared before anything is mapped."""
        ops = super().decode(data)
        if self._word and data[4] & 4:
            ops[1:1] = self._aliased(data[4])
        if data[4] & 1 and Kind.PREPARE_REGION in self.kinds:
            new = self._prepared(data[HEADER : HEADER + BLOCK], self._focus)
            behind = Op(Kind.FAULT, (new.first + new.last) << self.layout.page_shift, pfn=5)
            late = data[4] & 2 and new.first + new.last < self.layout.frames
            ops[1:1] = [behind, new] if late and Kind.FAULT in self.kinds else [new]
        return ops

    @property
    def _word(self) -> int:
        """How many frames an unsigned long can tell apart, 0 where that is all of them."""
        frames = (self.layout.word_mask >> self.layout.page_shift) + 1
        return frames if frames < self.layout.frames else 0

    def _aliased(self, byte: int) -> list[Op]:
        """Return a leaf, and a request for it or for what is the same frame to an unsigned long."""
        high = self._focus[0] if self._focus[0] >= self._word else self._focus[0] + self._word
        if byte & 16:
            return self._device_above(self._border if self._border >= self._word else high)
        slot = self._slots.of(high)
        request = Op(Kind.LOG_DIRTY_MASKED, slot.base, high - slot.base, mask=1)
        if byte & 8:
            high, request = slot.base, Op(Kind.COMMIT_REGION, *slot)
        frame = high if byte & 32 else high % self._word
        gpa = frame << self.layout.page_shift
        page = Op(Kind.FAULT, gpa, pfn=5, write=True, writable=True)
        return [op for op in (page, request) if op.kind in self.kinds]

    def _device_above(self, frame: int) -> list[Op]:
        """Return a large leaf, and a device in a memslot that begins where that seems to be."""
        slot = self._slots.of(frame)
        low, order = slot.base % self._word, self.layout.leaf_orders[1]
        pfn = low & ((1 << order) - 1)
        gpa = low << self.layout.page_shift
        page = Op(Kind.FAULT, gpa, pfn=pfn, write=True, writable=True, order=order)
        device = slot.pages <= MOST_DEVICE_PAGES
        request = Op(
            Kind.PREPARE_REGION, *slot, pfn=7 * device, write=device, writable=True
        )  # fmt: skip
        return [op for op in (page, request) if op.kind in self.kinds]

    def _alias(self, byte: int, focus: list[int]) -> None:
        """Let two frames of the focus differ by what an unsigned long cannot hold."""
        if self._word and byte & 0x10:
            focus[1] = (focus[0] + self._word) % self.layout.frames

    def _create(self, byte: int, focus: list[int]) -> Op:
        """Put borders of memslots at the focus: aligned or not, close together or far apart."""
        self._alias(byte, focus)
        self._focus = focus
        first, second = focus[0] + _DELTAS[byte & 7], focus[1]
        if byte & 8:
            second = first + 1 + (byte >> 4 & 3)
        if byte & 0xC0 == 0:
            first, second = 0, 0
        first, second = sorted(max(0, min(border, self.layout.top)) for border in (first, second))
        self._slots, self._border = Slots(self.layout, first, second), first
        return Op(Kind.CREATE, first, second)

    def _frame(self, a: int, b: int, focus: list[int]) -> int:
        """Return a frame at the focus, within one of the leaves there, or right behind it."""
        if a < 200 and b & 0xC0 == 0xC0:
            orders = self.layout.leaf_orders
            span = 1 << orders[1 + (b >> 3) % (len(orders) - 1)]
            frame = focus[a & 3] + (span, span // 2, span - 1, -span)[b >> 1 & 3] + (b & 1)
            return max(0, min(frame, self.layout.top))
        return super()._frame(a, b, focus)

    def _order(self, byte: int) -> int:
        orders = self.layout.leaf_orders
        return 0 if byte < 128 else orders[1 + byte % (len(orders) - 1)]

    def _fault(self, block: bytes, focus: list[int]) -> Op:
        plain = super()._fault(block, focus)
        order, skew = self._order(block[2] * 7 & 0xFF), 0
        low = (1 << order) - 1
        if order and block[6] & 0x70 == 0x70:
            skew = (1, low, 1 << (order - 1))[block[6] % 3]
        frame = plain.first >> self.layout.page_shift
        pfn = plain.pfn & ~low | (frame + skew) & low
        return plain._replace(order=order, skew=skew, pfn=pfn)

    def _mapped(self, block: bytes, focus: list[int]) -> Op:
        order = self._order(block[3])
        pfn = self._pfn(block[4]) >> order << order
        gpa = self._gpa(block, focus)
        return Op(Kind.MAP, gpa, pfn=pfn, writable=not block[5] & 1, order=order)

    def _split(self, block: bytes, focus: list[int]) -> Op:
        return Op(Kind.SPLIT, self._gpa(block, focus), order=self._order(block[3]))

    def _device(self, block: bytes, focus: list[int]) -> Op:
        shift = self.layout.page_shift
        first = self._frame(block[1], block[2], focus)
        pages = 1 + (block[3] & 3)
        kind = self._kind(block)
        if kind is Kind.IOUNMAP:
            pages = self._count(block[4], block[5])
        pages = max(1, min(pages, self.layout.frames - first))
        op = Op(kind, first << shift, pages << shift)
        if kind is Kind.IOUNMAP:
            return op
        pfn = min(self._pfn(block[4]), self.layout.pfn_top - pages + 1)
        return op._replace(pfn=pfn, writable=not block[5] & 1)

    def _clipped(self, first: int, last: int) -> tuple[int, int]:
        """Return the inclusive range cut to the memslot of its first frame."""
        first = min(first, self.layout.top)
        return first, max(first, min(last, self._slots.of(first).last))

    def _half_open(self, block: bytes, focus: list[int]) -> Op:
        first, last = self._clipped(*self._bounds(block, focus))
        return Op(self._kind(block), first, last + 1)

    def _inclusive(self, block: bytes, focus: list[int]) -> Op:
        first, last = self._bounds(block, focus)
        return Op(self._kind(block), first, min(last, self.layout.top))

    def _slot(self, block: bytes, focus: list[int]) -> Op:
        slot = self._slots.of(self._frame(block[1], block[2], focus))
        return Op(self._kind(block), slot.base, slot.pages)

    def _prepared(self, block: bytes, focus: list[int]) -> Op:
        frame = focus[block[1] & 1] if block[6] & 3 else self._frame(block[1], block[2], focus)
        base, pages = self._slots.of(frame)
        if block[3] & 0xF0 == 0xF0:
            limit, most = slot_limits(self.layout)
            base, pages = self.layout.frames - (block[3] & 1), 1 + (block[5] & 1)
            base, pages = min(base, limit - pages), min(pages, most)
        device = bool(block[3] & 1) and pages <= MOST_DEVICE_PAGES
        pfn = min(self._pfn(block[4]), self.layout.pfn_top - MOST_DEVICE_PAGES)
        return Op(
            Kind.PREPARE_REGION, base, pages, write=device, pfn=pfn if device else 0,
            writable=bool(block[5] & 6),
        )  # fmt: skip

    def _masked(self, block: bytes, focus: list[int]) -> Op:
        plain = super()._masked(block, focus)
        low = (plain.mask & -plain.mask).bit_length() - 1
        frame = min(plain.first + plain.last + low, self.layout.top)
        slot = self._slots.of(frame)
        offset = max(0, frame - slot.base - low)
        room = slot.pages - offset
        mask = plain.mask & ((1 << min(room, 64)) - 1) or 1
        return Op(Kind.LOG_DIRTY_MASKED, slot.base, offset, mask=mask)


def decoder_of(layout: Layout, kinds: frozenset[Kind], reach_only: bool = False) -> Decoder:
    """Return what turns bytes into operations on a layout."""
    made = LeafDecoder if layout.large else Decoder
    return made(layout, kinds, reach_only)
