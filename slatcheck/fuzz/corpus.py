# SPDX-License-Identifier: GPL-2.0-only
"""Inputs that reached something new: what is bred from, what is kept of it, the smallest of it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heapify, heappop, heapreplace
from pathlib import Path
from typing import Any

from model.leaf_map import Habit
from slatcheck.fuzz.coverage import NOTHING, Features, features_of, plain_features, united
from slatcheck.search.drawing import LENGTH
from slatcheck.search.sequences import BLOCK, HEADER
from support import cache as keeping

SIZE = HEADER + BLOCK * LENGTH
"""Bytes of an input: those that a sequence is drawn from, as ``search.sequences`` says."""
MOST_RARE = 4096
"""Inputs of a corpus that reached code, or a step of the table; beyond that none is kept."""
MOST_OTHERS = 512
"""Inputs that only have a new pair of operands: nearly every sequence at first is one."""


@dataclass(frozen=True)
class Input:
    """The bytes of a sequence, and what it reached that nothing before it did."""

    data: bytes
    new: Features

    @property
    def rare(self) -> bool:
        """Whether it reached code, or a step of the table, and not only a pair of operands."""
        return bool(self.new.edges or self.new.states)


@dataclass(frozen=True)
class Corpus:
    """Inputs that sequences are bred from, and all that was reached until now.

    ``habits`` are those of the table that were seen on the way; None where nobody looked yet.
    """

    inputs: tuple[Input, ...] = ()
    reached: Features = NOTHING
    habits: frozenset[Habit] | None = None

    @cached_property
    def digest(self) -> str:
        """What tells this one from others: what is bred depends on the inputs and their order."""
        digest = hashlib.sha256()
        for input_ in self.inputs:
            digest.update(input_.data + bytes([input_.rare]))
        names = [] if self.habits is None else ["", *sorted(habit.name for habit in self.habits)]
        digest.update(repr(names).encode())
        return digest.hexdigest()

    @cached_property
    def sorted(self) -> tuple[Input, ...]:
        """The inputs, those that are rare first."""
        return tuple(sorted(self.inputs, key=lambda input_: not input_.rare))

    @property
    def rare(self) -> int:
        """The number of inputs that are rare."""
        return sum(input_.rare for input_ in self.inputs)

    @property
    def room(self) -> int:
        """How many more inputs are kept that are not rare."""
        return max(MOST_OTHERS - (len(self.inputs) - self.rare), 0)

    def joined(
        self, more: Iterable[Input], reached: Features, habits: frozenset[Habit] = frozenset()
    ) -> Corpus:
        """Return one that has reached more, and the inputs of it that nothing before them covers.

        There is room for MOST_RARE and MOST_OTHERS of them. ``habits`` were seen as well.
        """
        known, rare, room = self.reached, MOST_RARE - self.rare, self.room
        inputs = [*self.inputs]
        for input_ in more:
            fresh = Input(input_.data, input_.new - known)
            if not fresh.new:
                continue
            if (rare if fresh.rare else room) > 0:
                inputs.append(fresh)
                known |= fresh.new
                rare, room = rare - fresh.rare, room - (not fresh.rare)
        return Corpus(tuple(inputs), known | reached, habits | (self.habits or frozenset()))


EMPTY = Corpus()


def plain_input(input_: Input) -> dict[str, Any]:
    """Return an input as JSON has it."""
    return {"data": base64.b64encode(input_.data).decode(), "new": plain_features(input_.new)}


def input_of(data: Mapping[str, Any]) -> Input:
    """Return what ``plain_input`` wrote. Raises KeyError, TypeError and ValueError."""
    return Input(base64.b64decode(data["data"], validate=True), features_of(data["new"]))


def smallest(inputs: Sequence[tuple[bytes, Features]]) -> list[bytes]:
    """Return few of the inputs, given with all that each reaches, that reach all of it.

    The one that adds most is taken first (a greedy cover; the fewest are not worth the search).
    """
    left = united(features for _, features in inputs)
    # What an input adds never grows, so that only the one on top is counted again.
    heap = [(-len(features), data, features) for data, features in inputs]
    heapify(heap)
    taken: list[bytes] = []
    while left and heap:
        _, data, features = heap[0]
        adds = features - (features - left)
        if heap[0][0] == -len(adds):
            heappop(heap)
            taken.append(data)
            left -= adds
        else:
            heapreplace(heap, (-len(adds), data, adds))
    return taken


class Store:
    """A folder with the inputs of one layout: a file each, named by its digest, written whole.

    So it can be copied, and merged with others, file by file; a file that is damaged is none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self) -> dict[str, bytes]:
        """Return the inputs by their names, sorted by them."""
        found = {}
        for file in sorted(self.folder.glob("*.input")):
            try:
                data = keeping.read_bytes(file)
            except OSError:
                continue
            if len(data) == SIZE and file == self._file(data):
                found[file.stem] = data
        return found

    def add(self, inputs: Iterable[bytes]) -> int:
        """Keep inputs; return how many are there now that were not. A full disk keeps fewer."""
        files = {file: data for data in inputs if not (file := self._file(data)).exists()}
        for file, data in files.items():
            keeping.write_bytes(file, data)
        return sum(file.exists() for file in files)

    @property
    def merged(self) -> str:
        """What changes whenever somebody else than a campaign adds or removes inputs; '' before."""
        try:
            return keeping.read(self.folder / "merged")
        except OSError:
            return ""

    def note_merge(self) -> None:
        """Let campaigns begin afresh, with what is there now."""
        names = "\n".join(self.load())
        keeping.write(self.folder / "merged", hashlib.sha256(names.encode()).hexdigest())

    def only(self, inputs: Iterable[bytes]) -> int:
        """Remove all but these; return how many were removed."""
        kept = {self._file(data) for data in inputs}
        others = [file for file in self.folder.glob("*.input") if file not in kept]
        for file in others:
            file.unlink(missing_ok=True)
        return len(others)

    def _file(self, data: bytes) -> Path:
        return self.folder / f"{hashlib.sha256(data).hexdigest()[:32]}.input"
