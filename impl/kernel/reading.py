# SPDX-License-Identifier: GPL-2.0-only
"""What a result depends on in a tree: the files that were read, and the names of all headers."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from impl.kernel.tree import Files

_NAMES = ""
_COARSE = 20_000_000
"""Nanoseconds by which the clock of a file system may be behind that of programs."""


def judged(root: Path, port: Files) -> list[Path]:
    """Return the files of a tree that are read for meaning."""
    return [root / name for name in port.sources if (root / name).is_file()]


def files(root: Path, recorded: Mapping[str, str]) -> list[Path]:
    """Return the files of which something is recorded."""
    return [root / name for name in recorded if name != _NAMES]


def record(root: Path, port: Files, files: Iterable[Path]) -> dict[str, str] | None:
    """Return the digest of each of ``files`` by its name in the tree, and that of all headers.

    None where one of them is gone: an editor may take it away at any instant.
    """
    names = {str(file.relative_to(root)) for file in files}
    try:
        read = {name: _digest(root / name) for name in sorted(names)}
    except OSError:
        return None
    return {_NAMES: headers(root, port), **read}


def now() -> int:
    """Return the time in nanoseconds as ``written_since`` has it."""
    return time.time_ns() - _COARSE


def written_since(files: Iterable[Path], then: int) -> bool:
    """Return whether one of ``files`` was written, or went away, since ``then`` (``now()``).

    What was made meanwhile may be of its old content, and must not be kept for the new one.
    """
    try:
        return any(file.stat().st_mtime_ns >= then for file in files)
    except OSError:
        return True


def unchanged(root: Path, port: Files, recorded: Mapping[str, str]) -> bool:
    """Return whether every file reads as when it was recorded, and no header came or went.

    Raises OSError where a file is gone.
    """
    return all(
        (headers(root, port) if name == _NAMES else _digest(root / name)) == text
        for name, text in recorded.items()
    )


def headers(root: Path, port: Files) -> str:
    """Return the digest of the names of all headers that a tree has where a port's are looked for.

    Folders are listed again only where one of them changed since.
    """
    key = root, port.headers
    known = _LISTED.get(key)
    if known is None or not known.valid():
        known = _LISTED[key] = _listed(root, port.headers)
    return known.digest


@dataclass(frozen=True)
class _Listing:
    """The names below some folders, as long as none of the folders changes."""

    digest: str
    stamps: tuple[tuple[str, int], ...]

    def valid(self) -> bool:
        """Return whether every folder is as it was listed: a name that comes or goes changes it."""
        return all(_changed(folder) == stamp for folder, stamp in self.stamps)


_LISTED: dict[tuple[Path, tuple[str, ...]], _Listing] = {}
_ABSENT = -1


def _changed(folder: str) -> int:
    """Return when a folder last changed, in nanoseconds; _ABSENT where there is none."""
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return _ABSENT


def _listed(root: Path, folders: tuple[str, ...]) -> _Listing:
    digest = hashlib.sha256()
    stamps = []
    for folder in folders:
        # Before the listing: what comes while it is made is seen by the next look at the stamp.
        top = str(root / folder)
        stamps.append((top, _changed(top)))
        for where, below, files in os.walk(top):
            below.sort()
            stamps += [(path, _changed(path)) for path in (f"{where}/{name}" for name in below)]
            inside = os.path.relpath(where, root)
            digest.update(f"{inside}\0{sorted(files)}\0".encode(errors="replace"))
    return _Listing(digest.hexdigest(), tuple(stamps))


@cache
def _read(path: Path, stamp: tuple[int, int]) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest(path: Path) -> str:
    status = path.stat()
    return _read(path, (status.st_mtime_ns, status.st_size))
