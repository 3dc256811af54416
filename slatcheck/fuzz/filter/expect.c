/* SPDX-License-Identifier: GPL-2.0-only */
/* What an operation must do to the map and show, as model/abstract_map.py has it. */
#include "filter.h"

static u64 raw_of(const struct layout *layout, u64 pfn, u32 flags)
{
	u64 raw = layout->raw[flags & ENTRY_FLAGS];
	u32 i;

	for (i = 0; i < layout->fields_used && i < MAX_FIELDS; i++) {
		const struct pfn_field *field = &layout->fields[i];

		raw |= (pfn >> field->source & ((1ULL << field->width) - 1)) << field->target;
	}
	return raw;
}

static int fits(const struct layout *layout, u64 pfn)
{
	return !(pfn & ~layout->pfn_mask);
}

/* Note that a frame must be seen to change to an entry, or to none. */
static void must_become(const struct layout *layout, struct expected *out, const struct entry *entry)
{
	u32 beyond = fits(layout, entry->pfn) ? 0 : BEYOND_WORD;

	map_add(&out->changes, entry->gfn, raw_of(layout, entry->pfn, entry->flags), beyond);
}

static void must_vanish(struct expected *out, u64 gfn)
{
	map_add(&out->changes, gfn, 0, 0);
}

static void must_return(struct expected *out, s64 result)
{
	out->results = EXACTLY;
	out->result = result;
}

/* An old entry becomes young and, on a write, a clean one that may be written becomes dirty. */
static u32 upgraded(u32 flags, int write)
{
	flags |= ENTRY_YOUNG;
	return write && flags & ENTRY_WRITABLE ? flags | ENTRY_DIRTY : flags;
}

static void set_flags(const struct layout *layout, struct expected *out, struct entry *entry, u32 flags)
{
	if (entry->flags == flags)
		return;
	entry->flags = flags;
	must_become(layout, out, entry);
}

/* Leave an entry at a frame, whatever was there. */
static void install(const struct layout *layout, struct map *map, struct expected *out, u64 gfn,
		    u64 pfn, u32 flags)
{
	struct entry *entry = map_find(map, gfn);

	if (entry && entry->pfn == pfn && entry->flags == flags)
		return;
	if (!entry) {
		out->full = !map_add(map, gfn, pfn, flags);
		if (out->full)
			return;
		entry = map_find(map, gfn);
	}
	entry->pfn = pfn;
	entry->flags = flags;
	must_become(layout, out, entry);
}

static void report(struct expected *out, u64 gfn)
{
	out->reports = 1;
	out->reported = gfn;
}

/* The fast path: upgrades what is there. Returns whether that was enough. */
static int expect_fast(const struct layout *layout, struct map *map, const struct slat_op *op,
		       struct expected *out)
{
	struct entry *entry = map_find(map, op->first >> layout->page_shift);
	u32 was = entry ? entry->flags : 0, now = upgraded(was, writes(op));
	int done = entry && (!writes(op) || now & ENTRY_DIRTY);

	must_return(out, done ? 0 : -EFAULT);
	if (!entry)
		return 0;
	if ((now & ~was) & ENTRY_DIRTY)
		report(out, entry->gfn);
	set_flags(layout, out, entry, now);
	return done;
}

/* A fault: what the fast path cannot do, the answer of the environment does. */
static void expect_fault(const struct layout *layout, struct map *map, const struct slat_op *op,
			 struct expected *out)
{
	u64 gfn = op->first >> layout->page_shift;
	u32 flags = ENTRY_YOUNG;
	struct entry *entry = gfn <= layout->top ? map_find(map, gfn) : 0;

	must_return(out, -EFAULT);
	if (gfn > layout->top)
		return;
	/* an entry that is to be replaced is not upgraded first: only the last change shows */
	if (answer_of(op) != ANSWER_PAGE ||
	    (entry && (!writes(op) || entry->flags & (ENTRY_DIRTY | ENTRY_WRITABLE)))) {
		expect_fast(layout, map, op, out);
		return;
	}
	must_return(out, 0);
	if (writable(op))
		flags |= ENTRY_WRITABLE;
	if (writes(op) && writable(op)) {
		flags |= ENTRY_DIRTY;
		report(out, gfn);
	}
	install(layout, map, out, gfn, op->pfn, flags);
}

