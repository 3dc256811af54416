/* SPDX-License-Identifier: GPL-2.0-only */
/* The check on every load and store of the tree's code, and memory functions that make it. */
#include "slat.h"
/* One unit with heap.c, which is in front: whose pages they are, and what of them was written. */

extern char __image_start[], __image_end[], __tables_start[], __tables_end[];

static __always_inline int in_image(unsigned long address)
{
	return address >= (unsigned long)__image_start && address < (unsigned long)__image_end;
}

static __always_inline int on_stack(unsigned long address)
{
	return address - SLAT_STACK < SLAT_STACK_BYTES;
}

static int in_tables(unsigned long address)
{
	return address >= (unsigned long)__tables_start && address < (unsigned long)__tables_end;
}

static void bad_address(unsigned long address, int write, u64 pc)
{
	if (in_tables(address)) {
		if (write && slat_control.ready)
			slat_fatal(EV_OUT_OF_BOUNDS, SU_EMPTY_TABLE, address, pc, write);
		return;
	}
	if (on_stack(address))
		return;
	slat_fatal(EV_BAD_ACCESS, address < 0x10000 ? SU_NULL : write ? SU_STORE : SU_LOAD, address, pc,
		   write);
}

static void bad_page(const struct page *page, unsigned long address, int write, u64 pc)
{
	if (page->state == PAGE_FREED)
		slat_fatal(EV_USE_AFTER_FREE, table_subject(page), address, pc, write);
	if (page->state == PAGE_GUARD)
		slat_fatal(EV_OUT_OF_BOUNDS, write ? SU_STORE : SU_LOAD, address, pc, write);
	slat_fatal(EV_BAD_ACCESS, write ? SU_STORE : SU_LOAD, address, pc, write);
}

static void unlocked(const struct page *page, unsigned long address, u64 pc)
{
	if (slat.creating || slat.leaving || slat.unlocked_seen)
		return;
	slat.unlocked_seen = 1;
	slat_lock_changed();
	slat_report(EV_UNLOCKED, SU_LOCK, address, pc, page->level);
}

static noinline void unwritten(const struct page *page, unsigned long address, u64 pc)
{
	slat_fatal(EV_UNINITIALISED, page->kind == KIND_OBJECTS ? SU_OBJECTS : SU_ENTRY, address, pc,
		   page->level);
}

/* Of a page in preparation nothing is logged: a table is looked at whole when it is linked. */
static void log_store(unsigned long address)
{
	if (slat_hot.log < slat_hot.log_end)
		*slat_hot.log++ = address;
	else
		slat.log_full = 1;
}

/* The whole check; the hooks below come here with whatever they cannot decide at once. */
static noinline void inspect(unsigned long address, unsigned int size, int write, unsigned long pc)
{
	unsigned long offset = address - SLAT_ARENA;
	struct page *page;

	if (offset >= ARENA_BYTES) {
		if (!in_image(address))
			bad_address(address, write, pc);
		return;
	}
	if (!slat_hot.fuel)
		slat_fatal(EV_RUNAWAY, SU_NONE, 0, pc, slat_control.budget);
	slat_hot.fuel--;
	page = &mem_map[offset >> PAGE_SHIFT];
	if (page->state != PAGE_LIVE)
		bad_page(page, address, write, pc);
	if (page->level && !slat.kvm.mmu_lock.held)
		unlocked(page, address, pc);
	if (write) {
		written[offset >> 2] = WRITTEN;
		if (size > 4)
			written[(offset >> 2) + 1] = WRITTEN;
		if (page->level)
			log_store(address);
	} else if (!page->whole && !written[offset >> 2]) {
		unwritten(page, address, pc);
	}
}

/*
 * One look decides nearly always: the page is granted, the word was written, there is fuel. A
 * variable of the tree is no page, be it on the stack or not, and nobody is asked about it.
 */
static __always_inline int load(unsigned long address, unsigned int size)
{
	unsigned long offset = address - SLAT_ARENA;
	u32 fuel = slat_hot.fuel, access;

	(void)size;
	if (unlikely(offset >= ARENA_BYTES))
		return in_image(address) || on_stack(address);
	access = granted[offset >> PAGE_SHIFT] & slat_hot.allowed;
	if (unlikely(!fuel || !(access >= ACCESS_WHOLE || access & written[offset >> 2])))
		return 0;
	slat_hot.fuel = fuel - 1;
	return 1;
}

static __always_inline int store(unsigned long address, unsigned int size)
{
	unsigned long offset = address - SLAT_ARENA;
	u32 fuel = slat_hot.fuel, access;

	if (unlikely(offset >= ARENA_BYTES))
		return in_image(address) || on_stack(address);
	access = granted[offset >> PAGE_SHIFT] & slat_hot.allowed;
	if (unlikely(!fuel || !access))
		return 0;
	if (access & ACCESS_LINKED) {
		if (unlikely(slat_hot.log >= slat_hot.log_end))
			return 0;
		*slat_hot.log++ = address;
	}
	slat_hot.fuel = fuel - 1;
	if (access < ACCESS_WHOLE) {
		if (size == 8) {
			((u16 *)written)[offset >> 3] = WRITTEN << 8 | WRITTEN;
			return 1;
		}
		written[offset >> 2] = WRITTEN;
		if (size > 4)
			written[(offset >> 2) + 1] = WRITTEN;
	}
	return 1;
}

