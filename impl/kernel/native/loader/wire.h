/* SPDX-License-Identifier: GPL-2.0-only */
/* What the loader and process.py say to each other over two pipes. */
#ifndef SLAT_WIRE_H
#define SLAT_WIRE_H
#include "system.h"

enum { ORDERS = 0, ANSWERS = 1 };	/* the only files that stay open */

/* Memory to be mapped where it belongs, from a file that was inherited. */
struct mapping {
	u64 address, bytes, offset;
	u32 file, protection, flags, pad;
};
enum { MAX_MAPPINGS = 8 };
struct plan {
	u64 stack;			/* where the stack of calls begins */
	u64 seconds;			/* of processor time, in all */
	u32 mappings, pad;
	struct mapping mapping[MAX_MAPPINGS];
};
struct order {
	u64 function;
};

enum { DONE, READY, FAULT, FAILED };
struct answer {
	u32 what;			/* one of the above */
	u32 number;			/* READY: what holds; FAULT: the signal; FAILED: the step */
	u64 place, detail;		/* FAULT: of the instruction; the address or the system call */
};

/* What keeps code from doing anything but computing; in READY, what could be set up. */
enum {
	NO_NEW_PRIVILEGES = 1, SECCOMP = 2, LIMITS = 4, LANDLOCK = 8, NAMESPACES = 16, NOT_DUMPABLE = 32,
	NO_CLOCK = 64, CLOSED = 128, DIES_WITH_PARENT = 256,
};
/* A test of a single protection leaves others out: a loader that does is never kept. */
#ifndef SLAT_LEAVE_OUT
#define SLAT_LEAVE_OUT 0
#endif
#endif
