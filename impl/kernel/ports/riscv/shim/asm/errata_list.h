/* SPDX-License-Identifier: GPL-2.0-only */
/* Alternatives: nothing is patched in, neither for Svpbmt nor for the cores of a vendor. */
#ifndef SLATCHECK_ASM_ERRATA_LIST_H
#define SLATCHECK_ASM_ERRATA_LIST_H
#include <asm/alternative.h>
#include <slatcheck/base.h>
#define ALT_SVPBMT(value, prot) ((value) = 0)
#define ALT_THEAD_PMA(value) ((void)(value))
#endif
