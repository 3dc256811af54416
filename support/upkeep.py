# SPDX-License-Identifier: GPL-2.0-only
"""The size of what is kept on disk: seen, limited to what was used last, and cleared."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "SLATCHECK_CACHE_LIMIT"
"""The environment variable that names the limit; '0' stands for none."""
DEFAULT = "2G"
TABLE, USED = "kept", "used"
"""The one table of a database that is kept, and its column that says when a row was last used."""
_SIZE = re.compile(r"(\d+)\s*([KMGT]?)(?:i?B)?", re.ASCII | re.IGNORECASE)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True)
class Stored:
    """A file that is kept: its size in bytes, and when it was last used, in epoch seconds."""

    path: Path
    size: int
    used: float


def stored(folder: Path) -> Iterator[Stored]:
    """Yield every file that is kept in a folder; of a folder that is not there, none."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        # A file may go while it is looked at: other runs tidy up as well.
        with suppress(OSError):
            if entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                yield Stored(Path(entry.path), status.st_size, status.st_mtime)


def size_of(text: str) -> int:
    """Return a size in bytes, such as of '500M' or '2G' (powers of 1024). Raises ValueError."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"'{text}' is no size: write a number with K, M, G or T, such as 500M")
    return int(found[1]) * _UNITS[found[2].upper()]


def limit() -> int:
    """Return how many bytes may be kept, 0 for any number. Raises ValueError."""
    try:
        return size_of(os.environ.get(VARIABLE) or DEFAULT)
    except ValueError as problem:
        raise ValueError(f"{VARIABLE}: {problem}") from None


def trim(folder: Path, most: int) -> list[Stored]:
    """Remove files, those first that were not used for longest, until ``most`` bytes are left.

    Returns what was removed. With ``most`` 0 nothing is. A database loses rows in the same order
    where it has more than half of that. Safe while other runs use the folder: what is gone counts
    as never kept.
    """
    if not most:
        return []
    for file in list(stored(folder)):
        if file.path.suffix == ".sqlite" and file.size > most // 2:
            _shorten(file, most // 2)
    files = sorted(stored(folder), key=lambda file: (file.used, file.path.name))
    excess = sum(file.size for file in files) - most
    removed: list[Stored] = []
    for file in files:
        if excess <= 0:
            break
        if _is_database(file.path):
            continue
        removed += _removed([file])
        excess -= file.size
    return removed


def _shorten(file: Stored, most: int) -> None:
    """Remove from a database what was not used for longest; one that is in use stays as it is."""
    # A little less than may be, so that the next run need not do so again.
    share = 0.8 * most / file.size
    with suppress(sqlite3.Error), closing(sqlite3.connect(file.path, timeout=0)) as database:
        database.isolation_level = None
        ((rows,),) = database.execute(f"SELECT count(*) FROM {TABLE}")
        oldest = f"SELECT rowid FROM {TABLE} ORDER BY {USED}, rowid LIMIT ?"
        database.execute(
            f"DELETE FROM {TABLE} WHERE rowid IN ({oldest})", (rows - int(share * rows),)
        )
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def clear(folder: Path) -> list[Stored]:
    """Remove everything that is kept in a folder; returns what was removed."""
    # The longer names first: those beside a database must not outlive it and meet a new one.
    return _removed(sorted(stored(folder), key=lambda file: len(file.path.name), reverse=True))


def _is_database(path: Path) -> bool:
    """Return whether other processes may have a file open for writing."""
    return ".sqlite" in path.name


def _removed(files: Iterable[Stored]) -> list[Stored]:
    gone = []
    for file in files:
        with suppress(OSError):
            file.path.unlink()
            gone.append(file)
    return gone
