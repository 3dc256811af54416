/* SPDX-License-Identifier: GPL-2.0-only */
/* The class of an operation's operands, given the map before it, as model/triggers.py has it. */
#include "filter.h"

/* In the order of TRIGGERS; those that only tables with large leaves know are left out below. */
enum trigger {
	T_TRUNCATED, T_BEYOND_REACH, T_PFN_DOES_NOT_FIT, T_PFN_IN_SECOND_FIELD, T_REFUSED, T_NO_MEMORY,
	T_INVALIDATED, T_HOST_OUT_OF_STEP, T_ABOVE_UNSIGNED_LONG, T_SMALLER_THAN_LEAF,
	T_LARGER_THAN_LEAVES, T_LEAF_BEYOND_SLOT, T_LARGE_PAGE, T_LOGGED, T_PART_OF_LEAF, T_AFTER_A_HOLE,
	T_BEHIND_THE_FIRST, T_ENDS_AT_TOP, T_NEXT_PAGE_MAPPED, T_MASK_WITH_HOLES, T_WHOLE_RANGE, T_ANY,
	TRIGGERS
};

static u32 beyond(const struct layout *layout, const struct slat_op *op)
{
	struct range range;
	u128 highest;

	if (!named(layout, op, &range) || (range.first == 0 && range.last == ~0ULL))
		return T_ANY;
	if (range.last <= layout->top)
		return T_ANY;
	highest = range.last << layout->page_shift;
	return highest > layout->address_mask ? T_TRUNCATED : T_BEYOND_REACH;
}

static u32 fault_trigger(const struct layout *layout, struct map *map, const struct slat_op *op)
{
	int slow = op->kind == OP_FAULT;

	if (slow && answer_of(op) == ANSWER_PAGE && !fits(layout, op->pfn))
		return T_PFN_DOES_NOT_FIT;
	if (is_fault(op->kind) && layout->fields_used > 1) {
		const struct entry *entry = map_find(map, op->first >> layout->page_shift);

		if (entry && entry->pfn >> layout->fields[1].source)
			return T_PFN_IN_SECOND_FIELD;
	}
	if (slow && answer_of(op) != ANSWER_PAGE)
		return T_REFUSED;
	if (op->oom)
		return T_NO_MEMORY;
	return op->retries ? T_INVALIDATED : T_ANY;
}

static int has_holes(u64 mask)
{
	u64 run = mask ? mask >> __builtin_ctzll(mask) : 0;

	return !!(run & (run + 1));
}

static u32 range_trigger(const struct layout *layout, struct map *map, const struct slat_op *op)
{
	struct range range;

	if (is_slot(op->kind) || op->kind == OP_UNMAP || op->kind == OP_AGE) {
		u128 end = is_slot(op->kind) ? (u128)op->first + op->last : op->last;

		if (end == (u128)layout->top + 1)
			return T_ENDS_AT_TOP;
		if (end <= layout->top && !installs(op->kind) && map_find(map, end))
			return T_NEXT_PAGE_MAPPED;
	}
	if (op->kind == OP_LOG_DIRTY_MASKED)
		return has_holes(op->mask) ? T_MASK_WITH_HOLES : T_ANY;
	if (named(layout, op, &range) && range.first == 0 && range.last >= layout->top)
		return T_WHOLE_RANGE;
	return T_ANY;
}

static u32 trigger(const struct layout *layout, struct map *map, const struct slat_op *op)
{
	u32 found = beyond(layout, op);

	if (found != T_ANY)
		return found;
	if (is_addressed(op->kind) || op->oom)
		return fault_trigger(layout, map, op);
	return range_trigger(layout, map, op);
}
