# SPDX-License-Identifier: GPL-2.0-only
"""A folder of trees: each judged once, results kept, refused ones named, causes side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from impl.kernel.ports import kernel_port
from model.ports import layout
from slatcheck.cli import run
from slatcheck.document.result import Check, Document, Finding, Location, Verdict
from slatcheck.errors import InputError
from slatcheck.gate import trees
from slatcheck.gate.trees import JudgedTree
from slatcheck.judge import judging
from slatcheck.reports import trees as tables

SMALL = "mips32-4k"
MARK = "collateral-change/kvm_age_gfn/next-page-mapped"
OTHER = "wrong-result/kvm_test_age_gfn/any"


def a_finding(mark: str) -> Finding:
    rule, entry, trigger = mark.split("/")
    return Finding(
        mark, rule, "unsafe", [SMALL], SMALL, entry, trigger, {}, "said", [{"op": "create"}],
        [], [], Location(entry), 0, "kernel",
    )  # fmt: skip


def a_document(version: str, *marks: str) -> Document:
    checks = [
        Check("kernel/kvm_age_gfn/geometry", "differential", SMALL, "kvm_age_gfn", Verdict.HOLDS),
        Check("c/kvm_age_gfn/exact", "proof-c", SMALL, "kvm_age_gfn", Verdict.HOLDS),
        Check("c/kvm_pgd_alloc/exact", "proof-c", SMALL, "kvm_pgd_alloc", Verdict.UNKNOWN),
    ]
    checks += [
        Check(f"kernel/{m.split('/')[1]}/{m.split('/')[0]}", "differential", SMALL,
              m.split("/")[1], Verdict.VIOLATED, m, finding=m)
        for m in marks
    ]  # fmt: skip
    kernel = {"version": version}
    tool = {"name": "slatcheck", "version": "0"}
    return Document(tool, kernel, [layout(SMALL)], checks, [a_finding(mark) for mark in marks])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with two trees, as far as they are looked at before anything is built."""
    for name, version in (("old", "5 10 3"), ("new", "6 12 1")):
        root = tmp_path / "trees" / name
        numbers = zip(("VERSION", "PATCHLEVEL", "SUBLEVEL"), version.split(), strict=True)
        (root / "include").mkdir(parents=True)
        (root / "Makefile").write_text("".join(f"{key} = {value}\n" for key, value in numbers))
        for file in ("kvm/mmu.c", "kvm/mips.c", "include/asm/pgtable.h"):
            (root / "arch/mips" / file).parent.mkdir(parents=True, exist_ok=True)
            (root / "arch/mips" / file).write_text(f"/* {name} */\n")
        (root / "virt/kvm").mkdir(parents=True)
        (root / "virt/kvm/kvm_main.c").write_text("\n")
    (tmp_path / "trees/no-tree").mkdir()
    return tmp_path / "trees"


Count = dict[str, int]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Count:
    """Stand in for the check of one tree; count how often each is judged."""
    count: Count = {}

    def check(request: judging.Request, report: object) -> Document:
        assert request.kernel is not None
        name = request.kernel.name
        count[name] = count.get(name, 0) + 1
        return a_document("5.10.3", MARK, OTHER) if name == "old" else a_document("6.12.1", MARK)

    monkeypatch.setattr(judging, "check", check)
    return count


def judged(folder: Path, tmp_path: Path) -> dict[str, JudgedTree]:
    request = judging.Request((), evidence=frozenset({"differential"}))
    found = trees.judge(trees.folders(folder), request, (SMALL,), tmp_path, lambda step: None)
    return {one.name: one for one in found}


def test_what_was_judged_is_not_judged_again(folder: Path, tmp_path: Path, counted: Count) -> None:
    first = judged(folder, tmp_path)
    assert counted == {"old": 1, "new": 1}
    assert not any(one.kept for one in first.values())
    again = judged(folder, tmp_path)
    assert counted == {"old": 1, "new": 1}
    assert again["old"].kept
    assert again["new"].kept
    assert again["old"].document is not None
    assert again["old"].document.to_json() == first["old"].document.to_json()  # type: ignore[union-attr]
    assert again["old"].seconds == first["old"].seconds


@pytest.mark.parametrize("damage", ["", "{", '{"schema": "slatcheck-tree/1"}', "[]"])
def test_a_damaged_result_is_made_again(
    folder: Path, tmp_path: Path, counted: Count, damage: str
) -> None:
    judged(folder, tmp_path)
    (tmp_path / "old.json").write_text(damage)
    assert not judged(folder, tmp_path)["old"].kept
    assert counted == {"old": 2, "new": 1}


