# SPDX-License-Identifier: GPL-2.0-only
"""Rings full of anything never lead the filter astray."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slatcheck.fuzz.library import SOURCES
from tests.slatcheck.fuzz.hostile import ROUNDS

ROOT = Path(__file__).resolve().parents[3]


def run(seed: int, sources: Path) -> subprocess.CompletedProcess[str]:
    """Run the filter in a process of its own: what goes wrong ends it."""
    command = [sys.executable, "-m", "tests.slatcheck.fuzz.hostile", str(seed), str(sources)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_read_or_done_that_must_not_be(seed: int) -> None:
    done = run(seed, SOURCES)
    assert (done.returncode, done.stdout.split()) == (0, [str(ROUNDS)]), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "limit",
    [
        " && got->changes <= rings->most_changes",
        " && got->dirty <= rings->most_dirty",
        "if (end > rings->most_results)\n\t\tend = at_least(rings->most_results, begin);",
    ],
)
def test_a_limit_that_is_not_held_ends_it(limit: str, tmp_path: Path) -> None:
    shutil.copytree(SOURCES, tmp_path / "filter")
    text = (tmp_path / "filter" / "check.c").read_text()
    assert text.count(limit) == 1
    (tmp_path / "filter" / "check.c").write_text(text.replace(limit, ""))
    assert any(run(seed, tmp_path / "filter").returncode < 0 for seed in range(3))
