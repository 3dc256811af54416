# SPDX-License-Identifier: GPL-2.0-only
"""Folders of tests, made of real trees and built with make: what fails, passes, and is said."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from impl.kernel.ports.mips.files import MMU
from impl.kernel.toolchain import find
from model.operations import Kind, Op
from slatcheck import cli
from slatcheck.document.result import SCHEMA
from slatcheck.export.testing.sorting import PARTS
from tests.kernels.test_export import Finding, blocks, write_replay
from tests.proofs.c.edits import REPAIRS, Edit, edited

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(
        not all(map(shutil.which, ("make", "gcc", "ld", "awk"))), reason="needs make, gcc and ld"
    ),
]
C = Op(Kind.CREATE)
TOP = Op(Kind.FAULT, 0xFFFFFFF000, pfn=5, write=True, writable=True)
STALE = Finding(
    "stale-mapping/kvm_unmap_gfn_range/ends-at-top",
    "mips64-4k",
    (C, TOP, Op(Kind.UNMAP, 0xFFFFFFF, 0x10000000)),
    (),
    "gfn 0xfffffff (GPA 0xfffffff000) must become absent, stayed as it was",
)
NARROW = Finding(
    STALE.fingerprint,
    "mips32-16k",
    (C, TOP._replace(first=0xFFFFC000), Op(Kind.UNMAP, 0x3FFFF, 0x40000)),
    (),
    "gfn 0x3ffff (GPA 0xffffc000) must become absent, stayed as it was",
)
UNLOCKED = Finding(
    "unlocked-access/kvm_arch_flush_shadow_all/mmu_lock",
    "mips64-4k",
    (C, Op(Kind.FLUSH_ALL)),
    (),
    "unlocked-access: mmu_lock",
)
LEAVES = Finding(
    "stale-mapping/kvm_unmap_gfn_range/part-of-leaf",
    "riscv64-sv39x4",
    (
        C,
        Op(Kind.FAULT, 0x207000, pfn=0x1007, write=True, writable=True, order=9),
        Op(Kind.UNMAP, 0x200, 0x201),
    ),
    (),
    "gfn 0x200 (GPA 0x200000, 1 page) must be absent, stayed as it was",
)
#: Destroying a table of 64 bits leaks, too, of which the replay files say nothing.
LEAK = ["create-destroy", "fault-destroy"]
#: Neither is a finding of the trees: what they do is for the sequences that are drawn to find.
FORGETS_ONE = Edit(
    "the last entry of a range stays", "kvm_mips_flush_gpa_pte",
    "for (i = i_min; i <= i_max; ++i)", "for (i = i_min; i < i_max || i == i_min; ++i)",
)  # fmt: skip
FAULTS = Edit(
    "a null pointer is written to", "kvm_mips_flush_gpa_pte",
    "set_pte(pte + i, __pte(0));", "set_pte(pte + i, __pte(0));\n\t\t*(volatile int *)8 = 1;",
)  # fmt: skip
ENDLESS = Edit("a counter that wraps", "kvm_mips_flush_gpa_pte", "int i;", "unsigned char i;")


class Ran(NamedTuple):
    status: int
    lines: list[str]

    @property
    def failed(self) -> list[str]:
        return [line.partition(": ")[2] for line in self.lines if line.startswith("FAILED: ")]


def make(folder: Path, **variables: str | Path) -> None:
    given = [f"{name}={value}" for name, value in variables.items()]
    done = subprocess.run(
        ["make", "-s", *given], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def run(folder: Path, sequences: int = 0) -> Ran:
    command = [str(folder / "mmu-test"), str(sequences), "7"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return Ran(done.returncode, done.stdout.splitlines())


def exported(folder: Path, tree: Path, one: Finding) -> Path:
    output = folder / "tests"
    replay = write_replay(folder, one)
    arguments = ["export", str(replay), "--as", "tools-testing", "--kernel", str(tree)]
    assert cli.run([*arguments, "-o", str(output)]) == 0
    return output


@pytest.fixture(scope="module")
def tree(kernel_trees: Mapping[str, Path]) -> Path:
    return kernel_trees["6.12"]


@pytest.fixture(scope="module")
def repaired(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return edited(tree, REPAIRS, tmp_path_factory.mktemp("trees") / "with spaces")


@pytest.fixture(scope="module")
def wide(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory.mktemp("wide"), tree, STALE)


@pytest.fixture(scope="module")
def narrow(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(tmp_path_factory.mktemp("narrow"), tree, NARROW)


@pytest.mark.parametrize("one", [STALE, NARROW], ids=["64 bits", "32 bits"])
def test_a_finding_fails_until_it_is_mended(
    one: Finding, wide: Path, narrow: Path, repaired: Path
) -> None:
    folder = wide if one is STALE else narrow
    make(folder, CC="gcc")
    ran = run(folder)
    others = LEAK if one is STALE else []
    assert ran.failed == [*others, one.fingerprint] and ran.status == 1
    assert f"   BROKEN: {one.says}" in ran.lines
    failed = len(ran.failed)
    assert ran.lines[-1] == f"7 tests run, {7 - failed} passed, {failed} failed"
    assert "not run, no sequence was asked for: drawn-sequences" in ran.lines

    make(folder, CC="gcc", KERNEL=repaired)
    ran = run(folder, 40)
    assert ran.lines[-1] == "8 tests run, 8 passed, 0 failed" and ran.status == 0
    assert "not each load and store" in ran.lines[-2]


def test_a_report_without_findings_is_a_folder_of_ordinary_tests(
    repaired: Path, tmp_path: Path
) -> None:
    report, folder = tmp_path / "report.json", tmp_path / "tests"
    report.write_text(json.dumps({"schema": SCHEMA, "findings": []}))
    arguments = ["export", str(report), "--as", "tools-testing", "--layout", "mips32-4k"]
    assert cli.run([*arguments, "--kernel", str(repaired), "-o", str(folder)]) == 0
    assert f"KERNEL := {repaired}\n" in (folder / "Makefile").read_text()
    make(folder, CC="gcc")
    ran = run(folder, 40)
    assert ran.lines[-1] == "7 tests run, 7 passed, 0 failed" and ran.status == 0


def test_an_older_tree(kernel_trees: Mapping[str, Path], tmp_path: Path) -> None:
    folder = exported(tmp_path, kernel_trees["6.1"], NARROW)
    make(folder, CC="gcc")
    assert run(folder).lines[-1] == "7 tests run, 6 passed, 1 failed"


def test_sequences_that_are_drawn_find_what_no_test_is_for(
    wide: Path, tree: Path, tmp_path: Path
) -> None:
    make(wide, CC="gcc", KERNEL=edited(tree, [*REPAIRS, FORGETS_ONE], tmp_path / "planted"))
    ran = run(wide, 40)
    assert "drawn-sequences" in ran.failed and ran.status == 1
    said = "\n".join(ran.lines)
    shown = said[said.index("of seed 7, made short:") :].splitlines()
    # A create, something mapped, and what should have removed it: no more is left.
    assert shown[1] == "1. create" and len([line for line in shown if re.match(r"\d+\.", line)]) < 6
    assert "   BROKEN: this is not what the map promises" in shown


def test_a_fault_of_the_tree_is_a_test_that_fails(wide: Path, tree: Path, tmp_path: Path) -> None:
    make(wide, CC="gcc", KERNEL=edited(tree, [*REPAIRS, FAULTS], tmp_path / "planted"))
    ran = run(wide, 5)
    assert {"fault-lookup-unmap", "fault-flush", "drawn-sequences"} <= set(ran.failed)
    assert "fault-age" not in ran.failed
    assert ran.lines[-1].startswith("8 tests run, ")
    assert any("BROKEN: bad-access: null pointer, address 0x8" in line for line in ran.lines)


@pytest.mark.slow
def test_a_loop_without_an_end_is_a_test_that_fails(wide: Path, tree: Path, tmp_path: Path) -> None:
    make(wide, CC="gcc", KERNEL=edited(tree, [*REPAIRS, ENDLESS], tmp_path / "planted"))
    ran = run(wide, 5)
    assert {"fault-flush", "drawn-sequences"} <= set(ran.failed)
    assert "fault-lookup-unmap" not in ran.failed
    assert any("BROKEN: runaway" in line for line in ran.lines)
    assert ran.lines[-1].startswith("8 tests run, ")


def test_what_a_compiler_cannot_check_is_not_passed(tree: Path, tmp_path: Path) -> None:
    folder = exported(tmp_path, tree, UNLOCKED)
    make(folder, CC="gcc")
    ran = run(folder)
    assert ran.lines[-1] == "6 tests run, 4 passed, 2 failed"
    assert ran.failed == LEAK
    assert f"not run, it needs a check on each access (CC=clang): {UNLOCKED.fingerprint}" in (
        ran.lines
    )
    make(folder, CC=shlex.join(find().compiler))
    ran = run(folder)
    assert ran.failed == [*LEAK, UNLOCKED.fingerprint]
    assert any(UNLOCKED.says in line for line in ran.lines)
    assert "; each load and store of the tree's code" in ran.lines[-2]


def test_leaves_of_several_sizes_have_tests_and_no_drawn_sequences(
    tree: Path, tmp_path: Path
) -> None:
    folder = exported(tmp_path, tree, LEAVES)
    make(folder, CC="gcc")
    ran = run(folder, 10)
    assert ran.failed == ["fault-destroy", LEAVES.fingerprint]
    assert f"   BROKEN: {LEAVES.says}" in ran.lines
    why = "its leaves have several sizes"
    assert any(line.startswith(f"not run, {why}") for line in ran.lines)
    assert why in (folder / "README").read_text()
    assert not (folder / "filter").exists()


def test_nothing_is_read_but_the_tree_and_the_folder(wide: Path, repaired: Path) -> None:
    make(wide, CC="gcc", KERNEL=repaired, CFLAGS="-O1 -MD")
    read: set[str] = set()
    for listing in wide.glob("*.d"):
        text = listing.read_text().replace("\\\n", " ").partition(":")[2]
        read |= {name.replace("\\ ", " ") for name in re.split(r"(?<!\\)\s+", text) if name}
    assert {f"{repaired}/{MMU}", "cut/mips_slice.h", "trusted/slatcheck/base.h"} <= read
    outside = {name for name in read if not Path(name).is_relative_to(repaired)}
    assert not [name for name in outside if name.startswith("/") or ".." in name]


def test_every_file_says_what_it_is(wide: Path) -> None:
    subprocess.run(["make", "-s", "clean"], cwd=wide, check=True)
    assert {path.name for path in wide.iterdir()} == {*PARTS, "Makefile", "README"}
    for path in wide.rglob("*/*"):
        if path.is_file():
            part = path.relative_to(wide).parts[0]
            head = path.read_text().partition("\n")[0]
            assert head.strip("/*# ") == f"{part}: {PARTS[part]}"
    assert (wide / "trusted/linux/list.h").is_file()
    assert (wide / "modelled/heap.c").is_file()


def test_what_is_cut_again_is_what_was_cut(wide: Path, tree: Path, narrow: Path) -> None:
    make(wide, CC="gcc")
    for cut in (wide / "cut").iterdir():
        there = cut.read_text().replace(f'"{tree}/', '"')
        assert there == (wide / "generated" / cut.name).read_text()


def test_a_function_that_is_gone_is_said(wide: Path, tree: Path, tmp_path: Path) -> None:
    name = "kvm_arch_flush_shadow_all"
    gone = Edit("renamed", f"{name}", name, "another", file="arch/mips/kvm/mips.c")
    mips = tmp_path / "tree/arch/mips/kvm/mips.c"
    edited(tree, [], tmp_path / "tree")
    text = mips.read_text().replace(gone.old, gone.new)
    mips.unlink()
    mips.write_text(text)
    done = subprocess.run(
        ["make", "-s", f"KERNEL={tmp_path}/tree"],
        cwd=wide,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    assert (
        f"mips.c: there is no void {name}(struct kvm *kvm): export the folder again" in done.stderr
    )


def test_a_path_without_a_tree_is_said(wide: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        ["make", "-s", f"KERNEL={tmp_path}"], cwd=wide, capture_output=True, text=True, check=False
    )
    assert done.returncode
    assert f"mmu-test: {tmp_path} has no {MMU}: name the tree with KERNEL=PATH" in done.stderr


@pytest.mark.slow
def test_a_layout_that_is_searched(tree: Path, tmp_path: Path) -> None:
    arguments = ["export", "--as", "tools-testing", "--kernel", str(tree), "--layout", "mips64-4k"]
    assert cli.run([*arguments, "-o", str(tmp_path)]) == 0
    make(tmp_path, CC="gcc")
    ran = run(tmp_path, 200)
    # What is known does not fail the sequences that are drawn, nor ordinary operations.
    assert STALE.fingerprint in ran.failed and "drawn-sequences" not in ran.failed
    assert all("/" in name for name in ran.failed)
    assert ran.lines[-1] == f"26 tests run, 7 passed, {len(ran.failed)} failed"
    assert blocks("text")[-1] in "\n".join([*ran.lines, ""])