def test_a_tree_that_changed_is_judged_again(folder: Path, tmp_path: Path, counted: Count) -> None:
    judged(folder, tmp_path)
    (folder / "new/arch/mips/kvm/mmu.c").write_text("/* changed */\n")
    judged(folder, tmp_path)
    assert counted == {"old": 1, "new": 2}


def test_what_another_architecture_reads_of_a_tree_counts(
    folder: Path, tmp_path: Path, counted: Count
) -> None:
    """A tree may carry several: what is kept depends on those that were judged."""
    main = folder / "new/arch/riscv/kvm/mmu.c"
    main.parent.mkdir(parents=True)
    request = judging.Request((), evidence=frozenset({"differential"}))

    def judged_as(pattern: str) -> JudgedTree:
        found = trees.judge([folder / "new"], request, (pattern,), tmp_path, lambda step: None)
        return next(iter(found))

    for needed in kernel_port("riscv").files.needed:
        (folder / "new" / needed).parent.mkdir(parents=True, exist_ok=True)
        (folder / "new" / needed).touch()
    main.write_text("/* as it was */\n")
    first = judged_as("riscv64-sv39x4")
    assert judged_as("riscv64-sv39x4").kept
    main.write_text("/* changed */\n")
    assert not judged_as("riscv64-sv39x4").kept
    assert counted == {"new": 2}
    assert first.blob != judged_as("riscv64-sv39x4").blob


def test_what_is_asked_counts(folder: Path, tmp_path: Path, counted: Count) -> None:
    judged(folder, tmp_path)
    other = judging.Request((), seed=3, evidence=frozenset({"differential"}))
    list(trees.judge(trees.folders(folder), other, (SMALL,), tmp_path, lambda step: None))
    assert counted == {"old": 2, "new": 2}


def test_a_forged_result_is_not_believed(folder: Path, tmp_path: Path, counted: Count) -> None:
    judged(folder, tmp_path)
    file = tmp_path / "old.json"
    data = json.loads(file.read_text())
    data["report"]["verdict"] = "holds"
    file.write_text(json.dumps(data))
    assert not judged(folder, tmp_path)["old"].kept


def test_a_folder_that_is_no_tree_is_told(folder: Path, tmp_path: Path, counted: Count) -> None:
    found = judged(folder, tmp_path)["no-tree"]
    assert "no kernel tree" in found.refused
    assert found.verdict is Verdict.UNSUPPORTED
    assert "no-tree" in tables.render([found], "text")


def test_trees_stand_by_version_and_causes_side_by_side(
    folder: Path, tmp_path: Path, counted: Count
) -> None:
    found = list(judged(folder, tmp_path).values())
    text = tables.render(found, "markdown")
    lines = text.splitlines()
    rows = [line for line in lines if line.startswith("| ") and "violated" in line]
    assert [row.split(" | ")[1] for row in rows] == ["5.10.3", "6.12.1"]
    assert all(" | 1/2 | " in row for row in rows)
    (vanished,) = [line for line in lines if line.startswith("- from 5.10.3 to 6.12.1")]
    assert "vanishes: wrong-result.kvm_test_age_gfn.any" in vanished
    assert "appears" not in vanished
    matrix = [line for line in lines if line.startswith("| wrong-result.")]
    assert matrix == ["| wrong-result.kvm_test_age_gfn.any | 1 |  |"]


def test_an_interrupted_tree_is_not_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(request: judging.Request, report: object) -> Document:
        document = a_document("5.10.3")
        document.tool["interrupted"] = True
        return document

    monkeypatch.setattr(judging, "check", check)
    with pytest.raises(KeyboardInterrupt):
        judged(folder, tmp_path)
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.parametrize(
    ("verdicts", "status"),
    [
        ((Verdict.HOLDS, Verdict.VIOLATED), 1),
        ((Verdict.HOLDS, Verdict.HOLDS), 0),
        ((Verdict.UNKNOWN, Verdict.HOLDS), 3),
        ((Verdict.ERROR, Verdict.VIOLATED), 4),
    ],
)
def test_the_exit_status_is_the_worst(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    verdicts: tuple[Verdict, Verdict],
    status: int,
) -> None:
    (folder / "no-tree").rmdir()
    given: Callable[[], Verdict] = iter(verdicts).__next__

    def check(request: judging.Request, report: object) -> Document:
        document = a_document("6.1.1")
        document.checks = [replace(one, verdict=given()) for one in document.checks[:1]]
        return document

    monkeypatch.setattr(judging, "check", check)
    assert run(["trees", str(folder), "--layout", SMALL]) == status


def test_wrong_input_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no folders"):
        trees.folders(tmp_path)
    with pytest.raises(InputError, match="cannot read"):
        trees.folders(tmp_path / "absent")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--keep"):
        trees.keeping_folder(tmp_path / "file/below")
