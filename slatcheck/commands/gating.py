# SPDX-License-Identifier: GPL-2.0-only
"""What counts of a run, as the options say: a baseline, a revision, a severity, a question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from impl.kernel.errors import TreeError
from slatcheck import names
from slatcheck.commands.delivery import say
from slatcheck.errors import InputError
from slatcheck.gate import bisect
from support.lazy import lazily

with lazily():
    from slatcheck import progress
    from slatcheck.document import result
    from slatcheck.gate import acceptance
    from slatcheck.gate import against as revisions
    from slatcheck.gate import baseline as baselines
    from slatcheck.judge import judging


@dataclass(frozen=True)
class Terms:
    """The options --baseline, --against, --fail-on, --bisect and --watch of runs on ``kernel``."""

    kernel: Path | None
    baseline: Path | None = None
    against: str | None = None
    fail_on: str | None = None
    bisect: str | None = None
    watch: bool = False

    def check(self) -> None:
        """Raise InputError for options that do not go together, before any work is done."""
        if self.against is not None and self.kernel is None:
            raise InputError("--against needs a tree in git: give it with --kernel")
        if self.against is not None and self.baseline is not None:
            raise InputError("--against and --baseline both say what is known: give one of them")
        if self.baseline is not None:
            self.known  # noqa: B018  # read before any work is done, and never again
        if self.bisect == bisect.NEW and self.baseline is None and self.against is None:
            raise InputError("--bisect new needs --baseline or --against: new compared with what?")
        if self.bisect is not None and self.bisect != bisect.NEW:
            names.check_fingerprint(self.bisect)
        if self.watch and self.kernel is None:
            raise InputError("--watch needs a tree that changes: give it with --kernel")
        if self.watch and self.bisect is not None:
            raise InputError("--bisect judges one revision, --watch each change: give one of them")

    def judge(
        self, request: judging.Request, report: Callable[[progress.Progress], None]
    ) -> result.Document:
        """Carry out a run and say what of it counts. Raises InputError and TreeError."""
        fail_on = self.fail_on or acceptance.IMPRECISE
        try:
            if self.against is not None:
                return revisions.check(request, self.against, fail_on, report)
            is_known = self.known.finding if self.baseline is not None else None
            document = judging.check(replace(request, is_known=is_known), report)
        except TreeError as problem:
            if self.bisect is None:
                raise
            raise bisect.Skipped(str(problem)) from None
        if self.baseline is not None or self.fail_on is not None:
            acceptance.accept(document, self.known, fail_on)
        return document

    @cached_property
    def known(self) -> baselines.Baseline:
        """What the baseline says, nothing without one. Raises InputError where it is damaged."""
        return baselines.NOTHING if self.baseline is None else baselines.read(self.baseline)

    def status(self, document: result.Document, usual: int) -> int:
        """Return the exit status: the usual one, or with --bisect the answer to git."""
        if self.bisect is None:
            return usual
        status, told = bisect.answer(document, self.bisect)
        say(told)
        return status
