# SPDX-License-Identifier: GPL-2.0-only
"""The kernel functions that carry out the operations on RISC-V, and what their callers can pass.

The names are those of the newest trees; older ones have them without ``kvm_riscv_`` or with
``gstage`` in the place of ``mmu``, as the kernel side of the port says.
"""

from __future__ import annotations

from model.contracts import Contract
from model.operations import Kind

FUNCTIONS: dict[Kind, str] = {
    Kind.CREATE: "kvm_riscv_mmu_alloc_pgd",
    Kind.FAULT: "kvm_riscv_mmu_map",
    Kind.MAP: "kvm_riscv_gstage_map_page",
    Kind.LOOKUP: "kvm_riscv_gstage_get_leaf",
    Kind.FLUSH: "kvm_riscv_gstage_unmap_range",
    Kind.MKCLEAN: "kvm_riscv_gstage_wp_range",
    Kind.LOG_DIRTY_MASKED: "kvm_arch_mmu_enable_log_dirty_pt_masked",
    Kind.UNMAP: "kvm_unmap_gfn_range",
    Kind.AGE: "kvm_age_gfn",
    Kind.TEST_AGE: "kvm_test_age_gfn",
    Kind.FLUSH_SLOT: "kvm_arch_flush_shadow_memslot",
    Kind.COMMIT_REGION: "kvm_arch_commit_memory_region",
    Kind.PREPARE_REGION: "kvm_arch_prepare_memory_region",
    Kind.IOREMAP: "kvm_riscv_mmu_ioremap",
    Kind.IOUNMAP: "kvm_riscv_mmu_iounmap",
    Kind.SPLIT: "kvm_riscv_gstage_split_huge",
    Kind.DESTROY: "kvm_riscv_mmu_free_pgd",
}
"""The entry point in the kernel that carries out each operation."""

_MMU = "arch/riscv/kvm/mmu.c"
CONTRACTS: dict[Kind, Contract] = {
    Kind.CREATE: Contract("none", "kvm_arch_init_vm, arch/riscv/kvm/vm.c"),
    Kind.FAULT: Contract(
        "an address of a memslot; a page of the host that is aligned in the host's addresses, "
        "writable where the fault is a write",
        "gstage_page_fault, arch/riscv/kvm/vcpu_exit.c; hva_to_pfn, virt/kvm/kvm_main.c",
    ),
    Kind.MAP: Contract(
        "an address of a memslot, the size of a base page, PMD or PUD, a host address aligned to "
        "it; the leaf lies in the memslot, which does not log",
        f"kvm_riscv_mmu_map, {_MMU}",
    ),
    Kind.LOOKUP: Contract("an address within reach", f"kvm_age_gfn, {_MMU}"),
    Kind.FLUSH: Contract("frames within reach, inclusive", f"kvm_riscv_mmu_free_pgd, {_MMU}"),
    Kind.MKCLEAN: Contract("frames within reach, inclusive", f"mmu_wp_memory_region, {_MMU}"),
    Kind.LOG_DIRTY_MASKED: Contract(
        "a mask that is not 0, bits within a slot",
        "kvm_clear_dirty_log_protect and kvm_get_dirty_log_protect, virt/kvm/kvm_main.c",
    ),
    Kind.UNMAP: Contract(
        "a non-empty [start, end) within a slot", "kvm_handle_hva_range, virt/kvm/kvm_main.c"
    ),
    Kind.AGE: Contract(
        "a non-empty [start, end) within a slot: what a slot holds of a page of the host, of any "
        "size",
        "kvm_mmu_notifier_clear_flush_young, virt/kvm/kvm_main.c",
    ),
    Kind.TEST_AGE: Contract("[gfn, gfn + 1)", "kvm_mmu_notifier_test_young, kvm_main.c"),
    Kind.FLUSH_SLOT: Contract("a memslot", "kvm_invalidate_memslot, virt/kvm/kvm_main.c"),
    Kind.COMMIT_REGION: Contract(
        "a memslot on which dirty logging is switched on", "kvm_commit_memory_region"
    ),
    Kind.PREPARE_REGION: Contract(
        "a memslot, also one beyond the reach", "kvm_prepare_memory_region, kvm_main.c"
    ),
    Kind.IOREMAP: Contract(
        "pages within reach that are no memory", "kvm_riscv_vcpu_aia_imsic_update, aia_imsic.c"
    ),
    Kind.IOUNMAP: Contract("pages within reach", "kvm_riscv_vcpu_aia_imsic_release, aia_imsic.c"),
    Kind.SPLIT: Contract("any address within reach", f"kvm_riscv_gstage_map_page, {_MMU}"),
    Kind.DESTROY: Contract("none", "kvm_arch_destroy_vm, arch/riscv/kvm/vm.c"),
}
"""What may be passed to each entry point."""
