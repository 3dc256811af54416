# SPDX-License-Identifier: GPL-2.0-only
"""Measures how far the parts that are trusted most are covered by the tests that mirror them.

The parts and their floors are in ``coverage.toml`` beside this file. Tests that need a real kernel
tree are left out: what they cover depends on the tree. Usage: ``python -m tools.covered
[PYTEST-ARGUMENT...]``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tools.sections import ROOT

PARTS = Path(__file__).with_name("coverage.toml")


@dataclass(frozen=True)
class Part:
    """Files, the tests that have to cover them, and how far (in percent)."""

    name: str
    files: tuple[str, ...]
    tests: tuple[str, ...]
    floor: float

    def paths(self) -> list[str]:
        """Return the tests as paths from the root."""
        found = [path for pattern in self.tests for path in sorted(ROOT.glob(pattern))]
        return [str(path.relative_to(ROOT)) for path in found]


def parts() -> list[Part]:
    """Return the parts in the order of the file."""
    given = tomllib.loads(PARTS.read_text(encoding="utf-8"))["part"]
    return [
        Part(part["name"], tuple(part["files"]), tuple(part["tests"]), part["floor"])
        for part in given
    ]


def measured(part: Part, arguments: list[str]) -> int:
    """Run the tests of a part, print what they leave out; return 0 where the floor is kept."""
    with tempfile.TemporaryDirectory(prefix="slatcheck-") as folder:
        # The same draws in every run: a figure that changes by itself is no floor. Tests on real
        # trees are left out here, so nothing may ask that they run.
        asked = {name: text for name, text in os.environ.items() if "_REQUIRE_" not in name}
        env = {**asked, "COVERAGE_FILE": f"{folder}/data", "CI": "1"}
        sources = sorted({f"--cov={pattern.partition('/')[0]}" for pattern in part.files})
        command = [sys.executable, "-m", "pytest", "-q", "-m", "not kernel", *arguments]
        command += ["--cov-branch", "--cov-report=", *sources, *part.paths()]
        run = subprocess.run(command, cwd=ROOT, env=env, check=False)
        if run.returncode:
            return run.returncode
        report = [sys.executable, "-m", "coverage", "report", "--show-missing", "--skip-covered"]
        report += ["--precision=1", f"--fail-under={part.floor}"]
        report.append(f"--include={','.join(part.files)}")
        return subprocess.run(report, cwd=ROOT, env=env, check=False).returncode


def main() -> int:
    """Measure every part; return 0 where all floors are kept."""
    failed = []
    for part in parts():
        print(f"\n{part.name}: at least {part.floor} %", flush=True)
        if measured(part, sys.argv[1:]):
            failed.append(part.name)
    print(f"\nbelow the floor, or failing: {', '.join(failed) or 'nothing'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
