# SPDX-License-Identifier: GPL-2.0-only
"""Edits of Linux 6.12 that give it the interface of other ages, and bugs in what they brought.

What a shape changes is how KVM is called, not what becomes of the table: the words of C
are our own, and a tree edited with them must show what it showed before.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from impl.kernel.generic import HOST
from impl.kernel.ports.mips.features import ARCH, TABLES
from impl.kernel.ports.mips.files import MIPS, MMU
from impl.kernel.slices import functions
from tests.kernels.copies import edit, share

Change = Callable[[str], str]
MM = "include/linux/mm.h"
TABLES_32 = "arch/mips/include/asm/pgtable-32.h"
CACHE_SIZE = "arch/mips/include/asm/kvm_types.h"
COMMON = "virt/kvm/kvm_main.c"


@dataclass(frozen=True)
class Twin:
    """A bug in what a shape brought: ``old`` is ``new`` instead, and ``mark`` is what it shows."""

    name: str
    mark: str
    old: str
    new: str
    file: str = MMU

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Shape:
    """The interface of an age: its edits, what it is known by and no longer, whom it touches."""

    name: str
    edits: tuple[tuple[str, Change], ...]
    features: tuple[str, ...]
    replaces: tuple[str, ...]
    touched: tuple[str, ...]
    twins: tuple[Twin, ...]

    def __str__(self) -> str:
        return self.name


def built(tree: Path, shape: Shape, folder: Path, twin: Twin | None = None) -> Path:
    """Return a copy of a tree in a shape, with a bug in it where ``twin`` is one."""
    share(tree, folder)
    for file, change in shape.edits:
        edit(folder, file, change)
    if twin is not None:
        edit(folder, twin.file, words((twin.old, twin.new)))
    return folder


def words(*swaps: tuple[str, str]) -> Change:
    """Return a change that puts words in the place of others, each of which stands there once."""

    def change(text: str) -> str:
        for old, new in swaps:
            assert text.count(old) == 1, f"'{old}' stands there {text.count(old)} times"
            text = text.replace(old, new)
        return text

    return change


def names(*swaps: tuple[str, str]) -> Change:
    """Return a change of every whole word that is a name."""

    def change(text: str) -> str:
        for old, new in swaps:
            text, count = re.subn(rf"\b{old}\b", new, text)
            assert count, f"there is no {old}"
        return text

    return change


def bodies(**wanted: str) -> Change:
    """Return a change of whole functions, by name; '' takes one out."""

    def change(text: str) -> str:
        for name, body in wanted.items():
            old = functions(text.encode())[name].text
            assert text.count(old) == 1
            text = text.replace(old, body.strip())
        return text

    return change


def chain(*changes: Change) -> Change:
    """Return a change that is several, one after the other."""

    def change(text: str) -> str:
        for one in changes:
            text = one(text)
        return text

    return change


# --- since 6.13 and 6.18 -------------------------------------------------------------------------

RELEASE = """
static inline void kvm_release_faultin_page(struct kvm *kvm, struct page *page, bool unused,
						bool dirty)
{
	lockdep_assert_once(unused || lockdep_is_held(&kvm->mmu_lock));
	if (page && unused)
		kvm_release_page_unused(page);
	else if (page && dirty)
		kvm_release_page_dirty(page);
	else if (page)
		kvm_release_page_clean(page);
}

"""

BEFORE = "static inline gpa_t gfn_to_gpa("

FREE = """
static inline void __pagetable_free(struct ptdesc *pt)
{
	__free_pages(ptdesc_page(pt), compound_order(ptdesc_page(pt)));
}

