/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The harness: an input is a sequence of operations, each is called, and its result, the pages it
 * reports dirty and the table are compared with a std::map. The address sanitizer does the rest.
 */
#include "filter.h"
#include "harness.h"
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fcntl.h>
#include <map>
#include <sys/mman.h>
#include <unistd.h>

/* Where WALK_EACH is 0 the table is compared at the end of a sequence only. */
#ifndef WALK_EACH
#define WALK_EACH 1
#endif

namespace {

struct Page { u64 pfn; bool writable, dirty, young; };
using Map = std::map<u64, Page>;

/* How far the run is: a file that whoever started it reads, also once it has crashed. */
struct Record { u64 operations, sequences, begin, last; };

struct Expected {
	s64 result = 0;
	bool counts = false, either = false;	/* the result; 1 where 0 was expected will do */
	bool reports = false;
	u64 dirty = 0;
};

Map pages;
Record *record;
u64 most_operations = ~0ULL, most_time = ~0ULL;

u64 now()
{
	timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

u64 given(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoull(text, nullptr, 10) : ~0ULL;
}

[[noreturn]] void complain(const char *what, const slat_op &op, u64 wanted, u64 got)
{
	dprintf(2, "harness: %s of operation %u (%llx, %llx): wanted %llx, got %llx\n", what, op.kind, op.first,
		op.last, wanted, got);
	abort();
}

void fast(u64 gfn, bool write, Expected &out)
{
	auto found = pages.find(gfn);

	out.counts = true;
	out.result = -EFAULT;
	if (found == pages.end())
		return;
	Page &page = found->second;
	page.young = true;
	if (write && page.writable && !page.dirty) {
		page.dirty = out.reports = true;
		out.dirty = gfn;
	}
	if (!write || page.dirty)
		out.result = 0;
}

void fault(const slat_op &op, s64 returned, Expected &out)
{
	u64 gfn = op.first >> drawn_layout()->page_shift;
	auto found = pages.find(gfn);
	bool write = writes(&op), known = found != pages.end();

	out.counts = true;
	out.result = -EFAULT;
	if (gfn > drawn_layout()->top)
		return;
	if (op.oom && returned == -ENOMEM) {
		fast(gfn, write, out);
		out.result = out.result ? -ENOMEM : 0;
	} else if (answer_of(&op) != ANSWER_PAGE ||
		   (known && (!write || found->second.dirty || found->second.writable))) {
		fast(gfn, write, out);
	} else {
		out.result = 0;
		out.reports = write && writable(&op);
		out.dirty = gfn;
		pages[gfn] = Page{ op.pfn, !!writable(&op), out.reports, true };
	}
}

/* The frames that an operation on a range is for; masks have holes as well. */
bool range(const slat_op &op, u64 &first, u64 &last)
{
	first = op.first;
	switch (op.kind) {
	case OP_FLUSH: case OP_MKCLEAN: case OP_MKOLD:
		last = op.last;
		break;
	case OP_UNMAP: case OP_AGE: case OP_TEST_AGE:
		if (op.last <= op.first)
			return false;
		last = op.last - 1;
		break;
	case OP_FLUSH_SLOT: case OP_COMMIT_REGION:
		if (!op.last)
			return false;
		last = op.first + op.last - 1;
		break;
	case OP_LOG_DIRTY_MASKED:
		first = op.first + op.last;
		last = first + 63;
		break;
	default:
		first = 0;
		last = ~0ULL;
	}
	return first <= last;
}

void visit(const slat_op &op, Expected &out)
{
	bool changed = false, young = false;
	u64 first, last;

	if (!range(op, first, last))
		return;
	for (auto at = pages.lower_bound(first); at != pages.end() && at->first <= last;) {
		Page &page = at->second;

		young |= page.young;
		switch (op.kind) {
		case OP_FLUSH: case OP_UNMAP: case OP_FLUSH_SLOT: case OP_FLUSH_ALL:
			changed = true;
			at = pages.erase(at);
			continue;
		case OP_MKOLD: case OP_AGE:
			changed |= page.young;
			page.young = false;
			break;
		case OP_LOG_DIRTY_MASKED:
			if (!(op.mask >> (at->first - first) & 1))
				break;
			[[fallthrough]];
		case OP_MKCLEAN: case OP_COMMIT_REGION:
			changed |= page.dirty;
			page.dirty = false;
		}
		++at;
	}
	out.counts = op.kind == OP_FLUSH || op.kind == OP_MKCLEAN || op.kind == OP_MKOLD ||
		     op.kind == OP_UNMAP || op.kind == OP_AGE || op.kind == OP_TEST_AGE;
	out.result = op.kind == OP_TEST_AGE ? young : changed;
	out.either = op.kind == OP_UNMAP && !changed;
	if (op.kind == OP_FLUSH) {
		/* whether the table is empty now is for the caller of a whole flush alone */
		out.result = 1;
		out.either = op.first || op.last < drawn_layout()->top;
	}
}

Expected expected(const slat_op &op, s64 returned)
{
	Expected out;

	switch (op.kind) {
	case OP_CREATE:
		pages.clear();
		out.counts = true;
		out.result = op.oom == 1 ? -ENOMEM : 0;
		break;
	case OP_DESTROY:
		pages.clear();
		break;
	case OP_FAULT:
		fault(op, returned, out);
		break;
	case OP_FAULT_FAST:
		fast(op.first >> drawn_layout()->page_shift, writes(&op), out);
		break;
	case OP_LOOKUP:
		out.counts = true;
		break;
	default:
		visit(op, out);
	}
	return out;
}

u64 raw_of(const Page &page)
{
	u32 flags = (page.writable ? ENTRY_WRITABLE : 0) | (page.young ? ENTRY_YOUNG : 0) |
		    (page.dirty ? ENTRY_DIRTY : 0);

	return drawn_raw(page.pfn, flags);
}

void compare_table(const slat_op &op)
{
	static leaf leaves[MOST_LEAVES];
	u32 count = kernel_leaves(leaves), i = 0;

	for (const auto &[gfn, page] : pages) {
		if (i == count || leaves[i].gfn != gfn)
			complain("frame", op, gfn, i < count ? leaves[i].gfn : ~0ULL);
		if (leaves[i].raw != raw_of(page))
			complain("entry", op, raw_of(page), leaves[i].raw);
		i++;
	}
	if (i != count)
		complain("frame", op, ~0ULL, leaves[i].gfn);
}

void compare(const slat_op &op, s64 result, bool whole)
{
	Expected must = expected(op, result);
	const u64 *dirty;
	u32 count = kernel_dirty(&dirty);

	if (op.kind == OP_LOOKUP) {
		auto found = pages.find(op.first >> drawn_layout()->page_shift);

		must.result = found == pages.end() ? 0 : raw_of(found->second);
	}
	if (must.either ? result != 0 && result != 1 : must.counts && result != must.result)
		complain("result", op, must.result, result);
	if (must.reports ? !count : count)
		complain("dirty pages", op, must.reports, count);
	while (count--)
		if (dirty[count] != must.dirty)
			complain("dirty page", op, must.dirty, dirty[count]);
	if (op.kind == OP_DESTROY || (op.kind == OP_CREATE && result)) {
		if (kernel_in_hand())
			complain("pages left", op, 0, kernel_in_hand());
	} else if (whole) {
		compare_table(op);
	}
}

} /* namespace */

extern "C" int LLVMFuzzerInitialize(int *, char ***)
{
	const char *name = getenv("HARNESS_RECORD");
	int file = name ? open(name, O_RDWR) : -1;

	record = static_cast<Record *>(mmap(nullptr, sizeof(Record), PROT_READ | PROT_WRITE,
					    file < 0 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, file, 0));
	if (record == MAP_FAILED)
		abort();
	most_operations = given("HARNESS_OPERATIONS");
	most_time = given("HARNESS_NANOSECONDS");
	kernel_boot();
	record->begin = record->last = now();
	return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	static slat_op ops[MOST_DRAWN];
	u32 count = drawn_ops(data, size, ops), i;

	kernel_renew();
	for (i = 0; i < count; i++) {
		record->operations++;
		record->last = now();
		compare(ops[i], kernel_call(&ops[i]), WALK_EACH || i + 2 >= count);
	}
	record->sequences++;
	if (record->operations >= most_operations || record->last - record->begin >= most_time)
		_exit(0);
	return 0;
}
