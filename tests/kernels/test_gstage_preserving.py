# SPDX-License-Identifier: GPL-2.0-only
"""Rewrites of the repaired G-stage table that keep what it does: none of them is found wrong."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import pytest

from impl.kernel.ports.riscv.files import MMU
from tests.kernels.gstage_bugs import (
    AGE,
    ALLOC,
    FLUSH,
    FREE,
    LEAF,
    LEAF_FLUSH,
    LOCK,
    OP,
    PREPARE,
    PUT,
    SET,
    UNLOCK,
    UNMAP,
    WP,
)  # fmt: skip
from tests.kernels.gstage_repairs import (
    FAULT,
    IOREMAP,
    MASKED,
    SV32,
    SV39,
    found,
    loaded,
    text,
    tree_with,
    words,
)  # fmt: skip
from tests.proofs.c.edits import Edit, apply

BUDGET = 1_000


@dataclass(frozen=True)
class Rewrite:
    """Edits that change how something is done, and nothing that it does."""

    name: str
    edits: tuple[Edit, ...]
    on: str = SV39

    def __str__(self) -> str:
        return self.name


#: A leaf is divided into those of the level below, which a new table holds.
SPLIT = """
			pte_t whole = ptep_get(ptep);
			unsigned long n, step = 1UL << ((current_level - 1) * gstage_index_bits);

			next_ptep = pcache ? kvm_mmu_memory_cache_alloc(pcache) : NULL;
			if (!next_ptep)
				return -ENOMEM;
			for (n = 0; n < PTRS_PER_PTE; n++)
				set_pte(&next_ptep[n], __pte(pte_val(whole) + (n * step << _PAGE_PFN_SHIFT)));
			set_pte(ptep, pfn_pte(PFN_DOWN(__pa(next_ptep)), __pgprot(_PAGE_TABLE)));
"""

#: The walk calls itself for the table below.
WALK = """
static bool gstage_walk(pte_t *table, gpa_t addr, pte_t **ptepp, u32 *level)
{
	pte_t *slot = &table[gstage_pte_index(addr, *level)];

	if (!pte_val(ptep_get(slot)))
		return false;
	if (gstage_pte_leaf(slot)) {
		*ptepp = slot;
		return true;
	}
	if (!*level)
		return false;
	--*level;
	return gstage_walk((pte_t *)gstage_pte_page_vaddr(ptep_get(slot)), addr, ptepp, level);
}

