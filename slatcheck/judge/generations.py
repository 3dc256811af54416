# SPDX-License-Identifier: GPL-2.0-only
"""A campaign in generations: each breeds from what those before it have kept.

So what is drawn is decided by seed, number and what was there before, and not by which process was
the first to reach something.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

from slatcheck.fuzz import work
from slatcheck.fuzz.corpus import EMPTY, Corpus, Input
from slatcheck.fuzz.coverage import NOTHING
from slatcheck.fuzz.engine import Slice
from slatcheck.fuzz.inheritance import inherited, store_of
from slatcheck.fuzz.work import SEQUENCES, Kit, Task
from slatcheck.judge.course import Course, Wanted
from slatcheck.progress import Progress
from slatcheck.search.drawing import LENGTH
from slatcheck.search.unit import Seen
from support.pool import ship, spread

SLOWER = 4
"""How many times as long a sequence takes where leaves have several sizes, more or less."""
FIRST, MOST = 2, 64
"""Pieces of work on a layout in the first generation, and in a late one: each has twice as many."""
EVERY = 2.0
"""Seconds between two lines of progress."""
Report = Callable[[Progress], None]


@dataclass(frozen=True)
class _Piece:
    """A piece of work of a course."""

    course: Course
    generation: int
    task: Task
    kit: Kit


@dataclass
class Campaign:
    """The work on all layouts, one generation of each after the other.

    ``begun`` is when the command was given, as time.monotonic() says, and so counts for the time.
    """

    courses: Sequence[Course]
    wanted: Wanted
    jobs: int
    report: Report
    begun: float
    _done: int = 0
    _total: int = 0
    _operations: int = 0
    _fresh: int = 0
    _shown: float = -EVERY
    _early: set[str] = field(default_factory=set)
    _native: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Take over what is kept, and have the rest done until the time is up."""
        able = [course for course in self.courses if course.goes_on and course.begun.kit]
        if self.wanted.corpus is not None:
            for course in able:
                course.store = store_of(self.wanted.corpus, course.task.unit)
        plans = {id(course): [*self._generations(course)] for course in able}
        self._total = sum(len(part) for plan in plans.values() for part in plan)
        for generation in range(max(map(len, plans.values()), default=0)):
            pieces = [
                _Piece(course, generation, _bred(course, generation, task), course.begun.kit)
                for course in able
                if course.goes_on and course.begun.kit and generation < len(plans[id(course)])
                for task in plans[id(course)][generation]
            ]
            try:
                goes_on = self._carry_out(pieces)
            finally:
                # What was reached outlives a run that is ended here, whoever ends it.
                for course in able:
                    _take_over(course, generation, pieces)
            if not goes_on:
                return

    def _generations(self, course: Course) -> Iterator[list[Task]]:
        """Yield the work on a layout: what was kept before, and then more and more."""
        kit = course.begun.kit
        assert kit is not None
        known = tuple(course.begun.report.campaign.hits.values())
        base = replace(course.task, known=known)
        size = max(1, SEQUENCES // SLOWER) if kit.native.layout.large else SEQUENCES
        before = inherited(base, kit, course.store)
        corpus = Corpus(tuple(Input(data, NOTHING) for data in before))
        yield [
            replace(base, first=first, count=count, corpus=corpus, again=True)
            for first, count in _cut(0, len(before), size)
        ]
        pieces = [*_cut(0, -(-self.wanted.operations // LENGTH), size)]
        at, number = 0, FIRST
        while at < len(pieces):
            part = pieces[at : at + number]
            yield [replace(base, first=first, count=count) for first, count in part]
            at, number = at + len(part), min(2 * number, MOST)

    def _carry_out(self, pieces: Sequence[_Piece]) -> bool:
        """Do what is not kept; return whether the campaign goes on."""
        open_: list[_Piece] = []
        for piece in pieces:
            before = work.kept(piece.task, piece.kit)
            if before is None:
                open_.append(piece)
            else:
                self._done += 1
                _put(piece, before)
        done = spread(work.carry_out, _items(open_), self.jobs, told=self._told)
        for place, part in done:
            piece = open_[place]
            work.keep(piece.task, piece.kit, part)
            _put(piece, part)
            self._progress(piece, part)
            if self._late or part.disagreement:
                # What is under way is lost; what is done is kept.
                done.close()
                return False
        return True

    def _told(self, seen: Seen) -> None:
        """Show a finding as soon as it was judged, once."""
        there = findings(self.courses) | self._early
        self._early.add(seen.fingerprint)
        if seen.fingerprint not in there:
            count, new = len(there) + 1, (seen.fingerprint,)
            self.report(Progress(self._done, self._total, seen.layout, count, new, early=True))

    @property
    def _late(self) -> bool:
        seconds = self.wanted.seconds
        return seconds is not None and time.monotonic() - self.begun > seconds

    def _progress(self, piece: _Piece, part: Slice) -> None:
        """Say how far the work is, now and then, and at its end."""
        self._done += 1
        self._fresh += 1
        self._operations += sum(part.compared.values())
        spent = time.monotonic() - self._native
        if spent - self._shown < EVERY and self._done < self._total:
            return
        self._shown = spent
        left = spent / self._fresh * (self._total - self._done)
        if self.wanted.seconds is not None:
            until = self.begun + self.wanted.seconds - time.monotonic()
            left = min(left, max(0.0, until))
        title = f"{piece.task.unit.title}, {pace(self._operations, spent, left)}, {_reached(piece)}"
        self.report(Progress(self._done, self._total, title, len(findings(self.courses))))


def _items(pieces: Sequence[_Piece]) -> list[tuple[Task, Any, Any]]:
    """Return what is sent for each piece; what many have in common goes to a cluster once."""
    common = {id(part): part for piece in pieces for part in (piece.kit, piece.task.corpus)}
    sent = {key: ship(part) for key, part in common.items()}
    return [
        (replace(piece.task, corpus=EMPTY), sent[id(piece.kit)], sent[id(piece.task.corpus)])
        for piece in pieces
    ]


def _cut(first: int, count: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield (first, number) of pieces of at most a size."""
    for at in range(first, first + count, size):
        yield at, min(size, first + count - at)


def _bred(course: Course, generation: int, task: Task) -> Task:
    """Return a task that breeds from what its layout has, unless it is that which is run again."""
    return replace(task, corpus=course.corpus) if generation else task


def _put(piece: _Piece, part: Slice) -> None:
    piece.course.slices[piece.generation, piece.task.first] = part


def _take_over(course: Course, generation: int, pieces: Sequence[_Piece]) -> None:
    """Let the next generation breed from what this one has reached, and keep its inputs.

    Of one that was ended these are the pieces up to the first that is not done: what is kept is
    part of what the whole keeps, in whatever order pieces are done.
    """
    before = len(course.corpus.inputs)
    keys = [(generation, piece.task.first) for piece in pieces if piece.course is course]
    for key in takewhile(course.slices.__contains__, keys):
        part = course.slices[key]
        course.corpus = course.corpus.joined(part.inputs, part.reached, part.habits)
    if course.store is not None and generation:
        course.store.add(input_.data for input_ in course.corpus.inputs[before:])


def _reached(piece: _Piece) -> str:
    """Return in words what was reached on a layout."""
    reached = piece.course.corpus.reached
    parts = [part for key, part in piece.course.slices.items() if key[0] == piece.generation]
    edges = reached.edges.union(*(part.blocks for part in parts))
    pairs = reached.pairs.union(*(part.reached.pairs for part in parts))
    return f"{len(edges)} of {piece.course.begun.blocks} blocks and {len(pairs):,} pairs reached"


def pace(operations: int, spent: float, left: float) -> str:
    """Return in words how fast it goes, and when it will be over; times in seconds."""
    rate = int(operations / max(spent, 0.1))
    hours, minutes, seconds = int(left) // 3600, int(left) // 60 % 60, int(left) % 60
    return f"{rate:,} operations a second in all, {hours}:{minutes:02}:{seconds:02} left"


def findings(courses: Sequence[Course]) -> set[str]:
    """Return the fingerprints of all that was found so far."""
    return {m for course in courses for m in (*course.begun.report.campaign.hits, *course.new())}
