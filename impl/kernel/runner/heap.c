/* SPDX-License-Identifier: GPL-2.0-only */
/* The page allocator behind the shim: what is taken, given back, referred to and left behind. */
#include "slat.h"

#define ARENA_BYTES ((unsigned long)SLAT_ARENA_PAGES << PAGE_SHIFT)
#define POISON_FRESH 0xa5a5a5a5a5a5a5a5ULL
#define POISON_FREED 0x6b6b6b6b6b6b6b6bULL
#define WORDS_PER_PAGE (PAGE_SIZE / 4)

struct page mem_map[SLAT_ARENA_PAGES];
struct mm_struct init_mm;
unsigned long slat_log[MAX_LOG];
unsigned long slat_frame[16];
/* One byte for each 32-bit word of the arena: all ones once written since the page was handed out. */
enum { WRITTEN = 0xff };
static u8 written[SLAT_ARENA_PAGES * WORDS_PER_PAGE] __attribute__((aligned(8)));
/*
 * One byte for each page: what an access may take for granted; anything else is looked into. Of a
 * page that was written whole nobody asks which words were.
 */
enum { ACCESS_LOOK = 0, ACCESS_FREE = 1, ACCESS_LOCKED = 2, ACCESS_WHOLE = 4 };
enum { ACCESS_LINKED = ACCESS_LOCKED | ACCESS_LOCKED * ACCESS_WHOLE };
struct slat_hot slat_hot;
static u8 granted[SLAT_ARENA_PAGES];

static u64 caller(void *address)
{
	/* The call is two instructions long: name the branch, not what follows it. */
	return (unsigned long)address - SLAT_CALL_BYTES;
}

void slat_report(u32 code, u32 subject, u64 address, u64 pc, u64 detail)
{
	struct slat_event *event;
	u32 i;

	/* Once for each operation is enough: a loop must not fill the ring with one thing. */
	for (i = slat.first_event; i < slat_control.events; i++)
		if (slat_events[i].code == code && slat_events[i].subject == subject)
			return;
	if (slat_control.events >= MAX_EVENTS)
		return;
	event = &slat_events[slat_control.events++];
	event->code = code;
	event->subject = subject;
	event->address = address;
	event->pc = pc;
	event->detail = detail;
}

void slat_fatal(u32 code, u32 subject, u64 address, u64 pc, u64 detail)
{
	slat_report(code, subject, address, pc, detail);
	slat_longjmp(slat_frame, 1);
}

void slat_warn(void)
{
	slat_report(EV_WARNING, SU_NONE, 0, caller(__builtin_return_address(0)), 0);
}

void slat_bug(void)
{
	slat_fatal(EV_BUG, SU_NONE, 0, caller(__builtin_return_address(0)), 0);
}

static void fill(unsigned long address, unsigned long bytes, u64 value)
{
	u64 *p = (u64 *)address, *end = (u64 *)(address + bytes);

	for (; p < end; p += 8) {
		p[0] = value; p[1] = value; p[2] = value; p[3] = value;
		p[4] = value; p[5] = value; p[6] = value; p[7] = value;
	}
}

static void set_written(unsigned long offset, unsigned long bytes, int on)
{
	unsigned long word = offset >> 2, end = (offset + bytes + 3) >> 2;

	if (!((word | end) & 63)) {
		fill((unsigned long)&written[word], end - word, on ? ~0ULL : 0);
		return;
	}
	for (; word < end; word++)
		written[word] = on ? WRITTEN : 0;
}

static int is_written(unsigned long offset, unsigned long bytes)
{
	const u8 *p = &written[offset >> 2], *end = &written[(offset + bytes) >> 2];
	u64 all = ~0ULL;

	/* Eight words at a time; a table may be smaller than that. */
	for (; p + 8 <= end; p += 8)
		all &= *(const u64 *)p;
	for (; p < end; p++)
		all &= ~0xffULL | *p;
	return all == ~0ULL;
}

/* Linked tables may be used under mmu_lock only; pages in preparation by whoever holds them. */
void slat_grant(struct page *page)
{
	u32 index = page - mem_map;

	u8 access = page->level ? ACCESS_LOCKED : ACCESS_FREE;

	if (page->whole)
		access *= ACCESS_WHOLE;
	granted[index] = page->state == PAGE_LIVE ? access : ACCESS_LOOK;
}

