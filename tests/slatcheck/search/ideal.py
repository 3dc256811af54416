# SPDX-License-Identifier: GPL-2.0-only
"""An implementation made of the abstract map itself, with mistakes and liberties to be added."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from impl.interface import Capabilities, Outcome, Run
from model.entry import Entry
from model.layout import Layout
from model.leaf_map import LeafMap
from model.operations import Kind, Op
from model.ports import port_of

Twist = Callable[[LeafMap, Op, dict[int, Entry], int], int]
"""Changes what an operation left: gets the map, the operation, the leaves before, the result."""


def nothing(state: LeafMap, op: Op, before: dict[int, Entry], result: int) -> int:
    """Leave what the operation left."""
    return result


class Ideal:
    """The map of a layout with large leaves, as an implementation."""

    name = "ideal"

    def __init__(self, layout: Layout, twist: Twist = nothing) -> None:
        self.layout = layout
        kinds = frozenset(port_of(layout).functions)
        self.capabilities = Capabilities(kinds, pages=False)
        self._twist = twist

    def run(self, ops: Sequence[Op]) -> Run:
        """Carry out ``ops``; see impl.interface.Implementation."""
        state = LeafMap(self.layout)
        outcomes = []
        for op in ops:
            before = dict(state.entries)
            done = state.apply(op)
            result = done.results[0] if done.results else 0
            result = self._twist(state, op, before, result)
            outcomes.append(Outcome(result, self._changes(before, state), tuple(done.dirty)))
            if op.kind is Kind.CREATE and result:
                break
        return Run(outcomes)

    def _changes(self, before: dict[int, Entry], state: LeafMap) -> dict[int, int]:
        encode, now = self.layout.entry.encode, state.entries
        frames = [f for f in before.keys() | now.keys() if before.get(f) != now.get(f)]
        return {f: encode(now[f]) if f in now else 0 for f in frames}
