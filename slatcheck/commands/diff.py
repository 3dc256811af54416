# SPDX-License-Identifier: GPL-2.0-only
"""The command that finds where two implementations or layouts part."""

from __future__ import annotations

from pathlib import Path

import click

from slatcheck.commands.delivery import Delivery
from slatcheck.commands.options import (
    cc_option,
    format_option,
    max_ops_option,
    output_option,
    seed_option,
)
from support.lazy import lazily

with lazily():
    from slatcheck.document import result
    from slatcheck.judge import side_by_side
    from slatcheck.reports import comparison as report


@click.command("diff", short_help="Find where two implementations or layouts part.")
@click.argument("left")
@click.argument("right")
@seed_option
@max_ops_option
@cc_option
@format_option
@output_option
def command(
    left: str,
    right: str,
    seed: int,
    max_ops: int | None,
    cc: str | None,
    format_: str,
    output: Path | None,
) -> int:
    """Run LEFT and RIGHT on the same operations and show the first at which they part.

    Each is IMPLEMENTATION@LAYOUT, where the implementation is multilevel (the built-in page
    table), multilevel:QUIRK, linear (the array it replaced), model, or kernel:PATH:

    \b
      slatcheck diff multilevel@mips32-4k multilevel@mips64-4k
      slatcheck diff linear@mips32-16k multilevel@mips32-16k
      slatcheck diff kernel:linux-6.1@mips64-4k kernel:linux-6.12@mips64-4k

    Exit status 1 if they part, 0 if they do not.
    """  # noqa: D301  # click does not wrap what follows a backspace
    delivery = Delivery(format_, output)
    delivery.check()

    found = side_by_side.diff(left, right, seed=seed, max_ops=max_ops, cc=cc)
    delivery.deliver((report.render_json if format_ == "json" else report.render_text)(found))
    return result.EXIT[report.verdict(found)]
