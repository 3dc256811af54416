/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The filter where leaves have several sizes: the map takes over what was seen, once it was found
 * to be such as the operation may leave. Included by check.c.
 */

/* A leaf as it was recorded. Returns 0 unless it is one that the table's own helpers make. */
static int decoded(const struct layout *layout, u64 raw, u32 order, u64 *pfn, u32 *flags)
{
	u32 i;

	*pfn = 0;
	for (i = 0; i < layout->fields_used && i < MAX_FIELDS; i++) {
		const struct pfn_field *field = &layout->fields[i];

		*pfn |= (raw >> field->target & ((1ULL << field->width) - 1)) << field->source;
	}
	*flags = (raw & layout->write ? ENTRY_WRITABLE : 0) | (raw & layout->accessed ? ENTRY_YOUNG : 0) |
		 (raw & layout->modified ? ENTRY_DIRTY : 0) |
		 (layout->execute && !(raw & layout->execute) ? ENTRY_DEVICE : 0);
	if (!(raw & layout->present) || raw_of(layout, *pfn, *flags) != raw)
		return 0;
	*flags |= order << ORDER_BITS;
	for (i = 0; i < layout->levels && i < MAX_ORDERS; i++)
		if (layout->level_orders[i] == order)
			return 1;
	return 0;
}

/* What was seen to change: the last record of each frame counts. Returns 0 where one is no leaf. */
static int take_changes(const struct filter *filter, const struct rings *rings, u32 from, u32 to,
			struct map *changes)
{
	u32 i;

	for (; from < to; from++) {
		u64 gfn = rings->changes[from].gfn;
		struct entry *known = map_find(changes, gfn);

		if (!known && !map_add(changes, gfn, 0, 0))
			return 0;
		known = known ? known : &changes->entries[changes->count - 1];
		known->pfn = rings->changes[from].raw;
		known->seen = rings->changes[from].order;
	}
	for (i = 0; i < changes->count; i++) {
		struct entry *change = &changes->entries[i];

		if (!change->pfn)
			change->flags = ENTRY_GONE;
		else if (!decoded(&filter->layout, change->pfn, change->seen, &change->pfn, &change->flags))
			return 0;
	}
	return 1;
}

static int is_touched_young(const struct filter *filter)
{
	u32 i;

	for (i = 0; i < filter->map.count; i++) {
		const struct entry *leaf = &filter->map.entries[i];

		if (leaf->flags & ENTRY_YOUNG && in_runs(&filter->borders, leaf->gfn, last_of(leaf)))
			return 1;
	}
	return 0;
}

static int leaf_result_is_right(const struct filter *filter, const struct cover *cover,
				const struct slat_op *op, s64 result)
{
	const struct layout *layout = &filter->layout;
	const struct entry *leaf;

	if (op->kind == OP_CREATE)
		return result == (op->oom == 1 ? -ENOMEM : 0);
	if (op->oom && result == -ENOMEM)
		return 1;
	switch (op->kind) {
	case OP_FAULT:
		return result == (answer_of(op) == ANSWER_PAGE ? 0 : -EFAULT);
	case OP_LOOKUP:
		leaf = holder(cover, op->first >> layout->page_shift, 0);
		return result == (leaf ? (s64)raw_of(layout, leaf->pfn, leaf->flags) : 0);
	case OP_AGE: case OP_TEST_AGE:
		return result == is_touched_young(filter);
	case OP_MAP: case OP_IOREMAP:
		return result == 0 || result == -EEXIST;
	case OP_PREPARE_REGION:
		if ((u128)op->first + op->last > (u128)layout->top + 1)
			return result == -EFAULT;
		return result == (writable(op) ? 0 : -EPERM);
	case OP_SPLIT:
		return result == 0;
	default:
		return 1;
	}
}

/* A frame that a fault made writable while its memslot logs must be reported. */
static int leaf_dirty_is_right(const struct cover *cover, const struct rings *rings,
			       const struct slat_op *op, u32 from, u32 to)
{
	u64 frame = op->first >> cover->layout->page_shift;
	const struct entry *leaf = holder(cover, frame, 1);

	if (!leaf || !(leaf->flags & ENTRY_WRITABLE) || !map_find(cover->changes, leaf->gfn) ||
	    !logs(cover->layout, cover->slots, frame))
		return 1;
	for (; from < to; from++)
		if (rings->dirty[from] == frame)
			return 1;
	return 0;
}

static int settle(struct map *map, const struct map *changes)
{
	u32 i;

	for (i = 0; i < changes->count; i++) {
		const struct entry *change = &changes->entries[i];
		struct entry *known = map_find(map, change->gfn);

		if (known && change->flags & ENTRY_GONE) {
			map_drop(map, known);
		} else if (known) {
			known->pfn = change->pfn;
			known->flags = change->flags;
		} else if (!(change->flags & ENTRY_GONE) &&
			   !map_add(map, change->gfn, change->pfn, change->flags)) {
			return 0;
		}
	}
	return 1;
}

/* As LeafCase.name() of slatcheck/search/leaves.py, which finds nothing. */
static int leaves_agree(struct filter *filter, const struct rings *rings, const struct slat_op *op,
			const struct slat_result *before, const struct slat_result *got)
{
	struct cover cover = { &filter->layout, &filter->map, &filter->expected.changes, &filter->slots };
	int failed = got->result < 0 && op->kind != OP_IOREMAP && op->kind != OP_PREPARE_REGION;

	expect_nothing(&filter->expected);
	if (op->kind == OP_CREATE || op->kind == OP_DESTROY)
		map_clear(&filter->map);
	if (op->kind == OP_CREATE && before->changes != got->changes)
		return 0;
	if (op->kind == OP_CREATE || !(op->oom && got->result == -ENOMEM))
		slots_follow(&filter->slots, op);
	find_runs(&filter->layout, op, &filter->borders);
	if (!leaf_result_is_right(filter, &cover, op, got->result))
		return 0;
	if (failed && installs(op->kind) && got->tables != filter->tables)
		return 0;
	if (op->kind != OP_CREATE && op->kind != OP_DESTROY) {
		if (!take_changes(filter, rings, before->changes, got->changes, cover.changes) ||
		    !cover_is_right(&cover, op, got->result, &filter->borders))
			return 0;
		if (op->kind == OP_FAULT && got->result >= 0 &&
		    !leaf_dirty_is_right(&cover, rings, op, before->dirty, got->dirty))
			return 0;
		if (!settle(&filter->map, cover.changes))
			return 0;
	}
	return !filter->layout.pages || (s64)got->taken - got->freed == got->held;
}
