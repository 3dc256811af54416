# SPDX-License-Identifier: GPL-2.0-only
"""The command that builds an exported C file against a tree and runs it in the emulator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from slatcheck import output
from slatcheck.commands import completion
from slatcheck.commands.delivery import Delivery, say
from slatcheck.commands.options import cc_option, kernel_option
from slatcheck.errors import InputError
from support.lazy import lazily

with lazily():
    from slatcheck.document import result
    from slatcheck.export import running


@click.command("run", short_help="Run an exported C file on a kernel tree.")
@click.argument("file", type=click.Path(path_type=Path))
@kernel_option("The Linux source tree to build it against.", required=True)
@click.option(
    "--layout",
    metavar="NAME",
    shell_complete=completion.layouts,
    help="Another layout than the one that the file was made for.",
)
@cc_option
@click.option(
    "--program",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Keep the program in FILE as well: static, for Linux on the architecture or qemu-user.",
)
def command(
    file: Path, kernel: Path, layout: str | None, cc: str | None, program: Path | None
) -> int:
    """Run a file of 'export --as c' or '--as kunit' on a kernel tree.

    It is built against the tree and slatcheck's own headers, with nothing else within reach, and
    run in an emulator that lets it print and end. Exit status 1 if the finding shows, 0 if not,
    3 if neither can be said.
    """
    if program is not None:
        output.check_writable(program)
    exported = running.read(file)
    if layout is not None:
        chosen, order = running.named(layout)
        exported = replace(exported, layout=chosen, byte_order=order)
    image = running.build(exported, kernel, cc)
    if program is not None:
        try:
            program.write_bytes(image.elf)
            program.chmod(0o755)
        except OSError as problem:
            raise InputError(f"cannot write {program}: {problem.strerror}") from None
    verdict, ran = running.run(image)
    Delivery("text", None).deliver(_tame(ran.output))
    if ran.fault:
        say(ran.fault)
    if verdict is result.Verdict.UNKNOWN:
        say("unknown: it did not come to an answer")
    return result.EXIT[verdict]


def _tame(text: str) -> str:
    """Return what a program printed without characters that a terminal would act on."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)
