# SPDX-License-Identifier: GPL-2.0-only
"""Exported files on real trees: each shows its finding, and holds once the bug is fixed."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from model.operations import Answer, Kind, Op, to_json
from model.ports import layout
from slatcheck import cli
from slatcheck.document.result import Verdict
from slatcheck.export import running
from slatcheck.export.program import Form
from slatcheck.judge import traces
from tests.kernels.copies import edit, share
from tests.proofs.c.edits import REPAIRS, edited

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.kernel
C = Op(Kind.CREATE)


class Finding(NamedTuple):
    fingerprint: str
    layout: str
    ops: tuple[Op, ...]
    forms: tuple[str, ...]
    says: str


def wr(gpa: int) -> Op:
    return Op(Kind.FAULT, gpa, pfn=5, write=True, writable=True)


#: Operations of every kind that mmu.c has; the last takes one frame too many.
MANY = (
    C,
    wr(0x1000),
    Op(Kind.FAULT_FAST, 0x1000, write=True),
    Op(Kind.LOOKUP, 0x1000),
    Op(Kind.MKCLEAN, 0, 1),
    Op(Kind.MKOLD, 0, 1),
    wr(0x1000),
    Op(Kind.LOG_DIRTY_MASKED, 1, 0, 1),
    Op(Kind.TEST_AGE, 1, 2),
    Op(Kind.AGE, 1, 2),
    Op(Kind.FLUSH, 5, 6),
    Op(Kind.LOOKUP, 0x5000),
    Op(Kind.FAULT, 0x9000, answer=Answer.NO_SLOT),
    Op(Kind.FAULT, 0x9000, answer=Answer.READ_ONLY, write=True),
    Op(Kind.FAULT, 0x3000, pfn=8, writable=True, retries=2),
    wr(0x2000),
    Op(Kind.UNMAP, 1, 2),
)
#: What mips.c has besides, and a failing allocation.
ELSEWHERE = (
    Op(Kind.FAULT, 0x80000000, pfn=6, oom=1),
    Op(Kind.FLUSH_ALL),
    Op(Kind.COMMIT_REGION, 8, 1),
    Op(Kind.FLUSH_SLOT, 8, 1),
)

#: Two levels and three, 32 bits and 64, one of each class of rules; what a C program says.
FINDINGS = {
    "stale": Finding(
        "stale-mapping/kvm_unmap_gfn_range/ends-at-top",
        "mips32-16k",
        (C, wr(0xFFFFC000), Op(Kind.UNMAP, 0x3FFFF, 0x40000)),
        ("pytest", "c", "kunit"),
        "gfn 0x3ffff (GPA 0xffffc000) must become absent, stayed as it was",
    ),
    "aliasing": Finding(
        "aliasing/kvm_mips_map_page/beyond-reach",
        "mips64-4k",
        (C, wr(1 << 40)),
        ("pytest", "c", "kunit"),
        "must return -14, returned 0",
    ),
    "collateral": Finding(
        "collateral-change/kvm_arch_mmu_enable_log_dirty_pt_masked/mask-with-holes",
        "mips64-16k",
        (C, wr(0x44000), Op(Kind.LOG_DIRTY_MASKED, 0x10, 0, 0b101)),
        ("pytest", "c", "kunit"),
        "gfn 0x11 (GPA 0x44000) must stay as it was, became entry",
    ),
    "bounds": Finding(
        "out-of-bounds/kvm_pgd_alloc/any",
        "mips32-64k",
        (C,),
        ("pytest", "c"),
        "out-of-bounds: store, address 0x",
    ),
    "leak": Finding(
        "leak/kvm_mips_free_gpa_pt/pgd-all-but-its-first-pages",
        "mips64-4k",
        (C, wr(0x1000), Op(Kind.DESTROY)),
        ("pytest", "c"),
        "leak: pgd, all but its first pages",
    ),
    "pfn": Finding(
        "wrong-entry/kvm_mips_map_page/pfn-does-not-fit",
        "mips32-4k-huge",
        (C, wr(0x1000)._replace(pfn=0x80000)),
        (),  # no repair of it is known
        "GPA 0x1000 must hold pfn 0x80000",
    ),
    "many": Finding(
        "collateral-change/kvm_unmap_gfn_range/next-page-mapped",
        "mips32-4k",
        MANY,
        ("kunit",),
        "",
    ),
    "all": Finding(
        "collateral-change/kvm_unmap_gfn_range/next-page-mapped",
        "mips32-4k",
        (*MANY[:-3], *ELSEWHERE, *MANY[1:]),
        ("pytest", "c"),
        "gfn 0x2 (GPA 0x2000) must stay as it was, became absent",
    ),
}
CASES = [(name, form) for name, one in FINDINGS.items() for form in one.forms if form != "pytest"]


def write_replay(folder: Path, one: Finding) -> Path:
    data = {
        "schema": traces.REPLAY_SCHEMA,
        "fingerprint": one.fingerprint,
        "implementation": "kernel",
        "layout": one.layout,
        "quirks": [],
        "seed": 0,
        "byte_order": running.usual(layout(one.layout)),
        "trace": [to_json(op) for op in one.ops],
    }
    path = folder / "replay.json"
    path.write_text(json.dumps(data))
    return path


def export(folder: Path, one: Finding, form: str, tree: Path) -> Path:
    stem = re.sub(r"\W", "_", f"test_{one.fingerprint.partition('/')[0]}_{one.layout}")
    output = folder / f"{stem}.{'py' if form == 'pytest' else 'c'}"
    arguments = ["export", str(write_replay(folder, one)), "--as", form, "--kernel", str(tree)]
    assert cli.run([*arguments, "-o", str(output)]) == 0
    return output


Exports = Callable[[str, str], Path]


@pytest.fixture(scope="module")
def exports(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Exports:
    """Give the exported file of a finding in a form; each is made once."""

    @cache
    def make(name: str, form: str) -> Path:
        return export(tmp_path_factory.mktemp("exported"), FINDINGS[name], form, tree)

    return make


@pytest.fixture(scope="module")
def tree(kernel_trees: Mapping[str, Path]) -> Path:
    return kernel_trees["6.12"]


@pytest.fixture(scope="module")
def repaired(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return edited(tree, REPAIRS, tmp_path_factory.mktemp("repaired") / "tree", whole=True)


@pytest.mark.parametrize(("name", "form"), CASES)
def test_a_program_shows_the_finding_until_it_is_mended(
    name: str, form: str, exports: Exports, repaired: Path
) -> None:
    # The export itself has run the file on the tree and seen it fail.
    exported = running.read(exports(name, form))
    verdict, ran = running.run(running.build(exported, repaired, None))
    assert verdict is Verdict.HOLDS, ran
    if form == "c":
        assert ran.output.splitlines()[-1] == "HOLDS: what was promised is kept"


@pytest.mark.parametrize("name", ["stale", "bounds", "leak", "all", "pfn"])
def test_what_a_program_says_while_it_is_broken(
    name: str, exports: Exports, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, file, kept = FINDINGS[name], exports(name, "c"), tmp_path / "program"
    capsys.readouterr()
    arguments = ["run", str(file), "--kernel", str(tree), "--program", str(kept)]
    assert cli.run(arguments) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == one.fingerprint
    assert any(line.startswith(f"   BROKEN: {one.says}") for line in lines), lines
    assert lines[-1] == f"VIOLATED: {one.fingerprint}"
    assert kept.read_bytes()[:4] == b"\x7fELF"
    assert os.access(kept, os.X_OK)


@pytest.mark.parametrize(("name", "status"), [("stale", 1), ("leak", 0)])
def test_another_kernel_has_its_own_answer(
    name: str, status: int, exports: Exports, kernel_trees: Mapping[str, Path]
) -> None:
    """6.1 frees the root whole; the leak came later."""
    assert cli.run(["run", str(exports(name, "c")), "--kernel", str(kernel_trees["6.1"])]) == status


def test_pytest_files_fail_until_the_bugs_are_mended(
    tree: Path, repaired: Path, tmp_path: Path
) -> None:
    findings = [one for one in FINDINGS.values() if "pytest" in one.forms]
    for one in findings:
        export(tmp_path, one, "pytest", tree)
    broken = run_pytest(tmp_path, tree)
    assert broken.returncode == 1
    assert f"{len(findings)} failed" in broken.stdout
    for one in findings:
        assert f"\n{one.fingerprint}\n" in broken.stdout
    assert "expected: gfn 0x3ffff (GPA 0xffffc000, 1 page, 16 KiB): absent" in broken.stdout
    assert "actual:   gfn 0x3ffff (GPA 0xffffc000, 1 page, 16 KiB): as before" in broken.stdout
    mended = run_pytest(tmp_path, repaired)
    assert mended.returncode == 0, mended.stdout
    assert f"{len(findings)} passed" in mended.stdout


def run_pytest(folder: Path, tree: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SLATCHECK_KERNEL": str(tree)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n0", "."]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_a_tree_that_gives_no_answer_is_an_error_and_no_pass(tree: Path, tmp_path: Path) -> None:
    export(tmp_path, FINDINGS["stale"], "pytest", tree)
    copy = tmp_path / "copy"
    share(tree, copy)
    edit(copy, "arch/mips/kvm/mmu.c", lambda text: text + "\n#error not today\n")
    done = run_pytest(tmp_path, copy)
    assert done.returncode == 1
    assert "1 error" in done.stdout and "passed" not in done.stdout
    assert "not today" in done.stdout


def test_a_function_that_is_not_bound_is_an_error_and_no_pass(tree: Path, tmp_path: Path) -> None:
    from impl.kernel.errors import UnsupportedError
    from slatcheck.export import support

    copy = tmp_path / "copy"
    share(tree, copy)
    shape = "static int kvm_mips_mkold_gpa_pt(struct kvm *kvm, gfn_t start_gfn,"
    edit(copy, "arch/mips/kvm/mmu.c", lambda text: _merged(text, shape))
    ops = [to_json(C), to_json(Op(Kind.MKOLD, 0, 0))]
    with pytest.raises(UnsupportedError, match="not bound"):
        support.run("mips32-16k", ops, copy)


def _merged(text: str, shape: str) -> str:
    """Give the function a parameter more, so that neither its name nor its shape is there."""
    assert shape in text
    text = text.replace(
        shape, "static int kvm_mips_grow_old(int by, struct kvm *kvm, gfn_t start_gfn,"
    )
    return text.replace("kvm_mips_mkold_gpa_pt(kvm, range", "kvm_mips_grow_old(0, kvm, range")


@pytest.mark.parametrize("form", ["c", "kunit"])
def test_steps_that_go_another_way_are_no_pass(
    form: str, exports: Exports, tree: Path, tmp_path: Path
) -> None:
    file = exports("stale", form)
    copy = tmp_path / "copy"
    share(tree, copy)
    begins = "\tstruct kvm_mmu_memory_cache *memcache = &vcpu->arch.mmu_page_cache;"
    edit(
        copy,
        "arch/mips/kvm/mmu.c",
        lambda text: text.replace(begins, f"{begins}\n\tif (vcpu)\n\t\treturn -EFAULT;\n"),
    )
    assert cli.run(["run", str(file), "--kernel", str(copy)]) == 3


def test_kunit_output_is_what_the_kernels_own_parser_reads(
    kernel_trees: Mapping[str, Path], repaired: Path, exports: Exports
) -> None:
    exported = running.read(exports("aliasing", "kunit"))
    # The tree's own KUnit header is another one in 6.1, and so is its parser.
    for subject, version, status in (
        (kernel_trees["6.1"], "6.1", "FAILURE"),
        (repaired, "6.12", "SUCCESS"),
    ):
        _, ran = running.run(running.build(exported, subject, None))
        (suite,) = parse(kernel_trees[version], ran.output).subtests
        (case,) = suite.subtests
        assert (suite.name, suite.status.name) == ("slatcheck_mips64_4k", status)
        assert (case.name, case.status.name) == (
            "aliasing_kvm_mips_map_page_beyond_reach",
            status,
        )
        failed = [line for line in case.log if "EXPECTATION FAILED at mmu_kunit.c:" in line]
        assert bool(failed) == (status == "FAILURE")


def parse(tree: Path, output: str) -> Any:
    names = ("kunit_parser", "kunit_printer")
    folder = str(tree / "tools/testing/kunit")
    for name in names:
        sys.modules.pop(name, None)
    sys.path.insert(0, folder)
    try:
        parser = importlib.import_module("kunit_parser")
    finally:
        sys.path.remove(folder)
        for name in names:
            sys.modules.pop(name, None)
    with contextlib.redirect_stdout(io.StringIO()):
        found = parser.parse_run_tests(output.splitlines())
    return getattr(found, "test", found)


def test_other_findings_of_the_same_steps_do_not_count(
    exports: Exports, tree: Path, tmp_path: Path
) -> None:
    # Tables that three levels have are freed with a destructor that had no constructor.
    file = exports("leak", "c")
    assert "known(EV_ACCOUNTING, SU_CONSTRUCTOR);" in file.read_text()
    only = [repair for repair in REPAIRS if repair.name == "root freed whole"]
    mended = edited(tree, only, tmp_path / "mended", whole=True)
    verdict, ran = running.run(running.build(running.read(file), mended, None))
    assert verdict is Verdict.HOLDS, ran
    (line,) = (line for line in ran.output.splitlines() if "another finding" in line)
    assert line.startswith("   another finding: accounting: table ")
    assert re.search(r"in kvm_mips_flush_gpa_pud \(arch/mips/kvm/mmu\.c:\d+\)$", line)


REFUSED = {
    "bounds": "shows only where accesses, pages and warnings are watched",
    "leak": "destroy, is no function of mmu.c",
}


@pytest.mark.parametrize("name", REFUSED)
def test_kunit_refuses_what_it_cannot_show(
    name: str, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replay, output = write_replay(tmp_path, FINDINGS[name]), tmp_path / "out.c"
    arguments = ["export", str(replay), "--as", "kunit", "--kernel", str(tree), "-o", str(output)]
    assert cli.run(arguments) == 2
    said = capsys.readouterr().err
    assert REFUSED[name] in said and said.count("\n") == 1
    assert not output.exists()


def test_a_file_that_shows_nothing_is_refused(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """KUnit sees nothing wrong in a bit at which none of the kernel's own helpers looks."""
    old = Op(Kind.FAULT, 0, pfn=0x2000000), Op(Kind.MKOLD, 0, 0)
    one = Finding(
        "wrong-entry/_kvm_mips_map_page_fast/pfn-in-second-field",
        "mips32-16k-xpa",
        (C, *old, Op(Kind.FAULT_FAST, 0)),
        (),
        "",
    )
    arguments = ["export", str(write_replay(tmp_path, one)), "--as", "kunit"]
    assert cli.run([*arguments, "--kernel", str(tree)]) == 2
    said = capsys.readouterr()
    assert "the file does not show it (ok 1 slatcheck_mips32_16k_xpa)" in said.err
    assert not said.out and said.err.count("\n") == 1


