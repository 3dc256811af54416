# SPDX-License-Identifier: GPL-2.0-only
"""The graph of states that an exploration draws, in C: what was met, tried, and is open."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from model.operations import Op
from slatcheck.fuzz.library import MOST_OPERATIONS, Memory, library
from slatcheck.fuzz.wire import OpBuffer, WireStep

DEEPEST = 255
"""How deep the deepest state may lie that is counted by its depth."""

FIRST = 2
"""The number of the first state that was met; the others follow."""


class Graph:
    """States, told apart by their signatures, and where the operations of a scope lead from them.

    Not safe to share between threads. Raises ValueError for more operations than there is room for.
    """

    def __init__(self, ops: Sequence[Op], room: int) -> None:
        if not 2 <= len(ops) <= MOST_OPERATIONS:
            raise ValueError(f"a scope of {len(ops)} operations, not of 2 to {MOST_OPERATIONS}")
        self._c = library()
        self._memory = Memory(self._c, "graph")
        self._ops = list(ops)
        self._scope = OpBuffer(len(ops))
        self._scope.put(ops)
        self._steps = (WireStep * room)()
        self.begin()

    def begin(self) -> None:
        """Forget all states."""
        self._c.slat_graph_begin(self._memory.address, len(self._ops))

    def copy(self, steps: int, count: int, into: OpBuffer) -> int:
        """Copy steps from an address, and write the operations that they stand for.

        Returns how many there are up to one that stands for none.
        """
        kept = ctypes.addressof(self._steps)
        given = steps, count, self._scope.address, kept, into.address
        copied: int = self._c.slat_graph_copy(self._memory.address, *given)
        return copied

    def places(self, count: int) -> bytes:
        """Return the places in the scope of the first operations that were copied, a byte each."""
        return bytes(step.op for step in self._steps[:count])

    def last_create(self, count: int) -> int:
        """Return which of the first ``count`` steps was the last create, -1 where none was."""
        for at in range(count - 1, -1, -1):
            if not self._steps[at].op:
                return at
        return -1

    def place(self, at: int) -> int:
        """Return the place in the scope of the operation of a step that was copied."""
        return int(self._steps[at].op)

    def follow(self, count: int) -> int:
        """Take the first steps over that were copied; return how many could be.

        One cannot be that leads from the same state with the same operation somewhere else than
        before, or to a state that there is no room for.
        """
        kept = ctypes.addressof(self._steps)
        followed: int = self._c.slat_graph_follow(self._memory.address, kept, count)
        return followed

    @property
    def at(self) -> int:
        """The number of the state that the last step led to."""
        return int(self._c.slat_graph_at(self._memory.address))

    @property
    def transitions(self) -> int:
        """Pairs of a state and an operation that were tried."""
        return int(self._c.slat_graph_transitions(self._memory.address))

    def measure(self, depth: int, barred: int) -> tuple[int, list[int]]:
        """Return how much is open in states less than ``depth`` deep, and the states by depth.

        A destroy is open in those at that depth, too.
        ``barred`` has a bit for each place of an operation that need not be tried.
        """
        levels = (ctypes.c_uint32 * (DEEPEST + 1))()
        at = ctypes.addressof(levels)
        opened = self._c.slat_graph_measure(self._memory.address, depth, barred, at, DEEPEST + 1)
        counted = list(levels)
        while counted and not counted[-1]:
            counted.pop()
        return int(opened), counted

    def way(self, state: int) -> list[Op]:
        """Return the shortest way to a state, from its create on; states were measured before."""
        places = (ctypes.c_uint32 * (DEEPEST + 1))()
        at = ctypes.addressof(places)
        used = self._c.slat_graph_way(self._memory.address, state, at, DEEPEST + 1)
        return [self._ops[place] for place in reversed(places[:used])]
