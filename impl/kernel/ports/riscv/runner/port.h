/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the runner needs to know: where the root is kept in struct kvm, how long a call is, that
 * tables are read as tables.h says, memory is in slots, and flushes of the TLB are seen.
 */
#ifndef SLAT_PORT_H
#define SLAT_PORT_H
#define SLAT_ROOT arch.pgd
#ifndef SLAT_CALL_BYTES
#define SLAT_CALL_BYTES 4 /* the jump; the address that it needs is loaded before */
#endif
#define SLAT_TABLES "tables.h"
#define SLAT_SLOTS
#define SLAT_FLUSHES
#define SLAT_BOOT slat_detect

/* What the tree's code found at boot and defines of the table: unit.c. */
struct slat_shape {
	unsigned int levels, index_bits, root_bits, root_order, reach_bits;
};
extern struct slat_shape slat_shape;
void slat_detect(void);
#endif
