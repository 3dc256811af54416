/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sequences are drawn, run in batches, and what was recorded is compared with the map. The filter
 * and the generator are one unit with this; the runner's records are read where they lie.
 */
#include "unit.c"
#include "mmu-test.h"
#include "numbers.h"

extern struct slat_control slat_control;
extern struct slat_op slat_ops[];
extern struct slat_result slat_results[];
extern struct slat_change slat_changes[];
extern u64 slat_dirty[];
extern struct slat_event slat_events[];
void slat_say(const char *format, ...);

enum { ROOM = 4096, MOST_DRAWN = 2048, LONGEST = 200 };

static const struct rings rings = {
	.control = &slat_control, .results = slat_results, .changes = slat_changes,
	.dirty = slat_dirty, .events = slat_events,
	.most_results = ROOM, .most_changes = 65536, .most_dirty = 8192, .most_events = 1024,
};
static struct slat_op drawn[ROOM];	/* as drawn: whoever overwrites slat_ops changes nothing here */
static u32 starts[MOST_DRAWN + 1];
static int ended;			/* whether the last run came to its end by itself */
static struct generator generator;
static struct filter filter;
static struct operands operands;
static struct known_events known;

static const char *const names[KINDS] = {
	"create", "fault", "fault_fast", "lookup", "flush", "mkclean", "mkold", "log_dirty_masked", "unmap",
	"age", "test_age", "flush_slot", "flush_all", "commit_region", "destroy",
};

/* Leave out, or tolerate, what the tests that did not pass show. Returns why nothing can be drawn. */
static const char *prepare(const unsigned char *fates)
{
	u32 i;

	operands = the_operands;
	/* what no entry holds is not for a comparison of entries to judge */
	operands.excluded[OP_FAULT] |= 1U << T_PFN_DOES_NOT_FIT;
	for (i = 0; left_out[i].triggers; i++) {
		if (fates[left_out[i].test] == FATE_PASSED)
			continue;
		if (left_out[i].kind == OP_CREATE)
			return "every create fails";
		if (left_out[i].kind == OP_DESTROY)
			operands.kinds &= ~(1U << OP_DESTROY);
		else
			operands.excluded[left_out[i].kind] |= left_out[i].triggers;
	}
	for (i = 0; tolerated[i].subjects; i++)
		if (fates[tolerated[i].test] != FATE_PASSED)
			known.subjects[tolerated[i].kind][tolerated[i].code] |= tolerated[i].subjects;
	slat_generator_setup(&generator, &the_layout, &operands);
	slat_filter_setup(&filter, &the_layout);
	slat_filter_tolerate(&filter, &known);
	return 0;
}

static void say_op(u32 number, const struct slat_op *op)
{
	static const char *const answers[4] = { "", " no-slot", " read-only", " error" };
	u32 kind = op->kind;

	slat_say("%u. %s", number, kind < KINDS ? names[kind] : "?");
	if (is_addressed(kind))
		slat_say(" GPA %x%s", op->first, writes(op) ? ", write" : "");
	else if (kind == OP_LOG_DIRTY_MASKED)
		slat_say(" base frame %x, offset %x, mask %x", op->first, op->last, op->mask);
	else if (is_inclusive(kind))
		slat_say(" frames %x to %x", op->first, op->last);
	else if (is_half_open(kind))
		slat_say(" frames %x up to, not including, %x", op->first, op->last);
	else if (is_slot(kind))
		slat_say(" slot of %x frames from frame %x", op->last, op->first);
	if (kind == OP_FAULT)
		slat_say(", answered with%s pfn %x%s", answers[answer_of(op) & 3], op->pfn,
			 writable(op) ? ", writable" : "");
	if (op->retries)
		slat_say(", %u invalidations meanwhile", op->retries);
	if (op->oom)
		slat_say(", allocation %u fails", op->oom);
	slat_say("\n");
}

static void say_change(const char *what, u64 gfn, u64 raw)
{
	slat_say("   %s gfn %x (GPA %x) ", what, gfn, gfn << the_layout.page_shift);
	if (raw)
		slat_say("becomes entry %x\n", raw);
	else
		slat_say("becomes absent\n");
}

