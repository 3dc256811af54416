/* SPDX-License-Identifier: GPL-2.0-only */
/* What the runner was told of beside results: only events that are known, and end nothing, pass. */
#include "filter.h"

/* Whether every event of from..to (half-open) is one that is tolerated of this kind. */
static int events_are_known(const struct rings *rings, const struct known_events *known, u32 kind,
			    u32 from, u32 to)
{
	for (; from < to; from++) {
		u32 code = rings->events[from].code, subject = rings->events[from].subject;

		if (code >= CODES || subject >= 64 || !(known->subjects[kind][code] >> subject & 1))
			return 0;
	}
	return 1;
}
