# SPDX-License-Identifier: GPL-2.0-only
"""Folders of inputs that campaigns have kept: seen, merged, and made as small as they can be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from slatcheck.errors import InputError
from slatcheck.fuzz import work
from slatcheck.fuzz.corpus import Corpus, Input, Store, smallest
from slatcheck.fuzz.coverage import NOTHING
from slatcheck.fuzz.inheritance import store_of
from slatcheck.fuzz.work import Kit, Task
from slatcheck.judge.course import Course
from slatcheck.judge.fuzzing import begun_courses
from slatcheck.judge.judging import Request
from slatcheck.progress import Progress
from support.pool import shared, spread


@dataclass(frozen=True)
class Stored:
    """The inputs of a layout and byte order: how many, and their bytes."""

    layout: str
    inputs: int
    size: int


def stored(folder: Path) -> list[Stored]:
    """Return what is in a folder of inputs, by name; of one that is not there, nothing."""
    found = []
    for store in _stores(folder):
        inputs = store.load()
        if inputs:
            found.append(Stored(store.folder.name, len(inputs), sum(map(len, inputs.values()))))
    return found


def merge(folder: Path, others: Sequence[Path]) -> dict[str, int]:
    """Take over the inputs of other folders; return how many were new, by layout.

    Raises InputError for a folder that has none, or is none.
    """
    new: dict[str, int] = {}
    for other in others:
        if not other.is_dir():
            raise InputError(f"{other}: there is no such folder")
        if not stored(other):
            raise InputError(f"{other}: no inputs are in it, one folder for each layout")
        for store in _stores(other):
            into = Store(folder / store.folder.name)
            added = into.add(store.load().values())
            if added:
                into.note_merge()
            new[store.folder.name] = new.get(store.folder.name, 0) + added
    return new


def minimise(
    folder: Path, request: Request, trusted: bool, report: Callable[[Progress], None]
) -> dict[str, int]:
    """Keep few inputs of each layout that reach all that all of them reach on a tree.

    Returns how many were removed, by layout. One that could not be run to its end, or at all, as
    its layout cannot be built, stays. Raises what ``fuzzing.fuzz`` raises for bad input.
    """
    removed: dict[str, int] = {}
    with shared(request.jobs):
        courses = [course for course in begun_courses(request, trusted, report) if course.goes_on]
        all_items = [_item(course, folder) for course in courses]
        items = [item for item in all_items if item is not None]
        for count, (place, found) in enumerate(spread(work.reach, items, request.jobs), 1):
            task = items[place][0]
            store = store_of(folder, task.unit)
            inputs = [input_.data for input_ in task.corpus.inputs]
            ran = [pair for pair in zip(inputs, found, strict=True) if pair[1]]
            kept = smallest(ran) if len(ran) == len(inputs) else inputs
            gone = store.only(kept)
            if gone:
                store.note_merge()
            removed[store.folder.name] = gone
            report(Progress(count, len(items), f"{task.unit.title}, {gone} inputs removed", 0))
    work.forget()
    return removed


def _item(course: Course, folder: Path) -> tuple[Task, Kit] | None:
    """Return the work that says what each input of a layout reaches, None where there are none."""
    inputs, kit = store_of(folder, course.task.unit).load(), course.begun.kit
    if not inputs or kit is None:
        return None
    known = tuple(course.begun.report.campaign.hits.values())
    corpus = Corpus(tuple(Input(data, NOTHING) for data in inputs.values()))
    return replace(course.task, known=known, corpus=corpus, again=True), kit


def _stores(folder: Path) -> Iterator[Store]:
    """Yield the folders of layouts in a folder of inputs."""
    if folder.is_dir():
        for place in sorted(folder.iterdir()):
            if place.is_dir():
                yield Store(place)
