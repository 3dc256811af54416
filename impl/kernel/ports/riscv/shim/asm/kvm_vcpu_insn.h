/* SPDX-License-Identifier: GPL-2.0-only */
/* Of a virtual processor: the table has nothing to do with it. */
#ifndef SLATCHECK_ASM_KVM_VCPU_INSN_H
#define SLATCHECK_ASM_KVM_VCPU_INSN_H
#include <asm/bitops.h>
struct kvm_mmio_decode { int unused; };
struct kvm_csr_decode { int unused; };
#endif
