/* SPDX-License-Identifier: GPL-2.0-only */
/* Memslots, where they matter: which there are, which log, and what callers can pass with them. */
#include "filter.h"

struct slots {
	u64 borders[2];
	struct map logging;		/* by the first frame of each that logs */
};
struct memslot { u64 base, last; };

static void slots_clear(struct slots *slots, u64 first, u64 second)
{
	slots->borders[0] = first;
	slots->borders[1] = second;
	if (slots->logging.count || !slots->logging.mask)
		map_clear(&slots->logging);
}

/* The memslot of a frame within reach: windows, divided at two borders. */
static struct memslot slot_at(const struct layout *layout, const struct slots *slots, u64 frame)
{
	u64 base = frame / layout->window * layout->window;
	u64 end = at_most(base + layout->window, layout->top + 1);
	struct memslot found;
	u32 i;

	for (i = 0; i < 2; i++) {
		if (base < slots->borders[i] && slots->borders[i] <= frame)
			base = slots->borders[i];
		else if (frame < slots->borders[i] && slots->borders[i] < end)
			end = slots->borders[i];
	}
	found.base = base;
	found.last = end - 1;
	return found;
}

static int logs(const struct layout *layout, struct slots *slots, u64 frame)
{
	return slots->logging.count && map_find(&slots->logging, slot_at(layout, slots, frame).base);
}

/* Whether frames are exactly a memslot. */
static int is_memslot(const struct layout *layout, const struct slots *slots, u64 base, u64 pages)
{
	struct memslot slot;

	if (base > layout->top)
		return 0;
	slot = slot_at(layout, slots, base);
	return slot.base == base && slot.last - slot.base + 1 == pages;
}

/* What an operation makes of the memslots. */
static void slots_follow(struct slots *slots, const struct slat_op *op)
{
	struct entry *known;

	if (op->kind == OP_CREATE) {
		slots_clear(slots, op->first, op->last);
		return;
	}
	if (op->kind != OP_FLUSH_SLOT && op->kind != OP_COMMIT_REGION)
		return;
	known = map_find(&slots->logging, op->first);
	if (op->kind == OP_FLUSH_SLOT && known)
		map_drop(&slots->logging, known);
	else if (op->kind == OP_COMMIT_REGION && !known)
		map_add(&slots->logging, op->first, 0, 0);
}

static int is_leaf_order(const struct layout *layout, u32 order)
{
	u32 i;

	for (i = 0; i < layout->leaf_orders_used && i < MAX_ORDERS; i++)
		if (layout->leaf_orders[i] == order)
			return 1;
	return 0;
}

/* The host's mapping is aligned in its own addresses; every frame of it has memory. */
static int fault_allowed(const struct layout *layout, const struct slat_op *op)
{
	u64 frame = op->first >> layout->page_shift, low, room;

	if (frame > layout->top || !is_leaf_order(layout, op->order))
		return 0;
	low = (1ULL << op->order) - 1;
	room = op->skew & low ? low + 1 : 0;
	return !((frame + op->skew - op->pfn) & low) && op->pfn >= room &&
	       (op->pfn | low) + room <= layout->pfn_top;
}

static int map_allowed(const struct layout *layout, struct slots *slots, const struct slat_op *op)
{
	u64 frame = op->first >> layout->page_shift, low;
	struct memslot slot;

	if (frame > layout->top || !is_leaf_order(layout, op->order))
		return 0;
	low = (1ULL << op->order) - 1;
	slot = slot_at(layout, slots, frame);
	return !(op->pfn & low) && slot.base <= (frame & ~low) && (frame | low) <= slot.last &&
	       (op->pfn | low) <= layout->pfn_top && !logs(layout, slots, frame);
}

static int device_allowed(const struct layout *layout, const struct slat_op *op, int within)
{
	u64 page = (1ULL << layout->page_shift) - 1, pages = op->last >> layout->page_shift;

	if ((op->first | op->last) & page || !op->last || !within)
		return 0;
	return op->kind == OP_IOUNMAP || (u128)op->pfn + pages - 1 <= layout->pfn_top;
}

static int any_mapped(const struct map *map, u64 first, u64 last)
{
	u32 i;

	for (i = 0; i < map->count; i++) {
		const struct entry *leaf = &map->entries[i];

		if (leaf->gfn <= last && leaf->gfn + (1ULL << (leaf->flags >> ORDER_BITS)) > first)
			return 1;
	}
	return 0;
}

/* A memslot that is new, or one beyond the reach, which is refused. */
static int prepare_allowed(const struct layout *layout, struct slots *slots, const struct map *map,
			   const struct slat_op *op)
{
	u128 end = (u128)op->first + op->last;
	int beyond_reach = end > (u128)layout->top + 1 && end <= layout->slot_limit &&
			   op->last > 0 && op->last <= layout->slot_most;

	if (!beyond_reach && (!is_memslot(layout, slots, op->first, op->last) ||
			      logs(layout, slots, op->first)))
		return 0;
	return op->first > layout->top ||
	       !any_mapped(map, op->first, end > layout->top ? layout->top : (u64)end - 1);
}

/* As model/leaf_contracts.py: whether callers can pass these operands with the memslots as they are. */
static int in_contract_now(const struct layout *layout, struct slots *slots, const struct map *map,
			   const struct slat_op *op)
{
	struct range range;
	int within = named(layout, op, &range) && range.last <= layout->top;

	switch (op->kind) {
	case OP_FAULT:
		return fault_allowed(layout, op);
	case OP_LOOKUP: case OP_FLUSH: case OP_MKCLEAN:
		return within;
	case OP_LOG_DIRTY_MASKED: case OP_UNMAP: case OP_AGE: case OP_TEST_AGE: {
		struct memslot slot;

		if (!within)
			return 0;
		slot = slot_at(layout, slots, range.first);
		return (op->kind != OP_LOG_DIRTY_MASKED || op->first == slot.base) &&
		       range.last <= slot.last;
	}
	case OP_FLUSH_SLOT: case OP_COMMIT_REGION:
		return is_memslot(layout, slots, op->first, op->last);
	case OP_IOREMAP: case OP_IOUNMAP:
		return device_allowed(layout, op, within);
	case OP_PREPARE_REGION:
		return prepare_allowed(layout, slots, map, op);
	case OP_MAP:
		return map_allowed(layout, slots, op);
	case OP_SPLIT:
		return is_leaf_order(layout, op->order) && op->first >> layout->page_shift <= layout->top;
	default:
		return 1;
	}
}
