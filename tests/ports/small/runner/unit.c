/* SPDX-License-Identifier: GPL-2.0-only */
/* The tree's own file, and one call into it for each operation. */
#include SLAT_MAIN_C
#include "slat.h"

const u32 slat_cache_min = 1;

static s64 lookup(struct kvm *kvm, unsigned long gpa)
{
	pte_t *pte = small_walk(kvm, gpa);

	return pte && (pte->raw & SMALL_PRESENT) ? (s64)pte->raw : 0;
}

s64 slat_dispatch(const struct slat_op *op, struct kvm *kvm, struct kvm_vcpu *vcpu)
{
	s64 result = 0;

	switch (op->kind) {
	case OP_CREATE:
		kvm->arch.root = small_create();
		return kvm->arch.root ? 0 : -ENOMEM;
	case OP_FAULT:
		return small_fault(kvm, op->first, op->flags & 1);
	case OP_DESTROY:
		small_destroy(kvm);
		return 0;
	}
	spin_lock(&kvm->mmu_lock);
	if (op->kind == OP_LOOKUP)
		result = lookup(kvm, op->first);
	else if (op->kind == OP_FLUSH)
		result = small_drop(kvm, op->first, op->last);
	spin_unlock(&kvm->mmu_lock);
	return result;
}