/* A table that is linked must hold nothing that its owner did not write. */
void slat_check_written(struct page *page, unsigned long bytes)
{
	if (page->whole || !slat_control.instrumented)
		return;
	if (!is_written((unsigned long)(page - mem_map) << PAGE_SHIFT, bytes)) {
		slat_report(EV_UNINITIALISED, SU_SLOTS, (unsigned long)page_address(page), 0, page->level);
		return;
	}
	for (; bytes >= PAGE_SIZE; page++, bytes -= PAGE_SIZE) {
		page->whole = 1;
		slat_grant(page);
	}
}

struct page *slat_page_of(unsigned long address)
{
	unsigned long offset = address - SLAT_ARENA;

	return offset < ARENA_BYTES ? &mem_map[offset >> PAGE_SHIFT] : 0;
}

static int table_subject(const struct page *page)
{
	static const u8 subjects[] = { SU_LOOSE, SU_PTE, SU_PMD, SU_PUD, SU_P4D, SU_PGD };

	return page->kind == KIND_OBJECTS ? SU_OBJECTS : subjects[page->level];
}

/* --- allocation --- */
static unsigned long take(unsigned int order, int zero, int compound, int kind)
{
	u32 size = 1u << order, first = (slat.used + size - 1) & ~(size - 1), i;
	unsigned long address = SLAT_ARENA + ((unsigned long)first << PAGE_SHIFT);

	if (slat.oom && ++slat.allocations == slat.oom)
		return 0;
	if (order > 10 || first + size + 1 > SLAT_ARENA_PAGES)
		slat_fatal(EV_TOOL_LIMIT, SU_ARENA, 0, 0, slat.used);
	for (i = slat.used; i < first; i++)
		mem_map[i].state = PAGE_GUARD;
	for (i = first; i < first + size; i++) {
		struct page *page = &mem_map[i];

		page->state = PAGE_LIVE;
		page->order = order;
		page->compound = compound;
		page->head = i == first;
		page->table = page->level = page->kernel = 0;
		page->whole = zero;
		page->kind = kind;
		page->block = first;
		page->live = 0;
		page->references = i == first;
		slat_grant(page);
	}
	mem_map[first + size].state = PAGE_GUARD;
	slat.used = first + size + 1;
	fill(address, PAGE_SIZE << order, zero ? 0 : POISON_FRESH);
	if (!zero)
		set_written(address - SLAT_ARENA, PAGE_SIZE << order, 0);
	if (kind == KIND_TABLE) {
		slat.taken += size;
		slat.held += size;
	}
	return address;
}

unsigned long slat_get_pages(gfp_t gfp, unsigned int order)
{
	return take(order, !!(gfp & __GFP_ZERO), !!(gfp & __GFP_COMP), KIND_TABLE);
}

unsigned int slat_compound_order(struct page *page)
{
	unsigned long offset = (unsigned long)page - (unsigned long)mem_map;

	/* A page that is not the head of a compound block counts as one page. */
	if (offset >= sizeof(mem_map))
		return 0;
	return page->compound && page->head ? page->order : 0;
}

static void retire(u32 first, u32 count)
{
	u32 i;

	for (i = first; i < first + count; i++) {
		mem_map[i].state = PAGE_FREED;
		granted[i] = ACCESS_LOOK;
	}
	fill(SLAT_ARENA + ((unsigned long)first << PAGE_SHIFT), (unsigned long)count << PAGE_SHIFT,
	     POISON_FREED);
}

static void give_back(struct page *page, unsigned int order, u64 pc)
{
	unsigned long offset = (unsigned long)page - (unsigned long)mem_map;
	u64 address;
	u32 index, count = 1u << order, i;

	index = offset / sizeof(struct page);
	if (offset >= sizeof(mem_map) || index * sizeof(struct page) != offset)
		slat_fatal(EV_WILD_FREE, SU_NONE, 0, pc, order);
	address = (unsigned long)page_address(page);
	if (page->state == PAGE_FREED)
		slat_fatal(EV_DOUBLE_FREE, table_subject(page), address, pc, order);
	if (page->state != PAGE_LIVE || !page->head || order > page->order)
		slat_fatal(EV_WILD_FREE, page->state == PAGE_LIVE ? table_subject(page) : SU_NONE, address,
			   pc, order);
	/* the slot that links a table must be empty before the table goes */
	if (page->level && page->slot) {
		struct page *parent = slat_page_of(page->slot);

		if (parent && parent->state == PAGE_LIVE && slat_links(parent, page->slot, address))
			slat_fatal(EV_USE_AFTER_FREE, SU_LINKED, address, pc, page->level);
	}
	if (page->level > 1 && slat_holds_tables(page))
		slat_report(EV_LEAK, SU_CHILDREN, address, pc, page->level);
	if (page->level && !slat.leaving)
		slat_table_goes(page, pc);
	if (page->references != 1)
		slat_report(EV_ACCOUNTING, SU_PFN, address, pc, page->references);
	for (i = index; i < index + count; i++)
		mem_map[i].head = 0;
	page->head = 1;
	retire(index, count);
	slat.freed += count;
	slat.held -= count;
}

