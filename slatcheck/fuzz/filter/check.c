/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What was recorded, compared with what the map says: which operation is to be looked at again.
 * The records are written by a process that may do anything, at any time: each is read once, and
 * every number in them is held against its limits before it is used.
 */
#include "filter.h"

/* Whether there is a map to compare with. */
enum sight {
	NO_MACHINE,	/* nothing was created: whatever is done is suspected */
	FOLLOWED,	/* the map is that of the virtual machine */
	LEFT_ALONE	/* an operation was out of contract: no more is said of this machine */
};

struct filter {
	struct layout layout;
	struct slots slots;
	enum sight sight;
	int refused;			/* the last operation was a create, and failed as it had to */
	u32 tables;			/* linked before the operation */
	struct map map;
	struct expected expected;	/* its changes are those that were seen where leaves have sizes */
	struct borders borders;
	struct known_events known;
	u64 checked[KINDS];		/* operations that passed, by kind */
	struct reached *states;		/* steps that were taken; may be none */
	u32 class;			/* trigger of the operation looked at last; TRIGGERS if it has none */
};

enum { SIZES = 16 };

/* An operation has passed: a step from some tables to some, with so many leaves. */
static void reach_state(struct filter *filter, u32 kind, u32 tables, u32 at)
{
	u32 step = size_class(filter->tables) * SIZES + size_class(tables);

	feature(filter->states, (kind * SIZES * SIZES + step) * SIZES + size_class(filter->map.count), at);
}

static struct slat_result take_result(const struct rings *rings, u32 at)
{
	const volatile struct slat_result *from = &rings->results[at];
	struct slat_result got;

	got.result = from->result;
	got.changes = from->changes;
	got.dirty = from->dirty;
	got.events = from->events;
	got.tables = from->tables;
	got.taken = from->taken;
	got.freed = from->freed;
	got.held = from->held;
	got.steps = 0;
	return got;
}

/* Whether the records of an operation begin where those before it end, and lie within the rings. */
static int is_in_order(const struct rings *rings, const struct slat_result *before,
		       const struct slat_result *got)
{
	return before->changes <= got->changes && got->changes <= rings->most_changes &&
	       before->dirty <= got->dirty && got->dirty <= rings->most_dirty &&
	       before->events <= got->events && got->events <= rings->most_events;
}

static int result_is_right(const struct expected *wanted, s64 result)
{
	switch (wanted->results) {
	case ANYTHING:
		return 1;
	case EXACTLY:
		return result == wanted->result;
	case YES_OR_NO:
		return result == 0 || result == 1;
	default:
		return 0;
	}
}

/* The last record of each frame counts: they are read from the end, and earlier ones passed over. */
static int changes_are_right(const struct rings *rings, struct expected *wanted, u32 from, u32 to)
{
	u32 found = 0;

	while (to-- > from) {
		u64 gfn = rings->changes[to].gfn, raw = rings->changes[to].raw;
		u32 order = rings->changes[to].order;
		struct entry *must = map_find(&wanted->changes, gfn);

		if (!must)
			return 0;
		if (must->seen)
			continue;
		if (must->pfn != raw || (raw && order) || must->flags & BEYOND_WORD)
			return 0;
		must->seen = 1;
		found++;
	}
	return found == wanted->changes.count;
}

static int dirty_is_right(const struct rings *rings, const struct expected *wanted, u32 from, u32 to)
{
	if (!wanted->reports || from == to)
		return !wanted->reports && from == to;
	for (; from < to; from++)
		if (rings->dirty[from] != wanted->reported)
			return 0;
	return 1;
}

static int pages_are_right(const struct filter *filter, const struct slat_op *op,
			   const struct slat_result *got)
{
	if (!filter->layout.pages)
		return 1;
	if (is_fault(op->kind)) {
		if (got->result < 0 && got->tables != filter->tables)
			return 0;
	} else if (got->tables && (op->kind == OP_CREATE || (op->kind == OP_FLUSH && got->result))) {
		return 0;
	}
	return (s64)got->taken - got->freed == got->held;
}

