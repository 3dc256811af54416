# SPDX-License-Identifier: GPL-2.0-only
"""What the user asks for in files: refused before the work starts, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from slatcheck.errors import InputError


def _why(problem: OSError) -> str:
    return problem.strerror or type(problem).__name__


def _is_plain(path: Path) -> bool:
    """Whether the path is, or would become, an ordinary file (a device or a pipe is not)."""
    return path.is_file() or not path.exists()


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name[:100]}.{os.getpid()}.tmp")


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)


def check_writable(path: Path) -> None:
    """Raise InputError where ``path`` cannot be written; touches nothing that is there."""
    if path.is_dir():
        raise InputError(f"cannot write {path}: it is a folder; name a file")
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {target.parent} does not exist")
    if target.exists() and not os.access(target, os.W_OK):
        raise InputError(f"cannot write {path}: permission denied")
    if _is_plain(target):
        _probe(path, target)


def _probe(path: Path, target: Path) -> None:
    trial = _temporary(target)
    try:
        os.close(_create(trial))
        trial.unlink()
    except OSError as problem:
        raise InputError(f"cannot write {path}: {_why(problem)}") from None


def write(path: Path, text: str) -> None:
    """Replace the content of ``path`` by ``text`` (UTF-8) in one step, through a file beside it.

    A device or a pipe is written directly. Raises InputError on failure; then what was there
    before still is.
    """
    target = Path(os.path.realpath(path))
    try:
        if _is_plain(target):
            _replace(target, text)
        else:
            with target.open("w", encoding="utf-8", errors="replace") as stream:
                stream.write(text)
    except OSError as problem:
        raise InputError(f"cannot write {path}: {_why(problem)}") from None


def _replace(target: Path, text: str) -> None:
    trial = _temporary(target)
    handle = _create(trial)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as stream:
            if target.exists():
                os.fchmod(stream.fileno(), target.stat().st_mode & 0o7777)
            stream.write(text)
        trial.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            trial.unlink()
        raise


def prepare_folder(path: Path) -> None:
    """Make the folder ``path`` unless it is there. Raises InputError where files cannot go in."""
    try:
        path.mkdir(exist_ok=True)
    except FileNotFoundError:
        raise InputError(f"cannot create {path}: its parent folder does not exist") from None
    except FileExistsError:
        raise InputError(f"cannot write into {path}: it is no folder") from None
    except OSError as problem:
        raise InputError(f"cannot create {path}: {_why(problem)}") from None
    _probe(path, path / "probe")


def check_new_folder(path: Path) -> None:
    """Raise InputError where ``path`` cannot become a folder: it must be new, or empty."""
    target = Path(os.path.realpath(path))
    if target.is_dir() and any(target.iterdir()):
        raise InputError(f"cannot write {path}: the folder is not empty")
    if target.exists() and not target.is_dir():
        raise InputError(f"cannot write {path}: it is no folder")
    if not target.parent.is_dir():
        raise InputError(f"cannot write {path}: the folder {target.parent} does not exist")
    _probe(path, target)


def write_folder(path: Path, files: Mapping[str, str]) -> None:
    """Make the new or empty folder ``path`` hold ``files``, by their names in it, in one step.

    Raises InputError on failure; then nothing of it is there.
    """
    target = Path(os.path.realpath(path))
    trial = _temporary(target)
    try:
        for name, text in files.items():
            file = trial / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        trial.rename(target)
    except OSError as problem:
        raise InputError(f"cannot write {path}: {_why(problem)}") from None
    finally:
        shutil.rmtree(trial, ignore_errors=True)
