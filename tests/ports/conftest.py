# SPDX-License-Identifier: GPL-2.0-only
"""The small port in every registry, and a copy of its tree to edit."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.layout import Layout
from tests.ports.small import port


@pytest.fixture
def small() -> Iterator[Layout]:
    """The layout of the small port, which is known as long as the test runs."""
    with port.registered() as layout:
        yield layout


@pytest.fixture
def tree(tmp_path: Path, small: Layout) -> Path:
    """A copy of the tree that carries the small port."""
    return Path(shutil.copytree(port.TREE, tmp_path / "tree"))
