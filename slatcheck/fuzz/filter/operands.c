/* SPDX-License-Identifier: GPL-2.0-only */
/* What operands mean: the frames that an operation names, and whether a caller can pass it. */
#include "filter.h"

/* The form of an operation's operands, as model/operations.py lists them. */
static int is_addressed(u32 kind)
{
	return kind == OP_FAULT || kind == OP_FAULT_FAST || kind == OP_LOOKUP || kind == OP_MAP ||
	       kind == OP_SPLIT;
}

static int is_fault(u32 kind) { return kind == OP_FAULT || kind == OP_FAULT_FAST; }
static int is_inclusive(u32 kind) { return kind == OP_FLUSH || kind == OP_MKCLEAN || kind == OP_MKOLD; }
static int is_half_open(u32 kind) { return kind == OP_UNMAP || kind == OP_AGE || kind == OP_TEST_AGE; }
static int is_bytes(u32 kind) { return kind == OP_IOREMAP || kind == OP_IOUNMAP; }

static int is_slot(u32 kind)
{
	return kind == OP_FLUSH_SLOT || kind == OP_COMMIT_REGION || kind == OP_PREPARE_REGION;
}

static int installs(u32 kind)
{
	return kind == OP_FAULT || kind == OP_MAP || kind == OP_IOREMAP || kind == OP_PREPARE_REGION;
}

static int removes(u32 kind)
{
	return kind == OP_FLUSH || kind == OP_UNMAP || kind == OP_FLUSH_SLOT || kind == OP_FLUSH_ALL ||
	       kind == OP_IOUNMAP;
}

static int cleans(u32 kind)
{
	return kind == OP_MKCLEAN || kind == OP_LOG_DIRTY_MASKED || kind == OP_COMMIT_REGION;
}

static int ages(u32 kind) { return kind == OP_MKOLD || kind == OP_AGE; }

static int is_known(const struct layout *layout, u32 kind)
{
	return kind < KINDS && layout->kinds >> kind & 1;
}

/* The bits up to the highest that is set. */
static u32 bit_length(u64 value)
{
	return value ? 64 - __builtin_clzll(value) : 0;
}

/* Inclusive; sums are not cut off at 64 bits. */
struct range { u128 first, last; };

/* Whether an operation names frames, and which: an empty or reversed range names none. */
static int named(const struct layout *layout, const struct slat_op *op, struct range *range)
{
	u32 kind = op->kind;

	range->first = op->first;
	if (is_addressed(kind)) {
		range->first = range->last = op->first >> layout->page_shift;
	} else if (is_inclusive(kind)) {
		range->last = op->last;
	} else if (is_half_open(kind)) {
		range->last = (u128)op->last - 1;
		return op->last && op->first <= op->last - 1;
	} else if (is_slot(kind)) {
		range->last = (u128)op->first + op->last - 1;
		return op->last != 0;
	} else if (is_bytes(kind)) {
		u128 end = (u128)op->first + op->last;

		range->first = op->first >> layout->page_shift;
		range->last = (end - 1) >> layout->page_shift;
		return end && range->first <= range->last;
	} else if (kind == OP_LOG_DIRTY_MASKED) {
		u128 base = (u128)op->first + op->last;

		if (!op->mask)
			return 0;
		range->first = base + __builtin_ctzll(op->mask);
		range->last = base + bit_length(op->mask) - 1;
	} else if (kind == OP_FLUSH_ALL) {
		range->first = 0;
		range->last = ~0ULL;
	} else {
		return 0;
	}
	return range->first <= range->last;
}

static int in_a_slot(const struct layout *layout, u64 first, u128 count)
{
	return count > 0 && count <= layout->slot_most && first + count <= layout->slot_limit;
}

static int address_in_contract(const struct layout *layout, const struct slat_op *op)
{
	u32 answer = answer_of(op);

	if (op->first > layout->address_mask || op->pfn > layout->pfn_top)
		return 0;
	if (op->kind == OP_FAULT && answer == ANSWER_PAGE)
		return writable(op) || !writes(op);
	return answer != ANSWER_READ_ONLY || writes(op);
}

/* As model/contracts.py: whether the kernel's own callers can pass these operands. */
static int in_contract(const struct layout *layout, const struct slat_op *op)
{
	u32 kind = op->kind;

	if (is_addressed(kind))
		return address_in_contract(layout, op);
	if (is_inclusive(kind))
		return op->first <= op->last &&
		       (op->last < layout->slot_limit || (op->first == 0 && op->last == ~0ULL));
	if (kind == OP_TEST_AGE)
		return op->last == op->first + 1 && op->last && in_a_slot(layout, op->first, 1);
	if (is_half_open(kind))
		return op->first < op->last && in_a_slot(layout, op->first, op->last - op->first);
	if (is_slot(kind))
		return in_a_slot(layout, op->first, op->last);
	if (kind == OP_LOG_DIRTY_MASKED)
		return op->mask && op->mask <= layout->word_mask &&
		       in_a_slot(layout, op->first, (u128)op->last + bit_length(op->mask));
	return 1;
}
