# SPDX-License-Identifier: GPL-2.0-only
"""The kernel functions that carry out the operations on MIPS, and what their callers can pass."""

from __future__ import annotations

from model.contracts import Contract
from model.operations import Kind

FUNCTIONS: dict[Kind, str] = {
    Kind.CREATE: "kvm_pgd_alloc",
    Kind.FAULT: "kvm_mips_map_page",
    Kind.FAULT_FAST: "_kvm_mips_map_page_fast",
    Kind.LOOKUP: "kvm_mips_pte_for_gpa",
    Kind.FLUSH: "kvm_mips_flush_gpa_pt",
    Kind.MKCLEAN: "kvm_mips_mkclean_gpa_pt",
    Kind.MKOLD: "kvm_mips_mkold_gpa_pt",
    Kind.LOG_DIRTY_MASKED: "kvm_arch_mmu_enable_log_dirty_pt_masked",
    Kind.UNMAP: "kvm_unmap_gfn_range",
    Kind.AGE: "kvm_age_gfn",
    Kind.TEST_AGE: "kvm_test_age_gfn",
    Kind.FLUSH_SLOT: "kvm_arch_flush_shadow_memslot",
    Kind.FLUSH_ALL: "kvm_arch_flush_shadow_all",
    Kind.COMMIT_REGION: "kvm_arch_commit_memory_region",
    Kind.DESTROY: "kvm_mips_free_gpa_pt",
}
"""The entry point in the kernel that carries out each operation."""

CONTRACTS: dict[Kind, Contract] = {
    Kind.CREATE: Contract("none", "kvm_arch_init_vm, arch/mips/kvm/mips.c"),
    Kind.FAULT: Contract(
        "any unsigned long address; a write is answered with a writable page or refused",
        "kvm_mips_handle_vz_root_tlb_fault, arch/mips/kvm/mmu.c; hva_to_pfn, virt/kvm/kvm_main.c",
    ),
    Kind.FAULT_FAST: Contract("any unsigned long address", "kvm_mips_map_page, mmu.c"),
    Kind.LOOKUP: Contract("any unsigned long address", "_kvm_mips_map_page_fast, mmu.c"),
    Kind.FLUSH: Contract(
        "first <= last, inclusive, frames of slots; or 0..~0",
        "kernel-doc of kvm_mips_flush_gpa_pt; kvm_mips_free_gpa_pt passes 0..~0",
    ),
    Kind.MKCLEAN: Contract(
        "first <= last, inclusive, frames of slots; or 0..~0",
        "kernel-doc of kvm_mips_mkclean_gpa_pt",
    ),
    Kind.MKOLD: Contract(
        "first <= last, inclusive, frames of slots; or 0..~0",
        "kvm_age_gfn, mmu.c",
    ),
    Kind.LOG_DIRTY_MASKED: Contract(
        "a mask that is not 0, bits within a slot",
        "kvm_clear_dirty_log_protect and kvm_get_dirty_log_protect, virt/kvm/kvm_main.c",
    ),
    Kind.UNMAP: Contract(
        "a non-empty [start, end) within a slot", "__kvm_handle_hva_range, virt/kvm/kvm_main.c"
    ),
    Kind.AGE: Contract(
        "a non-empty [start, end) within a slot", "kvm_mmu_notifier_clear_flush_young"
    ),
    Kind.TEST_AGE: Contract("[gfn, gfn + 1)", "kvm_mmu_notifier_test_young, kvm_main.c"),
    Kind.FLUSH_SLOT: Contract(
        "a slot: page-aligned, 1 to 2^31 - 1 pages (2 GiB on 32-bit), no wrap",
        "__kvm_set_memory_region",
    ),
    Kind.FLUSH_ALL: Contract("none", "kvm_mmu_notifier_release, virt/kvm/kvm_main.c"),
    Kind.COMMIT_REGION: Contract(
        "a slot on which dirty logging is switched on", "kvm_commit_memory_region"
    ),
    Kind.DESTROY: Contract("none", "kvm_arch_destroy_vm, arch/mips/kvm/mips.c"),
}
"""What may be passed to each entry point."""
