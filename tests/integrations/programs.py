# SPDX-License-Identifier: GPL-2.0-only
"""What the integrations call: slatcheck itself, or one that notes its arguments and obeys."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[2]
INTEGRATIONS = ROOT / "integrations"


def script(path: Path, text: str) -> Path:
    """Write an executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def real(folder: Path) -> Path:
    """Return a program that is this checkout's slatcheck."""
    return script(
        folder / "slatcheck",
        f"#!{sys.executable}\n"
        "import sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from slatcheck import cli\n"
        "if __name__ == '__main__':\n"
        "    sys.exit(cli.run(sys.argv[1:]))\n",
    )


@dataclass
class Fake:
    """A program that notes how it is called, prints ``out`` and ends with ``status``."""

    path: Path
    log: Path

    def calls(self) -> list[list[str]]:
        """Return the arguments of each call so far."""
        if not self.log.exists():
            return []
        return [line.split("\0")[:-1] for line in self.log.read_text().splitlines()]


def fake(path: Path, status: int = 0, out: str = "", err: str = "") -> Fake:
    """Return a program that pretends. With --output its report goes to that file."""
    log = path.with_suffix(".calls")
    script(
        path,
        "#!/bin/sh\n"
        f"{{ printf '%s\\0' \"$@\"; echo; }} >>{shlex.quote(str(log))}\n"
        "target=/dev/stdout\n"
        'while [ $# -gt 0 ]; do [ "$1" != --output ] || target=$2; shift; done\n'
        f'printf %s {shlex.quote(out)} >"$target"\n'
        f"printf %s {shlex.quote(err)} >&2\n"
        f"exit {status}\n",
    )
    return Fake(path, log)


def parsed(arguments: list[str]) -> click.Context:
    """Return what slatcheck's command line makes of ``arguments``; raises what it would refuse."""
    name, *rest = arguments
    command: click.Command = import_module(f"slatcheck.commands.{name}").command
    return command.make_context(name, rest)


def environment(**changes: str | Path) -> dict[str, str]:
    """Return this process's environment with changes, without what make passes down."""
    kept = {key: value for key, value in os.environ.items() if key not in _PASSED_DOWN}
    return kept | {key: str(value) for key, value in changes.items()}


_PASSED_DOWN = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "KERNEL", "PYTEST_ARGS")
