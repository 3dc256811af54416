# SPDX-License-Identifier: GPL-2.0-only
"""The command that lists the layouts, and what guest RAM costs in each."""

from __future__ import annotations

from pathlib import Path

import click

from slatcheck import memory_ranges, names
from slatcheck.commands import completion
from slatcheck.commands.delivery import Delivery
from slatcheck.commands.options import output_option
from slatcheck.errors import InputError
from support.lazy import lazily

with lazily():
    from slatcheck.reports import layouts as report


@click.command("layouts", short_help="List the layouts, and what guest RAM costs in each.")
@click.argument("patterns", nargs=-1, metavar="[NAME]...", shell_complete=completion.layouts)
@click.option("--permitted", is_flag=True, help="Only layouts that Kconfig permits with KVM.")
@click.option(
    "--memory",
    "memory",
    multiple=True,
    metavar="RANGE",
    help="Show what guest RAM in RANGE costs; may be given more than once.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "svg"]),
    default="text",
    help="Form of the answer; svg is the picture of one layout.",
)
@output_option
def command(
    patterns: tuple[str, ...],
    permitted: bool,
    memory: tuple[str, ...],
    format_: str,
    output: Path | None,
) -> int:
    """List the page-table layouts, or those whose names match NAME (a shell pattern).

    A single NAME without wildcards is explained: which bits of an address index which level, how
    far the tables reach, what they cost, what lies beyond.

    With --memory, show what guest RAM costs in each as the linear array that the page table
    replaced, and as the page table. RANGE is START-END (END included), START+SIZE or START (the
    page it lies in), in hex or decimal, with K, M, G or T for units:

    \b
      slatcheck layouts mips32-16k --memory 0+256M --memory 0x1fc00000
      slatcheck layouts 'mips64-*' --permitted --memory 0x0-0xfffffff
    """  # noqa: D301  # click does not wrap what follows a backspace
    delivery = Delivery(format_, output)
    delivery.check()
    if format_ == "svg" and (memory or not report.names_one(patterns)):
        raise InputError("--format svg draws one layout: give a single NAME, without --memory")
    ram = [memory_ranges.parse(text) for text in memory]
    chosen = names.find_layouts(patterns, permitted)
    delivery.deliver(report.render(format_, patterns, chosen, ram))
    return 0
