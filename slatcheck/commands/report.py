# SPDX-License-Identifier: GPL-2.0-only
"""The command that gives a JSON report another form."""

from __future__ import annotations

import re
from pathlib import Path

import click

from slatcheck.commands.delivery import Delivery, finish
from slatcheck.commands.options import (
    kernel_option,
    output_option,
    report_option,
    subject_of,
    subject_options,
    verbose_option,
)
from slatcheck.errors import InputError
from support.lazy import lazily

with lazily():
    from slatcheck.document import reading

_ORIGIN = re.compile(r"[a-z0-9_]+", re.ASCII)


@click.command("report", short_help="Give a JSON report another form.")
@click.argument("file", type=click.Path(path_type=Path))
@report_option
@verbose_option
@kernel_option("The tree that was judged: what git says of it goes into kcidb and mail.")
@click.option(
    "--origin",
    metavar="NAME",
    help="With --format kcidb: the name that KCIDB knows your CI system by; slatcheck if left out.",
)
@output_option
@subject_options
def command(
    file: Path,
    format_: str,
    output: Path | None,
    cause: str | None,
    subject: str | None,
    kernel: Path | None,
    origin: str | None,
    verbose: bool,
) -> int:
    """Give the report in FILE, which 'check --format json' wrote, another form.

    One run can so be shown in several places. The exit status is that of the run.
    """
    if origin is not None and not _ORIGIN.fullmatch(origin):
        raise InputError(f"--origin '{origin}': use small letters, digits and underscores only")
    delivery = Delivery(format_, output, None, subject_of(cause, subject), origin or "", verbose)
    delivery.check()

    return finish(reading.read(file), delivery, kernel, None)
