# SPDX-License-Identifier: GPL-2.0-only
"""The shell commands in the YAML of the integrations, read without a YAML library."""

from __future__ import annotations

import re
from pathlib import Path

_BLOCK = re.compile(r"( *)(?:- )?(?:(?:[\w-]+): )?([|>])-?$")


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def blocks(lines: list[str]) -> list[str]:
    """Return the text of each block scalar: ``|`` as it stands, ``>`` folded to one line."""
    out = []
    for number, line in enumerate(lines):
        match = _BLOCK.match(line)
        if match is None:
            continue
        inner = []
        for text in lines[number + 1 :]:
            if text.strip() and _indent(text) <= len(match[1]):
                break
            inner.append(text)
        depth = min(_indent(text) for text in inner if text.strip())
        cut = [text[depth:] for text in inner]
        out.append(("\n" if match[2] == "|" else " ").join(cut).strip() + "\n")
    return out


def runs(action: Path) -> list[str]:
    """Return the scripts of the steps of a composite GitHub action."""
    lines = action.read_text().splitlines()
    return [
        block
        for number, line in enumerate(lines)
        if line.strip() == "run: |"
        for block in blocks(lines[number:])[:1]
    ]


def entries(template: Path, key: str) -> list[str]:
    """Return the entries of the list ``key`` of a job, block scalars as one line."""
    lines = template.read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.strip() == f"{key}:")
    depth = _indent(lines[start])
    inner = []
    for line in lines[start + 1 :]:
        if line.strip() and _indent(line) <= depth:
            break
        if line.strip() and not line.strip().startswith("#"):
            inner.append(line)
    out = []
    for number, line in enumerate(inner):
        if not line.strip().startswith("- "):
            continue
        text = line.strip()[2:]
        out.append(blocks(inner[number:])[0].strip() if text in (">-", "|") else text)
    return out
