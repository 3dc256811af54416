/* SPDX-License-Identifier: GPL-2.0-only */
/* Of a virtual processor: the table has nothing to do with it. */
#ifndef SLATCHECK_ASM_KVM_VCPU_FP_H
#define SLATCHECK_ASM_KVM_VCPU_FP_H
#include <asm/bitops.h>
#include <asm/ptrace.h>
#endif
