# SPDX-License-Identifier: GPL-2.0-only
"""The layouts of one tree: which it has, and where its entries differ from the newest trees'."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from impl.kernel.errors import UnsupportedError
from impl.kernel.kconfig import refusal
from impl.kernel.ports import features, open_for, port_of
from impl.kernel.tree import Tree
from model.layout import Layout


def layout_in(tree: Tree, layout: Layout) -> Layout:
    """Return the layout of this name as ``tree`` has it: its entries may have other bits.

    Raises UnsupportedError where the tree has none of this name.
    """
    why = refusal(tree, layout)
    if why:
        raise UnsupportedError(f"no {layout.name}: {why}")
    return _layout_in(tree, tree.digest(), layout)


@lru_cache(maxsize=256)
def _layout_in(tree: Tree, _digest: str, layout: Layout) -> Layout:
    own = {name: value for row in features(tree) for name, value in row.software}
    return port_of(tree).variant(layout, own) if own else layout


def at(kernel: Path | None, layout: Layout) -> Layout:
    """Return the layout as the tree at ``kernel`` has it; as the model has it without a tree."""
    return layout if kernel is None else layout_in(open_for(kernel, layout), layout)
