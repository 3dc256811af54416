/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the generator foresees where leaves have several sizes: the leaves that a table leaves which
 * takes whole leaves and splits where it must, unless it has other habits. As LeafMap.apply().
 */
#include "filter.h"

enum { HABIT_REFUSES = 1, HABIT_DROPS = 2, HABIT_REPLACES = 4 };

/* A map of leaves that is worked out; ``cover`` sees it as the leaves before and after. */
struct foreseen {
	const struct layout *layout;
	struct map *map;
	struct slots *slots;
	struct borders *borders;	/* for the runs that an operation names */
	u32 habits;
};

static struct map no_changes;

static struct cover cover_of(const struct foreseen *in)
{
	struct cover cover = { in->layout, in->map, &no_changes, in->slots };

	return cover;
}

static struct entry *held(const struct foreseen *in, u64 frame)
{
	struct cover cover = cover_of(in);

	return holder(&cover, frame, 0);
}

/* Whether smaller leaves are where one of an order would be. */
static int smaller_there(const struct foreseen *in, u64 base, u32 order)
{
	return any_smaller(in->map, base, base + ((1ULL << order) - 1), order);
}

static int put_leaf(const struct foreseen *in, u64 gfn, u64 pfn, u32 flags)
{
	struct entry *known = map_find(in->map, gfn);

	if (!known)
		return map_add(in->map, gfn, pfn, flags);
	known->pfn = pfn;
	known->flags = flags;
	return 1;
}

/* The order of the largest leaf that may hold a fault's frame. */
static u32 largest(const struct foreseen *in, const struct slat_op *op)
{
	const struct layout *layout = in->layout;
	u64 frame = op->first >> layout->page_shift;
	struct memslot slot = slot_at(layout, in->slots, frame);
	u32 found = 0, i;

	if (logs(layout, in->slots, frame))
		return 0;
	for (i = 0; i < layout->leaf_orders_used && i < MAX_ORDERS; i++) {
		u32 order = layout->leaf_orders[i];
		u64 low = (1ULL << order) - 1;

		if (order <= op->order && order > found && !((frame ^ op->pfn) & low) &&
		    slot.base <= (frame & ~low) && (frame | low) <= slot.last)
			found = order;
	}
	return found;
}

/* Divide a leaf down to one of an order at ``base``. Returns 0 where there is no room. */
static int split_leaf(const struct foreseen *in, struct entry *leaf, u64 base, u32 order)
{
	struct entry around = *leaf;
	u32 i;

	for (i = in->layout->levels; i-- > 0;) {
		u32 smaller = in->layout->level_orders[i];
		u64 frame;

		if (smaller < order || smaller >= order_of(&around))
			continue;
		for (frame = around.gfn; frame <= last_of(&around); frame += 1ULL << smaller)
			if (!put_leaf(in, frame, pfn_at(&around, frame),
				      flags_of(&around) | smaller << ORDER_BITS))
				return 0;
		around.pfn = pfn_at(&around, base >> smaller << smaller);
		around.gfn = base >> smaller << smaller;
		around.flags = flags_of(&around) | smaller << ORDER_BITS;
	}
	return 1;
}

/* Put in a leaf: larger ones are split, smaller ones dropped. */
static int install_leaf(const struct foreseen *in, u64 base, u64 pfn, u32 flags, u32 order)
{
	u64 last = base + ((1ULL << order) - 1);
	struct entry *around;
	u32 i;

	for (i = order ? in->map->count : 0; i-- > 0;) {
		struct entry *leaf = &in->map->entries[i];

		if (base <= leaf->gfn && leaf->gfn <= last && order_of(leaf) < order)
			map_drop(in->map, leaf);
	}
	around = held(in, base);
	if (around && order_of(around) > order) {
		if (in->habits & HABIT_DROPS)
			map_drop(in->map, around);
		else if (!split_leaf(in, around, base, order))
			return 0;
	}
	return put_leaf(in, base, pfn, flags | order << ORDER_BITS);
}

static int refuses(const struct foreseen *in, u64 frame, u32 order)
{
	const struct entry *around = held(in, frame);

	return in->habits & HABIT_REFUSES && around && order_of(around) > order;
}

static int apply_fault(const struct foreseen *in, const struct slat_op *op)
{
	u64 frame = op->first >> in->layout->page_shift, base;
	u32 order, flags = ENTRY_YOUNG | ENTRY_DIRTY;

	if (answer_of(op) != ANSWER_PAGE || op->retries)
		return 1;
	order = largest(in, op);
	base = frame >> order << order;
	if (!(in->habits & HABIT_REPLACES) && smaller_there(in, base, order))
		order = 0;
	base = frame >> order << order;
	if (writable(op) && (writes(op) || !logs(in->layout, in->slots, frame)))
		flags |= ENTRY_WRITABLE;
	return install_leaf(in, base, op->pfn - frame + base, flags, order);
}

static int apply_map(const struct foreseen *in, const struct slat_op *op)
{
	u64 base = op->first >> in->layout->page_shift >> op->order << op->order;
	u32 flags = ENTRY_YOUNG | ENTRY_DIRTY | (writable(op) ? ENTRY_WRITABLE : 0);

	return refuses(in, base, op->order) || install_leaf(in, base, op->pfn, flags, op->order);
}

static int apply_devices(const struct foreseen *in, const struct slat_op *op)
{
	u32 flags = ENTRY_YOUNG | ENTRY_DIRTY | ENTRY_DEVICE | (writable(op) ? ENTRY_WRITABLE : 0);
	const struct run *run = in->borders->runs;
	u64 frame;

	if (!in->borders->runs_used)
		return 1;
	for (frame = run->first; frame <= run->last && !refuses(in, frame, 0); frame++)
		if (!install_leaf(in, frame, op->pfn + frame - run->first, flags, 0))
			return 0;
	return 1;
}

