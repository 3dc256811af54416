# SPDX-License-Identifier: GPL-2.0-only
"""Bugs to plant into the repaired G-stage table of Linux 6.12, each with the rule it breaks."""

from __future__ import annotations

from dataclasses import dataclass

from impl.kernel.ports.riscv.files import MMU
from tests.kernels.gstage_repairs import FAULT, FRONT, IOREMAP, MASKED, SLOT, SV32, SV39


@dataclass(frozen=True)
class Bug:
    """A few words of a function replaced by others; ``nth`` counts from 1.

    ``rule`` is the promise that it breaks in the layout ``on``, ``entry`` the entry point that
    shows it where only one does. ``also`` are further words of the function that are replaced.
    """

    name: str
    rule: str
    where: str
    old: str
    new: str
    nth: int = 1
    on: str = SV32
    entry: str = ""
    also: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return self.name


SV48 = "riscv64-sv48x4"
INDEX, LEAF, SET, MAP, OP = (
    "gstage_pte_index", "gstage_get_leaf_entry", "gstage_set_pte", "gstage_map_page",
    "gstage_op_pte",
)  # fmt: skip
UNMAP, WP, FLUSH, LEVEL = (
    "gstage_unmap_range", "gstage_wp_range", "gstage_remote_tlb_flush", "gstage_page_size_to_level",
)  # fmt: skip
ALLOC, FREE = "kvm_riscv_gstage_alloc_pgd", "kvm_riscv_gstage_free_pgd"
PREPARE, COMMIT = "kvm_arch_prepare_memory_region", "kvm_arch_commit_memory_region"
SHADOW, NOTIFIED, IOUNMAP = (
    "kvm_arch_flush_shadow_memslot", "kvm_unmap_gfn_range", "kvm_riscv_gstage_iounmap",
)  # fmt: skip
AGE, TEST = "kvm_age_gfn", "kvm_test_age_gfn"
LOCK, UNLOCK = "spin_lock(&kvm->mmu_lock);", "spin_unlock(&kvm->mmu_lock);"
PUT = "put_page(virt_to_page(next_ptep));"
CLEAR, WEAKEN = "set_pte(ptep, __pte(0));", "& ~_PAGE_WRITE"
LEAF_FLUSH = "gstage_remote_tlb_flush(kvm, ptep_level, addr);"
ROOT_SIZE = "get_order(gstage_pgd_size)"
CHECKED = "if ((new->base_gfn + new->npages) >"

SHAPE = (
    Bug("index of fewer bits", "geometry", MMU, "gstage_index_bits\t9", "gstage_index_bits\t8",
        on=SV39),
    Bug("root of two pages", "geometry", MMU, "gstage_pgd_xbits\t2", "gstage_pgd_xbits\t1"),
    Bug("index beyond the table", "out-of-bounds", INDEX, "mask = PTRS_PER_PTE - 1",
        "mask = 2 * PTRS_PER_PTE - 1"),
    Bug("index of one bit less", "wrong-entry", INDEX, "mask = PTRS_PER_PTE - 1",
        "mask = PTRS_PER_PTE / 2 - 1"),
    Bug("root has the index of a table", "wrong-entry", INDEX, "<< gstage_pgd_xbits", "<< 0"),
    Bug("index of the next level", "wrong-entry", INDEX, "gstage_index_bits * level",
        "gstage_index_bits * (level + 1)"),
    Bug("address of a table taken for its frame", "bad-access", "gstage_pte_page_vaddr",
        "__page_val_to_pfn(pte_val(pte))", "pte_val(pte)"),
    Bug("leaf taken for a table", "bad-access", MMU,
        "(pte_val(*(__ptep)) & (_PAGE_READ | _PAGE_WRITE | _PAGE_EXEC))",
        "(pte_val(*(__ptep)) & _PAGE_WRITE)", on=SV39),
    Bug("size of the wrong level", "wrong-entry", LEVEL, "*out_level = i",
        "*out_level = i ? i - 1 : 0"),
    Bug("largest size unknown", "wrong-result", LEVEL, "i < gstage_pgd_levels",
        "i < gstage_pgd_levels - 1"),
)  # fmt: skip

