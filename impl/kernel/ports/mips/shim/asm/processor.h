/* SPDX-License-Identifier: GPL-2.0-only */
/* A structure of asm/kvm_host.h holds guest FPU registers; nothing here touches them. */
#ifndef SLATCHECK_ASM_PROCESSOR_H
#define SLATCHECK_ASM_PROCESSOR_H
#include <slatcheck/base.h>
struct mips_fpu_struct { u64 fpr[32]; unsigned int fcr31, msacsr; };
#endif
