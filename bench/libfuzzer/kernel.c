/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What lies below the tree's C in the harness: pages that the address sanitizer watches, the runner's
 * answers and locks, and a walk of the table. Whatever is wrong ends the process, and so is found.
 */
#include "slat.h"
#include "harness.h"

int dprintf(int file, const char *format, ...);
void abort(void) __attribute__((noreturn));
void *calloc(size_t count, size_t size);
void free(void *memory);
void *mmap(void *at, size_t bytes, int access, int flags, int file, long offset);
void __asan_poison_memory_region(const volatile void *from, size_t bytes);
void __asan_unpoison_memory_region(const volatile void *from, size_t bytes);

enum { READ_AND_WRITE = 3, PRIVATE_FIXED = 0x100022, FRESH = 0xa5 };

struct slat_machine slat;
struct slat_control slat_control;
struct slat_hot slat_hot;
struct page mem_map[SLAT_ARENA_PAGES];
struct mm_struct init_mm;
u64 slat_dirty[MAX_DIRTY];
unsigned long slat_log[1];
u32 slat_geometry[13];
static u32 arrays;		/* not given back */

struct level {
	u32 entries, size, shift, child;
	unsigned long empty;
};
static struct level levels[LEVEL_ROOT + 1];
#include "folded.h"

/* --- complaints --- */
void slat_report(u32 code, u32 subject, u64 address, u64 pc, u64 detail)
{
	dprintf(2, "harness: event %u of subject %u at %llx, pc %llx, detail %llx\n", code, subject, address,
		pc, detail);
	abort();
}

__noreturn void slat_fatal(u32 code, u32 subject, u64 address, u64 pc, u64 detail)
{
	slat_report(code, subject, address, pc, detail);
	abort();
}

void slat_warn(void) { slat_report(EV_WARNING, SU_NONE, 0, (u64)__builtin_return_address(0), 0); }
void slat_bug(void) { slat_fatal(EV_BUG, SU_NONE, 0, (u64)__builtin_return_address(0), 0); }

/* --- pages: none is handed out twice in a sequence, and behind each block is one that nobody may use --- */
static u32 index_of(const struct page *page)
{
	unsigned long offset = (unsigned long)page - (unsigned long)mem_map;

	if (offset >= sizeof(mem_map) || offset % sizeof(struct page))
		slat_fatal(EV_WILD_FREE, SU_NONE, offset, 0, 0);
	return offset / sizeof(struct page);
}

unsigned long slat_get_pages(gfp_t gfp, unsigned int order)
{
	u32 size = 1u << order, first = (slat.used + size - 1) & ~(size - 1);
	void *address = page_address(&mem_map[first]);

	if (slat.oom && ++slat.allocations == slat.oom)
		return 0;
	if (order > 10 || first + size + 1 > SLAT_ARENA_PAGES)
		slat_fatal(EV_TOOL_LIMIT, SU_ARENA, 0, 0, slat.used);
	slat.used = first + size + 1;
	slat.held += size;
	mem_map[first].state = PAGE_LIVE;
	mem_map[first].order = order;
	mem_map[first].compound = !!(gfp & __GFP_COMP);
	mem_map[first].references = 1;
	__asan_unpoison_memory_region(address, PAGE_SIZE << order);
	memset(address, gfp & __GFP_ZERO ? 0 : FRESH, PAGE_SIZE << order);
	return (unsigned long)address;
}

void slat_free_pages(struct page *page, unsigned int order)
{
	u32 index = index_of(page);

	if (page->state == PAGE_FREED)
		slat_fatal(EV_DOUBLE_FREE, SU_NONE, index, 0, order);
	if (page->state != PAGE_LIVE || page->order != order)
		slat_fatal(EV_WILD_FREE, SU_NONE, index, 0, order);
	page->state = PAGE_FREED;
	slat.held -= 1u << order;
	__asan_poison_memory_region(page_address(page), PAGE_SIZE << order);
}

unsigned int slat_compound_order(struct page *page)
{
	return mem_map[index_of(page)].compound ? page->order : 0;
}

void slat_get_page(struct page *page) { mem_map[index_of(page)].references++; }

void slat_put_page(struct page *page)
{
	if (!--mem_map[index_of(page)].references)
		slat_free_pages(page, 0);
}

void *kvmalloc_array(size_t n, size_t size, gfp_t gfp)
{
	(void)gfp;
	arrays++;
	return calloc(n, size);
}

void kvfree(const void *address)
{
	arrays -= !!address;
	free((void *)address);
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

void slat_table_ctor(struct page *page) { (void)page; }
void slat_table_dtor(struct page *page) { (void)page; }
void slat_page_state(struct page *page, int item, int delta) { (void)page; (void)item; (void)delta; }
void (clear_page)(void *page) { memset(page, 0, PAGE_SIZE); }
void (copy_page)(void *to, void *from) { memcpy(to, from, PAGE_SIZE); }

void memset64(u64 *to, u64 value, size_t words)
{
	while (words--)
		*to++ = value;
}

#include "environment.c"

/* --- what the harness asks for --- */
void kernel_boot(void)
{
	size_t bytes = (size_t)SLAT_ARENA_PAGES << PAGE_SHIFT;

	if (mmap((void *)SLAT_ARENA, bytes, READ_AND_WRITE, PRIVATE_FIXED, -1, 0) != (void *)SLAT_ARENA)
		slat_fatal(EV_TOOL_LIMIT, SU_ARENA, SLAT_ARENA, 0, 0);
	__asan_poison_memory_region((void *)SLAT_ARENA, bytes);
	fill_empty_tables();
	lay_out(levels);
	slat.used = 1;
}

/* Nothing is left of the last virtual machine. */
void kernel_renew(void)
{
	__asan_poison_memory_region((void *)SLAT_ARENA, (size_t)slat.used << PAGE_SHIFT);
	memset(mem_map, 0, slat.used * sizeof(*mem_map));
	memset(&slat, 0, sizeof(slat));
	slat.used = 1;
	slat.vcpu.kvm = &slat.kvm;
	arrays = 0;
}

s64 kernel_call(const struct slat_op *op)
{
	s64 result;

	slat_control.dirty = 0;
	slat_environment_begin(op);
	result = slat_dispatch(op, &slat.kvm, &slat.vcpu);
	slat_environment_end();
	return result;
}

u32 kernel_dirty(const u64 **frames)
{
	*frames = slat_dirty;
	return slat_control.dirty;
}

u32 kernel_in_hand(void)
{
	return slat.held + arrays;
}

static u32 leaves_of(u32 which, unsigned long table, u64 base, struct leaf *leaves, u32 room)
{
	const struct level *level = &levels[which];
	u32 i, count = 0;

	for (i = 0; i < level->entries && count < room; i++) {
		unsigned long slot = table + (unsigned long)i * level->size;
		u64 gpa = base + ((u64)i << level->shift);

		if (which == LEVEL_PTE && pte_val(*(pte_t *)slot))
			leaves[count++] = (struct leaf){ gpa >> PAGE_SHIFT, pte_val(*(pte_t *)slot) };
		else if (which != LEVEL_PTE && *(unsigned long *)slot != level->empty)
			count += leaves_of(level->child, *(unsigned long *)slot, gpa, &leaves[count],
					   room - count);
	}
	return count;
}

u32 kernel_leaves(struct leaf *leaves)
{
	return leaves_of(LEVEL_ROOT, (unsigned long)slat.kvm.SLAT_ROOT, 0, leaves, MOST_LEAVES);
}
