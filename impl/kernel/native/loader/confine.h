/* SPDX-License-Identifier: GPL-2.0-only */
/* Gives up, for good, all that the process could do to anything but its own memory. */
#include "wire.h"

enum {
	PR_SET_PDEATHSIG = 1, PR_SET_DUMPABLE = 4, PR_SET_TSC = 26, PR_SET_NO_NEW_PRIVS = 38,
	PR_TSC_SIGSEGV = 2,
};
enum { SIGKILL = 9 };
enum { NEW_IPC = 0x08000000, NEW_NET = 0x40000000, NEW_USER = 0x10000000 };

static u32 step(u32 name, long failed)
{
	return failed ? 0 : name;
}

static long prctl(long option, long value)
{
	return CALL(SYS_PRCTL, option, value, 0);
}

/* --- files that were inherited --- */
static long close_others(void)
{
	long file;

	if (!CALL(SYS_CLOSE_RANGE, ANSWERS + 1, ~0U, 0))
		return 0;
	for (file = ANSWERS + 1; file < 65536; file++)
		CALL(SYS_CLOSE, file, 0, 0);
	return 0;
}

/* --- limits: by the numbers of asm-generic/resource.h --- */
struct limit { u64 now, most; };

static long limit(long what, u64 now, u64 most)
{
	struct limit both = { now, most };

	return system_call(SYS_PRLIMIT64, 0, what, (long)&both, 0, 0, 0);
}

static long limit_all(u64 seconds)
{
	/* data, core, processes, files, locked memory, address space, locks, signals, messages */
	static const u8 none[] = { 2, 4, 6, 7, 8, 9, 10, 11, 12 };
	/* Processor time: at the first SIGXCPU says why, the second is not to be caught. */
	long failed = limit(0, seconds, seconds + 5);
	u32 i;

	failed |= limit(1, 0, 0);		/* the size of files */
	for (i = 0; i < sizeof(none); i++)
		failed |= limit(none[i], 0, 0);
	return failed;
}

/* --- Landlock: a set of rules that grants nothing; older kernels know fewer rights --- */
static long grant_nothing(void)
{
	/* to files; to bind and connect; to sockets without a file and signals to others */
	u64 rights[3] = { (1 << 16) - 1, 3, 3 };
	long words, set = -1;

	for (words = 3; set < 0 && words; words--) {
		if (words == 1)
			rights[0] = (1 << 13) - 1;
		set = CALL(SYS_LANDLOCK_CREATE, rights, words * sizeof(rights[0]), 0);
	}
	return set < 0 ? set : CALL(SYS_LANDLOCK_RESTRICT, set, 0, 0);
}

/* --- seccomp: reading orders, writing answers and ending; anything else is a fault --- */
struct instruction { u16 code; u8 yes, no; u32 value; };
struct program { u16 length; const struct instruction *first; };
enum { LOAD = 0x20, IF_EQUAL = 0x15, RETURN = 0x06 };
enum { NUMBER = 0, ARCHITECTURE = 4, ARGUMENT = 16 };
#define ALLOW 0x7fff0000U
/* The process gets SIGSYS, says where it was, and ends; the call is never carried out. */
#define REFUSE 0x00030000U

static long filter(void)
{
	/* Not one filter of a library: the process has no library, and this can be read. */
	static const struct instruction instructions[] = {
		{ LOAD, 0, 0, ARCHITECTURE },
		{ IF_EQUAL, 0, 9, AUDIT_ARCH },
		{ LOAD, 0, 0, NUMBER },
		{ IF_EQUAL, 6, 0, SYS_EXIT_GROUP },
		{ IF_EQUAL, 3, 0, SYS_WRITE },
		{ IF_EQUAL, 0, 5, SYS_READ },
		{ LOAD, 0, 0, ARGUMENT },
		{ IF_EQUAL, 2, 3, ORDERS },
		{ LOAD, 0, 0, ARGUMENT },
		{ IF_EQUAL, 0, 1, ANSWERS },
		{ RETURN, 0, 0, ALLOW },
		{ RETURN, 0, 0, REFUSE },
	};
	struct program program = { sizeof(instructions) / sizeof(instructions[0]), instructions };

	return CALL(SYS_SECCOMP, 1, 0, &program);
}

/* Returns what holds from now on. What a new user namespace resets comes after it. */
static u32 confine(const struct plan *plan)
{
	u32 wanted = ~(u32)SLAT_LEAVE_OUT, holds = 0;

	if (wanted & NAMESPACES)
		holds |= step(NAMESPACES, CALL(SYS_UNSHARE, NEW_USER | NEW_NET | NEW_IPC, 0, 0));
	if (wanted & DIES_WITH_PARENT)
		holds |= step(DIES_WITH_PARENT, prctl(PR_SET_PDEATHSIG, SIGKILL));
	if (wanted & NOT_DUMPABLE)
		holds |= step(NOT_DUMPABLE, prctl(PR_SET_DUMPABLE, 0));
	if (wanted & NO_CLOCK)
		holds |= step(NO_CLOCK, prctl(PR_SET_TSC, PR_TSC_SIGSEGV));
	if (wanted & NO_NEW_PRIVILEGES)
		holds |= step(NO_NEW_PRIVILEGES, prctl(PR_SET_NO_NEW_PRIVS, 1));
	if (wanted & LANDLOCK)
		holds |= step(LANDLOCK, grant_nothing());
	if (wanted & CLOSED)
		holds |= step(CLOSED, close_others());
	if (wanted & LIMITS)
		holds |= step(LIMITS, limit_all(plan->seconds));
	if (wanted & SECCOMP)
		holds |= step(SECCOMP, filter());
	return holds;
}
