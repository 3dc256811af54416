# SPDX-License-Identifier: GPL-2.0-only
"""Options of the command line that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from slatcheck import names
from slatcheck.commands import completion
from slatcheck.errors import InputError
from slatcheck.reports import forms
from support.cache import Mode

EVIDENCE = ("proof", "contract", "differential")
"""The kinds of evidence that a check may rest on."""

F = TypeVar("F", bound=Callable[..., Any])


def format_option(function: F) -> F:
    """Add the option of this name."""
    return _format(("text", "json"))(function)


def report_option(function: F) -> F:
    """Add the option --format of the commands that judge: every form of a result document."""
    return _format(forms.NAMES)(function)


def _format(kinds: Sequence[str]) -> Callable[[F], F]:
    return click.option(
        "--format",
        "format_",
        type=click.Choice(kinds),
        default="text",
        help="Form of the report; text unless another is asked for.",
    )


def verbose_option(function: F) -> F:
    """Add the option of this name."""
    return click.option(
        "--verbose",
        is_flag=True,
        help="Let the text report show every finding, and all that the verdict rests on.",
    )(function)


def output_option(function: F) -> F:
    """Add the option of this name."""
    return click.option(
        "--output",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write the report to FILE, whole or not at all, instead of stdout.",
    )(function)


def kernel_option(what: str, required: bool = False) -> Callable[[F], F]:
    """Add the option --kernel; ``what`` says what the tree is for."""
    return click.option(
        "--kernel",
        type=click.Path(path_type=Path),
        metavar="PATH",
        shell_complete=completion.folders,
        required=required,
        help=what,
    )


def finding_option(verb: str) -> Callable[[F], F]:
    """Add the option --finding, which picks one of a report; ``verb`` is what is done with it."""
    return click.option(
        "--finding",
        metavar="FINGERPRINT",
        shell_complete=completion.found,
        help=f"Which finding of a report to {verb}; not needed where there is only one.",
    )


def cause_option(verb: str) -> Callable[[F], F]:
    """Add the option --cause, which picks the finding that shows a cause of a report best."""
    return click.option(
        "--cause",
        metavar="ID",
        shell_complete=completion.causes,
        help=f"Which cause of a report to {verb}, by the finding that shows it best.",
    )


def cc_option(function: F) -> F:
    """Add the option of this name."""
    return click.option(
        "--cc",
        metavar="COMPILER",
        help="An installed clang, or a gcc for the architecture, to compile the tree with.",
    )(function)


def seed_option(function: F) -> F:
    """Add the option of this name."""
    return click.option(
        "--seed",
        type=click.IntRange(0, (1 << 64) - 1),
        default=0,
        show_default=True,
        metavar="N",
        help="The same seed and budget give the same findings.",
    )(function)


def max_ops_option(function: F) -> F:
    """Add the option of this name."""
    return click.option(
        "--max-ops",
        type=click.IntRange(1),
        metavar="N",
        help="Operations to try on each layout.",
    )(function)


def evidence_option(function: F) -> F:
    """Add the option of this name."""
    return click.option(
        "--evidence",
        type=click.Choice(EVIDENCE),
        multiple=True,
        default=EVIDENCE,
        help="What the verdict is to rest on; may be given more than once. Default: all three.",
    )(function)


def layout_option(function: F) -> F:
    """Add --layout, and --arch, which stands for the layouts of one architecture."""

    @wraps(function)
    def chosen(*args: Any, patterns: tuple[str, ...], arch: str | None, **more: Any) -> Any:
        return function(*args, patterns=names.of_arch(patterns, arch), **more)

    return _arch(_layout(cast("F", chosen)))


def _arch(function: F) -> F:
    return click.option(
        "--arch",
        type=click.Choice(names.architectures()),
        help="Only the layouts of one architecture. Default: those that the tree has.",
    )(function)


def _layout(function: F) -> F:
    return click.option(
        "--layout",
        "patterns",
        multiple=True,
        metavar="NAME",
        shell_complete=completion.layouts,
        help="A layout, or a shell pattern among the permitted ones; may be given more than once, "
        "with :be or :le for one byte order only. "
        "Default: all that Kconfig permits with KVM.",
    )(function)


def jobs_option(function: F) -> F:
    """Add the option of this name."""
    return click.option(
        "--jobs",
        type=click.IntRange(0),
        default=0,
        metavar="N",
        help="Processes to use; 0, the default, is one a core.",
    )(function)


def quirk_option(function: F) -> F:
    """Add the option of this name."""
    return click.option(
        "--quirk",
        "quirks",
        multiple=True,
        metavar="NAME",
        shell_complete=completion.quirks,
        help="Switch on a behaviour of the kernel in the built-in page table.",
    )(function)


def replay_dir_option(function: F) -> F:
    """Add the option of this name."""
    return click.option(
        "--replay-dir",
        type=click.Path(path_type=Path),
        metavar="DIR",
        shell_complete=completion.folders,
        help="Write a file for 'slatcheck replay' for each finding into DIR.",
    )(function)


def cache_option(function: F) -> F:
    """Add the option of this name."""
    return click.option(
        "--cache",
        type=click.Choice([mode.value for mode in Mode]),
        default=Mode.USE.value,
        show_default=True,
        callback=lambda context, parameter, value: Mode(value),
        help="What to do with results that are kept: use them; off: do all work anew and keep "
        "nothing; audit: do it anew all the same, a difference is an error; enforce: a result "
        "that is not kept is an error.",
    )(function)


def gate_options(function: F) -> F:
    """Add the options that say what counts: --baseline, --against, --fail-on and --bisect."""
    for option in (
        click.option(
            "--bisect",
            metavar="FINGERPRINT",
            shell_complete=completion.known,
            help="Answer 'git bisect run': is this finding there? With --baseline or --against, "
            "'new' asks for whatever is new.",
        ),
        click.option(
            "--fail-on",
            type=click.Choice(["unsafe", "imprecise"]),
            help="The least severe finding that fails the run; imprecise, the default, is any.",
        ),
        click.option(
            "--against",
            metavar="REV",
            shell_complete=completion.revisions,
            help="Judge this git revision of the tree as well; only what is new fails the run.",
        ),
        click.option(
            "--baseline",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Findings that are known, as 'slatcheck baseline' writes them.",
        ),
    ):
        function = option(function)
    return function


def subject_options(function: F) -> F:
    """Add --cause and --finding, which say what a mail is about."""
    for option in (
        click.option(
            "--finding",
            "subject",
            metavar="FINGERPRINT",
            shell_complete=completion.found,
            help="The same, by one of its findings.",
        ),
        click.option(
            "--cause",
            metavar="ID",
            help="With --format mail: the cause to write about; not needed where there is only "
            "one.",
        ),
    ):
        function = option(function)
    return function


def subject_of(cause: str | None, finding: str | None) -> str:
    """Return what a mail is to be about, '' where that was left open. Raises InputError for two."""
    if cause is not None and finding is not None:
        raise InputError("--cause and --finding both say what the mail is about: give one of them")
    return cause or finding or ""
