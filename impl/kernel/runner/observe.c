/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an operation changed: the tables are compared with a copy of what they held before.
 * Stores of instrumented code are logged, so only what was written is looked at; without
 * instrumentation, and once a sequence in any case, every linked table is compared whole.
 */
#include "slat.h"
#include "signature.h"

/*
 * The copy of a slot is how it differs from an empty one, in bits: what is not linked, or was never
 * stored to, is 0 there. So a table that is linked is not written down, and one that goes leaves
 * nothing behind.
 */
#define SHADOW_OF(address) ((unsigned long)(address) - SLAT_ARENA + SLAT_SHADOW)

/* How a level's slots are laid out; a slot that is empty holds this value. */
struct level {
	u32 entries, size, shift, child;
	unsigned long empty;
};
/* Indexed by 1 PTE .. LEVEL_ROOT; a level that is not there has no entries. */
static struct level levels[LEVEL_ROOT + 1];

#ifdef SLAT_TABLES
#include SLAT_TABLES
#else
#include "folded.h"
#endif

void slat_geometry_init(void)
{
	lay_out(levels);
	record_geometry();
}

u64 slat_raw(const pte_t *pte)
{
	return pte_val(*pte);
}

/* An entry may be two words; what a directory's slot holds is one. */
static u64 value_at(u32 which, unsigned long slot)
{
	return which == LEVEL_PTE ? slat_raw((pte_t *)slot) : *(unsigned long *)slot;
}

/* Empty entries are 0, in each of their words. */
static void note_slot(u32 which, unsigned long now)
{
	if (which == LEVEL_PTE)
		*(pte_t *)SHADOW_OF(now) = *(pte_t *)now;
	else
		*(unsigned long *)SHADOW_OF(now) = *(unsigned long *)now ^ levels[which].empty;
}

static void note_empty(u32 which, unsigned long was)
{
	if (which == LEVEL_PTE)
		*(pte_t *)was = __pte(0);
	else
		*(unsigned long *)was = 0;
}

/* What a slot held when it was last looked at. */
static u64 noted_at(u32 which, unsigned long was)
{
	return value_at(which, was) ^ levels[which].empty;
}

static u32 order_of(u32 which)
{
	return levels[which].shift - PAGE_SHIFT;
}

/* The guest address at which a slot begins. */
static u64 start_of(const struct page *page, u32 index)
{
	return page->base + ((u64)index << levels[page->level].shift);
}

/* Whether the slot of a table, given by its address, links the table at another. */
int slat_links(const struct page *parent, unsigned long slot, unsigned long table)
{
	u64 value = value_at(parent->level, slot);

	return !is_leaf(parent->level, value) && table_in(parent->level, value) == table;
}

/* Whether a directory that is about to go still links a table, which then nobody can reach. */
int slat_holds_tables(const struct page *page)
{
	struct level *level = &levels[page->level];
	unsigned long slot = (unsigned long)page_address(page);
	u32 i;

	for (i = 0; i < level->entries; i++, slot += level->size) {
		u64 value = value_at(page->level, slot);

		if (value != level->empty && !is_leaf(page->level, value) &&
		    slat_page_of(table_in(page->level, value)))
			return 1;
	}
	return 0;
}

#ifdef SLAT_FLUSHES
/*
 * When a slot was first stored to, counted in stores from 1; 0 where that is not known. The first
 * store took away what was there: a later one may put something in its place without a flush.
 */
static u32 first_store[(SLAT_ARENA_PAGES << PAGE_SHIFT) / sizeof(long)];
static u32 since;	/* the store by which what is compared now went */

static u32 *store_of(unsigned long slot)
{
	return &first_store[(slot - SLAT_ARENA) / sizeof(long)];
}

static void note_stores(void)
{
	unsigned long *at;

	for (at = slat_hot.log; at-- > slat_log;)
		if (slat_page_of(*at))
			*store_of(*at) = at - slat_log + 1;
}

/* What is noted of an earlier operation is not there, or at another slot. */
static void look_since(unsigned long slot)
{
	u32 noted = *store_of(slot);

	since = 0;
	if (slat_control.instrumented && !slat.log_full && noted &&
	    noted <= (u32)(slat_hot.log - slat_log) && slat_log[noted - 1] == slot)
		since = noted;
}

