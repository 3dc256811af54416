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
        """Yield the slots that are not empty; a link is the address of its table."""
        block = self._leaves.memory.blocks[address]
        for index, raw in sorted(block.items(bool)):
            yield index, self._leaves.pte_table(raw) if self._leaves.pte_link(level, raw) else raw

    def leaf(self, value: int) -> bool:
        """Return whether a directory's slot that holds ``value`` is a leaf.

        The address of a table has no bit of a leaf: it is that of a page.
        """
        return pte.is_leaf(self.layout.entry, value)


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
