# SPDX-License-Identifier: GPL-2.0-only
"""A patch as it comes by mail: its bytes, and the files that it names."""

from __future__ import annotations

import email
import re
from dataclasses import dataclass
from typing import BinaryIO

from slatcheck.errors import InputError

LONGEST = 16 << 20
"""Bytes of a patch that are read; what is longer was not written by hand."""

# Each line by which a diff names a file; text that looks like one costs time and nothing else.
_NAMES = re.compile(
    rb"^(?:---|\+\+\+|(?:rename|copy) (?:from|to)) +(.+?)(?:\t.*)?\r?$", re.MULTILINE
)
_BOTH = re.compile(rb'^diff --git ("?)(.+?)\1 ("?)(\w/.+?)\3\r?$', re.MULTILINE)
_DIFF = re.compile(rb"^(diff --git |--- )", re.MULTILINE)
_BINARY = re.compile(rb"^GIT binary patch\r?$", re.MULTILINE)
_HEADER = re.compile(rb"[A-Za-z][\w-]*:|From ")
_BASE = re.compile(rb"^base-commit: ([0-9a-f]{40,64})\r?$", re.MULTILINE)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_LETTERS = {b"a": 7, b"b": 8, b"t": 9, b"n": 10, b"v": 11, b"f": 12, b"r": 13}


@dataclass(frozen=True)
class Patch:
    """A patch. ``texts`` are what may be its diff, the likeliest first: none where it has none.

    ``paths`` are the files it names, as git writes them and without their first folder too.
    ``base`` is the commit it says that it was made on, '' where it does not.
    """

    texts: tuple[bytes, ...]
    paths: frozenset[str]
    base: str


def read(stream: BinaryIO) -> Patch:
    """Return the patch that comes from a stream. Raises InputError where that is no mail or diff.

    A mail without any diff, such as a cover letter, is a patch that touches nothing.
    """
    data = stream.read(LONGEST + 1)
    if len(data) > LONGEST:
        raise InputError(f"the patch on stdin is longer than {LONGEST >> 20} MiB")
    if not data.strip():
        raise InputError("there is no patch on stdin")
    texts = _texts(data)
    if not texts and not _HEADER.match(data.lstrip()):
        raise InputError("what is on stdin is neither a mail nor a patch")
    if any(_BINARY.search(text) for text in texts):
        raise InputError("the patch on stdin has binary parts, which are not applied")
    base = next((match[1].decode() for match in map(_BASE.search, texts) if match), "")
    return Patch(texts, frozenset(path for text in texts for path in _paths(text)), base)


def _texts(data: bytes) -> tuple[bytes, ...]:
    """Return the diffs in a mail: as it stands, and decoded.

    b4 hands over a body that is decoded already, under the header that says how it was encoded.
    """
    found = [data]
    message = email.message_from_bytes(data)
    for part in message.walk():
        body = part.get_payload(decode=True)
        if isinstance(body, bytes):
            found.append(body)
    unix = (text.replace(b"\r\n", b"\n") for text in found)
    return tuple(text for text in dict.fromkeys(unix) if _DIFF.search(text))


def _paths(text: bytes) -> set[str]:
    named = [match[1] for match in _NAMES.finditer(text)]
    named += [name for match in _BOTH.finditer(text) for name in (match[2], match[4])]
    whole = {_unquoted(name).decode(errors="replace") for name in named} - {"/dev/null"}
    return whole | {path.partition("/")[2] for path in whole}


def _unquoted(name: bytes) -> bytes:
    """Return a path that git may have written in quotes, with escapes as in C."""
    name = name.strip().removeprefix(b'"').removesuffix(b'"')
    return _ESCAPE.sub(_plain, name)


def _plain(escape: re.Match[bytes]) -> bytes:
    told = escape[1]
    number = int(told, 8) & 0xFF if len(told) == 3 else _LETTERS.get(told)
    return told if number is None else bytes([number])
