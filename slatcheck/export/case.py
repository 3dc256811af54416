# SPDX-License-Identifier: GPL-2.0-only
"""A finding that was run again, as every form of export needs it: steps, promises, words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from impl.interface import Event
from impl.kernel.executor import EVENTS, SUBJECTS
from model.abstract_map import Expected
from model.entry import Entry
from model.layout import Layout
from model.leaf_map import LeafMap, map_of
from model.operations import Op
from model.rules import rule
from slatcheck.display import describe
from slatcheck.display.words import operation
from slatcheck.errors import InputError
from slatcheck.explain.record import Recording, record
from slatcheck.export.claims import Claims, claims
from slatcheck.fuzz.known import Known, tolerable
from slatcheck.judge.traces import Trace
from slatcheck.search.differential import Symptom


@dataclass(frozen=True)
class Step:
    """One operation up to the finding's.

    ``promised`` is what must come of it, None where nothing is promised of the map or where it
    breaks another promise than the finding's. ``after`` is the map afterwards. ``others`` are
    events in it that belong to other findings. ``claims`` are what it may leave where leaves have
    several sizes, None where they have not or nothing is promised.
    """

    number: int
    op: Op
    words: str
    promised: Expected | None
    after: dict[int, Entry]
    others: tuple[Event, ...]
    claims: Claims | None = None


@dataclass(frozen=True)
class Case:
    """A finding as it showed when it was run again, and the steps that lead to it.

    ``others`` are the fingerprints of other findings that the same steps show. ``known`` are the
    events by which the filter of operations in bulk knows the finding, if it ends nothing.
    """

    trace: Trace
    symptom: Symptom
    version: str
    steps: tuple[Step, ...]
    others: tuple[str, ...]
    known: frozenset[Known] = frozenset()

    @property
    def layout(self) -> Layout:
        """The layout that it was run on."""
        return self.trace.layout

    @property
    def ops(self) -> tuple[Op, ...]:
        """The operations up to the one that breaks the promise."""
        return tuple(step.op for step in self.steps)

    @property
    def sentence(self) -> str:
        """The promise that is broken."""
        return rule(self.symptom.rule).statement

    @property
    def subject(self) -> str:
        """What it was found in."""
        return f"Linux {self.version}" if self.version else "the built-in page table"

    @property
    def layout_words(self) -> str:
        """The layout in a few words."""
        return in_words(self.layout)

    @property
    def expected(self) -> list[str]:
        """What should have come of the last step, a line for each range of frames."""
        return describe.entries(self.layout, self.symptom.expected)

    @property
    def actual(self) -> list[str]:
        """What did come of it; an event in words where entries do not show it."""
        where = " ".join(x for x in (self.symptom.function, self.symptom.where) if x)
        said = [f"{self.symptom.said}{f' ({where})' if where else ''}"] if self.symptom.said else []
        return said + describe.entries(self.layout, self.symptom.actual)


def in_words(layout: Layout) -> str:
    """Return a layout in a few words."""
    geometry, shift = layout.geometry, layout.page_shift
    pages, reach = describe.size(1 << shift), describe.size(1 << geometry.reach_bits)
    return (
        f"{layout.name} ({geometry.bits} bits, pages of {pages}, "
        f"{geometry.levels} levels that reach {reach})"
    )


def of(trace: Trace, kernel: Path | None, cc: str | None, path: Path) -> Case:
    """Run a trace again and return its finding.

    Raises InputError where the finding does not show, and what ``explain.record`` raises.
    """
    done = record(trace, kernel, cc, path)
    found = [candidate for candidate in done.symptoms if candidate.fingerprint == trace.fingerprint]
    if not found:
        shown = ", ".join(other.fingerprint for other in done.symptoms) or "nothing else either"
        raise InputError(
            f"{trace.fingerprint} does not show on {_subject(done)}: "
            f"there is nothing to export (it shows {shown})"
        )
    symptom = found[0]
    count = symptom.step + 1
    may = _claims(done, count)
    steps = tuple(_step(done, number, symptom, may[number]) for number in range(count))
    others = sorted(
        {other.fingerprint for other in done.symptoms if other.step <= symptom.step}
        - {trace.fingerprint}
    )
    events = done.steps[symptom.step].outcome.events
    known = frozenset(tolerable(symptom, trace.ops[symptom.step].kind, events))
    return Case(trace, symptom, done.version, steps, tuple(others), known)


def promised(layout: Layout, ops: Sequence[Op], known: Iterable[Known] = ()) -> tuple[Step, ...]:
    """Return the steps of operations that no run has shown: all of them do what they must.

    ``known`` are events that belong to findings.
    """
    state, out = map_of(layout), []
    for number, op in enumerate(ops, 1):
        before = dict(state.entries)
        wanted = state.expected(op, 0)
        may = None
        if isinstance(state, LeafMap):
            may = claims(state, op, before, wanted, (wanted.results or (0,))[0])
        others = [
            Event(rule, SUBJECTS[subject], "", False)
            for kind, code, subject in known
            if kind is op.kind and (rule := EVENTS[code]) is not None
        ]
        words = operation(op, layout.page_shift)
        out.append(Step(number, op, words, wanted, dict(state.entries), tuple(others), may))
    return tuple(out)


def _subject(done: Recording) -> str:
    return f"Linux {done.version}" if done.version else "the built-in page table"


def _claims(done: Recording, count: int) -> list[Claims | None]:
    """Return what each of the first steps may leave of the leaves before it."""
    state = map_of(done.trace.layout)
    if not isinstance(state, LeafMap):
        return [None] * count
    out: list[Claims | None] = []
    for number, (op, step) in enumerate(zip(done.trace.ops[:count], done.steps, strict=False)):
        if done.contracts[number]:
            before, result = dict(state.entries), step.outcome.result
            expected = state.expected(op, result)
            out.append(claims(state, op, before, expected, result))
        else:
            out.append(None)
        state.entries = _decoded(done, number)
    return out


def _decoded(done: Recording, number: int) -> dict[int, Entry]:
    """Return the map after a step."""
    decode = done.trace.layout.entry.decode
    found = {gfn: decode(raw) for gfn, raw in done.maps[number].items()}
    return {gfn: entry for gfn, entry in found.items() if entry is not None}


def _step(done: Recording, number: int, finding: Symptom, may: Claims | None) -> Step:
    layout, op = done.trace.layout, done.trace.ops[number]
    here = [
        symptom
        for symptom in done.symptoms
        if symptom.step == number and symptom.rule != "geometry"
    ]
    events = done.steps[number].outcome.events
    # The judge names the events first, in their order, and then what the map shows.
    others = [
        event
        for event, named in zip(events, here, strict=False)
        if named.fingerprint != finding.fingerprint
    ]
    strange = any(symptom.fingerprint != finding.fingerprint for symptom in here[len(events) :])
    judged = done.contracts[number] and not strange
    return Step(
        number + 1,
        op,
        operation(op, layout.page_shift),
        done.expected[number] if judged else None,
        _decoded(done, number),
        tuple(others),
        may if judged else None,
    )
