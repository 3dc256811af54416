/* SPDX-License-Identifier: GPL-2.0-only */
/* Constants of CP0 registers that inline functions of asm/page.h name but nothing here calls. */
#ifndef SLATCHECK_ASM_MIPSREGS_H
#define SLATCHECK_ASM_MIPSREGS_H
#include <slatcheck/base.h>
#define MIPS_CONF4_MMUEXTDEF_FTLBSIZEEXT (2 << 14)
#define MIPS_CONF4_MMUEXTDEF_VTLBSIZEEXT (3 << 14)
#define CONF_CM_CMASK 7
#define read_c0_config() 3
#endif
