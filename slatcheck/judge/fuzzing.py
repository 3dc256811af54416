# SPDX-License-Identifier: GPL-2.0-only
"""A campaign: every layout searched, then run natively for as long as was asked, and put together.

What is found is decided by the tree, the seed and the number of operations, however many processes
there are and in whatever order they end.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from model.operations import Kind
from slatcheck.document.causes import GEOMETRY
from slatcheck.document.result import Check, Document, Verdict
from slatcheck.fuzz import work
from slatcheck.fuzz.engine import Slice
from slatcheck.fuzz.exploring import Explored
from slatcheck.fuzz.work import SEQUENCES, Begun, Kit, Task
from slatcheck.judge import judging, scopes
from slatcheck.judge.findings import merge
from slatcheck.judge.judging import Request, checks_of
from slatcheck.progress import Progress
from slatcheck.search.campaign import Campaign, Hit, is_special_case
from slatcheck.search.drawing import LENGTH
from support.pool import cluster, shared, ship, spread

HOST_ORDER = sys.byteorder
"""The byte order in which code can run natively: 'little', or 'big'."""
SLOWER = 20
"""How many times as long a sequence takes where leaves have several sizes, more or less."""
EVERY = 2.0
"""Seconds between two lines of progress."""
AGREEMENT = "kernel/native/agreement"
"""The check that native code does what emulated code does, and the judge what the filter says."""

SCOPE = "kernel/native/scope"
"""The check that all of a small scope was explored, where that was asked for."""


@dataclass(frozen=True)
class Wanted:
    """How much is to be done: operations on each layout, and seconds in all (None: no limit).

    ``trusted`` lets code run on a host that cannot confine it. ``scheduler`` is the address of a
    Dask cluster that does the work, None where this machine does. With a ``depth`` a small scope of
    each layout is explored to that depth, and nothing is drawn.
    """

    operations: int
    seconds: float | None = None
    trusted: bool = False
    scheduler: str | None = None
    depth: int | None = None


@dataclass
class Course:
    """The campaign on one layout and byte order, as far as it came."""

    task: Task
    begun: Begun
    slices: dict[int, Slice] = field(default_factory=dict)
    explored: Explored | None = None

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
    def disagreement(self) -> str:
        """Where native and emulated code, or filter and judge, differ; '' if nowhere."""
        told = [part.disagreement for _, part in sorted(self.slices.items()) if part.disagreement]
        return self.begun.disagreement or (told[0] if told else "")

    @property
    def operations(self) -> int:
        """Operations that passed the filter, or were judged."""
        return sum(sum(part.compared.values()) for part in self.slices.values())

    def new(self) -> dict[str, Hit]:
        """Return what was found natively and is no special case of something else."""
        found: dict[str, Hit] = {}
        for _, part in sorted(self.slices.items()):
            for mark, hit in part.hits.items():
                if mark not in found or len(hit.ops) < len(found[mark].ops):
                    found[mark] = hit
        marks = {*found, *self.begun.report.campaign.hits}
        return {m: hit for m, hit in found.items() if not is_special_case(hit.symptom, marks)}


def fuzz(request: Request, wanted: Wanted, report: Callable[[Progress], None]) -> Document:
    """Run a campaign on every layout of ``request``.

    Raises InputError or TreeError for bad input, IsolationError where a host cannot confine code,
    ClusterError and OtherVersionError where the cluster cannot do it.
    On KeyboardInterrupt, what was found until then is returned, marked as interrupted; where the
    time is up, what was done counts.
    """
    document = judging.blank(request)
    courses: list[Course] = []
    try:
        with shared(request.jobs):
            _begin(courses, request, wanted, report)
            with cluster(wanted.scheduler):
                if wanted.depth is None:
                    _run(courses, request, wanted, report)
                else:
                    _explore(courses, request, wanted.depth, report)
            _shorten(courses, request)
    except KeyboardInterrupt:
        judging.interrupted(document)
    finally:
        work.forget()
    _fill(document, courses, request, wanted)
    return document


def _tasks(request: Request, trusted: bool) -> list[Task]:
    """Return a task for each layout: in the host's byte order, if the layout has that."""
    units = list(judging.units_of(request))
    ours = {unit.layout for unit in units if unit.byte_order == HOST_ORDER}
    return [
        Task(unit, 0, 0, trusted)
        for unit in units
        if unit.byte_order == HOST_ORDER or unit.layout not in ours
    ]


