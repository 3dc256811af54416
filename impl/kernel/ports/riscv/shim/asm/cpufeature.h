/* SPDX-License-Identifier: GPL-2.0-only */
/* A hart of the base with the hypervisor: it has no other extension. */
#ifndef SLATCHECK_ASM_CPUFEATURE_H
#define SLATCHECK_ASM_CPUFEATURE_H
#include <asm/alternative.h>
#include <asm/hwcap.h>
#define riscv_has_extension_likely(extension) false
#define riscv_has_extension_unlikely(extension) false
#define riscv_isa_extension_available(set, extension) false
#endif
