# SPDX-License-Identifier: GPL-2.0-only
"""Copies of real trees in which single files can be replaced, made by hard links."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from impl.kernel import images
from impl.kernel.binding import Binding
from impl.kernel.build import Image
from impl.kernel.ports import bind, open_tree
from impl.kernel.toolchain import find
from impl.kernel.tree import Tree
from model.layout import Layout
from model.ports import layout
from support.cache import Mode, place

FOLDERS = ("arch/mips/include", "arch/mips/kvm", "arch/mips/mm", "include", "virt/kvm")


def _share(source: str, target: str) -> None:
    """Link a file; copy it where the folders are on different file systems."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def share(tree: Path, folder: Path, folders: tuple[str, ...] = FOLDERS) -> None:
    """Build a tree in ``folder`` that shares its files with ``tree``: write none in place."""
    for name in folders:
        shutil.copytree(tree / name, folder / name, symlinks=True, copy_function=_share)
    _share(str(tree / "Makefile"), str(folder / "Makefile"))


@cache
def read(tree: Path) -> frozenset[str]:
    """Return the files of a tree that are read when it is compiled or judged."""
    opened = open_tree(tree)
    sources = {name for name in opened.files.sources if (tree / name).is_file()}
    binding = bind(opened)
    for name in ("mips32-4k", "mips32-16k-xpa", "mips64-4k", "mips64-4k-va48"):
        image = image_of(opened, binding, layout(name))
        sources |= {str(file.relative_to(opened.root)) for file in image.files}
    return frozenset(sources | {"Makefile"})


def share_what_is_read(tree: Path, folder: Path) -> None:
    """Share the files that are read, and no others: git has less to do with them."""
    link(tree, folder, read(tree))


def link(tree: Path, folder: Path, names: Iterable[str]) -> None:
    """Build a tree in ``folder`` that shares the named files with ``tree``."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        _share(str(tree / name), str(folder / name))


def edit(folder: Path, name: str, change: Callable[[str], str]) -> None:
    """Replace a file of a shared tree by what ``change`` makes of it."""
    path = folder / name
    text = path.read_text()
    changed = change(text)
    assert changed != text
    path.unlink()
    path.write_text(changed)


def image_of(
    tree: Tree, binding: Binding, one: Layout, big_endian: bool = True, cc: str | None = None
) -> Image:
    """Return the image of a layout; what an edit leaves alone is compiled once for all tests."""
    return images.image(tree, binding, one, big_endian, find(cc), place(Mode.USE))
