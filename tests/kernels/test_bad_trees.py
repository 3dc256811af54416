# SPDX-License-Identifier: GPL-2.0-only
"""Trees that are none, damaged or hostile: refused in one line, and nothing read outside."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from impl.kernel.build import build
from impl.kernel.errors import TreeError, UnsupportedError
from impl.kernel.ports import bind, open_tree
from impl.kernel.ports.mips.files import MMU
from impl.kernel.sandbox import Limits, landlock_available, run
from impl.kernel.toolchain import find
from model.ports import layout
from tests.kernels.copies import edit, share


@pytest.fixture
def tree(kernel_trees: dict[str, Path], tmp_path: Path) -> Path:
    """Give a copy of a real tree in which files may be replaced (not written through)."""
    share(kernel_trees["6.12"], tmp_path / "linux")
    return tmp_path / "linux"


def check(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "slatcheck", "check", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_no_tree_at_all(tmp_path: Path) -> None:
    assert "no kernel tree" in refused(check("--kernel", str(tmp_path)))
    assert "no such folder" in refused(check("--kernel", str(tmp_path / "absent")))


def test_tree_without_kvm_for_mips(tree: Path) -> None:
    shutil.rmtree(tree / "arch/mips/kvm")
    assert "KVM for MIPS" in refused(check("--kernel", str(tree)))


@pytest.mark.parametrize("part", [0.0, 0.2, 0.55, 0.8, 0.97])
def test_mmu_c_that_is_cut_off(tree: Path, part: float) -> None:
    edit(tree, MMU, lambda text: text[: int(len(text) * part)])
    with pytest.raises((TreeError, UnsupportedError)):
        opened = open_tree(tree)
        build(opened, bind(opened), layout("mips32-4k"), True, find())


def test_cut_off_file_is_told_in_one_line(tree: Path) -> None:
    def cut(text: str) -> str:
        return text[: text.index("{", text.index("bool kvm_mips_flush_gpa_pt(")) + 20]

    edit(tree, MMU, cut)
    assert "cut off" in refused(check("--kernel", str(tree)))


def test_name_that_is_unknown_is_unsupported(tree: Path) -> None:
    edit(tree, MMU, lambda text: text.replace("clear_page(new_pte);", "brand_new_helper(new_pte);"))
    opened = open_tree(tree)
    with pytest.raises(UnsupportedError, match="brand_new_helper") as caught:
        build(opened, bind(opened), layout("mips32-4k"), True, find())
    assert "6.12" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_function_that_is_gone_is_unsupported(tree: Path) -> None:
    edit(tree, MMU, lambda text: text.replace("kvm_mips_map_page(", "brand_new(int x, "))
    few = ("--evidence", "differential", "--evidence", "proof", "--max-ops", "200")
    done = check("--kernel", str(tree), "--layout", "mips32-4k", *few)
    assert done.returncode == 3, done.stderr + done.stdout
    assert "not bound" in done.stdout
    assert "unsupported" in done.stdout


@pytest.mark.parametrize(
    "line",
    [
        '#include "{secret}"',
        '#include "../../../../../../../../../..{secret}"',
        'asm(".incbin \\"{secret}\\"");',
        'asm(".include \\"{secret}\\"");',
        'static const char s[] = {{\n#embed "{secret}"\n}};',
    ],
)
def test_hostile_source_reads_nothing_outside(tree: Path, tmp_path: Path, line: str) -> None:
    secret = tmp_path / "secret.h"
    secret.write_text("/* secret */ 0\n")
    edit(tree, MMU, lambda text: text + line.format(secret=secret) + "\n")
    opened = open_tree(tree)
    with pytest.raises((UnsupportedError, TreeError)):
        build(opened, bind(opened), layout("mips32-4k"), True, find())


def test_link_out_of_the_tree_is_not_followed(tree: Path, tmp_path: Path) -> None:
    outside = tmp_path / "mmu.c"
    outside.write_text((tree / MMU).read_text())
    (tree / MMU).unlink()
    (tree / MMU).symlink_to(outside)
    with pytest.raises(TreeError, match="symbolic link"):
        bind(open_tree(tree))


@pytest.mark.skipif(not landlock_available(), reason="this kernel has no Landlock")
def test_confined_process_reads_only_what_it_may(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "secret").write_text("secret")
    system = tuple(Path(name) for name in ("/usr", "/lib", "/lib64", "/bin"))
    limits = Limits(read=system, write=(tmp_path / "open",))
    done = run(["/bin/cat", str(tmp_path / "secret")], limits, tmp_path / "open")
    assert done.returncode != 0
    assert "secret" not in done.stdout
    done = run(["/bin/sh", "-c", "echo yes > here && cat here"], limits, tmp_path / "open")
    assert done.stdout == "yes\n"
