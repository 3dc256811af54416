# SPDX-License-Identifier: GPL-2.0-only
"""How far the work is: a live line on a terminal, plain lines elsewhere, always on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TextIO

from support.lazy import lazily

with lazily():
    import rich.console
    import rich.markup
    import rich.progress


class Progress(NamedTuple):
    """How far a check is: units of work done, the layout that was finished last.

    ``findings`` counts those so far, ``new`` names those that came with this step and that no
    baseline knows. It is ``early`` where nothing more is done, but a finding showed in a layout.
    """

    done: int
    total: int
    layout: str
    findings: int
    new: tuple[str, ...] = ()
    early: bool = False

    def with_findings(self, more: int) -> Progress:
        """Return the same step, where so many findings were there before."""
        return self._replace(findings=self.findings + more)

    def of(self, what: str) -> Progress:
        """Return the same step, told to be part of something."""
        return self._replace(layout=f"{what}: {self.layout}")


Report = Callable[[Progress], None]


def _plain(stream: TextIO) -> Report:
    shown = Progress(0, 0, "", 0)

    def report(step: Progress) -> None:
        nonlocal shown
        first = step.early and shown.done == shown.findings == 0
        begins = step.done == 1 and step.layout != shown.layout  # of another part of the work
        if first or (not step.early and (step.done > shown.done or begins)):
            shown = step
            width = len(str(step.total))
            count = f"[{step.done:{width}}/{step.total}]"
            text = f"{count} {step.layout}, {step.findings} findings so far"
            print(text, file=stream, flush=True)
        for fingerprint in step.new:
            print(f"  new: {fingerprint}", file=stream, flush=True)

    return report


@contextmanager
def shown(stream: TextIO | None = None) -> Iterator[Report]:
    """Give the function to call with each step; what was live on the terminal goes at the end."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield _plain(stream)
        return
    with _live(stream) as report:
        yield report


@contextmanager
def _live(stream: TextIO) -> Iterator[Report]:
    # rich: a progress line that survives resizing, narrow windows and dumb terminals.

    columns = (
        rich.progress.BarColumn(bar_width=24),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TextColumn("{task.description}"),
        rich.progress.TimeElapsedColumn(),
    )
    with rich.progress.Progress(
        *columns, console=rich.console.Console(file=stream), transient=True
    ) as progress:
        task = progress.add_task("starting", total=None)

        def report(step: Progress) -> None:
            text = f"{rich.markup.escape(step.layout)}, {step.findings} findings so far"
            progress.update(task, completed=step.done, total=step.total, description=text)
            for fingerprint in step.new:
                progress.console.print(f"new: {rich.markup.escape(fingerprint)}")

        yield report
