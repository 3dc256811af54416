/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Leaves of several sizes: the same frames may be covered in several ways, so that pieces of frames
 * are compared and not leaves. As model/leaves.py and LeafMap.flaws() of model/leaf_map.py.
 */
#include "filter.h"

enum { MOST_BORDERS = 6 * MOST_ENTRIES, MOST_RUNS = 64 };
struct run { u64 first, last; };
struct borders { u32 count, runs_used; u64 at[MOST_BORDERS]; struct run runs[MOST_RUNS]; };

/* The leaves before an operation, and what was seen to change. */
struct cover {
	const struct layout *layout;
	struct map *before, *changes;
	struct slots *slots;
};
/* Frames from a border to the next: what the first is mapped to tells of all of them. */
struct piece {
	u64 first;
	const struct entry *old, *new;
	int inside, touched;
};

static u32 order_of(const struct entry *leaf) { return leaf->flags >> ORDER_BITS; }
static u64 last_of(const struct entry *leaf) { return leaf->gfn + ((1ULL << order_of(leaf)) - 1); }
static u32 flags_of(const struct entry *leaf) { return leaf->flags & ENTRY_FLAGS; }
static u64 pfn_at(const struct entry *leaf, u64 frame) { return leaf->pfn + (frame - leaf->gfn); }

static struct entry *leaf_at(const struct cover *in, u64 base, int after)
{
	struct entry *change = after ? map_find(in->changes, base) : 0;

	if (change)
		return change->flags & ENTRY_GONE ? 0 : change;
	return map_find(in->before, base);
}

/* The leaf that holds a frame, before or after the operation. */
static struct entry *holder(const struct cover *in, u64 frame, int after)
{
	u32 i;

	for (i = 0; i < in->layout->levels && i < MAX_ORDERS; i++) {
		u32 order = in->layout->level_orders[i];
		struct entry *leaf = leaf_at(in, frame >> order << order, after);

		if (leaf && order_of(leaf) >= order && frame <= last_of(leaf))
			return leaf;
	}
	return 0;
}

static void add_run(const struct layout *layout, struct borders *borders, u128 first, u128 last)
{
	if (first > layout->top || borders->runs_used >= MOST_RUNS)
		return;
	borders->runs[borders->runs_used].first = first;
	borders->runs[borders->runs_used++].last = last < layout->top ? (u64)last : layout->top;
}

/* The frames that an operation names, within reach. */
static void find_runs(const struct layout *layout, const struct slat_op *op, struct borders *borders)
{
	struct range range;
	u64 mask = op->mask;
	u128 base = (u128)op->first + op->last;

	borders->runs_used = 0;
	if (op->kind == OP_MAP) {
		u64 first = op->first >> layout->page_shift >> op->order << op->order;

		add_run(layout, borders, first, first + ((1ULL << op->order) - 1));
	} else if (op->kind != OP_LOG_DIRTY_MASKED) {
		if (named(layout, op, &range))
			add_run(layout, borders, range.first, range.last);
	} else {
		while (mask) {
			u32 low = __builtin_ctzll(mask), length;

			mask >>= low;
			length = ~mask ? __builtin_ctzll(~mask) : 64;
			add_run(layout, borders, base + low, base + low + length - 1);
			base += low + length;
			mask = length < 64 ? mask >> length : 0;
		}
	}
}

static int in_runs(const struct borders *borders, u64 first, u64 last)
{
	u32 i;

	for (i = 0; i < borders->runs_used; i++)
		if (first <= borders->runs[i].last && borders->runs[i].first <= last)
			return 1;
	return 0;
}

static void add_border(struct borders *borders, u64 frame)
{
	/* where a leaf ends the next begins, as a rule */
	if (borders->count && borders->at[borders->count - 1] == frame)
		return;
	if (borders->count < MOST_BORDERS)
		borders->at[borders->count++] = frame;
}

static void add_leaf(struct borders *borders, const struct entry *leaf)
{
	if (!leaf)
		return;
	add_border(borders, leaf->gfn);
	add_border(borders, last_of(leaf) + 1);
}

