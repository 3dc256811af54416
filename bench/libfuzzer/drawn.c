/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bytes as operations, by the generator of slatcheck/fuzz/filter, so that the mix of operations is
 * the same. numbers.h has the layout, written when the harness is built.
 */
#include "unit.c"
#include "numbers.h"
#include "harness.h"

enum { LONGEST = 200 };
static struct generator generator;

unsigned int drawn_ops(const u8 *bytes, unsigned long size, struct slat_op *ops)
{
	struct corpus as_it_is = { .inputs = bytes, .count = 1, .again = 1 };
	u32 length = size < HEADER + BLOCK ? 0 : at_most((size - HEADER) / BLOCK, LONGEST);

	if (!length)
		return 0;
	if (!generator.layout.page_shift)
		slat_generator_setup(&generator, &the_layout, &the_operands);
	slat_generator_breed(&generator, &as_it_is, 0);
	return slat_generator_draw(&generator, ops, 0, 0, length);
}

u64 drawn_raw(u64 pfn, u32 flags)
{
	return raw_of(&the_layout, pfn, flags);
}

const struct layout *drawn_layout(void)
{
	return &the_layout;
}
