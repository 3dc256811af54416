# SPDX-License-Identifier: GPL-2.0-only
"""A campaign until its first finding: natively, in small generations, with or without breeding."""

from __future__ import annotations

import time
from dataclasses import dataclass

from impl.interface import Run
from model.operations import Op
from slatcheck.fuzz.corpus import EMPTY
from slatcheck.fuzz.engine import Slice
from slatcheck.fuzz.exploring import Explorer
from slatcheck.fuzz.work import SEQUENCES, Kit, kernels

FIRST = 32
"""Sequences of the first generation, which is about a batch; each has twice as many as before."""


@dataclass(frozen=True)
class First:
    """When the first finding was there: seconds, and operations, to within a batch.

    ``said`` is its fingerprint, '' where none came within the limit. A ``failure`` says why the
    campaign could not go on. ``suspected`` are the seconds after which its sequence was suspected,
    before it was judged, where there is a judge.
    """

    seconds: float
    operations: int
    said: str = ""
    failure: str = ""
    suspected: float | None = None

    def within(self, limit: float) -> bool:
        """Return whether it was there in time."""
        return bool(self.said) and self.seconds <= limit


class _EndedError(Exception):
    """The campaign need not go on; has what was found last."""

    def __init__(self, found: Slice) -> None:
        super().__init__()
        self.found = found


class _UntilFirst(Explorer):
    """Ends with its first finding, or when it is late."""

    until = float("inf")
    suspected = 0.0

    @property
    def passed(self) -> int:
        """Operations of this generation that passed the filter until now."""
        return sum(self._filter.checked.values())

    def look_at(
        self, found: Slice, title: str, ops: list[Op], place: int, emulated: Run | None = None
    ) -> bool:
        """Look at a suspected sequence as any campaign does. Raises _EndedError."""
        self.suspected = time.monotonic()
        self._found = found
        shows = super().look_at(found, title, ops, place, emulated)
        if found.disagreement or time.monotonic() > self.until:
            raise _EndedError(found)
        return shows

    def tell(self, mark: str) -> None:
        """Raise _EndedError at the moment at which a campaign shows a finding."""
        raise _EndedError(self._found)


def campaign(kit: Kit, seed: int, limit: float, breeds: bool) -> First:
    """Run a campaign on what ``kit`` has until something is found, at most ``limit`` seconds.

    What the judge finds counts, at the time when it has; so it is with ``slatcheck fuzz``. Without
    ``breeds`` all sequences are drawn afresh.
    """
    engine = _UntilFirst(*kernels(kit), seed)
    begun = time.monotonic()
    engine.until = begun + limit
    corpus, operations, first, count = EMPTY, 0, 0, FIRST
    while time.monotonic() < engine.until:
        try:
            part = engine.run(first, count, corpus)
        except _EndedError as ended:
            suspected = engine.suspected - begun
            return _ended(ended.found, begun, operations + engine.passed, suspected)
        operations += sum(part.compared.values())
        if part.disagreement:
            return _ended(part, begun, operations)
        if breeds:
            corpus = corpus.joined(part.inputs, part.reached)
        first, count = first + count, min(2 * count, SEQUENCES)
    return First(time.monotonic() - begun, operations)


def _ended(part: Slice, begun: float, operations: int, suspected: float | None = None) -> First:
    """Return what came of a campaign that went on no longer; only what was judged is a finding."""
    said = "" if part.disagreement else next(iter(part.hits), "")
    return First(time.monotonic() - begun, operations, said, part.disagreement, suspected)
