# SPDX-License-Identifier: GPL-2.0-only
"""Copies of real trees in which single files can be replaced, made by hard links."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

FOLDERS = ("arch/mips/include", "arch/mips/kvm", "arch/mips/mm", "include", "virt/kvm")


def _share(source: str, target: str) -> None:
    """Link a file; copy it where the folders are on different file systems."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def share(tree: Path, folder: Path) -> None:
    """Build a tree in ``folder`` that shares its files with ``tree``: write none in place."""
    for name in FOLDERS:
        shutil.copytree(tree / name, folder / name, symlinks=True, copy_function=_share)
    _share(str(tree / "Makefile"), str(folder / "Makefile"))


def edit(folder: Path, name: str, change: Callable[[str], str]) -> None:
    """Replace a file of a shared tree by what ``change`` makes of it."""
    path = folder / name
    text = path.read_text()
    changed = change(text)
    assert changed != text
    path.unlink()
    path.write_text(changed)
