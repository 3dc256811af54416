# SPDX-License-Identifier: GPL-2.0-only
"""The floors of coverage: they are about files that exist, and nobody lowers them unseen."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tools import covered
from tools.covered import Part
from tools.sections import ROOT

LOWEST = {"model": 99.0, "terms": 99.0, "refutations": 99.0, "C": 95.0}


@pytest.mark.parametrize("part", covered.parts(), ids=lambda part: part.name)
def test_a_part_has_files_and_tests(part: Part) -> None:
    assert all(list(ROOT.glob(pattern)) for pattern in part.files)
    assert part.paths() and all((ROOT / path).exists() for path in part.paths())


def test_no_floor_is_lower_than_it_was() -> None:
    assert {part.name for part in covered.parts()} == set(LOWEST)
    for part in covered.parts():
        assert LOWEST[part.name] <= part.floor <= 100


def test_what_is_below_its_floor_fails(
    capfd: pytest.CaptureFixture[str],
) -> None:
    tests = ("tests/model/test_ranges.py",)
    arguments = ["-n0", "-p", "no:cacheprovider"]
    assert covered.measured(Part("ranges", ("model/ranges*",), tests, 100), arguments) == 0
    assert covered.measured(Part("others", ("model/operations*",), tests, 100), arguments) != 0
    assert "model/operations.py" in capfd.readouterr().out


def test_tests_that_fail_are_no_coverage(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(subprocess, "run", run)
    assert covered.measured(Part("any", ("model/*",), ("tests/model",), 0), []) == 1
    assert len(calls) == 1 and str(Path("tests/model")) in calls[0]
