# SPDX-License-Identifier: GPL-2.0-only
"""What a shell can complete on a command line: names, fingerprints in a file, revisions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import click
from click.shell_completion import CompletionItem, shell_complete

from model import ports
from model.rules import RULES
from slatcheck.errors import InputError
from slatcheck.gate import bisect
from slatcheck.names import SOLVERS
from support.lazy import lazily

with lazily():
    from impl import ports as references
    from slatcheck.gate import baseline as baselines
    from slatcheck.git import revisions as commits

VARIABLE = "_SLATCHECK_COMPLETE"
"""The variable by which click's scripts for bash, zsh and fish ask; see docs/completion.md."""

# What a shell takes as it is: with anything else, a branch's name could become a command.
_PLAIN = re.compile(r"[\w./,@+-]+", re.ASCII)

Source = Callable[[click.Context], Iterable[tuple[str, str]]]
"""Gives (value, help) of all that may stand in a place, given what was typed so far."""
Completer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def answer(program: click.Command, asked: str) -> int:
    """Print what a shell asked for in ``VARIABLE`` and return the exit status."""
    return shell_complete(program, {}, "slatcheck", VARIABLE, asked)


def _completer(source: Source) -> Completer:
    def complete(
        context: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return what begins as typed. What cannot be read gives nothing: nobody asked to know."""
        try:
            return [
                CompletionItem(value, help=about or None)
                for value, about in source(context)
                if value.startswith(incomplete) and _PLAIN.fullmatch(value)
            ]
        except (InputError, OSError, ValueError, TypeError, RecursionError):
            return []

    return complete


def _path(typed: str | Path) -> Path:
    """Return a path that was typed; the shell has not expanded it yet."""
    return Path(typed).expanduser()


def _layouts(context: click.Context) -> Iterator[tuple[str, str]]:

    for layout in ports.layouts():
        yield layout.name, layout.refusal and f"refused: {layout.refusal}"


def _rules(context: click.Context) -> Iterator[tuple[str, str]]:

    return ((rule.name, rule.statement) for rule in RULES)


def _quirks(context: click.Context) -> Iterator[tuple[str, str]]:

    return ((quirk.name, quirk.statement) for quirk in references.every_quirk())


def _solvers(context: click.Context) -> Iterator[tuple[str, str]]:

    return ((solver, "") for solver in (*SOLVERS, ",".join(SOLVERS)))


def _known(context: click.Context) -> Iterator[tuple[str, str]]:
    """Yield the findings of the baseline that was named, and 'new' where it has a meaning."""
    baseline = context.params.get("baseline")
    if baseline is not None or context.params.get("against") is not None:
        yield bisect.NEW, "whatever is new"
    if baseline is not None:
        for entry in baselines.read(_path(baseline)).known.values():
            yield entry.fingerprint, entry.reason


def _found(context: click.Context) -> Iterator[tuple[str, str]]:
    """Yield the findings of the report, or of the replay file, that was named."""
    # The argument is not taken up yet where an option waits for its value.
    file = context.params.get("file") or next(iter(context.args), None)
    if file is None:
        return
    data = json.loads(_path(file).read_text(encoding="utf-8"))
    if not isinstance(data, dict):
        return
    # Of what may be damaged, only the names are wanted: traces.py reads it when it is run.
    for entry in (data, *data.get("findings", ())):
        mark = entry.get("fingerprint") if isinstance(entry, dict) else None
        if isinstance(mark, str):
            yield mark, ""


def _causes(context: click.Context) -> Iterator[tuple[str, str]]:
    """Yield the causes of the report that was named."""
    file = context.params.get("file") or next(iter(context.args), None)
    data = json.loads(_path(file).read_text(encoding="utf-8")) if file is not None else None
    for cause in data.get("causes", ()) if isinstance(data, dict) else ():
        if isinstance(cause, dict) and isinstance(cause.get("id"), str):
            yield cause["id"], str(cause.get("title", ""))


def _revisions(context: click.Context) -> Iterator[tuple[str, str]]:
    """Yield branches and tags of the tree's repository."""
    yield "HEAD", "the last commit"
    tree = _path(context.params.get("kernel") or ".")
    with suppress(InputError):
        names = ("--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags")
        found = commits.git(tree, "for-each-ref", *names, what="there are no revisions")
        yield from ((revision, "") for revision in found.splitlines())


def folders(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Let the shell complete names of folders."""
    return [CompletionItem(incomplete, type="dir")]


layouts = _completer(_layouts)
rules = _completer(_rules)
quirks = _completer(_quirks)
solvers = _completer(_solvers)
known = _completer(_known)
found = _completer(_found)
causes = _completer(_causes)
revisions = _completer(_revisions)
