/* SPDX-License-Identifier: GPL-2.0-only */
/* What the filter's parts share: the runner's records, a layout as numbers, and the map. */
#ifndef FILTER_H
#define FILTER_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef signed int s32;
typedef unsigned long long u64;
typedef signed long long s64;
#ifdef __SIZEOF_INT128__
typedef unsigned __int128 u128;
#else
/* A compiler for 32 bits has no more: enough for sums of what a caller can pass, and is drawn. */
typedef u64 u128;
#endif

/* --- the wire format of impl/kernel/runner/slat.h, in the byte order of the host --- */
struct slat_op {
	u32 kind, flags;		/* flags: 1 write, 2 writable, 8 transparent, answer << 8 */
	u64 first, last, mask, pfn;
	u32 retries, oom;
	u32 order, skew;
};
struct slat_result {
	s64 result;
	u32 changes, dirty, events;	/* ends of this operation's records in each ring */
	u32 tables, taken, freed, held, steps;
};
struct slat_change { u64 gfn, raw; u32 order, pad; };
struct slat_event { u32 code, subject; u64 address, pc, detail; };
struct slat_control {
	u32 ops, budget;
	u32 cursor, done, stopped;
	u32 changes, dirty, events;
	u32 instrumented, ready;
	u32 resume;
};

struct slat_step { u64 low, high; u32 op, pad; };
struct slat_scope {
	u32 ops, depth;
	u32 barred;
	u32 fresh;
	u32 closed, full;
};
enum { MAX_SCOPE = 32, MOST_STATES = 1 << 18 };

enum kind {
	OP_CREATE, OP_FAULT, OP_FAULT_FAST, OP_LOOKUP, OP_FLUSH, OP_MKCLEAN, OP_MKOLD,
	OP_LOG_DIRTY_MASKED, OP_UNMAP, OP_AGE, OP_TEST_AGE, OP_FLUSH_SLOT, OP_FLUSH_ALL,
	OP_COMMIT_REGION, OP_DESTROY, OP_MAP, OP_IOREMAP, OP_IOUNMAP, OP_PREPARE_REGION, OP_SPLIT,
	KINDS				/* a kind from here on is none at all */
};
enum { FLAG_WRITE = 1, FLAG_WRITABLE = 2 };
enum answer { ANSWER_PAGE, ANSWER_NO_SLOT, ANSWER_READ_ONLY, ANSWER_ERROR };
enum { EPERM = 1, ENOMEM = 12, EFAULT = 14, EEXIST = 17 };

static inline u64 at_most(u64 value, u64 most) { return value < most ? value : most; }
static inline u64 at_least(u64 value, u64 least) { return value > least ? value : least; }

static inline int writes(const struct slat_op *op) { return !!(op->flags & FLAG_WRITE); }
static inline int writable(const struct slat_op *op) { return !!(op->flags & FLAG_WRITABLE); }
static inline u32 answer_of(const struct slat_op *op) { return op->flags >> 8 & 0xff; }

/* --- a layout: filled in by parameters.py --- */
enum { MAX_FIELDS = 4, MAX_ORDERS = 8 };
struct pfn_field { u32 source, width, target, pad; };
struct layout {
	u64 top;			/* the last guest frame within reach */
	u64 word_mask, address_mask;	/* largest unsigned long, and largest guest address */
	u64 pfn_top, pfn_mask;		/* largest PFN of the machine; PFN bits that an entry holds */
	u64 slot_limit, slot_most;	/* first frame that no memslot reaches; most pages of one */
	u64 raw[16];			/* the raw entry of PFN 0, by its flags below */
	u64 present, write, accessed, modified, execute;	/* bits of a raw entry */
	u64 window;			/* frames at whose multiples a memslot ends in any case */
	struct pfn_field fields[MAX_FIELDS];
	u32 fields_used, page_shift, bits;
	u32 pages;			/* whether pages are accounted for */
	u32 large;			/* whether leaves have several sizes, and memslots matter */
	u32 levels, leaf_orders_used;
	u32 level_orders[MAX_ORDERS], leaf_orders[MAX_ORDERS];	/* smallest first */
	u32 kinds;			/* a bit for each kind that the layout's port has */
	u32 pad;
};

/* --- the map: guest frames and what they are mapped to, in no order --- */
enum {
	ENTRY_WRITABLE = 1, ENTRY_YOUNG = 2, ENTRY_DIRTY = 4, ENTRY_DEVICE = 8,
	ENTRY_FLAGS = 15,
	ENTRY_GONE = 16,	/* of a change: nothing begins here any more */
	ORDER_BITS = 8		/* above: the order of a leaf that is larger than a base page */
};
enum { MOST_ENTRIES = 16384, LEAST_SLOTS = 128 };
struct entry { u64 gfn, pfn; u32 flags, seen; };
struct map {
	u32 count, mask;			/* slots of the index in use, less 1 */
	struct entry entries[MOST_ENTRIES];
	u16 index[2 * MOST_ENTRIES];		/* which entry, counted from 1; 0 is none */
};

/* Where the records of a batch are, and how many of each there is room for. */
struct rings {
	const volatile struct slat_control *control;
	const volatile struct slat_result *results;
	const volatile struct slat_change *changes;
	const volatile u64 *dirty;
	const volatile struct slat_event *events;
	u32 most_results, most_changes, most_dirty, most_events;
};

/* What an operation must return. */
enum results { ANYTHING, EXACTLY, YES_OR_NO, NOTHING_CAN };
/* What an operation must show; ``changes`` has the new raw entry in the place of a PFN. */
struct expected {
	enum results results;
	s64 result;
	int reports, full;		/* a frame must be reported dirty; the map has no room */
	u64 reported;
	struct map changes;
};
/* Events that need not be looked at: by kind and code of the event, a bit for each subject. */
enum { CODES = 32 };
struct known_events { u64 subjects[KINDS][CODES]; };

/* In the flags of an expected change: its PFN has bits that no raw entry holds. */
enum { BEYOND_WORD = 1 };
#endif
