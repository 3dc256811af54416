/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an operation changed: the tables are compared with a copy of what they held before.
 * Stores of instrumented code are logged, so only what was written is looked at; without
 * instrumentation, and once a sequence in any case, every linked table is compared whole.
 */
#include "slat.h"

#define SHADOW_OF(address) ((unsigned long)(address) - SLAT_ARENA + SLAT_SHADOW)

struct level {
	u32 entries, size, shift, child;
	unsigned long empty;
};
/* Indexed by 1 PTE .. 4 PGD; a folded level has no entries. */
static struct level levels[5];

pte_t invalid_pte_table[PTRS_PER_PTE] __attribute__((aligned(PAGE_SIZE), section(".slat_tables")));
#ifndef __PAGETABLE_PMD_FOLDED
pmd_t invalid_pmd_table[PTRS_PER_PMD] __attribute__((aligned(PAGE_SIZE), section(".slat_tables")));
#endif
#ifndef __PAGETABLE_PUD_FOLDED
pud_t invalid_pud_table[PTRS_PER_PUD] __attribute__((aligned(PAGE_SIZE), section(".slat_tables")));
#endif

void slat_geometry_init(void)
{
	int below = 1;

	levels[1] = (struct level){ PTRS_PER_PTE, sizeof(pte_t), PAGE_SHIFT, 0, 0 };
#ifndef __PAGETABLE_PMD_FOLDED
	levels[2] = (struct level){ PTRS_PER_PMD, sizeof(pmd_t), PMD_SHIFT, 1,
				    (unsigned long)invalid_pte_table };
	below = 2;
#endif
#ifndef __PAGETABLE_PUD_FOLDED
	levels[3] = (struct level){ PTRS_PER_PUD, sizeof(pud_t), PUD_SHIFT, 2,
				    (unsigned long)invalid_pmd_table };
	below = 3;
#endif
	levels[4] = (struct level){ PTRS_PER_PGD, sizeof(pgd_t), PGDIR_SHIFT, below, 0 };
#if !defined(__PAGETABLE_PUD_FOLDED)
	levels[4].empty = (unsigned long)invalid_pud_table;
#elif !defined(__PAGETABLE_PMD_FOLDED)
	levels[4].empty = (unsigned long)invalid_pmd_table;
#else
	levels[4].empty = (unsigned long)invalid_pte_table;
#endif
}

u64 slat_raw(const pte_t *pte)
{
	return pte_val(*pte);
}

/* Whether a directory that is about to go still links a table, which then nobody can reach. */
int slat_holds_tables(const struct page *page)
{
	const unsigned long *slot = page_address(page);
	u32 i;

	for (i = 0; i < levels[page->level].entries; i++)
		if (slot[i] != levels[page->level].empty && slat_page_of(slot[i]))
			return 1;
	return 0;
}

static void changed(u64 gfn, u64 raw)
{
	struct slat_change *change;

	if (slat_control.changes >= MAX_CHANGES)
		slat_fatal(EV_TOOL_LIMIT, SU_RING, 0, 0, gfn);
	change = &slat_changes[slat_control.changes++];
	change->gfn = gfn;
	change->raw = raw;
}

static void compare_leaf(struct page *page, unsigned long table, u32 index)
{
	pte_t *now = (pte_t *)table + index, *was = (pte_t *)SHADOW_OF(now);
	u64 new = slat_raw(now), old = slat_raw(was);

	if (new == old)
		return;
	page->live += !!new - !!old;
	*was = *now;
	changed((page->base >> PAGE_SHIFT) + index, new);
}

static void link(unsigned long table, u32 level, u64 base, unsigned long slot);

static void unlink(unsigned long table)
{
	struct page *page = slat_page_of(table);
	struct level *level;
	u32 i, count;

	if (!page || !page->level)
		return;
	level = &levels[page->level];
	count = level->entries;
	for (i = 0; i < count && page->live; i++) {
		if (page->level == 1) {
			pte_t *was = (pte_t *)SHADOW_OF(table) + i;

			if (!slat_raw(was))
				continue;
			*was = __pte(0);
			page->live--;
			changed((page->base >> PAGE_SHIFT) + i, 0);
		} else {
			unsigned long *was = (unsigned long *)SHADOW_OF(table) + i;

			if (*was == level->empty)
				continue;
			unlink(*was);
			*was = level->empty;
			page->live--;
		}
	}
	page->level = 0;
	slat_grant(page);
	slat.tables--;
}

