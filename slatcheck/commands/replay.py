# SPDX-License-Identifier: GPL-2.0-only
"""The command that runs a finding again."""

from __future__ import annotations

from pathlib import Path

import click

from slatcheck.commands.delivery import Delivery, finish, replay_command
from slatcheck.commands.options import (
    cause_option,
    cc_option,
    finding_option,
    kernel_option,
    output_option,
    report_option,
    verbose_option,
)
from support.lazy import lazily

with lazily():
    from slatcheck.judge import replay, traces


@click.command("replay", short_help="Run a finding again.")
@click.argument("file", type=click.Path(path_type=Path))
@finding_option("run")
@cause_option("run")
@kernel_option("The Linux source tree to run the sequence on, where FILE is about a kernel.")
@cc_option
@report_option
@verbose_option
@output_option
def command(
    file: Path,
    finding: str | None,
    cause: str | None,
    kernel: Path | None,
    cc: str | None,
    format_: str,
    verbose: bool,
    output: Path | None,
) -> int:
    """Run a finding again: from a file of 'check --replay-dir', or from a JSON report.

    Exit status 1 if it still shows, 0 if it no longer does.
    """
    delivery = Delivery(format_, output, verbose=verbose)
    delivery.check()

    finding = traces.fingerprint_of(file, finding, cause)
    document = replay.replay(file, kernel, cc, finding)
    again = replay_command(file, kernel, cc, finding)
    return finish(document, delivery, kernel, cc, lambda finding: again)