/* A table goes: whatever it mapped when it was last looked at must have been flushed before. */
void slat_table_goes(const struct page *page, u64 pc)
{
	struct level *level = &levels[page->level];
	unsigned long was = SHADOW_OF(page_address(page));
	u32 i;

	for (i = 0; i < level->entries && page->live; i++, was += level->size) {
		u64 value = noted_at(page->level, was);

		if (value != level->empty && is_leaf(page->level, value))
			slat_flush_owed(SU_TABLE, start_of(page, i), 1ULL << level->shift, 0, pc,
					order_of(page->level));
	}
}

/* What a leaf was must be flushed if it is gone, maps something else, or allows less. */
static void owe(u32 which, u64 gpa, u64 was, u64 now)
{
	int gone = now == levels[which].empty || !is_leaf(which, now) || leaf_moved(was, now);

	if (slat.leaving || (!gone && !leaf_lost(was, now)))
		return;
	slat_flush_owed(gone ? SU_REMOVED : SU_PERMISSION, gpa, 1ULL << levels[which].shift, since, 0,
			order_of(which));
}
#else
void slat_table_goes(const struct page *page, u64 pc) { (void)page; (void)pc; }
static void owe(u32 which, u64 gpa, u64 was, u64 now) { (void)which; (void)gpa; (void)was; (void)now; }
static void note_stores(void) { }
static void look_since(unsigned long slot) { (void)slot; }
#endif

/* A leaf that was there, or is there from now on. */
static void sign_leaf(u32 which, u64 gpa, u64 raw, s32 times)
{
	slat_sign(PART_LEAF | which, gpa, raw, times);
}

static void sign_table(const struct page *page, s32 times)
{
	slat_sign(PART_TABLE | page->level, page->base, 0, times);
}

static void changed(u64 gpa, u64 raw, u32 which)
{
	struct slat_change *change;

	if (slat_control.changes >= MAX_CHANGES)
		slat_fatal(EV_TOOL_LIMIT, SU_RING, 0, 0, gpa >> PAGE_SHIFT);
	change = &slat_changes[slat_control.changes++];
	change->gfn = gpa >> PAGE_SHIFT;
	change->raw = raw;
	change->order = raw ? order_of(which) : 0;
	change->pad = 0;
}

static void link(unsigned long table, u32 level, u64 base, unsigned long slot);

static void unlink(unsigned long table)
{
	struct page *page = slat_page_of(table);
	struct level *level;
	u32 i, which;

	if (!page || !page->level)
		return;
	which = page->level;
	level = &levels[which];
	for (i = 0; i < level->entries && page->live; i++) {
		unsigned long was = SHADOW_OF(table) + i * level->size;
		u64 value = noted_at(which, was);

		if (value == level->empty)
			continue;
		if (is_leaf(which, value)) {
			owe(which, start_of(page, i), value, level->empty);
			sign_leaf(which, start_of(page, i), value, -1);
			changed(start_of(page, i), 0, which);
		} else {
			unlink(table_in(which, value));
		}
		note_empty(which, was);
		page->live--;
	}
	sign_table(page, -1);
	page->level = 0;
	slat_grant(page);
	slat.tables--;
}

