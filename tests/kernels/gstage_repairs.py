# SPDX-License-Identifier: GPL-2.0-only
"""Small edits of Linux 6.12's G-stage table, one for each cause: with all nothing is found.

An edit replaces a few words of one function of ``arch/riscv/kvm/mmu.c``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, reduce
from pathlib import Path

from impl.kernel.emulated import EmulatedKernel
from impl.kernel.ports import bind, open_tree
from impl.kernel.ports.riscv.files import MMU
from model.ports import layout
from slatcheck.search.campaign import Search
from slatcheck.search.differential import Symptom
from tests.kernels.copies import edit, image_of, link
from tests.proofs.c.edits import Edit, apply

SV32, SV39 = "riscv32-sv32x4", "riscv64-sv39x4"
LAYOUTS = (SV32, SV39, "riscv64-sv48x4", "riscv64-sv57x4")


def words(where: str, old: str, new: str, nth: int = 1) -> Edit:
    """Return the edit of a few words of a function; ``nth`` counts from 1."""
    return Edit("", where, old, new, nth, MMU)


@dataclass(frozen=True)
class Repair:
    """What fixes one cause.

    ``shows`` are the findings that come back without it, as rule/entry/trigger, of which each part
    may be ``*``; ``on`` is the layout that shows one soonest.
    """

    name: str
    shows: tuple[str, ...]
    edits: tuple[Edit, ...]
    on: str = SV39

    def __str__(self) -> str:
        return self.name

    def explains(self, fingerprint: str) -> bool:
        """Return whether a finding belongs to the cause that is fixed."""
        return any(_fits(pattern, fingerprint) for pattern in self.shows)


def _fits(pattern: str, fingerprint: str) -> bool:
    pairs = zip(pattern.split("/"), fingerprint.split("/"), strict=True)
    return all(wanted in ("*", part) for wanted, part in pairs)


# --- the ranges ----------------------------------------------------------------------------------

WHOLE = "if (!(addr & (page_size - 1)) && ((end - addr) >= page_size))"
FRONT = "addr & ~((gpa_t)page_size - 1)"
UNMAPPING = (
    "kvm_riscv_gstage_unmap_range", "kvm_unmap_gfn_range", "kvm_riscv_mmu_iounmap",
    "kvm_arch_flush_shadow_memslot",
)  # fmt: skip
CLEANING = (
    "kvm_riscv_gstage_wp_range", "kvm_arch_mmu_enable_log_dirty_pt_masked",
    "kvm_arch_commit_memory_region",
)  # fmt: skip


def _stale(entries: Iterable[str], *triggers: str) -> tuple[str, ...]:
    return tuple(f"stale-mapping/{entry}/{trigger}" for entry in entries for trigger in triggers)


MASK_HOLES = "stale-mapping/kvm_arch_mmu_enable_log_dirty_pt_masked/mask-with-holes"


def _range_repairs(
    verb: str, where: str, entries: Iterable[str], more: tuple[str, ...] = ()
) -> tuple[Repair, ...]:
    return (
        Repair(
            f"{verb} steps to the end of a slot of the table",
            (*_stale(entries, "after-a-hole", "part-of-leaf"), *more),
            (words(where, "addr += page_size", "addr = (addr | (page_size - 1)) + 1"),),
        ),
        Repair(
            f"{verb} takes leaves in part",
            (*_stale(entries, "part-of-leaf"), *more),
            (words(where, WHOLE, ""), words(where, "kvm, addr, ptep,", f"kvm, {FRONT}, ptep,")),
        ),
    )


RANGES = (
    *_range_repairs("unmapping", "gstage_unmap_range", UNMAPPING),
    *_range_repairs("write protection", "gstage_wp_range", CLEANING, (MASK_HOLES,)),
)

# --- ageing --------------------------------------------------------------------------------------

AGEING = (
    Repair(
        "ageing visits every leaf",
        ("stale-mapping/kvm_age_gfn/behind-the-first", "wrong-result/kvm_age_gfn/behind-the-first"),
        (
            words(
                "kvm_age_gfn", "u32 ptep_level = 0;",
                "u32 ptep_level = 0;\n\tbool young = false;\n\tunsigned long span = PAGE_SIZE;\n"
                "\tgpa_t addr = range->start << PAGE_SHIFT, end = range->end << PAGE_SHIFT;",
            ),
            words(
                "kvm_age_gfn", "if (!gstage_get_leaf_entry(kvm, range->start << PAGE_SHIFT,",
                "for (; addr < end; gstage_level_to_page_size(ptep_level, &span),\n"
                "\t     addr = (addr | (span - 1)) + 1)\n"
                "\t\tif (gstage_get_leaf_entry(kvm, addr,",
            ),
            words(
                "kvm_age_gfn", "return false;\n\n\treturn ptep_test_and_clear_young(NULL, 0, ptep)",
                "young |= ptep_test_and_clear_young(NULL, 0, ptep);\n\n\treturn young",
            ),
        ),
        SV32,
    ),
    Repair(
        "ageing takes ranges of any size",
        ("kernel-warning/kvm_age_gfn/*",),
        (
            words(
                "kvm_age_gfn",
                "WARN_ON(size != PAGE_SIZE && size != PMD_SIZE && size != PUD_SIZE)", "(void)size",
            ),
        ),
        SV32,
    ),
)  # fmt: skip

# --- tables and leaves that meet -----------------------------------------------------------------

TABLES = (
    Repair(
        "all tables go with the root",
        (
            "leak/kvm_riscv_mmu_free_pgd/pte-table", "leak/kvm_riscv_mmu_free_pgd/pmd-table",
            "leak/kvm_riscv_mmu_free_pgd/pud-table", "leak/kvm_riscv_mmu_free_pgd/p4d-table",
            "leak/kvm_riscv_mmu_free_pgd/tables-of-a-freed-directory",
        ),
        (
            words("kvm_riscv_gstage_free_pgd", "void *pgd = NULL;",
                  "void *pgd = NULL;\n\tunsigned long i, span = 0;"),
            words(
                "kvm_riscv_gstage_free_pgd",
                "gstage_unmap_range(kvm, 0UL, gstage_gpa_size, false);",
                "gstage_level_to_page_size(gstage_pgd_levels - 1, &span);\n"
                "\t\tfor (i = 0; i < PTRS_PER_PTE << gstage_pgd_xbits; i++)\n"
                "\t\t\tgstage_op_pte(kvm, (gpa_t)i * span, (pte_t *)kvm->arch.pgd + i,\n"
                "\t\t\t\t      gstage_pgd_levels - 1, GSTAGE_OP_CLEAR);",
            ),
        ),
        SV32,
    ),
    Repair(
        "a large leaf gives the table back",
        (
            "unflushed/kvm_riscv_gstage_map_page/larger-than-leaves",
            "unflushed/kvm_riscv_mmu_map/larger-than-leaves",
            "leak/kvm_riscv_mmu_free_pgd/unlinked-page",
        ),
        (
            words(
                MMU, "static int gstage_set_pte(",
                "enum gstage_op;\nstatic void gstage_drop(struct kvm *kvm, gpa_t addr,\n"
                "\t\t\tpte_t *ptep, u32 level);\n\nstatic int gstage_set_pte(",
            ),
            words(
                MMU, "static void gstage_unmap_range(",
                "static void gstage_drop(struct kvm *kvm, gpa_t addr,\n"
                "\t\t\tpte_t *ptep, u32 level)\n{\n\tunsigned long span = PAGE_SIZE;\n\n"
                "\tgstage_level_to_page_size(level, &span);\n"
                "\tgstage_op_pte(kvm, addr & ~((gpa_t)span - 1), ptep, level, GSTAGE_OP_CLEAR);\n"
                "}\n\nstatic void gstage_unmap_range(",
            ),
            words(
                "gstage_set_pte", "set_pte(ptep, *new_pte);",
                "if (pte_val(ptep_get(ptep)) && !gstage_pte_leaf(ptep))\n"
                "\t\tgstage_drop(kvm, addr, ptep, current_level);\n\tset_pte(ptep, *new_pte);",
            ),
        ),
    ),
    Repair(
        "a page drops the large leaf that is in its place",
        ("wrong-result/kvm_riscv_mmu_map/smaller-than-leaf",),
        (
            words(
                "gstage_set_pte", "if (gstage_pte_leaf(ptep))\n\t\t\treturn -EEXIST;",
                "if (gstage_pte_leaf(ptep)) {\n\t\t\tset_pte(ptep, __pte(0));\n"
                "\t\t\tgstage_remote_tlb_flush(kvm, current_level, addr);\n\t\t}",
            ),
        ),
        SV32,
    ),
)  # fmt: skip

# --- pages of the host ---------------------------------------------------------------------------

FAULT = "kvm_riscv_gstage_map"
PAGES = "(vma_pagesize >> PAGE_SHIFT)"
HOST = (
    Repair(
        "a page of the host is in step with the guest",
        ("*/kvm_riscv_mmu_map/host-out-of-step",),
        (
            words(
                FAULT, "(vma->vm_flags & VM_PFNMAP))",
                "(vma->vm_flags & VM_PFNMAP) ||\n"
                "\t    (((gpa ^ hva) & (vma_pagesize - 1)) >> PAGE_SHIFT))",
            ),
        ),
        SV32,
    ),
    Repair(
        "a page of the host lies in the slot",
        ("*/kvm_riscv_mmu_map/leaf-beyond-slot",),
        (
            words(
                FAULT, "if (logging ||",
                f"if (logging || (gfn | ({PAGES} - 1)) - ({PAGES} - 1) < memslot->base_gfn ||\n"
                f"\t    (gfn | ({PAGES} - 1)) >= memslot->base_gfn + memslot->npages ||",
            ),
        ),
        SV32,
    ),
    Repair(
        "a large page has the frame that it begins at",
        ("*/kvm_riscv_mmu_map/above-unsigned-long", "*/kvm_riscv_mmu_map/larger-than-leaves"),
        (
            words(
                FAULT, "gpa & huge_page_mask(hstate_vma(vma))", "gpa & ~((gpa_t)vma_pagesize - 1)"
            ),
        ),
        SV32,
    ),
)  # fmt: skip

# --- devices -------------------------------------------------------------------------------------

IOREMAP = "kvm_riscv_gstage_ioremap"
DEVICES = (
    Repair(
        "the guest may use a device",
        ("wrong-entry/kvm_riscv_mmu_ioremap/*", "wrong-entry/kvm_arch_prepare_memory_region/*"),
        (
            words(
                IOREMAP, "pfn_pte(pfn, PAGE_KERNEL_IO)",
                "pte_mkdirty(pfn_pte(pfn, pgprot_noncached(PAGE_WRITE)))",
            ),
        ),
        SV32,
    ),
    Repair(
        "a device lies above 4 GiB",
        ("*/kvm_riscv_mmu_ioremap/*", "*/kvm_arch_prepare_memory_region/above-unsigned-long"),
        (
            words(IOREMAP, "phys_addr_t addr, end", "gpa_t addr, end"),
            words(IOREMAP, "& PAGE_MASK", "& ~((gpa_t)PAGE_SIZE - 1)"),
        ),
        SV32,
    ),
)  # fmt: skip

# --- the dirty log, flushes and slots ------------------------------------------------------------

MASKED, SLOT = "kvm_arch_mmu_enable_log_dirty_pt_masked", "gstage_wp_memory_region"
LOGS = (
    Repair(
        "a mask names pages one by one",
        (f"*/{MASKED}/mask-with-holes",),
        (
            words(
                MASKED, "gstage_wp_range(kvm, start, end);",
                "for (; mask; mask &= mask - 1) {\n"
                "\t\tstart = (base_gfn + __ffs(mask)) << PAGE_SHIFT;\n"
                "\t\tend = start + PAGE_SIZE;\n\t\tgstage_wp_range(kvm, start, end);\n\t}",
            ),
        ),
        SV32,
    ),
    Repair(
        "a masked page lies above 4 GiB",
        (f"*/{MASKED}/*",),
        (
            words(MASKED, "phys_addr_t base_gfn", "gfn_t base_gfn"),
            words(MASKED, "phys_addr_t start", "gpa_t start"),
            words(MASKED, "phys_addr_t end", "gpa_t end"),
        ),
        SV32,
    ),
    Repair(
        "a slot that is logged lies above 4 GiB",
        ("*/kvm_arch_commit_memory_region/*",),
        (
            words(SLOT, "phys_addr_t start", "gpa_t start"),
            words(SLOT, "phys_addr_t end", "gpa_t end"),
        ),
        SV32,
    ),
    Repair(
        "a flush has an address above 4 GiB",
        ("unflushed/*/above-unsigned-long",),
        (words("gstage_remote_tlb_flush", "~(BIT(order) - 1)", "~((gpa_t)BIT(order) - 1)"),),
        SV32,
    ),
    Repair(
        "a slot ends at the top",
        (
            "wrong-result/kvm_arch_prepare_memory_region/ends-at-top",
            "wrong-result/kvm_arch_prepare_memory_region/above-unsigned-long",
            "wrong-entry/kvm_arch_prepare_memory_region/ends-at-top",
        ),
        (words("kvm_arch_prepare_memory_region", "new->npages) >=", "new->npages) >"),),
        SV39,
    ),
)  # fmt: skip

REPAIRS = (*RANGES, *AGEING, *TABLES, *HOST, *DEVICES, *LOGS)


# --- trees and what they show --------------------------------------------------------------------


@cache
def read(root: Path) -> frozenset[str]:
    """Return the files of a tree that are read when it is opened, bound and compiled."""
    files = {"Makefile"}
    for name in (SV32, SV39):
        tree = open_tree(root, layout(name).port)
        image = image_of(tree, bind(tree), layout(name), False)
        files |= {name for name in tree.files.sources if (root / name).is_file()}
        files |= {str(file.relative_to(tree.root)) for file in image.files}
    return frozenset(files)


@cache
def text(root: Path, without: str = "") -> str:
    """Return mmu.c of a tree with all repairs, or with all but one."""
    edits = repairs(without)
    return reduce(apply, edits, (root / MMU).read_text(encoding="utf-8"))


def repairs(without: str = "") -> list[Edit]:
    """Return the edits of all repairs, or of all but one."""
    assert not without or without in {one.name for one in REPAIRS}
    return [edit for one in REPAIRS if one.name != without for edit in one.edits]


def tree_with(root: Path, mmu: str, folder: Path) -> Path:
    """Build a copy of a tree in ``folder`` that has another mmu.c."""
    link(root, folder, read(root))
    edit(folder, MMU, lambda _: mmu)
    return folder


def loaded(root: Path, name: str) -> EmulatedKernel:
    """Return a tree in the emulator."""
    tree = open_tree(root, layout(name).port)
    binding = bind(tree)
    image = image_of(tree, binding, layout(name), False)
    return EmulatedKernel(image, binding.missing)


def found(
    kernel: EmulatedKernel, budget: int, wanted: Callable[[Symptom], bool] | None = None
) -> dict[str, str]:
    """Return what a search finds and says, by fingerprint; it stops at what is wanted."""
    search = Search(kernel, 0, kernel.layout.name, shrinking=False)
    campaign = search.run_until(budget, wanted) if wanted else search.run(budget)
    assert not campaign.limits
    return {mark: hit.symptom.said for mark, hit in campaign.hits.items()}
