# SPDX-License-Identifier: GPL-2.0-only
"""The command that shows, limits and clears what is kept between runs."""

from __future__ import annotations

from pathlib import Path

import click

from slatcheck.commands.delivery import Delivery
from slatcheck.commands.options import format_option, output_option
from slatcheck.errors import InputError
from support import cache as keeping
from support import upkeep
from support.lazy import lazily

with lazily():
    from slatcheck.git import revisions
    from slatcheck.reports import cache as report


@click.command("cache", short_help="Show, limit or clear what is kept between runs.")
@click.option("--clear", is_flag=True, help="Remove everything that is kept.")
@click.option(
    "--limit",
    metavar="SIZE",
    help="Remove what was not used for longest until SIZE is left, such as 500M or 2G.",
)
@format_option
@output_option
def command(clear: bool, limit: str | None, format_: str, output: Path | None) -> int:
    """Show what is kept between runs, and how much.

    Nothing of it is ever needed. After every run what was not used for longest is removed until
    SLATCHECK_CACHE_LIMIT (2G if it is not set, 0 for no limit) is left.
    """
    if clear and limit is not None:
        raise InputError("--clear leaves nothing that --limit could be about: give one of them")
    delivery = Delivery(format_, output)
    delivery.check()
    folder = keeping.folder()
    try:
        most = upkeep.limit() if limit is None else upkeep.size_of(limit)
    except ValueError as problem:
        raise InputError(str(problem)) from None
    removed: list[upkeep.Stored] = []
    if clear:
        removed = upkeep.clear(folder)
        revisions.forget()
    elif limit is not None:
        removed = upkeep.trim(folder, most)
    files = list(upkeep.stored(folder))
    render = report.render_json if format_ == "json" else report.render_text
    delivery.deliver(render(folder, files, most, removed))
    return 0
