# SPDX-License-Identifier: GPL-2.0-only
"""What sets the trees of different ages apart, how each is recognised, and what the shim does.

A tree is known by what it contains, never by its version number, so that a vendor's tree with
backports is served by the same rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from impl.kernel.errors import TreeError
from impl.kernel.tree import Tree
from model.machines import ORDERS


@dataclass(frozen=True)
class Feature:
    """One way in which trees differ.

    A tree has it if and only if ``file`` contains ``pattern``, a regular expression. ``shim``
    says what stands for it, ``known`` how we know that this is what the tree's text means.
    ``software`` names bits of an entry, as the port does, that are not as in the newest trees,
    ``renames`` gives the tree's own names of functions, ``defines`` macros for the compiler,
    ``kconfig`` symbols that such a tree needs to be on, and ``layouts`` shell patterns of the
    layouts that it can be built for ('*': all), ``orders`` in which byte orders. ``beyond``
    matches the names of functions that this adds to the main file and that the model has no
    operation for, ``cases`` names what it adds to functions that are judged otherwise.
    """

    name: str
    since: str
    file: str
    pattern: str
    shim: str
    known: str
    defines: tuple[tuple[str, str], ...] = ()
    kconfig: tuple[str, ...] = ()
    layouts: tuple[str, ...] = ("*",)
    software: tuple[tuple[str, bool], ...] = ()
    renames: tuple[tuple[str, str], ...] = ()
    orders: tuple[str, ...] = ORDERS
    beyond: str = ""
    cases: tuple[str, ...] = ()


def text_of(tree: Tree, name: str) -> str:
    """Return the text of a file of the tree, '' where it has none."""
    try:
        return tree.read(name).decode(errors="replace")
    except TreeError:
        return ""


def features(tree: Tree, table: tuple[Feature, ...]) -> tuple[Feature, ...]:
    """Return what the tree has of a port's table, in its order."""
    files = dict.fromkeys(row.file for row in table)
    return _features(tree, table, tuple(_stamp(tree, name) for name in files))


def _stamp(tree: Tree, name: str) -> tuple[int, int]:
    try:
        status = (tree.root / name).stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=16)
def _features(
    tree: Tree, table: tuple[Feature, ...], _stamps: tuple[tuple[int, int], ...]
) -> tuple[Feature, ...]:
    """Read the files once: every layout of a process asks."""
    texts = {row.file: text_of(tree, row.file) for row in table}
    return tuple(row for row in table if re.search(row.pattern, texts[row.file]))


def defines(present: tuple[Feature, ...]) -> dict[str, str]:
    """Return the macros that the compiler is given for what a tree has."""
    return {name: value for row in present for name, value in row.defines}
