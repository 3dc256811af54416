/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tests of a layout as one program, in the manner of tools/testing/vma: a line for what fails,
 * the count at the end, and status 1 where anything failed. Each test has a machine of its own.
 */
#include "mmu-test.h"

/* A test is judged as a reproducer is: its steps are main(). */
#define slat_program slat_judged
#include "reproduce.c"
#undef slat_program

enum { MOST_TESTS = 1024, SECONDS = 3 };
/* Whole tables are slow to compare. */
enum { SEQUENCES = SLAT_INSTRUMENTED ? 2000 : 200 };

static const struct slat_test *test;
static int endless;	/* something had to be ended */
static int guarded;	/* the tree's code runs: a fault is a finding, and no mistake of ours */
static unsigned char fates[MOST_TESTS];
static u32 ran, passed;

int main(void)
{
	test->steps();
	return 0;
}

const char *slat_code_name(u32 code)
{
	return code < ARRAY_SIZE(codes) ? codes[code] : "?";
}

const char *slat_subject_name(u32 subject)
{
	return subject < ARRAY_SIZE(subjects) ? subjects[subject] : "?";
}

/* The machine caught the tree's code: the operation ends as it does where a check catches it. */
static void caught(int number, void *info, void *context)
{
	unsigned long address = signal_address(info), place = signal_place(context);
	int write = signal_of_store(context);

	if (!guarded) {
		slat_say("mmu-test itself failed at %x, signal %u\n", (u64)place, number);
		say_all();
		leave(2);
	}
	endless = number == SIGVTALRM;
	if (endless) {
		/* nothing of the batch follows: it might not end either */
		slat_control.ops = slat_control.cursor + 1;
		slat_fatal(EV_RUNAWAY, SU_NONE, 0, place, SECONDS);
	}
	if (number != SIGSEGV && number != SIGBUS)
		slat_fatal(EV_BAD_ACCESS, SU_NONE, 0, place, number);
	if (in_tables(address))
		slat_fatal(EV_OUT_OF_BOUNDS, SU_EMPTY_TABLE, address, place, write);
	slat_fatal(EV_BAD_ACCESS, address < 0x10000 ? SU_NULL : write ? SU_STORE : SU_LOAD, address, place,
		   write);
}

static void watch(void)
{
	static const u8 signals[] = { SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGVTALRM };
	u32 i;

	for (i = 0; i < sizeof(signals); i++)
		on_signal(signals[i], caught);
	make_read_only(__tables_start, __tables_end);
}

static void guard(int on)
{
	guarded = on;
	alarm_after(on ? SECONDS : 0);
}

int slat_guarded_batch(void)
{
	endless = 0;
	guard(1);
	slat_batch();
	guard(0);
	return !endless;
}

/* Count a test, and say what it said if it failed. */
static void conclude(const char *name, int good)
{
	ran++;
	passed += good;
	if (good) {
		say_nothing();
		return;
	}
	slat_say("FAILED: %s\n\n", name);
	say_all();
}

static void run_tests(void)
{
	u32 i;

	for (i = 0; i < slat_tests_count && i < MOST_TESTS; i++) {
		int good;

		test = &slat_tests[i];
		if (test->needs_checks && !SLAT_INSTRUMENTED) {
			slat_say("not run, it needs a check on each access (CC=clang): %s\n", test->name);
			say_all();
			continue;
		}
		start();
		guard(1);
		good = slat_judged() == KEPT;
		guard(0);
		fates[i] = good ? FATE_PASSED : FATE_FAILED;
		conclude(test->name, good);
	}
}

static void run_drawn(u64 seed, u64 sequences)
{
	const char *why = 0;
	int good = slat_drawn(fates, seed, sequences, &why);

	if (!why) {
		conclude("drawn-sequences", good);
		return;
	}
	slat_say("not run, %s: drawn-sequences\n", why);
	say_all();
}

/* A decimal number; what is none counts as the number that is usual. */
static u64 number_in(u32 which, u64 usual)
{
	const char *text = slat_arguments[0] > which ? (const char *)slat_arguments[1 + which] : "";
	u64 found = 0;

	if (!*text)
		return usual;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return usual;
		found = 10 * found + *text - '0';
	}
	return found;
}

int slat_program(void)
{
	watch();
	run_tests();
	run_drawn(number_in(2, 0), number_in(1, SEQUENCES));
	slat_say("checked: results, entries, pages, locks%s\n", SLAT_INSTRUMENTED ?
		 "; each load and store of the tree's code" :
		 "; not each load and store of the tree's code, for which CC=clang is needed");
	slat_say("%u tests run, %u passed, %u failed\n", ran, passed, ran - passed);
	say_all();
	return ran != passed;
}
