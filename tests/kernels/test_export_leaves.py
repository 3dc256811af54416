# SPDX-License-Identifier: GPL-2.0-only
"""Exported findings of tables whose leaves have several sizes, on 6.12 as it is and repaired."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from impl.kernel.build import Image
from impl.kernel.ports.riscv.files import MMU
from model.operations import Kind, Op
from slatcheck import cli
from slatcheck.document.result import Verdict
from slatcheck.export import running, support
from slatcheck.export.program import Ran
from slatcheck.export.support import Broken
from tests.kernels.copies import edit, share
from tests.kernels.gstage_repairs import text
from tests.kernels.test_export import Finding, blocks, export, write_replay

pytestmark = pytest.mark.kernel
C = Op(Kind.CREATE)
FOLDERS = ("arch/riscv/include", "arch/riscv/kvm", "arch/riscv/mm", "include", "virt/kvm")
NARROW, WIDE = "riscv32-sv32x4", "riscv64-sv39x4"


def fault(gfn: int, pfn: int, order: int = 0) -> Op:
    return Op(Kind.FAULT, gfn << 12, pfn=pfn, write=True, writable=True, order=order)


#: Operations of every kind that does what it should; the mask of the last has a hole.
MANY = (
    Op(Kind.CREATE, 0x400, 0x800),
    fault(0x401, 0x1001, 9),
    Op(Kind.LOOKUP, 0x400000),
    Op(Kind.MAP, 0x600000, pfn=0x1200, writable=True, order=9),
    Op(Kind.TEST_AGE, 0x400, 0x401),
    Op(Kind.AGE, 0x600, 0x601),
    Op(Kind.MKCLEAN, 0x600, 0x7FF),
    Op(Kind.PREPARE_REGION, 0, 0x400, writable=True),
    Op(Kind.COMMIT_REGION, 0x400, 0x400),
    Op(Kind.FLUSH, 0x400, 0x5FF),
    fault(0x405, 0x2005),
    Op(Kind.FLUSH_SLOT, 0x400, 0x400),
    fault(0x3F000, 0x7000),
    fault(0x3F001, 0x7001),
    fault(0x3F002, 0x7002),
    Op(Kind.UNMAP, 0x3F000, 0x3F001),
    Op(Kind.IOUNMAP, 0x20000000, 0x2000),
    fault(0x3F003, 0x8000)._replace(retries=1),
    fault(0x3F003, 0x8000)._replace(oom=1),
    fault(0x3F000, 0x7000),
    Op(Kind.LOG_DIRTY_MASKED, 0x800, 0x3E800, 0b101),
)

FINDINGS = {
    "stale": Finding(
        "stale-mapping/kvm_unmap_gfn_range/part-of-leaf",
        WIDE,
        (C, fault(0x207, 0x1007, 9), Op(Kind.UNMAP, 0x200, 0x201)),
        ("pytest", "c"),
        "gfn 0x200 (GPA 0x200000, 1 page) must be absent, stayed as it was",
    ),
    "unflushed": Finding(
        "unflushed/kvm_riscv_gstage_unmap_range/above-unsigned-long",
        NARROW,
        (C, fault(0x100007, 9), Op(Kind.FLUSH, 0x100007, 0x100007)),
        ("pytest", "c"),
        "unflushed: removed leaf, address 0x100007000",
    ),
    "leak": Finding(
        "leak/kvm_riscv_mmu_free_pgd/pte-table",
        NARROW,
        (C, fault(7, 9), Op(Kind.DESTROY)),
        ("pytest", "c"),
        "leak: pte table",
    ),
    "result": Finding(
        "wrong-result/kvm_riscv_mmu_map/smaller-than-leaf",
        WIDE,
        (C, fault(0x200, 0x1000, 9), fault(0x203, 9)),
        ("pytest", "c"),
        "must return 0, returned -17",
    ),
    "entry": Finding(
        "wrong-entry/kvm_riscv_mmu_ioremap/any",
        WIDE,
        (C, Op(Kind.IOREMAP, 0x20000, 0x2000, pfn=0x500, writable=True)),
        ("pytest", "c"),
        "gfn 0x20 (GPA 0x20000, 1 page) must be entry 0x1400d7, became entry 0x1400e7",
    ),
    "masked": Finding(
        "collateral-change/kvm_arch_mmu_enable_log_dirty_pt_masked/mask-with-holes",
        WIDE,
        MANY,
        ("pytest", "c"),
        "gfn 0x3f001 (GPA 0x3f001000, 1 page) must stay as it was, became entry 0x1c004db",
    ),
}


@pytest.fixture(scope="module")
def tree(kernel_trees: Mapping[str, Path]) -> Path:
    return kernel_trees["6.12"]


@pytest.fixture(scope="module")
def repaired(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("repaired") / "tree"
    share(tree, folder, FOLDERS)
    edit(folder, MMU, lambda _: text(tree))
    return folder


@pytest.mark.parametrize("name", FINDINGS)
def test_a_program_shows_the_finding_until_it_is_mended(
    name: str, tree: Path, repaired: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = FINDINGS[name]
    said: list[tuple[Verdict, Ran]] = []
    run = running.run

    def listened(image: Image) -> tuple[Verdict, Ran]:
        said.append(run(image))
        return said[-1]

    monkeypatch.setattr(running, "run", listened)
    exported = running.read(export(tmp_path, one, "c", tree))
    ((verdict, ran),) = said  # what the export itself has run
    lines = ran.output.splitlines()
    assert verdict is Verdict.VIOLATED
    assert any(line.startswith(f"   BROKEN: {one.says}") for line in lines), ran.output
    assert lines[-1] == f"VIOLATED: {one.fingerprint}"
    verdict, ran = run(running.build(exported, repaired, None))
    assert verdict is Verdict.HOLDS, ran
    assert ran.output.splitlines()[-1] == "HOLDS: what was promised is kept"
    if name == "stale":
        # The documentation shows two steps of it.
        assert blocks("c")[1] in exported.text


def given(file: Path, tree: Path) -> list[Broken]:
    """Return what the test of an exported file is given."""
    scope: dict[str, object] = {}
    exec(compile(file.read_text(), str(file), "exec"), scope)
    operations, besides = scope["OPERATIONS"], scope["BESIDES"]
    assert isinstance(operations, list) and isinstance(besides, list)
    return support.run(str(scope["LAYOUT"]), operations, tree, besides=besides)


@pytest.mark.parametrize("name", FINDINGS)
def test_a_pytest_file_fails_until_the_bug_is_mended(
    name: str, tree: Path, repaired: Path, tmp_path: Path
) -> None:
    file = export(tmp_path, FINDINGS[name], "pytest", tree)
    assert [one.fingerprint for one in given(file, tree)] == [FINDINGS[name].fingerprint]
    assert not given(file, repaired)


def test_a_program_can_print_and_end_and_nothing_else(tree: Path, tmp_path: Path) -> None:
    includes = ("arch/riscv/kvm/mmu.c", "stage.h", "pgtable_slice.h", "kvm_main_slice.h")
    lines = [f'#include "{name}"' for name in (*includes, "guest.h", "reproduce.h")]
    lines += ['int main(void) { about("x", 1);']
    lines += ['__asm__ volatile("li a7, 222\\n\\tecall" ::: "a0", "a7", "memory"); return 0; }']
    path = tmp_path / "hostile.c"
    path.write_text("\n".join(["/*", f" * slatcheck-run: c {NARROW}", " */", *lines, ""]))
    verdict, ran = running.run(running.build(running.read(path), tree, None))
    assert (verdict, ran.fault) == (
        Verdict.UNKNOWN,
        "it made system call 222, which is not answered",
    )


def test_there_is_no_kunit_form_yet(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replay = write_replay(tmp_path, FINDINGS["stale"])
    assert cli.run(["export", str(replay), "--as", "kunit", "--kernel", str(tree)]) == 2
    said = capsys.readouterr()
    assert said.err == (
        "slatcheck: no KUnit form for KVM for RISC-V yet: use --as c or --as pytest\n"
    )
    assert not said.out