ROOT = (
    Bug("root uncleared", "uninitialised", ALLOC, " | __GFP_ZERO", ""),
    Bug("no root and no error", "bad-access", ALLOC, "return -ENOMEM", "return 0"),
    Bug("another error", "wrong-result", ALLOC, "-ENOMEM", "-EINVAL"),
    Bug("root kept", "leak", FREE, f"free_pages((unsigned long)pgd, {ROOT_SIZE})", "(void)pgd"),
    Bug("half of the root kept", "leak", FREE, ROOT_SIZE, f"{ROOT_SIZE} - 1"),
    Bug("more than the root freed", "wild-free", FREE, ROOT_SIZE, f"{ROOT_SIZE} + 1"),
    Bug("root freed twice", "double-free", FREE, "if (pgd)",
        f"if (pgd)\n\t\tfree_pages((unsigned long)pgd, {ROOT_SIZE});\n\tif (pgd)"),
    Bug("first table kept", "leak", FREE, "for (i = 0;", "for (i = 1;"),
    Bug("one slot of the root too many", "out-of-bounds", FREE, "i < PTRS_PER_PTE <<",
        "i <= PTRS_PER_PTE <<"),
    Bug("tables freed after the root", "use-after-free", FREE, LOCK,
        f"free_pages((unsigned long)kvm->arch.pgd, {ROOT_SIZE});\n\t{LOCK}"),
)  # fmt: skip

TABLES = (
    Bug("table kept", "leak", OP, PUT, ";"),
    Bug("table twice", "double-free", OP, PUT, f"{PUT}\n\t\t\t{PUT}"),
    Bug("page behind the table", "wild-free", OP, PUT,
        "put_page(virt_to_page(next_ptep + PTRS_PER_PTE));"),
    Bug("table still linked", "use-after-free", OP, CLEAR, "", on=SV39),
    Bug("table gone before it is read", "use-after-free", OP, CLEAR, f"{CLEAR}\n\t\t\t{PUT}"),
    Bug("one slot too many", "out-of-bounds", OP, "i < PTRS_PER_PTE", "i <= PTRS_PER_PTE"),
    Bug("one slot too few", "leak", OP, "i < PTRS_PER_PTE", "i < PTRS_PER_PTE - 1", on=SV39),
    Bug("tables flushed after they are gone", "unflushed", OP, LEAF_FLUSH,
        f"if (op == GSTAGE_OP_WP)\n\t\t\t{LEAF_FLUSH}", on=SV39,
        also=((PUT, f"{{\n\t\t\t{PUT}\n\t\t\tkvm_flush_remote_tlbs(kvm);\n\t\t}}"),)),
    Bug("table with a leaf's bits", "uninitialised", SET, "__pgprot(_PAGE_TABLE)",
        "__pgprot(_PAGE_TABLE | _PAGE_ACCESSED)"),
    Bug("one table for two", "wrong-entry", SET, "PFN_DOWN(__pa(next_ptep))",
        "PFN_DOWN(__pa(next_ptep)) & ~1UL"),
    Bug("level is not reached", "wrong-entry", SET, "current_level != level", "current_level > 1",
        on=SV39),
    Bug("cache not asked", "bad-access", SET, "next_ptep = kvm_mmu_memory_cache_alloc(pcache);",
        "next_ptep = pcache->objects[0];", on=SV39),
    Bug("slot one too far", "wrong-entry", SET, "addr, current_level)];",
        "addr ^ PAGE_SIZE, current_level)];", 2),
)  # fmt: skip

