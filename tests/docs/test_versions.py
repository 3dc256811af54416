# SPDX-License-Identifier: GPL-2.0-only
"""The page on kernel versions says what the tables of features say."""

from __future__ import annotations

from pathlib import Path

import pytest

from impl.kernel.features import Feature
from impl.kernel.ports import KERNEL_PORTS

PAGE = Path(__file__).resolve().parents[2] / "docs/versions.md"


def row(feature: Feature) -> str:
    cells = feature.name, feature.since, f"`{feature.file}`", feature.shim, feature.known
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


@pytest.mark.parametrize("name", KERNEL_PORTS)
def test_the_table_of_features_is_the_one_in_the_code(name: str) -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    begins = [number for number, line in enumerate(lines) if line.startswith("| feature |")]
    without = list(KERNEL_PORTS)[len(begins) :]
    assert not without, f"docs/versions.md has no table of features for {', '.join(without)}"
    begin = begins[list(KERNEL_PORTS).index(name)] + 2
    end = next((n for n, line in enumerate(lines[begin:], begin) if not line), len(lines))
    assert lines[begin:end] == [row(feature) for feature in KERNEL_PORTS[name].features]
    assert len(begins) == len(KERNEL_PORTS)
