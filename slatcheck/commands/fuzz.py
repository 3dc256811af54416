# SPDX-License-Identifier: GPL-2.0-only
"""The command that runs a kernel tree's C natively, for as long as one likes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from slatcheck import names, progress
from slatcheck.commands.delivery import Delivery, finish
from slatcheck.commands.options import (
    cache_option,
    cc_option,
    jobs_option,
    kernel_option,
    layout_option,
    output_option,
    replay_dir_option,
    report_option,
    seed_option,
    subject_of,
    subject_options,
    verbose_option,
)
from slatcheck.errors import InputError
from support.cache import Mode
from support.lazy import lazily
from support.pool import ClusterError

with lazily():
    from impl.kernel.errors import IsolationError
    from slatcheck.fuzz import inheritance, work
    from slatcheck.judge import course, fuzzing, judging

DEFAULT = "10M"
_NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:e\d+)?)([kMG]?)", re.ASCII)
_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)", re.ASCII)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


class Operations(click.ParamType[int]):
    """A number of operations: 1000000, 1e9, 10M."""

    name = "number"

    def convert(self, value: Any, param: Any, ctx: Any) -> int:
        """Return the number. Fails for what is none, or less than one."""
        found = _NUMBER.fullmatch(str(value))
        number = float(found[1]) * _UNITS[found[2]] if found else 0.0
        if not 1 <= number <= 1e15:
            self.fail(f"'{value}' is no number of operations: write 1000000, 10M or 1e9")
        return int(number)


class Span(click.ParamType[float]):
    """A time: 90, 90s, 10m, 8h."""

    name = "time"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Return the seconds. Fails for what is no time."""
        found = _TIME.fullmatch(str(value))
        if found is None:
            self.fail(f"'{value}' is no time: write 90s, 10m or 8h")
        return float(found[1]) * _SECONDS[found[2]]


def request_of(
    patterns: Sequence[str], kernel: Path, seed: int, jobs: int, cache: Mode, cc: str | None
) -> judging.Request:
    """Return what is asked of a tree whose C is to run natively. Raises InputError."""
    chosen = names.selected(patterns, kernel)
    return judging.Request(
        layouts=chosen.layouts,
        byte_orders=chosen.byte_orders,
        kernel=kernel,
        seed=seed,
        jobs=jobs,
        cc=cc,
        cache=cache,
    )


@click.command("fuzz", short_help="Run a kernel tree's C natively, a billion operations if wanted.")
@kernel_option("The Linux source tree to run.", required=True)
@layout_option
@click.option(
    "--ops",
    type=Operations(),
    metavar="N",
    default=DEFAULT,
    show_default=True,
    help="Operations on each layout, such as 10M or 1e9.",
)
@click.option(
    "--time",
    "limit",
    type=Span(),
    metavar="TIME",
    help="End after this time, such as 10m or 8h; the same command goes on from there.",
)
@click.option(
    "--exhaustive",
    "depth",
    type=click.IntRange(1, 255),
    metavar="DEPTH",
    help="Try every sequence of at most so many of a few operations at the borders of each layout, "
    "in place of drawing any; --ops and --time do not count.",
)
@click.option(
    "--trust-tree",
    is_flag=True,
    help="Run the tree's code also where this host cannot confine it.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Have the work done by a Dask cluster, such as tcp://head:8786, and not by this machine. "
    "Needs the extra 'cluster'.",
)
@click.option(
    "--corpus",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where the inputs are kept that reach something new; beside the cache if it is not given.",
)
@seed_option
@jobs_option
@cache_option
@cc_option
@report_option
@verbose_option
@output_option
@subject_options
@replay_dir_option
def command(
    kernel: Path,
    patterns: tuple[str, ...],
    ops: int,
    limit: float | None,
    depth: int | None,
    trust_tree: bool,
    scheduler: str | None,
    corpus: Path | None,
    seed: int,
    jobs: int,
    cache: Mode,
    cc: str | None,
    format_: str,
    verbose: bool,
    output: Path | None,
    replay_dir: Path | None,
    cause: str | None,
    subject: str | None,
) -> int:
    """Run a kernel tree's C as code of this machine, hundreds of thousands of operations a second.

    Every layout is searched in the emulator first; native code must do what emulated code does, to
    the bit. Then operations are drawn, run and filtered in C. What the filter suspects is run again
    in the emulator and judged there, as 'check' does; nothing else gives a verdict.

    With --exhaustive nothing is drawn: some twenty operations at the borders of each layout are
    tried in every state that a sequence of at most DEPTH of them leads to.

    Sequences that reach what none did before (code, pairs of operands, sizes of the table) are
    kept, and every second one is bred from them. The next campaign on the layout, of this tree or
    another, begins with them.

    The code runs in a process that can do nothing but compute. What was done is kept, so that the
    same command goes on where it was ended, and more operations begin where fewer came to an end.
    """
    delivery = Delivery(format_, output, replay_dir, subject_of(cause, subject), verbose=verbose)
    delivery.check()
    request = request_of(patterns, kernel, seed, jobs, cache, cc)
    if corpus is None and cache is not Mode.OFF:
        corpus = inheritance.usual_place()
    wanted = course.Wanted(ops, limit, trust_tree, scheduler, depth, corpus)
    try:
        with progress.shown() as report:
            document = fuzzing.fuzz(request, wanted, report)
    except (IsolationError, ClusterError, work.OtherVersionError) as reason:
        raise InputError(str(reason)) from None
    return finish(document, delivery, kernel, cc)