void slat_free_pages(struct page *page, unsigned int order)
{
	give_back(page, order, caller(__builtin_return_address(0)));
}

/* --- references: a page is handed out with one, and goes with the last --- */
static int is_live(const struct page *page)
{
	return (unsigned long)page - (unsigned long)mem_map < sizeof(mem_map) && page->state == PAGE_LIVE;
}

void slat_get_page(struct page *page)
{
	if (!is_live(page))
		slat_fatal(EV_USE_AFTER_FREE, SU_PFN, (unsigned long)page,
			   caller(__builtin_return_address(0)), 0);
	page->references++;
}

/* One reference less. Of what is no page in hand, giving it back says what is wrong with it. */
void slat_put_page(struct page *page)
{
	u64 pc = caller(__builtin_return_address(0));

	if (is_live(page) && page->references > 1)
		page->references--;
	else
		give_back(page, 0, pc);
}

void *kvmalloc_array(size_t n, size_t size, gfp_t gfp)
{
	if (n * size > PAGE_SIZE)
		slat_fatal(EV_TOOL_LIMIT, SU_OBJECTS, 0, caller(__builtin_return_address(0)), n * size);
	return (void *)take(0, !!(gfp & __GFP_ZERO), 0, KIND_OBJECTS);
}

void kvfree(const void *address)
{
	struct page *page = slat_page_of((unsigned long)address);
	u64 pc = caller(__builtin_return_address(0));

	if (!address)
		return;
	if (!page || page->kind != KIND_OBJECTS || page->state == PAGE_UNUSED ||
	    page->state == PAGE_GUARD)
		slat_fatal(EV_WILD_FREE, SU_NONE, (unsigned long)address, pc, 0);
	if (page->state == PAGE_FREED)
		slat_fatal(EV_DOUBLE_FREE, SU_OBJECTS, (unsigned long)address, pc, 0);
	retire(page - mem_map, 1);
}

void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	(void)cache;
	return (void *)slat_get_pages(gfp, 0);
}

void kmem_cache_free(struct kmem_cache *cache, void *object)
{
	(void)cache;
	free_page((unsigned long)object);
}

/* --- constructors, destructors, counters: balanced at destroy --- */
void slat_table_ctor(struct page *page)
{
	slat.constructors++;
	page->table = 1;
}

void slat_table_dtor(struct page *page)
{
	unsigned long offset = (unsigned long)page - (unsigned long)mem_map;

	slat.destructors++;
	if (offset < sizeof(mem_map) && page->table) {
		page->table = 0;
		return;
	}
	if (!slat.unpaired)
		slat.unpaired = caller(__builtin_return_address(0));
}

void slat_page_state(struct page *page, int item, int delta)
{
	(void)page;
	if (item == NR_PAGETABLE)
		slat.counter += delta;
}

/* Every page is accounted for: the root's block, tables by level, cached pages, cache arrays. */
void slat_leaks(void)
{
	u32 i, seen[SU_COUNT];

	for (i = 0; i < SU_COUNT; i++)
		seen[i] = 0;
	for (i = 0; i < slat.used; i++) {
		struct page *page = &mem_map[i];
		u32 subject = table_subject(page);

		if (page->state != PAGE_LIVE)
			continue;
		if (mem_map[page->block].state == PAGE_FREED)
			subject = SU_PGD_REST;
		if (!seen[subject])
			slat_report(EV_LEAK, subject, (unsigned long)page_address(page), 0, page->order);
		seen[subject]++;
	}
	if (slat.constructors != slat.destructors || slat.counter)
		slat_report(EV_ACCOUNTING, slat.unpaired ? SU_CONSTRUCTOR : SU_COUNTER, 0, slat.unpaired,
			    slat.counter);
}

void slat_heap_reset(void)
{
	u32 i;

	for (i = 0; i < slat.used; i++) {
		if (mem_map[i].level)
			slat_forget_table(&mem_map[i]);
		mem_map[i].state = PAGE_UNUSED;
		granted[i] = ACCESS_LOOK;
		mem_map[i].level = mem_map[i].table = 0;
	}
	slat.used = 1;		/* a gap before the first block */
	mem_map[0].state = PAGE_GUARD;
	slat.taken = slat.freed = slat.held = slat.tables = 0;
	slat.constructors = slat.destructors = slat.counter = 0;
}
