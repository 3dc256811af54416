/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sequences drawn in bulk: bytes of a small generator are turned into operations just as
 * slatcheck/search/sequences.py turns the bytes that it is given, less what is excluded.
 */
#include "filter.h"

enum { MOST_FRAMES = 64, MOST_PFNS = 192, MOST_SPANS = 8, KEPT_KINDS = 32 };
enum { FOCUS = 4 };
enum { MOST_BESIDE = 6 };		/* operations of a sequence beside those of its blocks */

/* Where operands come from: filled in by operands.py. */
struct operands {
	u64 near[MOST_FRAMES], far[MOST_FRAMES];
	u64 pfns[MOST_PFNS], second[MOST_PFNS];
	u64 spans[MOST_SPANS];			/* pages that a slot of each level spans, root first */
	u32 nears, fars, pfns_used, seconds, spans_used;
	u32 kinds, reach_only;			/* a bit for each kind that may be drawn */
	u32 habits;				/* of a table with leaves of several sizes */
	u32 excluded[KEPT_KINDS];		/* by kind, a bit for each trigger */
	u8 kind_of[256];			/* by the first byte of a block; 0 is nothing */
};

/* Where an operation's first frame was taken from, and how its range was made. */
enum place { AT_FOCUS, NEAR_BORDER, FAR_AWAY, PLACES };
enum extent { ONE_FRAME, FEW_FRAMES, WHOLE_TABLES, TO_ANOTHER, TO_THE_TOP, WHOLE_REACH, ALL, TO_THE_END,
	      UNDER_MASK, EXTENTS };

struct generator {
	struct layout layout;
	struct operands operands;
	struct map map;
	struct expected expected;
	struct slots slots;
	struct borders borders;
	u64 focus[FOCUS];
	u32 place, extent;			/* of the operation that is drawn */
	/* what was drawn: by kind and trigger; the same of what was left out; by kind, place, extent */
	u64 drawn[KINDS][TRIGGERS], left_out[KINDS][TRIGGERS];
	u64 operand_classes[KINDS][PLACES][EXTENTS];
	u64 followed[KINDS][KINDS];		/* by the kind before, and the kind */
	struct corpus corpus;
	struct reached *pairs;			/* of operand classes, one behind the other; may be none */
	u32 base, class;			/* where the sequence begins; the class of what was kept last */
	u8 bytes[HEADER + BLOCK * MOST_LENGTH];	/* of the sequence that is drawn */
};

/* A frame and a small step, kept within reach. */
static u64 stepped(const struct generator *from, u64 frame, u32 which)
{
	static const s32 deltas[8] = { 0, 0, 0, 1, -1, 2, -2, 3 };
	s64 delta = deltas[which & 7];

	if (delta < 0)
		return frame > (u64)-delta ? at_most(frame + delta, from->layout.top) : 0;
	return at_most(frame + delta, from->layout.top);
}

static u64 frame_in_leaf(struct generator *from, u8 a, u8 b);

static u64 frame_from(struct generator *from, u8 a, u8 b)
{
	const struct operands *of = &from->operands;

	if (from->layout.large && a < 200 && (b & 0xc0) == 0xc0)
		return frame_in_leaf(from, a, b);
	if (a < 200) {
		from->place = AT_FOCUS;
		return stepped(from, from->focus[a & 3], b);
	}
	if (a < 222 || of->reach_only) {
		from->place = NEAR_BORDER;
		return stepped(from, of->near[b % of->nears], a);
	}
	from->place = FAR_AWAY;
	return of->far[b % of->fars] + (a & 4 ? from->focus[a & 3] : 0);
}

static u64 pfn_from(const struct generator *from, u8 byte)
{
	const struct operands *of = &from->operands;

	if (byte >= 208 && of->seconds)
		return of->second[byte % of->seconds];
	return of->pfns[byte % of->pfns_used];
}

static void draw_address(struct generator *from, const u8 *block, struct slat_op *op)
{
	u64 offset = block[6] & 8 ? (block[6] >> 4) * 0x111 : 0;
	u64 frame = frame_from(from, block[1], block[2]);

	op->first = (frame << from->layout.page_shift | offset) & from->layout.address_mask;
	if (op->kind == OP_FAULT_FAST && block[3] & 1)
		op->flags = FLAG_WRITE;
}

