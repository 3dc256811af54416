# SPDX-License-Identifier: GPL-2.0-only
"""What a user waits for: ``check --kernel`` cold, unchanged, and after an edit of one function.

``python -m bench.second_run TREE [LAYOUT...]`` works on a copy of the files that are read, in a git
repository, and runs the program as a user does. It tells when the first verdict was shown, when
the first finding that is new, and when the whole answer was there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.c_proof import copied, edit
from impl.kernel.ports.mips.files import MMU

PMD = "static bool kvm_mips_flush_gpa_pmd("
REWRITTEN = ("i <= i_max", "i < i_max + 1")
BROKEN = ("i < i_max + 1", "i < i_max")


@dataclass
class Waited:
    """Seconds from the start until something was shown; None where it never was."""

    what: str
    status: int
    whole: float
    verdict: float | None = None
    new: float | None = None

    def line(self, cold: Waited) -> str:
        """Return a row of the table."""
        parts = [
            f"{self.what:34} {self.whole:7.1f} s {self.whole / cold.whole:6.1%} of cold",
            f"first verdict {_told(self.verdict)}",
            f"first new finding {_told(self.new)}",
            f"exit status {self.status}",
        ]
        return ", ".join(parts)


def _told(seconds: float | None) -> str:
    return "none" if seconds is None else f"{seconds:.1f} s"


def waited(what: str, tree: Path, options: Sequence[str]) -> Waited:
    """Run ``slatcheck check`` and note when its lines appear."""
    command = [sys.executable, "-m", "slatcheck", "check", "--kernel", str(tree), *options]
    begun = time.perf_counter()
    found = Waited(what, 0, 0.0)
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr is not None
        for line in run.stderr:
            now = time.perf_counter() - begun
            if line.startswith("["):
                found.verdict = found.verdict or now
            elif line.lstrip().startswith("new: "):
                found.new = found.new or now
    found.status = run.returncode
    found.whole = time.perf_counter() - begun
    return found


def git(tree: Path, *args: str) -> None:
    """Run git in the copy."""
    nobody = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
    subprocess.run(["git", "-C", str(tree), *nobody, *args], check=True, capture_output=True)


def main(tree: str, names: Sequence[str]) -> None:
    """Measure, and print a table."""
    layouts = [part for name in names for part in ("--layout", name)]
    against = [*layouts, "--against", "HEAD"]
    with tempfile.TemporaryDirectory() as where:
        copy = copied(Path(tree).resolve(), Path(where))
        git(copy, "init", "--quiet")
        git(copy, "add", "--all")
        git(copy, "commit", "--quiet", "--message", "as it was")
        print(f"{len(names) or 'all permitted'} layouts, {os.cpu_count()} cores", flush=True)
        cold = waited("cold, both sides", copy, against)
        print(cold.line(cold), flush=True)
        for what, words in (("unchanged", None), ("flush_pmd rewritten", REWRITTEN)):
            if words:
                edit(copy, PMD, *words)
            print(waited(what, copy, against).line(cold), flush=True)
        edit(copy, PMD, *BROKEN)
        print(waited("flush_pmd broken", copy, against).line(cold), flush=True)
        print(waited("the same, proof alone", copy, [*layouts, "--evidence", "proof"]).line(cold))
        assert (
            MMU
            in subprocess.run(
                ["git", "-C", str(copy), "diff", "--name-only"],
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as kept:
        os.environ["SLATCHECK_CACHE"] = kept
        main(sys.argv[1], sys.argv[2:])
