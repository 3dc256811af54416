# SPDX-License-Identifier: GPL-2.0-only
"""The filter over rings full of anything, each with an unreadable page right behind it.

Usage: ``python -m tests.slatcheck.fuzz.hostile SEED SOURCES``. Undefined behaviour of the C,
and any access behind a ring, ends the process by a signal.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

from impl.kernel.toolchain import find
from model.entry import Entry
from model.layout import Layout
from model.operations import Kind, Op
from model.ports import layout
from slatcheck.fuzz.checker import Filter
from slatcheck.fuzz.generator import Generator
from slatcheck.fuzz.library import compiled, loaded
from slatcheck.fuzz.wire import (
    OpBuffer,
    Rings,
    WireChange,
    WireControl,
    WireEvent,
    WireOp,
    WireResult,
)

TRAPS = ("-fsanitize=undefined,bounds", "-fsanitize-trap=undefined,bounds")
OPS, CHANGES, DIRTY, EVENTS = 64, 200, 100, 50
MORE = OPS + 200
NAMES = ("mips32-4k", "mips64-4k", "riscv32-sv32x4", "riscv64-sv39x4")
ROUNDS = 3000


class Fenced:
    """Memory that ends where an unreadable page begins."""

    def __init__(self, size: int) -> None:
        page = mmap.PAGESIZE
        room = -(-size // page) * page
        self._pages = mmap.mmap(-1, room + page)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._pages))
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mprotect(ctypes.c_void_p(start + room), page, 0):
            raise OSError(ctypes.get_errno(), "mprotect")
        self.size, self.address = size, start + room - size

    def fill(self, data: bytes) -> None:
        """Write ``data`` over the beginning."""
        ctypes.memmove(self.address, data, min(len(data), self.size))


def numbers(source: Random, size: int) -> bytes:
    """Return words that are small, at some limit, or anything."""
    limits = (
        0,
        0,
        1,
        2,
        OPS,
        CHANGES - 1,
        CHANGES,
        CHANGES + 1,
        DIRTY,
        EVENTS,
        1 << 31,
        (1 << 32) - 1,
    )
    words = (
        source.choice(limits) if source.random() < 0.8 else source.getrandbits(32)
        for _ in range(size // 4)
    )
    return b"".join(word.to_bytes(4, sys.byteorder) for word in words)


def climbing(source: Random, results: ctypes.Array[WireResult]) -> None:
    """Let what was recorded be in order, so that the rings are read."""
    changes = dirty = events = 0
    for result in results:
        events = min(EVENTS, events + source.choice((0, 0, 0, 1)))
        changes = min(CHANGES, changes + source.choice((0, 0, 1, 3)))
        dirty = min(DIRTY, dirty + source.choice((0, 0, 1)))
        result.changes, result.dirty, result.events = changes, dirty, events
        result.result = source.choice((0, 1, -12, -14))
        result.tables = result.taken = result.freed = result.held = 0


def too_many(one: Layout, ops: OpBuffer, rings: list[Fenced], *more: int) -> int:
    """Let all be right, but that an operation recorded more than a ring has room for."""
    fault = Op(Kind.FAULT, 0, pfn=5, write=True, writable=True)
    end = ops.put([Op(Kind.CREATE), fault])
    for ring in rings:
        ring.fill(bytes(ring.size))
    WireControl.from_address(rings[0].address).done = end
    result = (WireResult * OPS).from_address(rings[1].address)[1]
    changes, dirty, result.events = more
    result.changes, result.dirty = 1 + changes, 1 + dirty
    raw = one.entry.encode(Entry(5, True, True, True))
    (WireChange * CHANGES).from_address(rings[2].address)[0] = WireChange(0, raw)
    return end


def rounds(seed: int, sources: Path) -> Iterator[int]:
    """Yield what the filter says of each of many batches."""
    source = Random(seed)
    made = loaded(compiled(sources, find(), TRAPS))
    one = layout(NAMES[seed % len(NAMES)])
    checker, ops = Filter(one, made=made), OpBuffer(MORE)
    generator = Generator(one, frozenset(Kind), seed, OPS - 6, made=made)
    rings = [
        Fenced(count * ctypes.sizeof(kind))
        for count, kind in (
            (1, WireControl), (OPS, WireResult), (CHANGES, WireChange), (DIRTY, ctypes.c_uint64),
            (EVENTS, WireEvent),
        )
    ]  # fmt: skip
    at = Rings(*(ring.address for ring in rings), OPS, CHANGES, DIRTY, EVENTS)
    checker.tolerate((kind, code, 0) for kind in Kind if kind <= Kind.DESTROY for code in range(32))
    wild = Fenced(OPS * ctypes.sizeof(WireOp))
    for number in range(ROUNDS):
        end = generator.draw(number, ops)
        for ring in rings:
            ring.fill(numbers(source, ring.size))
        if source.random() < 0.7:
            control = WireControl.from_address(rings[0].address)
            control.done, control.stopped = source.choice((end, MORE)), 0
            climbing(source, (WireResult * OPS).from_address(rings[1].address))
        if source.random() < 0.3:
            wild.fill(numbers(source, wild.size))
            ctypes.memmove(ops.address, wild.address, wild.size)
            end = source.choice((OPS, MORE))
        if number % 100 == 0:
            page = mmap.PAGESIZE
            more = source.choice(((page, 0, 0), (0, page, 0), (0, 0, page)))
            end = too_many(one, ops, rings, *more)
        begin = source.choice((0, 0, 0, end // 2))
        yield checker.first(ops, at, begin, end)
        checker.suspects(ops, at, end)


if __name__ == "__main__":
    print(sum(1 for found in rounds(int(sys.argv[1]), Path(sys.argv[2])) if 0 <= found <= MORE))
