# SPDX-License-Identifier: GPL-2.0-only
"""The corpus of edits: each can be made, mutants are accounted for, and the repairs do repair."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from model.ports import layouts
from slatcheck.search.unit import Unit, search
from tests.proofs.c.edits import (
    FOUR,
    FOUR_LEVEL,
    LAYOUTS,
    MACRO,
    MUTANTS,
    REMAINING,
    REPAIRS,
    REWRITES,
    Edit,
    Mutant,
    apply,
    edited,
)

BUDGET = 4_000
MEASURED = json.loads(Path(__file__).with_name("mutants.json").read_text(encoding="utf-8"))
FUNCTIONS = {
    "kvm_pgd_init", "kvm_pgd_alloc", "pmd_init", "pud_init", "kvm_mips_walk_pgd",
    "kvm_mips_pte_for_gpa", "kvm_mips_flush_gpa_pte", "kvm_mips_flush_gpa_pmd",
    "kvm_mips_flush_gpa_pud", "kvm_mips_flush_gpa_pgd", "kvm_mips_flush_gpa_pt", MACRO,
    "kvm_mips_mkclean_gpa_pt", "kvm_mips_mkold_gpa_pt", "kvm_arch_mmu_enable_log_dirty_pt_masked",
    "kvm_unmap_gfn_range", "kvm_age_gfn", "kvm_test_age_gfn", "_kvm_mips_map_page_fast",
    "kvm_mips_map_page", "kvm_mips_free_gpa_pt", "kvm_arch_flush_shadow_all",
    "kvm_arch_flush_shadow_memslot", "kvm_arch_commit_memory_region",
}  # fmt: skip


@cache
def source(root: Path, file: str, four: bool) -> str:
    """Return a file of the tree, with FOUR_LEVEL where asked for."""
    text = (root / file).read_text()
    for edit in FOUR_LEVEL if four else ():
        text = apply(text, edit) if edit.file == file else text
    return text


def make(root: Path, edits: Iterable[Edit], four: bool = False) -> None:
    """Make the edits one after the other; each must change a single place."""
    files: dict[str, str] = {}
    for edit in edits:
        before = files.get(edit.file) or source(root, edit.file, four)
        after = apply(before, edit)
        assert after != before, edit.name
        assert len(after) - len(before) == len(edit.new) - len(edit.old), edit.name
        files[edit.file] = after


def test_there_are_enough() -> None:
    assert len(MUTANTS) >= 75
    assert len(REWRITES) >= 24
    assert {mutant.where for mutant in MUTANTS} >= FUNCTIONS


def test_names_are_unique_and_layouts_exist() -> None:
    known = {layout.name for layout in layouts()}
    assert set(LAYOUTS) | set(REMAINING) <= known
    for names in ([m.name for m in MUTANTS], [n for n, _ in REWRITES], [e.name for e in REPAIRS]):
        assert len(set(names)) == len(names)
    for mutant in MUTANTS:
        assert mutant.on
        assert set(mutant.on) <= set(LAYOUTS)


def test_repairs_apply(kernel_trees: Mapping[str, Path]) -> None:
    assert set(FOUR_LEVEL) < set(REPAIRS)
    make(kernel_trees["6.12"], REPAIRS)
    make(kernel_trees["6.12"], FOUR_LEVEL)


@pytest.mark.parametrize("name", [name for name, _ in REWRITES])
def test_rewrite_applies(name: str, kernel_trees: Mapping[str, Path]) -> None:
    make(kernel_trees["6.12"], dict(REWRITES)[name])


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_mutant_applies(mutant: Mutant, kernel_trees: Mapping[str, Path]) -> None:
    make(kernel_trees["6.12"], [mutant])
    if FOUR in mutant.on:
        make(kernel_trees["6.12"], [mutant.for_layout(FOUR)], four=True)


@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_mutant_is_accounted_for(mutant: Mutant) -> None:
    entry: dict[str, Any] = MEASURED[mutant.name]
    assert {name for name in entry if name in LAYOUTS} == set(mutant.on)
    for layout in mutant.on:
        assert entry[layout]["shown"] == bool(entry[layout]["rules"])
    if not any(entry[layout]["shown"] for layout in mutant.on):
        assert entry["equivalent"]


def test_nothing_is_accounted_for_that_is_no_mutant() -> None:
    assert set(MEASURED) == {mutant.name for mutant in MUTANTS}


@pytest.mark.parametrize("layout", ["mips64-4k", "mips64-4k-va48"])
def test_the_repaired_tree_shows_nothing(
    layout: str, kernel_trees: Mapping[str, Path], tmp_path: Path
) -> None:
    tree = edited(kernel_trees["6.12"], REPAIRS, tmp_path / "linux")
    report = search(Unit(layout, True, tree, None, (), 0, BUDGET))
    assert report.failure is None
    assert not report.campaign.limits
    assert set(report.campaign.hits) == REMAINING[layout]
    said = [hit.symptom.said for hit in report.campaign.hits.values()]
    assert all(one == "cache_min is 3, the model says 2" for one in said)
