# SPDX-License-Identifier: GPL-2.0-only
"""A port of the tests' own goes the whole way: nothing neutral has to be edited for it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from impl.kernel import images
from impl.kernel.binding import Binding
from impl.kernel.build import build
from impl.kernel.emulated import EmulatedKernel
from impl.kernel.errors import TreeError, UnsupportedError
from impl.kernel.ports import KERNEL_PORTS, bind, open_tree, trees_in
from impl.kernel.ports.riscv.code import RiscvCode
from impl.kernel.toolchain import find
from impl.kernel.tree import Tree
from model.layout import Layout
from model.operations import Kind
from model.ports import PORTS
from model.ports import layout as layout_named
from proofs.desk import Options
from proofs.engine import HOLDS, REFUTED
from proofs.kernel_runner import LayoutProof, LemmaStore, Session, read_unit
from slatcheck import cli
from slatcheck.judge.prove import kernel_notes
from slatcheck.search.campaign import Campaign, Search
from slatcheck.search.unit import geometry_symptoms
from support import cache, outside
from tests.ports.small import port

UNCHECKED = (
    ("if (gpa >> REACH_SHIFT || pgd->slot == EMPTY)", "if (pgd->slot == EMPTY)"),
    ("kvm->arch.root + (gpa >> PGDIR_SHIFT);", "kvm->arch.root + (gpa >> PGDIR_SHIFT) % 4;"),
)
"""Edits by which the walk no longer looks whether an address lies within the reach."""


def break_it(tree: Path) -> None:
    file = tree / port.MMU
    text = file.read_text()
    for old, new in UNCHECKED:
        assert old in text
        text = text.replace(old, new)
    file.write_text(text)


def read(path: Path) -> tuple[Tree, Binding]:
    found = open_tree(path)
    return found, bind(found)


def searched(path: Path, layout: Layout, operations: int = 4000) -> Campaign:
    tree, binding = read(path)
    image = build(tree, binding, layout, True, find())
    return Search(EmulatedKernel(image, binding.missing), 0, layout.name).run(operations)


def proved(path: Path, layout: Layout, *only: str) -> LayoutProof:
    tree, binding = read(path)
    unit, _ = read_unit(tree, binding, layout, find(), True)
    return Session(unit, layout, binding.entries, Options(), LemmaStore(None)).run(only)


def test_a_tree_is_known_by_its_main_file(tree: Path) -> None:
    assert tuple(trees_in(tree)) == (port.NAME,)


def test_its_layout_is_told(small: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["layouts", small.name]) == 0
    told = capsys.readouterr().out
    assert "16 frames" in told
    assert "a board (big-endian)" in told
    assert "The specification refuses or clips what lies beyond." in told
    for others in ("Linux 6.1", "what kernels do here"):
        assert others not in told


def test_a_function_that_its_tree_lacks_is_named(tree: Path) -> None:
    file = tree / port.MMU
    file.write_text(file.read_text().replace("small_drop(", "small_dropped("))
    with pytest.raises(UnsupportedError, match=f"{port.MMU} defines no function small_drop$"):
        read(tree)


def test_a_byte_order_that_its_processor_lacks_is_said_to_be_missing(
    tree: Path, small: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KERNEL_PORTS, port.NAME, replace(port.KERNEL, code=RiscvCode()))
    found, binding = read(tree)
    with pytest.raises(UnsupportedError, match="there is no big-endian code"):
        build(found, binding, small, True, find())


@pytest.mark.parametrize("name", ["SLAT_ROOT", "SLAT_CALL_BYTES"])
def test_what_its_port_h_leaves_out_is_named(
    name: str, tree: Path, small: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(port.HERE, tmp_path / "port"))
    file = folder / "runner/port.h"
    file.write_text(file.read_text().replace(f"#define {name} ", "#define OTHER "))
    monkeypatch.setitem(KERNEL_PORTS, port.NAME, replace(port.KERNEL, folder=folder))
    found, binding = read(tree)
    with pytest.raises(UnsupportedError, match=f"port.h must define {name}: "):
        build(found, binding, small, True, find())


def test_a_level_that_its_port_h_does_not_fill_is_named(
    tree: Path, small: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(port.HERE, tmp_path / "port"))
    file = folder / "shim/asm/pgtable.h"
    file.write_text(file.read_text().replace("#define __PAGETABLE_PMD_FOLDED 1\n", ""))
    monkeypatch.setitem(KERNEL_PORTS, port.NAME, replace(port.KERNEL, folder=folder))
    found, binding = read(tree)
    with pytest.raises(UnsupportedError, match=r"port.h must define SLAT_PMD_INIT\(table, empty\)"):
        build(found, binding, small, True, find())


def test_what_is_trusted_of_its_proof_is_not_what_other_ports_use(small: Layout) -> None:
    told = "\n".join(kernel_notes([small]))
    assert "trusted, srcu_read_lock()" in told
    assert "mips" not in told
    assert "mips" in "\n".join(kernel_notes([layout_named("mips32-4k")]))


def test_a_format_that_is_not_the_trees_is_told_before_what_follows_from_it(
    tree: Path, small: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    swapped = replace(small, entry=replace(small.entry, write=8, modified=2))
    wrong = replace(port.MODEL, layouts=lambda: (swapped,))
    monkeypatch.setitem(PORTS, port.NAME, wrong)
    report = tmp_path / "report.json"
    asked = ["--evidence", "differential", "--max-ops", "2000", "--jobs", "1", "--cache", "off"]
    asked += ["--format", "json", "--output", str(report)]
    assert cli.run(["check", "--kernel", str(tree), *asked]) == 1
    document = json.loads(report.read_text())
    rules = [one["rule"] for one in document["findings"]]
    assert rules[0] == "geometry"
    assert len(rules) > 1
    assert document["causes"][0]["id"].startswith("geometry")


def test_the_compiler_agrees_with_the_model(tree: Path, small: Layout) -> None:
    found, binding = read(tree)
    executor = EmulatedKernel(build(found, binding, small, True, find()), {}).executor
    assert not geometry_symptoms(small, executor.geometry(), executor.entry_format())


def test_the_search_covers_all_of_its_operations_and_finds_nothing(
    tree: Path, small: Layout
) -> None:
    campaign = searched(tree, small)
    assert not campaign.hits
    assert not campaign.limits
    assert all(campaign.compared[kind] > 20 for kind in port.FUNCTIONS)
    assert set(campaign.compared) == set(port.FUNCTIONS)


def test_every_promise_of_its_c_is_proved(tree: Path, small: Layout) -> None:
    result = proved(tree, small)
    assert not result.missing
    verdicts = {
        f"{one.title}/{name}": clause.verdict
        for one in result.proved
        for name, clause in one.proof.clauses.items()
    }
    assert len(verdicts) > 30
    assert set(verdicts.values()) == {HOLDS}, verdicts


def test_a_broken_walk_is_found_and_refuted(tree: Path, small: Layout) -> None:
    break_it(tree)
    entries = {hit.symptom.rule for hit in searched(tree, small).hits.values()}
    assert "aliasing" in entries
    (walk,) = proved(tree, small, "small_walk").proved
    assert walk.proof.clauses["reach"].verdict == REFUTED


def test_the_gate_reports_and_explains_the_first_finding(
    tree: Path, small: Layout, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    break_it(tree)
    report, replays = tmp_path / "report.json", tmp_path / "replays"
    here = ["--kernel", str(tree)]
    asked = ["--evidence", "differential", "--max-ops", "3000", "--jobs", "1"]
    asked += ["--replay-dir", str(replays), "--format", "json", "--output", str(report)]
    assert cli.run(["check", *here, *asked]) == 1
    document = json.loads(report.read_text())
    assert [layout["name"] for layout in document["layouts"]] == [small.name]
    functions = set(port.FUNCTIONS.values())
    assert {check["function"] for check in document["checks"]} <= functions
    (finding, *_) = [one for one in document["findings"] if one["rule"] == "aliasing"]
    assert finding["entry"] == port.FUNCTIONS[Kind.LOOKUP]
    assert finding["location"]["file"] == port.MMU
    assert cli.run(["report", str(report), "--kernel", str(tree)]) == 1
    told = capsys.readouterr().out
    assert "beyond the reach" in told
    assert "small_walk" in told
    (file,) = [one for one in replays.iterdir() if "aliasing.small_walk" in one.name]
    assert cli.run(["explain", str(file), *here]) == 1
    assert "small_walk" in capsys.readouterr().out
    assert cli.run(["export", str(file), *here, "--as", "c"]) == 2
    assert "no C form for KVM for the small machine yet: use --as pytest" in capsys.readouterr().err


def test_what_is_kept_of_it_depends_on_its_own_files(
    tree: Path, small: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(port.HERE, tmp_path / "own"))
    monkeypatch.setattr(port, "KERNEL", replace(port.KERNEL, folder=folder))
    port.register()
    monkeypatch.setattr(outside, "folders", lambda: (folder,))
    kept = tmp_path / "kept"
    images.image(*read(tree), small, True, find(), kept)
    header = folder / "runner/port.h"
    header.write_text(header.read_text().replace("SLAT_CALL_BYTES", "SLAT_NO_BYTES"))
    cache._digest.cache_clear()
    with pytest.raises(UnsupportedError):
        images.image(*read(tree), small, True, find(), kept)


@pytest.mark.parametrize(
    "asked",
    [
        ["check", "--layout", "small-4k", "--jobs", "1"],
        ["diff", "multilevel@small-4k", "model"],
    ],
)
@pytest.mark.usefixtures("small")
def test_a_table_that_nobody_wrote_is_said_to_be_missing(
    asked: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(asked) == 2
    wanted = "there is no built-in table for KVM for the small machine: give a kernel tree"
    assert wanted in capsys.readouterr().err


def test_its_tree_agrees_with_the_map_side_by_side(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["diff", f"kernel:{tree}@small-4k", "model", "--max-ops", "2000"]) == 0
    assert "internal error" not in capsys.readouterr().err


@pytest.mark.usefixtures("small")
def test_a_processor_of_two_ports_is_named_once(tmp_path: Path) -> None:
    other = tmp_path / "cc-for-another"
    other.write_text("#!/bin/sh\necho another 1.0\n")
    other.chmod(0o755)
    with pytest.raises(TreeError, match=r"a gcc for mips or riscv \(another 1\.0\)"):
        find(str(other))


def test_what_is_registered_is_gone_afterwards() -> None:
    with port.registered():
        assert cli.run(["layouts", "small-4k"]) == 0
    assert cli.run(["layouts", "small-4k"]) == 2