FLUSHES = (
    Bug("nothing flushed", "unflushed", FLUSH, "kvm_riscv_hfence_gvma_vmid_gpa(", "(void)("),
    Bug("leaf not flushed", "unflushed", OP, LEAF_FLUSH, ""),
    Bug("permission not flushed", "unflushed", OP, LEAF_FLUSH,
        f"if (op == GSTAGE_OP_CLEAR)\n\t\t\t{LEAF_FLUSH}"),
    Bug("flush before the store", "unflushed", OP, LEAF_FLUSH, "",
        also=(("} else {", f"}} else {{\n\t\t{LEAF_FLUSH}"),)),
    Bug("flush of a page", "unflushed", FLUSH, "BIT(order), order)", "PAGE_SIZE, PAGE_SHIFT)"),
    Bug("flush of the next leaf", "unflushed", FLUSH, "addr, BIT(order)",
        "addr + BIT(order), BIT(order)"),
    Bug("flush of the first leaf", "unflushed", FLUSH, "0, addr, BIT", "0, 0, BIT"),
    Bug("flush of the level above", "unflushed", FLUSH, "gstage_level_to_page_order(level, &order)",
        "gstage_level_to_page_order(level + 1, &order)"),
    Bug("flush of no processor", "unflushed", FLUSH, "-1UL", "0"),
    Bug("replaced leaf not flushed", "unflushed", SET,
        "gstage_remote_tlb_flush(kvm, current_level, addr);",
        ";", 2),
    Bug("dropped leaf not flushed", "unflushed", SET,
        "gstage_remote_tlb_flush(kvm, current_level, addr);",
        ""),
    Bug("flush of the replaced leaf too early", "unflushed", SET, "set_pte(ptep, *new_pte);",
        "if (gstage_pte_leaf(ptep))\n\t\tgstage_remote_tlb_flush(kvm, current_level, addr);\n"
        "\tset_pte(ptep, *new_pte);\n\treturn 0;"),
)  # fmt: skip

RANGES = (
    Bug("unmap ends early", "stale-mapping", UNMAP, "end = start + size",
        "end = start + size - PAGE_SIZE"),
    Bug("unmap begins late", "stale-mapping", UNMAP, "addr = start", "addr = start + PAGE_SIZE"),
    Bug("unmap goes too far", "collateral-change", UNMAP, "end = start + size",
        "end = start + size + PAGE_SIZE"),
    Bug("unmap stops at a hole", "stale-mapping", UNMAP, "goto next", "break"),
    Bug("unmap steps by pages of the root", "stale-mapping", UNMAP, "addr | (page_size - 1)",
        "addr | (PGDIR_SIZE - 1)", on=SV39),
    Bug("unmap keeps large leaves", "stale-mapping", UNMAP, "if (!found_leaf)",
        "if (!found_leaf || ptep_level)"),
    Bug("unmap only cleans", "stale-mapping", UNMAP, "GSTAGE_OP_CLEAR", "GSTAGE_OP_WP"),
    Bug("unmap of a leaf's middle", "kernel-bug", UNMAP, f"{FRONT}, ptep", "addr, ptep"),
    Bug("unmap without a step", "runaway", UNMAP, "(page_size - 1)) + 1", "(page_size - 1))"),
    Bug("clean ends early", "stale-mapping", WP, "addr < end", "addr + PAGE_SIZE < end"),
    Bug("clean begins early", "collateral-change", WP, "addr = start",
        "addr = start ? start - 1 : 0"),
    Bug("clean removes", "wrong-entry", WP, "GSTAGE_OP_WP", "GSTAGE_OP_CLEAR"),
    Bug("clean without a step", "runaway", WP, "(page_size - 1)) + 1", "(page_size - 1))"),
    Bug("clean takes reading too", "wrong-entry", OP, WEAKEN, "& ~(_PAGE_WRITE | _PAGE_READ)"),
    Bug("clean makes old too", "wrong-entry", OP, WEAKEN, "& ~(_PAGE_WRITE | _PAGE_ACCESSED)"),
    Bug("clean does nothing", "stale-mapping", OP, WEAKEN, ""),
    Bug("clean leaves large leaves", "stale-mapping", OP, "else if (op == GSTAGE_OP_WP)",
        "else if (op == GSTAGE_OP_WP && !ptep_level)"),
    Bug("notifier ends early", "stale-mapping", NOTIFIED, "range->start) << PAGE_SHIFT",
        "range->start - 1) << PAGE_SHIFT", entry="kvm_unmap_gfn_range"),
    Bug("notifier goes too far", "collateral-change", NOTIFIED, "range->start) << PAGE_SHIFT",
        "range->start + 1) << PAGE_SHIFT", entry="kvm_unmap_gfn_range"),
    Bug("notifier drops the lock", "runaway", NOTIFIED, "range->may_block);",
        f"range->may_block);\n\t{LOCK}"),
    Bug("slot ends early", "stale-mapping", SHADOW, "slot->npages", "(slot->npages - 1)",
        entry="kvm_arch_flush_shadow_memslot"),
    Bug("slot begins at 0", "collateral-change", SHADOW, "slot->base_gfn", "0ULL",
        entry="kvm_arch_flush_shadow_memslot"),
    Bug("slot flushed unlocked", "unlocked-access", SHADOW, LOCK, ""),
    Bug("slot's lock kept", "accounting", SHADOW, UNLOCK, ""),
    Bug("devices go short", "stale-mapping", IOUNMAP, "gpa, size", "gpa, size - PAGE_SIZE",
        entry="kvm_riscv_mmu_iounmap"),
    Bug("devices go unlocked", "unlocked-access", IOUNMAP, LOCK, ""),
)  # fmt: skip

