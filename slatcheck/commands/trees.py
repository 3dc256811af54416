# SPDX-License-Identifier: GPL-2.0-only
"""The command that judges a folder of kernel trees and shows them side by side."""

from __future__ import annotations

from pathlib import Path

import click

from slatcheck import progress
from slatcheck.commands import completion
from slatcheck.commands.delivery import Delivery, say
from slatcheck.commands.options import (
    cc_option,
    evidence_option,
    jobs_option,
    layout_option,
    max_ops_option,
    output_option,
    seed_option,
)
from slatcheck.document.result import EXIT
from support.lazy import lazily

with lazily():
    from slatcheck.gate import trees
    from slatcheck.judge import judging
    from slatcheck.reports import trees as report


@click.command("trees", short_help="Judge a folder of kernel trees, and show them side by side.")
@click.argument(
    "folder", type=click.Path(path_type=Path), metavar="DIR", shell_complete=completion.folders
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    shell_complete=completion.folders,
    help="Where the report of each tree is kept, so that a run can go on where it was ended. "
    "Default: a folder .slatcheck beside the trees.",
)
@layout_option
@evidence_option
@seed_option
@max_ops_option
@jobs_option
@cc_option
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "markdown"]),
    default="text",
    help="Form of the tables.",
)
@output_option
def command(
    folder: Path,
    keep: Path | None,
    patterns: tuple[str, ...],
    evidence: tuple[str, ...],
    seed: int,
    max_ops: int | None,
    jobs: int,
    cc: str | None,
    format_: str,
    output: Path | None,
) -> int:
    """Judge every kernel tree in DIR, each in the layouts that it has.

    A tree that was judged before, by this version of the tool and asked the same, is not judged
    again: an interrupted run goes on where it was. The tables say for each tree its version, what
    git calls its main file (such as mmu.c), layouts, functions proved of those bound (one layout
    and byte order each), causes and time; then which cause shows in how many layouts of which tree.

    The exit status is that of the worst tree.
    """
    delivery = Delivery(format_, output)
    delivery.check()

    paths = trees.folders(folder)
    request = judging.Request(
        (), seed=seed, max_ops=max_ops, jobs=jobs, cc=cc, evidence=frozenset(evidence)
    )
    judged = []
    kept = trees.keeping_folder(keep or folder / ".slatcheck")
    try:
        with progress.shown() as told:
            for tree in trees.judge(paths, request, patterns, kept, told):
                judged.append(tree)
                say(f"{tree.name}: {tree.refused or tree.verdict.value}{' (kept)' * tree.kept}")
    finally:
        # Also where it was interrupted: what was judged until then.
        if judged:
            delivery.deliver(report.render(judged, format_))
            say(report.summary(judged))
    return EXIT[trees.status(judged)]
