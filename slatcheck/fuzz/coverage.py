# SPDX-License-Identifier: GPL-2.0-only
"""What sequences reach: code of the tree, pairs of operand classes, steps of the table's size."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from slatcheck.fuzz.library import EXTENTS, KINDS, PLACES
from slatcheck.fuzz.wire import MOST_NEWS, WireReached

CLASSES = len(KINDS) * len(PLACES) * len(EXTENTS)
"""Classes of operands: a kind, where the first frame comes from, how far the range goes."""
PAIRS = CLASSES * CLASSES
"""Pairs of operand classes, one operation behind the other; few of them can be drawn."""
SIZES = 16
STATES = len(KINDS) * SIZES**3
"""Steps of a table: a kind, the linked tables before and behind it, the leaves (16 sizes each)."""


@dataclass(frozen=True)
class Features:
    """What was reached: edges by their address in the native image, the others by their number."""

    edges: frozenset[int] = frozenset()
    pairs: frozenset[int] = frozenset()
    states: frozenset[int] = frozenset()

    def __or__(self, other: Features) -> Features:
        """Return what either of both has."""
        return Features(
            self.edges | other.edges, self.pairs | other.pairs, self.states | other.states
        )

    def __sub__(self, other: Features) -> Features:
        """Return what the other one lacks."""
        return Features(
            self.edges - other.edges, self.pairs - other.pairs, self.states - other.states
        )

    def __bool__(self) -> bool:
        """Return whether there is anything."""
        return bool(self.edges or self.pairs or self.states)

    def __len__(self) -> int:
        """Return the number of features of all sorts."""
        return len(self.edges) + len(self.pairs) + len(self.states)


NOTHING = Features()


def united(parts: Iterable[Features]) -> Features:
    """Return what any of them has."""
    several = [*parts]
    return Features(
        frozenset().union(*(part.edges for part in several)),
        frozenset().union(*(part.pairs for part in several)),
        frozenset().union(*(part.states for part in several)),
    )


def plain_features(features: Features) -> dict[str, list[int]]:
    """Return features as JSON has them."""
    return {name: sorted(numbers) for name, numbers in vars(features).items()}


def features_of(data: Mapping[str, Iterable[int]]) -> Features:
    """Return what ``plain_features`` wrote. Raises KeyError, TypeError and ValueError."""
    return Features(*(frozenset(map(int, data[name])) for name in ("edges", "pairs", "states")))


class Watch:
    """A place where C notes which of so many features it reaches that are not ``known``."""

    def __init__(self, features: int, known: Iterable[int] = ()) -> None:
        self._bits = (ctypes.c_uint8 * (-(-features // 8)))()
        for feature in known:
            self._bits[feature // 8] |= 1 << feature % 8
        self._reached = WireReached(bits=ctypes.addressof(self._bits))

    @property
    def address(self) -> int:
        """Where C finds it, for as long as this object is there."""
        return ctypes.addressof(self._reached)

    def news(self) -> list[tuple[int, int]]:
        """Return (operation, feature) of what was reached first since the last call."""
        count = min(self._reached.count, MOST_NEWS)
        self._reached.count = 0
        at, which = self._reached.at[:count], self._reached.which[:count]
        return [*zip(at, which, strict=True)]
