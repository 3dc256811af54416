# SPDX-License-Identifier: GPL-2.0-only
"""Bugs planted into a copy of a real tree: each is found, under its own rule."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from impl.kernel.emulated import EmulatedKernel
from impl.kernel.ports import bind, open_tree
from impl.kernel.ports.mips.files import MIPS, MMU
from impl.kernel.tree import Tree
from model.operations import Op
from model.ports import layout
from slatcheck.judge.judging import Request, check
from slatcheck.judge.replay import replay, replay_file
from slatcheck.search.campaign import DEFAULT_OPS, Campaign, Hit, Search
from slatcheck.search.differential import Symptom
from slatcheck.search.unit import geometry_symptoms
from tests.kernels.copies import image_of
from tests.proofs.c.edits import MACRO, Edit, edited

PGTABLE_64 = "arch/mips/include/asm/pgtable-64.h"


@dataclass(frozen=True)
class Bug:
    """A few words of a function replaced by others; ``nth`` counts from 1."""

    name: str
    rule: str
    where: str
    old: str
    new: str
    nth: int = 1
    on: str = "mips64-4k"
    file: str = MMU

    def __str__(self) -> str:
        return self.name


LOOP = "i <= i_max"
SHORT = "i < i_max"
BUGS = (
    Bug("flush pte loop", "stale-mapping", "kvm_mips_flush_gpa_pte", LOOP, SHORT),
    Bug("flush pmd loop", "stale-mapping", "kvm_mips_flush_gpa_pmd", LOOP, SHORT),
    Bug("flush pud loop", "stale-mapping", "kvm_mips_flush_gpa_pud", LOOP, SHORT),
    Bug("flush pgd loop", "stale-mapping", "kvm_mips_flush_gpa_pgd", LOOP, SHORT),
    Bug("range pte loop", "stale-mapping", MACRO, LOOP, SHORT, 1),
    Bug("range pmd loop", "stale-mapping", MACRO, LOOP, SHORT, 2),
    Bug("range pud loop", "stale-mapping", MACRO, LOOP, SHORT, 3),
    Bug("range pgd loop", "stale-mapping", MACRO, LOOP, SHORT, 4),
    Bug("flush pmd start kept", "stale-mapping", "kvm_mips_flush_gpa_pmd", ", start_gpa = 0", ""),
    Bug("flush pgd start kept", "stale-mapping", "kvm_mips_flush_gpa_pgd", ", start_gpa = 0", ""),
    Bug("range pmd start kept", "stale-mapping", MACRO, ", start = 0", "", 1),
    Bug("range pgd start kept", "stale-mapping", MACRO, ", start = 0", "", 3),
    Bug("flush pmd end unset", "collateral-change", "kvm_mips_flush_gpa_pmd", "end = end_gpa", ""),
    Bug("flush pgd end unset", "collateral-change", "kvm_mips_flush_gpa_pgd", "end = end_gpa", ""),
    Bug("range pmd end unset", "collateral-change", MACRO, "cur_end = end;", ";", 1),
    Bug(
        "pgd safe flag kept", "unsafe-to-remove", "kvm_mips_flush_gpa_pgd",
        "safe_to_remove = false", "",
    ),
    Bug("pmd safe flag kept", "leak", "kvm_mips_flush_gpa_pmd", "safe_to_remove = false", ""),
    Bug("pte never safe", "unsafe-to-remove", "kvm_mips_flush_gpa_pte", "PTRS_PER_PTE - 1", "0"),
    Bug("pmd not unlinked", "use-after-free", "kvm_mips_flush_gpa_pmd", "pmd_clear(pmd + i);", ""),
    Bug("pud not unlinked", "use-after-free", "kvm_mips_flush_gpa_pud", "pud_clear(pud + i);", ""),
    Bug(
        "freed before unlinked", "use-after-free", "kvm_mips_flush_gpa_pmd",
        "pmd_clear(pmd + i);", "pte_free_kernel(NULL, pte); pmd_clear(pmd + i); continue;",
    ),
    Bug("pte table kept", "leak", "kvm_mips_flush_gpa_pmd", "pte_free_kernel(NULL, pte);", ""),
    Bug("pmd table kept", "leak", "kvm_mips_flush_gpa_pud", "pmd_free(NULL, pmd);", ""),
    Bug(
        "pte table twice", "double-free", "kvm_mips_flush_gpa_pmd",
        "pte_free_kernel(NULL, pte);", "pte_free_kernel(NULL, pte); pte_free_kernel(NULL, pte);",
    ),
    Bug(
        "wrong page freed", "wild-free", "kvm_mips_flush_gpa_pmd",
        "pte_free_kernel(NULL, pte);", "pte_free_kernel(NULL, pte + PTRS_PER_PTE);",
    ),
    Bug("wrong order", "wild-free", "kvm_mips_free_gpa_pt", "pgd_free(NULL, kvm->arch.gpa_mm.pgd)",
        "free_pages((unsigned long)kvm->arch.gpa_mm.pgd, 3)", file=MIPS),
    Bug("new table uncleared", "uninitialised", "kvm_mips_walk_pgd", "clear_page(new_pte);", ""),
    Bug("pgd init short", "uninitialised", "kvm_pgd_init", "PTRS_PER_PGD", "PTRS_PER_PGD / 2"),
    Bug("pgd init long", "out-of-bounds", "kvm_pgd_init", "PTRS_PER_PGD", "PTRS_PER_PGD * 2"),
    Bug("one entry too many", "out-of-bounds", "kvm_mips_flush_gpa_pte", LOOP, "i <= i_max + 1"),
    Bug("shift too far", "stale-mapping", "kvm_mips_flush_gpa_pt", "<< PAGE_SHIFT",
        "<< (PAGE_SHIFT + 1)"),
    Bug("mkold shift too far", "stale-mapping", "kvm_mips_mkold_gpa_pt", "<< PAGE_SHIFT",
        "<< (PAGE_SHIFT + 1)"),
    Bug("no cache needed", "bad-access", "kvm_mips_walk_pgd", "if (!cache)", "if (0)", 2),
    Bug("loop without step", "runaway", "kvm_mips_flush_gpa_pte", "++i", "i += 0"),
    Bug("lock not given back", "runaway", "_kvm_mips_map_page_fast", "spin_unlock", "(void)"),
    Bug("root taken for none", "kernel-bug", "kvm_mips_walk_pgd", "pgd_none(*pgd)",
        "!pgd_none(*pgd)"),
    Bug("destroy flushes less", "kernel-warning", "kvm_mips_free_gpa_pt", "~0", "5", file=MIPS),
    Bug("fast path unlocked", "unlocked-access", "_kvm_mips_map_page_fast",
        "spin_lock(&kvm->mmu_lock);", ""),
    Bug("slot flushed unlocked", "unlocked-access", "kvm_arch_flush_shadow_memslot",
        "spin_lock(&kvm->mmu_lock);", "", file=MIPS),
    Bug("page kept on success", "accounting", "kvm_mips_map_page", "kvm_release_pfn_clean(pfn);",
        "", 2),
    Bug("page kept on retry", "accounting", "kvm_mips_map_page", "kvm_release_pfn_clean(pfn);", ""),
    Bug("srcu kept", "accounting", "kvm_mips_map_page", "srcu_read_unlock(&kvm->srcu, srcu_idx);",
        ""),
    Bug("dirty untold, slow", "dirty-unreported", "kvm_mips_map_page", "mark_page_dirty(kvm, gfn);",
        ""),
    Bug("dirty untold, fast", "dirty-unreported", "_kvm_mips_map_page_fast",
        "mark_page_dirty(kvm, gfn);", ""),
    Bug("no retry", "lost-invalidation", "kvm_mips_map_page",
        "mmu_invalidate_retry(kvm, mmu_seq)", "0"),
    Bug("cache one short", "cache-exhausted", MMU, "KVM_MMU_CACHE_MIN_PAGES 2",
        "KVM_MMU_CACHE_MIN_PAGES 1"),
    Bug("linked on failure", "oom-not-atomic", "kvm_mips_map_page", "if (err)",
        "if (err && memcache->nobjs) kvm_mips_pte_for_gpa(kvm, memcache, gpa); if (err)"),
    Bug("write permission lost", "wrong-entry", "kvm_mips_map_page", "prot_bits |= _PAGE_WRITE;",
        ""),
    Bug("entry not valid", "wrong-entry", "kvm_mips_map_page", "__READABLE", "_PAGE_ACCESSED"),
    Bug("dirty without write", "wrong-entry", "kvm_mips_map_page", "prot_bits |= __WRITEABLE;", ""),
    Bug("neighbour returned", "wrong-entry", "kvm_mips_walk_pgd", "pte_offset_kernel(pmd, addr)",
        "pte_offset_kernel(pmd, addr ^ PAGE_SIZE)"),
    Bug("address narrowed", "wrong-entry", "kvm_mips_walk_pgd", "unsigned long addr",
        "unsigned int addr"),
    Bug("change not told", "wrong-result", MACRO, "ret = 1;", "ret = 0;"),
    Bug("young turned round", "wrong-result", "kvm_test_age_gfn", "pte_young(*gpa_pte)",
        "!pte_young(*gpa_pte)"),
    Bug("slot one page longer", "collateral-change", "kvm_arch_flush_shadow_memslot",
        "slot->npages - 1", "slot->npages", file=MIPS),
    Bug("logging not cleaned", "stale-mapping", "kvm_arch_commit_memory_region",
        "kvm_mips_mkclean_gpa_pt(", "0 && kvm_mips_mkclean_gpa_pt(", file=MIPS),
    Bug("cache never freed", "leak", "kvm_mmu_free_memory_caches",
        "kvm_mmu_free_memory_cache(&vcpu->arch.mmu_page_cache);", ""),
    Bug("smaller leaf", "geometry", PGTABLE_64, "(PAGE_SIZE / sizeof(pte_t))",
        "(PAGE_SIZE / sizeof(pte_t) / 2)", file=PGTABLE_64),
)  # fmt: skip


def plant(tree: Tree, bug: Bug, folder: Path) -> Tree:
    """Return a copy of ``tree`` with the bug in it."""
    words = Edit(bug.name, bug.where, bug.old, bug.new, bug.nth, bug.file)
    return open_tree(edited(tree.root, [words], folder))


class _Until(Search):
    """A search that rests once a symptom is one of those looked for."""

    wanted: Callable[[Symptom], bool]
    met = False

    def _try(self, campaign: Campaign, ops: list[Op]) -> None:
        if not self.met:
            super()._try(campaign, ops)

    def _shrunk(self, mark: str, symptom: Symptom, ops: list[Op]) -> Hit:
        return Hit(symptom, ops)

    def _note(self, symptom: Symptom, ops: list[Op]) -> None:
        super()._note(symptom, ops)
        self.met = self.met or self.wanted(symptom)


def found(tree: Tree, on: str, wanted: Callable[[Symptom], bool]) -> set[str]:
    """Return the fingerprints found until one is wanted, within the default budget."""
    binding = bind(tree)
    image = image_of(tree, binding, layout(on))
    kernel = EmulatedKernel(image, binding.missing)
    executor = kernel.executor
    marks = {
        one.fingerprint
        for one in geometry_symptoms(layout(on), executor.geometry(), executor.entry_format())
    }
    search = _Until(kernel, 0, f"kernel/{on}")
    search.wanted = wanted
    return marks | set(search.run(DEFAULT_OPS).hits)


@cache
def baseline(root: Path, on: str) -> frozenset[str]:
    """Return what the tree shows by itself on a layout."""
    return frozenset(found(open_tree(root), on, lambda _: False))


@pytest.mark.parametrize("bug", BUGS, ids=str)
def test_planted_bug_is_found(bug: Bug, kernel_trees: dict[str, Path], tmp_path: Path) -> None:
    root = kernel_trees["6.12"]
    known = baseline(root, bug.on)
    tree = plant(open_tree(root), bug, tmp_path / "linux")

    def wanted(symptom: Symptom) -> bool:
        return symptom.rule == bug.rule and symptom.fingerprint not in known

    new = found(tree, bug.on, wanted) - known
    assert bug.rule in {mark.partition("/")[0] for mark in new}, sorted(new)


def test_geometry_finding_shows_again_when_replayed(
    kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    bug = next(bug for bug in BUGS if bug.rule == "geometry")
    tree = plant(open_tree(kernel_trees["6.12"]), bug, tmp_path / "linux")
    document = check(Request((layout(bug.on),), tree.root, max_ops=200, jobs=1), lambda _: None)
    one = next(finding for finding in document.findings if finding.rule == "geometry")
    file = tmp_path / "replay.json"
    file.write_text(json.dumps(replay_file(one, bug.on)))
    assert one.fingerprint in {x.fingerprint for x in replay(file, tree.root, None).findings}
