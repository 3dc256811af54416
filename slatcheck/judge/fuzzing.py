# SPDX-License-Identifier: GPL-2.0-only
"""A campaign: every layout searched, then run natively for as long as was asked, and put together.

What is found is decided by the tree, the seed and the number of operations, however many processes
there are and in whatever order they end.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from typing import Any

from slatcheck.document.result import Document
from slatcheck.fuzz import work
from slatcheck.fuzz.engine import Slice
from slatcheck.fuzz.work import Begun, Task
from slatcheck.judge import judging, scopes
from slatcheck.judge.course import Course, Wanted, agreement, notes, scope, told
from slatcheck.judge.findings import merge
from slatcheck.judge.generations import Campaign, findings
from slatcheck.judge.judging import Request, checks_of
from slatcheck.progress import Progress
from slatcheck.search.campaign import Campaign as Search
from slatcheck.search.unit import Seen
from support.pool import cluster, shared, ship, spread

HOST_ORDER = sys.byteorder
"""The byte order in which code can run natively: 'little', or 'big'."""


def fuzz(request: Request, wanted: Wanted, report: Callable[[Progress], None]) -> Document:
    """Run a campaign on every layout of ``request``.

    Raises InputError or TreeError for bad input, IsolationError where a host cannot confine code,
    ClusterError and OtherVersionError where the cluster cannot do it.
    On KeyboardInterrupt, what was found until then is returned, marked as interrupted; where the
    time is up, what was done counts.
    """
    document = judging.blank(request)
    courses: list[Course] = []
    begun = time.monotonic()
    try:
        with shared(request.jobs):
            courses += begun_courses(request, wanted.trusted, report)
            with cluster(wanted.scheduler):
                if wanted.depth is None:
                    Campaign(courses, wanted, request.jobs, report, begun).run()
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


def begun_courses(
    request: Request, trusted: bool, report: Callable[[Progress], None]
) -> list[Course]:
    """Search every layout, and compare native with emulated code, before anything is run in bulk.

    Raises what ``fuzz`` raises for bad input.
    """
    tasks = _tasks(request, trusted)
    begun: dict[int, Begun] = {}
    found: set[str] = set()

    def told(seen: Seen) -> None:
        if seen.fingerprint not in found:
            found.add(seen.fingerprint)
            report(Progress(len(begun), len(tasks), seen.layout, len(found), early=True))

    for index, one in spread(work.begin, tasks, request.jobs, told=told):
        begun[index] = one
        found |= one.report.campaign.hits.keys()
        report(Progress(len(begun), len(tasks), f"{tasks[index].unit.title}, begun", len(found)))
    return [Course(tasks[index], begun[index]) for index in sorted(begun)]


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
        course.explored, course.slices[0, 0] = explored, explored.part
        title = f"{course.task.unit.title}, {explored.states:,} states"
        report(Progress(count, len(able), title, len(findings(courses))))


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
        document.checks += [*agreement(course), *scope(course)]
    document.notes += [note for course in courses for note in notes(course, wanted)]
    document.notes += _left_out(courses, request)
    explored = [(course.task.unit, course.explored) for course in courses if course.explored]
    if wanted.depth is not None:
        document.tool["scopes"] = [scopes.told(unit, one) for unit, one in explored]
        return
    document.tool["campaigns"] = [asdict(told(course)) for course in courses if course.slices]


def _count(campaign: Search, slices: Iterable[Slice]) -> None:
    for part in slices:
        campaign.count(part.compared)
        campaign.sequences += part.sequences
        campaign.seconds += part.seconds


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
