# SPDX-License-Identifier: GPL-2.0-only
"""The command that judges a kernel tree, or the built-in page table."""

from __future__ import annotations

from pathlib import Path

import click

from slatcheck import names
from slatcheck.delivery import Delivery, finish
from slatcheck.errors import InputError
from slatcheck.options import (
    cc_option,
    jobs_option,
    layout_option,
    max_ops_option,
    output_option,
    quirk_option,
    replay_dir_option,
    report_option,
    seed_option,
)


@click.command("check", short_help="Judge a kernel tree, or the built-in page table.")
@click.option(
    "--kernel",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The Linux source tree to check; without it, the built-in page table.",
)
@layout_option
@seed_option
@max_ops_option
@jobs_option
@click.option(
    "--evidence",
    type=click.Choice(["proof", "contract", "differential"]),
    multiple=True,
    default=("proof", "contract", "differential"),
    help="What the verdict is to rest on; may be given more than once. Default: all three.",
)
@quirk_option
@cc_option
@report_option
@output_option
@replay_dir_option
def command(
    kernel: Path | None,
    patterns: tuple[str, ...],
    seed: int,
    max_ops: int | None,
    jobs: int,
    evidence: tuple[str, ...],
    quirks: tuple[str, ...],
    cc: str | None,
    format_: str,
    output: Path | None,
    replay_dir: Path | None,
) -> int:
    """Judge a kernel tree, or the built-in page table, in every layout that Kconfig permits."""
    chosen = names.layouts_to_check(patterns)
    if quirks and kernel is not None:
        raise InputError("--quirk changes the built-in page table; leave --kernel out")
    names.check_quirks(quirks)
    delivery = Delivery(format_, output, replay_dir)
    delivery.check()

    from slatcheck import gate, progress

    request = gate.Request(
        layouts=chosen,
        kernel=kernel,
        seed=seed,
        max_ops=max_ops,
        jobs=jobs,
        cc=cc,
        evidence=frozenset(evidence),
        quirks=tuple(dict.fromkeys(quirks)),
    )
    with progress.shown() as report:
        document = gate.check(request, report)
    return finish(document, delivery, kernel, cc)
