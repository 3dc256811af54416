# SPDX-License-Identifier: GPL-2.0-only
"""The layouts of one tree: which it has, and where its entries differ from the newest trees'."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from impl.kernel.errors import UnsupportedError
from impl.kernel.features import features
from impl.kernel.kconfig import refusal
from impl.kernel.tree import Tree, open_tree
from model.layout import Layout
from model.ports.mips.layouts import SoftwareBits, with_bits


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
    return with_bits(layout, SoftwareBits(**own)) if own else layout


def at(kernel: Path | None, layout: Layout) -> Layout:
    """Return the layout as the tree at ``kernel`` has it; as the model has it without a tree."""
    return layout if kernel is None else layout_in(open_tree(kernel), layout)
