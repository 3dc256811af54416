# SPDX-License-Identifier: GPL-2.0-only
"""The command line: options in, one report out, and an exit status that a script can trust."""

from __future__ import annotations

import os
import re
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

# click: nested commands, checked options and help texts without code of our own.
import click

from slatcheck import __version__, names, output
from slatcheck.errors import InputError
from slatcheck.options import (
    cc_option,
    format_option,
    jobs_option,
    layout_option,
    max_ops_option,
    output_option,
    quirk_option,
    replay_dir_option,
    seed_option,
)

if TYPE_CHECKING:
    from slatcheck.result import Document, Finding

# Whatever takes long to import is imported by the command that needs it: --help has to be quick.

USAGE = 2
OPEN = 3
INTERNAL = 4
INTERRUPTED = 130

_KERNEL_MODULES = frozenset({"elftools", "tree_sitter", "tree_sitter_c", "unicorn", "ziglang"})


@dataclass
class Settings:
    """What the options before the command say."""

    traceback: bool = False


@dataclass(frozen=True)
class Delivery:
    """Where a report goes and how it looks. Files are looked at before the work starts."""

    format: str
    output: Path | None
    replay_dir: Path | None = None

    def check(self) -> None:
        """Raise InputError where something cannot be written; makes the folder for replays."""
        if self.replay_dir is not None:
            output.prepare_folder(self.replay_dir)
        if self.output is not None:
            output.check_writable(self.output)

    def deliver(self, text: str) -> None:
        """Write the report; on stdout where its file turns out not to be writable after all."""
        if self.output is None:
            _to_stdout(text)
            return
        try:
            output.write(self.output, text)
        except InputError:
            _to_stdout(text)
            raise


def _to_stdout(text: str) -> None:
    """Print a report. A reader who has left does not change the exit status."""
    stream = sys.stdout
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="backslashreplace")
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except OSError as problem:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        raise InputError(f"cannot write the report: {problem.strerror}") from None


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--traceback", "show_traceback", is_flag=True, help="Show where the tool itself fails."
)
@click.version_option(__version__, prog_name="slatcheck")
@click.pass_obj
def cli(settings: Settings, show_traceback: bool) -> None:
    """Check that KVM's guest-physical page tables for MIPS keep their promises.

    Exit status: 0 everything holds; 1 something is violated; 2 wrong usage or input; 3 nothing is
    violated, but something is unknown, vacuous or unsupported; 4 the tool failed; 130 Ctrl-C.
    """
    settings.traceback = show_traceback


# layouts


@cli.command("layouts", short_help="List the layouts, and what guest RAM costs in each.")
@click.argument("patterns", nargs=-1, metavar="[NAME]...")
@click.option("--permitted", is_flag=True, help="Only layouts that Kconfig permits with KVM.")
@click.option(
    "--memory",
    "memory",
    multiple=True,
    metavar="RANGE",
    help="Show what guest RAM in RANGE costs; may be given more than once.",
)
@format_option
@output_option
def layouts_command(
    patterns: tuple[str, ...],
    permitted: bool,
    memory: tuple[str, ...],
    format_: str,
    output: Path | None,
) -> int:
    r"""List the page-table layouts, or those whose names match NAME (a shell pattern).

    With --memory, show what guest RAM costs in each as the linear array that the page table
    replaced, and as the page table. RANGE is START-END (END included), START+SIZE or START (the
    page it lies in), in hex or decimal, with K, M, G or T for units:

    \b
      slatcheck layouts mips32-16k --memory 0+256M --memory 0x1fc00000
      slatcheck layouts 'mips64-*' --permitted --memory 0x0-0xfffffff
    """
    from slatcheck import memory_ranges
    from slatcheck.reports import layouts as report

    delivery = Delivery(format_, output)
    delivery.check()
    ram = [memory_ranges.parse(one) for one in memory]
    chosen = names.find_layouts(patterns, permitted)
    render = report.render_json if format_ == "json" else report.render_text
    delivery.deliver(render(chosen, ram))
    return 0


# rule


@cli.command("rule", short_help="List the rules, or explain one.")
@click.argument("name", required=False)
@format_option
@output_option
def rule_command(name: str | None, format_: str, output: Path | None) -> int:
    """List the rules, or explain the rule NAME."""
    from model.rules import RULES
    from slatcheck.reports import rules as report

    delivery = Delivery(format_, output)
    delivery.check()
    chosen = RULES if name is None else (names.find_rule(name),)
    if format_ == "json":
        text = report.render_json(chosen)
    else:
        text = report.render_list(chosen) if name is None else report.render_one(chosen[0])
    delivery.deliver(text)
    return 0


