# SPDX-License-Identifier: GPL-2.0-only
"""The command that writes down what is known of a tree."""

from __future__ import annotations

from pathlib import Path

import click

from slatcheck import names, progress
from slatcheck.commands.delivery import Delivery, say
from slatcheck.commands.options import (
    EVIDENCE,
    cc_option,
    jobs_option,
    kernel_option,
    layout_option,
    max_ops_option,
    output_option,
    seed_option,
)
from slatcheck.errors import InputError
from support.lazy import lazily

with lazily():
    from slatcheck.document import reading
    from slatcheck.gate import baseline
    from slatcheck.judge import judging


@click.command("baseline", short_help="Write down the findings of a tree as known.")
@click.argument("report", required=False, type=click.Path(path_type=Path))
@kernel_option("The Linux source tree to check now, in the place of a report.")
@layout_option
@seed_option
@max_ops_option
@jobs_option
@cc_option
@output_option
def command(
    report: Path | None,
    kernel: Path | None,
    patterns: tuple[str, ...],
    seed: int,
    max_ops: int | None,
    jobs: int,
    cc: str | None,
    output: Path | None,
) -> int:
    """Write the findings of REPORT, a JSON report of 'check', or of a tree checked now.

    The file is TOML, made to be reviewed: the reason of a new entry is 'unreviewed' until someone
    writes a better one, and 'expires = 2027-01-31' may be added. Where the --output FILE exists,
    its reasons and dates are kept, entries that are gone leave it, and layouts that were not run
    stay as they are.
    """
    if (report is None) == (kernel is None):
        raise InputError("give either a REPORT or a tree with --kernel")
    delivery = Delivery("toml", output)
    delivery.check()

    old = baseline.read(output) if output is not None and output.exists() else None
    if report is not None:
        document = reading.read(report)
    else:
        chosen = names.selected(patterns, kernel)
        request = judging.Request(
            layouts=chosen.layouts,
            byte_orders=chosen.byte_orders,
            kernel=kernel,
            seed=seed,
            max_ops=max_ops,
            jobs=jobs,
            cc=cc,
            evidence=frozenset(EVIDENCE),
        )
        with progress.shown() as told:
            document = judging.check(request, told)
    if document.tool.get("interrupted"):
        raise KeyboardInterrupt
    made = baseline.of_document(document, old)
    delivery.deliver(baseline.render(made))
    new = sum(entry.reason == baseline.UNREVIEWED for entry in made.known.values())
    say(f"{len(made.known)} findings are known, {new} of them {baseline.UNREVIEWED}")
    return 0
