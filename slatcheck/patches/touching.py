# SPDX-License-Identifier: GPL-2.0-only
"""Whether a change can matter: what of a tree is read for meaning, or included by what is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from impl.kernel.build import HERE, INCLUDES
from impl.kernel.reading import FOLDERS
from impl.kernel.tree import SOURCES

OURS = (HERE / "shim", HERE / "runner")
"""Where an include is looked for before the tree: those of the tree's headers never come in."""
COMPILED = tuple(one for one in SOURCES if one.endswith(".c"))
"""The files of a tree that are compiled. Of some only parts are, without what they include."""

_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*[<"]([\w./+-]+)[>"]', re.MULTILINE)


def matters(tree: Path, paths: Iterable[str]) -> bool:
    """Return whether a change of ``paths`` can change a verdict on the tree.

    ``paths`` are relative to the tree. It can where one is read for meaning, is a header that is
    included, or would be found in the place of one. Conditions around an include are not looked
    at: the answer errs towards yes.
    """
    tree = tree.resolve()
    wanted = set(paths)
    if wanted & set(SOURCES):
        return True
    headers = {one for one in wanted if one.startswith(tuple(f"{name}/" for name in FOLDERS))}
    return bool(headers) and bool(headers & _looked_up(tree))


def _looked_up(tree: Path) -> set[str]:
    """Return every path of the tree that is looked at for an include, there or not."""
    todo = [file for folder in OURS for file in folder.rglob("*") if file.is_file()]
    todo += [tree / name for name in COMPILED]
    looked_up: set[str] = set()
    seen: set[Path] = set()
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        for told in _INCLUDE.finditer(_bytes(file)):
            tried = list(_tried(tree, file, told[1].decode()))
            looked_up |= {_within(tree, one) for one in tried}
            todo += [one for one in tried[-1:] if one.is_file()]
    return looked_up - {""}


def _tried(tree: Path, file: Path, name: str) -> Iterator[Path]:
    """Yield the paths at which an include is looked for, until it is there."""
    for folder in (file.parent, *OURS, *(tree / one for one in INCLUDES)):
        yield folder / name
        if (folder / name).is_file():
            return


def _within(tree: Path, path: Path) -> str:
    """Return a path relative to the tree, '' where it lies elsewhere."""
    whole = os.path.normpath(path)
    return whole.removeprefix(f"{tree}/") if whole.startswith(f"{tree}/") else ""


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