/* A fault that was refused for want of memory: at most its entry became young or dirty. */
static void expect_refused(const struct layout *layout, struct map *map, const struct slat_op *op,
			   struct expected *out)
{
	if (!expect_fast(layout, map, op, out))
		must_return(out, -ENOMEM);
}

static void expect_lookup(const struct layout *layout, struct map *map, const struct slat_op *op,
			  struct expected *out)
{
	struct entry *entry = map_find(map, op->first >> layout->page_shift);

	must_return(out, entry ? (s64)raw_of(layout, entry->pfn, entry->flags) : 0);
	if (entry && !fits(layout, entry->pfn))
		out->results = NOTHING_CAN;
}

/* One entry of a range. Returns whether it is young. */
static int visit(const struct layout *layout, struct map *map, const struct slat_op *op,
		 struct expected *out, struct entry *entry)
{
	int young = !!(entry->flags & ENTRY_YOUNG);

	if (op->kind == OP_LOG_DIRTY_MASKED &&
	    !(op->mask >> (entry->gfn - op->first - op->last) & 1))
		return 0;
	if (removes(op->kind)) {
		must_vanish(out, entry->gfn);
		map_drop(map, entry);
	} else if (cleans(op->kind)) {
		set_flags(layout, out, entry, entry->flags & ~ENTRY_DIRTY);
	} else if (ages(op->kind)) {
		set_flags(layout, out, entry, entry->flags & ~ENTRY_YOUNG);
	}
	return young;
}

/* Every entry within reach that a range holds. Returns whether one of them is young. */
static int visit_all(const struct layout *layout, struct map *map, const struct slat_op *op,
		     struct expected *out)
{
	struct range range;
	u64 first, last, gfn;
	int young = 0;
	u32 i;

	if (!map->count || !named(layout, op, &range) || range.first > layout->top)
		return 0;
	first = range.first;
	last = range.last > layout->top ? layout->top : (u64)range.last;
	if (last - first < map->count) {
		for (gfn = first; gfn <= last; gfn++) {
			struct entry *entry = map_find(map, gfn);

			if (entry)
				young |= visit(layout, map, op, out, entry);
		}
		return young;
	}
	/* from the end: what is dropped is replaced by what was visited already */
	for (i = map->count; i-- > 0;)
		if (first <= map->entries[i].gfn && map->entries[i].gfn <= last)
			young |= visit(layout, map, op, out, &map->entries[i]);
	return young;
}

static void expect_range(const struct layout *layout, struct map *map, const struct slat_op *op,
			 struct expected *out)
{
	int young = visit_all(layout, map, op, out), changed = out->changes.count != 0;

	if (op->kind == OP_UNMAP || op->kind == OP_FLUSH) {
		int whole = op->kind == OP_FLUSH && op->first == 0 && op->last >= layout->top;

		out->results = YES_OR_NO;
		if (whole || (op->kind == OP_UNMAP && changed))
			must_return(out, 1);
	} else if (op->kind == OP_MKCLEAN || op->kind == OP_MKOLD || op->kind == OP_AGE) {
		must_return(out, changed);
	} else if (op->kind == OP_TEST_AGE) {
		must_return(out, young);
	}
}

static void expect_nothing(struct expected *out)
{
	out->results = ANYTHING;
	out->result = 0;
	out->reports = out->full = 0;
	if (out->changes.count || !out->changes.mask)
		map_clear(&out->changes);
}

/* Carry out an operation, and say what must be seen of it. */
static void expect(const struct layout *layout, struct map *map, const struct slat_op *op,
		   struct expected *out)
{
	expect_nothing(out);
	switch (op->kind) {
	case OP_CREATE:
		map_clear(map);
		must_return(out, op->oom == 1 ? -ENOMEM : 0);
		break;
	case OP_FAULT:
		expect_fault(layout, map, op, out);
		break;
	case OP_FAULT_FAST:
		expect_fast(layout, map, op, out);
		break;
	case OP_LOOKUP:
		expect_lookup(layout, map, op, out);
		break;
	case OP_DESTROY:
		map_clear(map);
		break;
	default:
		expect_range(layout, map, op, out);
	}
}
