/* SPDX-License-Identifier: GPL-2.0-only */
/* Judging a reproducer's operations: status 0 kept, 1 the finding shows, 3 neither can be said. */
#include "reproduce.h"

enum { KEPT = 0, SHOWN = 1, UNDECIDED = 3 };
struct kvm *const kvm = &slat.kvm;
struct kvm_vcpu *const vcpu = &slat.vcpu;
u32 slat_step, slat_last;	/* read by program.py where the machine itself faults */

static const char *finding;
static struct slat_op running;
static s64 result;
static u32 broken_before, broken, tables_before, changes_from, dirty_from, events_from;
static struct { u32 code, subject; } others[8];
static u32 others_known;

static const char *const codes[] = {
	"bad-access", "out-of-bounds", "use-after-free", "double-free", "wild-free", "uninitialised",
	"leak", "accounting", "runaway", "kernel-warning", "kernel-bug", "unlocked-access",
	"cache-exhausted", "dirty-unreported", "wrong-result", "bad-access", "a limit of the runner",
	"unflushed",
};
static const char *const subjects[] = {
	"", "pgd", "pud table", "pmd table", "pte table", "page not linked", "cache array",
	"empty table", "mmu_lock", "srcu", "page reference", "table destructor", "table constructor",
	"load", "store", "null pointer", "pgd, all but its first pages", "linked table",
	"directory slots", "entry", "outside mmu_lock", "read-only", "ring", "arena",
	"tables of a freed directory", "p4d table", "removed leaf", "permission", "table given back",
	"mmap_lock",
};

static void forget_cover(void);

static void show(u64 raw)
{
	if (raw)
		slat_say("entry %x", raw);
	else
		slat_say("absent");
}

static void breaks(void)
{
	if (slat_step == slat_last)
		broken++;
	else
		broken_before++;
}

void about(const char *name, u32 last)
{
	finding = name;
	slat_last = last;
	slat_step = broken = broken_before = 0;
	forget_cover();
	slat_say("%s\n", name);
}

void slat_begin(const char *text, const struct slat_op *op)
{
	slat_say("%u. %s\n", ++slat_step, text);
	running = *op;
	others_known = 0;
	changes_from = slat_control.changes;
	dirty_from = slat_control.dirty;
	events_from = slat_control.events;
	tables_before = slat.tables;
	if (op->kind == OP_DESTROY)
		confirm();
	slat_environment_begin(&running);
}

void known(u32 code, u32 subject)
{
	if (others_known < ARRAY_SIZE(others)) {
		others[others_known].code = code;
		others[others_known++].subject = subject;
	}
}

static int is_known(const struct slat_event *event)
{
	u32 i;

	for (i = 0; i < others_known; i++)
		if (others[i].code == event->code && others[i].subject == event->subject)
			return 1;
	return 0;
}

static void events(void)
{
	u32 i;

	for (i = events_from; i < slat_control.events; i++) {
		const struct slat_event *event = &slat_events[i];

		slat_say("   %s%s: %s", is_known(event) ? "another finding: " : "BROKEN: ",
			 codes[event->code], subjects[event->subject]);
		if (event->address)
			slat_say(", address %x", event->address);
		if (event->pc)
			slat_say(", pc %x", event->pc);
		slat_say("\n");
		if (!is_known(event))
			breaks();
	}
	events_from = slat_control.events;
}

void must(int kept, const char *what)
{
	if (kept)
		return;
	slat_say("   BROKEN: %s\n", what);
	breaks();
}

#include "cover.c"

void end(s64 value)
{
	int fault = running.kind == OP_FAULT || running.kind == OP_FAULT_FAST;

	result = value;
	settle(&running, value);
	follow_cover(changes_from);
	events();
	if ((fault || running.kind == OP_MAP) && value < 0)
		must(slat.tables == tables_before, fault ? "a fault that fails must link no table" :
							   "a map that fails must link no table");
	if (running.kind == OP_CREATE)
		must(!slat.tables, "a new table must have no table below its root");
	if (running.kind == OP_FLUSH && value)
		must(!slat.tables, "safe to remove must mean that no table below the root is linked");
}

void must_return_either(s64 one, s64 other)
{
	if (result == one || result == other)
		return;
	slat_say("   BROKEN: must return %n", one);
	if (one != other)
		slat_say(" or %n", other);
	slat_say(", returned %n\n", result);
	breaks();
}

void must_return(s64 wanted)
{
	must_return_either(wanted, wanted);
}

static void differs(u64 gfn, const u64 *wanted, const u64 *got)
{
	slat_say("   BROKEN: gfn %x (GPA %x) must ", gfn, gfn << PAGE_SHIFT);
	if (wanted) {
		slat_say("become ");
		show(*wanted);
	} else {
		slat_say("stay as it was");
	}
	if (got) {
		slat_say(", became ");
		show(*got);
	} else {
		slat_say(", stayed as it was");
	}
	slat_say("\n");
	breaks();
}

static int seen_later(u32 at)
{
	u32 i;

	for (i = at + 1; i < slat_control.changes; i++)
		if (slat_changes[i].gfn == slat_changes[at].gfn)
			return 1;
	return 0;
}

void slat_must_change(const struct slat_change *wanted, u32 count)
{
	u32 i, j;

	for (i = changes_from; i < slat_control.changes; i++) {
		const struct slat_change *got = &slat_changes[i];

		for (j = 0; j < count && wanted[j].gfn != got->gfn; j++)
			;
		if (seen_later(i) || (j < count && wanted[j].raw == got->raw &&
				       wanted[j].order == got->order))
			continue;
		differs(got->gfn, j < count ? &wanted[j].raw : 0, &got->raw);
	}
	for (j = 0; j < count; j++) {
		for (i = changes_from; i < slat_control.changes && wanted[j].gfn != slat_changes[i].gfn; i++)
			;
		if (i == slat_control.changes)
			differs(wanted[j].gfn, &wanted[j].raw, 0);
	}
}

void must_change_nothing(void)
{
	slat_must_change(0, 0);
}

static void must_report(u32 count, u64 gfn)
{
	u32 told = slat_control.dirty - dirty_from;

	must(told <= count, "mark_page_dirty() must not be told of what is clean");
	must(told >= count, "mark_page_dirty() must be told of the frame");
	if (count && told)
		must(slat_dirty[dirty_from] == gfn, "mark_page_dirty() must be told of the right frame");
}

void must_report_dirty(u64 gfn)
{
	must_report(1, gfn);
}

void must_report_logged(u64 gfn)
{
	u32 i;

	for (i = dirty_from; i < slat_control.dirty && slat_dirty[i] != gfn; i++)
		;
	must(i < slat_control.dirty, "mark_page_dirty() must be told of the frame");
}

void must_report_nothing_dirty(void)
{
	must_report(0, 0);
}

static int verdict(int stopped)
{
	if (slat_last && slat_step == slat_last && broken && !broken_before) {
		slat_say("VIOLATED: %s\n", finding);
		return SHOWN;
	}
	if (!slat_last || slat_step != slat_last || broken_before || stopped) {
		slat_say("UNDECIDED: the operations went another way at or before step %u\n", slat_step);
		return UNDECIDED;
	}
	slat_say("HOLDS: what was promised is kept\n");
	return KEPT;
}

int slat_program(void)
{
	/* A fatal event comes back here, out of the middle of an operation. */
	if (slat_setjmp(slat_frame)) {
		events();
		if (slat_control.events && slat_events[slat_control.events - 1].code == EV_TOOL_LIMIT)
			broken = 0;
		return verdict(1);
	}
	main();
	return verdict(0);
}
