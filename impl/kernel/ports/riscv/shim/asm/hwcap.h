/* SPDX-License-Identifier: GPL-2.0-only */
/* How many extensions a set has room for; which are present is in asm/cpufeature.h. */
#ifndef SLATCHECK_ASM_HWCAP_H
#define SLATCHECK_ASM_HWCAP_H
#include <slatcheck/base.h>
#include <asm/bitops.h>
#define RISCV_ISA_EXT_MAX 128
/* What is found out of the hart at boot, and asked by code beside the table. */
#define DECLARE_STATIC_KEY_FALSE(name) extern int name
#endif
