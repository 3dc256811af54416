# SPDX-License-Identifier: GPL-2.0-only
"""The command that writes a finding as a program: a pytest file, a C reproducer, a KUnit suite."""

from __future__ import annotations

from pathlib import Path

import click

from slatcheck.commands.delivery import Delivery, say
from slatcheck.commands.options import cause_option, cc_option, finding_option, kernel_option
from slatcheck.errors import InputError
from support.lazy import lazily

with lazily():
    from slatcheck.export import c_form, kunit_form, program, pytest_form, running
    from slatcheck.export import case as cases
    from slatcheck.judge import traces


@click.command("export", short_help="Write a finding as a test or a C program.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--as",
    "form",
    type=click.Choice(["pytest", "c", "kunit"]),
    required=True,
    help="A pytest file, a C program, or a KUnit suite for the tree.",
)
@finding_option("export")
@cause_option("export")
@kernel_option("The Linux source tree that shows the finding, where FILE is about a kernel.")
@cc_option
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to FILE, whole or not at all, instead of stdout.",
)
def command(
    file: Path,
    form: str,
    finding: str | None,
    cause: str | None,
    kernel: Path | None,
    cc: str | None,
    output: Path | None,
) -> int:
    """Write a finding as a test that fails until it is mended.

    FILE is a replay file, as 'check --replay-dir' writes them, or a JSON report of 'check' or
    'prove'. The finding is run first, and so is what was written of it, if it is C: a file that
    shows nothing is refused.

    \b
      slatcheck export replays/FILE --as pytest --kernel ~/linux -o test_finding.py
      slatcheck export replays/FILE --as c --kernel ~/linux -o finding.c
      slatcheck run finding.c --kernel ~/linux
    """  # noqa: D301  # click does not wrap what follows a backspace
    delivery = Delivery(form, output)
    delivery.check()

    trace = traces.load(file, finding, cause)
    if form != "pytest" and trace.implementation != "kernel":
        raise InputError(
            f"{trace.fingerprint} was found in the built-in page table, which is no C: "
            "export it --as pytest"
        )
    text = _written(cases.of(trace, kernel, cc, file), form, kernel, cc)
    delivery.deliver(text)
    if output is not None:
        say(f"{trace.fingerprint} on {trace.layout.name}; it is in {output}")
    return 0


def _written(case: cases.Case, form: str, kernel: Path | None, cc: str | None) -> str:
    """Return the file of a form. Raises InputError where it would not show the finding."""
    if form == "pytest":
        return pytest_form.render_pytest(case)

    assert kernel is not None
    text = c_form.render_c(case) if form == "c" else kunit_form.render_kunit(case)
    exported = running.Exported(text, program.Form(form), case.layout, case.trace.byte_order)
    running.require_shown(exported, case.trace.fingerprint, kernel, cc)
    return text