/* Mark the leaves of which the operation names a frame, and note where pieces begin, in no order. */
static int find_borders(const struct cover *in, const struct slat_op *op, struct borders *borders)
{
	u32 i;

	borders->count = 0;
	for (i = 0; i < in->before->count; i++) {
		struct entry *leaf = &in->before->entries[i];

		leaf->seen = in_runs(borders, leaf->gfn, last_of(leaf));
		if (leaf->seen)
			add_leaf(borders, leaf);
	}
	for (i = 0; i < in->changes->count; i++) {
		u64 base = in->changes->entries[i].gfn;

		const struct entry *was = leaf_at(in, base, 0);

		if (was && !was->seen)
			add_leaf(borders, was);
		add_leaf(borders, leaf_at(in, base, 1));
	}
	for (i = 0; i < borders->runs_used; i++) {
		add_border(borders, borders->runs[i].first);
		add_border(borders, borders->runs[i].last + 1);
	}
	if (op->kind == OP_MAP)
		add_border(borders, op->first >> in->layout->page_shift);
	return borders->count < MOST_BORDERS;
}

/* Whether the frames are mapped as before, less some flags, by whatever leaf. */
static int same_less(const struct piece *piece, u32 flags)
{
	if (!piece->old || !piece->new)
		return !piece->old && !piece->new;
	return pfn_at(piece->old, piece->first) == pfn_at(piece->new, piece->first) &&
	       (flags_of(piece->old) & ~flags) == flags_of(piece->new);
}

static int same(const struct piece *piece) { return same_less(piece, 0); }

/* What is not named stays, or the leaf that held it goes whole. */
static int gone_or_same(const struct piece *piece)
{
	return same(piece) || (piece->touched && !piece->new);
}

static int is_mapped_to(const struct piece *piece, u64 pfn, u32 flags)
{
	return piece->new && pfn_at(piece->new, piece->first) == pfn && flags_of(piece->new) == flags;
}

static int removal_is_right(const struct piece *piece)
{
	return piece->inside ? !piece->new : gone_or_same(piece);
}

static int weaker_is_right(const struct piece *piece, u32 flags)
{
	int done = same_less(piece, flags);

	if (!piece->old)
		return !piece->new;
	return piece->inside ? done : same(piece) || (piece->touched && done);
}

/* The frames that a fault may map: those of the host's page in the memslot. */
static struct run host_page(const struct cover *in, const struct slat_op *op)
{
	u64 frame = op->first >> in->layout->page_shift, low = (1ULL << op->order) - 1, inside;
	struct memslot slot = slot_at(in->layout, in->slots, frame);
	struct run found = { frame, frame };

	if (logs(in->layout, in->slots, frame))
		return found;
	inside = (frame + op->skew) & low;
	/* a host's page may begin below guest frame 0 */
	found.first = frame >= inside ? at_least(frame - inside, slot.base) : slot.base;
	found.last = at_most(frame + (low - inside), slot.last);
	return found;
}

static int fault_is_right(const struct cover *in, const struct slat_op *op, const struct piece *piece)
{
	u64 frame = op->first >> in->layout->page_shift;
	const struct entry *old = holder(in, frame, 0);
	int may = writable(op) && (writes(op) || !logs(in->layout, in->slots, frame));
	struct run host = host_page(in, op);
	u32 flags;

	if (same(piece) && (op->retries || !piece->inside))
		return 1;
	if (!piece->inside) {
		if (piece->touched && !piece->new)
			return 1;
		if (!piece->new || piece->first < host.first || piece->first > host.last)
			return 0;
	}
	if (!piece->new)
		return 0;
	flags = flags_of(piece->new) & ENTRY_WRITABLE;
	if (!!flags != may && !(old && pfn_at(old, frame) == op->pfn && writable(op) &&
				flags == (flags_of(old) & ENTRY_WRITABLE)))
		return 0;
	return is_mapped_to(piece, op->pfn + (piece->first - frame), ENTRY_YOUNG | ENTRY_DIRTY | flags);
}

static int any_smaller(const struct map *map, u64 base, u64 last, u32 order)
{
	u32 i;

	for (i = 0; i < map->count; i++) {
		const struct entry *leaf = &map->entries[i];

		if (base <= leaf->gfn && leaf->gfn <= last && order_of(leaf) < order)
			return 1;
	}
	return 0;
}