# check


@cli.command("check", short_help="Judge a kernel tree, or the built-in page table.")
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
@format_option
@output_option
@replay_dir_option
def check_command(
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
    return _finish(document, delivery, kernel, cc)


# prove


@cli.command("prove", short_help="Prove a kernel tree's C, or the built-in page table.")
@click.option(
    "--kernel",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The Linux source tree whose C is to be proved; without it, the built-in page table.",
)
@layout_option
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also the layouts that Kconfig refuses, and "
    "for each quirk that it refutes just the theorems it should.",
)
@click.option(
    "--solver",
    default="z3",
    show_default=True,
    metavar="NAME[,NAME]",
    help="z3, bitwuzla, cvc5; of several, all must agree on every query.",
)
@click.option(
    "--emit-smt2",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write every obligation into DIR as SMT-LIB 2; each must be unsatisfiable.",
)
@click.option("--no-cache", is_flag=True, help="Prove again what was proved before.")
@jobs_option
@quirk_option
@cc_option
@format_option
@output_option
@replay_dir_option
def prove_command(
    kernel: Path | None,
    patterns: tuple[str, ...],
    everything: bool,
    solver: str,
    emit_smt2: Path | None,
    no_cache: bool,
    jobs: int,
    quirks: tuple[str, ...],
    cc: str | None,
    format_: str,
    output: Path | None,
    replay_dir: Path | None,
) -> int:
    """Prove that a kernel tree's C, or the built-in page table, keeps every promise.

    For all states, all addresses and all sequences of operations, at the real geometry of each
    layout. A refutation is shown only after it was replayed: on the tree, compiled.
    """
    if kernel is not None and (quirks or everything):
        raise InputError("--quirk and --all are about the built-in page table; leave --kernel out")
    chosen = names.layouts_to_prove(patterns, everything)
    names.check_quirks(quirks)
    solvers = names.check_solvers(solver)
    delivery = Delivery(format_, output, replay_dir)
    delivery.check()
    if emit_smt2 is not None:
        _prepare_folder(emit_smt2)

    from proofs.engine import Options
    from slatcheck import progress, prove

    request = prove.Request(
        layouts=chosen,
        kernel=kernel,
        cc=cc,
        quirks=tuple(dict.fromkeys(quirks)),
        each_quirk=everything and not quirks,
        jobs=jobs,
        options=Options(solvers, str(emit_smt2 or "")),
        cache=not no_cache,
    )
    with progress.shown() as report:
        document = prove.prove(request, report)
    return _finish(document, delivery, kernel, cc)


def _prepare_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise InputError(f"cannot make {folder}: {problem.strerror}") from None


# replay


@cli.command("replay", short_help="Run a finding again.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--kernel",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="The Linux source tree to run the sequence on, where FILE is about a kernel.",
)
@cc_option
@format_option
@output_option
def replay_command(
    file: Path, kernel: Path | None, cc: str | None, format_: str, output: Path | None
) -> int:
    """Run a finding again, from the FILE that 'check --replay-dir' wrote.

    Exit status 1 if it still shows, 0 if it no longer does.
    """
    delivery = Delivery(format_, output)
    delivery.check()

    from slatcheck import replay

    document = replay.replay(file, kernel, cc)
    again = _replay_command(file, kernel, cc)
    return _finish(document, delivery, kernel, cc, lambda finding: again)


# diff


@cli.command("diff", short_help="Find where two implementations or layouts part.")
@click.argument("left")
@click.argument("right")
@seed_option
@max_ops_option
@cc_option
@format_option
@output_option
def diff_command(
    left: str,
    right: str,
    seed: int,
    max_ops: int | None,
    cc: str | None,
    format_: str,
    output: Path | None,
) -> int:
    r"""Run LEFT and RIGHT on the same operations and show the first at which they part.

    Each is IMPLEMENTATION@LAYOUT, where the implementation is multilevel (the built-in page
    table), multilevel:QUIRK, linear (the array it replaced), model, or kernel:PATH:

    \b
      slatcheck diff multilevel@mips32-4k multilevel@mips64-4k
      slatcheck diff linear@mips32-16k multilevel@mips32-16k
      slatcheck diff kernel:linux-6.1@mips64-4k kernel:linux-6.12@mips64-4k

    Exit status 1 if they part, 0 if they do not.
    """
    delivery = Delivery(format_, output)
    delivery.check()

    from slatcheck import diff
    from slatcheck.reports import comparison as report
    from slatcheck.result import EXIT

    found = diff.diff(left, right, seed=seed, max_ops=max_ops, cc=cc)
    delivery.deliver((report.render_json if format_ == "json" else report.render_text)(found))
    return EXIT[report.verdict(found)]


