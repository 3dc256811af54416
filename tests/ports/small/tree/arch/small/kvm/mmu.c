// SPDX-License-Identifier: GPL-2.0-only
/* A guest-physical table of two levels; a directory slot is a page's address or the empty table. */
#include <linux/kvm_host.h>

#define EMPTY ((unsigned long)invalid_pte_table)

pgd_t *small_create(void)
{
	pgd_t *pgd = (pgd_t *)__get_free_page(GFP_KERNEL);
	int i;

	for (i = 0; pgd && i < PTRS_PER_PGD; i++)
		pgd[i].slot = EMPTY;
	return pgd;
}

pte_t *small_walk(struct kvm *kvm, unsigned long gpa)
{
	pgd_t *pgd = kvm->arch.root + (gpa >> PGDIR_SHIFT);

	if (gpa >> REACH_SHIFT || pgd->slot == EMPTY)
		return NULL;
	return (pte_t *)pgd->slot + ((gpa >> PAGE_SHIFT) & (PTRS_PER_PTE - 1));
}

static pte_t *small_walk_alloc(struct kvm *kvm, unsigned long gpa)
{
	pgd_t *pgd = kvm->arch.root + (gpa >> PGDIR_SHIFT);

	if (pgd->slot == EMPTY) {
		unsigned long page = get_zeroed_page(GFP_ATOMIC);

		if (!page)
			return NULL;
		pgd->slot = page;
	}
	return small_walk(kvm, gpa);
}

/* Returns 1 where the entry that is there allows the access, having noted it. */
static int small_touch(struct kvm *kvm, pte_t *pte, unsigned long gpa, bool write)
{
	if (!pte || !(pte->raw & SMALL_PRESENT) || (write && !(pte->raw & SMALL_WRITE)))
		return 0;
	if (write && !(pte->raw & SMALL_DIRTY))
		mark_page_dirty(kvm, gpa >> PAGE_SHIFT);
	pte->raw |= SMALL_YOUNG | (write ? SMALL_DIRTY : 0);
	return 1;
}

int small_fault(struct kvm *kvm, unsigned long gpa, bool write)
{
	bool writable = false;
	unsigned long seq;
	kvm_pfn_t pfn;
	pte_t *pte;
	int done;

	if (gpa >> REACH_SHIFT)
		return -EFAULT;
	spin_lock(&kvm->mmu_lock);
	done = small_touch(kvm, small_walk(kvm, gpa), gpa, write);
	spin_unlock(&kvm->mmu_lock);
	while (!done) {
		seq = kvm->mmu_invalidate_seq;
		pfn = gfn_to_pfn_prot(kvm, gpa >> PAGE_SHIFT, write, &writable);
		if (pfn >> 52)
			return -EFAULT;
		spin_lock(&kvm->mmu_lock);
		done = !kvm->mmu_invalidate_in_progress && kvm->mmu_invalidate_seq == seq;
		pte = done ? small_walk_alloc(kvm, gpa) : NULL;
		if (pte)
			pte->raw = pfn << PAGE_SHIFT | SMALL_PRESENT | (writable ? SMALL_WRITE : 0);
		if (pte)
			small_touch(kvm, pte, gpa, write);
		spin_unlock(&kvm->mmu_lock);
		kvm_release_pfn_clean(pfn);
		if (done && !pte)
			return -ENOMEM;
	}
	return 0;
}

static bool small_drop_pte(pte_t *pte, unsigned long start, unsigned long end)
{
	int min = (start >> PAGE_SHIFT) & (PTRS_PER_PTE - 1);
	int max = (end >> PAGE_SHIFT) & (PTRS_PER_PTE - 1), i;

	for (i = min; i <= max; i++)
		if (pte[i].raw & SMALL_PRESENT)
			pte[i].raw = 0;
	return min == 0 && max == PTRS_PER_PTE - 1;
}

static bool small_drop_pgd(pgd_t *pgd, unsigned long start, unsigned long end)
{
	int min = (start >> PGDIR_SHIFT) & (PTRS_PER_PGD - 1);
	int max = (end >> PGDIR_SHIFT) & (PTRS_PER_PGD - 1), i;
	bool safe = min == 0 && max == PTRS_PER_PGD - 1;

	for (i = min; i <= max; i++, start = 0) {
		unsigned long table = pgd[i].slot;

		if (table == EMPTY)
			continue;
		if (small_drop_pte((pte_t *)table, start, i == max ? end : ~0UL)) {
			pgd[i].slot = EMPTY;
			free_page(table);
		} else {
			safe = false;
		}
	}
	return safe;
}

bool small_drop(struct kvm *kvm, gfn_t first, gfn_t last)
{
	gfn_t top = (1UL << (REACH_SHIFT - PAGE_SHIFT)) - 1;

	if (first > top)
		return false;
	return small_drop_pgd(kvm->arch.root, first << PAGE_SHIFT,
			      (last > top ? top : last) << PAGE_SHIFT);
}

void small_destroy(struct kvm *kvm)
{
	WARN_ON(!small_drop(kvm, 0, ~0ULL));
	free_page((unsigned long)kvm->arch.root);
}
