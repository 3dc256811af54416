# SPDX-License-Identifier: GPL-2.0-only
"""What counts of a run, as the options say: a baseline, a revision, a severity, a question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from slatcheck import bisect, names
from slatcheck.delivery import say
from slatcheck.errors import InputError

if TYPE_CHECKING:
    from slatcheck import acceptance
    from slatcheck.gate import Request
    from slatcheck.progress import Progress
    from slatcheck.result import Document


@dataclass(frozen=True)
class Terms:
    """The options --baseline, --against, --fail-on and --bisect of a run on ``kernel``."""

    kernel: Path | None
    baseline: Path | None = None
    against: str | None = None
    fail_on: str | None = None
    bisect: str | None = None

    def check(self) -> None:
        """Raise InputError for options that do not go together, before any work is done."""
        if self.against is not None and self.kernel is None:
            raise InputError("--against needs a tree in git: give it with --kernel")
        if self.against is not None and self.baseline is not None:
            raise InputError("--against and --baseline both say what is known: give one of them")
        if self.baseline is not None:
            from slatcheck import baseline

            baseline.read(self.baseline)
        if self.bisect == bisect.NEW and self.baseline is None and self.against is None:
            raise InputError("--bisect new needs --baseline or --against: new compared with what?")
        if self.bisect is not None and self.bisect != bisect.NEW:
            names.check_fingerprint(self.bisect)

    def judge(self, request: Request, report: Callable[[Progress], None]) -> Document:
        """Carry out a run and say what of it counts. Raises InputError and TreeError."""
        from impl.kernel.errors import TreeError
        from slatcheck import acceptance, against, gate

        fail_on = self.fail_on or acceptance.IMPRECISE
        try:
            if self.against is not None:
                return against.check(request, self.against, fail_on, report)
            known = self._known()
            request = replace(request, known=None if self.baseline is None else known)
            document = gate.check(request, report)
        except TreeError as problem:
            if self.bisect is None:
                raise
            raise bisect.Skipped(str(problem)) from None
        if self.baseline is not None or self.fail_on is not None:
            acceptance.accept(document, known, fail_on)
        return document

    def _known(self) -> acceptance.Known:
        from slatcheck import acceptance, baseline

        return baseline.read(self.baseline) if self.baseline is not None else acceptance.Nothing()

    def status(self, document: Document, usual: int) -> int:
        """Return the exit status: the usual one, or with --bisect the answer to git."""
        if self.bisect is None:
            return usual
        status, told = bisect.answer(document, self.bisect)
        say(told)
        return status
