# SPDX-License-Identifier: GPL-2.0-only
"""The G-stage table run one operation at a time, with the tree and the lines of each step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from impl.gstage import as_in_kernel, pte, table
from impl.gstage.gstage import GStage
from impl.gstage.runtime import LeafRuntime
from impl.quirk import Quirk
from impl.snapshot_table import Stepping, TableMemory, path
from model.layout import Layout


class LeafMemory(TableMemory):
    """The memory of the G-stage table, as a walk needs it."""

    def __init__(self, rt: LeafRuntime) -> None:
        super().__init__(rt)
        self._leaves = rt

    def slots(self, level: int, address: int) -> Iterable[tuple[int, int]]:
        """Yield the slots that are not empty."""
        yield from sorted(self._leaves.memory.blocks[address].items(bool))

    def target(self, value: int) -> int | None:
        """Return the address of the table that a slot links, None where it is a leaf."""
        fmt = self.layout.entry
        return None if pte.is_leaf(fmt, value) else self._leaves.pte_table(value)


class GStageStepper(GStage, Stepping):
    """The G-stage table, showing itself after each operation."""

    def __init__(self, layout: Layout, quirks: frozenset[Quirk] = frozenset()) -> None:
        super().__init__(layout, quirks)

    def memory_of(self, rt: Any) -> LeafMemory:
        """Return the memory of the table, whose runtime is ``rt``."""
        return LeafMemory(rt)

    def files(self) -> dict[str, str]:
        """Return the files whose lines are told."""
        return {module.__file__ or "": path(module) for module in (table, as_in_kernel)}