static int apply_split(const struct foreseen *in, const struct slat_op *op)
{
	u64 frame = op->first >> in->layout->page_shift;
	struct entry *around = held(in, frame);

	if (!around || order_of(around) <= op->order)
		return 1;
	return split_leaf(in, around, frame >> op->order << op->order, op->order);
}

static int apply_range(const struct foreseen *in, const struct slat_op *op)
{
	u32 i;

	for (i = in->map->count; i-- > 0;) {
		struct entry *leaf = &in->map->entries[i];

		if (!in_runs(in->borders, leaf->gfn, last_of(leaf)))
			continue;
		if (removes(op->kind))
			map_drop(in->map, leaf);
		else if (cleans(op->kind))
			leaf->flags &= ~ENTRY_WRITABLE;
		else if (ages(op->kind))
			leaf->flags &= ~ENTRY_YOUNG;
	}
	return 1;
}

/* Carry out an operation. Returns 0 where the map has no room for what it leaves. */
static int apply(const struct foreseen *in, const struct slat_op *op)
{
	slots_follow(in->slots, op);
	find_runs(in->layout, op, in->borders);
	switch (op->kind) {
	case OP_CREATE: case OP_DESTROY:
		map_clear(in->map);
		return 1;
	case OP_FAULT:
		return apply_fault(in, op);
	case OP_MAP:
		return apply_map(in, op);
	case OP_IOREMAP:
		return apply_devices(in, op);
	case OP_PREPARE_REGION:
		if ((u128)op->first + op->last > (u128)in->layout->top + 1 || !writable(op))
			return 1;
		return !writes(op) || apply_devices(in, op);
	case OP_SPLIT:
		return apply_split(in, op);
	default:
		return apply_range(in, op);
	}
}

/* --- triggers --- */

static u32 tall(const struct layout *layout, const struct slat_op *op)
{
	struct range range;
	u64 last;

	if (!named(layout, op, &range) || layout->word_mask >> layout->page_shift >= layout->top)
		return T_ANY;
	last = range.last < layout->top ? (u64)range.last : layout->top;
	return (u128)last << layout->page_shift > layout->word_mask ? T_ABOVE_UNSIGNED_LONG : T_ANY;
}

static u32 large_fault(const struct foreseen *in, const struct slat_op *op)
{
	u64 frame = op->first >> in->layout->page_shift;
	u32 order = op->kind == OP_FAULT ? largest(in, op) : op->order;
	const struct entry *around = held(in, frame);

	if (op->kind == OP_FAULT && op->order && !logs(in->layout, in->slots, frame)) {
		if (op->skew & ((1ULL << op->order) - 1))
			return T_HOST_OUT_OF_STEP;
		if (order != op->order)
			return T_LEAF_BEYOND_SLOT;
	}
	if (around && order_of(around) > order)
		return T_SMALLER_THAN_LEAF;
	if (order && smaller_there(in, frame >> order << order, order))
		return T_LARGER_THAN_LEAVES;
	return T_ANY;
}

static u32 plain_fault(const struct foreseen *in, const struct slat_op *op)
{
	if (logs(in->layout, in->slots, op->first >> in->layout->page_shift))
		return T_LOGGED;
	return op->order && op->kind == OP_FAULT ? T_LARGE_PAGE : T_ANY;
}

static int is_part(const struct entry *around, u128 first, u128 last)
{
	return around && !(first <= around->gfn && last_of(around) <= last);
}

static u32 large_range(const struct foreseen *in, const struct slat_op *op)
{
	const struct entry *at_first, *at_last;
	struct range range;
	u32 inside = 0, behind = 0, i;

	if (op->kind == OP_FLUSH_ALL || !named(in->layout, op, &range))
		return T_ANY;
	find_runs(in->layout, op, in->borders);
	at_first = held(in, range.first);
	at_last = held(in, range.last);
	for (i = 0; i < in->map->count; i++) {
		const struct entry *leaf = &in->map->entries[i];

		if (!in_runs(in->borders, leaf->gfn, last_of(leaf)))
			continue;
		inside++;
		behind += leaf != at_first;
	}
	if (behind && (op->kind == OP_AGE || op->kind == OP_TEST_AGE))
		return T_BEHIND_THE_FIRST;
	if (is_part(at_first, range.first, range.last) || is_part(at_last, range.first, range.last))
		return T_PART_OF_LEAF;
	return inside && !at_first && !installs(op->kind) ? T_AFTER_A_HOLE : T_ANY;
}

static u32 or_else(u32 found, u32 other) { return found != T_ANY ? found : other; }

static u32 leaf_trigger(const struct foreseen *in, const struct slat_op *op)
{
	const struct layout *layout = in->layout;
	u32 found = beyond(layout, op), special;

	if (found != T_ANY)
		return found;
	special = is_addressed(op->kind) || op->oom ? fault_trigger(layout, in->map, op) :
						      range_trigger(layout, in->map, op);
	if (answer_of(op) != ANSWER_PAGE)
		return special;
	if (is_addressed(op->kind)) {
		found = or_else(large_fault(in, op), tall(layout, op));
		found = or_else(found, plain_fault(in, op));
	} else if (op->kind != OP_CREATE && op->kind != OP_DESTROY) {
		found = large_range(in, op);
		if (cleans(op->kind))
			found = or_else(found, tall(layout, op));
	}
	return or_else(or_else(found, special), tall(layout, op));
}
