# SPDX-License-Identifier: GPL-2.0-only
"""Whether a change can matter: what of a tree is read for meaning, or included by what is."""

from __future__ import annotations

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

    ``paths`` are relative to the tree. It can where one is read for meaning, or lies where a
    header is looked for under a name that is included. Conditions around an include are not
    looked at: the answer errs towards yes.
    """
    wanted = set(paths)
    if wanted & set(SOURCES):
        return True
    headers = [one for one in wanted if one.startswith(tuple(f"{name}/" for name in FOLDERS))]
    if not headers:
        return False
    names = _included(tree)
    return any(_called(one) & names for one in headers)


def _called(path: str) -> set[str]:
    """Return the names by which a header can be included."""
    names = {path.removeprefix(f"{one}/") for one in INCLUDES if path.startswith(f"{one}/")}
    return names | {path.rpartition("/")[2]}


def _included(tree: Path) -> set[str]:
    """Return every name that is included, by us or by the tree."""
    todo = [file for folder in OURS for file in folder.rglob("*") if file.is_file()]
    todo += [tree / name for name in COMPILED]
    names: set[str] = set()
    seen: set[Path] = set()
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        told = {one[1].decode() for one in _INCLUDE.finditer(_bytes(file))}
        names |= told
        todo += [found for name in told for found in _lookup(tree, file, name)]
    return names


def _lookup(tree: Path, file: Path, name: str) -> Iterator[Path]:
    """Yield the file that an include means, where there is one."""
    folders = (file.parent, *OURS, *(tree / one for one in INCLUDES))
    yield from [one / name for one in folders if (one / name).is_file()][:1]


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