/* A directory slot that is neither empty nor the address of a table is no slot at all. */
static int follow(unsigned long value, u32 level, u64 base, unsigned long slot)
{
	struct page *page = slat_page_of(value);

	if (!level || !page || (value & (PAGE_SIZE - 1)) || page->state != PAGE_LIVE ||
	    page->kind != KIND_TABLE) {
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

/* A slot is not what it was: first what it held goes, then what it holds comes. */
static void compare(struct page *page, unsigned long table, u32 index)
{
	u32 which = page->level;
	struct level *level = &levels[which];
	unsigned long now = table + index * level->size, was = SHADOW_OF(now);
	u64 new = value_at(which, now), old = noted_at(which, was), gpa = start_of(page, index);
	int left = old != level->empty && is_leaf(which, old);
	int comes = new != level->empty && is_leaf(which, new);

	if (new == old)
		return;
	look_since(now);
	if (left)
		owe(which, gpa, old, new);
	else if (old != level->empty)
		unlink(table_in(which, old));
	page->live += (new != level->empty) - (old != level->empty);
	note_slot(which, now);
	if (left)
		sign_leaf(which, gpa, old, -1);
	if (comes)
		sign_leaf(which, gpa, new, 1);
	if (left || comes)
		changed(gpa, comes ? new : 0, which);
	if (new != level->empty && !comes)
		follow(table_in(which, new), level->child, gpa, now);
}

/* Whether eight words of a table all hold the same. */
enum { AT_ONCE = 8 * sizeof(u64) };
static int is_all(unsigned long address, u64 value)
{
	const u64 *p = (const u64 *)address;

	return !((p[0] ^ value) | (p[1] ^ value) | (p[2] ^ value) | (p[3] ^ value) |
		 (p[4] ^ value) | (p[5] ^ value) | (p[6] ^ value) | (p[7] ^ value));
}

/* Whether they hold what is noted of them. */
static int is_as_noted(unsigned long address, u64 empty)
{
	const u64 *p = (const u64 *)address, *was = (const u64 *)SHADOW_OF(address);

	return !((p[0] ^ was[0] ^ empty) | (p[1] ^ was[1] ^ empty) | (p[2] ^ was[2] ^ empty) |
		 (p[3] ^ was[3] ^ empty) | (p[4] ^ was[4] ^ empty) | (p[5] ^ was[5] ^ empty) |
		 (p[6] ^ was[6] ^ empty) | (p[7] ^ was[7] ^ empty));
}

/* What empty slots of a level look like as words; entries of two words are empty where both are. */
static u64 empty_words(const struct level *level)
{
	u64 empty = level->empty;

	return level->size == 4 ? empty << 32 | (u32)empty : empty;
}

/* Compare the slots of a table; ``fresh`` if all are noted as empty. Most are as they were. */
static void compare_all(struct page *page, unsigned long table, int fresh)
{
	const struct level *level = &levels[page->level];
	u64 empty = empty_words(level);
	u32 step = AT_ONCE / level->size, i, end;

	for (i = 0; i < level->entries; i = end) {
		unsigned long now = table + i * level->size;

		end = i + step;
		if (end > level->entries)
			end = level->entries;
		else if (fresh ? is_all(now, empty) : is_as_noted(now, empty))
			continue;
		/* a table that links itself goes while it is looked at */
		for (; i < end && page->level; i++)
			compare(page, table, i);
		if (!page->level)
			return;
	}
}

/* Nothing is left of a table that was linked when its machine went. */
void slat_forget_table(struct page *page)
{
	const struct level *level = &levels[page->level];
	unsigned long was = SHADOW_OF(page_address(page));
	u32 i;

	for (i = 0; i < level->entries && page->live; i++, was += level->size) {
		if (noted_at(page->level, was) == level->empty)
			continue;
		note_empty(page->level, was);
		page->live--;
	}
}

static void link(unsigned long table, u32 which, u64 base, unsigned long slot)
{
	struct page *page = slat_page_of(table);
	struct level *level = &levels[which];

	page->level = which;
	page->base = base;
	page->slot = slot;
	page->live = 0;
	sign_table(page, 1);
	slat_grant(page);
	if (which < LEVEL_ROOT)
		slat.tables++;
	slat_check_written(page, (unsigned long)level->entries * level->size);
	compare_all(page, table, 1);
}

void slat_observe_root(void)
{
	unsigned long root = (unsigned long)slat.kvm.SLAT_ROOT;
	struct page *page = slat_page_of(root);
	u32 i;

	if (!page || page->state != PAGE_LIVE || !page->head)
		slat_fatal(EV_BAD_ACCESS, SU_PGD, root, 0, 0);
	for (i = 0; i < 1u << page->order; i++) {
		page[i].level = LEVEL_ROOT;
		slat_grant(&page[i]);
	}
	link(root, LEVEL_ROOT, 0, 0);
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
	compare(head, table, index);
}

/* Compare every linked table whole; directories first, so that what they link is known. */
void slat_observe_all(void)
{
	int directories;
	u32 i;

	for (directories = 1; directories >= 0; directories--) {
		for (i = 0; i < slat.used; i++) {
			struct page *page = &mem_map[i];

			if (page->state != PAGE_LIVE || !page->level || !page->head ||
			    (page->level > 1) != directories)
				continue;
			compare_all(page, (unsigned long)page_address(page), 0);
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
	note_stores();
	for (at = slat_log; at < slat_hot.log; at++)
		recheck(*at, 1);
	for (at = slat_log; at < slat_hot.log; at++)
		recheck(*at, 0);
}