/* What may lie across two double words is looked into. */
static __always_inline int apart(unsigned long address, unsigned int size)
{
	(void)address;
	(void)size;
	return 0;
}

/* The slow way is jumped to, so that the fast one needs no frame; it returns to the tree's code. */
#ifdef __clang__
#define JUMP __attribute__((musttail)) return
#else
#define JUMP return
#endif
#define HOOK(name, size, write, how) \
	static noinline void slow_##name(void *address) \
	{ \
		inspect((unsigned long)address, size, write, \
			(unsigned long)__builtin_return_address(0) - SLAT_CALL_BYTES); \
	} \
	void __tsan_##name(void *address) \
	{ \
		if (unlikely(!how((unsigned long)address, size))) \
			JUMP slow_##name(address); \
	}
HOOK(read1, 1, 0, load) HOOK(read2, 2, 0, load) HOOK(read4, 4, 0, load) HOOK(read8, 8, 0, load)
HOOK(read16, 16, 0, load) HOOK(unaligned_read2, 2, 0, load) HOOK(unaligned_read4, 4, 0, load)
HOOK(unaligned_read8, 8, 0, load) HOOK(unaligned_read16, 16, 0, load)
HOOK(write1, 1, 1, store) HOOK(write2, 2, 1, store) HOOK(write4, 4, 1, store) HOOK(write8, 8, 1, store)
HOOK(write16, 16, 1, store) HOOK(unaligned_write2, 2, 1, store) HOOK(unaligned_write4, 4, 1, store)
HOOK(unaligned_write8, 8, 1, apart) HOOK(unaligned_write16, 16, 1, store)
void __tsan_init(void) { }
/* Coverage is read out of the image; nothing has to be registered. */
void __sanitizer_cov_bool_flag_init(void *start, void *end) { (void)start; (void)end; }
void __sanitizer_cov_pcs_init(void *start, void *end) { (void)start; (void)end; }

/* --- memory functions: the ends are checked, a whole block is marked at once --- */
static void note_range(unsigned long address, size_t bytes, int write, u64 pc)
{
	unsigned long at;

	if (!bytes)
		return;
	for (at = address; at < address + bytes; at = (at | (PAGE_SIZE - 1)) + 1)
		inspect(at, 4, write, pc);
	inspect(address + bytes - 1, 1, write, pc);
	if (write && slat_page_of(address)) {
		set_written(address - SLAT_ARENA, bytes, 1);
		/* a linked table that is rewritten whole is looked at whole */
		if (slat_page_of(address)->level)
			slat.log_full = 1;
	}
}

static void copy_bytes(u8 *to, const u8 *from, size_t bytes)
{
	while (bytes--)
		*to++ = *from++;
}

void *memset(void *to, int value, size_t bytes)
{
	unsigned long address = (unsigned long)to, end = address + bytes;
	u64 word = (u8)value * 0x0101010101010101ULL;

	note_range(address, bytes, 1, caller(__builtin_return_address(0)));
	if (!((address | bytes) & 63)) {
		fill(address, bytes, word);
	} else {
		while (address < end)
			*(volatile u8 *)address++ = value;
	}
	return to;
}

void *memcpy(void *to, const void *from, size_t bytes)
{
	u64 pc = caller(__builtin_return_address(0));

	note_range((unsigned long)from, bytes, 0, pc);
	note_range((unsigned long)to, bytes, 1, pc);
	copy_bytes(to, from, bytes);
	return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
	u8 *t = to;
	const u8 *f = from;

	if (t <= f)
		return memcpy(to, from, bytes);
	note_range((unsigned long)from, bytes, 0, caller(__builtin_return_address(0)));
	note_range((unsigned long)to, bytes, 1, caller(__builtin_return_address(0)));
	while (bytes--)
		t[bytes] = f[bytes];
	return to;
}

void *__tsan_memset(void *to, int value, size_t bytes) { return memset(to, value, bytes); }
void *__tsan_memcpy(void *to, const void *from, size_t bytes) { return memcpy(to, from, bytes); }
void *__tsan_memmove(void *to, const void *from, size_t bytes) { return memmove(to, from, bytes); }

void memset64(u64 *to, u64 value, size_t words)
{
	note_range((unsigned long)to, words * 8, 1, caller(__builtin_return_address(0)));
	fill((unsigned long)to, words * 8, value);
}

/* Assembly in the kernel, or a macro: writes one page of zeros. */
void (clear_page)(void *page)
{
	note_range((unsigned long)page, PAGE_SIZE, 1, caller(__builtin_return_address(0)));
	fill((unsigned long)page & PAGE_MASK, PAGE_SIZE, 0);
}

void (copy_page)(void *to, void *from)
{
	memcpy(to, from, PAGE_SIZE);
}
