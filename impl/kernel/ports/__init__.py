# SPDX-License-Identifier: GPL-2.0-only
"""The ports of which the kernel's code is known, and trees opened as one of them reads them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from impl.kernel.binding import Binding
from impl.kernel.errors import TreeError, UnsupportedError
from impl.kernel.features import Feature
from impl.kernel.features import features as features_of
from impl.kernel.port import KernelPort
from impl.kernel.ports.mips import MIPS
from impl.kernel.ports.riscv import RISCV
from impl.kernel.tree import Tree, recognised
from model.layout import Layout
from model.ports import PORTS

KERNEL_PORTS: dict[str, KernelPort] = {port.files.port: port for port in (MIPS, RISCV)}
"""Every port by its name; a new one is added here."""


def kernel_port(name: str) -> KernelPort:
    """Return the port called ``name``. Raises KeyError where there is none."""
    return KERNEL_PORTS[name]


def port_of(tree: Tree) -> KernelPort:
    """Return the port that reads a tree."""
    return KERNEL_PORTS[tree.files.port]


def trees_in(path: Path) -> dict[str, Tree]:
    """Return the tree at ``path`` as each port reads it whose code it has, by the port's name.

    Raises TreeError, with what to do, where it is no tree or has none.
    """
    root, version = recognised(path)
    known = [port.files for port in KERNEL_PORTS.values()]
    present = {
        files.port: Tree(root, version, files) for files in known if (root / files.main).is_file()
    }
    if present:
        return present
    titles = " or ".join(f"{files.title} ({files.main})" for files in known)
    raise TreeError(
        f"{path} (Linux {version}) has no {known[0].main}: the tree must carry {titles}, what is "
        "known so far, with its headers, so give a whole tree"
    )


def open_tree(path: Path, port: str = "") -> Tree:
    """Return the tree at ``path`` as a port reads it: the first that it has, where none is named.

    Raises TreeError, with what to do, where it is no tree or lacks the port's files.
    """
    present = trees_in(path)
    name = port or next(iter(present))
    if name not in present:
        files = kernel_port(name).files
        raise TreeError(f"{path} has no {files.main}: it does not carry {files.title}")
    tree = present[name]
    for needed in tree.files.needed:
        tree.read(needed)
    return tree


def open_for(path: Path, layout: Layout) -> Tree:
    """Return the tree at ``path`` as the port of a layout reads it. Raises TreeError."""
    return open_tree(path, layout.port)


def read_as(path: Path, layouts: Iterable[Layout]) -> list[Tree]:
    """Return a tree as the ports of ``layouts`` read it, as its first port where there are none.

    Raises TreeError.
    """
    ports = list(dict.fromkeys(layout.port for layout in layouts))
    return [open_tree(path, port) for port in ports] or [open_tree(path)]


def digest_of(trees: Sequence[Tree]) -> str:
    """Return a hash of the files that are judged, in hex; that of the one tree if there is one."""
    each = [tree.digest() for tree in trees]
    if len(each) == 1:
        return each[0]
    return hashlib.sha256(" ".join(each).encode()).hexdigest()[: len(each[0])]


def bind(tree: Tree) -> Binding:
    """Tie ``tree`` to the runner.

    Raises TreeError where a file is cut off, UnsupportedError where it lacks a function.
    """
    found = port_of(tree).bind(tree)
    for kind, name in PORTS[tree.files.port].functions.items():
        if kind not in found.missing and name not in found.places:
            actual = found.entries.get(name, name)
            raise UnsupportedError(f"not bound: {tree.files.main} defines no function {actual}")
    return found


def features(tree: Tree) -> tuple[Feature, ...]:
    """Return what sets the tree apart from others, in the order of its port's table."""
    return features_of(tree, port_of(tree).features)
