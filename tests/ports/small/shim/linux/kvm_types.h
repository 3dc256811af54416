/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SMALL_KVM_TYPES_H
#define SMALL_KVM_TYPES_H
#include <slatcheck/base.h>
typedef u64 gfn_t;
typedef u64 kvm_pfn_t;
struct kvm_mmu_memory_cache { int nobjs; void *objects[1]; };
#endif
