# SPDX-License-Identifier: GPL-2.0-only
"""How long a call into native code may take before it is suspected of having no end."""

from __future__ import annotations

LEAST = 0.5
"""Seconds that any call may take: some ten times what the slowest layouts need for a batch."""
TIMES = 50
"""A call may take so many times as long as the slowest one did, by the operation."""
MORE = 4
"""So many times as long it may take after one that had an end after all."""


class Patience:
    """What calls took until now says how long the next may take: a slow host has more of it.

    It decides when a call is given up, never what comes of it: one that was given up without need
    is made again, with more room.
    """

    def __init__(self) -> None:
        self._least = LEAST
        self._slowest = 0.0

    def took(self, operations: int, seconds: float) -> None:
        """Take note of a call that came to its end."""
        self._slowest = max(self._slowest, seconds / max(operations, 1))

    def limit(self, operations: int) -> float:
        """Return the seconds of processor time that a call with so many operations may take."""
        return max(self._least, TIMES * self._slowest * operations)

    def grow(self) -> None:
        """Have more of it from now on."""
        self._least *= MORE
