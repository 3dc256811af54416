# SPDX-License-Identifier: GPL-2.0-only
"""What is kept on disk between runs: where it lies, what tells that it is valid, and its use."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import Enum
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from support import outside
from support.differences import Differ

Value = TypeVar("Value")


class Mode(Enum):
    """What is done with what is kept.

    ``USE``: it is taken. ``OFF``: nothing is taken and nothing kept. ``AUDIT``: all is done again,
    and a difference is an error. ``ENFORCE``: what is not kept is an error.
    """

    USE = "use"
    OFF = "off"
    AUDIT = "audit"
    ENFORCE = "enforce"


class CacheError(Exception):
    """What is kept differs from what is made anew, or is missing where it must be there."""


def folder() -> Path:
    """Return where proofs are kept: below $XDG_CACHE_HOME or ~/.cache, or $SLATCHECK_CACHE."""
    named = os.environ.get("SLATCHECK_CACHE")
    if named:
        return Path(named) / "proofs"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "slatcheck" / "proofs"


def place(mode: Mode) -> Path | None:
    """Return where results are kept, None where none are."""
    return None if mode is Mode.OFF else folder()


def settle(
    mode: Mode,
    what: str,
    kept: Value | None,
    make: Callable[[], Value],
    differ: Differ[Value],
) -> tuple[Value, bool]:
    """Return a result and whether it was made now: ``kept``, or else what ``make`` makes.

    Under audit it is made in any case; CacheError says where the two ``differ``. Under enforce
    CacheError says that there is nothing kept. ``what`` names the result in messages.
    """
    if kept is not None and mode is not Mode.AUDIT:
        return kept, False
    if kept is None and mode is Mode.ENFORCE:
        raise missing(what)
    made = make()
    if kept is not None and (where := differ(kept, made)):
        raise different(what, where)
    return made, kept is None


def if_kept(mode: Mode, make: Callable[[], Value]) -> Value | None:
    """Return what ``make`` makes under ``Mode.ENFORCE``, None where a part of it is not kept.

    Only a run that takes what is kept has it.
    """
    if mode is not Mode.USE:
        return None
    try:
        return make()
    except CacheError:
        return None


def missing(what: str) -> CacheError:
    """Return the error for what is not kept where it must be."""
    return CacheError(f"{what} is not kept, and '--cache enforce' does no work anew")


def different(what: str, where: str) -> CacheError:
    """Return the error for what is kept and differs somewhere when it is made anew."""
    return CacheError(
        f"what is kept of {what} is not what is made of it now ({where}): clear {folder()} and "
        "run again"
    )


class DamagedError(OSError):
    """What is kept is not what was written."""


def read(file: Path) -> str:
    """Return the text of a file that is kept; see ``read_bytes``."""
    return read_bytes(file).decode()


def read_bytes(file: Path) -> bytes:
    """Return what a file that is kept holds, and note that it was used.

    Raises OSError where there is none, or where it is not as it was written.
    """
    digest, end, content = file.read_bytes().partition(b"\n")
    if not end or digest != _digest_line(content):
        raise DamagedError(f"{file} is damaged")
    with suppress(OSError):
        # What was not used for longest is removed first.
        os.utime(file)
    return content


def _digest_line(content: bytes) -> bytes:
    """Return the first line of a file: what a disk does to the others shows."""
    return hashlib.sha256(content).hexdigest().encode()


def write(file: Path, text: str) -> None:
    """Write a text that ``read`` reads; where that fails, leave what was there."""
    write_bytes(file, text.encode())


def write_bytes(file: Path, content: bytes) -> None:
    """Write what ``read_bytes`` reads; where that fails, leave what was there."""
    replace(file, _digest_line(content) + b"\n" + content)


def replace(file: Path, content: bytes) -> None:
    """Write a file in one go; where that fails, leave what was there."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_name(f".{file.name}.{os.getpid()}")
        beside.write_bytes(content)
        beside.replace(file)
    except OSError:
        return


def digest_of(packages: Iterable[ModuleType], suffixes: tuple[str, ...], without: str = "") -> str:
    """Return the digest of the packages' files with these suffixes, by name and content.

    The ports that lie outside of them count as well. Folders called ``without`` are left out.
    """
    roots = tuple(Path(package.__path__[0]) for package in packages)
    return _digest((*roots, *outside.folders()), suffixes, without)


@cache
def _digest(roots: tuple[Path, ...], suffixes: tuple[str, ...], without: str) -> str:
    digest = hashlib.sha256()
    for root in roots:
        for file in sorted(root.rglob("*")):
            name = file.relative_to(root)
            if file.suffix in suffixes and without not in name.parts and file.is_file():
                digest.update(str(name).encode() + b"\0")
                digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()
