# SPDX-License-Identifier: GPL-2.0-only
"""A tree's compiled C run one operation at a time, its table read from the emulated memory."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence

from impl.interface import Capabilities
from impl.kernel.build import ARENA
from impl.kernel.emulated import EmulatedKernel
from impl.kernel.executor import Executor
from impl.kernel.ports import kernel_port
from impl.snapshot import UNSET, State, Step, take
from model.operations import Kind, Op

_LIVE, _FREED = 2, 3
_TABLE = 0
_POISON = 0xA5
_RUNNER = "slat_"


class KernelMemory:
    """The emulated memory, as a walk needs it: read once, when it is made.

    ``runner.c`` tells where the root, and what is known of each page of the arena, is found.
    """

    def __init__(self, executor: Executor) -> None:
        self.layout = executor.image.layout
        self._machine = executor.machine
        self._order = ">" if executor.image.big_endian else "<"
        self._arena = ARENA[self.layout.bits]
        at = executor.symbols.address
        root, used, self._size, *offsets = self._unpack(
            "I", self._machine.read(at("slat_places"), 32)
        )
        self._state, _, self._head, self._kind, self._block = offsets
        word = "Q" if self.layout.bits == 64 else "I"
        slat = at("slat")
        self._root = self._unpack(word, self._machine.read(slat + root, self.layout.bits // 8))[0]
        pages = kernel_port(self.layout.port).arena_pages
        self._used = min(self._unpack("I", self._machine.read(slat + used, 4))[0], pages)
        self._pages = self._machine.read(at("mem_map"), self._size * self._used)
        self._target = kernel_port(self.layout.port).target
        # The marker of a directory is the shared empty table of the level below.
        below = self.layout.tables[1:] if self._target is None else ()
        self._markers = [at(f"invalid_{level.name}_table") for level in below]

    def _unpack(self, kind: str, data: bytes) -> tuple[int, ...]:
        return struct.unpack(f"{self._order}{len(data) // struct.calcsize(kind)}{kind}", data)

    def _page(self, index: int) -> tuple[int, bool, int]:
        """Return (state, first page of its block, kind) of a page of the arena."""
        at = index * self._size
        page = self._pages
        return page[at + self._state], bool(page[at + self._head]), page[at + self._kind]

    def _blocks(self, state: int) -> Iterator[int]:
        for index in range(self._used):
            if self._page(index) == (state, True, _TABLE):
                yield self._arena + (index << self.layout.page_shift)

    def pages(self) -> bytes:
        """Return the pages of the arena that were handed out or skipped so far, freed ones too."""
        return self._machine.read(self._arena, self._used << self.layout.page_shift)

    def root(self) -> int:
        """Return the root's address."""
        return self._root

    def state(self, address: int) -> State:
        """Return what begins at ``address``."""
        if address in self._markers:
            return State.EMPTY
        index, inside = divmod(address - self._arena, 1 << self.layout.page_shift)
        if not 0 <= index < self._used or inside:
            return State.NOTHING
        state, head, kind = self._page(index)
        if kind != _TABLE or not head:
            return State.NOTHING
        return {_LIVE: State.LIVE, _FREED: State.FREED}.get(state, State.NOTHING)

    def slots(self, level: int, address: int) -> Iterable[tuple[int, int]]:
        """Yield the slots that are not empty."""
        leaf = level == self.layout.levels - 1
        size = self.layout.entry.size if leaf else self.layout.bits // 8
        entries = self.layout.tables[level].entries
        data = self._machine.read(address, entries * size)
        if leaf:
            values = self._raw(data)
        else:
            values = list(self._unpack("Q" if size == 8 else "I", data))
        empty = self._markers[level] if self._markers and not leaf else 0
        unset = int.from_bytes(bytes([_POISON]) * size, "big")
        for index, value in enumerate(values):
            if value != empty:
                yield index, UNSET if value == unset else value

    def target(self, value: int) -> int | None:
        """Return the address that a directory's slot leads to, None where it is a leaf."""
        return value if self._target is None else self._target(value)

    def _raw(self, data: bytes) -> list[int]:
        """Return entries as ``pte_val()`` forms them: of two words, the first is the low one."""
        if self.layout.bits == 64:
            return list(self._unpack("Q", data))
        words = self._unpack("I", data)
        if self.layout.entry.size == 4:
            return list(words)
        return [low | high << 32 for low, high in zip(words[::2], words[1::2], strict=True)]

    def live(self) -> Iterable[int]:
        """Yield the blocks that are handed out, and what is left of those given back in part."""
        yield from self._blocks(_LIVE)
        for index in range(self._used):
            state, head, kind = self._page(index)
            at = index * self._size + self._block
            first = self._unpack("I", self._pages[at : at + 4])[0]
            whole = head or (first < self._used and self._page(first)[0] == _LIVE)
            if (state, kind) == (_LIVE, _TABLE) and not whole:
                yield self._arena + (index << self.layout.page_shift)

    def freed(self) -> Iterable[int]:
        """Yield the blocks that were given back."""
        return self._blocks(_FREED)


class KernelStepper:
    """A tree's own C, showing its table after each operation."""

    name = "kernel"

    def __init__(self, kernel: EmulatedKernel) -> None:
        self.layout = kernel.layout
        self.capabilities: Capabilities = kernel.capabilities
        self._executor = kernel.executor

    def steps(self, ops: Sequence[Op]) -> Iterator[Step]:
        """Carry out ``ops`` one at a time; see impl.snapshot.Stepper."""
        executor = self._executor
        for number, op in enumerate(ops):
            self._executor.set_flags()
            run = executor.run([op], resume=number > 0)
            outcome = run.outcomes[-1]
            stopped = run.stop is not None
            if stopped and any(event.subject == "fault" for event in outcome.events):
                # The machine was started afresh: there is nothing left to read.
                yield Step(outcome, None, (), True)
                return
            snapshot = take(KernelMemory(executor))
            yield Step(outcome, snapshot, self._lines(), stopped)
            if stopped or (op.kind is Kind.CREATE and outcome.result):
                return

    def _lines(self) -> tuple[tuple[str, str], ...]:
        """Return the places at which a block of the tree's code began to run, in file order."""
        symbols = self._executor.symbols
        folder = kernel_port(self.layout.port).files.arch
        found = {symbols.place(pc) for pc in sorted(self._executor.coverage()[0])}
        ours = [
            (place.function, place.where)
            for place in found
            if place.where.startswith(folder)
            and _line(place.where)
            and not place.function.startswith(_RUNNER)
        ]
        return tuple(sorted(ours, key=lambda place: (place[1].rpartition(":")[0], _line(place[1]))))


def _line(where: str) -> int:
    number = where.rpartition(":")[2]
    return int(number) if number.isdigit() else 0
