# SPDX-License-Identifier: GPL-2.0-only
"""A tree against a revision of itself: what a change breaks, mends and leaves as it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from impl.kernel.errors import UnsupportedError
from impl.kernel.toolchain import find
from slatcheck.document import reading
from slatcheck.document.result import Check, Document, Verdict, answers
from slatcheck.errors import InputError
from slatcheck.gate import acceptance
from slatcheck.git.revisions import Revision, checked_out
from slatcheck.judge import judging, side_by_side, subject
from slatcheck.judge.code.kept import everything
from slatcheck.progress import Progress
from support import cache as keeping
from support.cache import Mode, settle
from support.differences import first_difference
from support.pool import spread

DIFF_OPS = 6_000
"""Operations that both kernels carry out on each layout, to see where they differ."""


class Before:
    """What was found in the revision that a tree is compared with."""

    def __init__(self, revision: Revision, document: Document) -> None:
        self.document = document
        kernel = document.kernel or {}
        self.about = {
            "revision": revision.name,
            "commit": revision.commit,
            "kernel": str(kernel.get("version", "")),
        }
        self._known = {finding.fingerprint: finding.layouts for finding in document.findings}
        self._open = {
            (old.layout, old.id): old.verdict
            for old in document.checks
            if old.verdict not in (Verdict.HOLDS, Verdict.VIOLATED)
        }

    def finding(self, fingerprint: str, layout: str) -> bool:
        """Return whether the revision has a finding on a layout."""
        return layout in self._known.get(fingerprint, ())

    def undecided(self, check: Check) -> bool:
        """Return whether the revision leaves a check as undecided, for the same verdict."""
        return self._open.get((check.layout, check.id)) is check.verdict

    def entries(self) -> dict[str, list[str]]:
        """Return the layouts of each fingerprint."""
        return dict(self._known)

    def looked_for(self, document: Document, fingerprint: str, layout: str) -> bool:
        """Return whether the tree was judged on a layout: both sides had the same evidence."""
        return acceptance.was_judged(document, layout)


def check(
    request: judging.Request, name: str, fail_on: str, report: Callable[[Progress], None]
) -> Document:
    """Judge a tree, and with it the revision ``name`` of it; only what is new counts.

    The near side is the work tree as it is, uncommitted changes included. Raises InputError and
    TreeError.
    """
    assert request.kernel is not None
    subject.kernel_facts(request.kernel, request.cc, request.layouts)
    revision = checked_out(request.kernel, name)
    document = compare(request, revision, fail_on, report)
    if document.gate is not None and not document.tool.get("interrupted"):
        document.gate.differences = _differences(request, revision, report)
    return document


def compare(
    request: judging.Request, revision: Revision, fail_on: str, report: Callable[[Progress], None]
) -> Document:
    """Judge a tree and a revision, its own or another's; only what the revision lacks counts."""
    assert request.kernel is not None
    subject.kernel_facts(request.kernel, request.cc, request.layouts)
    old = _judged_before(replace(request, kernel=revision.folder), revision, report)
    if old.tool.get("interrupted"):
        return judging.nothing(request)
    before = Before(revision, old)
    document = judging.check(replace(request, is_known=before.finding), report)
    acceptance.accept(document, before, fail_on)
    return document


def _judged_before(
    request: judging.Request, revision: Revision, report: Callable[[Progress], None]
) -> Document:
    """Return the document of a revision, kept from the last time where nothing else changed."""
    parts = (
        everything(),
        revision.commit,
        str(revision.folder),
        [layout.name for layout in request.layouts],
        (request.seed, request.max_ops, sorted(request.evidence)),
        find(request.cc).version,
    )
    name = hashlib.sha256(repr(parts).encode()).hexdigest()
    file = keeping.folder() / f"revision-{name}.json"
    if request.cache is Mode.OFF:
        return _judged_now(request, revision, report)
    make = partial(_judged_now, request, revision, report)
    found, fresh = settle(
        request.cache, f"revision {revision.name}", _kept(file), make, _difference
    )
    if fresh and not found.tool.get("interrupted"):
        keeping.write(file, json.dumps(found.to_json()))
    return found


def _judged_now(
    request: judging.Request, revision: Revision, report: Callable[[Progress], None]
) -> Document:
    return judging.check(request, lambda step: report(step.of(f"before, {revision.name}")))


def _kept(file: Path) -> Document | None:
    try:
        return reading.document_of(file, json.loads(keeping.read(file)))
    except (OSError, ValueError, InputError):
        return None


def _difference(kept: Document, made: Document) -> str:
    """Say where two documents differ; one that was interrupted says nothing yet."""
    if made.tool.get("interrupted"):
        return ""
    one, other = ({finding.fingerprint for finding in side.findings} for side in (kept, made))
    return first_difference((one, answers(kept.checks)), (other, answers(made.checks)))


# Where the two kernels differ


@dataclass(frozen=True)
class _Pair:
    before: Path
    after: Path
    layout: str
    seed: int
    cc: str | None


def _differences(
    request: judging.Request, revision: Revision, report: Callable[[Progress], None]
) -> list[dict[str, Any]]:
    """Return the first operation at which the two kernels differ, for each layout where they do."""
    assert request.kernel is not None
    pairs = [
        _Pair(revision.folder, request.kernel, layout.name, request.seed, request.cc)
        for layout in request.layouts
    ]
    found: dict[int, list[dict[str, Any]]] = {}
    for number, differences in spread(_differ, pairs, request.jobs):
        found[number] = differences
        told = sum(map(len, found.values()))
        report(Progress(len(found), len(pairs), f"{pairs[number].layout}, both kernels", told))
    return [difference for number in range(len(pairs)) for difference in found[number]]


def _differ(pair: _Pair) -> list[dict[str, Any]]:
    sides = [f"kernel:{path}@{pair.layout}" for path in (pair.before, pair.after)]
    try:
        found = side_by_side.diff(*sides, seed=pair.seed, max_ops=DIFF_OPS, cc=pair.cc)
    except (InputError, UnsupportedError):
        return []  # one of them cannot be built or run here, which its own checks say
    parting = found.parting
    if parting is None:
        return []
    return [
        {
            "layout": pair.layout,
            "function": side_by_side.function_of(parting),
            "reason": parting.reason,
            "trace": parting.trace,
            "before": parting.left_shows,
            "after": parting.right_shows,
        }
    ]
