# SPDX-License-Identifier: GPL-2.0-only
"""The command line: options in, one report out, and an exit status that a script can trust."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

# click: nested commands, checked options and help texts without code of our own.
import click

from slatcheck import __version__, commands
from slatcheck.commands import completion
from slatcheck.commands.delivery import INTERRUPTED, REFUSALS, USAGE, refused, say, tidy_up
from slatcheck.gate import bisect
from support import outside
from support.cache import CacheError

# Whatever takes long to import is imported by the command that needs it: --help has to be quick.

INTERNAL = 4

_KERNEL_MODULES = frozenset({"elftools", "tree_sitter", "tree_sitter_c", "unicorn", "ziglang"})


@dataclass
class Settings:
    """What the options before the command say."""

    traceback: bool = False


class Commands(click.Group):
    """The commands of slatcheck.commands, each imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in alphabetical order."""
        return list(commands.NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, None where there is none of this name."""
        if cmd_name not in commands.NAMES:
            return None
        command: click.Command = import_module(f"slatcheck.commands.{cmd_name}").command
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--traceback", "show_traceback", is_flag=True, help="Show where the tool itself fails."
)
@click.version_option(__version__, prog_name="slatcheck")
@click.pass_obj
def cli(settings: Settings, show_traceback: bool) -> None:
    """Check that KVM's guest-physical page tables keep their promises.

    Exit status: 0 everything holds; 1 something is violated; 2 wrong usage or input; 3 nothing is
    violated, but something is unknown, vacuous or unsupported; 4 the tool failed; 130 Ctrl-C.
    """
    settings.traceback = show_traceback


def _usage(problem: click.ClickException) -> int:
    if isinstance(problem, click.exceptions.NoArgsIsHelpError):
        click.echo(problem.format_message(), err=True)
        return USAGE
    context = getattr(problem, "ctx", None)
    command = context.command_path if context is not None else "slatcheck"
    say(f"{problem.format_message().rstrip('.')}; see '{command} --help'")
    return USAGE


def _failure(problem: Exception, settings: Settings) -> int:
    """Say in one line what ended the run; return the exit status."""
    if isinstance(problem, REFUSALS):
        return refused(problem)
    if isinstance(problem, bisect.Skipped):
        say(f"skip: {problem}")
        return bisect.SKIP
    if isinstance(problem, ModuleNotFoundError) and problem.name in _KERNEL_MODULES:
        say(
            f"the Python module '{problem.name}' is missing: "
            "install slatcheck again with its dependencies (make setup does)"
        )
        return USAGE
    if isinstance(problem, CacheError):
        say(f"error: {problem}")
        return INTERNAL
    if settings.traceback:
        traceback.print_exception(problem)
    what = f"{type(problem).__name__}: {problem}" if str(problem) else type(problem).__name__
    hint = "" if settings.traceback else " ('slatcheck --traceback COMMAND' shows where)"
    say(f"internal error: {what}{hint}")
    return INTERNAL


def run(arguments: Sequence[str]) -> int:
    """Run the command that ``arguments`` give and return the exit status."""
    settings = Settings()
    # Not cli.main(): it ends with 1 on a broken pipe, which would read as 'violated'.
    try:
        outside.load()
        with cli.make_context("slatcheck", list(arguments), obj=settings) as context:
            status = cli.invoke(context)
            tidy_up()
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as problem:
        return _usage(problem)
    except (KeyboardInterrupt, click.Abort):
        say("interrupted")
        return INTERRUPTED
    except Exception as problem:
        return _failure(problem, settings)
    return int(status)


def _asked_by_bisect(arguments: Sequence[str]) -> bool:
    return any(argument == "--bisect" or argument.startswith("--bisect=") for argument in arguments)


def main() -> None:
    """Run slatcheck as a program."""
    asked = os.environ.get(completion.VARIABLE)
    if asked:
        sys.exit(completion.answer(cli, asked))
    # What other packages bring for Hypothesis is of no use here; to load it takes a quarter second.
    os.environ.setdefault("HYPOTHESIS_NO_PLUGINS", "1")
    status = run(sys.argv[1:])
    # 'git bisect run' takes most failures for a bad revision: wrong usage has to stop it.
    sys.exit(bisect.status(status) if _asked_by_bisect(sys.argv[1:]) else status)
