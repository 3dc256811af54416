/* SPDX-License-Identifier: GPL-2.0-only */
/* What was reached for the first time, and by which operation of a batch: features, as bits. */
#include "filter.h"

enum { MOST_NEWS = 8192 };

/*
 * ``bits`` says what was reached so far, one bit for each feature; ``at`` and ``which`` list the
 * ones since somebody last looked. Where there is no room for more, it stays unreached.
 */
struct reached {
	u8 *bits;
	u32 count, pad;
	u32 at[MOST_NEWS], which[MOST_NEWS];
};

static void feature(struct reached *reached, u32 which, u32 at)
{
	if (!reached || reached->bits[which / 8] >> which % 8 & 1 || reached->count == MOST_NEWS)
		return;
	reached->bits[which / 8] |= 1 << which % 8;
	reached->at[reached->count] = at;
	reached->which[reached->count++] = which;
}

/* Small numbers as they are, larger ones by their size: 0..15. */
static u32 size_class(u32 number)
{
	u32 length = 0, rest = number;

	if (number < 6)
		return number;
	while (rest >>= 1)
		length++;
	/* two classes for each power of two: 4..5 is over, 6..7, 8..11, 12..15, .. */
	return at_most(2 * length + (number >> (length - 1) & 1) + 1, 15);
}
