# SPDX-License-Identifier: GPL-2.0-only
"""Which sequences of a batch reach something for the first time, and what."""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import compress

from impl.kernel.native.kernel import NativeKernel
from model.operations import Op
from slatcheck.fuzz.coverage import PAIRS, STATES, Features, Watch


class News:
    """What is reached beyond what was, as batches are drawn and run.

    Pairs are noted when a sequence is drawn, and count once it was run; steps of the table are
    noted when it passes. Code is seen after a batch: if any of it is new, its sequences are run
    again one by one, which others need not wait for. The tree's code can write its own flags, so
    that what is said of code is to guide, and decides nothing.
    """

    def __init__(self, native: NativeKernel, before: Features) -> None:
        self._native, self._before = native, before
        self.pairs = Watch(PAIRS, before.pairs)
        self.states = Watch(STATES, before.states)
        self._blocks = native.executor.blocks()
        self._drawn: defaultdict[int, set[int]] = defaultdict(set)
        self._edges: set[int] = set()
        self._fresh: set[int] = set()
        native.executor.set_flags()
        self._flags = native.executor.flags()

    @property
    def edges(self) -> frozenset[int]:
        """All code that ran, also what had been reached before."""
        self._look()
        return frozenset(self._edges)

    def look(self) -> None:
        """Take note of the code that ran in a batch, before anything else is run."""
        self._fresh = self._look()

    def _look(self) -> set[int]:
        """Return the code that ran since somebody looked, as far as it had not until then."""
        flags = self._native.executor.flags()
        if flags == self._flags:
            return set()
        self._flags = flags
        new = self._ran(flags) - self._edges
        self._edges |= new
        return new

    def _ran(self, flags: bytes) -> set[int]:
        """Return the code that flags say ran."""
        return set(compress(self._blocks, flags))

    def drawn(self, number: int, starts: Sequence[int]) -> None:
        """Take note of what the sequences from a number on have that was never drawn."""
        for at, pair in self.pairs.news():
            self._drawn[number + bisect(starts, at) - 1].add(pair)

    def lost(self, number: int, count: int) -> None:
        """So many sequences from a number on were drawn, and not run to their end."""
        for n in range(number, number + count):
            self._drawn.pop(n, None)
        self._look()

    def of_batch(
        self, number: int, starts: Sequence[int], ops: Callable[[int], list[Op]]
    ) -> Iterator[tuple[int, Features]]:
        """Yield which sequences of a batch reached something new, counted from 0, and what.

        They were run from ``number`` on; each begins and ends at ``starts``, and has ``ops``. What
        code they ran was seen by ``look``.
        """
        count = len(starts) - 1
        states: defaultdict[int, set[int]] = defaultdict(set)
        for at, state in self.states.news():
            states[bisect(starts, at) - 1].add(state)
        pairs = {n: self._drawn.pop(number + n, set()) for n in range(count)}
        edges = self._by_sequence(count, ops)
        for n in range(count):
            new = Features(
                frozenset(edges.get(n, ())), frozenset(pairs[n]), frozenset(states.get(n, ()))
            )
            if new:
                yield n, new

    def _by_sequence(self, count: int, ops: Callable[[int], list[Op]]) -> dict[int, set[int]]:
        """Return the new code of the last batch by the sequence that is the first to run it."""
        new = self._fresh - self._before.edges
        found: dict[int, set[int]] = {}
        if not new:
            return found
        executor = self._native.executor
        for n in range(count):
            executor.set_flags()
            self._native.run(ops(n))
            found[n] = self._ran(executor.flags()) & new
            new -= found[n]
            if not new:
                break
        executor.set_flags(self._flags)
        return found