/* What the operation had to do, as the map before it says, and what was recorded of it. */
static void say_difference(u32 at)
{
	const struct slat_result *got = &slat_results[at], none = { 0 };
	const struct slat_result *before = at ? &slat_results[at - 1] : &none;
	struct expected *must = &filter.expected;
	u32 i;

	map_clear(&filter.map);
	for (i = 0; i <= at; i++)
		expect(&the_layout, &filter.map, &drawn[i], must);
	if (must->results == EXACTLY)
		slat_say("   must return %n, returned %n\n", must->result, got->result);
	for (i = 0; i < must->changes.count && drawn[at].kind != OP_DESTROY; i++)
		say_change("promised:", must->changes.entries[i].gfn, must->changes.entries[i].pfn);
	for (i = before->changes; i < got->changes && i < rings.most_changes; i++)
		say_change("recorded:", slat_changes[i].gfn, slat_changes[i].raw);
	if (must->reports)
		slat_say("   promised: frame %x is reported dirty\n", must->reported);
	for (i = before->dirty; i < got->dirty && i < rings.most_dirty; i++)
		slat_say("   recorded: frame %x is reported dirty\n", slat_dirty[i]);
	for (i = before->events; i < got->events && i < rings.most_events; i++)
		slat_say("   recorded: %s: %s, address %x, pc %x\n", slat_code_name(slat_events[i].code),
			 slat_subject_name(slat_events[i].subject), slat_events[i].address,
			 slat_events[i].pc);
	slat_say("   BROKEN: this is not what the map promises\n");
}

/* Run what is drawn up to ``count``. Returns the first operation that is suspected, else ``count``. */
static u32 run(u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		slat_ops[i] = drawn[i];
	slat_control.ops = count;
	ended = slat_guarded_batch();
	return slat_filter_check(&filter, drawn, &rings, 0, count);
}

static void without(u32 which, u32 count)
{
	for (; which + 1 < count; which++)
		drawn[which] = drawn[which + 1];
}

/*
 * A sequence fails at its last operation: leave out each before it, the last first, without which
 * it still fails. Returns how many are left; those are drawn[0] and what follows.
 */
static u32 shortened(u32 count)
{
	static struct slat_op whole[ROOM];
	u32 i, which;

	/* what has to be ended takes seconds each time */
	for (which = count - 1; ended && which-- > 1;) {
		u32 at;

		for (i = 0; i < count; i++)
			whole[i] = drawn[i];
		without(which, count);
		at = run(count - 1);
		if (at < count - 1) {
			count = at + 1;
			which = at_most(which, at);
			continue;
		}
		for (i = 0; i < count; i++)
			drawn[i] = whole[i];
	}
	return count;
}

/* Say which sequence failed, what is left of it, and at which operation. */
static void say_failed(u64 seed, u64 number, u32 at)
{
	u32 which = 0, begin, count, i;

	while (starts[which + 1] <= at)
		which++;
	slat_say("sequence %u of seed %u%s:\n", (u32)(number + which), (u32)seed,
		 ended ? ", made short" : "");
	begin = starts[which];
	count = at - begin + 1;
	for (i = 0; i < count; i++)
		drawn[i] = drawn[begin + i];
	if (ended && run(count) < count)
		count = shortened(count);
	run(count);	/* for what it records */
	for (i = 0; i < count; i++)
		say_op(i + 1, &drawn[i]);
	say_difference(count - 1);
}

/* Run the next sequences; returns how many of them were, 0 where one fails. */
static u32 run_some(u64 seed, u64 number, u64 most)
{
	u32 count, done = 0, at;

	count = slat_generator_fill(&generator, drawn, ROOM, seed, number, LONGEST, starts,
				    at_most(most, MOST_DRAWN));
	at = run(starts[count]);
	/* where the records have no room, what was not done is for the next batch */
	while (done < count && starts[done + 1] <= slat_control.done)
		done++;
	if (done && at >= starts[done])
		return done;
	say_failed(seed, number, at);
	return 0;
}

int slat_drawn(const unsigned char *fates, u64 seed, u64 sequences, const char **why)
{
	u64 number = 0;

	*why = prepare(fates);
	if (!sequences)
		*why = "no sequence was asked for";
	while (!*why && number < sequences) {
		u32 done = run_some(seed, number, sequences - number);

		if (!done)
			return 0;
		number += done;
	}
	return 1;
}

#ifndef __LP64__
/* What compilers for 32 bits call for numbers of 64; no library is linked. */
int __ctzdi2(u64 value)
{
	u32 low = value;

	return low ? __builtin_ctz(low) : 32 + __builtin_ctz((u32)(value >> 32));
}

int __clzdi2(u64 value)
{
	u32 high = value >> 32;

	return high ? __builtin_clz(high) : 32 + __builtin_clz((u32)value);
}

u64 __udivdi3(u64 value, u64 by)
{
	u64 rest = 0, found = 0;
	int bit;

	for (bit = 63; bit >= 0; bit--) {
		rest = rest << 1 | (value >> bit & 1);
		if (rest >= by) {
			rest -= by;
			found |= 1ULL << bit;
		}
	}
	return found;
}

u64 __umoddi3(u64 value, u64 by)
{
	return value - __udivdi3(value, by) * by;
}
#endif
