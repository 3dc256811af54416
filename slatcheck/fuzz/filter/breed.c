/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The bytes that a sequence is drawn from: fresh ones, or those of a kept input with a few changes.
 * A block of bytes is an operation, so that what is bred is as much within the contract as what is
 * drawn. Changes are made here, and not by a mutator of bytes from elsewhere: those know no blocks,
 * and in Python they take longer than the run of what they make.
 */
#include "filter.h"

enum { HEADER = 6, BLOCK = 7 };
enum { MOST_LENGTH = 4096, MOST_CHANGES = 4, MOST_MOVED = 16 };

/* Inputs that were kept, one behind the other, each of HEADER + BLOCK * length bytes. */
struct corpus {
	const u8 *inputs;
	u32 count;
	u32 rare;		/* so many, the first ones, reached code or tables that few do */
	u32 again;		/* the sequence of a number is the input of that number, unchanged */
};

/* SplitMix64: a counter and a mixer; every seed gives a stream of its own. */
static u64 mixed(u64 value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

static u64 next_number(u64 *state)
{
	*state += 0x9e3779b97f4a7c15ULL;
	return mixed(*state);
}

static void next_bytes(u64 *state, u8 *bytes, u32 count)
{
	u64 number = next_number(state);
	u32 i;

	for (i = 0; i < count; i++)
		bytes[i] = number >> 8 * i;
}

/* A number below a limit. */
static u32 below(u64 *state, u32 limit)
{
	return next_number(state) % limit;
}

static void fresh_blocks(u64 *state, u8 *bytes, u32 first, u32 length)
{
	for (; first < length; first++)
		next_bytes(state, &bytes[HEADER + BLOCK * first], BLOCK);
}

static void copy_bytes(u8 *to, const u8 *from, u32 count)
{
	u32 i;

	if (to < from)
		for (i = 0; i < count; i++)
			to[i] = from[i];
	else
		for (i = count; i--;)
			to[i] = from[i];
}

/* One of the kept inputs: every second time one that few are like, if there is any. */
static const u8 *parent(u64 *state, const struct corpus *corpus, u32 size)
{
	u64 number = next_number(state);
	u32 among = corpus->rare && number & 1 ? corpus->rare : corpus->count;

	return &corpus->inputs[(u64)size * ((number >> 1) % among)];
}

enum change {
	NEW_TAIL, OTHER_TAIL, NEW_BLOCK, NEW_BYTE, SWAPPED, INSERTED, TAKEN_OUT, REPEATED, OTHER_FOCUS,
	CHANGES
};

/* Change a sequence of bytes in one way. */
static void change(u64 *state, const struct corpus *corpus, u8 *bytes, u32 length)
{
	u8 *blocks = &bytes[HEADER], kept[BLOCK];
	u32 how = below(state, CHANGES), at = below(state, length), other = below(state, length);
	u32 behind = BLOCK * (length - at - 1), run;

	switch (how) {
	case NEW_TAIL:
		fresh_blocks(state, bytes, at, length);
		break;
	case OTHER_TAIL:
		copy_bytes(&blocks[BLOCK * at],
			   &parent(state, corpus, HEADER + BLOCK * length)[HEADER + BLOCK * at],
			   BLOCK * (length - at));
		break;
	case NEW_BLOCK:
		next_bytes(state, &blocks[BLOCK * at], BLOCK);
		break;
	case NEW_BYTE:
		blocks[BLOCK * at + below(state, BLOCK)] = next_number(state);
		break;
	case SWAPPED:
		copy_bytes(kept, &blocks[BLOCK * at], BLOCK);
		copy_bytes(&blocks[BLOCK * at], &blocks[BLOCK * other], BLOCK);
		copy_bytes(&blocks[BLOCK * other], kept, BLOCK);
		break;
	case INSERTED:
		copy_bytes(&blocks[BLOCK * at + BLOCK], &blocks[BLOCK * at], behind);
		next_bytes(state, &blocks[BLOCK * at], BLOCK);
		break;
	case TAKEN_OUT:
		copy_bytes(&blocks[BLOCK * at], &blocks[BLOCK * at + BLOCK], behind);
		next_bytes(state, &blocks[BLOCK * (length - 1)], BLOCK);
		break;
	case REPEATED:
		run = 1 + below(state, MOST_MOVED);
		run = at_most(run, length - at_least(at, other));
		copy_bytes(&blocks[BLOCK * at], &blocks[BLOCK * other], BLOCK * run);
		break;
	default:
		bytes[below(state, HEADER)] = next_number(state);
	}
}

/*
 * The bytes that the sequence of a number is drawn from. Where nothing was kept all are fresh, else
 * those of every second number, more or less.
 */
static void bytes_of(const struct corpus *corpus, u64 seed, u64 number, u32 length, u8 *bytes)
{
	u64 state = mixed(seed) + mixed(~number), coin = mixed(~seed) + mixed(number);
	u32 size = HEADER + BLOCK * length, changes;

	if (corpus->again) {
		copy_bytes(bytes, &corpus->inputs[(u64)size * (number % corpus->count)], size);
	} else if (corpus->count && next_number(&coin) & 1) {
		copy_bytes(bytes, parent(&coin, corpus, size), size);
		for (changes = 1 + below(&coin, MOST_CHANGES); changes; changes--)
			change(&coin, corpus, bytes, length);
	} else {
		next_bytes(&state, bytes, HEADER);
		fresh_blocks(&state, bytes, 0, length);
	}
}
