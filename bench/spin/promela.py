# SPDX-License-Identifier: GPL-2.0-only
"""A small scope as a Promela model: the abstract map, the linked tables, the pages in the cache.

The model is written from the same list of operations that slatcheck explores. Of each guest frame
it has whether it is mapped, young and dirty; every frame of a scope is writable while it is mapped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from impl.multilevel.runtime import CACHE_CAPACITY
from model.layout import Layout
from model.operations import AGEING, CLEANING, FAULTS, REMOVING, Kind, Op, frame_range
from slatcheck.fuzz.scope import Scope

MAPPED, YOUNG, DIRTY = 1, 2, 4


@dataclass(frozen=True)
class Table:
    """A table below the root: guest frames ``first``..``last`` (inclusive) lie under it."""

    first: int
    last: int


def tables_of(layout: Layout, frame: int) -> list[Table]:
    """Return the tables between the root and a guest frame, the topmost first."""
    spans = [level.span >> layout.page_shift for level in layout.tables[:-1]]
    return [Table(frame // span * span, frame // span * span + span - 1) for span in spans]


class Model:
    """The text of one scope's model."""

    def __init__(self, scope: Scope) -> None:
        self.scope, self.layout = scope, scope.layout
        shift = self.layout.page_shift
        faults = [op.first >> shift for op in scope.ops if op.kind in FAULTS]
        self.frames = list(dict.fromkeys(faults))
        every = [table for frame in self.frames for table in tables_of(self.layout, frame)]
        self.tables = list(dict.fromkeys(every))

    def text(self) -> str:
        """Return the model. Raises ValueError for operations that it has no words for."""
        state = [f"byte f{n}" for n in range(len(self.frames))]
        state += [f"bit t{n}" for n in range(len(self.tables))]
        head = ["/* made by bench.spin.promela */", *(f"{one};" for one in state)]
        head += ["byte cache;", "bit alive;", "active proctype machine()", "{", "\tdo"]
        options = [f"\t:: d_step {{ {'; '.join(self._step(op))} }}" for op in self.scope.ops]
        return "\n".join([*head, *options, "\tod", "}", ""])

    def _step(self, op: Op) -> Iterator[str]:
        """Yield the statements of an operation; the first one waits until it can be."""
        if op.kind is Kind.CREATE:
            yield from ("!alive", "alive = 1")
            return
        yield "alive"
        if op.kind is Kind.DESTROY:
            yield from self._removed(0, self.layout.top)
            yield from ("cache = 0", "alive = 0")
        elif op.kind in FAULTS:
            yield self._fault(op)
        elif op.kind in REMOVING:
            yield from self._removed(*self._range(op))
        elif op.kind in CLEANING | AGEING:
            keep = 0xFF & ~(DIRTY if op.kind in CLEANING else YOUNG)
            yield from (f"f{n} = f{n} & {keep}" for n in self._inside(op))
        elif op.kind not in (Kind.LOOKUP, Kind.TEST_AGE):
            raise ValueError(f"no words for {op.kind.name.lower()}")

    def _range(self, op: Op) -> tuple[int, int]:
        found = frame_range(op, self.layout.page_shift)
        return found if found else (1, 0)

    def _inside(self, op: Op) -> list[int]:
        """Return the numbers of the frames that an operation names."""
        first, last = self._range(op)
        return [
            n
            for n, frame in enumerate(self.frames)
            if first <= frame <= last
            and not (op.kind is Kind.LOG_DIRTY_MASKED and not op.mask >> (frame - op.first) & 1)
        ]

    def _removed(self, first: int, last: int) -> Iterator[str]:
        """Yield what a removal leaves: a table goes if all that it could map is in the range."""
        for n, frame in enumerate(self.frames):
            if first <= frame <= last:
                yield f"f{n} = 0"
        for n, table in enumerate(self.tables):
            if first <= table.first and table.last <= last:
                yield f"t{n} = 0"

    def _fault(self, op: Op) -> str:
        """Return what a fault does: by the fast path, or with pages out of the cache."""
        frame = op.first >> self.layout.page_shift
        name = f"f{self.frames.index(frame)}"
        bits = YOUNG | (DIRTY if op.write else 0)
        fast = f"{name} -> {name} = {name} | {bits}"
        if op.kind is Kind.FAULT_FAST:
            return f"if :: {fast} :: else fi"
        least = len(self.layout.tables) - 1
        slow = [f"if :: cache < {least} -> cache = {CACHE_CAPACITY} :: else fi"]
        for table in tables_of(self.layout, frame):
            link = f"t{self.tables.index(table)}"
            slow.append(f"if :: {link} :: else -> {link} = 1; cache-- fi")
        slow.append(f"{name} = {MAPPED | bits}")
        return f"if :: {fast} :: else -> {'; '.join(slow)} fi"


def model(scope: Scope) -> str:
    """Return a scope as a Promela model. Raises ValueError where it cannot be one."""
    return Model(scope).text()
