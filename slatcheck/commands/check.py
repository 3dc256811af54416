# SPDX-License-Identifier: GPL-2.0-only
"""The command that judges a kernel tree, or the built-in page table."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from slatcheck import names, progress
from slatcheck.commands import WORK, gating, watching
from slatcheck.commands.delivery import Delivery, finish
from slatcheck.commands.options import (
    cache_option,
    cc_option,
    evidence_option,
    gate_options,
    jobs_option,
    kernel_option,
    layout_option,
    max_ops_option,
    output_option,
    quirk_option,
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

with lazily():
    from slatcheck.judge import judging
    from support import pool


@click.command("check", short_help="Judge a kernel tree, or the built-in page table.")
@kernel_option("The Linux source tree to check; without it, the built-in page table.")
@layout_option
@seed_option
@max_ops_option
@jobs_option
@evidence_option
@gate_options
@quirk_option
@cache_option
@cc_option
@report_option
@verbose_option
@output_option
@subject_options
@replay_dir_option
@click.option(
    "--watch",
    is_flag=True,
    help="Check again whenever a source file of the tree changes, until Ctrl-C.",
)
def command(
    kernel: Path | None,
    patterns: tuple[str, ...],
    seed: int,
    max_ops: int | None,
    jobs: int,
    evidence: tuple[str, ...],
    baseline: Path | None,
    against: str | None,
    fail_on: str | None,
    bisect: str | None,
    quirks: tuple[str, ...],
    cache: Mode,
    cc: str | None,
    format_: str,
    verbose: bool,
    output: Path | None,
    replay_dir: Path | None,
    cause: str | None,
    subject: str | None,
    watch: bool,
) -> int:
    """Judge a kernel tree, or the built-in page table, in every layout that Kconfig permits.

    With --baseline or --against, only what is new fails the run: the exit status is that of all
    that is not accepted, and 0 where nothing else is open.

    With --watch the check is done again after every change of the tree, by processes that are ready
    for it; the exit status is that of the last one.
    """
    if quirks and kernel is not None:
        raise InputError("--quirk changes the built-in page table; leave --kernel out")
    names.check_quirks(quirks)
    terms = gating.Terms(kernel, baseline, against, fail_on, bisect, watch)
    terms.check()
    delivery = Delivery(format_, output, replay_dir, subject_of(cause, subject), verbose=verbose)
    delivery.check()
    if kernel is not None and jobs != 1:
        pool.soon(*WORK)
    chosen = names.selected(patterns, kernel)

    request = judging.Request(
        layouts=chosen.layouts,
        byte_orders=chosen.byte_orders,
        kernel=kernel,
        seed=seed,
        max_ops=max_ops,
        jobs=jobs,
        cc=cc,
        evidence=frozenset(evidence),
        quirks=tuple(dict.fromkeys(quirks)),
        cache=cache,
    )
    judged = partial(_judged, request, terms, delivery)
    return watching.again(judged, kernel, jobs) if watch and kernel else judged()


def _judged(request: judging.Request, terms: gating.Terms, delivery: Delivery) -> int:
    """Carry out a request and deliver its report; return the exit status."""
    with progress.shown() as report:
        document = terms.judge(request, report)
    return terms.status(document, finish(document, delivery, request.kernel, request.cc))
