# SPDX-License-Identifier: GPL-2.0-only
"""Lines of a plain mail: ASCII, 72 columns, nothing that a reader could take for a header."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator, Sequence

from slatcheck.display.words import clean

WIDTH = 72
_PLAIN = str.maketrans({"—": "-", "–": "-", "·": "-", "’": "'", "×": "x", "…": "..."})


def plain(text: str) -> str:
    """Return a text in one line of ASCII; what has no such form is escaped."""
    told = clean(text).translate(_PLAIN)
    return told.encode("ascii", "backslashreplace").decode()


def subject(text: str) -> Iterator[str]:
    """Yield the subject, folded where it is long."""
    yield from textwrap.wrap(
        f"Subject: {plain(text)}", WIDTH, subsequent_indent=" ", break_on_hyphens=False
    )


def heading(text: str) -> Iterator[str]:
    """Yield a heading and what underlines it."""
    yield from (text, "-" * len(text), "")


def paragraph(text: str) -> Iterator[str]:
    """Yield a text in lines, and an empty line; nothing at all for an empty text."""
    told = textwrap.wrap(plain(text), WIDTH, break_on_hyphens=False)
    yield from [_not_from(line) for line in told]
    yield from [""][: len(told)]


def item(mark: str, text: str) -> Iterator[str]:
    """Yield an item of a list: its mark, and the text beside it."""
    first = f"  {mark}"
    yield from textwrap.wrap(
        plain(text),
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_on_hyphens=False,
    )


def verbatim(line: str) -> Iterator[str]:
    """Yield a line as it stands, indented, in pieces where it is too long."""
    lead = line[: len(line) - len(line.lstrip(" "))]
    yield from textwrap.wrap(
        plain(line),
        WIDTH,
        initial_indent=f"    {lead}",
        subsequent_indent="        ",
        break_on_hyphens=False,
    )


def command(words: Sequence[str]) -> Iterator[str]:
    """Yield a command for a shell; a long one goes on after a backslash, never within an option."""
    line = "   "
    for part in _parts([shlex.quote(plain(word)) for word in words]):
        if len(line) + len(part) + 3 > WIDTH and line.strip():
            yield f"{line} \\"
            line = "       "
        line += f" {part}"
    yield line


def _parts(words: Sequence[str]) -> list[str]:
    """Return the words, each option together with its value."""
    parts: list[str] = []
    for word in words:
        if parts and parts[-1].startswith("--") and " " not in parts[-1] and word[:1] != "-":
            parts[-1] += f" {word}"
        else:
            parts.append(word)
    return parts


def _not_from(line: str) -> str:
    """Return a line that no mailbox takes for the start of the next mail."""
    return f" {line}"[:WIDTH] if line.startswith("From ") else line
