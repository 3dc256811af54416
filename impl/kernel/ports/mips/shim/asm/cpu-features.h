/* SPDX-License-Identifier: GPL-2.0-only */
/* The core: what the configuration selects is present, nothing else is. */
#ifndef SLATCHECK_ASM_CPU_FEATURES_H
#define SLATCHECK_ASM_CPU_FEATURES_H
#include <asm/cpu.h>
#ifdef CONFIG_CPU_HAS_RIXI
#define cpu_has_rixi 1
#else
#define cpu_has_rixi 0
#endif
#define cpu_has_htw 0
#define cpu_has_vz 1
#define cpu_has_fpu 1
#define raw_cpu_has_fpu 1
#define cpu_has_msa 0
/* Named by inline functions that depend on the features above; never reached. */
struct cpuinfo_mips { int htw_seq; unsigned int writecombine; unsigned long asid_mask; };
extern struct cpuinfo_mips cpu_data[];
#define boot_cpu_data cpu_data[0]
#define current_cpu_data cpu_data[0]
#define cpu_asid_mask(cpu) ((cpu)->asid_mask)
#define current_cpu_type() 0
#define raw_current_cpu_data cpu_data[0]
#define cpu_has_dc_aliases 0
#ifdef CONFIG_64BIT
#define cpu_vmbits 48
#else
#define cpu_vmbits 31
#endif
#endif