def test_a_finding_that_does_not_show_is_not_exported(
    repaired: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replay = write_replay(tmp_path, FINDINGS["stale"])
    for form in ("pytest", "c", "kunit"):
        arguments = ["export", str(replay), "--as", form, "--kernel", str(repaired)]
        assert cli.run(arguments) == 2
        said = capsys.readouterr()
        assert "does not show" in said.err and not said.out


def test_forms_are_those_that_are_tried() -> None:
    assert {form.value for form in Form} == {form for _, form in CASES}


def blocks(language: str) -> list[str]:
    text = (ROOT / "docs/export.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_the_examples_of_the_documentation_are_what_is_written(
    exports: Exports, tree: Path
) -> None:
    """The third number of the version is whatever the fetched tree has."""
    texts = {
        form: re.sub(r"Linux 6\.12\.\d+", "Linux 6.12.117", exports("stale", form).read_text())
        for form in ("pytest", "c", "kunit")
    }
    assert blocks("python") == [texts["pytest"]]
    whole, _, suite = blocks("c")
    assert whole == texts["c"]
    assert suite in texts["kunit"]
    _, program, ktap, _ = blocks("text")
    for form, shown in (("c", program), ("kunit", ktap)):
        _, ran = running.run(running.build(running.read(exports("stale", form)), tree, None))
        assert ran.output == shown


def test_what_the_documentation_has_a_test_say_is_said(tree: Path) -> None:
    from slatcheck.export import support

    ops = [to_json(op) for op in FINDINGS["stale"].ops]
    (one,) = support.run("mips32-16k", ops, tree)
    assert blocks("text")[0] == f"{one}\n"
