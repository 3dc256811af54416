/* SPDX-License-Identifier: GPL-2.0-only */
/* One hart executes, so a plain change is atomic. */
#ifndef SLATCHECK_ASM_BITOPS_H
#define SLATCHECK_ASM_BITOPS_H
#include <slatcheck/base.h>
#define test_and_clear_bit(nr, address) ({ \
	volatile unsigned long *__at = (volatile unsigned long *)(address) + (nr) / BITS_PER_LONG; \
	unsigned long __bit = 1UL << ((nr) % BITS_PER_LONG), __was = *__at; \
	*__at = __was & ~__bit; \
	(__was & __bit) != 0; })
#define xchg(address, value) ({ \
	__typeof__(address) __at = (address); \
	__typeof__(*__at) __was = *__at; \
	*__at = (value); \
	__was; })
typedef struct { long counter; } atomic_long_t;
#define atomic_long_set(a, value) ((void)((a)->counter = (value)))
#define atomic_long_xchg(a, value) xchg(&(a)->counter, (long)(value))
#define atomic_long_read(a) ((a)->counter)
#define atomic_long_and(mask, a) ((void)((a)->counter &= (mask)))
#define DECLARE_BITMAP(name, bits) unsigned long name[((bits) + BITS_PER_LONG - 1) / BITS_PER_LONG]
#endif