LOGS = (
    Bug("mask from the first page", "stale-mapping", MASKED, " + gfn_offset", ""),
    Bug("mask one page on", "stale-mapping", MASKED, "+ __ffs(mask)) << PAGE_SHIFT;\n\t\tend",
        "+ __ffs(mask) + 1) << PAGE_SHIFT;\n\t\tend"),
    Bug("mask of two pages each", "collateral-change", MASKED, "start + PAGE_SIZE",
        "start + 2 * PAGE_SIZE"),
    Bug("mask as a whole", "collateral-change", MASKED, "end = start + PAGE_SIZE",
        "end = (base_gfn + __fls(mask) + 1) << PAGE_SHIFT"),
    Bug("last bit of the mask left out", "stale-mapping", MASKED, "; mask; mask &=",
        "; mask & (mask - 1); mask &="),
    Bug("slot is not cleaned", "stale-mapping", COMMIT, "gstage_wp_memory_region(kvm, new->id)",
        "(void)0"),
    Bug("slot cleaned from its second page", "stale-mapping", SLOT, "memslot->base_gfn <<",
        "(memslot->base_gfn + 1) <<"),
    Bug("slot cleaned too far", "collateral-change", SLOT, "memslot->npages)",
        "memslot->npages + 1)"),
    Bug("slot cleaned unlocked", "unlocked-access", SLOT, LOCK, ""),
    Bug("slot cleaned and lock kept", "accounting", SLOT, UNLOCK, ""),
)  # fmt: skip

