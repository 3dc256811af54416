# SPDX-License-Identifier: GPL-2.0-only
"""Sequences in bulk, drawn in C: a seed and a number name a sequence."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from model.layout import Layout
from model.leaf_map import Habit
from model.operations import Kind
from slatcheck.fuzz.corpus import Corpus
from slatcheck.fuzz.coverage import Watch
from slatcheck.fuzz.library import EXTENTS, KINDS, MOST_LENGTH, PLACES, Memory, library
from slatcheck.fuzz.operands import NAMES, excluded, habits_of, operands
from slatcheck.fuzz.parameters import kinds_of, numbers
from slatcheck.fuzz.wire import OpBuffer, WireCorpus, WireOp
from slatcheck.search.drawing import LENGTH
from slatcheck.search.sequences import BLOCK, HEADER

U64 = (1 << 64) - 1
BESIDE = 6
"""How many operations a sequence may have beside those of its length."""
Key = TypeVar("Key")


@dataclass(frozen=True)
class Coverage:
    """How often what was drawn; what never was is left out.

    ``drawn`` and ``left_out`` count by kind and trigger, ``operands`` by kind, where the first
    frame comes from, and how far the range goes; ``followed`` by a kind and the one behind it.
    """

    drawn: dict[tuple[Kind, str], int]
    left_out: dict[tuple[Kind, str], int]
    operands: dict[tuple[Kind, str, str], int]
    followed: dict[tuple[Kind, Kind], int]

    @property
    def operations(self) -> int:
        """Operations drawn in all."""
        return sum(self.drawn.values())


class Generator:
    """Draws sequences as the search's decoder does from bytes of SplitMix64.

    Each is a create, at most ``length`` operations of ``kinds`` within the contract, and a destroy
    if that is of ``kinds``; where the create is refused for want of memory, it stands alone. Where
    leaves have several sizes, there may be up to four more behind the create. What
    is drawn depends on the seed, the number of the sequence, what is excluded and what is bred
    from, and on nothing else. Not safe to share between threads.

    Raises NotCoveredError for a layout that the filter cannot follow, ValueError for a ``length``
    that is not from 1 to MOST_LENGTH.
    """

    def __init__(
        self,
        layout: Layout,
        kinds: Iterable[Kind],
        seed: int,
        length: int = LENGTH,
        reach_only: bool = False,
        made: ctypes.CDLL | None = None,
    ) -> None:
        if not 1 <= length <= MOST_LENGTH:
            raise ValueError(f"a sequence of {length} operations, not of 1 to {MOST_LENGTH}")
        self.layout, self.length = layout, length
        self._seed = seed & U64
        self._c = made or library()
        self._memory = Memory(self._c, "generator")
        self._numbers = numbers(layout)
        self._operands = operands(layout, frozenset(kinds) & kinds_of(layout), reach_only)
        self._size = HEADER + BLOCK * length
        # ctypes makes a type for each length anew once nobody has it any more.
        self._bytes = ctypes.c_char * self._size
        self._starts = (ctypes.c_uint32 * 1)()
        self._inputs = b""
        self._pairs: Watch | None = None
        self.exclude(())

    def exclude(
        self, shapes: Iterable[tuple[str, str]], habits: Iterable[Habit] = frozenset()
    ) -> None:
        """Leave out, from now on, operations of exactly these (entry point, trigger).

        The trigger is looked at in the map that the operations before it leave if each does what
        it must, as a table with these ``habits`` does, and no allocation within a fault fails.
        """
        self._operands.excluded = excluded(self.layout, shapes)
        self._operands.habits = habits_of(habits)
        given = ctypes.addressof(self._numbers), ctypes.addressof(self._operands)
        self._c.slat_generator_setup(self._memory.address, *given)

    def breed(self, corpus: Corpus, again: bool = False, pairs: Watch | None = None) -> None:
        """Draw every second sequence, more or less, from inputs of a corpus, with a few changes.

        With ``again`` the sequence of a number is the input of that number as it is. ``pairs`` is
        where it is noted which pairs of operand classes were drawn. Raises ValueError for inputs
        of another length, and where there is nothing to be done again.
        """
        inputs = [input_.data for input_ in corpus.sorted]
        if any(len(data) != self._size for data in inputs):
            raise ValueError(f"an input is {self._size} bytes for {self.length} operations")
        if again and not inputs:
            raise ValueError("there is no input to be run again")
        # The memory of both is used for as long as sequences are drawn.
        self._inputs, self._pairs = b"".join(inputs), pairs
        given = WireCorpus(self._inputs, len(inputs), corpus.rare, again)
        at = pairs.address if pairs else 0
        self._c.slat_generator_breed(self._memory.address, ctypes.addressof(given), at)

    def bytes_of(self, number: int) -> bytes:
        """Return the bytes that the sequence of a number is drawn from."""
        made = self._bytes()
        given = self._seed, number & U64, self.length, ctypes.addressof(made)
        self._c.slat_generator_bytes(self._memory.address, *given)
        return made.raw

    def draw(self, number: int, ops: OpBuffer, at: int = 0) -> int:
        """Write the sequence of a number from ``at`` on and return where it ends.

        Raises IndexError where there is no room for a whole sequence.
        """
        if at < 0 or at + self.length + BESIDE > ops.room:
            raise IndexError(f"no room for {self.length + BESIDE} operations at {at} of {ops.room}")
        place = ops.address + at * ctypes.sizeof(WireOp)
        given = self._seed, number & U64, self.length
        used: int = self._c.slat_generator_draw(self._memory.address, place, *given)
        return at + used

    def fill(self, number: int, ops: OpBuffer, most: int | None = None) -> Sequence[int]:
        """Write the sequences of ``number``, ``number`` + 1, .. from 0 on while there is room.

        There are at most ``most``, if that is given. Returns where each begins and, last, where the
        last one ends: of n sequences n + 1 places.
        """
        room = ops.room // 2
        most = room if most is None else min(most, room)
        if most >= len(self._starts):
            self._starts = (ctypes.c_uint32 * (most + 1))()
        starts = self._starts
        count = self._c.slat_generator_fill(
            self._memory.address, ops.address, ops.room, self._seed, number & U64, self.length,
            ctypes.addressof(starts), most,
        )  # fmt: skip
        return starts[: count + 1]

    def coverage(self) -> Coverage:
        """Return what was drawn so far."""
        counts = self._c.slat_generator_counters(self._memory.address)
        kinds, pairs = len(KINDS), len(KINDS) * len(NAMES)
        classes = [(k, place, extent) for k in KINDS for place in PLACES for extent in EXTENTS]
        shapes = [(kind, name) for kind in KINDS for name in NAMES]
        drawn, left = counts[:pairs], counts[pairs : 2 * pairs]
        behind = 2 * pairs + len(classes)
        return Coverage(
            _counted(shapes, drawn),
            _counted(shapes, left),
            _counted(classes, counts[2 * pairs : behind]),
            _counted(
                [(one, other) for one in KINDS for other in KINDS],
                counts[behind : behind + kinds * kinds],
            ),
        )


def _counted(keys: Sequence[Key], counts: Sequence[int]) -> dict[Key, int]:
    """Return how often each key was met, those alone that were."""
    return {key: count for key, count in zip(keys, counts, strict=True) if count}
