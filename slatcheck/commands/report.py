# SPDX-License-Identifier: GPL-2.0-only
"""The command that gives a JSON report another form."""

from __future__ import annotations

from pathlib import Path

import click

from slatcheck.delivery import Delivery, finish
from slatcheck.options import output_option, report_option, verbose_option


@click.command("report", short_help="Give a JSON report another form.")
@click.argument("file", type=click.Path(path_type=Path))
@report_option
@verbose_option
@output_option
def command(file: Path, format_: str, output: Path | None, verbose: bool = False) -> int:
    """Give the report in FILE, which 'check --format json' wrote, another form.

    One run can so be shown in several places. The exit status is that of the run.
    """
    delivery = Delivery(format_, output, verbose=verbose)
    delivery.check()

    from slatcheck.reports.reading import read

    return finish(read(file), delivery, None, None)
