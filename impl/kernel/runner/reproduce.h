/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a reproducer says of each operation: that it begins, that it has ended, and what must have
 * come of it. The rest is plain calls of the tree's own functions.
 */
#ifndef SLAT_REPRODUCE_H
#define SLAT_REPRODUCE_H
#include "program.h"

/* How a fault is answered: .flags of an operation. */
enum {
	IS_WRITE = 1,			/* the guest wants to write */
	HOST_DEVICE = 1,		/* of a new slot: a device is mapped there in user space */
	HOST_PAGE_WRITABLE = 2,		/* the host's page may be written to */
	HOST_NO_SLOT = 1 << 8,		/* there is no memory slot */
	HOST_READ_ONLY = 2 << 8,	/* a write, and the slot is read-only */
	HOST_ERROR = 3 << 8,		/* the host has no page to give */
};

/* The finding, and the step at which it shows: the last one. */
void about(const char *finding, u32 last);

/* An operation begins. For a fault: the address, how it is answered, with which frame. */
#define begin(text, ...) slat_begin(text, &(const struct slat_op){ __VA_ARGS__ })
void slat_begin(const char *text, const struct slat_op *op);

/* At the end of this operation, an event of this kind belongs to another finding. */
void known(u32 code, u32 subject);

/* The operation has ended with this result; 0 where it has none. */
void end(s64 result);

/* What must have come of it. */
void must_return(s64 wanted);
void must_return_either(s64 one, s64 other);

/* These entries, and no others, must have changed: guest frame, raw entry now (0: vanished). */
#define must_change(...) \
	slat_must_change((const struct slat_change[]){ __VA_ARGS__ }, \
			 sizeof((const struct slat_change[]){ __VA_ARGS__ }) / sizeof(struct slat_change))
void slat_must_change(const struct slat_change *wanted, u32 count);
void must_change_nothing(void);

/*
 * Where leaves have several sizes: what these guest frames, ends inclusive, may hold now, and all
 * others hold what they held. The first of them this raw entry, the rest the frames that follow.
 */
struct slat_may { u64 first, last, raw; int gone, kept; };
#define must_hold(...) \
	slat_must_hold((const struct slat_may[]){ __VA_ARGS__ }, \
		       sizeof((const struct slat_may[]){ __VA_ARGS__ }) / sizeof(struct slat_may))
void slat_must_hold(const struct slat_may *may, u32 count);
void must_hold_nothing_else(void);
/* The leaves that came where frames first..last are have at most 2^order of them. */
void must_be_at_most(u32 order, u64 first, u64 last);

/* Anything else that must be so. */
void must(int kept, const char *what);

/* mark_page_dirty() must have been told of just this guest frame, or of none. */
void must_report_dirty(u64 gfn);
void must_report_nothing_dirty(void);
/* It must have been told of this guest frame, which is logged; of others it may. */
void must_report_logged(u64 gfn);

/* The machine, and the virtual machine in it. */
extern struct kvm *const kvm;
extern struct kvm_vcpu *const vcpu;

int main(void);
#endif