static int agrees(struct filter *filter, const struct rings *rings, const struct slat_op *op,
		  const struct slat_result *before, const struct slat_result *got)
{
	struct expected *wanted = &filter->expected;

	if (op->kind == OP_FAULT && op->oom && got->result == -ENOMEM) {
		expect_nothing(wanted);
		expect_refused(&filter->layout, &filter->map, op, wanted);
	} else {
		expect(&filter->layout, &filter->map, op, wanted);
	}
	if (wanted->full || !result_is_right(wanted, got->result))
		return 0;
	if (op->kind != OP_DESTROY && (wanted->changes.count || before->changes != got->changes) &&
	    !changes_are_right(rings, wanted, before->changes, got->changes))
		return 0;
	if (is_fault(op->kind) && !dirty_is_right(rings, wanted, before->dirty, got->dirty))
		return 0;
	return pages_are_right(filter, op, got);
}

#include "leaves.c"

/* Whether callers can pass these operands now. */
static int is_allowed(struct filter *filter, const struct slat_op *op)
{
	struct layout *layout = &filter->layout;

	if (!in_contract(layout, op))
		return 0;
	return !layout->large || in_contract_now(layout, &filter->slots, &filter->map, op);
}

/*
 * The trigger of an operation. Where leaves have one size nobody asks: a finding of theirs that the
 * draw cannot leave out ends nothing, and is tolerated.
 */
static u32 class_of(struct filter *filter, const struct slat_op *op)
{
	struct foreseen in = { &filter->layout, &filter->map, &filter->slots, &filter->borders, 0 };

	return filter->layout.large ? leaf_trigger(&in, op) : TRIGGERS;
}

/* Whether one operation passes. Where it does not, nothing but a create may follow. */
static int passes(struct filter *filter, const struct rings *rings, const struct slat_op *op,
		  const struct slat_result *before, const struct slat_result *got, u32 at)
{
	enum sight sight = op->kind == OP_CREATE ? FOLLOWED : filter->sight;
	int allowed = sight == FOLLOWED && is_known(&filter->layout, op->kind) && is_allowed(filter, op);

	filter->class = allowed ? class_of(filter, op) : TRIGGERS;
	filter->sight = NO_MACHINE;
	filter->refused = 0;
	if (!is_known(&filter->layout, op->kind) || sight == NO_MACHINE || !is_in_order(rings, before, got) ||
	    !events_are_known(rings, &filter->known, op->kind, before->events, got->events))
		return 0;
	if (op->kind == OP_CREATE)
		filter->tables = 0;
	if (allowed) {
		if (!(filter->layout.large ? leaves_agree : agrees)(filter, rings, op, before, got))
			return 0;
		filter->refused = op->kind == OP_CREATE && got->result;
	} else {
		sight = LEFT_ALONE;
	}
	reach_state(filter, op->kind, got->tables, at);
	filter->tables = got->tables;
	if (op->kind != OP_DESTROY && !filter->refused)
		filter->sight = sight;
	filter->checked[op->kind]++;
	return 1;
}

/* Whether what was not carried out was not to be: a create was refused, and no other follows. */
static int ended_early(const struct filter *filter, const struct slat_op *ops, u32 from, u32 end)
{
	if (!filter->refused)
		return 0;
	for (; from < end; from++)
		if (ops[from].kind == OP_CREATE)
			return 0;
	return 1;
}

/* The first operation of begin..end (half-open) that is suspected, ``end`` where all of them pass. */
u32 slat_filter_check(struct filter *filter, const struct slat_op *ops, const struct rings *rings,
		      u32 begin, u32 end)
{
	u32 done = rings->control->done, stopped = rings->control->stopped, at = begin;
	struct slat_result before = { 0 };

	filter->class = TRIGGERS;
	/* what there is no room for was not recorded: it is suspected */
	if (end > rings->most_results)
		end = at_least(rings->most_results, begin);
	if (begin && begin < end) {
		before = take_result(rings, begin - 1);
		if (!is_in_order(rings, &before, &before))
			return begin;
	}
	for (; at < end && at < done; at++) {
		struct slat_op op = ops[at];
		struct slat_result got = take_result(rings, at);

		if (!passes(filter, rings, &op, &before, &got, at))
			return at;
		before = got;
	}
	filter->class = TRIGGERS;
	if (at < end)
		return !stopped && ended_early(filter, ops, at, end) ? end : at;
	/* stopped, or something was recorded behind the last operation */
	if (end > begin && done <= end && (stopped || rings->control->events != before.events))
		return end - 1;
	return end;
}
