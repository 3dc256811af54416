# SPDX-License-Identifier: GPL-2.0-only
"""The command that b4 runs on each patch, to see what it breaks."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from impl.kernel.errors import TreeError, UnsupportedError
from slatcheck import names, progress
from slatcheck.commands.delivery import INTERRUPTED, Delivery
from slatcheck.commands.options import (
    cache_option,
    cc_option,
    evidence_option,
    jobs_option,
    kernel_option,
    layout_option,
    max_ops_option,
    seed_option,
)
from slatcheck.errors import InputError
from support.cache import Mode
from support.lazy import lazily

with lazily():
    from slatcheck.document import result
    from slatcheck.gate import acceptance, against
    from slatcheck.git import revisions
    from slatcheck.judge import judging
    from slatcheck.patches import patch, sides, touching
    from slatcheck.reports import b4


@click.command("b4", short_help="Judge a patch on stdin, for b4.")
@kernel_option(
    "The Linux source tree, in git, that the patch is for. Default: the folder b4 is in."
)
@layout_option
@seed_option
@max_ops_option
@jobs_option
@evidence_option
@cache_option
@cc_option
@click.option(
    "--format",
    "format_",
    type=click.Choice(["json", "text"]),
    default="json",
    help="json for 'b4 review'; text, as checkpatch prints it, for 'b4 prep' and 'b4 am'.",
)
def command(
    kernel: Path | None,
    patterns: tuple[str, ...],
    seed: int,
    max_ops: int | None,
    jobs: int,
    evidence: tuple[str, ...],
    cache: Mode,
    cc: str | None,
    format_: str,
) -> int:
    """Judge the patch on stdin by what it breaks that was not broken before.

    It is looked up in the history of HEAD, or applied to HEAD in a folder of its own; the work tree
    stays as it is. A patch that touches nothing which is read for meaning is answered at once.

    \b
      git config b4.review-perpatch-check-cmd "slatcheck b4 --layout mips64-4k"
      git config b4.prep-perpatch-check-cmd "slatcheck b4 --layout mips64-4k --format text"

    Exit status as that of check --against; b4 looks at what is printed.
    """  # noqa: D301  # click does not wrap what follows a backspace
    chosen = names.selected(patterns)
    if sys.stdin.isatty():
        raise InputError("a patch is read from stdin: slatcheck b4 <0001-some.patch")
    delivery = Delivery(format_, None)

    tree = kernel or Path()
    read = patch.read(sys.stdin.buffer)
    prefix = revisions.place(tree).prefix
    paths = {path.removeprefix(prefix) for path in read.paths if path.startswith(prefix)}
    if not touching.matters(tree, paths):
        delivery.deliver("[]\n" if format_ == "json" else "")
        return 0

    request = judging.Request(
        chosen.layouts,
        tree,
        seed,
        max_ops,
        jobs,
        cc,
        frozenset(evidence),
        cache=cache,
        byte_orders=chosen.byte_orders,
    )
    try:
        document = _document_with(request, read, {f"{prefix}{path}" for path in paths})
    except (InputError, TreeError, UnsupportedError) as problem:
        if format_ == "json":
            delivery.deliver(b4.failed(str(problem)))
        raise
    delivery.deliver((b4.as_json if format_ == "json" else b4.as_lines)(document))
    return _status(document)


def _document_with(
    request: judging.Request, change: patch.Patch, paths: set[str]
) -> result.Document:
    """Return what the tree is like with the patch, compared with the tree without it."""
    assert request.kernel is not None
    both = sides.sides(request.kernel, change, paths)
    request = replace(request, kernel=both.after.folder)
    if not sys.stderr.isatty():
        # b4 takes every line on stderr for a failure.
        return against.compare(request, both.before, acceptance.IMPRECISE, lambda step: None)
    with progress.shown() as report:
        return against.compare(request, both.before, acceptance.IMPRECISE, report)


def _status(document: result.Document) -> int:

    return INTERRUPTED if document.tool.get("interrupted") else result.EXIT[document.decides]
