# SPDX-License-Identifier: GPL-2.0-only
"""Repairs of what is broken in 6.12's tables of RISC-V, for tests that see a finding go."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from impl.kernel.ports.riscv.files import MMU
from tests.kernels.copies import edit as replace_file
from tests.kernels.copies import share
from tests.proofs.c.edits import Edit, apply

FOLDERS = ("arch/riscv/include", "arch/riscv/kvm", "arch/riscv/mm", "include", "virt/kvm")

_WHOLE = """\
		if (!(addr & (page_size - 1)) && ((end - addr) >= page_size))
			gstage_op_pte(kvm, addr, ptep,"""
_ANY_PART = "\t\tgstage_op_pte(kvm, addr & ~((gpa_t)page_size - 1), ptep,"
_STEP = "addr += page_size;"
_TO_THE_NEXT = "addr = (addr & ~((gpa_t)page_size - 1)) + page_size;"

_TABLES = """\
static void free_tables(pte_t *table, u32 level, u32 entries)
{
	u32 i;

	for (i = 0; level && i < entries; i++) {
		unsigned long next = gstage_pte_page_vaddr(ptep_get(&table[i]));

		if (!pte_val(ptep_get(&table[i])) || gstage_pte_leaf(&table[i]))
			continue;
		free_tables((pte_t *)next, level - 1, PTRS_PER_PTE);
		set_pte(&table[i], __pte(0));
		free_pages(next, 0);
	}
}

"""
_TAKEN = "pgd = READ_ONCE(kvm->arch.pgd);\n"
_FREED = """\
		free_tables((pte_t *)pgd, gstage_pgd_levels - 1, PTRS_PER_PTE << gstage_pgd_xbits);
"""
_BY_BIT = """\
for (; mask; mask &= mask - 1) {
		start = (base_gfn + __ffs(mask)) << PAGE_SHIFT;
		gstage_wp_range(kvm, start, start + PAGE_SIZE);
	}"""
_FOR_THE_GUEST = "pte_mkdirty(pfn_pte(pfn, pgprot_noncached(PAGE_WRITE)))"
_INSTEAD = "{ set_pte(ptep, __pte(0)); gstage_remote_tlb_flush(kvm, current_level, addr); }"

REPAIRS = (
    *(
        Edit(f"{name}: {what}", name, old, new, file=MMU)
        for name in ("gstage_unmap_range", "gstage_wp_range")
        for what, old, new in (
            ("any part of a leaf", _WHOLE, _ANY_PART),
            ("the next slot", _STEP, _TO_THE_NEXT),
        )
    ),
    Edit(
        "whole addresses are flushed", "gstage_remote_tlb_flush",
        "~(BIT(order) - 1)", "~((gpa_t)BIT(order) - 1)", file=MMU,
    ),
    Edit(
        "a page takes the place of a large leaf", "gstage_set_pte",
        "return -EEXIST;", _INSTEAD, file=MMU,
    ),
    Edit(
        "devices for the guest", "kvm_riscv_gstage_ioremap",
        "pfn_pte(pfn, PAGE_KERNEL_IO)", _FOR_THE_GUEST, file=MMU,
    ),
    Edit(
        "bit by bit", "kvm_arch_mmu_enable_log_dirty_pt_masked",
        "gstage_wp_range(kvm, start, end);", _BY_BIT, file=MMU,
    ),
    Edit(
        "tables are freed", "kvm_riscv_gstage_free_pgd",
        _TAKEN, _TAKEN + _FREED, file=MMU,
    ),
    Edit(
        "what frees them", "kvm_riscv_gstage_free_pgd",
        "void kvm_riscv_gstage_free_pgd", _TABLES + "void kvm_riscv_gstage_free_pgd", file=MMU,
    ),
)  # fmt: skip


def repaired(tree: Path, folder: Path, repairs: Sequence[Edit] = REPAIRS) -> Path:
    """Build a copy of 6.12 in ``folder`` with the repairs made one after the other."""
    share(tree, folder, FOLDERS)
    for one in repairs:
        replace_file(folder, one.file, partial(apply, edit=one))
    return folder
