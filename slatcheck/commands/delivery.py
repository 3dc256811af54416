# SPDX-License-Identifier: GPL-2.0-only
"""Where reports go: to stdout or a file, replay files beside them, and the exit status."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from impl.kernel.errors import TreeError, UnsupportedError
from slatcheck import output
from slatcheck.document.identity import slug
from slatcheck.errors import InputError
from support import cache, upkeep
from support.lazy import lazily
from support.outside import OutsideError

with lazily():
    from slatcheck.document import result
    from slatcheck.judge import replay as replays
    from slatcheck.reports import forms


USAGE = 2
"""The exit status of a run that bad input ended."""
OPEN = 3
"""The exit status where nothing is violated, and something is open."""
INTERRUPTED = 130
"""The exit status of a run that Ctrl-C ended."""
REFUSALS = (InputError, TreeError, OutsideError, UnsupportedError)
"""What ends a run by what it was given, and not by what it does."""


@dataclass(frozen=True)
class Delivery:
    """Where a report goes and how it looks. Files are looked at before the work starts.

    ``subject`` and ``origin`` are what a form may be asked for, as slatcheck.reports.forms has it.
    """

    format: str
    output: Path | None
    replay_dir: Path | None = None
    subject: str = ""
    origin: str = ""
    verbose: bool = False

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


def file_name(fingerprint: str) -> str:
    """Return the name of the replay file for a finding: its fingerprint with dots for slashes."""
    return f"{slug(fingerprint)[:200]}.json"


def replay_command(
    file: Path, kernel: Path | None, cc: str | None, finding: str | None = None
) -> str:
    """Return the command that runs a replay file, or a report's finding, again, for a shell."""
    command = ["slatcheck", "replay", str(file)]
    if finding is not None:
        command += ["--finding", finding]
    if kernel is not None:
        command += ["--kernel", str(kernel)]
    if cc is not None:
        command += ["--cc", cc]
    return shlex.join(command)


def finish(
    document: result.Document,
    delivery: Delivery,
    kernel: Path | None,
    cc: str | None,
    replay: Callable[[result.Finding], str] | None = None,
) -> int:
    """Deliver the report of a document, then its replay files; return the exit status."""
    folder = delivery.replay_dir
    if folder is not None:

        def replay(finding: result.Finding) -> str:
            return replay_command(folder / file_name(finding.fingerprint), kernel, cc)

    asked = forms.Asked(kernel, delivery.subject, delivery.origin or forms.ORIGIN, delivery.verbose)
    try:
        text = forms.render(delivery.format, document, replay, asked)
    except InputError:
        raise  # what was asked for is not there: the same run, asked otherwise, has it
    except Exception as problem:
        # The tool's own mistake must not cost the user what was found.
        delivery.deliver(getattr(problem, "text", None) or _raw(document))
        raise
    delivery.deliver(text)
    if folder is not None:
        _write_replays(document, folder)
    if delivery.output is not None:
        say(f"{document.decides.value}; the report is in {delivery.output}")
    if document.tool.get("interrupted"):
        say("interrupted; the report has what was found until then")
        return INTERRUPTED
    return result.EXIT[document.decides]


def _raw(document: result.Document) -> str:

    return json.dumps(document.to_json(), indent=1, default=str) + "\n"


def _write_replays(document: result.Document, folder: Path) -> None:

    for finding in document.findings:
        data = replays.replay_file(finding, finding.shown_on)
        text = json.dumps(data, indent=1) + "\n"
        output.write(folder / file_name(finding.fingerprint), text)


def say(message: str) -> None:
    """Print one line on stderr; control characters in it are made visible."""
    line = " ".join(message.split())
    line = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in line)
    click.echo(f"slatcheck: {line}", err=True)


def refused(problem: Exception) -> int:
    """Say in one line what a run was refused for, one of REFUSALS; return the exit status."""
    if isinstance(problem, UnsupportedError):
        say(f"unsupported: {problem}")
        return OPEN
    say(str(problem))
    return USAGE


def tidy_up() -> None:
    """Remove what was not used for longest where more is kept than may be."""
    try:
        upkeep.trim(cache.folder(), upkeep.limit())
    except ValueError as problem:
        say(f"warning: {problem}; nothing was removed")
