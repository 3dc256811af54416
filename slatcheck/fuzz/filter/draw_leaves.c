/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Operands where leaves have several sizes: what meets at the borders of leaves and of memslots, as
 * slatcheck/search/leaf_sequences.py draws them. Included by draw.c.
 */

enum { MOST_DEVICE_PAGES = 16 };

static struct memslot slot_from(const struct generator *from, u64 frame)
{
	return slot_at(&from->layout, &from->slots, frame);
}

/* How many frames an unsigned long can tell apart, 0 where that is all of them. */
static u64 word_frames(const struct generator *from)
{
	u64 most = from->layout.word_mask >> from->layout.page_shift;

	return most < from->layout.top ? most + 1 : 0;
}

static u32 order_from(const struct generator *from, u8 byte)
{
	const struct layout *layout = &from->layout;

	return byte < 128 ? 0 : layout->leaf_orders[1 + byte % (layout->leaf_orders_used - 1)];
}

static u64 kept_within(const struct generator *from, s64 frame)
{
	return frame < 0 ? 0 : at_most(frame, from->layout.top);
}

/* A frame within a leaf at the focus, or right behind it. */
static u64 frame_in_leaf(struct generator *from, u8 a, u8 b)
{
	const struct layout *layout = &from->layout;
	u32 order = layout->leaf_orders[1 + (b >> 3) % (layout->leaf_orders_used - 1)];
	s64 span = 1LL << order;
	const s64 steps[4] = { span, span / 2, span - 1, -span };

	from->place = AT_FOCUS;
	return kept_within(from, (s64)from->focus[a & 3] + steps[b >> 1 & 3] + (b & 1));
}

static void draw_borders(struct generator *from, u8 byte, struct slat_op *op)
{
	static const s32 deltas[8] = { 0, 0, 0, 1, -1, 2, -2, 3 };
	u64 word = word_frames(from), low, high;
	s64 first, second;

	if (word && byte & 0x10)
		from->focus[1] = (from->focus[0] + word) % (from->layout.top + 1);
	first = (s64)from->focus[0] + deltas[byte & 7];
	second = byte & 8 ? first + 1 + (byte >> 4 & 3) : (s64)from->focus[1];
	if (!(byte & 0xc0))
		first = second = 0;
	low = kept_within(from, first);
	high = kept_within(from, second);
	op->first = at_most(low, high);
	op->last = at_least(low, high);
}

static void draw_leaf_fault(struct generator *from, const u8 *block, struct slat_op *op)
{
	u32 order = order_from(from, block[2] * 7);
	u64 low = (1ULL << order) - 1, frame;

	draw_fault(from, block, op);
	if (order && (block[6] & 0x70) == 0x70) {
		const u64 skews[3] = { 1, low, 1ULL << (order - 1) };

		op->skew = skews[block[6] % 3];
	}
	frame = op->first >> from->layout.page_shift;
	op->order = order;
	op->pfn = (op->pfn & ~low) | ((frame + op->skew) & low);
}

static void draw_leaf(struct generator *from, const u8 *block, struct slat_op *op)
{
	draw_address(from, block, op);
	op->order = order_from(from, block[3]);
	if (op->kind == OP_SPLIT)
		return;
	op->pfn = pfn_from(from, block[4]) >> op->order << op->order;
	op->flags = block[5] & 1 ? 0 : FLAG_WRITABLE;
}

static void draw_device(struct generator *from, const u8 *block, struct slat_op *op)
{
	const struct layout *layout = &from->layout;
	u64 first = frame_from(from, block[1], block[2]), pages = 1 + (block[3] & 3);

	from->extent = FEW_FRAMES;
	if (op->kind == OP_IOUNMAP)
		pages = count_from(from, block[4], block[5]);
	pages = at_most(pages, layout->top + 1 - first);
	op->first = first << layout->page_shift;
	op->last = pages << layout->page_shift;
	if (op->kind == OP_IOUNMAP)
		return;
	op->pfn = at_most(pfn_from(from, block[4]), layout->pfn_top - pages + 1);
	op->flags = block[5] & 1 ? 0 : FLAG_WRITABLE;
}

static void draw_prepared(struct generator *from, const u8 *block, struct slat_op *op)
{
	const struct layout *layout = &from->layout;
	u64 frame = block[6] & 3 ? from->focus[block[1] & 1] : frame_from(from, block[1], block[2]);
	struct memslot slot = slot_from(from, frame);
	u64 base = slot.base, pages = slot.last - slot.base + 1;
	int device;

	from->extent = WHOLE_TABLES;
	if ((block[3] & 0xf0) == 0xf0) {
		pages = 1 + (block[5] & 1);
		base = at_most(layout->top + 1 - (block[3] & 1), layout->slot_limit - pages);
		pages = at_most(pages, layout->slot_most);
	}
	device = block[3] & 1 && pages <= MOST_DEVICE_PAGES;
	op->first = base;
	op->last = pages;
	if (device)
		op->pfn = at_most(pfn_from(from, block[4]), layout->pfn_top - MOST_DEVICE_PAGES);
	op->flags = (device ? FLAG_WRITE : 0) | (block[5] & 6 ? FLAG_WRITABLE : 0);
}

