# SPDX-License-Identifier: GPL-2.0-only
"""What sets RISC-V trees apart: each row is sound, and knows a tree by what it contains."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from impl.kernel.features import Feature
from impl.kernel.kconfig import refusal
from impl.kernel.ports import bind, features, open_tree
from impl.kernel.ports.riscv.features import FEATURES
from impl.kernel.ports.riscv.files import FILES, SOURCES
from impl.kernel.tree import Tree
from model.operations import Kind
from model.ports import layouts

EVERY = pytest.mark.parametrize("row", FEATURES, ids=lambda row: row.name)

#: Of each row: text of its file in a tree that has it, and in one that has not.
KNOWN = {
    "functions of the machine": (
        "static bool gstage_get_leaf_entry(struct kvm *kvm, gpa_t addr,",
        "gstage_get_leaf_entry(kvm, addr",
    ),
    "functions of a stage of translation": (
        "bool kvm_riscv_gstage_get_leaf(struct kvm_gstage *gstage, gpa_t addr,",
        "kvm_riscv_gstage_get_leaf(gstage, addr",
    ),
    "levels of all machines": (
        "unsigned long kvm_riscv_gstage_pgd_levels __ro_after_init = 3;",
        "unsigned long kvm_riscv_gstage_max_pgd_levels __ro_after_init = 3;",
    ),
    "levels of each machine": (
        "unsigned long kvm_riscv_gstage_max_pgd_levels __ro_after_init = 3;",
        "unsigned long kvm_riscv_gstage_pgd_levels __ro_after_init = 3;",
    ),
    "a stage that fills itself": (
        "static inline void kvm_riscv_gstage_init(struct kvm_gstage *gstage,",
        "kvm_riscv_gstage_initial(gstage",
    ),
    "split of a large leaf": (
        "int kvm_riscv_gstage_split_huge(struct kvm_gstage *gstage,",
        "gstage_split_huge(gstage",
    ),
    "flushes that name the machine's number": (
        "void kvm_riscv_hfence_gvma_vmid_gpa(struct kvm *kvm,\n\tunsigned long hbase,\n"
        "\tunsigned long order, unsigned long vmid);",
        "void kvm_riscv_hfence_gvma_vmid_gpa(struct kvm *kvm, unsigned long order);",
    ),
    "flushes of a range of frames": (
        "#define __KVM_HAVE_ARCH_FLUSH_REMOTE_TLBS_RANGE",
        "#define __KVM_HAVE_ARCH_FLUSH_REMOTE_TLBS",
    ),
    "flush of a slot in mmu.c": (
        "void kvm_arch_flush_remote_tlbs_memslot(struct kvm *kvm,",
        "kvm_flush_remote_tlbs_memslot(kvm, slot);",
    ),
    "device leaves for the guest": (
        "prot = pgprot_noncached(PAGE_WRITE);",
        "pte = pfn_pte(pfn, PAGE_KERNEL_IO);",
    ),
    "device leaves of the kernel": (
        "pte = pfn_pte(pfn, PAGE_KERNEL_IO);",
        "prot = pgprot_noncached(PAGE_WRITE);",
    ),
    "entries for mapped devices": (
        "static inline int pmd_devmap(pmd_t pmd)",
        "static inline int pmd_user(pmd_t pmd)",
    ),
    "huge pages in a PUD": (
        "static inline int pud_trans_huge(pud_t pud)",
        "static inline int pmd_trans_huge(pmd_t pmd)",
    ),
    "mmu_notifier_seq": ("unsigned long mmu_notifier_seq;", "unsigned long mmu_invalidate_seq;"),
    "gfn_to_pfn_prot": ("hfn = gfn_to_pfn_prot(kvm, gfn", "hfn = gfn_to_pfn(kvm, gfn"),
    "kvm_faultin_pfn": ("hfn = kvm_faultin_pfn(vcpu, gfn", "hfn = gfn_to_pfn_prot(kvm"),
    "host tables are looked at": (
        "static int get_hva_mapping_size(struct kvm *kvm,",
        "vma_pagesize = PAGE_SIZE;",
    ),
}


def test_names_are_unique_and_every_row_is_tried_below() -> None:
    assert [row.name for row in FEATURES] == list(KNOWN)


@EVERY
def test_a_row_gives_its_reasons_and_looks_at_a_file_that_is_judged(row: Feature) -> None:
    for told in (row.name, row.since, row.shim, row.known):
        assert told == told.strip() != ""
    assert re.fullmatch(r"(until|since) \d+\.\d+|\d+\.\d+ to \d+\.\d+", row.since)
    assert row.file in SOURCES
    for name, _ in row.defines:
        assert re.fullmatch(r"\w+", name)


@EVERY
@pytest.mark.parametrize("has", [True, False], ids=["has it", "has it not"])
def test_a_tree_is_known_by_what_it_contains(row: Feature, has: bool, tmp_path: Path) -> None:
    (tmp_path / row.file).parent.mkdir(parents=True)
    (tmp_path / row.file).write_text(KNOWN[row.name][0 if has else 1])
    assert (row in features(Tree(tmp_path, "6.12.0", FILES))) == has


def test_real_trees_have_every_layout_and_name_every_function(kernel_tree: Path) -> None:
    tree = open_tree(kernel_tree, FILES.port)
    binding = bind(tree)
    assert list(binding.missing) == [Kind.SPLIT]
    assert binding.entries["kvm_riscv_mmu_map"] == "kvm_riscv_gstage_map"
    assert len(binding.places) == 16
    assert [refusal(tree, one) for one in layouts() if one.port == FILES.port] == [""] * 4
