/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the runner needs to know: where the root is kept in struct kvm, how long a call is. Levels
 * are folded when they are compiled, one slot is over everything, and flushes are not looked at.
 */
#ifndef SLAT_PORT_H
#define SLAT_PORT_H
#define SLAT_ROOT arch.gpa_mm.pgd
#ifndef SLAT_CALL_BYTES
#define SLAT_CALL_BYTES 8 /* the jump and its delay slot */
#endif
#endif
