# SPDX-License-Identifier: GPL-2.0-only
"""The repaired G-stage table shows nothing; without one repair, its cause and no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kernels.gstage_repairs import LAYOUTS, REPAIRS, Repair, found, loaded, text, tree_with

BUDGET = 10_000
MILLION = 1_000_000
ALONE = 2_000
"""Enough for each cause to come back, in the layout that shows it soonest."""


@pytest.mark.parametrize("name", LAYOUTS)
def test_nothing_is_found(kernel_trees: dict[str, Path], tmp_path: Path, name: str) -> None:
    root = kernel_trees["6.12"]
    tree = tree_with(root, text(root), tmp_path / "linux")
    assert found(loaded(tree, name), BUDGET) == {}


@pytest.mark.thorough
@pytest.mark.parametrize("name", LAYOUTS)
def test_nothing_is_found_by_a_million(
    kernel_trees: dict[str, Path], tmp_path: Path, name: str
) -> None:
    root = kernel_trees["6.12"]
    tree = tree_with(root, text(root), tmp_path / "linux")
    assert found(loaded(tree, name), MILLION) == {}


@pytest.mark.parametrize("repair", REPAIRS, ids=str)
def test_a_cause_comes_back_by_itself(
    kernel_trees: dict[str, Path], tmp_path: Path, repair: Repair
) -> None:
    root = kernel_trees["6.12"]
    tree = tree_with(root, text(root, repair.name), tmp_path / "linux")
    shown = found(loaded(tree, repair.on), ALONE)
    assert shown
    assert {mark: said for mark, said in shown.items() if not repair.explains(mark)} == {}
