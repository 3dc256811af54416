/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What decides the future of a machine, as two sums of 64 bits: of each linked table its level and
 * the guest address it begins at, of each leaf its level, address and raw entry. A sum does not
 * depend on where pages are, nor on the order in which they came. Only native code is explored.
 */
#ifndef SLAT_SIGNATURE_H
#define SLAT_SIGNATURE_H

struct slat_signature { u64 low, high; };
/* What a part of the state is; a leaf and a table of one level at one address are two parts. */
enum slat_part { PART_LEAF = 0x10, PART_TABLE = 0x20, PART_HELD = 0x30, PART_LOGGING = 0x40 };

#ifdef SLAT_EXPLORE
extern struct slat_signature slat_signature;
extern int slat_signing;

/* Every bit of what comes out depends on every bit of what goes in. */
static inline u64 slat_mixed(u64 value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

static inline void slat_add(struct slat_signature *to, u32 part, u64 place, u64 value, s32 times)
{
	u64 mixed = slat_mixed(slat_mixed(place * 0x9e3779b97f4a7c15ULL + part) + value);

	to->low += times * mixed;
	to->high += times * slat_mixed(slat_mixed(place + 0xd1b54a32d192ed03ULL * part) ^ mixed);
}

/* A part comes (1) or goes (-1). */
static inline void slat_sign(u32 part, u64 place, u64 value, s32 times)
{
	if (slat_signing)
		slat_add(&slat_signature, part, place, value, times);
}
#else
static inline void slat_sign(u32 part, u64 place, u64 value, s32 times)
{
	(void)part; (void)place; (void)value; (void)times;
}
#endif
#endif
