/* SPDX-License-Identifier: GPL-2.0-only */
/* Alternatives: the code stays as it is compiled, as on a hart without the extension. */
#ifndef SLATCHECK_ASM_ALTERNATIVE_H
#define SLATCHECK_ASM_ALTERNATIVE_H
#define ALTERNATIVE(old, ...) old
#endif