static int map_is_right(const struct cover *in, const struct slat_op *op, const struct piece *piece)
{
	u64 frame = op->first >> in->layout->page_shift, low = (1ULL << op->order) - 1;
	u64 base = frame & ~low;
	u32 flags = ENTRY_YOUNG | ENTRY_DIRTY | (writable(op) ? ENTRY_WRITABLE : 0);

	if (!piece->inside)
		return gone_or_same(piece);
	if (is_mapped_to(piece, op->pfn + (piece->first - base), flags))
		return 1;
	/* the frame that was asked for has a border of its own */
	return piece->first != frame && same(piece) &&
	       any_smaller(in->before, base, base + low, op->order);
}

static int is_device(const struct slat_op *op, const struct piece *piece, u64 start)
{
	u32 flags = ENTRY_YOUNG | ENTRY_DIRTY | ENTRY_DEVICE | (writable(op) ? ENTRY_WRITABLE : 0);

	return is_mapped_to(piece, op->pfn + (piece->first - start), flags) && !order_of(piece->new);
}

static int prepare_is_right(const struct slat_op *op, s64 result, const struct piece *piece)
{
	if (same(piece))
		return 1;
	if (!piece->inside || !writes(op))
		return 0;
	return result < 0 ? !piece->new : is_device(op, piece, op->first);
}

static int device_is_right(const struct cover *in, const struct slat_op *op, s64 result,
			   const struct piece *piece)
{
	if (!piece->inside)
		return gone_or_same(piece);
	return is_device(op, piece, op->first >> in->layout->page_shift) || (result < 0 && same(piece));
}

static int piece_is_right(const struct cover *in, const struct slat_op *op, s64 result,
			  const struct piece *piece)
{
	if (op->kind == OP_PREPARE_REGION)
		return prepare_is_right(op, result, piece);
	if (op->kind == OP_IOREMAP)
		return device_is_right(in, op, result, piece);
	if (result < 0)
		return same(piece);
	if (removes(op->kind))
		return removal_is_right(piece);
	if (cleans(op->kind))
		return weaker_is_right(piece, ENTRY_WRITABLE);
	if (ages(op->kind))
		return weaker_is_right(piece, ENTRY_YOUNG);
	if (op->kind == OP_FAULT && answer_of(op) == ANSWER_PAGE)
		return fault_is_right(in, op, piece);
	return op->kind == OP_MAP ? map_is_right(in, op, piece) : same(piece);
}

/* Whether every leaf that came is aligned, within its memslot, and not larger than was asked for. */
static int leaves_are_in_bounds(const struct cover *in, const struct slat_op *op, s64 result)
{
	u64 frame = op->first >> in->layout->page_shift;
	const struct entry *asked = is_addressed(op->kind) ? holder(in, frame, 1) : 0;
	u32 i;

	for (i = 0; i < in->changes->count; i++) {
		const struct entry *leaf = &in->changes->entries[i];

		if (leaf->flags & ENTRY_GONE)
			continue;
		if (leaf->gfn > in->layout->top ||
		    (leaf->gfn | leaf->pfn) & ((1ULL << order_of(leaf)) - 1) ||
		    last_of(leaf) > slot_at(in->layout, in->slots, leaf->gfn).last)
			return 0;
		if (op->kind == OP_FAULT && leaf == asked &&
		    order_of(leaf) > (logs(in->layout, in->slots, leaf->gfn) ? 0 : op->order))
			return 0;
	}
	return op->kind != OP_SPLIT || result || !asked || order_of(asked) <= op->order;
}

/* Whether the leaves are such as the operation may leave. */
static int cover_is_right(const struct cover *in, const struct slat_op *op, s64 result,
			  struct borders *borders)
{
	int idle = !removes(op->kind) && !cleans(op->kind) && !ages(op->kind) && !installs(op->kind);
	u32 i;

	if (!in->changes->count && (idle || result < 0))
		return leaves_are_in_bounds(in, op, result);
	if (!find_borders(in, op, borders))
		return 0;
	for (i = 0; i < borders->count; i++) {
		struct piece piece = { borders->at[i], 0, 0, 0, 0 };

		piece.old = holder(in, piece.first, 0);
		piece.new = holder(in, piece.first, 1);
		piece.inside = in_runs(borders, piece.first, piece.first);
		piece.touched = piece.old && piece.old->seen;
		if (!piece.old && !piece.new && !piece.inside)
			continue;
		if (!piece_is_right(in, op, result, &piece))
			return 0;
	}
	return leaves_are_in_bounds(in, op, result);
}
