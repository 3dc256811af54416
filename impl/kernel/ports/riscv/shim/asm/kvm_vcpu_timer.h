/* SPDX-License-Identifier: GPL-2.0-only */
/* Of a virtual processor: the table has nothing to do with it. */
#ifndef SLATCHECK_ASM_KVM_VCPU_TIMER_H
#define SLATCHECK_ASM_KVM_VCPU_TIMER_H
#include <asm/bitops.h>
struct kvm_guest_timer { int unused; };
struct kvm_vcpu_timer { int unused; };
#endif
