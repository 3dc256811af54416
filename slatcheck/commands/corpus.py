# SPDX-License-Identifier: GPL-2.0-only
"""The command that shows, merges and shortens the inputs that campaigns have kept."""

from __future__ import annotations

from pathlib import Path

import click

from slatcheck import progress
from slatcheck.commands.delivery import Delivery
from slatcheck.commands.fuzz import request_of
from slatcheck.commands.options import (
    cache_option,
    cc_option,
    format_option,
    jobs_option,
    kernel_option,
    layout_option,
    output_option,
    seed_option,
)
from slatcheck.errors import InputError
from support.cache import Mode
from support.lazy import lazily

with lazily():
    from impl.kernel.errors import IsolationError
    from slatcheck.fuzz import inheritance
    from slatcheck.judge import corpora
    from slatcheck.reports import corpus as report


@click.command("corpus", short_help="Show, merge or minimise the inputs that campaigns have kept.")
@click.option(
    "--corpus",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where the inputs are; what 'slatcheck fuzz' uses if it is not given.",
)
@click.option(
    "--merge",
    "others",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    multiple=True,
    help="Take over what another such folder has; may be given more than once.",
)
@click.option(
    "--minimise",
    is_flag=True,
    help="Run the inputs on the tree of --kernel, and keep few that reach all that they reach.",
)
@kernel_option("The Linux source tree to run the inputs on.")
@layout_option
@click.option(
    "--trust-tree",
    is_flag=True,
    help="Run the tree's code also where this host cannot confine it.",
)
@seed_option
@jobs_option
@cache_option
@cc_option
@format_option
@output_option
def command(
    folder: Path | None,
    others: tuple[Path, ...],
    minimise: bool,
    kernel: Path | None,
    patterns: tuple[str, ...],
    trust_tree: bool,
    seed: int,
    jobs: int,
    cache: Mode,
    cc: str | None,
    format_: str,
    output: Path | None,
) -> int:
    """Show the inputs that campaigns have kept, merge those of several folders, or minimise them.

    An input is the bytes of a sequence that reached something which none before it did: a file,
    named by its digest, in a folder for each layout and byte order. A campaign that was begun goes
    on with the inputs that it began with, unless a merge or this command changed them.
    """
    if minimise != (kernel is not None):
        raise InputError("--minimise and --kernel belong together: inputs are run on a tree")
    delivery = Delivery(format_, output)
    delivery.check()
    place = folder or inheritance.usual_place()
    if folder is not None and not folder.is_dir() and not others:
        raise InputError(f"{folder}: there is no such folder; --merge makes one")
    merged = corpora.merge(place, others)
    removed: dict[str, int] = {}
    if kernel is not None:
        request = request_of(patterns, kernel, seed, jobs, cache, cc)
        try:
            with progress.shown() as shown:
                removed = corpora.minimise(place, request, trust_tree, shown)
        except IsolationError as reason:
            raise InputError(str(reason)) from None
    render = report.render_json if format_ == "json" else report.render_text
    delivery.deliver(render(place, corpora.stored(place), merged, removed))
    return 0
