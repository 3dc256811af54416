# SPDX-License-Identifier: GPL-2.0-only
"""The command that lists the rules, or explains one."""

from __future__ import annotations

from pathlib import Path

import click

from model.rules import RULES
from slatcheck import names
from slatcheck.commands import completion
from slatcheck.commands.delivery import Delivery
from slatcheck.commands.options import format_option, output_option
from support.lazy import lazily

with lazily():
    from slatcheck.reports import rules as report


@click.command("rule", short_help="List the rules, or explain one.")
@click.argument("name", required=False, shell_complete=completion.rules)
@format_option
@output_option
def command(name: str | None, format_: str, output: Path | None) -> int:
    """List the rules, or explain the rule NAME."""
    delivery = Delivery(format_, output)
    delivery.check()
    chosen = RULES if name is None else (names.find_rule(name),)
    if format_ == "json":
        text = report.render_json(chosen)
    else:
        text = report.render_list(chosen) if name is None else report.render_one(chosen[0])
    delivery.deliver(text)
    return 0
