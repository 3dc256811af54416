# SPDX-License-Identifier: GPL-2.0-only
"""The declarations of Clang's syntax tree, each parsed if and only if it is looked at.

A kernel file declares a thousand functions, most of them in headers, and their bodies are nearly
all of 50 MB of text. What is proved reaches a few dozen.
"""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass
from typing import Any

from impl.kernel.errors import UnsupportedError

# Clang indents by two: what a declaration says of itself stands six in, what its children say ten.
_KIND = re.compile(rb'^      "kind": "(\w+)"', re.MULTILINE)
_NAME = re.compile(rb'^      "name": "([^"\\]*)"', re.MULTILINE)
_BODY = re.compile(rb'^          "kind": "CompoundStmt"', re.MULTILINE)
_HEAD, _BETWEEN, _END = b'\n  "inner": [\n    {\n', b"\n    },\n    {\n", b"\n    }\n  ]\n}"


@dataclass(frozen=True)
class Declaration:
    """A declaration at the top of a file: its kind and name as Clang calls them, '' for none.

    ``defined`` says of a function whether its body is here. Ids in its ``text`` are those of one
    run of the compiler: of two, ``part`` says which. Where it is ``packed``, zlib did so.
    """

    kind: str
    name: str
    defined: bool
    text: bytes
    part: int = 0
    packed: bool = False

    def parsed(self) -> dict[str, Any]:
        """Return all that Clang says of it. Raises UnsupportedError where that cannot be read."""
        try:
            text = zlib.decompress(self.text) if self.packed else self.text
            found: dict[str, Any] = json.loads(text)
        except (ValueError, zlib.error):
            raise _unreadable() from None
        return found


def declarations(tree: bytes, part: int = 0) -> list[Declaration]:
    """Return the declarations of a syntax tree as Clang writes it, in the order of the file.

    ``part`` is noted in each.

    Raises UnsupportedError where it is no such text.
    """
    head, found, rest = tree.partition(_HEAD)
    inner, end, after = rest.rpartition(_END)
    if not head.startswith(b"{") or not found or not end or after.strip():
        raise _unreadable()
    texts = (b"    {\n" + text + b"\n    }" for text in inner.split(_BETWEEN))
    return [_declaration(text, part) for text in texts]


def _declaration(text: bytes, part: int) -> Declaration:
    kind, name = _KIND.search(text), _NAME.search(text)
    if kind is None:
        raise _unreadable()
    defined = kind[1] == b"FunctionDecl" and _BODY.search(text) is not None
    return Declaration(kind[1].decode(), name[1].decode() if name else "", defined, text, part)


def _unreadable() -> UnsupportedError:
    return UnsupportedError("the compiler's syntax tree cannot be read")
