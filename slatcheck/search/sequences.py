# SPDX-License-Identifier: GPL-2.0-only
"""Sequences of operations, decoded from bytes: addresses come from where layouts break."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from model.contracts import slot_limits
from model.layout import Layout
from model.operations import U64, Answer, Kind, Op

HEADER = 6
BLOCK = 7
"""Bytes in front of a sequence, and for each operation. A block that begins with 0 is nothing."""

_WEIGHTS: tuple[tuple[Kind, int], ...] = (
    (Kind.FAULT, 66),
    (Kind.FAULT_FAST, 16),
    (Kind.LOOKUP, 14),
    (Kind.FLUSH, 26),
    (Kind.MKCLEAN, 16),
    (Kind.MKOLD, 16),
    (Kind.LOG_DIRTY_MASKED, 18),
    (Kind.UNMAP, 22),
    (Kind.AGE, 16),
    (Kind.TEST_AGE, 16),
    (Kind.FLUSH_SLOT, 14),
    (Kind.FLUSH_ALL, 3),
    (Kind.COMMIT_REGION, 12),
)


def by_weight(weights: tuple[tuple[Kind, int], ...]) -> tuple[Kind, ...]:
    """Return the kind of operation for each byte but 0. Raises ValueError if they are not 255."""
    kinds = tuple(kind for kind, weight in weights for _ in range(weight))
    if len(kinds) != 255:
        raise ValueError("the weights of operations add up to 255")
    return kinds


_DELTAS = (0, 0, 0, 1, -1, 2, -2, 3)


class Addresses:
    """The guest frames and page frame numbers of a layout at which something begins or ends.

    ``near`` are within reach, simple ones first; ``far`` lie at or beyond it, up to 64 bits.
    ``second`` are page frame numbers in the second PFN field of entries that have one.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        shift = layout.page_shift
        spans = sorted(level.span >> shift for level in layout.tables)
        near = [0]
        for level, span in zip(reversed(layout.tables), spans, strict=True):
            near += [span, span * (level.entries // 2), span * (level.entries - 1)]
            near += [span * level.entries]
        near += [layout.frames - span for span in spans] + [layout.top, layout.frames // 2]
        near += [spans[-1] * 2 + spans[0] * 3, spans[-1] + 1]
        if layout.address_bits:
            # Where an address no longer fits the types that it may pass through.
            near += [1 << (bits - shift) for bits in (31, 32)]
        self.near = [frame for frame in dict.fromkeys(near) if frame < layout.frames]
        word = 1 << max(layout.bits - shift, 0)
        gfns = 1 << (64 - shift)
        far = [layout.frames, layout.frames * 2, layout.frames + spans[-1], word, word + 1]
        far += [word + layout.frames // 2, word * 2, gfns - 1, gfns, gfns + 1, U64 >> 1, U64]
        self.far = [frame for frame in dict.fromkeys(far) if layout.frames <= frame <= U64]
        self.pfns = self._pfns()
        fields = layout.entry.pfn[1:]
        bits = [1 << (field.source + bit) for field in fields for bit in range(field.width)]
        self.second = [pfn for pfn in bits if pfn <= layout.pfn_top]

    def _pfns(self) -> list[int]:
        layout = self.layout
        top = layout.pfn_top
        width = top.bit_length()
        pfns = [5, 1, 2, 3, top, top // 2 + 1]
        pfns += [1 << bit for bit in range(width)]
        pfns += [(top >> bit) << bit for bit in range(0, width, 3)]
        pfns += [0xABCDE & top, 0x12345 & top, 0]
        return [pfn for pfn in dict.fromkeys(pfns) if pfn <= top]


@lru_cache(maxsize=64)
def addresses(layout: Layout) -> Addresses:
    """Return the addresses of a layout (computed once)."""
    return Addresses(layout)


class Decoder:
    """Turns the bytes of an example that Hypothesis draws into operations on one layout.

    Smaller bytes mean simpler operands. Four frames of the header are the focus of a sequence,
    so that operations meet; ``kinds`` are those the implementations have.
    """

    by_byte = by_weight(_WEIGHTS)

    def __init__(self, layout: Layout, kinds: frozenset[Kind], reach_only: bool = False) -> None:
        self.layout = layout
        self.kinds = kinds
        self.reach_only = reach_only
        self._table = addresses(layout)
        self._limit, self._most = slot_limits(layout)
        self._makers: dict[Kind, Callable[[bytes, list[int]], Op]] = {
            Kind.FAULT: self._fault,
            Kind.FAULT_FAST: self._addressed,
            Kind.LOOKUP: self._addressed,
            Kind.LOG_DIRTY_MASKED: self._masked,
            Kind.TEST_AGE: self._single,
            Kind.FLUSH_SLOT: self._slot,
            Kind.COMMIT_REGION: self._slot,
            Kind.UNMAP: self._half_open,
            Kind.AGE: self._half_open,
            Kind.FLUSH: self._inclusive,
            Kind.MKCLEAN: self._inclusive,
            Kind.MKOLD: self._inclusive,
            Kind.FLUSH_ALL: self._bare,
        }

    def decode(self, data: bytes) -> list[Op]:
        """Return CREATE, the operations of ``data`` and DESTROY."""
        near = self._table.near
        focus = [near[byte % len(near)] for byte in data[:4]]
        oom = 1 if data[4] > 250 else 0
        ops = [self._create(data[5], focus)._replace(oom=oom)]
        for at in range(HEADER, len(data) - BLOCK + 1, BLOCK):
            block = data[at : at + BLOCK]
            if not block[0]:
                continue
            kind = self._kind(block)
            if kind in self.kinds:
                ops.append(self._makers[kind](block, focus))
        if Kind.DESTROY in self.kinds:
            ops.append(Op(Kind.DESTROY))
        return ops

    def _create(self, byte: int, focus: list[int]) -> Op:
        return Op(Kind.CREATE)

    def _kind(self, block: bytes) -> Kind:
        return self.by_byte[block[0] - 1]

    def _frame(self, a: int, b: int, focus: list[int]) -> int:
        table = self._table
        if a < 200:
            frame = focus[a & 3] + _DELTAS[b & 7]
        elif a < 222 or self.reach_only:
            frame = table.near[b % len(table.near)] + _DELTAS[a & 7]
        else:
            frame = table.far[b % len(table.far)] + (focus[a & 3] if a & 4 else 0)
            return frame & U64
        return max(0, min(frame, self.layout.top))

    def _gpa(self, block: bytes, focus: list[int]) -> int:
        frame = self._frame(block[1], block[2], focus)
        offset = (block[6] >> 4) * 0x111 if block[6] & 8 else 0
        return self.layout.truncate((frame << self.layout.page_shift) | offset)

    def _fault(self, block: bytes, focus: list[int]) -> Op:
        mode, extra = block[3], block[5]
        write = bool(mode & 1)
        answer = Answer.PAGE
        if mode & 0xF0 == 0xF0:
            answer = (Answer.NO_SLOT, Answer.ERROR, Answer.READ_ONLY, Answer.ERROR)[mode >> 1 & 3]
        if answer is Answer.READ_ONLY and not write:
            answer = Answer.NO_SLOT
        return Op(
            Kind.FAULT,
            self._gpa(block, focus),
            pfn=self._pfn(block[4]),
            write=write,
            writable=write or not mode & 6,
            answer=answer,
            retries=extra >> 6 if extra & 0x30 == 0x30 else 0,
            oom=1 + (extra & 3) if extra & 0x0C == 0x0C and block[6] & 3 == 3 else 0,
        )

    def _pfn(self, byte: int) -> int:
        table = self._table
        if byte >= 208 and table.second:
            return table.second[byte % len(table.second)]
        return table.pfns[byte % len(table.pfns)]

    def _addressed(self, block: bytes, focus: list[int]) -> Op:
        kind = self._kind(block)
        write = kind is Kind.FAULT_FAST and bool(block[3] & 1)
        return Op(kind, self._gpa(block, focus), write=write)

    def _count(self, c: int, d: int) -> int:
        """Return a number of pages: small, or that of one to three tables of some level."""
        if c < 192:
            return 1 + (d & 3)
        spans = [level.span >> self.layout.page_shift for level in self.layout.tables]
        return spans[c % len(spans)] * (1 + (d & 1)) + (d >> 1 & 3) - 1

    def _bounds(self, block: bytes, focus: list[int]) -> tuple[int, int]:
        """Return an inclusive range: counted from its start, up to another frame, or special."""
        first = self._frame(block[1], block[2], focus)
        how = block[3]
        if how < 214:
            return first, min(U64, first + max(1, self._count(block[4], block[5])) - 1)
        if how < 234:
            other = self._frame(block[4], block[5], focus)
            return min(first, other), max(first, other)
        if how < 246 or self.reach_only:
            return first, max(first, self.layout.top)
        if how < 249:
            return 0, self.layout.top
        return (0, U64) if how < 252 else (first, U64)

    def _inclusive(self, block: bytes, focus: list[int]) -> Op:
        first, last = self._bounds(block, focus)
        if (first, last) != (0, U64):
            first, last = min(first, self._limit - 1), min(last, self._limit - 1)
        return Op(self._kind(block), first, last)

    def _half_open(self, block: bytes, focus: list[int]) -> Op:
        first, last = self._clip_slot(*self._bounds(block, focus))
        return Op(self._kind(block), first, last + 1)

    def _clip_slot(self, first: int, last: int) -> tuple[int, int]:
        """Return the inclusive range cut to what a memslot can be; the end is what stays."""
        first = min(first, self._limit - 1)
        last = max(first, min(last, self._limit - 1))
        return max(first, last - self._most + 1), last

    def _single(self, block: bytes, focus: list[int]) -> Op:
        first, _ = self._clip_slot(self._frame(block[1], block[2], focus), 0)
        return Op(Kind.TEST_AGE, first, first + 1)

    def _slot(self, block: bytes, focus: list[int]) -> Op:
        first, last = self._clip_slot(*self._bounds(block, focus))
        return Op(self._kind(block), first, last - first + 1)

    def _masked(self, block: bytes, focus: list[int]) -> Op:
        shape, width = block[3], self.layout.bits
        ones = (1 << width) - 1
        shift = block[4] % width
        mask = (1, 3, 5, 0x11, ones, ones // 3, 9, 0x8001)[shape & 7] << shift & ones
        mask = mask or 1
        # The frame that is picked lies under the mask, often in one of its holes.
        under = self._frame(block[1], block[2], focus) - shift - (block[5] >> 1 & 1)
        first, _ = self._clip_slot(max(0, under), 0)
        limit = self._limit - mask.bit_length()
        offset = min(width * (block[5] & 1), first)
        return Op(Kind.LOG_DIRTY_MASKED, min(first, limit) - offset, offset, mask=mask)

    def _bare(self, block: bytes, focus: list[int]) -> Op:
        return Op(self._kind(block))