static inline void pagetable_free(struct ptdesc *pt)
{
	if (ptdesc_test_kernel(pt))
		ptdesc_clear_kernel(pt);
	__pagetable_free(pt);
}
"""

MAPPED = (
    "\tspin_unlock(&kvm->mmu_lock);\n\tkvm_release_pfn_clean(pfn);\n\tkvm_set_pfn_accessed(pfn);"
)
RETRIED = "\t\tspin_unlock(&kvm->mmu_lock);\n\t\tkvm_release_pfn_clean(pfn);"
GIVEN = "\tkvm_release_faultin_page(kvm, page, false, writeable);\n\tspin_unlock(&kvm->mmu_lock);"
UNUSED = "\t\tkvm_release_page_unused(page);\n\t\tgoto retry;"

FAULTED = chain(names(("gfn_to_pfn_prot", "kvm_faultin_pfn")), words(
    ("pfn = kvm_faultin_pfn(kvm, gfn, write_fault, &writeable);",
     "pfn = kvm_faultin_pfn(vcpu, gfn, write_fault, &writeable, &page);"),
    ("\tbool writeable;\n", "\tbool writeable;\n\tstruct page *page;\n"),
    ("\t\t\tmark_page_dirty(kvm, gfn);\n\t\t\tkvm_set_pfn_dirty(pfn);\n",
     "\t\t\tmark_page_dirty(kvm, gfn);\n"),
    (RETRIED, "\t\tspin_unlock(&kvm->mmu_lock);\n\t\tkvm_release_page_unused(page);"),
    (MAPPED, GIVEN),
))  # fmt: skip

FAULTS_IN = Shape(
    "7.1",
    (
        (MMU, FAULTED),
        (HOST, words((BEFORE, RELEASE + BEFORE))),
        (MM, bodies(pagetable_free=FREE)),
    ),
    ("kvm_faultin_pfn", "page-table constructors that can mark kernel tables"),
    ("gfn_to_pfn_prot",),
    ("kvm_mips_map_page", "kvm_mips_free_gpa_pt", "kvm_mips_flush_gpa_pgd"),
    (
        Twin("released twice", "accounting/kvm_mips_map_page", GIVEN,
             "\tkvm_release_page_clean(page);\n" + GIVEN),
        Twin("released after the lock", "kernel-warning/kvm_mips_map_page", GIVEN,
             "\n".join(reversed(GIVEN.split("\n")))),
        Twin("kept on retry", "accounting/kvm_mips_map_page", UNUSED, "\t\tgoto retry;"),
        Twin("no retry", "lost-invalidation/kvm_mips_map_page",
             "if (mmu_invalidate_retry(kvm, mmu_seq))", "if (0)"),
        Twin("freed twice where it marks nothing", "double-free/kvm_mips_free_gpa_pt",
             "\t__pagetable_free(pt);\n}",
             "\telse\n\t\t__pagetable_free(pt);\n\t__pagetable_free(pt);\n}", MM),
    ),
)  # fmt: skip

# --- until 5.19 and 5.16 -------------------------------------------------------------------------

NOTIFIED = names(
    ("mmu_invalidate_seq", "mmu_notifier_seq"),
    ("mmu_invalidate_in_progress", "mmu_notifier_count"),
    ("mmu_invalidate_retry", "mmu_notifier_retry"),
)
ASKED = names(
    ("mmu_invalidate_seq", "mmu_notifier_seq"), ("mmu_invalidate_retry", "mmu_notifier_retry")
)
ORDER = names(("PGD_TABLE_ORDER", "PGD_ORDER"))
SEQUENCE_ASKED = "\tif (kvm->mmu_notifier_seq != mmu_seq)\n\t\treturn 1;\n\treturn 0;\n"
RETRY_ENDS = "}\n\nstatic inline int mmu_invalidate_retry_gfn("
COMMIT_OLD = "\t\t\t\t   struct kvm_memory_slot *old,\n"
COMMIT = words(
    (COMMIT_OLD, "\t\t\t\t   const struct kvm_userspace_memory_region *mem,\n" + COMMIT_OLD)
)

NOTIFIER_NAMES = Shape(
    "5.16",
    (
        (MMU, chain(ASKED, ORDER)),
        (HOST, NOTIFIED),
        (MIPS, COMMIT),
        (TABLES, ORDER),
        (TABLES_32, ORDER),
    ),
    ("mmu_notifier_seq", "commit with the user's region", "PGD_ORDER"),
    ("commit of slots alone",),
    ("kvm_mips_map_page", "kvm_arch_commit_memory_region", "kvm_pgd_alloc"),
    (
        Twin("retry asks the count alone", "lost-invalidation/kvm_mips_map_page",
             SEQUENCE_ASKED + RETRY_ENDS, "\treturn 0;\n" + RETRY_ENDS, HOST),
        Twin("looks at the region", "bad-access/kvm_arch_commit_memory_region",
             "if (change == KVM_MR_FLAGS_ONLY &&",
             "if (mem->flags && change == KVM_MR_FLAGS_ONLY &&", MIPS),
    ),
)  # fmt: skip

# --- until 5.12 and 5.8 --------------------------------------------------------------------------

OWN_CACHE = """
static int mmu_topup_memory_cache(struct kvm_mmu_memory_cache *cache, int least, int most)
{
	void *page;

	if (cache->nobjs >= least)
		return 0;
	for (; cache->nobjs < most; cache->nobjs++) {
		page = (void *)__get_free_page(GFP_KERNEL);
		if (!page)
			return cache->nobjs < least ? -ENOMEM : 0;
		cache->objects[cache->nobjs] = page;
	}
	return 0;
}

