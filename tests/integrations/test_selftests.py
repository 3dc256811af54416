# SPDX-License-Identifier: GPL-2.0-only
"""The drop-in folder for tools/testing/selftests, run by the tree's own make and runner."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integrations.programs import INTEGRATIONS, environment, fake, real
from tests.kernels.copies import share

NAME = "kvm-mips-gpa-pt"
RESULT = f"1 selftests: {NAME}: run.sh"
PARTS = (
    "scripts/subarch.include",
    "tools/testing/selftests/Makefile",
    "tools/testing/selftests/lib.mk",
)


@pytest.fixture
def tree(kernel_tree: Path, tmp_path: Path) -> Path:
    """Give a copy of a real tree with the folder dropped in."""
    folder = tmp_path / "linux"
    share(kernel_tree, folder)
    for name in PARTS:
        assert (kernel_tree / name).is_file(), f"{name} is missing: run make kernels"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(kernel_tree / name, folder / name)
    selftests = folder / "tools/testing/selftests"
    shutil.copytree(kernel_tree / "tools/testing/selftests/kselftest", selftests / "kselftest")
    shutil.copytree(INTEGRATIONS / "selftests" / NAME, selftests / NAME)
    return folder


def run_tests(tree: Path, program: Path | str, arguments: str = "") -> list[str]:
    """Return what 'make run_tests' prints, make's own lines left out."""
    command = ["make", "-s", "-C", str(tree / "tools/testing/selftests")]
    done = subprocess.run(
        [*command, f"TARGETS={NAME}", "run_tests"],
        env=environment(SLATCHECK=program, KSELFTEST_RUN_SH_ARGS=arguments),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if not line.startswith("make")]
    assert lines[:2] == ["TAP version 13", "1..1"]
    return lines


def test_run_tests_prints_the_ktap_of_the_gate(
    tree: Path, kernel_tree: Path, tmp_path: Path
) -> None:
    arguments = "--layout mips64-4k --evidence differential --max-ops 3000"
    lines = run_tests(tree, real(tmp_path), arguments)
    assert lines[-1] == f"not ok {RESULT} # exit=1"
    inner = tmp_path / "inner.ktap"
    inner.write_text("\n".join(line.removeprefix("# ") for line in lines[2:-1]))
    kunit = kernel_tree / "tools/testing/kunit/kunit.py"
    done = subprocess.run(
        [sys.executable, str(kunit), "parse", str(inner)], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "[FAILED] mips64-4k" in done.stdout
    assert "[FAILED] kernel/kvm_unmap_gfn_range/stale-mapping" in done.stdout
    assert "crashed" not in done.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("status", "result"),
    [
        (0, f"ok {RESULT}"),
        (1, f"not ok {RESULT} # exit=1"),
        (2, f"not ok {RESULT} # exit=2"),
        (3, f"not ok {RESULT} # exit=3"),
        (4, f"not ok {RESULT} # exit=1"),
        (124, f"not ok {RESULT} # exit=1"),
    ],
)
def test_no_status_but_0_passes(tree: Path, tmp_path: Path, status: int, result: str) -> None:
    program = fake(tmp_path / "fake", status, "KTAP version 1\n")
    lines = run_tests(tree, program.path, "--layout mips32-4k")
    assert lines[-1] == result
    assert "# KTAP version 1" in lines
    assert program.calls() == [
        ["check", "--kernel", str(tree), "--format", "ktap", "--layout", "mips32-4k"]
    ]


def test_without_slatcheck_it_fails_and_says_why(tree: Path) -> None:
    lines = run_tests(tree, "no-such-program")
    assert lines[-1] == f"not ok {RESULT} # exit=1"
    assert "# # there is no program 'no-such-program': install slatcheck or set SLATCHECK" in lines


def test_outside_of_a_tree_it_needs_to_be_told_of_one(tmp_path: Path) -> None:
    run = shutil.copy(INTEGRATIONS / "selftests" / NAME / "run.sh", tmp_path)
    program = fake(tmp_path / "fake")
    done = subprocess.run(
        [run], env=environment(SLATCHECK=program.path), capture_output=True, text=True
    )
    assert (done.returncode, program.calls()) == (1, [])
    assert "set SLATCHECK_KERNEL" in done.stdout
    told = environment(SLATCHECK=program.path, SLATCHECK_KERNEL="/some/tree")
    assert subprocess.run([run], env=told).returncode == 0
    assert program.calls() == [["check", "--kernel", "/some/tree", "--format", "ktap"]]
