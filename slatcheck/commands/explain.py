# SPDX-License-Identifier: GPL-2.0-only
"""The command that shows a finding step by step, as a page, a picture or in the terminal."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from slatcheck.commands.delivery import Delivery, replay_command, say
from slatcheck.commands.options import cause_option, cc_option, finding_option, kernel_option
from slatcheck.errors import InputError
from support.lazy import lazily

with lazily():
    from slatcheck.explain import page, record, story, svg, teller, terminal
    from slatcheck.judge import traces


SUFFIXES = {".html": "html", ".htm": "html", ".svg": "svg"}
"""The form that a file's name asks for; any other name asks for text."""


@click.command("explain", short_help="Show a finding step by step, as a page or a picture.")
@click.argument("file", type=click.Path(path_type=Path))
@finding_option("show")
@cause_option("show")
@kernel_option("The Linux source tree to run the sequence on, where FILE is about a kernel.")
@cc_option
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "html", "svg"]),
    help="Form of the story. Default: by the name of the output, else text.",
)
@click.option(
    "--step",
    type=click.IntRange(1),
    metavar="N",
    help="The step that an SVG shows. Default: the one at which the promise is broken.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the story to FILE, whole or not at all, instead of stdout.",
)
def command(
    file: Path,
    finding: str | None,
    cause: str | None,
    kernel: Path | None,
    cc: str | None,
    format_: str | None,
    step: int | None,
    output: Path | None,
) -> int:
    """Show a finding step by step: the table, the address, what should have happened and did.

    FILE is a replay file, as 'check --replay-dir' writes them, or a JSON report of 'check' or
    'prove'. The sequence is run again; what is shown is what this run showed:

    \b
      slatcheck explain replays/FILE --kernel ~/linux
      slatcheck explain report.json --cause ID --kernel ~/linux -o story.html
      slatcheck explain replays/FILE --kernel ~/linux --step 2 -o step.svg

    Exit status 1 if the finding shows, 0 if no promise is broken any more.
    """  # noqa: D301  # click does not wrap what follows a backspace
    form = format_ or SUFFIXES.get(output.suffix.lower() if output else "", "text")
    if step is not None and form != "svg":
        raise InputError("--step picks the picture of an SVG; use it with --format svg")
    delivery = Delivery(form, output)
    delivery.check()

    trace = traces.load(file, finding, cause)
    recording = record.record(trace, kernel, cc, file)
    told = teller.tell(recording, _again(file, trace, kernel, cc))
    delivery.deliver(_render(told, form, step, output))
    if output is not None:
        say(f"{story.headline(told)}; the story is in {output}")
    return 0 if told.step is None else 1


def _again(file: Path, trace: traces.Trace, kernel: Path | None, cc: str | None) -> str:
    """Return the command that runs the trace again."""
    tree = kernel if trace.implementation == "kernel" else None
    return replay_command(file, tree, cc, None if trace.alone else trace.fingerprint)


def _render(told: story.Story, form: str, step: int | None, output: Path | None) -> str:
    if form == "html":
        return page.render(told)
    if form == "svg":
        if step is not None and step > len(told.steps):
            raise InputError(f"--step {step}: the run has {len(told.steps)} steps")
        return svg.render(told, step - 1 if step is not None else told.step or 0)

    return terminal.render(told, colour=output is None and sys.stdout.isatty())
