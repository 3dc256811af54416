# SPDX-License-Identifier: GPL-2.0-only
"""What a result depends on in a tree: the files that were read, and the names of all headers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from impl.kernel.tree import Files

_NAMES = ""


def judged(root: Path, port: Files) -> list[Path]:
    """Return the files of a tree that are read for meaning."""
    return [root / name for name in port.sources if (root / name).is_file()]


def files(root: Path, recorded: Mapping[str, str]) -> list[Path]:
    """Return the files of which something is recorded."""
    return [root / name for name in recorded if name != _NAMES]


def record(root: Path, port: Files, files: Iterable[Path]) -> dict[str, str]:
    """Return the digest of each of ``files`` by its name in the tree, and that of all headers."""
    names = {str(one.relative_to(root)) for one in files}
    return {_NAMES: _headers(root, port), **{name: _digest(root / name) for name in sorted(names)}}


def unchanged(root: Path, port: Files, recorded: Mapping[str, str]) -> bool:
    """Return whether every file reads as when it was recorded, and no header came or went.

    Raises OSError where a file is gone.
    """
    return all(
        (_headers(root, port) if name == _NAMES else _digest(root / name)) == text
        for name, text in recorded.items()
    )


def _headers(root: Path, port: Files) -> str:
    digest = hashlib.sha256()
    for folder in port.headers:
        for where, folders, files in os.walk(root / folder):
            folders.sort()
            inside = os.path.relpath(where, root)
            digest.update(f"{inside}\0{sorted(files)}\0".encode(errors="replace"))
    return digest.hexdigest()


@cache
def _read(path: Path, stamp: tuple[int, int]) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest(path: Path) -> str:
    status = path.stat()
    return _read(path, (status.st_mtime_ns, status.st_size))