# Reports of check and replay


def file_name(fingerprint: str) -> str:
    """Return the name of the replay file for a finding: its fingerprint with dots for slashes."""
    parts = (re.sub(r"[^A-Za-z0-9_-]+", "_", part) for part in fingerprint.split("/"))
    name = ".".join(parts)
    return f"{name[:200]}.json"


def _replay_command(file: Path, kernel: Path | None, cc: str | None) -> str:
    command = ["slatcheck", "replay", str(file)]
    if kernel is not None:
        command += ["--kernel", str(kernel)]
    if cc is not None:
        command += ["--cc", cc]
    return shlex.join(command)


def _finish(
    document: Document,
    delivery: Delivery,
    kernel: Path | None,
    cc: str | None,
    replay: Callable[[Finding], str] | None = None,
) -> int:
    """Deliver the report of a document, then its replay files; return the exit status."""
    from slatcheck.result import EXIT

    folder = delivery.replay_dir
    if folder is not None:

        def replay(finding: Finding) -> str:
            return _replay_command(folder / file_name(finding.fingerprint), kernel, cc)

    try:
        text = _rendered(document, delivery.format, replay)
    except Exception as problem:
        # The tool's own mistake must not cost the user what was found.
        delivery.deliver(getattr(problem, "text", None) or _raw(document))
        raise
    delivery.deliver(text)
    if folder is not None:
        _write_replays(document, folder)
    if delivery.output is not None:
        _say(f"{document.verdict.value}; the report is in {delivery.output}")
    return EXIT[document.verdict]


def _rendered(document: Document, format_: str, replay: Callable[[Finding], str] | None) -> str:
    if format_ == "json":
        from slatcheck.reports import json

        return json.render(document)
    from slatcheck.reports import text

    return text.render(document, replay)


def _raw(document: Document) -> str:
    import json

    return json.dumps(document.to_json(), indent=1, default=str) + "\n"


def _write_replays(document: Document, folder: Path) -> None:
    import json

    from slatcheck import replay

    for finding in document.findings:
        data = replay.replay_file(finding, finding.shown_on)
        text = json.dumps(data, indent=1) + "\n"
        output.write(folder / file_name(finding.fingerprint), text)


# The way in and out


def _say(message: str) -> None:
    """Print one line on stderr; control characters in it are made visible."""
    line = " ".join(message.split())
    line = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line)
    click.echo(f"slatcheck: {line}", err=True)


def _usage(problem: click.ClickException) -> int:
    if isinstance(problem, click.exceptions.NoArgsIsHelpError):
        click.echo(problem.format_message(), err=True)
        return USAGE
    context = getattr(problem, "ctx", None)
    command = context.command_path if context is not None else "slatcheck"
    _say(f"{problem.format_message().rstrip('.')}; see '{command} --help'")
    return USAGE


def _failure(problem: Exception, settings: Settings) -> int:
    """Say in one line what ended the run; return the exit status."""
    from impl.kernel.errors import TreeError, UnsupportedError

    if isinstance(problem, InputError | TreeError):
        _say(str(problem))
        return USAGE
    if isinstance(problem, UnsupportedError):
        _say(f"unsupported: {problem}")
        return OPEN
    if isinstance(problem, ModuleNotFoundError) and problem.name in _KERNEL_MODULES:
        _say(
            f"kernel trees need the Python module '{problem.name}': "
            "install slatcheck with its 'kernel' extra (make setup does)"
        )
        return USAGE
    if settings.traceback:
        traceback.print_exception(problem)
    what = f"{type(problem).__name__}: {problem}" if str(problem) else type(problem).__name__
    hint = "" if settings.traceback else " ('slatcheck --traceback COMMAND' shows where)"
    _say(f"internal error: {what}{hint}")
    return INTERNAL


def run(arguments: Sequence[str]) -> int:
    """Run the command that ``arguments`` give and return the exit status."""
    settings = Settings()
    # Not cli.main(): it ends with 1 on a broken pipe, which would read as 'violated'.
    try:
        with cli.make_context("slatcheck", list(arguments), obj=settings) as context:
            status = cli.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as problem:
        return _usage(problem)
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted")
        return INTERRUPTED
    except Exception as problem:
        return _failure(problem, settings)
    return int(status)


def main() -> None:
    """Run slatcheck as a program."""
    sys.exit(run(sys.argv[1:]))
