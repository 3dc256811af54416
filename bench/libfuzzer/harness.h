/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parts of the harness ask of each other; the operations are those of filter.h. */
#ifndef HARNESS_H
#define HARNESS_H

/* A leaf of the table: its guest frame, and the entry as it lies there. */
struct leaf { unsigned long long gfn, raw; };
enum { MOST_LEAVES = 4096, MOST_DRAWN = 256 };

#ifdef __cplusplus
extern "C" {
#endif
/* kernel.c: the tree's C and what is below it */
void kernel_boot(void);
void kernel_renew(void);
signed long long kernel_call(const struct slat_op *op);
unsigned int kernel_dirty(const unsigned long long **frames);
unsigned int kernel_leaves(struct leaf *leaves);	/* in the order of their frames */
unsigned int kernel_in_hand(void);			/* pages and arrays not given back */

/* drawn.c: the operations that the bytes of an input are */
unsigned int drawn_ops(const unsigned char *bytes, unsigned long size, struct slat_op *ops);
unsigned long long drawn_raw(unsigned long long pfn, unsigned int flags);
const struct layout *drawn_layout(void);
#ifdef __cplusplus
}
#endif
#endif
