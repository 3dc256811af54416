/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What guest frames are mapped to where leaves have several sizes: the same frames may be covered
 * in several ways, so that frames are compared and not leaves. Leaves are as the observer of the
 * tables last found them, before the operation and after it.
 */
enum { MAX_LEAVES = 8192, MAX_SAID = 16 };
struct cover { u32 used; struct slat_change leaves[MAX_LEAVES]; };
static struct cover before, after;
static u32 said;

static u64 end_of(const struct slat_change *leaf)
{
	return leaf->gfn + (1ULL << leaf->order);
}

static void put_leaf(const struct slat_change *change)
{
	u32 i;

	for (i = 0; i < after.used && after.leaves[i].gfn != change->gfn; i++)
		;
	if (!change->raw) {
		if (i < after.used)
			after.leaves[i] = after.leaves[--after.used];
		return;
	}
	if (i == MAX_LEAVES)
		slat_fatal(EV_TOOL_LIMIT, SU_RING, change->gfn, 0, i);
	after.leaves[i] = *change;
	after.used += i == after.used;
}

/* Another machine: nothing is mapped. */
static void forget_cover(void)
{
	before.used = after.used = 0;
}

/* An operation has ended: what it changed is what the rings hold from here on. */
static void follow_cover(u32 from)
{
	u32 i;

	for (i = 0; i < after.used; i++)
		before.leaves[i] = after.leaves[i];
	before.used = after.used;
	for (i = from; i < slat_control.changes; i++)
		put_leaf(&slat_changes[i]);
	said = 0;
}

static const struct slat_change *holder(const struct cover *cover, u64 gfn)
{
	u32 i;

	for (i = 0; i < cover->used; i++)
		if (cover->leaves[i].gfn <= gfn && gfn < end_of(&cover->leaves[i]))
			return &cover->leaves[i];
	return 0;
}

/* An entry of the frame that lies so many after the one that this is the entry of. */
static u64 counted(u64 raw, u64 frames)
{
	return raw ? raw + frames * slat_format[6] : 0;
}

/* What the frame is mapped to, as an entry of its own; 0 where it is not. */
static u64 mapped_to(const struct cover *cover, u64 gfn)
{
	const struct slat_change *leaf = holder(cover, gfn);

	return leaf ? counted(leaf->raw, gfn - leaf->gfn) : 0;
}

/* The first frame after this one, up to a limit, at which another leaf may begin. */
static u64 next_border(const struct cover *cover, u64 gfn, u64 limit)
{
	const struct slat_change *leaf = holder(cover, gfn);
	u32 i;

	if (leaf)
		return end_of(leaf) < limit ? end_of(leaf) : limit;
	for (i = 0; i < cover->used; i++)
		if (cover->leaves[i].gfn > gfn && cover->leaves[i].gfn < limit)
			limit = cover->leaves[i].gfn;
	return limit;
}

static void complain(const struct slat_may *may, u64 gfn, u64 end)
{
	u64 now = mapped_to(&after, gfn), was = mapped_to(&before, gfn);
	const char *or = "";

	breaks();
	if (said++ == MAX_SAID)
		slat_say("   BROKEN: and more\n");
	if (said > MAX_SAID)
		return;
	slat_say("   BROKEN: gfn %x (GPA %x, %n page%s) must ", gfn, gfn << PAGE_SHIFT, end - gfn,
		 end - gfn == 1 ? "" : "s");
	if (may && may->raw) {
		slat_say("be ");
		show(counted(may->raw, gfn - may->first));
		or = " or ";
	}
	if (may && may->gone) {
		slat_say("%s%s", or, *or ? "absent" : "be absent");
		or = " or ";
	}
	if (!may || may->kept)
		slat_say("%sstay as it was", or);
	if (now == was) {
		slat_say(", stayed as it was\n");
		return;
	}
	slat_say(", became ");
	show(now);
	slat_say("\n");
}

static int allowed(const struct slat_may *may, u64 gfn)
{
	u64 now = mapped_to(&after, gfn);

	if ((!may || may->kept) && now == mapped_to(&before, gfn))
		return 1;
	return may && ((may->gone && !now) || (may->raw && now == counted(may->raw, gfn - may->first)));
}

static const struct slat_may *concerning(const struct slat_may *may, u32 count, u64 gfn)
{
	u32 i;

	for (i = 0; i < count; i++)
		if (may[i].first <= gfn && gfn <= may[i].last)
			return &may[i];
	return 0;
}

/* Frames of a leaf that came or went which no line concerns must be mapped as before. */
static void check_rest(const struct slat_may *may, u32 count, const struct slat_change *leaf)
{
	u64 gfn = leaf->gfn, next;
	u32 i;

	for (; gfn < end_of(leaf); gfn = next) {
		const struct slat_may *one = concerning(may, count, gfn);

		next = next_border(&before, gfn, next_border(&after, gfn, end_of(leaf)));
		if (one && one->last + 1 < next)
			next = one->last + 1;
		for (i = 0; i < count && !one; i++)
			if (may[i].first > gfn && may[i].first < next)
				next = may[i].first;
		if (!one && !allowed(0, gfn))
			complain(0, gfn, next);
	}
}

static int is_in(const struct cover *cover, const struct slat_change *leaf)
{
	const struct slat_change *found = holder(cover, leaf->gfn);

	return found && found->gfn == leaf->gfn && found->raw == leaf->raw && found->order == leaf->order;
}

/* The frame in a large leaf is that of its first page: the lower bits are none of the entry's. */
static void check_aligned(const struct slat_change *leaf)
{
	u64 frame = pte_pfn(__pte((unsigned long)leaf->raw));

	must(!(frame & ((1ULL << leaf->order) - 1)), "a large leaf must hold an aligned frame");
}

void slat_must_hold(const struct slat_may *may, u32 count)
{
	u64 gfn, next;
	u32 i;

	for (i = 0; i < count; i++) {
		for (gfn = may[i].first; gfn <= may[i].last; gfn = next) {
			next = next_border(&before, gfn, next_border(&after, gfn, may[i].last + 1));
			if (!allowed(&may[i], gfn))
				complain(&may[i], gfn, next);
		}
	}
	for (i = 0; i < after.used; i++) {
		if (is_in(&before, &after.leaves[i]))
			continue;
		check_aligned(&after.leaves[i]);
		check_rest(may, count, &after.leaves[i]);
	}
	/* of what went, only what nothing came for was not looked at yet */
	for (i = 0; i < before.used; i++)
		if (!is_in(&after, &before.leaves[i]) && !holder(&after, before.leaves[i].gfn))
			check_rest(may, count, &before.leaves[i]);
}

void must_hold_nothing_else(void)
{
	slat_must_hold(0, 0);
}

void must_be_at_most(u32 order, u64 first, u64 last)
{
	u32 i;

	for (i = 0; i < after.used; i++) {
		const struct slat_change *leaf = &after.leaves[i];

		if (leaf->gfn > last || end_of(leaf) <= first || leaf->order <= order)
			continue;
		/* what was there before is none of this operation's, unless it is to divide it */
		if (running.kind != OP_SPLIT && is_in(&before, leaf))
			continue;
		slat_say("   BROKEN: gfn %x (GPA %x) must be in a leaf of at most %n pages, is in one of %n\n",
			 leaf->gfn > first ? leaf->gfn : first,
			 (leaf->gfn > first ? leaf->gfn : first) << PAGE_SHIFT, 1LL << order,
			 1LL << leaf->order);
		breaks();
	}
}