static void mmu_free_memory_cache(struct kvm_mmu_memory_cache *cache)
{
	for (; cache->nobjs; cache->nobjs--)
		free_page((unsigned long)cache->objects[cache->nobjs - 1]);
}

static void *mmu_memory_cache_alloc(struct kvm_mmu_memory_cache *cache)
{
	BUG_ON(!cache || !cache->nobjs);
	cache->nobjs--;
	return cache->objects[cache->nobjs];
}

void kvm_mmu_free_memory_caches(struct kvm_vcpu *vcpu)
{
	mmu_free_memory_cache(&vcpu->arch.mmu_page_cache);
}
"""

UNMAP = """
/* What is to be done with the frames of a slot that some addresses of user space stand for. */
typedef int hva_handler(struct kvm *kvm, gfn_t gfn, gpa_t gfn_end,
			struct kvm_memory_slot *slot, void *data);

static int handle_hva_to_gpa(struct kvm *kvm, unsigned long start, unsigned long end,
				hva_handler *handler, void *data)
{
	struct kvm_memory_slot *slot;
	int ret = 0;

	kvm_for_each_memslot(slot, kvm_memslots(kvm)) {
		unsigned long top = slot->userspace_addr + (slot->npages << PAGE_SHIFT);
		unsigned long from = max(start, slot->userspace_addr);
		unsigned long to = min(end, top);

		if (from < to)
			ret |= handler(kvm, hva_to_gfn_memslot(from, slot),
					hva_to_gfn_memslot(to + PAGE_SIZE - 1, slot), slot, data);
	}
	return ret;
}

static int unmap_hva_handler(struct kvm *kvm, gfn_t gfn, gpa_t gfn_end,
				struct kvm_memory_slot *slot, void *data)
{
	kvm_mips_flush_gpa_pt(kvm, gfn, gfn_end);
	return 1;
}

int kvm_unmap_hva_range(struct kvm *kvm, unsigned long start, unsigned long end, unsigned flags)
{
	handle_hva_to_gpa(kvm, start, end, &unmap_hva_handler, NULL);
	kvm_mips_callbacks->flush_shadow_all(kvm);
	return 0;
}
"""

AGE = """
static int age_hva_handler(struct kvm *kvm, gfn_t gfn, gpa_t gfn_end,
				struct kvm_memory_slot *slot, void *data)
{
	return kvm_mips_mkold_gpa_pt(kvm, gfn, gfn_end);
}

int kvm_age_hva(struct kvm *kvm, unsigned long start, unsigned long end)
{
	return handle_hva_to_gpa(kvm, start, end, age_hva_handler, NULL);
}
"""

TEST_AGE = """
static int test_age_hva_handler(struct kvm *kvm, gfn_t gfn, gpa_t gfn_end,
				struct kvm_memory_slot *slot, void *data)
{
	pte_t *pte = kvm_mips_pte_for_gpa(kvm, NULL, (gpa_t)gfn << PAGE_SHIFT);

	return pte ? pte_young(*pte) : 0;
}

