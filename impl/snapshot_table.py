# SPDX-License-Identifier: GPL-2.0-only
"""The built-in table run one operation at a time, with the tree and the lines of each step."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import FrameType, ModuleType
from typing import Any

from impl.multilevel import as_in_kernel, table
from impl.multilevel.multilevel import MultiLevel, carry_out, check, outcome
from impl.multilevel.runtime import ConcreteRuntime
from impl.quirk import Quirk
from impl.snapshot import UNSET, State, Step, take
from model.layout import Layout
from model.operations import Kind, Op


class TableMemory:
    """The memory of the built-in table, as a walk needs it."""

    def __init__(self, rt: ConcreteRuntime) -> None:
        self.layout = rt.layout
        self._rt = rt

    def root(self) -> int:
        """Return the root's address."""
        return self._rt.changes.root

    def state(self, address: int) -> State:
        """Return what begins at ``address``."""
        block = self._rt.memory.blocks.get(address)
        if block is None:
            return State.NOTHING
        if block.shared:
            return State.EMPTY
        return State.FREED if block.freed else State.LIVE

    def slots(self, level: int, address: int) -> Iterable[tuple[int, int]]:
        """Yield the slots that are not empty."""
        block = self._rt.memory.blocks[address]
        leaf = level == self.layout.levels - 1
        empty = 0 if leaf else self._rt.memory.markers[level]
        if any(fill.value == empty for fill in block.fills):
            # A table in use: only what differs from its fill has to be looked at.
            covered = sum(fill.last - fill.first + 1 for fill in block.fills)
            if covered == self.layout.tables[level].entries and len(block.fills) == 1:
                yield from sorted((i, v) for i, v in block.slots.items() if v != empty)
                return
        for index in range(self.layout.tables[level].entries):
            value = block.get(index)
            if value != empty:
                yield index, UNSET if value is None else value

    def target(self, value: int) -> int | None:
        """Return the address that a directory's slot leads to."""
        return value

    def live(self) -> Iterable[int]:
        """Yield the blocks that are handed out."""
        return self._rt.memory.live

    def freed(self) -> Iterable[int]:
        """Yield the blocks that were given back."""
        return (block.address for block in self._rt.memory.blocks.values() if block.freed)


class Stepping(MultiLevel):
    """A reference table that shows itself after each operation: what every such table has."""

    def memory_of(self, rt: Any) -> TableMemory:
        """Return the memory of the table, whose runtime is ``rt``."""
        return TableMemory(rt)

    def files(self) -> dict[str, str]:
        """Return the files whose lines are told, by the names by which Python knows them."""
        return {module.__file__ or "": path(module) for module in (table, as_in_kernel)}

    def steps(self, ops: Sequence[Op]) -> Iterator[Step]:
        """Carry out ``ops`` one at a time; see impl.snapshot.Stepper."""
        check(ops)
        rt = self.runtime()
        for op in ops:
            with _Lines(self.files()) as lines:
                result = carry_out(rt, op, self.operations)
            yield Step(
                outcome(rt, result or 0), take(self.memory_of(rt)), lines.found(), result is None
            )
            if result is None or (op.kind is Kind.CREATE and result != 0):
                return


class TableStepper(Stepping):
    """The built-in table, showing itself after each operation."""

    def __init__(self, layout: Layout, quirks: frozenset[Quirk] = frozenset()) -> None:
        super().__init__(layout, quirks)


def path(module: ModuleType) -> str:
    """Return the file of a module as reports name it."""
    return f"{module.__name__.replace('.', '/')}.py"


class _Lines:
    """Notes which lines of the algorithm run, those that a quirk puts into it included."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files
        self._seen: dict[tuple[str, str, int], None] = {}
        self._before: Any = None

    def __enter__(self) -> _Lines:
        self._before = sys.gettrace()
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _call(self, frame: FrameType, event: str, _: object) -> Any:
        return self._line if frame.f_code.co_filename in self._files else None

    def _line(self, frame: FrameType, event: str, _: object) -> Any:
        if event == "line":
            code = frame.f_code
            self._seen.setdefault((code.co_name, self._files[code.co_filename], frame.f_lineno))
        return self._line

    def found(self) -> tuple[tuple[str, str], ...]:
        return tuple((function, f"{file}:{line}") for function, file, line in self._seen)
