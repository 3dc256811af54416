# SPDX-License-Identifier: GPL-2.0-only
"""What sets the trees of different ages apart on RISC-V, and what the shim does."""

from __future__ import annotations

from impl.kernel.features import Feature
from impl.kernel.generic import NOTIFIER_SEQ, gfn_to_pfn_prot, kvm_faultin_pfn
from impl.kernel.ports.riscv.files import GSTAGE, MMU
from model.machines import LITTLE

ARCH = "arch/riscv/include/asm/kvm_host.h"
TABLES = "arch/riscv/include/asm/pgtable.h"
TABLES_64 = "arch/riscv/include/asm/pgtable-64.h"
STAGE = "arch/riscv/include/asm/kvm_gstage.h"
TLB = "arch/riscv/include/asm/kvm_tlb.h"

_OLD = (
    ("kvm_riscv_mmu_alloc_pgd", "kvm_riscv_gstage_alloc_pgd"),
    ("kvm_riscv_mmu_map", "kvm_riscv_gstage_map"),
    ("kvm_riscv_gstage_map_page", "gstage_map_page"),
    ("kvm_riscv_gstage_get_leaf", "gstage_get_leaf_entry"),
    ("kvm_riscv_gstage_unmap_range", "gstage_unmap_range"),
    ("kvm_riscv_gstage_wp_range", "gstage_wp_range"),
    ("kvm_riscv_mmu_ioremap", "kvm_riscv_gstage_ioremap"),
    ("kvm_riscv_mmu_iounmap", "kvm_riscv_gstage_iounmap"),
    ("kvm_riscv_mmu_free_pgd", "kvm_riscv_gstage_free_pgd"),
)