AGES = (
    Bug("age ends early", "stale-mapping", AGE, "addr < end", "addr + PAGE_SIZE < end"),
    Bug("age begins late", "stale-mapping", AGE, "addr = range->start",
        "addr = (range->start + 1)"),
    Bug("age goes too far", "collateral-change", AGE, "end = range->end", "end = (range->end + 1)"),
    Bug("age answers for the last leaf", "wrong-result", AGE, "young |=", "young ="),
    Bug("age answers no", "wrong-result", AGE, "return young", "return false"),
    Bug("age only looks", "stale-mapping", AGE, "ptep_test_and_clear_young(NULL, 0, ptep)",
        "pte_young(ptep_get(ptep))"),
    Bug("age leaves large leaves", "stale-mapping", AGE, "young |=", "if (!ptep_level) young |="),
    Bug("age warns", "kernel-warning", AGE, "(void)size", "WARN_ON(size & PAGE_SIZE)"),
    Bug("test turned round", "wrong-result", TEST, "return pte_young", "return !pte_young"),
    Bug("test ages", "collateral-change", TEST, "pte_young(ptep_get(ptep))",
        "ptep_test_and_clear_young(NULL, 0, ptep)"),
    Bug("test of the next page", "wrong-result", TEST, "range->start << PAGE_SHIFT",
        "(range->start + 1) << PAGE_SHIFT"),
    Bug("test warns", "kernel-warning", TEST, "size != PAGE_SIZE &&", "size == PAGE_SIZE &&"),
)  # fmt: skip

FAULTS = (
    Bug("permission to write lost", "wrong-entry", MAP, "prot = PAGE_WRITE_EXEC",
        "prot = PAGE_READ_EXEC"),
    Bug("permission to write given", "wrong-entry", MAP, "prot = PAGE_READ_EXEC",
        "prot = PAGE_WRITE_EXEC"),
    Bug("permission to execute lost", "wrong-entry", MAP, "prot = PAGE_WRITE_EXEC",
        "prot = PAGE_WRITE"),
    Bug("dirty bit lost", "wrong-entry", MAP, "new_pte = pte_mkdirty(new_pte);", ""),
    Bug("entry is old", "wrong-entry", MAP, "pte_mkdirty(new_pte)",
        "pte_mkold(pte_mkdirty(new_pte))"),
    Bug("next frame mapped", "wrong-entry", MAP, "PFN_DOWN(hpa)", "PFN_DOWN(hpa) + 1"),
    Bug("always a page", "wrong-entry", MAP, "gstage_page_size_to_level(page_size,",
        "gstage_page_size_to_level(PAGE_SIZE,", entry="kvm_riscv_gstage_map_page"),
    Bug("nothing mapped", "wrong-entry", MAP,
        "return gstage_set_pte(kvm, level, pcache, gpa, &new_pte)", "return 0"),
    Bug("neighbour mapped", "wrong-entry", FAULT, "pcache, gpa,", "pcache, gpa ^ PAGE_SIZE,"),
    Bug("frame of the page, not of the leaf", "wrong-entry", FAULT,
        "gfn = (gpa & ~((gpa_t)vma_pagesize - 1))", "gfn = (gpa & ~((gpa_t)PAGE_SIZE - 1))"),
    Bug("leaf ends one page beyond the slot", "wrong-entry", FAULT, "- 1)) >= memslot",
        "- 1)) > memslot"),
    Bug("leaf begins before the slot", "wrong-result", FAULT, "< memslot->base_gfn", "< 0"),
    Bug("host half in step", "wrong-entry", FAULT, "(gpa ^ hva) & (vma_pagesize - 1)",
        "(gpa ^ hva) & (vma_pagesize / 2 - 1)"),
    Bug("large leaf in a logged slot", "wrong-entry", FAULT, "if (logging ||", "if ("),
    Bug("size refused", "wrong-result", FAULT, "vma_pagesize != PMD_SIZE &&", "", on=SV39),
    Bug("writable while logged", "wrong-entry", FAULT, "if (logging && !is_write)", "if (0)"),
    Bug("never writable", "wrong-entry", FAULT, "if (logging && !is_write)", "if (logging)"),
    Bug("dirty untold", "dirty-unreported", FAULT, "mark_page_dirty(kvm, gfn);", ""),
    Bug("another page dirty", "dirty-unreported", FAULT, "mark_page_dirty(kvm, gfn)",
        "mark_page_dirty(kvm, gfn + 1)"),
    Bug("no retry", "lost-invalidation", FAULT, "mmu_invalidate_retry(kvm, mmu_seq)", "0"),
    Bug("sequence read too late", "lost-invalidation", FAULT, LOCK,
        f"{LOCK}\n\tmmu_seq = kvm->mmu_invalidate_seq;"),
    Bug("page kept", "accounting", FAULT, "kvm_release_pfn_clean(hfn);", ""),
    Bug("page given back twice", "accounting", FAULT, "kvm_release_pfn_clean(hfn);",
        "kvm_release_pfn_clean(hfn);\n\tkvm_release_pfn_clean(hfn);"),
    Bug("page kept on retry", "accounting", FAULT, "goto out_unlock;",
        f"{{\n\t\t{UNLOCK}\n\t\treturn 0;\n\t}}"),
    Bug("lock kept", "accounting", FAULT, UNLOCK, ""),
    Bug("no lock", "unlocked-access", FAULT, LOCK, ""),
    Bug("refusal forgotten", "wrong-result", FAULT, "return -EFAULT", "return 0", 3),
    Bug("another error for a page that is not there", "wrong-result", FAULT, "return -EFAULT",
        "return -EEXIST", 3),
    Bug("cache too small", "cache-exhausted", FAULT, "pcache, gstage_pgd_levels", "pcache, 1",
        on=SV39),
    Bug("no memory and no error", "wrong-result", FAULT, "return ret;", "return 0;"),
    Bug("table linked without memory", "oom-not-atomic", FAULT, "if (ret) {",
        "if (ret) {\n\t\tif (pcache->nobjs)\n"
        "\t\t\tgstage_map_page(kvm, pcache, gpa, 0, PAGE_SIZE, true, true);"),
    Bug("warning for a large page", "kernel-warning", FAULT, LOCK,
        f"WARN_ON(vma_pagesize != PAGE_SIZE);\n\t{LOCK}"),
)  # fmt: skip