def _begin(
    courses: list[Course], request: Request, wanted: Wanted, report: Callable[[Progress], None]
) -> None:
    tasks = _tasks(request, wanted.trusted)
    begun: dict[int, Begun] = {}
    for index, one in spread(work.begin, tasks, request.jobs):
        begun[index] = one
        found = {mark for other in begun.values() for mark in other.report.campaign.hits}
        report(Progress(len(begun), len(tasks), f"{tasks[index].unit.title}, begun", len(found)))
    courses += [Course(tasks[index], begun[index]) for index in sorted(begun)]


@dataclass(frozen=True)
class _Piece:
    """A piece of work of a course."""

    course: Course
    task: Task
    kit: Kit


def _pieces(courses: Sequence[Course], wanted: Wanted) -> Iterator[_Piece]:
    """Yield the work: of every layout the first sequences, then of every layout the next."""
    sequences = -(-wanted.operations // LENGTH)
    for first in range(0, sequences, SEQUENCES):
        for course in courses:
            if course.goes_on and course.begun.kit is not None:
                yield from _parts(
                    course, course.begun.kit, first, min(SEQUENCES, sequences - first)
                )


def _parts(course: Course, kit: Kit, first: int, count: int) -> Iterator[_Piece]:
    """Yield sequences as pieces that take seconds, also where leaves have several sizes."""
    known = tuple(course.begun.report.campaign.hits.values())
    size = max(1, SEQUENCES // SLOWER) if kit.native.layout.large else SEQUENCES
    for at in range(first, first + count, size):
        number = min(size, first + count - at)
        yield _Piece(course, replace(course.task, first=at, count=number, known=known), kit)


def _run(
    courses: Sequence[Course], request: Request, wanted: Wanted, report: Callable[[Progress], None]
) -> None:
    """Take over what is kept, and have the rest done until the time is up."""
    begun = time.monotonic()
    open_: list[_Piece] = []
    pieces = list(_pieces(courses, wanted))
    for piece in pieces:
        before = work.kept(piece.task, piece.kit)
        if before is None:
            open_.append(piece)
        else:
            piece.course.slices[piece.task.first] = before
    sent = {id(piece.kit): ship(piece.kit) for piece in open_}
    items: list[tuple[Task, Any]] = [(piece.task, sent[id(piece.kit)]) for piece in open_]
    done = spread(work.carry_out, items, request.jobs)
    shown, operations = -EVERY, 0
    for count, (place, part) in enumerate(done, 1):
        piece = open_[place]
        work.keep(piece.task, piece.kit, part)
        piece.course.slices[piece.task.first] = part
        operations += sum(part.compared.values())
        spent = time.monotonic() - begun
        if spent - shown >= EVERY or count == len(open_):
            shown = spent
            left = spent / count * (len(open_) - count)
            title = f"{piece.task.unit.title}, {_pace(operations, spent, left, wanted)}"
            number = count + len(pieces) - len(open_)
            report(Progress(number, len(pieces), title, len(_found(courses))))
        late = wanted.seconds is not None and spent > wanted.seconds
        if late or part.disagreement:
            # What is under way is lost; what is done is kept.
            done.close()
            return


def _pace(operations: int, spent: float, left: float, wanted: Wanted) -> str:
    """Return in words how fast it goes, and when it will be over; times in seconds."""
    if wanted.seconds is not None:
        left = min(left, max(0.0, wanted.seconds - spent))
    rate = int(operations / max(spent, 0.1))
    hours, minutes, seconds = int(left) // 3600, int(left) // 60 % 60, int(left) % 60
    return f"{rate:,} operations a second in all, {hours}:{minutes:02}:{seconds:02} left"


def _explore(
    courses: Sequence[Course], request: Request, depth: int, report: Callable[[Progress], None]
) -> None:
    """Explore the scope of each layout; nothing of that is kept."""
    able = [course for course in courses if course.goes_on and course.begun.kit is not None]
    items: list[tuple[Task, Any, int]] = []
    for course in able:
        known = tuple(course.begun.report.campaign.hits.values())
        items.append((replace(course.task, known=known), ship(course.begun.kit), depth))
    for count, (place, explored) in enumerate(spread(work.explore, items, request.jobs), 1):
        course = able[place]
        course.explored, course.slices[0] = explored, explored.part
        title = f"{course.task.unit.title}, {explored.states:,} states"
        report(Progress(count, len(able), title, len(_found(courses))))


def _found(courses: Sequence[Course]) -> set[str]:
    """Return the fingerprints of all that was found so far."""
    return {m for course in courses for m in (*course.begun.report.campaign.hits, *course.new())}


def _shorten(courses: Sequence[Course], request: Request) -> None:
    """Put the new findings of each layout into its report, with short traces."""
    found = [(course, hit) for course in courses for hit in course.new().values()]
    items = [(course.task, course.begun.kit, hit) for course, hit in found if course.begun.kit]
    for place, hit in spread(work.shortened, items, request.jobs):
        course = found[place][0]
        course.begun.report.campaign.hits[hit.symptom.fingerprint] = hit


def _fill(document: Document, courses: Sequence[Course], request: Request, wanted: Wanted) -> None:
    reports = [course.begun.report for course in courses]
    for course in courses:
        _count(course.begun.report.campaign, course.slices.values())
    document.findings = merge(reports, request.seed)
    for course in courses:
        document.checks += checks_of(course.begun.report)
        document.checks += [*_agreement(course), *_scope(course)]
    document.notes += [note for course in courses for note in _notes(course, wanted)]
    document.notes += _left_out(courses, request)
    explored = [(course.task.unit, course.explored) for course in courses if course.explored]
    if wanted.depth is not None:
        document.tool["scopes"] = [scopes.told(unit, one) for unit, one in explored]
        return
    document.tool["campaigns"] = [asdict(_told(course)) for course in courses if course.slices]


def _count(campaign: Campaign, slices: Iterable[Slice]) -> None:
    for part in slices:
        campaign.count(part.compared)
        campaign.sequences += part.sequences
        campaign.seconds += part.seconds


def _agreement(course: Course) -> list[Check]:
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
    compared = sum(part.judged + part.sampled for part in course.slices.values())
    return [replace(base, cases=work.TRIED + compared)]


def _scope(course: Course) -> list[Check]:
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


@dataclass
class Told:
    """What a document says of the campaign on one layout; see ``fuzz.engine.Slice``."""

    layout: str
    byte_order: str
    operations: int
    sequences: int
    judged: int
    spared: int
    sampled: int
    lost: int
    blocks: int
    blocks_run: int
    last_new_block: int
    seconds: float


def _told(course: Course) -> Told:
    parts = [part for _, part in sorted(course.slices.items())]
    reached: set[int] = set()
    operations = last = 0
    for part in parts:
        operations += sum(part.compared.values())
        if part.blocks - reached:
            reached |= part.blocks
            last = operations
    return Told(
        layout=course.task.unit.layout,
        byte_order=course.task.unit.byte_order,
        operations=operations,
        sequences=sum(part.sequences for part in parts),
        judged=sum(part.judged for part in parts),
        spared=sum(part.spared for part in parts),
        sampled=sum(part.sampled for part in parts),
        lost=sum(part.lost for part in parts),
        blocks=course.begun.blocks,
        blocks_run=len(reached),
        last_new_block=last,
        seconds=round(sum(part.seconds for part in parts), 1),
    )


def _notes(course: Course, wanted: Wanted) -> list[str]:
    """Return in words how far the campaign on a layout came, and what its code was seen to do."""
    if course.explored is not None:
        return scopes.notes(course.task.unit, course.explored)
    title = course.task.unit.title
    if course.barrier and not course.begun.refused:
        return [f"{title}: nothing was run natively, as every create shows {course.barrier}"]
    if not course.slices and not course.goes_on:
        return []
    told = _told(course)
    rate = int(told.operations / max(told.seconds, 0.1))
    said = [
        f"{title}: {told.operations:,} operations natively, {rate:,} a second of a process; "
        f"{told.judged:,} of {told.sequences:,} sequences were suspected, {told.spared:,} of them "
        f"for nothing, and {told.sampled:,} others judged as well; "
        f"{told.blocks_run} of {told.blocks} basic blocks ran, the last new one within the first "
        f"{told.last_new_block:,} operations"
    ]
    asked = -(-wanted.operations // LENGTH)
    if told.sequences < asked:
        said.append(
            f"{title}: {told.sequences:,} of {asked:,} sequences were run; the same command goes "
            "on from there"
        )
    return said


def _left_out(courses: Sequence[Course], request: Request) -> list[str]:
    """Return which byte orders are not run."""
    run = {(course.task.unit.layout, course.task.unit.byte_order) for course in courses}
    others = sorted(
        unit.layout
        for unit in judging.units_of(request)
        if (unit.layout, unit.byte_order) not in run
    )
    if not others:
        return []
    return [f"emulated only, and not run here, as the host is {HOST_ORDER}: {', '.join(others)}"]
