# SPDX-License-Identifier: GPL-2.0-only
"""What sets the trees of different ages apart on MIPS, and what the shim does."""

from __future__ import annotations

from impl.kernel.features import Feature
from impl.kernel.generic import NOTIFIER_SEQ, gfn_to_pfn_prot, kvm_faultin_pfn
from impl.kernel.ports.mips.files import MIPS, MMU
from model.machines import LITTLE

ARCH = "arch/mips/include/asm/kvm_host.h"
TABLES = "arch/mips/include/asm/pgtable-64.h"
BITS = "arch/mips/include/asm/pgtable-bits.h"

FEATURES = (
    Feature(
        "hva notifiers",
        "until 5.12",
        MMU,
        r"\bkvm_unmap_hva_range\(",
        "one slot whose memory is the range, at the end of user space; the notifier finds it",
        "handle_hva_to_gpa is the tree's own; kvm_for_each_memslot visits every slot",
        (("SLAT_HVA_NOTIFIERS", "1"),),
        renames=(
            ("kvm_unmap_gfn_range", "kvm_unmap_hva_range"),
            ("kvm_age_gfn", "kvm_age_hva"),
            ("kvm_test_age_gfn", "kvm_test_age_hva"),
        ),
    ),
    Feature(
        "hva notifier of three arguments",
        "until 4.19",
        MMU,
        r"\bkvm_unmap_hva_range\([^,)]*,[^,)]*,[^,)]*\)",
        "called with kvm, start, end",
        "the compiler checks the call",
        (("SLAT_UNMAP_HVA(kvm, start, end)", "kvm_unmap_hva_range(kvm, start, end)"),),
    ),
    Feature(
        "hva notifier with flags",
        "4.19 to 5.12",
        MMU,
        r"\bkvm_unmap_hva_range\([^,)]*,[^,)]*,[^,)]*,[^,)]*\)",
        "called with 0: flags say whether the notifier may sleep, 'blockable' of vendors likewise",
        "nothing in mmu.c reads the argument, or the compiler's tree shows who does",
        (("SLAT_UNMAP_HVA(kvm, start, end)", "kvm_unmap_hva_range(kvm, start, end, 0)"),),
    ),
    Feature(
        "callbacks that flush",
        "until 5.12",
        ARCH,
        r"\(\*flush_shadow_all\)",
        "both callbacks note that derived mappings were flushed",
        "kvm_vz_flush_shadow_all and ..._memslot flush every vCPU and touch no GPA table",
        (("SLAT_FLUSH_CALLBACKS", "1"),),
    ),
    NOTIFIER_SEQ,
    Feature(
        "commit with the user's region",
        "until 5.16",
        MIPS,
        r"\bkvm_arch_commit_memory_region\([^)]*kvm_userspace_memory_region",
        "called with no region: only messages look at it",
        "a null pointer that is looked at is a finding (bad-access)",
        (
            (
                "SLAT_COMMIT(kvm, old, new, change)",
                "kvm_arch_commit_memory_region(kvm, NULL, old, new, change)",
            ),
        ),
    ),
    Feature(
        "commit of slots alone",
        "since 5.17",
        MIPS,
        r"\bkvm_arch_commit_memory_region\((?![^)]*kvm_userspace_memory_region)",
        "called with both slots",
        "the compiler checks the call",
        (
            (
                "SLAT_COMMIT(kvm, old, new, change)",
                "kvm_arch_commit_memory_region(kvm, old, new, change)",
            ),
        ),
    ),
    Feature(
        "PGD_ORDER",
        "until 5.19",
        TABLES,
        r"#\s*define\s+PGD_ORDER\b",
        "the runner asks for the order under the later name",
        "6.0 renamed the macro",
        (("PGD_TABLE_ORDER", "PGD_ORDER"),),
    ),
    kvm_faultin_pfn(MMU),
    gfn_to_pfn_prot(MMU),
    Feature(
        "page cache of mmu.c",
        "until 5.8",
        MMU,
        r"\bmmu_topup_memory_cache\(struct",
        "nothing: its functions are in mmu.c, its structure in asm/kvm_host.h",
        "all of it is the tree's own text",
        renames=(("kvm_mmu_topup_memory_cache", "mmu_topup_memory_cache"),),
    ),
    Feature(
        "generic page cache",
        "since 5.9",
        "virt/kvm/kvm_main.c",
        r"\bkvm_mmu_topup_memory_cache\(struct",
        "nothing: its functions are cut from kvm_main.c, its structure is in linux/kvm_types.h",
        "all of it is the tree's own text",
    ),
    Feature(
        "trap and emulate",
        "until 5.12",
        MMU,
        r"\bkvm_trap_emul_gva_fault\(",
        "compiled beside the rest and not run: KVM_MIPS_VZ is the configuration that is judged",
        "the tables of guest-virtual addresses share only kvm_mips_walk_pgd with the GPA table",
    ),
    Feature(
        "huge entries in a PMD",
        "vendor trees",
        MMU,
        r"\bpmd_huge\(",
        "a host that has base pages only, so that faults install nothing larger",
        "PageTransCompound and vma_kernel_pagesize say so; what only huge pages reach is "
        "reported as unsupported, by name",
        beyond=r".*_set_pmd_huge|transparent_hugepage_adjust",
    ),
    Feature(
        "faults by read and execute inhibit",
        "vendor trees",
        MMU,
        r"\bEXCCODE_TLBRI\b",
        "a vCPU that faults for another cause, in runs and in the proof",
        "host_cp0_cause is 0, which is neither cause; a fault by one of them leaves out the fast "
        "path, and is reported as unsupported",
        cases=("kvm_mips_map_page(TLBRI)", "kvm_mips_map_page(TLBXI)"),
    ),
    Feature(
        "Loongson-3 alone",
        "vendor trees",
        MMU,
        r"->stat\.lsvz_",
        "built for CPU_LOONGSON3, which has 64-bit kernels with pages above 4 KB",
        "asm/kvm_host.h has what mmu.c counts under CONFIG_CPU_LOONGSON3 alone",
        kconfig=("CPU_LOONGSON3",),
        layouts=("mips64-16k*", "mips64-64k*"),
        orders=(LITTLE,),
    ),
    Feature(
        "no special bit",
        "until 5.0",
        BITS,
        r"\A(?![\s\S]*_PAGE_SPECIAL_SHIFT)",
        "the model's entry format leaves it out",
        "the compiler evaluates the format from the tree's headers, a difference is a finding",
        software=(("special", False),),
    ),
    Feature(
        "PROT_NONE bit",
        "vendor trees",
        BITS,
        r"\b_PAGE_PROTNONE_SHIFT\b",
        "the model's entry format has it below the special bit",
        "the compiler evaluates the format from the tree's headers, a difference is a finding",
        software=(("protnone", True),),
    ),
    Feature(
        "huge pages on 64-bit kernels only",
        "until 5.0",
        BITS,
        r"CONFIG_64BIT\)\s*&&\s*defined\(CONFIG_MIPS_HUGE_TLB_SUPPORT",
        "32-bit layouts with huge pages do not exist",
        "SYS_SUPPORTS_HUGETLBFS depends on 64BIT in the tree's Kconfig",
        layouts=("mips64-*", "mips32-*[!e]"),
    ),
    Feature(
        "page-table constructors that can mark kernel tables",
        "since 6.18",
        "include/linux/mm.h",
        r"\bptdesc_test_kernel\(",
        "a bit of the page, set and tested by functions of these names",
        "the tree's pagetable_free is cut from linux/mm.h and asks for the bit",
    ),
)
