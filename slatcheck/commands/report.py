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
    from slatcheck.document import changes, reading
    from slatcheck.reports import changes as changes_report

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
@click.option(
    "--compare",
    "old",
    type=click.Path(path_type=Path),
    metavar="OLD",
    help="Say what FILE says otherwise than the report OLD, and where time went; text or json.",
)
@output_option
@subject_options
def command(
    file: Path,
    old: Path | None,
    format_: str,
    output: Path | None,
    cause: str | None,
    subject: str | None,
    kernel: Path | None,
    origin: str | None,
    verbose: bool,
) -> int:
    """Give the report in FILE, which 'check --format json' wrote, another form.

    One run can so be shown in several places. The exit status is that of the run; with --compare
    it is 0 where both reports say the same, 1 where they do not.
    """
    if old is not None:
        return _compared(old, file, format_, output)
    if origin is not None and not _ORIGIN.fullmatch(origin):
        raise InputError(f"--origin '{origin}': use small letters, digits and underscores only")
    delivery = Delivery(format_, output, None, subject_of(cause, subject), origin or "", verbose)
    delivery.check()

    return finish(reading.read(file), delivery, kernel, None)


def _compared(old: Path, new: Path, format_: str, output: Path | None) -> int:
    """Show what two reports say differently; return the exit status."""
    if format_ not in ("text", "json"):
        raise InputError(f"--compare has no form '{format_}': use text or json")
    delivery = Delivery(format_, output)
    delivery.check()
    found = changes.changes(reading.read(old), reading.read(new))
    render = changes_report.render_json if format_ == "json" else changes_report.render_text
    delivery.deliver(render(found))
    return 0 if found.alike else 1