FEATURES = (
    Feature(
        "functions of the machine",
        "5.19 to 6.16",
        MMU,
        r"\bgstage_get_leaf_entry\(struct kvm \*",
        "called with struct kvm, under their earlier names",
        "the compiler checks the calls",
        (
            ("SLAT_LEVELS_FOUND", "gstage_pgd_levels"),
            ("SLAT_MODE_FOUND", "gstage_mode"),
            ("SLAT_INDEX_BITS", "gstage_index_bits"),
            ("SLAT_ROOT_BITS", "gstage_pgd_xbits"),
            ("SLAT_ROOT_SIZE", "gstage_pgd_size"),
            ("SLAT_REACH_BITS", "gstage_gpa_bits"),
        ),
        renames=_OLD,
        orders=(LITTLE,),
    ),
    Feature(
        "functions of a stage of translation",
        "since 6.17",
        GSTAGE,
        r"\bkvm_riscv_gstage_get_leaf\(struct kvm_gstage \*",
        "gstage.c is included after mmu.c, its functions called with the machine's own stage",
        "every caller in mmu.c fills struct kvm_gstage so",
        (
            ("SLAT_INDEX_BITS", "kvm_riscv_gstage_index_bits"),
            ("SLAT_ROOT_BITS", "kvm_riscv_gstage_pgd_xbits"),
            ("SLAT_ROOT_SIZE", "kvm_riscv_gstage_pgd_size"),
        ),
        orders=(LITTLE,),
    ),
    Feature(
        "levels of all machines",
        "6.17 to 7.0",
        GSTAGE,
        r"\bunsigned long kvm_riscv_gstage_pgd_levels\b",
        "the levels that are found at boot are those of every table",
        "kvm_riscv_gstage_mode_detect() sets them, and nothing else does",
        (
            ("SLAT_LEVELS_FOUND", "kvm_riscv_gstage_pgd_levels"),
            ("SLAT_MODE_FOUND", "kvm_riscv_gstage_mode"),
            ("SLAT_REACH_BITS", "kvm_riscv_gstage_gpa_bits"),
        ),
    ),
    Feature(
        "levels of each machine",
        "since 7.1",
        GSTAGE,
        r"\bunsigned long kvm_riscv_gstage_max_pgd_levels\b",
        "a machine is created with the most levels that were found",
        "kvm_riscv_mmu_alloc_pgd() takes them",
        (
            ("SLAT_LEVELS_FOUND", "kvm_riscv_gstage_max_pgd_levels"),
            ("SLAT_REACH_BITS", "kvm_riscv_gstage_gpa_bits(kvm_riscv_gstage_max_pgd_levels)"),
        ),
    ),
    Feature(
        "a stage that fills itself",
        "since 7.1",
        STAGE,
        r"\bkvm_riscv_gstage_init\(",
        "the tree's own function fills struct kvm_gstage",
        "the callers in mmu.c call it",
        (("SLAT_STAGE_INIT", "1"),),
    ),
    Feature(
        "split of a large leaf",
        "since 7.1",
        GSTAGE,
        r"\bkvm_riscv_gstage_split_huge\(",
        "called with a topped-up cache under mmu_lock, and asked to flush",
        "kvm_riscv_gstage_map_page() calls it so",
        (("SLAT_SPLIT", "kvm_riscv_gstage_split_huge"),),
    ),
    Feature(
        "flushes that name the machine's number",
        "since 6.17",
        TLB,
        r"\bkvm_riscv_hfence_gvma_vmid_gpa\([^)]*\bvmid\)",
        "a request counts if it names the number that the machine has",
        "tlb.c flushes by the number that is passed",
        (("SLAT_HFENCE_VMID", "1"),),
    ),
    Feature(
        "flushes of a range of frames",
        "since 6.17",
        ARCH,
        r"\b__KVM_HAVE_ARCH_FLUSH_REMOTE_TLBS_RANGE\b",
        "kvm_flush_remote_tlbs_range() and ..._memslot() flush the range that they are given",
        "kvm_arch_flush_remote_tlbs_range(), tlb.c, flushes these frames by the machine's number",
        (("SLAT_FLUSHES_RANGES", "1"),),
    ),
    Feature(
        "flush of a slot in mmu.c",
        "until 6.6",
        MMU,
        r"\bkvm_arch_flush_remote_tlbs_memslot\(",
        "the tree's own function is called where the core calls it",
        "virt/kvm/kvm_main.c calls it after the dirty log is read",
        (("SLAT_OWN_FLUSH_MEMSLOT", "1"),),
    ),
    Feature(
        "device leaves for the guest",
        "since 6.18",
        MMU,
        r"\bpgprot_noncached\(PAGE_WRITE\)",
        "a leaf of a device has the user bit",
        "the format is compared as the tree's own helpers make it",
        (("SLAT_DEVICE", "pgprot_noncached(PAGE_WRITE)"),),
    ),
    Feature(
        "device leaves of the kernel",
        "until 6.17",
        MMU,
        r"\bPAGE_KERNEL_IO\b",
        "a leaf of a device is that of the kernel's own mappings",
        "the format is compared as the tree's own helpers make it",
        (("SLAT_DEVICE", "PAGE_KERNEL_IO"),),
    ),
    Feature(
        "entries for mapped devices",
        "6.5 to 6.16",
        TABLES_64,
        r"\bpmd_devmap\(",
        "ARCH_HAS_PTE_DEVMAP for 64 bits: linux/pgtable.h leaves these functions to the tree",
        "arch/riscv/Kconfig selects the symbol so",
        (("SLAT_PTE_DEVMAP", "1"),),
    ),
    Feature(
        "huge pages in a PUD",
        "since 6.17",
        TABLES,
        r"\bpud_trans_huge\(",
        "HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD for 64 bits: linux/pgtable.h leaves these functions to "
        "asm/pgtable.h",
        "arch/riscv/Kconfig selects the symbol so",
        (("SLAT_HUGE_PUD", "1"),),
    ),
    NOTIFIER_SEQ,
    gfn_to_pfn_prot(MMU),
    kvm_faultin_pfn(MMU),
    Feature(
        "host tables are looked at",
        "since 7.1",
        MMU,
        r"\bget_hva_mapping_size\(",
        "tables of the host along the address of the fault, as large as the operation says",
        "the walk is the tree's own, with the helpers of its asm/pgtable.h",
    ),
)
