# SPDX-License-Identifier: GPL-2.0-only
"""What a document says of the tree that is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from impl.kernel.errors import UnsupportedError
from impl.kernel.ports import bind, features, open_tree
from impl.kernel.toolchain import find
from model.ports import PORTS


def kernel_facts(path: Path | None, cc: str | None) -> dict[str, Any] | None:
    """Return what the document says of a tree; None without one.

    Opens, binds and finds the compiler before any work, so that bad input is told at once:
    raises TreeError.
    """
    if path is None:
        return None

    tree = open_tree(path)
    functions = PORTS[tree.files.port].functions
    compiler = find(cc)
    try:
        missing = sorted(functions[kind] for kind in bind(tree).missing)
    except UnsupportedError:
        missing = sorted(functions.values())
    return {
        "version": tree.version,
        "digest": tree.digest(),
        "compiler": compiler.version,
        "instrumented": compiler.instrumented,
        "not_bound": missing,
        "mmu_blob": tree.blob(tree.files.main),
        "features": [row.name for row in features(tree)],
    }
