# SPDX-License-Identifier: GPL-2.0-only
"""The proof of a tree's C, one layout after the other, on all cores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from impl.kernel.errors import TreeError, UnsupportedError
from impl.kernel.layouts import layout_in
from impl.kernel.ports import open_for
from model.layout import Layout
from model.ports import layout as layout_named
from proofs.desk import Options
from slatcheck.document.result import Check, Verdict, answers
from slatcheck.judge.code.kept import Kept
from slatcheck.judge.code.lemmas import prove_lemmas
from slatcheck.judge.code.task import KIND, CodeOutcome, CodeTask, Known, Lemmas
from slatcheck.judge.code.verdicts import LayoutVerdicts
from slatcheck.progress import Progress
from support import cache as keeping
from support.cache import Mode, if_kept, settle
from support.differences import by
from support.pool import spread

Ahead = Mapping[str, Callable[[], Lemmas | None]]
"""What gives the lemmas of layouts, by name, that were begun before runs had shown anything."""


def prove_tree(
    root: Path,
    layouts: Mapping[Layout, tuple[str, ...]],
    cc: str | None,
    options: Options,
    jobs: int,
    cache: Mode,
    report: Callable[[Progress], None],
    found: dict[str, CodeOutcome],
    known: Known | None = None,
    ahead: Ahead | None = None,
) -> None:
    """Prove a tree in every layout; raises nothing for what the tree contains.

    ``layouts`` gives the byte orders of each. Outcomes go to ``found`` by layout as they come.
    ``known`` are the fingerprints that were shown already, ``ahead`` is what was begun before.
    """
    begun = ahead or {}
    tasks = [
        replace(task, ahead=begun[task.layout]()) if task.layout in begun else task
        for task in tasks_of(root, layouts, cc, options, cache, known or {})
    ]
    # The first layout is a small one, so that there is something to show soon.
    tasks.sort(key=_cost, reverse=True)
    tasks = tasks[-1:] + tasks[:-1]
    shown: set[str] = set()
    for number, outcome in spread(prove_layout, tasks, jobs, _kept):
        found[outcome.layout] = outcome
        shown |= {finding.fingerprint for finding in outcome.findings}
        title = f"{tasks[number].layout}, the tree's C"
        report(Progress(len(found), len(tasks), title, len(shown)))


def tasks_of(
    root: Path,
    layouts: Mapping[Layout, tuple[str, ...]],
    cc: str | None,
    options: Options,
    cache: Mode,
    known: Known,
) -> list[CodeTask]:
    """Return the work of a tree: a task for each layout, in its byte orders."""
    return [
        CodeTask(
            root.resolve(),
            layout.name,
            cc,
            options,
            keeping.place(cache),
            {order: known.get((layout.name, order), ()) for order in orders},
            orders=orders,
            cache=cache,
        )
        for layout, orders in layouts.items()
    ]


def _cost(task: CodeTask) -> tuple[bool, int, int]:
    """Return how early a layout comes: one that asks another's questions comes after it."""
    layout = layout_named(task.layout)
    again = any(mark in task.layout for mark in ("-huge", "-p64"))
    return not again, layout.levels, layout.bits


def _kept(task: CodeTask) -> CodeOutcome | None:
    return if_kept(task.cache, lambda: prove_layout(replace(task, cache=Mode.ENFORCE)))


def prove_layout(task: CodeTask) -> CodeOutcome:
    """Prove one layout; what was proved of the same files is not proved again."""
    try:
        kept = Kept(task)
        files: list[Path] = []

        def make() -> CodeOutcome:
            lemmas = task.ahead
            # What was read of another text, in the meantime written, is not this text's.
            if lemmas is None or lemmas.digest != kept.digest:
                lemmas = prove_lemmas(task)
            kept.begun = min(kept.begun, lemmas.begun)
            files.extend(lemmas.files)
            return _judged(task, lemmas)

        if kept.file is None:
            return make()
        what = f"the proof of {task.layout}"
        outcome, fresh = settle(task.cache, what, kept.load(), make, by(_content))
    except (TreeError, UnsupportedError) as problem:
        base = Check("c/build/geometry", KIND, task.layout, "", Verdict.UNSUPPORTED)
        return CodeOutcome(task.layout, [replace(base, reason=str(problem))])
    if fresh:
        kept.save(outcome, files)
    return outcome


def _content(outcome: CodeOutcome) -> object:
    return answers(outcome.checks)


def _judged(task: CodeTask, lemmas: Lemmas) -> CodeOutcome:
    """Return the verdicts that come of a layout's lemmas; refutations are replayed."""
    layout = layout_in(open_for(task.root, layout_named(task.layout)), layout_named(task.layout))
    total = CodeOutcome(task.layout)
    in_vain: dict[str, set[tuple[str, str]]] = {}
    for order, text in lemmas.texts.items():
        judged = LayoutVerdicts(task, layout, lemmas.proved[text], order)
        # What runs did not show in one byte order, they are not asked for in the other.
        judged.replays.in_vain = in_vain.setdefault(text, set())
        total.add(judged.outcome())
    return total