static void draw_fault(struct generator *from, const u8 *block, struct slat_op *op)
{
	static const u8 answers[4] = { ANSWER_NO_SLOT, ANSWER_ERROR, ANSWER_READ_ONLY, ANSWER_ERROR };
	u8 mode = block[3], extra = block[5];
	u32 write = mode & 1, answer = (mode & 0xf0) == 0xf0 ? answers[mode >> 1 & 3] : ANSWER_PAGE;

	if (answer == ANSWER_READ_ONLY && !write)
		answer = ANSWER_NO_SLOT;
	draw_address(from, block, op);
	op->pfn = pfn_from(from, block[4]);
	op->flags = (write ? FLAG_WRITE : 0) | (write || !(mode & 6) ? FLAG_WRITABLE : 0) | answer << 8;
	op->retries = (extra & 0x30) == 0x30 ? extra >> 6 : 0;
	op->oom = (extra & 0x0c) == 0x0c && (block[6] & 3) == 3 ? 1 + (extra & 3) : 0;
}

/* A number of pages: small, or that of one to three tables of some level. */
static u64 count_from(struct generator *from, u8 c, u8 d)
{
	const struct operands *of = &from->operands;

	from->extent = c < 192 ? FEW_FRAMES : WHOLE_TABLES;
	if (c < 192)
		return 1 + (d & 3);
	return at_least(of->spans[c % of->spans_used] * (1 + (d & 1)) + (d >> 1 & 3), 2) - 1;
}

static void to(struct generator *from, struct slat_op *op, u64 last, u32 extent)
{
	op->last = last;
	from->extent = extent;
}

/* An inclusive range: counted from its start, up to another frame, or special. */
static void draw_bounds(struct generator *from, const u8 *block, struct slat_op *op)
{
	u64 first = frame_from(from, block[1], block[2]);
	u8 how = block[3];

	op->first = first;
	if (how < 214) {
		u64 more = count_from(from, block[4], block[5]) - 1;

		op->last = more > ~first ? ~0ULL : first + more;
	} else if (how < 234) {
		u32 place = from->place;
		u64 other = frame_from(from, block[4], block[5]);

		from->place = place;
		op->first = at_most(first, other);
		to(from, op, at_least(first, other), TO_ANOTHER);
	} else if (how < 246 || from->operands.reach_only) {
		to(from, op, at_least(first, from->layout.top), TO_THE_TOP);
	} else {
		if (how < 252)
			op->first = 0;
		to(from, op, how < 249 ? from->layout.top : ~0ULL,
		   how < 249 ? WHOLE_REACH : how < 252 ? ALL : TO_THE_END);
	}
}

static void clip_inclusive(const struct generator *from, struct slat_op *op)
{
	u64 most = from->layout.slot_limit - 1;

	if (op->first == 0 && op->last == ~0ULL)
		return;
	op->first = at_most(op->first, most);
	op->last = at_most(op->last, most);
}

/* Cut an inclusive range to what a memslot can be; the end is what stays. */
static void clip_slot(const struct generator *from, struct slat_op *op)
{
	u64 most = from->layout.slot_most;

	op->first = at_most(op->first, from->layout.slot_limit - 1);
	op->last = at_least(op->first, at_most(op->last, from->layout.slot_limit - 1));
	if (op->last - op->first >= most)
		op->first = op->last - most + 1;
}

static void draw_mask(struct generator *from, const u8 *block, struct slat_op *op)
{
	u32 width = from->layout.bits, shift = block[4] % width;
	u64 ones = from->layout.word_mask;
	const u64 shapes[8] = { 1, 3, 5, 0x11, ones, ones / 3, 9, 0x8001 };
	u64 mask = shapes[block[3] & 7] << shift & ones, under, limit, offset;
	u32 below = shift + (block[5] >> 1 & 1);

	op->mask = mask ? mask : 1;
	/* the frame that is picked lies under the mask, often in one of its holes */
	under = frame_from(from, block[1], block[2]);
	under = at_most(under > below ? under - below : 0, from->layout.slot_limit - 1);
	limit = from->layout.slot_limit - bit_length(op->mask);
	offset = at_most(block[5] & 1 ? width : 0, under);
	op->first = at_most(under, limit) - offset;
	op->last = offset;
	from->extent = UNDER_MASK;
}

static void draw_op(struct generator *from, const u8 *block, struct slat_op *op)
{
	from->extent = ONE_FRAME;
	from->place = AT_FOCUS;
	if (op->kind == OP_FAULT) {
		draw_fault(from, block, op);
	} else if (is_addressed(op->kind)) {
		draw_address(from, block, op);
	} else if (is_inclusive(op->kind)) {
		draw_bounds(from, block, op);
		clip_inclusive(from, op);
	} else if (op->kind == OP_TEST_AGE) {
		op->first = at_most(frame_from(from, block[1], block[2]), from->layout.slot_limit - 1);
		op->last = op->first + 1;
	} else if (op->kind == OP_LOG_DIRTY_MASKED) {
		draw_mask(from, block, op);
	} else if (op->kind == OP_FLUSH_ALL) {
		from->extent = ALL;
	} else {
		draw_bounds(from, block, op);
		clip_slot(from, op);
		op->last = is_half_open(op->kind) ? op->last + 1 : op->last - op->first + 1;
	}
}

