/* SPDX-License-Identifier: GPL-2.0-only */
/* What the runner's parts share: the wire format of a sequence, and the state of the machine. */
#ifndef SLAT_H
#define SLAT_H
#include "port.h"
#include <linux/kvm_host.h>

#ifndef SLAT_ROOT
#error "port.h must define SLAT_ROOT: the member of struct kvm that keeps the root"
#endif
#ifndef SLAT_CALL_BYTES
#error "port.h must define SLAT_CALL_BYTES: how far before its return address a call begins"
#endif

/* --- wire format: read and written by executor.py in the target's byte order --- */
struct slat_op {
	u32 kind, flags;		/* flags: 1 write, 2 writable, 8 transparent, answer << 8 */
	u64 first, last, mask, pfn;
	u32 retries, oom;
	u32 order, skew;		/* of the host's mapping: see model/operations.py */
};
struct slat_result {
	s64 result;
	u32 changes, dirty, events;	/* ends of this operation's records in each ring */
	u32 tables, taken, freed, held, steps;
};
/* A leaf begins at this frame and holds 2^order of them; raw is 0 where none begins any more. */
struct slat_change { u64 gfn, raw; u32 order, pad; };
struct slat_event { u32 code, subject; u64 address, pc, detail; };
struct slat_control {
	u32 ops, budget;		/* in: operations to run, accesses an operation may take */
	u32 cursor, done, stopped;	/* out: operation in progress, finished, ended by a fatal event */
	u32 changes, dirty, events;	/* out: records in each ring */
	u32 instrumented, ready;	/* in: stores are logged; booted */
	u32 resume;			/* in: go on with the table that is there */
};

/* Of a signature see signature.h; one of no machine is 0. */
struct slat_step { u64 low, high; u32 op, pad; };
struct slat_scope {
	u32 ops, depth;			/* in: the scope, and how deep a state may be to go on from */
	u32 barred;			/* in: a bit for each operation that is not to be tried */
	u32 fresh;			/* in: nothing was explored yet */
	u32 closed, full;		/* out: nothing is open any more; no room for more states */
};

enum { MAX_OPS = 4096, MAX_CHANGES = 65536, MAX_DIRTY = 8192, MAX_EVENTS = 1024, MAX_SCOPE = 32 };
extern struct slat_control slat_control;
extern struct slat_op slat_ops[MAX_OPS];
extern struct slat_result slat_results[MAX_OPS];
extern struct slat_change slat_changes[MAX_CHANGES];
extern u64 slat_dirty[MAX_DIRTY];
extern struct slat_event slat_events[MAX_EVENTS];

enum slat_kind {
	OP_CREATE, OP_FAULT, OP_FAULT_FAST, OP_LOOKUP, OP_FLUSH, OP_MKCLEAN, OP_MKOLD,
	OP_LOG_DIRTY_MASKED, OP_UNMAP, OP_AGE, OP_TEST_AGE, OP_FLUSH_SLOT, OP_FLUSH_ALL,
	OP_COMMIT_REGION, OP_DESTROY, OP_MAP, OP_IOREMAP, OP_IOUNMAP, OP_PREPARE_REGION, OP_SPLIT,
};

/* The order is that of EVENTS in executor.py. */
enum slat_code {
	EV_BAD_ACCESS, EV_OUT_OF_BOUNDS, EV_USE_AFTER_FREE, EV_DOUBLE_FREE, EV_WILD_FREE,
	EV_UNINITIALISED, EV_LEAK, EV_ACCOUNTING, EV_RUNAWAY, EV_WARNING, EV_BUG, EV_UNLOCKED,
	EV_CACHE_EXHAUSTED, EV_DIRTY_UNREPORTED, EV_WRONG_RESULT, EV_STRUCTURE, EV_TOOL_LIMIT,
	EV_UNFLUSHED,
};