static bool gstage_get_leaf_entry("""

#: The same as calls of one function with another last argument.
YOUNG = """
static bool gstage_young(struct kvm *kvm, gpa_t addr, u32 *level)
{
	pte_t *ptep;

	return gstage_get_leaf_entry(kvm, addr, &ptep, level) &&
		ptep_test_and_clear_young(NULL, 0, ptep);
}

bool kvm_age_gfn("""

EARLY = "if (gstage_pte_leaf(ptep)) {\n\t\tset_pte(ptep, __pte(0));\n"
WRITTEN = "kvm_set_pfn_dirty(hfn);\n\t\tmark_page_dirty(kvm, gfn);"
FLUSH_ALL = "kvm_flush_remote_tlbs(kvm);"

REWRITES = (
    Rewrite("everything is flushed", (
        words(FLUSH, "kvm_riscv_hfence_gvma_vmid_gpa(kvm, -1UL, 0, addr, BIT(order), order);",
              "(void)addr;\n\t" + FLUSH_ALL),
    )),
    Rewrite("flushes step by pages", (
        words(FLUSH, "BIT(order), order)", "BIT(order), PAGE_SHIFT)"),
    )),
    Rewrite("a leaf is flushed in two halves", (
        words(FLUSH, "kvm_riscv_hfence_gvma_vmid_gpa(kvm, -1UL, 0, addr, BIT(order), order);",
              "kvm_riscv_hfence_gvma_vmid_gpa(kvm, -1UL, 0, addr, BIT(order) / 2, PAGE_SHIFT);\n"
              "\tkvm_riscv_hfence_gvma_vmid_gpa(kvm, -1UL, 0, addr + BIT(order) / 2,\n"
              "\t\t\t\t       BIT(order) / 2, PAGE_SHIFT);"),
    ), SV32),
    Rewrite("one flush before each table goes", (
        words(OP, LEAF_FLUSH, f"if (op == GSTAGE_OP_WP)\n\t\t\t{LEAF_FLUSH}"),
        words(OP, PUT, f"{{\n\t\t\t{FLUSH_ALL}\n\t\t\t{PUT}\n\t\t}}"),
        words(UNMAP, "next:\n", f"{FLUSH_ALL}\nnext:\n"),
        words(FREE, "gstage_level_to_page_size(", f"{FLUSH_ALL}\n\t\tgstage_level_to_page_size("),
    )),
    Rewrite("one flush after a range is clean", (
        words(OP, LEAF_FLUSH, f"if (op == GSTAGE_OP_CLEAR)\n\t\t\t{LEAF_FLUSH}"),
        words(WP, "next:\n\t\taddr = (addr | (page_size - 1)) + 1;\n\t}",
              "next:\n\t\taddr = (addr | (page_size - 1)) + 1;\n\t}\n\t" + FLUSH_ALL),
    )),
    Rewrite("break before make", (
        words(SET, "set_pte(ptep, *new_pte);",
              f"{EARLY}\t\tgstage_remote_tlb_flush(kvm, current_level, addr);\n\t}}\n"
              "\tset_pte(ptep, *new_pte);"),
    )),
    Rewrite("a large leaf is put away as a table is", (
        words(SET, "if (pte_val(ptep_get(ptep)) && !gstage_pte_leaf(ptep))",
              "if (pte_val(ptep_get(ptep)))"),
    )),
    Rewrite("a large leaf is split", (
        words(SET, "set_pte(ptep, __pte(0));", SPLIT),
        words(SET, "if (!pte_val(ptep_get(ptep))) {", "else if (!pte_val(ptep_get(ptep))) {"),
    )),
    Rewrite("a large leaf gives way to a table", (
        words(SET, "if (pte_val(ptep_get(ptep)) && !gstage_pte_leaf(ptep))\n"
              "\t\tgstage_drop(kvm, addr, ptep, current_level);",
              "if (pte_val(ptep_get(ptep)) && !gstage_pte_leaf(ptep))\n\t\treturn -EEXIST;"),
        words(FAULT, "if (ret)\n\t\tkvm_err(\"Failed to map",
              "if (ret == -EEXIST)\n"
              "\t\tret = gstage_map_page(kvm, pcache, gpa,\n"
              "\t\t\t(hfn + ((gpa >> PAGE_SHIFT) - gfn)) << PAGE_SHIFT,\n"
              "\t\t\tPAGE_SIZE, !writable, true);\n\tif (ret)\n\t\tkvm_err(\"Failed to map"),
    )),
    Rewrite("the walk is a recursion", (
        words(MMU, "static bool gstage_get_leaf_entry(", WALK.lstrip()),
        words(LEAF, "*ptep_level = current_level;",
              "*ptep_level = current_level;\n"
              "\tif (current_level)\n"
              "\t\treturn gstage_walk((pte_t *)kvm->arch.pgd, addr, ptepp, ptep_level);\n"),
    )),
    Rewrite("slots of a table are counted down", (
        words(OP, "for (i = 0; i < PTRS_PER_PTE; i++)", "for (i = PTRS_PER_PTE; i-- > 0;)"),
    ), SV32),
    Rewrite("slots of the root are counted down", (
        words(FREE, "for (i = 0; i < PTRS_PER_PTE << gstage_pgd_xbits; i++)",
              "for (i = PTRS_PER_PTE << gstage_pgd_xbits; i-- > 0;)"),
    ), SV32),
    Rewrite("the root is freed under the lock", (
        words(FREE, "pgd = READ_ONCE(kvm->arch.pgd);",
              "free_pages((unsigned long)kvm->arch.pgd, get_order(gstage_pgd_size));"),
    ), SV32),
    Rewrite("a helper ages one leaf", (
        words(MMU, "bool kvm_age_gfn(", YOUNG.lstrip()),
        words(AGE, "pte_t *ptep;", ""),
        words(AGE, "if (gstage_get_leaf_entry(kvm, addr,\n\t\t\t\t   &ptep, &ptep_level))",
              "if (true)"),
        words(AGE, "ptep_test_and_clear_young(NULL, 0, ptep)",
              "gstage_young(kvm, addr, &ptep_level)"),
    ), SV32),
    Rewrite("ranges are loops of another form", (
        words(UNMAP, "while (addr < end) {", "for (; addr != end && addr < end;) {"),
        words(WP, "while (addr < end) {", "for (;;) {\n\t\tif (addr >= end)\n\t\t\tbreak;"),
    ), SV32),
    Rewrite("runs of a mask are cleaned at once", (
        words(MASKED, "for (; mask; mask &= mask - 1) {",
              "for (; mask; mask &= mask + (1UL << __ffs(mask))) {"),
        words(MASKED, "start + PAGE_SIZE",
              "start + ((gpa_t)(~mask >> __ffs(mask) ? __ffs(~mask >> __ffs(mask)) :\n"
              "\t\t\tBITS_PER_LONG - __ffs(mask)) << PAGE_SHIFT)"),
    )),
    Rewrite("what is dirty is told after it is mapped", (
        words(FAULT, WRITTEN, "kvm_set_pfn_dirty(hfn);"),
        words(FAULT, "if (ret)\n\t\tkvm_err(\"Failed to map",
              "if (writable && !ret)\n\t\tmark_page_dirty(kvm, gfn);\n"
              "\tif (ret)\n\t\tkvm_err(\"Failed to map"),
    ), SV32),
    Rewrite("the page goes back under the lock", (
        words(FAULT, f"{UNLOCK}\n\tkvm_set_pfn_accessed(hfn);\n\tkvm_release_pfn_clean(hfn);",
              f"kvm_set_pfn_accessed(hfn);\n\tkvm_release_pfn_clean(hfn);\n\t{UNLOCK}"),
    ), SV32),
    Rewrite("one lock for all pages of a device", (
        words(IOREMAP, LOCK, "spin_lock(&kvm->mmu_lock); {"),
        words(IOREMAP, UNLOCK, "} spin_unlock(&kvm->mmu_lock);"),
    ), SV32),
    Rewrite("a slot's end is compared from the other side", (
        words(PREPARE, "(new->base_gfn + new->npages) >\n\t    (gstage_gpa_size >> PAGE_SHIFT)",
              "(gstage_gpa_size >> PAGE_SHIFT) <\n\t    (new->base_gfn + new->npages)"),
    ), SV32),
    Rewrite("the root is cleared by hand", (
        words(ALLOC, "GFP_KERNEL | __GFP_ZERO", "GFP_KERNEL"),
        words(ALLOC, "kvm->arch.pgd = page_to_virt(pgd_page);",
              "memset(page_to_virt(pgd_page), 0, gstage_pgd_size);\n"
              "\tkvm->arch.pgd = page_to_virt(pgd_page);"),
    ), SV32),
)  # fmt: skip


@pytest.mark.parametrize("rewrite", REWRITES, ids=str)
def test_a_rewrite_is_right(
    rewrite: Rewrite, kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    root = kernel_trees["6.12"]
    mmu = reduce(apply, rewrite.edits, text(root))
    assert found(loaded(tree_with(root, mmu, tmp_path / "linux"), rewrite.on), BUDGET) == {}
