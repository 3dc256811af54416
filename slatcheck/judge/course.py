# SPDX-License-Identifier: GPL-2.0-only
"""The campaign on one layout: what was asked for, how far it came, what a document says of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from model.operations import Kind
from slatcheck.document.causes import GEOMETRY
from slatcheck.document.result import Check, Verdict
from slatcheck.fuzz import work
from slatcheck.fuzz.corpus import EMPTY, Corpus, Store
from slatcheck.fuzz.coverage import NOTHING
from slatcheck.fuzz.engine import JUDGED, Slice
from slatcheck.fuzz.exploring import Explored
from slatcheck.fuzz.work import Begun, Task
from slatcheck.judge import scopes
from slatcheck.search.campaign import Hit, is_special_case
from slatcheck.search.drawing import LENGTH

AGREEMENT = "kernel/native/agreement"
"""The check that native code does what emulated code does, and the judge what the filter says."""
SCOPE = "kernel/native/scope"
"""The check that all of a small scope was explored, where that was asked for."""
MOST_POINTS = 120
"""Points of a curve; more are not to be told apart in a picture."""


@dataclass(frozen=True)
class Wanted:
    """How much is to be done: operations on each layout, and seconds in all (None: no limit).

    ``trusted`` lets code run on a host that cannot confine it. ``scheduler`` is the address of a
    Dask cluster that does the work, None where this machine does. With a ``depth`` a small scope of
    each layout is explored to that depth, and nothing is drawn. ``corpus`` is the folder of inputs,
    one folder in it for each layout, None where none are taken over or kept.
    """

    operations: int
    seconds: float | None = None
    trusted: bool = False
    scheduler: str | None = None
    depth: int | None = None
    corpus: Path | None = None


@dataclass
class Course:
    """The campaign on one layout and byte order, as far as it came.

    ``slices`` are by generation and first number; generation 0 has the inputs that were there
    before. ``corpus`` is bred from next. ``store`` is where inputs are kept, if they are.
    """

    task: Task
    begun: Begun
    slices: dict[tuple[int, int], Slice] = field(default_factory=dict)
    explored: Explored | None = None
    corpus: Corpus = EMPTY
    store: Store | None = None

    @property
    def goes_on(self) -> bool:
        """Whether anything is to be run natively."""
        report = self.begun.report
        broken = report.failure is not None or report.ends_everything is not None or self.barrier
        return not (broken or self.begun.refused or self.disagreement)

    @property
    def barrier(self) -> str:
        """The finding that every create shows, so that nothing can follow it; '' if none."""
        for mark, hit in self.begun.report.campaign.hits.items():
            symptom = hit.symptom
            creates = hit.ops[symptom.step].kind is Kind.CREATE
            # What is said of the geometry is seen without a run.
            if creates and symptom.trigger == "any" and symptom.rule != GEOMETRY:
                return mark
        return ""

    @property
    def parts(self) -> list[Slice]:
        """What came of the pieces of work, in their order."""
        return [part for _, part in sorted(self.slices.items())]

    @property
    def disagreement(self) -> str:
        """Where native and emulated code, or filter and judge, differ; '' if nowhere."""
        told = [part.disagreement for part in self.parts if part.disagreement]
        return self.begun.disagreement or (told[0] if told else "")

    def new(self) -> dict[str, Hit]:
        """Return what was found natively and is no special case of something else."""
        found: dict[str, Hit] = {}
        for part in self.parts:
            for mark, hit in part.hits.items():
                if mark not in found or len(hit.ops) < len(found[mark].ops):
                    found[mark] = hit
        marks = {*found, *self.begun.report.campaign.hits}
        return {m: hit for m, hit in found.items() if not is_special_case(hit.symptom, marks)}


@dataclass
class Point:
    """What was reached within so many operations: one point of a curve."""

    operations: int
    blocks_run: int
    pairs: int
    states: int
    findings: int


@dataclass
class Told:
    """What a document says of the campaign on one layout; see ``fuzz.engine.Slice``."""

    layout: str
    byte_order: str
    operations: int
    sequences: int
    known: int
    judged: int
    spared: int
    sampled: int
    lost: int
    blocks: int
    blocks_run: int
    last_new_block: int
    pairs: int
    states: int
    replayed: int
    inputs: int
    curve: list[Point]
    seconds: float


def told(course: Course) -> Told:
    """Return what a document says of the campaign on a layout."""
    parts = course.parts
    curve = [*_curve(course)]
    end = curve[-1]
    return Told(
        layout=course.task.unit.layout,
        byte_order=course.task.unit.byte_order,
        operations=end.operations,
        sequences=sum(part.sequences for part in parts),
        known=sum(part.known for part in parts),
        judged=sum(part.judged for part in parts),
        spared=sum(part.spared for part in parts),
        sampled=sum(part.sampled for part in parts),
        lost=sum(part.lost for part in parts),
        blocks=course.begun.blocks,
        blocks_run=end.blocks_run,
        last_new_block=next(p.operations for p in curve if p.blocks_run == end.blocks_run),
        pairs=end.pairs,
        states=end.states,
        replayed=sum(part.sequences for key, part in course.slices.items() if not key[0]),
        inputs=len(course.corpus.inputs),
        curve=_thinned(curve),
        seconds=round(sum(part.seconds for part in parts), 1),
    )


def _curve(course: Course) -> Iterator[Point]:
    """Yield what had been reached behind each piece of work; before any, nothing was."""
    reached, operations = NOTHING, 0
    marks = {*course.begun.report.campaign.hits}
    yield Point(0, 0, 0, 0, len(marks))
    for part in course.parts:
        operations += sum(part.compared.values())
        more = replace(part.reached, edges=part.blocks)
        if more - reached:
            reached |= more
        marks |= part.hits.keys()
        yield Point(
            operations, len(reached.edges), len(reached.pairs), len(reached.states), len(marks)
        )


def _thinned(curve: list[Point]) -> list[Point]:
    """Return at most MOST_POINTS of a curve, denser where more happens: at its beginning."""
    last = len(curve) - 1
    if last < MOST_POINTS:
        return curve
    wanted = (last ** (step / (MOST_POINTS - 2)) for step in range(MOST_POINTS - 1))
    return [curve[place] for place in sorted({0, *(round(number) for number in wanted)})]


def agreement(course: Course) -> list[Check]:
    """Return what is to be said of native code as such."""
    unit, begun = course.task.unit, course.begun
    if begun.report.failure is not None or begun.report.ends_everything is not None:
        return []
    base = Check(
        AGREEMENT, "differential", unit.layout, "", Verdict.HOLDS, byte_order=unit.byte_order
    )
    if begun.refused:
        return [replace(base, verdict=Verdict.UNSUPPORTED, reason=begun.refused)]
    if course.disagreement:
        return [replace(base, verdict=Verdict.ERROR, reason=course.disagreement)]
    compared = sum(part.judged + part.sampled for part in course.parts)
    return [replace(base, cases=work.TRIED + compared)]


def scope(course: Course) -> list[Check]:
    """Return what is to be said of an exploration: one that is not complete is no pass."""
    explored, unit = course.explored, course.task.unit
    if explored is None or course.disagreement:
        return []
    verdict = Verdict.HOLDS if explored.complete else Verdict.UNKNOWN
    reason = "" if explored.complete else "the exploration of the small scope is not complete"
    return [
        Check(
            SCOPE,
            "differential",
            unit.layout,
            "",
            verdict,
            reason,
            cases=explored.transitions,
            byte_order=unit.byte_order,
        )
    ]


def notes(course: Course, wanted: Wanted) -> list[str]:
    """Return in words how far the campaign on a layout came, and what its code was seen to do."""
    if course.explored is not None:
        return scopes.notes(course.task.unit, course.explored)
    title = course.task.unit.title
    if course.barrier and not course.begun.refused:
        return [f"{title}: nothing was run natively, as every create shows {course.barrier}"]
    if not course.slices and not course.goes_on:
        return []
    said, more = told(course), ""
    rate = int(said.operations / max(said.seconds, 0.1))
    if said.known:
        more += f"; {said.known:,} ended at what is known, one in {JUDGED} of them judged as well"
    if said.replayed:
        more += f"; {said.replayed:,} inputs of earlier campaigns were run first"
    lines = [
        f"{title}: {said.operations:,} operations natively, {rate:,} a second of a process; "
        f"{said.judged:,} of {said.sequences:,} sequences were suspected, {said.spared:,} of them "
        f"for nothing, and {said.sampled:,} others judged as well{more}",
        f"{title}: {said.blocks_run} of {said.blocks} basic blocks ran, the last new one within "
        f"the first {said.last_new_block:,} operations; {said.pairs:,} pairs of operand classes, "
        f"{said.states:,} steps from one size of the table to another, "
        f"{said.inputs:,} inputs that reach something of their own",
    ]
    asked, done = -(-wanted.operations // LENGTH), said.sequences - said.replayed
    if done < asked:
        lines.append(
            f"{title}: {done:,} of {asked:,} sequences were run; the same command goes "
            "on from there"
        )
    return lines
