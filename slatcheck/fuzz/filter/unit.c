/* SPDX-License-Identifier: GPL-2.0-only */
/* The filter and the generator as one unit, and what the tool asks of them beside their work. */
#include "map.c"
#include "operands.c"
#include "expect.c"
#include "slots.c"
#include "cover.c"
#include "triggers.c"
#include "apply.c"
#include "events.c"
#include "reached.c"
#include "check.c"
#include "breed.c"
#include "draw.c"
#include "graph.c"

/* What the tool must agree on with the compiler, in the order of library.py. */
const u32 slat_sizes[] = {
	sizeof(struct slat_op), sizeof(struct slat_result), sizeof(struct slat_change),
	sizeof(struct slat_event), sizeof(struct slat_control), sizeof(struct layout), sizeof(struct operands),
	sizeof(struct rings), sizeof(struct known_events), KINDS, TRIGGERS, PLACES, EXTENTS, MOST_ENTRIES,
	sizeof(struct reached), sizeof(struct corpus), MOST_LENGTH,
	sizeof(struct slat_step), sizeof(struct slat_scope), MAX_SCOPE, MOST_STATES,
};

/* How much memory each of them needs; it must be zero before they are set up. */
const u64 slat_filter_size = sizeof(struct filter);
const u64 slat_generator_size = sizeof(struct generator);
const u64 slat_graph_size = sizeof(struct graph);

void slat_filter_setup(struct filter *filter, const struct layout *layout)
{
	filter->layout = *layout;
	filter->sight = NO_MACHINE;
}

void slat_filter_tolerate(struct filter *filter, const struct known_events *known)
{
	filter->known = *known;
}

/* The trigger of the operation that was looked at last; TRIGGERS where it has none. */
u32 slat_filter_class(const struct filter *filter)
{
	return filter->class;
}

/* Operations that passed so far, by kind. */
const u64 *slat_filter_checked(const struct filter *filter)
{
	return filter->checked;
}

void slat_generator_setup(struct generator *generator, const struct layout *layout,
			  const struct operands *operands)
{
	generator->layout = *layout;
	generator->operands = *operands;
}

/* Breed, from now on, from kept inputs, and say in ``pairs`` what is reached; both stay the caller's. */
void slat_generator_breed(struct generator *generator, const struct corpus *corpus, struct reached *pairs)
{
	generator->corpus = *corpus;
	generator->pairs = pairs;
}

/* The bytes that the sequence of a number is drawn from. */
void slat_generator_bytes(const struct generator *generator, u64 seed, u64 number, u32 length, u8 *bytes)
{
	bytes_of(&generator->corpus, seed, number, length, bytes);
}

/* Say, from now on, in ``states`` which steps from one size of the table to the next were taken. */
void slat_filter_watch(struct filter *filter, struct reached *states)
{
	filter->states = states;
}

/* The counters of a generator: drawn and left out, classes of operands, what followed what. */
const u64 *slat_generator_counters(const struct generator *generator)
{
	return &generator->drawn[0][0];
}

/* The next create from an operation on, ``end`` where there is none. */
u32 slat_filter_next(const struct slat_op *ops, u32 from, u32 end)
{
	while (from < end && ops[from].kind != OP_CREATE)
		from++;
	return from;
}

/*
 * Draw sequences of consecutive numbers as long as there is room for a whole one. ``starts`` gets
 * where each begins and, behind the last, where it ends. Returns how many there are.
 */
u32 slat_generator_fill(struct generator *generator, struct slat_op *ops, u32 room, u64 seed,
			u64 number, u32 length, u32 *starts, u32 most)
{
	u32 used = 0, count = 0;

	while (count < most && room - used >= length + MOST_BESIDE) {
		starts[count] = used;
		generator->base = used;
		used += slat_generator_draw(generator, &ops[used], seed, number + count++, length);
	}
	starts[count] = used;
	return count;
}

/* The trigger of each operation of a sequence that does what the map says, and whether it may. */
void slat_filter_triggers(struct filter *filter, const struct slat_op *ops, u32 count, u32 *triggers,
			  u32 *contract)
{
	struct foreseen foreseen = {
		&filter->layout, &filter->map, &filter->slots, &filter->borders, 0
	};
	u32 i;

	for (i = 0; i < count; i++) {
		triggers[i] = T_ANY;
		contract[i] = 0;
		if (!is_known(&filter->layout, ops[i].kind))
			continue;
		contract[i] = is_allowed(filter, &ops[i]);
		if (filter->layout.large && contract[i]) {
			triggers[i] = leaf_trigger(&foreseen, &ops[i]);
			apply(&foreseen, &ops[i]);
		} else if (!filter->layout.large) {
			triggers[i] = trigger(&filter->layout, &filter->map, &ops[i]);
			expect(&filter->layout, &filter->map, &ops[i], &filter->expected);
		}
	}
	filter->sight = NO_MACHINE;
}

/* The compiler may call these for what assigns a structure. */
__attribute__((visibility("hidden"))) void *memcpy(void *to, const void *from, unsigned long bytes)
{
	volatile u8 *into = to;
	const u8 *of = from;

	while (bytes--)
		*into++ = *of++;
	return to;
}

__attribute__((visibility("hidden"))) void *memset(void *to, int value, unsigned long bytes)
{
	volatile u8 *into = to;

	while (bytes--)
		*into++ = value;
	return to;
}
