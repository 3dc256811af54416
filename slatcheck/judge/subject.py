# SPDX-License-Identifier: GPL-2.0-only
"""What a document says of the tree that is judged."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from impl.kernel.errors import UnsupportedError
from impl.kernel.ports import bind, digest_of, features, read_as
from impl.kernel.toolchain import find
from impl.kernel.tree import Tree
from model.layout import Layout
from model.ports import PORTS


def kernel_facts(
    path: Path | None, cc: str | None, layouts: Iterable[Layout] = ()
) -> dict[str, Any] | None:
    """Return what the document says of a tree; None without one.

    It is said of the ports of ``layouts``, of the tree's first where there are none. Opens, binds
    and finds the compiler before any work, so that bad input is told at once: raises TreeError.
    """
    if path is None:
        return None

    trees = read_as(path, layouts)
    compiler = find(cc)
    return {
        "version": trees[0].version,
        "digest": digest_of(trees),
        "compiler": compiler.version,
        "instrumented": compiler.instrumented,
        "not_bound": sorted({name for tree in trees for name in _missing(tree)}),
        "mmu_blob": trees[0].blob(trees[0].files.main),
        "features": [row.name for tree in trees for row in features(tree)],
    }


def _missing(tree: Tree) -> list[str]:
    functions = PORTS[tree.files.port].functions
    try:
        return [functions[kind] for kind in bind(tree).missing]
    except UnsupportedError:
        return list(functions.values())