/* A directory slot that is neither empty nor the address of a table is no slot at all. */
static int follow(unsigned long value, u32 level, u64 base, unsigned long slot)
{
	struct page *page = slat_page_of(value);

	if (!page || (value & (PAGE_SIZE - 1)) || page->state != PAGE_LIVE || page->kind != PAGE_TABLE) {
		slat_report(page && page->state == PAGE_FREED ? EV_USE_AFTER_FREE : EV_UNINITIALISED,
			    page && page->state == PAGE_FREED ? SU_LINKED : SU_SLOTS, slot, 0, level);
		return 0;
	}
	if (page->level) {
		slat_report(EV_STRUCTURE, SU_LINKED, slot, 0, level);
		return 0;
	}
	link(value, level, base, slot);
	return 1;
}

static void compare_slot(struct page *page, unsigned long table, u32 index)
{
	struct level *level = &levels[page->level];
	unsigned long *now = (unsigned long *)table + index, *was = (unsigned long *)SHADOW_OF(now);
	unsigned long value = *now;

	if (value == *was)
		return;
	if (*was != level->empty) {
		unlink(*was);
		page->live--;
	}
	*was = value;
	if (value != level->empty) {
		page->live++;
		follow(value, level->child, page->base + ((u64)index << level->shift), (unsigned long)now);
	}
}

static void link(unsigned long table, u32 which, u64 base, unsigned long slot)
{
	struct page *page = slat_page_of(table);
	struct level *level = &levels[which];
	u32 i;

	page->level = which;
	page->base = base;
	page->slot = slot;
	page->live = 0;
	slat_grant(page);
	if (which < 4)
		slat.tables++;
	slat_check_written(page, (unsigned long)level->entries * level->size);
	for (i = 0; i < level->entries; i++) {
		if (which == 1) {
			pte_t *now = (pte_t *)table + i;

			*(pte_t *)SHADOW_OF(now) = __pte(0);
			if (slat_raw(now))
				compare_leaf(page, table, i);
		} else {
			unsigned long *now = (unsigned long *)table + i;

			*(unsigned long *)SHADOW_OF(now) = level->empty;
			if (*now != level->empty)
				compare_slot(page, table, i);
		}
	}
}

void slat_observe_root(void)
{
	unsigned long root = (unsigned long)slat.kvm.SLAT_ROOT;
	struct page *page = slat_page_of(root);
	u32 i;

	if (!page || page->state != PAGE_LIVE || !page->head)
		slat_fatal(EV_BAD_ACCESS, SU_PGD, root, 0, 0);
	for (i = 0; i < 1u << page->order; i++) {
		page[i].level = 4;
		slat_grant(&page[i]);
	}
	link(root, 4, 0, 0);
}

static void recheck(unsigned long address, int directories)
{
	struct page *page = slat_page_of(address);
	struct page *head;
	unsigned long table;
	u32 index;

	if (!page || page->state != PAGE_LIVE || !page->level || (page->level > 1) != directories)
		return;
	head = &mem_map[page->block];
	table = (unsigned long)page_address(head);
	index = (address - table) / levels[page->level].size;
	if (index >= levels[page->level].entries)
		return;
	if (directories)
		compare_slot(head, table, index);
	else
		compare_leaf(head, table, index);
}

/* Compare every linked table whole; directories first, so that what they link is known. */
void slat_observe_all(void)
{
	int directories;
	u32 i, j;

	for (directories = 1; directories >= 0; directories--) {
		for (i = 0; i < slat.used; i++) {
			struct page *page = &mem_map[i];
			unsigned long table = (unsigned long)page_address(page);

			if (page->state != PAGE_LIVE || !page->level || !page->head ||
			    (page->level > 1) != directories)
				continue;
			for (j = 0; j < levels[page->level].entries; j++) {
				if (directories)
					compare_slot(page, table, j);
				else
					compare_leaf(page, table, j);
				if (!page->level)
					break;
			}
		}
	}
}

void slat_observe(void)
{
	unsigned long *at;

	if (!slat_control.instrumented || slat.log_full) {
		slat_observe_all();
		return;
	}
	for (at = slat_log; at < slat_hot.log; at++)
		recheck(*at, 1);
	for (at = slat_log; at < slat_hot.log; at++)
		recheck(*at, 0);
}
