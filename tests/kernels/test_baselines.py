# SPDX-License-Identifier: GPL-2.0-only
"""The baselines that are shipped: reviewed, in line with the findings, and what trees show."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from model.ports import permitted_layouts
from slatcheck import cli
from slatcheck.gate import baseline
from tests.conftest import ROOT, VERSIONS

FOLDER = ROOT / "docs/baselines"
RELEASES: tuple[dict[str, Any], ...] = tuple(
    json.loads(Path(__file__).with_name("expected.json").read_text()).values()
)


def shipped(version: str) -> baseline.Baseline:
    return baseline.read(FOLDER / f"linux-{version}.toml")


@pytest.mark.parametrize("version", VERSIONS)
def test_every_entry_is_reviewed_and_names_the_page_that_tells_of_it(version: str) -> None:
    found = shipped(version)
    assert found.kernel.startswith(f"{version}.")
    assert found.layouts == tuple(one.name for one in permitted_layouts())
    assert set(found.evidence) == {"contract", "differential", "proof"}
    for mark, entry in found.known.items():
        (page,) = re.findall(r"docs/findings/\S+\.md$", entry.reason)
        assert mark in (ROOT / page).read_text(), f"{mark} is not on {page}"


@pytest.mark.parametrize("expected", RELEASES, ids=lambda release: release["version"])
def test_a_baseline_says_what_is_expected_of_the_tree(expected: dict[str, Any]) -> None:
    """The expectations of other tests name a few layouts; on these the two are the same."""
    (version,) = re.findall(r"^linux-source-(\S+) ", expected["package"])
    found = shipped(version).known
    looked_at = {name for layouts in expected["findings"].values() for name in layouts}
    assert {
        mark: sorted(set(entry.layouts) & looked_at)
        for mark, entry in found.items()
        if set(entry.layouts) & looked_at
    } == {mark: sorted(layouts) for mark, layouts in expected["findings"].items()}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("on", ["mips32-64k", "mips64-4k", "riscv64-sv39x4"])
def test_a_tree_passes_its_baseline(
    kernel_trees: Mapping[str, Path], capsys: pytest.CaptureFixture[str], version: str, on: str
) -> None:
    tree = kernel_trees[version]  # its stable release may be another: findings outlive them
    known = str(FOLDER / f"linux-{version}.toml")
    options = ["--layout", on, "--evidence", "differential", "--evidence", "contract"]
    status = cli.run(["check", "--kernel", str(tree), *options, "--baseline", known])
    out = capsys.readouterr().out
    assert "  0 new findings\n" in out
    assert "verdict: holds, except for what is accepted" in out
    assert status == 0
