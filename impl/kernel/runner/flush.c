/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What an operation asked the processors to forget, and whether that covers what it took away.
 * A request is a range of guest addresses and the step in which it is walked: each step forgets
 * whatever leaf holds the address, so a step that is larger than a leaf can miss it.
 */
#include "slat.h"

enum { MAX_FLUSHES = 16384 };
struct flush { u64 start, end; u32 step; };
static struct flush flushes[MAX_FLUSHES];
static u32 flushes_used;
static int flushed_all;

void slat_flush_begin(void)
{
	flushes_used = 0;
	flushed_all = 0;
}

/* Everything of the virtual machine. */
void slat_flush_all(void)
{
	flushed_all = 1;
}

void slat_flush_range(u64 start, u64 size, u32 step)
{
	struct flush *last = flushes_used ? &flushes[flushes_used - 1] : 0;
	u64 end = start + size < start ? ~0ULL : start + size;

	if (!size || flushed_all)
		return;
	if (last && last->step == step && last->end == start) {
		last->end = end;
		return;
	}
	if (flushes_used >= MAX_FLUSHES)
		slat_fatal(EV_TOOL_LIMIT, SU_RING, start, 0, flushes_used);
	flushes[flushes_used++] = (struct flush){ start, end, step };
}

/* Whether a step of the request falls into [start, end), a leaf that may be smaller than a step. */
static int meets(const struct flush *flush, u64 start, u64 end)
{
	u64 at = flush->start;

	if (start > at)
		at += ((start - at + (1ULL << flush->step) - 1) >> flush->step) << flush->step;
	return at < end && at < flush->end;
}

int slat_flush_covers(u64 start, u64 end)
{
	u64 at = start;
	u32 i;

	if (flushed_all)
		return 1;
	for (i = 0; i < flushes_used && at < end; i++) {
		const struct flush *flush = &flushes[i];

		if (flush->start > at || flush->end <= at || !meets(flush, start, end))
			continue;
		at = flush->end;
		i = -1U;	/* what follows may stand anywhere */
	}
	return at >= end;
}

/* A leaf was taken away, or some of what it allowed: it must have been flushed by now. */
void slat_flush_owed(u32 subject, u64 start, u64 size, u64 pc, u64 order)
{
	if (!slat_flush_covers(start, start + size))
		slat_report(EV_UNFLUSHED, subject, start, pc, order);
}