/* A mask of pages of one memslot. */
static void cut_mask(struct generator *from, struct slat_op *op)
{
	u32 low = __builtin_ctzll(op->mask);
	u64 frame = at_most(op->first + op->last + low, from->layout.top), offset, room, mask;
	struct memslot slot = slot_from(from, frame);

	offset = frame - slot.base > low ? frame - slot.base - low : 0;
	room = slot.last - slot.base + 1 - offset;
	mask = room < 64 ? op->mask & ((1ULL << room) - 1) : op->mask;
	op->first = slot.base;
	op->last = offset;
	op->mask = mask ? mask : 1;
}

static void draw_leaf_op(struct generator *from, const u8 *block, struct slat_op *op)
{
	struct memslot slot;

	switch (op->kind) {
	case OP_FAULT:
		draw_leaf_fault(from, block, op);
		break;
	case OP_MAP: case OP_SPLIT:
		draw_leaf(from, block, op);
		break;
	case OP_IOREMAP: case OP_IOUNMAP:
		draw_device(from, block, op);
		break;
	case OP_PREPARE_REGION:
		draw_prepared(from, block, op);
		break;
	case OP_LOG_DIRTY_MASKED:
		draw_mask(from, block, op);
		cut_mask(from, op);
		break;
	case OP_FLUSH_SLOT: case OP_COMMIT_REGION:
		slot = slot_from(from, frame_from(from, block[1], block[2]));
		op->first = slot.base;
		op->last = slot.last - slot.base + 1;
		from->extent = WHOLE_TABLES;
		break;
	case OP_UNMAP: case OP_AGE:
		draw_bounds(from, block, op);
		op->first = at_most(op->first, from->layout.top);
		op->last = at_most(op->last, slot_from(from, op->first).last);
		op->last = at_least(op->first, op->last) + 1;
		break;
	case OP_FLUSH: case OP_MKCLEAN:
		draw_bounds(from, block, op);
		op->last = at_most(op->last, from->layout.top);
		break;
	default:
		draw_op(from, block, op);
	}
}

static void clear_op(struct slat_op *op, u32 kind);

static u32 page_at(struct slat_op *op, u64 gpa, u64 pfn, u32 order)
{
	clear_op(op, OP_FAULT);
	op->first = gpa;
	op->pfn = pfn;
	op->flags = FLAG_WRITE | FLAG_WRITABLE;
	op->order = order;
	return 1;
}

static u32 on_slot(struct slat_op *op, u32 kind, struct memslot slot)
{
	clear_op(op, kind);
	op->first = slot.base;
	op->last = slot.last - slot.base + 1;
	return 1;
}

/* A leaf, and a request for it or for what is the same frame to an unsigned long. */
static u32 draw_aliased(struct generator *from, u8 byte, u64 border, struct slat_op *ops)
{
	u64 word = word_frames(from), high = from->focus[0], frame;
	u32 shift = from->layout.page_shift, order = from->layout.leaf_orders[1], used = 0;
	struct memslot slot;

	if (high < word)
		high += word;
	if (byte & 16) {
		int device;

		slot = slot_from(from, border >= word ? border : high);
		device = slot.last - slot.base + 1 <= MOST_DEVICE_PAGES;
		frame = slot.base % word;
		used += page_at(&ops[used], frame << shift, frame & ((1ULL << order) - 1), order);
		used += on_slot(&ops[used], OP_PREPARE_REGION, slot);
		ops[used - 1].pfn = device ? 7 : 0;
		ops[used - 1].flags = (device ? FLAG_WRITE : 0) | FLAG_WRITABLE;
		return used;
	}
	slot = slot_from(from, high);
	if (byte & 8)
		frame = slot.base;
	else
		frame = high;
	used += page_at(&ops[used], (byte & 32 ? frame : frame % word) << shift, 5, 0);
	if (byte & 8) {
		used += on_slot(&ops[used], OP_COMMIT_REGION, slot);
	} else {
		clear_op(&ops[used], OP_LOG_DIRTY_MASKED);
		ops[used].first = slot.base;
		ops[used].last = high - slot.base;
		ops[used++].mask = 1;
	}
	return used;
}

/* What comes right behind a create: often a memslot is prepared before anything is mapped. */
static u32 draw_beginning(struct generator *from, u8 byte, u64 border, const u8 *block,
			  struct slat_op *ops)
{
	u32 used = 0;

	if (byte & 1 && from->operands.kinds >> OP_PREPARE_REGION & 1) {
		struct slat_op new;
		u64 end;

		clear_op(&new, OP_PREPARE_REGION);
		draw_prepared(from, block, &new);
		end = new.first + new.last;
		if (byte & 2 && end <= from->layout.top) {
			page_at(&ops[used], end << from->layout.page_shift, 5, 0);
			ops[used].flags = 0;
			used += from->operands.kinds >> OP_FAULT & 1;
		}
		ops[used++] = new;
	}
	if (word_frames(from) && byte & 4) {
		struct slat_op found[2];
		u32 count = draw_aliased(from, byte, border, found), i;

		for (i = 0; i < count; i++)
			if (from->operands.kinds >> found[i].kind & 1)
				ops[used++] = found[i];
	}
	return used;
}
