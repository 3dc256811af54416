# SPDX-License-Identifier: GPL-2.0-only
"""A page of the documentation as a session in a shell: commands are run, output is compared."""

from __future__ import annotations

import difflib
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_STATUS = re.compile(r"# exit status (\d+)$", re.MULTILINE)
# What slatcheck tells on stderr while it works.
_PROGRESS = re.compile(r"^(?:\[\d+/\d+\] .*|  new: .*)\n", re.MULTILINE)
_END = "@@@ end of block "


@dataclass(frozen=True)
class Block:
    """Commands of a page, and what it shows of their output; None where it shows nothing."""

    commands: str
    shown: str | None

    @property
    def statuses(self) -> list[int]:
        """The exit statuses other than 0 that the page announces, in order."""
        return [int(one) for one in _STATUS.findall(self.commands)]


@dataclass(frozen=True)
class Ran:
    """What a block printed, stdout and stderr as they came, and its statuses other than 0."""

    output: str
    statuses: list[int]


def read(page: Path) -> list[Block]:
    """Return the blocks of commands of a page, each with the block of output right after it."""
    text = page.read_text(encoding="utf-8")
    fenced = list(_FENCED.finditer(text))
    found = []
    for one, after in zip(fenced, [*fenced[1:], None], strict=True):
        if one[1] == "sh":
            at_once = after and after[1] == "text" and not text[one.end() : after.start()].strip()
            found.append(Block(one[2], after[2] if after and at_once else None))
    shown = [one for one in fenced if one[1] == "text"]
    assert len(shown) == sum(block.shown is not None for block in found), "output of no command"
    return found


def run(blocks: list[Block], folder: Path, env: Mapping[str, str]) -> list[Ran]:
    """Run all blocks in one shell, in ``folder``; it goes on where something fails."""
    # With -E the trap sees failures in functions too; a pipeline fails where any part does.
    lines = ["set -E -o pipefail", "failed=", "trap 'failed=\"$failed $?\"' ERR"]
    for number, block in enumerate(blocks):
        lines += [block.commands, f'printf "\\n{_END}{number}%s\\n" "$failed"', "failed="]
    script = folder / "session.sh"
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = subprocess.run(
        ["bash", "--norc", str(script)], cwd=folder, env=dict(env), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False,
    )  # fmt: skip
    found, rest = [], done.stdout
    for number in range(len(blocks)):
        parts = re.split(rf"\n{_END}{number}((?: \d+)*)\n", rest, maxsplit=1)
        assert len(parts) == 3, f"the session ended in block {number + 1}:\n{rest}"
        output, statuses, rest = parts
        found.append(Ran(_PROGRESS.sub("", output), [int(one) for one in statuses.split()]))
    return found


def matches(shown: str, output: str) -> bool:
    """Return whether a page shows what was printed.

    A line ``...`` stands for any number of lines, ``…`` for any text within a line.
    """
    parts = []
    for line in shown.splitlines():
        inside = ".*".join(map(re.escape, line.split("…")))
        parts.append("(?:.*\n)*?" if line.strip() == "..." else f"{inside}\n")
    plain = "".join(f"{line.rstrip()}\n" for line in output.strip("\n").splitlines())
    return re.fullmatch("".join(parts), plain) is not None


def compared(shown: str, output: str) -> str:
    """Return what is shown beside what was printed, for a person to see the difference."""
    return "\n".join(difflib.ndiff(shown.splitlines(), output.strip("\n").splitlines()))
