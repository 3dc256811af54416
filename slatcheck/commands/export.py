# SPDX-License-Identifier: GPL-2.0-only
"""The command that writes findings as programs: a test, a C reproducer, a folder of tests."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from slatcheck import output as files
from slatcheck.commands import completion
from slatcheck.commands.delivery import Delivery, say
from slatcheck.commands.options import cause_option, cc_option, finding_option, kernel_option
from slatcheck.errors import InputError
from support.lazy import lazily

with lazily():
    from slatcheck.export import c_form, kunit_form, program, pytest_form, running
    from slatcheck.export import case as cases
    from slatcheck.export.testing import chosen, folder
    from slatcheck.judge import traces

FOLDER = "tools-testing"


@click.command("export", short_help="Write findings as tests or C programs.")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--as",
    "form",
    type=click.Choice(["pytest", "c", "kunit", FOLDER]),
    required=True,
    help="A pytest file, a C program, a KUnit suite for the tree, or a folder of tests that make "
    "builds with the host's compiler.",
)
@finding_option("export")
@cause_option("export")
@kernel_option("The Linux source tree that shows the finding, where FILE is about a kernel.")
@cc_option
@click.option(
    "--layout",
    metavar="NAME",
    shell_complete=completion.layouts,
    help=f"The layout of the tests, with --as {FOLDER}; not needed where FILE is about one.",
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write to FILE, whole or not at all, instead of stdout; a folder that is new or empty "
    f"with --as {FOLDER}.",
)
def command(
    file: Path | None,
    form: str,
    finding: str | None,
    cause: str | None,
    kernel: Path | None,
    cc: str | None,
    layout: str | None,
    output: Path | None,
) -> int:
    """Write a finding as a test that fails until it is mended.

    FILE is a replay file, as 'check --replay-dir' writes them, or a JSON report of 'check' or
    'prove'. The finding is run first, and so is what was written of it, if it is C: a file that
    shows nothing is refused. A folder of tests has all findings of a report; without FILE the
    layout is searched for them.

    \b
      slatcheck export replays/FILE --as pytest --kernel ~/linux -o test_finding.py
      slatcheck export replays/FILE --as c --kernel ~/linux -o finding.c
      slatcheck run finding.c --kernel ~/linux
      slatcheck export REPORT --as tools-testing --layout mips64-4k --kernel ~/linux -o tests
      make -C tests && tests/mmu-test
    """  # noqa: D301  # click does not wrap what follows a backspace
    if form == FOLDER:
        return _folder(file, finding, cause, kernel, cc, layout, output)
    if file is None or layout is not None:
        raise InputError(
            f"--layout is for --as {FOLDER}; a finding has one of its own"
            if layout
            else f"name the replay file or the report: only --as {FOLDER} can do without"
        )
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


def _folder(
    file: Path | None,
    finding: str | None,
    cause: str | None,
    kernel: Path | None,
    cc: str | None,
    layout: str | None,
    output: Path | None,
) -> int:
    """Write the folder of tests."""
    if kernel is None or output is None:
        raise InputError(f"--as {FOLDER} needs the tree with --kernel and a folder with --output")
    files.check_new_folder(output)
    found = None if file is None else traces.load_all(file, finding, cause)
    tests = chosen.choose(found, layout, kernel, cc)
    files.write_folder(output, folder.folder(tests, kernel, cc))
    for mark, reason in tests.refused.items():
        say(f"{mark} is no test: {reason}")
    where = shlex.quote(str(output))
    what = f"findings that are tests of {tests.layout.name}: {len(tests.cases)}"
    say(f"{what}; build and run them with: make -C {where} && {where}/mmu-test")
    return 0
