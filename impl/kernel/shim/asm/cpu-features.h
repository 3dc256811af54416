/* SPDX-License-Identifier: GPL-2.0-only */
/* The core: what the configuration selects is present, nothing else is. */
#ifndef SLATCHECK_ASM_CPU_FEATURES_H
#define SLATCHECK_ASM_CPU_FEATURES_H
#ifdef CONFIG_CPU_HAS_RIXI
#define cpu_has_rixi 1
#else
#define cpu_has_rixi 0
#endif
#define cpu_has_htw 0
#define cpu_has_vz 1
/* Named by inline functions that depend on the features above; never reached. */
struct cpuinfo_mips { int htw_seq; unsigned int writecombine; };
extern struct cpuinfo_mips cpu_data[];
#define raw_current_cpu_data cpu_data[0]
#define read_c0_pwctl() 0
#define write_c0_pwctl(value) ((void)(value))
#define back_to_back_c0_hazard() ((void)0)
#define MIPS_PWCTL_PWEN_SHIFT 31
#define cpu_has_dc_aliases 0
#ifdef CONFIG_64BIT
#define cpu_vmbits 48
#else
#define cpu_vmbits 31
#endif
#endif