/* The order is that of SUBJECTS in executor.py. */
enum slat_subject {
	SU_NONE, SU_PGD, SU_PUD, SU_PMD, SU_PTE, SU_LOOSE, SU_OBJECTS, SU_EMPTY_TABLE, SU_LOCK,
	SU_SRCU, SU_PFN, SU_CONSTRUCTOR, SU_COUNTER, SU_LOAD, SU_STORE, SU_NULL, SU_PGD_REST,
	SU_LINKED, SU_SLOTS, SU_ENTRY, SU_DIRTY_LOCK, SU_READ_ONLY, SU_RING, SU_ARENA,
	SU_CHILDREN, SU_P4D, SU_REMOVED, SU_PERMISSION, SU_TABLE, SU_MMAP,
	SU_COUNT,
};

/* --- the machine --- */
enum slat_page_state { PAGE_UNUSED, PAGE_GUARD, PAGE_LIVE, PAGE_FREED };
enum slat_page_kind { KIND_TABLE, KIND_OBJECTS };
/* Of a linked table; the root is the last, however many are between. */
enum slat_level { LEVEL_NONE, LEVEL_PTE, LEVEL_PMD, LEVEL_PUD, LEVEL_P4D, LEVEL_ROOT };

struct slat_machine {
	struct kvm kvm;
	struct kvm_vcpu vcpu;
	u32 used;			/* pages of the arena that were handed out or skipped */
	u32 taken, freed, held, tables;
	u32 allocations, oom;		/* in this operation; the one that fails */
	u32 first_event;
	u32 log_full, unlocked_seen;
	s32 references, constructors, destructors, counter;
	int creating, leaving, flushed;
	u64 unpaired;			/* where a destructor first ran without a constructor */
	const struct slat_op *op;
	u32 asked;
	struct page host_page;		/* stands for the page behind every PFN of the host */
};
extern struct slat_machine slat;

/* What every load and store looks at: kinds of pages allowed now, accesses left, the log of stores. */
struct slat_hot {
	u32 allowed, fuel;
	unsigned long *log, *log_end;
};
extern struct slat_hot slat_hot;
void slat_lock_changed(void);

/* heap.c */
void slat_heap_reset(void);
void slat_grant(struct page *page);
void slat_report(u32 code, u32 subject, u64 address, u64 pc, u64 detail);
__noreturn void slat_fatal(u32 code, u32 subject, u64 address, u64 pc, u64 detail);
void slat_check_written(struct page *page, unsigned long bytes);
struct page *slat_page_of(unsigned long address);
void slat_leaks(void);
extern unsigned long slat_log[];
enum { MAX_LOG = 65536 };

/* observe.c */
void slat_geometry_init(void);
void slat_observe_root(void);
void slat_observe(void);
void slat_observe_all(void);
void slat_forget_table(struct page *page);
u64 slat_raw(const pte_t *pte);
int slat_holds_tables(const struct page *page);
int slat_links(const struct page *parent, unsigned long slot, unsigned long table);
void slat_table_goes(const struct page *page, u64 pc);
extern u32 slat_geometry[13];

/* flush.c, for ports whose flushes are looked at */
#ifdef SLAT_FLUSHES
void slat_flush_begin(void);
void slat_flush_all(void);
void slat_flush_range(u64 start, u64 size, u32 step);
int slat_flush_covers(u64 start, u64 end, u32 since);
void slat_flush_owed(u32 subject, u64 start, u64 size, u32 since, u64 pc, u64 order);
#else
#define slat_flush_begin() ((void)0)
#define slat_flush_all() ((void)0)
#endif

/* environment.c */
void slat_environment_begin(const struct slat_op *op);
void slat_environment_end(void);

/* setjmp.S */
int slat_setjmp(unsigned long *buffer);
__noreturn void slat_longjmp(unsigned long *buffer, int value);
void slat_wide(void);
extern unsigned long slat_frame[16];

/* unit.c: the tree's code */
s64 slat_dispatch(const struct slat_op *op, struct kvm *kvm, struct kvm_vcpu *vcpu);
#endif
