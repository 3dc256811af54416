# SPDX-License-Identifier: GPL-2.0-only
"""What changed from one report to another: answers, findings, and the time that they took."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from slatcheck.document.result import Check, Document

Place = tuple[str, str, str]
"""The id of a check, its layout, and its byte order."""


@dataclass(frozen=True)
class Changed:
    """A check that two reports answer differently; '' for the report that has it not."""

    id: str
    layout: str
    byte_order: str
    old: str
    new: str


@dataclass(frozen=True)
class Took:
    """The seconds that a group of checks took in each of two reports."""

    name: str
    old: float
    new: float

    @property
    def more(self) -> float:
        """How much longer the newer report took."""
        return self.new - self.old


@dataclass(frozen=True)
class Changes:
    """What two reports say differently. ``times`` are by evidence, ``promises`` by check."""

    checks: tuple[Changed, ...]
    appeared: tuple[str, ...]
    gone: tuple[str, ...]
    times: tuple[Took, ...]
    promises: tuple[Took, ...]

    @property
    def alike(self) -> bool:
        """Whether both reports say the same, whatever it took."""
        return not (self.checks or self.appeared or self.gone)


def changes(old: Document, new: Document) -> Changes:
    """Compare two reports; ``promises`` add up what a check took over all layouts."""
    before, after = _answers(old.checks), _answers(new.checks)
    places = dict.fromkeys([*before, *after])
    differing = [
        Changed(*place, before.get(place, ""), after.get(place, ""))
        for place in places
        if before.get(place) != after.get(place)
    ]
    marks = [dict.fromkeys(finding.fingerprint for finding in each.findings) for each in (old, new)]
    return Changes(
        tuple(differing),
        tuple(mark for mark in marks[1] if mark not in marks[0]),
        tuple(mark for mark in marks[0] if mark not in marks[1]),
        _times(_by_evidence(old.checks), _by_evidence(new.checks)),
        _times(_by_promise(old.checks), _by_promise(new.checks)),
    )


def _answers(checks: Iterable[Check]) -> dict[Place, str]:
    """Return what each check says: its verdict, and the finding that shows a violation."""
    found: dict[Place, str] = {}
    for check in checks:
        said = f"{check.verdict.value} {check.finding}".rstrip()
        found[check.id, check.layout, check.byte_order] = said
    return found


def _by_promise(checks: Iterable[Check]) -> Mapping[str, float]:
    found: defaultdict[str, float] = defaultdict(float)
    for check in checks:
        found[check.id] += check.seconds
    return found


def _by_evidence(checks: Iterable[Check]) -> Mapping[str, float]:
    """Return what each kind of evidence took; a run is judged by all rules, and counts once."""
    runs: dict[tuple[str, ...], float] = {}
    found: defaultdict[str, float] = defaultdict(float)
    for check in checks:
        if check.kind == "differential":
            run = (check.layout, check.byte_order, check.function)
            runs[run] = max(runs.get(run, 0.0), check.seconds)
        else:
            found[check.kind] += check.seconds
    if runs:
        found["differential"] = sum(runs.values())
    return found


def _times(old: Mapping[str, float], new: Mapping[str, float]) -> tuple[Took, ...]:
    """Return what each group took, the largest change first."""
    names = dict.fromkeys([*old, *new])
    found = [
        Took(name, round(old.get(name, 0.0), 3), round(new.get(name, 0.0), 3)) for name in names
    ]
    return tuple(sorted(found, key=lambda took: (-abs(took.more), took.name)))
