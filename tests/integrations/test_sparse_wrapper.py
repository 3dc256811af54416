# SPDX-License-Identifier: GPL-2.0-only
"""The checker for 'make C=1', called as kbuild calls it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.integrations.programs import INTEGRATIONS, Fake, environment, fake, parsed, real

WRAPPER = INTEGRATIONS / "kernel/sparse-wrapper"
#: As kbuild has it: its own flags for the checker, the compiler's, the file last.
FLAGS = (
    "-D__linux__",
    "-Dlinux",
    "-Wbitwise",
    "-Wno-return-void",
    "-nostdinc",
    "-I./arch/mips/include",
    "-DKBUILD_MODNAME=kvm",
    '-DNAME="a b"',
)
MMU, MIPS, OTHER = (f"arch/mips/kvm/{name}" for name in ("mmu.c", "mips.c", "tlb.c"))
LINES = f"{MMU}:5: error: leak: a\n{MIPS}:6: error: leak: b\narch/x.c:7: warning: c\n"


def run(file: str, where: Path, **env: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(WRAPPER), *FLAGS, file],
        cwd=where,
        env=environment(**env),
        capture_output=True,
        text=True,
    )


@pytest.fixture
def finds(tmp_path: Path) -> Fake:
    return fake(tmp_path / "slatcheck", 1, LINES, "[1/2] progress\n")


@pytest.mark.parametrize("prefix", ["", "../", "/some where/linux/"])
def test_each_file_is_told_what_is_found_in_it(finds: Fake, tmp_path: Path, prefix: str) -> None:
    done = run(prefix + MMU, tmp_path, SLATCHECK=finds.path, SLATCHECK_ARGS="--layout mips64-4k")
    expected = [f"{prefix}{MMU}:5: error: leak: a", f"{prefix}arch/x.c:7: warning: c"]
    assert (done.returncode, done.stdout, done.stderr.splitlines()) == (0, "", expected)
    done = run(prefix + MIPS, tmp_path, SLATCHECK=finds.path)
    assert done.stderr == f"{prefix}{MIPS}:6: error: leak: b\n"
    tail = ["--layout", "mips64-4k"]
    call = ["check", "--kernel", prefix or ".", "--format", "sparse"]
    assert finds.calls() == [call + tail, call]
    assert parsed(call + tail).params["format_"] == "sparse"


@pytest.mark.parametrize("file", [OTHER, "arch/arm64/kvm/mmu.c", "x/march/mips/kvm/mmu.c", "mmu.c"])
def test_other_files_go_straight_to_the_next_checker(
    finds: Fake, tmp_path: Path, file: str
) -> None:
    quiet = run(file, tmp_path, SLATCHECK=finds.path)
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    after = fake(tmp_path / "after", 7)
    command = f"{after.path} --strict"
    done = run(file, tmp_path, SLATCHECK=finds.path, SLATCHECK_NEXT_CHECK=command)
    assert done.returncode == 7
    assert after.calls() == [["--strict", *FLAGS, file]]
    assert finds.calls() == []


def test_the_next_checker_sees_the_file_as_well(finds: Fake, tmp_path: Path) -> None:
    after = fake(tmp_path / "after", 0, "", "sparse says\n")
    done = run(MMU, tmp_path, SLATCHECK=finds.path, SLATCHECK_NEXT_CHECK=after.path)
    assert after.calls() == [[*FLAGS, MMU]]
    assert done.stderr.endswith("sparse says\n")
    assert done.returncode == 0


@pytest.mark.parametrize("status", [0, 1, 2, 3, 4, 130])
def test_only_when_asked_to_does_it_fail_the_build(tmp_path: Path, status: int) -> None:
    program = fake(tmp_path / "slatcheck", status, "", "slatcheck: it went wrong\n").path
    interrupted = status == 130
    assert run(MMU, tmp_path, SLATCHECK=program).returncode == (130 if interrupted else 0)
    done = run(MMU, tmp_path, SLATCHECK=program, SLATCHECK_FAIL="1")
    assert done.returncode == status
    assert ("it went wrong" in done.stderr) == (status in (2, 4))


def test_a_missing_program_is_told_of(tmp_path: Path) -> None:
    done = run(MMU, tmp_path, SLATCHECK=tmp_path / "nothing", SLATCHECK_FAIL="1")
    assert done.returncode == 127
    assert f"{MMU}:1: error: slatcheck could not judge this file (status 127)" in done.stderr


def test_nothing_is_left_behind(finds: Fake, tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    run(MMU, tmp_path, SLATCHECK=finds.path, TMPDIR=folder)
    assert list(folder.iterdir()) == []


def test_a_real_tree_is_judged(kernel_tree: Path, tmp_path: Path) -> None:
    arguments = "--layout mips64-4k --evidence differential --max-ops 3000"
    done = run(MMU, kernel_tree, SLATCHECK=real(tmp_path), SLATCHECK_ARGS=arguments)
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert any(f"{MMU}:" in line and "error: stale-mapping:" in line for line in lines)
    assert all(line.startswith(f"{MMU}:") for line in lines)
