/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an operation asked the processors to forget, and whether that covers what it took away.
 * A request is a range of guest addresses and the step in which it is walked: each step forgets
 * whatever leaf holds the address, so a step that is larger than a leaf can miss it. A request is
 * as old as the stores that came before it: what is stored later it does not concern.
 */
#include "slat.h"

enum { MAX_FLUSHES = 65536 };
struct flush { u64 start, end; u32 step, stores; };
static struct flush flushes[MAX_FLUSHES];
static u32 flushes_used, flushes_hint;
static u32 all_stores;		/* one more than the stores before the last flush of everything */

static u32 stores(void)
{
	return slat_hot.log - slat_log;
}

void slat_flush_begin(void)
{
	flushes_used = flushes_hint = all_stores = 0;
}

/* Everything of the virtual machine. */
void slat_flush_all(void)
{
	all_stores = stores() + 1;
}

void slat_flush_range(u64 start, u64 size, u32 step)
{
	struct flush *last = flushes_used ? &flushes[flushes_used - 1] : 0;
	u64 end = start + size < start ? ~0ULL : start + size;

	if (!size)
		return;
	if (last && last->step == step && last->stores == stores() && last->end == start) {
		last->end = end;
		return;
	}
	if (flushes_used >= MAX_FLUSHES)
		slat_fatal(EV_TOOL_LIMIT, SU_RING, start, 0, flushes_used);
	flushes[flushes_used++] = (struct flush){ start, end, step, stores() };
}

/* Whether a step of the request falls into [start, end), a leaf that may be smaller than a step. */
static int meets(const struct flush *flush, u64 start, u64 end)
{
	u64 at = flush->start;

	if (start > at)
		at += ((start - at + (1ULL << flush->step) - 1) >> flush->step) << flush->step;
	return at < end && at < flush->end;
}

/* The end of what is covered from an address on, by a request that came after so many stores. */
static u64 covered_from(u64 at, u64 start, u64 end, u32 since)
{
	u32 i, n;

	for (n = 0; n < flushes_used; n++) {
		/* most leaves are looked at in the order in which they were flushed */
		const struct flush *flush = &flushes[i = (flushes_hint + n) % flushes_used];

		if (flush->stores < since || flush->start > at || flush->end <= at ||
		    !meets(flush, start, end))
			continue;
		flushes_hint = i + 1;
		return flush->end;
	}
	return at;
}

int slat_flush_covers(u64 start, u64 end, u32 since)
{
	u64 at = start, next;

	if (all_stores > since)
		return 1;
	while (at < end && (next = covered_from(at, start, end, since)) != at)
		at = next;
	return at >= end;
}

/* A leaf was taken away, or some of what it allowed: it must have been flushed since. */
void slat_flush_owed(u32 subject, u64 start, u64 size, u32 since, u64 pc, u64 order)
{
	if (!slat_flush_covers(start, start + size, since))
		slat_report(EV_UNFLUSHED, subject, start, pc, order);
}
