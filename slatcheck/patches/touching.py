# SPDX-License-Identifier: GPL-2.0-only
"""Whether a change can matter: what of a tree is read for meaning, or included by what is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from impl.kernel.build import HERE
from impl.kernel.port import KernelPort
from impl.kernel.ports import KERNEL_PORTS

_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*[<"]([\w./+-]+)[>"]', re.MULTILINE)


def matters(tree: Path, paths: Iterable[str]) -> bool:
    """Return whether a change of one of ``paths`` can change a verdict; see those_that_matter()."""
    return bool(those_that_matter(tree, paths))


def those_that_matter(tree: Path, paths: Iterable[str]) -> set[str]:
    """Return those of ``paths`` whose change can change a verdict on the tree.

    ``paths`` are relative to the tree. It can where one is read for meaning, is a header that is
    included, or would be found in the place of one. Conditions around an include are not looked
    at: the answer errs towards yes.
    """
    tree = tree.resolve()
    wanted = set(paths)
    return {path for port in KERNEL_PORTS.values() for path in _read_by(port, tree, wanted)}


def _read_by(port: KernelPort, tree: Path, wanted: set[str]) -> set[str]:
    sources = wanted & set(port.files.sources)
    folders = tuple(f"{name}/" for name in port.files.headers)
    headers = {path for path in wanted if path.startswith(folders)}
    return sources | (headers & _looked_up(port, tree) if headers else set())


def _ours(port: KernelPort) -> tuple[Path, ...]:
    """Return where an include is looked for before the tree's own headers."""
    folders = (port.folder, HERE)
    return tuple(folder / part for folder in folders for part in ("shim", "runner"))


def _looked_up(port: KernelPort, tree: Path) -> set[str]:
    """Return every path of the tree that is looked at for an include, there or not.

    Of some files only parts are compiled, without what they include.
    """
    todo = [file for folder in _ours(port) for file in folder.rglob("*") if file.is_file()]
    todo += [tree / name for name in port.files.sources if name.endswith(".c")]
    looked_up: set[str] = set()
    seen: set[Path] = set()
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        for told in _INCLUDE.finditer(_bytes(file)):
            tried = list(_tried(port, tree, file, told[1].decode()))
            looked_up |= {_within(tree, path) for path in tried}
            todo += [path for path in tried[-1:] if path.is_file()]
    return looked_up - {""}


def _tried(port: KernelPort, tree: Path, file: Path, name: str) -> Iterator[Path]:
    """Yield the paths at which an include is looked for, until it is there."""
    includes = (tree / folder for folder in port.files.includes)
    for folder in (file.parent, *_ours(port), *includes):
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