int kvm_test_age_hva(struct kvm *kvm, unsigned long hva)
{
	return handle_hva_to_gpa(kvm, hva, hva + PAGE_SIZE, test_age_hva_handler, NULL);
}
"""

CACHE = """
struct kvm_mmu_memory_cache {
	int nobjs;
	void *objects[4];
};

struct kvm_mips_callbacks;

"""

CALLBACKS = """	void (*flush_shadow_all)(struct kvm *kvm);
	void (*flush_shadow_memslot)(struct kvm *kvm, const struct kvm_memory_slot *slot);
	void (*prepare_flush_shadow)(struct kvm *kvm);
"""

USED = words(
    ("kvm_flush_remote_tlbs(kvm);\n}\n\nvoid kvm_arch_flush_shadow_memslot",
     "kvm_mips_callbacks->flush_shadow_all(kvm);\n}\n\nvoid kvm_arch_flush_shadow_memslot"),
    ("kvm_flush_remote_tlbs_memslot(kvm, slot);",
     "kvm_mips_callbacks->flush_shadow_memslot(kvm, slot);"),
    ("kvm_flush_remote_tlbs_memslot(kvm, new);",
     "kvm_mips_callbacks->flush_shadow_memslot(kvm, new);"),
)  # fmt: skip

HVA = Shape(
    "5.4",
    (
        (MMU, chain(
            bodies(kvm_mmu_free_memory_caches=OWN_CACHE, kvm_unmap_gfn_range=UNMAP,
                   kvm_age_gfn=AGE, kvm_test_age_gfn=TEST_AGE),
            words(("kvm_mmu_topup_memory_cache(memcache, KVM_MMU_CACHE_MIN_PAGES)",
                   "mmu_topup_memory_cache(memcache, KVM_MMU_CACHE_MIN_PAGES, 4)")),
            names(("kvm_mmu_memory_cache_alloc", "mmu_memory_cache_alloc")),
        )),
        (MIPS, USED),
        (ARCH, words(
            ("struct kvm_vcpu_arch {", CACHE + "struct kvm_vcpu_arch {"),
            ("\tvoid (*prepare_flush_shadow)(struct kvm *kvm);\n", CALLBACKS),
        )),
        (CACHE_SIZE, words(("#define KVM_ARCH_NR_OBJS_PER_MEMORY_CACHE     4\n", ""))),
        (COMMON, names(("kvm_mmu_topup_memory_cache", "kvm_mmu_no_memory_cache"))),
    ),
    ("hva notifiers", "hva notifier with flags", "callbacks that flush", "page cache of mmu.c"),
    ("generic page cache",),
    ("kvm_unmap_gfn_range", "kvm_age_gfn", "kvm_test_age_gfn", "kvm_arch_flush_shadow_all",
     "kvm_arch_flush_shadow_memslot", "kvm_mmu_free_memory_caches"),
    (
        Twin("unmap leaves the last page", "stale-mapping/kvm_unmap_gfn_range",
             "kvm_mips_flush_gpa_pt(kvm, gfn, gfn_end);",
             "if (gfn_end - gfn > 1)\n\t\tkvm_mips_flush_gpa_pt(kvm, gfn, gfn_end - 2);"),
        Twin("age begins late", "stale-mapping/kvm_age_gfn",
             "return kvm_mips_mkold_gpa_pt(kvm, gfn, gfn_end);",
             "return kvm_mips_mkold_gpa_pt(kvm, gfn + 1, gfn_end);"),
        Twin("test of an empty range", "wrong-result/kvm_test_age_gfn", "hva + PAGE_SIZE", "hva"),
        Twin("unmap tells nobody", "wrong-result/kvm_unmap_gfn_range",
             "\tkvm_mips_callbacks->flush_shadow_all(kvm);\n", ""),
        Twin("cache forgets a page", "leak/kvm_mips_free_gpa_pt",
             "for (; cache->nobjs; cache->nobjs--)", "for (; cache->nobjs > 1; cache->nobjs--)"),
    ),
)  # fmt: skip

SHAPES = (FAULTS_IN, NOTIFIER_NAMES, HVA)
