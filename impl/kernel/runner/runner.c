/* SPDX-License-Identifier: GPL-2.0-only */
/* The trace runner: one call executes a whole sequence and leaves its outcomes in the rings. */
#include "slat.h"

struct slat_machine slat;
struct slat_control slat_control;
/* Whether a call goes on: the operation in progress, and the accesses that it may still make. */
const u32 *const slat_progress[] = { &slat_control.cursor, &slat_hot.fuel };
struct slat_op slat_ops[MAX_OPS];
struct slat_result slat_results[MAX_OPS];
struct slat_change slat_changes[MAX_CHANGES];
u64 slat_dirty[MAX_DIRTY];
struct slat_event slat_events[MAX_EVENTS];

/* The geometry as the tree has it, in the order of model.layout.Geometry; its levels are laid out. */
u32 slat_geometry[13];
/*
 * The entry format as the compiler sees it, made by the tree's own helpers. 0: the size of an entry.
 * Raw entries of PFN 0: 1 present, 2 young, 3 young with write permission and dirty; 4 the same, old;
 * 5 the same, old and clean. Raw PFN bits alone: 6 of PFN 1, 7 of PFN 0x2aaaaaa, as far as they have
 * a place. Nothing looks at 8 and 9.
 */
u64 slat_format[10];

/* Where snapshot.py finds the root, the used part of the arena, and what is known of a page. */
u32 slat_places[8];

static void record_places(void)
{
	slat_places[0] = offsetof(struct slat_machine, kvm.SLAT_ROOT);
	slat_places[1] = offsetof(struct slat_machine, used);
	slat_places[2] = sizeof(struct page);
	slat_places[3] = offsetof(struct page, state);
	slat_places[4] = offsetof(struct page, order);
	slat_places[5] = offsetof(struct page, head);
	slat_places[6] = offsetof(struct page, kind);
	slat_places[7] = offsetof(struct page, block);
}

#include "format.h"

/* Run once. */
void slat_boot(void)
{
	slat_wide();
#ifdef SLAT_BOOT
	SLAT_BOOT();
#endif
	slat_geometry_init();
	fill_empty_tables();
	record_format();
	record_places();
	slat_control.ready = 1;
}

static void clear(void *to, unsigned long bytes)
{
	volatile unsigned long *words = to;
	volatile u8 *p;

	if (!((unsigned long)to % sizeof(*words)))
		for (; bytes >= sizeof(*words); bytes -= sizeof(*words))
			*words++ = 0;
	for (p = (void *)words; bytes; bytes--)
		*p++ = 0;
}

/* Nothing is left of the last virtual machine. */
static void renew(void)
{
	slat_heap_reset();
	clear(&slat.kvm, sizeof(slat.kvm));
	clear(&slat.vcpu, sizeof(slat.vcpu));
	slat.vcpu.kvm = &slat.kvm;
	slat.references = 0;
	slat.unpaired = 0;
}

static void start(void)
{
	renew();
	slat_control.cursor = slat_control.done = slat_control.stopped = 0;
	slat_control.changes = slat_control.dirty = slat_control.events = 0;
}

static void settle(const struct slat_op *op, s64 result)
{
	slat_environment_end();
	/* a notifier that answers yes leaves the flush to its caller */
	if (op->kind == OP_UNMAP && result)
		slat_flush_all();
	if (op->kind == OP_CREATE && !result)
		slat_observe_root();
	else if (op->kind != OP_DESTROY)
		slat_observe();
	if (op->kind == OP_DESTROY || (op->kind == OP_CREATE && result))
		slat_leaks();
}

static void record(s64 result)
{
	struct slat_result *out = &slat_results[slat_control.cursor];

	out->result = result;
	out->changes = slat_control.changes;
	out->dirty = slat_control.dirty;
	out->events = slat_control.events;
	out->tables = slat.tables;
	out->taken = slat.taken;
	out->freed = slat.freed;
	out->held = slat.held;
	out->steps = slat_control.budget - slat_hot.fuel;
}

/* Before the root goes, the tables are compared whole with what the log made us believe. */
static void confirm(void)
{
	u32 before = slat_control.changes;

	slat_observe_all();
	if (slat_control.changes != before)
		slat_fatal(EV_TOOL_LIMIT, SU_RING, before, 0, slat_control.changes);
}

static s64 step(const struct slat_op *op)
{
	s64 result;

	if (op->kind == OP_DESTROY)
		confirm();
	slat_environment_begin(op);
	result = slat_dispatch(op, &slat.kvm, &slat.vcpu);
	settle(op, result);
	return result;
}

void slat_run(void)
{
	if (slat_control.resume)
		slat_control.cursor = slat_control.changes = slat_control.dirty = slat_control.events = 0;
	else
		start();
	while (slat_control.cursor < slat_control.ops) {
		const struct slat_op *op = &slat_ops[slat_control.cursor];
		s64 result;

		if (slat_setjmp(slat_frame)) {
			slat_control.stopped = 1;
			record(0);
			return;
		}
		result = step(op);
		record(result);
		slat_control.done = ++slat_control.cursor;
		if (op->kind == OP_CREATE && result)
			return;
	}
}

/* --- many sequences in one call --- */

/* What was cut short, or not done, has an account of pages that none can have. */
enum { NOT_DONE = 0xffffffff };

/* The operations of a sequence that follow one which ended it. */
static void skip(void)
{
	for (slat_control.cursor++; slat_control.cursor < slat_control.ops; slat_control.cursor++) {
		if (slat_ops[slat_control.cursor].kind == OP_CREATE)
			break;
		record(0);
		slat_results[slat_control.cursor].held = NOT_DONE;
	}
}

static int half_full(void)
{
	return slat_control.changes > MAX_CHANGES / 2 || slat_control.dirty > MAX_DIRTY / 2 ||
	       slat_control.events > MAX_EVENTS / 2;
}

static int lost_records(void)
{
	return slat_control.changes >= MAX_CHANGES || slat_control.dirty >= MAX_DIRTY ||
	       slat_control.events >= MAX_EVENTS;
}

/* Carry out the sequence at the cursor, up to the next create. */
static void run_sequence(void)
{
	renew();
	do {
		const struct slat_op *op = &slat_ops[slat_control.cursor];
		s64 result;

		if (slat_setjmp(slat_frame)) {
			record(0);
			slat_results[slat_control.cursor].held = NOT_DONE;
			skip();
			return;
		}
		result = step(op);
		record(result);
		if (op->kind == OP_CREATE && result) {
			skip();
			return;
		}
		slat_control.cursor++;
	} while (slat_control.cursor < slat_control.ops && slat_ops[slat_control.cursor].kind != OP_CREATE);
}

/*
 * Sequences one behind the other, each from its create on. 'done' counts the operations up to which
 * everything was recorded: where the rings fill up, the caller goes on from there in another call.
 */
void slat_batch(void)
{
	start();
	while (slat_control.cursor < slat_control.ops && !half_full()) {
		run_sequence();
		if (lost_records() && slat_control.done)
			return;
		slat_control.done = slat_control.cursor;
	}
}