DEVICES = (
    Bug("device tables uncleared", "uninitialised", IOREMAP, ".gfp_zero = __GFP_ZERO,", ""),
    Bug("device cache kept", "leak", IOREMAP, "kvm_mmu_free_memory_cache(&pcache);", ""),
    Bug("device always writable", "wrong-entry", IOREMAP, "if (!writable)", "if (0)"),
    Bug("one page of the device", "wrong-entry", IOREMAP, "pfn++;", ""),
    Bug("device one page short", "wrong-entry", IOREMAP, "addr < end", "addr + PAGE_SIZE < end"),
    Bug("device one page long", "collateral-change", IOREMAP, "size + PAGE_SIZE - 1",
        "size + 2 * PAGE_SIZE - 1"),
    Bug("device mapped unlocked", "unlocked-access", IOREMAP, LOCK, ""),
    Bug("device and lock kept", "runaway", IOREMAP, UNLOCK, ""),
    Bug("device with a cache of one", "cache-exhausted", IOREMAP, "&pcache, gstage_pgd_levels",
        "&pcache, 1", on=SV39),
    Bug("slot beyond the reach", "aliasing", PREPARE, CHECKED, f"{CHECKED} 1 +"),
    Bug("memory that may not be written", "wrong-result", PREPARE, "if (writable && !(",
        "if (0 && !("),
    Bug("another error for such memory", "wrong-result", PREPARE, "-EPERM", "-EINVAL"),
    Bug("device at the wrong place", "wrong-entry", PREPARE, "base_gpa + (vm_start - hva)",
        "base_gpa + PAGE_SIZE"),
    Bug("device from its first page", "wrong-entry", PREPARE,
        "(phys_addr_t)vma->vm_pgoff << PAGE_SHIFT", "0"),
)  # fmt: skip

BUGS = (*SHAPE, *ROOT, *TABLES, *FLUSHES, *RANGES, *LOGS, *AGES, *FAULTS, *DEVICES)
