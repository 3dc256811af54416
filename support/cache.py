# SPDX-License-Identifier: GPL-2.0-only
"""What is kept on disk between runs: where it lies, and what tells that it is still valid."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType


def folder() -> Path:
    """Return where proofs are kept: below $XDG_CACHE_HOME or ~/.cache, or $SLATCHECK_CACHE."""
    named = os.environ.get("SLATCHECK_CACHE")
    if named:
        return Path(named) / "proofs"
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "slatcheck" / "proofs"


def write(file: Path, text: str) -> None:
    """Write a file in one go; where that fails, leave what was there."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        beside = file.with_name(f".{file.name}.{os.getpid()}")
        beside.write_text(text, encoding="utf-8")
        beside.replace(file)
    except OSError:
        return


@cache
def digest_of(packages: Iterable[ModuleType], suffixes: tuple[str, ...], without: str = "") -> str:
    """Return the digest of the packages' files with these suffixes, by name and content.

    Folders called ``without`` are left out. ``packages`` must be hashable.
    """
    digest = hashlib.sha256()
    for package in packages:
        root = Path(package.__path__[0])
        for file in sorted(root.rglob("*")):
            name = file.relative_to(root)
            if file.suffix in suffixes and without not in name.parts and file.is_file():
                digest.update(str(name).encode() + b"\0")
                digest.update(file.read_bytes() + b"\0")
    return digest.hexdigest()