#include "draw_leaves.c"

/* What the generator foresees of an operation. Returns 0 where it is to be left out. */
static int foresee(struct generator *from, const struct slat_op *op, u32 *class)
{
	struct layout *layout = &from->layout;
	struct foreseen in = {
		layout, &from->map, &from->slots, &from->borders, from->operands.habits
	};

	if (layout->large && !(in_contract(layout, op) &&
			       in_contract_now(layout, &from->slots, &from->map, op)))
		return 0;
	*class = layout->large ? leaf_trigger(&in, op) : trigger(layout, &from->map, op);
	if (from->operands.excluded[op->kind] >> *class & 1) {
		from->left_out[op->kind][*class]++;
		return 0;
	}
	if (layout->large)
		return apply(&in, op);
	expect(layout, &from->map, op, &from->expected);
	return 1;
}

/* Count an operation and carry it out on the map. Returns whether it is kept. */
static int keep(struct generator *from, const struct slat_op *op)
{
	u32 class = T_ANY;

	if (!foresee(from, op, &class))
		return 0;
	from->drawn[op->kind][class]++;
	from->operand_classes[op->kind][from->place][from->extent]++;
	from->class = (op->kind * PLACES + from->place) * EXTENTS + from->extent;
	return 1;
}

static void clear_op(struct slat_op *op, u32 kind)
{
	op->kind = kind;
	op->flags = 0;
	op->first = op->last = op->mask = op->pfn = 0;
	op->retries = op->oom = op->order = op->skew = 0;
}

/* Keep an operation behind another. Returns how many are kept. */
static u32 keep_behind(struct generator *from, const struct slat_op *ops, u32 at)
{
	u32 before = from->class;

	if (!keep(from, &ops[at]))
		return 0;
	from->followed[ops[at - 1].kind][ops[at].kind]++;
	feature(from->pairs, before * KINDS * PLACES * EXTENTS + from->class, from->base + at);
	return 1;
}

/*
 * Draw a sequence from its bytes: a create, at most ``length`` operations and a destroy, or a create
 * that is refused and nothing else; where leaves have several sizes, a few more behind the create.
 * Returns how many operations were written; there must be room for MOST_BESIDE more than ``length``.
 */
static u32 draw(struct generator *from, struct slat_op *ops, const u8 *bytes, u32 length)
{
	const u8 *header = bytes, *block = &bytes[HEADER];
	struct slat_op beginning[4];
	u32 used = 0, i, count;

	for (i = 0; i < FOCUS; i++)
		from->focus[i] = from->operands.near[header[i] % from->operands.nears];
	from->place = from->extent = 0;
	clear_op(&ops[used], OP_CREATE);
	ops[used].oom = header[4] > 250;
	if (from->layout.large)
		draw_borders(from, header[5], &ops[used]);
	keep(from, &ops[used++]);
	if (ops[0].oom)
		return used;
	count = from->layout.large ? draw_beginning(from, header[4], ops[0].first, block, beginning) : 0;
	for (i = 0; i < count; i++) {
		ops[used] = beginning[i];
		used += keep_behind(from, ops, used);
	}
	for (i = 0; i < length; i++, block += BLOCK) {
		u8 kind = from->operands.kind_of[block[0]];

		if (!block[0] || !(from->operands.kinds >> kind & 1))
			continue;
		clear_op(&ops[used], kind);
		(from->layout.large ? draw_leaf_op : draw_op)(from, block, &ops[used]);
		used += keep_behind(from, ops, used);
	}
	if (from->operands.kinds >> OP_DESTROY & 1) {
		from->place = from->extent = 0;
		clear_op(&ops[used], OP_DESTROY);
		used += keep_behind(from, ops, used);
	}
	return used;
}

/* Draw the sequence of a number, of at most MOST_LENGTH operations, as ``draw`` does. */
u32 slat_generator_draw(struct generator *from, struct slat_op *ops, u64 seed, u64 number, u32 length)
{
	bytes_of(&from->corpus, seed, number, length, from->bytes);
	return draw(from, ops, from->bytes, length);
}
