/* SPDX-License-Identifier: GPL-2.0-only */
/* The tree's own files, and one call into them for each operation. */
#include SLAT_MAIN_C
#include "mips_slice.h"
#include "kvm_main_slice.h"
#include "slat.h"

const u32 slat_cache_min = KVM_MMU_CACHE_MIN_PAGES;

static s64 lookup(struct kvm *kvm, unsigned long gpa)
{
	pte_t *pte = SLAT_PTE_FOR_GPA(kvm, NULL, gpa);
	pte_t entry;

	if (!pte)
		return 0;
	entry = *pte;
	return pte_present(entry) ? (s64)pte_val(entry) : 0;
}

static s64 fault(const struct slat_op *op, struct kvm *kvm, struct kvm_vcpu *vcpu, int fast)
{
	pte_t entry = __pte(0), buddy = __pte(0);
	unsigned long gpa = op->first;
	bool write = op->flags & 1;
	int ret;

#ifdef SLAT_MAP_PAGE_FAST
	if (fast)
		ret = SLAT_MAP_PAGE_FAST(vcpu, gpa, write, &entry, &buddy);
	else
#endif
		ret = SLAT_MAP_PAGE(vcpu, gpa, write, &entry, &buddy);
	(void)fast;
	if (!ret) {
		spin_lock(&kvm->mmu_lock);
		if (lookup(kvm, gpa) != (s64)pte_val(entry))
			slat_report(EV_WRONG_RESULT, SU_ENTRY, gpa, 0, pte_val(entry));
		spin_unlock(&kvm->mmu_lock);
	}
	return ret;
}

#ifdef SLAT_HVA_NOTIFIERS
/* The notifiers find the slot: one whose memory is the range, at the end of user space. */
static s64 notified(const struct slat_op *op, struct kvm *kvm)
{
	struct kvm_memory_slot slot = { .base_gfn = op->first, .npages = op->last - op->first };
	unsigned long end = 1UL << (BITS_PER_LONG == 32 ? 31 : 48), start;
	s64 result = 0;

	start = slot.userspace_addr = end - (slot.npages << PAGE_SHIFT);
	kvm->memslots.first = &slot;
	kvm->memslots.used = 1;
	if (op->kind == OP_UNMAP)
		/* the caller flushes where it is told to, unless the callee has done so */
		result = SLAT_UNMAP_HVA(kvm, start, end) || slat.flushed;
	else if (op->kind == OP_AGE)
		result = !!kvm_age_hva(kvm, start, end);
	else
		result = !!kvm_test_age_hva(kvm, start);
	kvm->memslots.used = 0;
	return result;
}
#else
static s64 notified(const struct slat_op *op, struct kvm *kvm)
{
	struct kvm_memory_slot slot = { .base_gfn = op->first, .npages = op->last - op->first };
	struct kvm_gfn_range range = { .slot = &slot, .start = op->first, .end = op->last };

	if (op->kind == OP_UNMAP)
		return kvm_unmap_gfn_range(kvm, &range);
	return op->kind == OP_AGE ? kvm_age_gfn(kvm, &range) : kvm_test_age_gfn(kvm, &range);
}
#endif

static s64 masked(const struct slat_op *op, struct kvm *kvm)
{
	struct kvm_memory_slot slot = { .base_gfn = op->first };

	kvm_arch_mmu_enable_log_dirty_pt_masked(kvm, &slot, op->last, op->mask);
	return 0;
}

static s64 slot_op(const struct slat_op *op, struct kvm *kvm)
{
	struct kvm_memory_slot old = { .base_gfn = op->first, .npages = op->last }, new = old;

	if (op->kind == OP_FLUSH_SLOT) {
		kvm_arch_flush_shadow_memslot(kvm, &old);
	} else {
		new.flags = KVM_MEM_LOG_DIRTY_PAGES;
		SLAT_COMMIT(kvm, &old, &new, KVM_MR_FLAGS_ONLY);
	}
	return 0;
}

static s64 locked(const struct slat_op *op, struct kvm *kvm)
{
	switch (op->kind) {
	case OP_LOOKUP:
		return lookup(kvm, op->first);
	case OP_FLUSH:
		return kvm_mips_flush_gpa_pt(kvm, op->first, op->last);
	case OP_MKCLEAN:
		return kvm_mips_mkclean_gpa_pt(kvm, op->first, op->last);
#ifdef SLAT_MKOLD
	case OP_MKOLD:
		return SLAT_MKOLD(kvm, op->first, op->last);
#endif
	case OP_LOG_DIRTY_MASKED:
		return masked(op, kvm);
	case OP_UNMAP:
	case OP_AGE:
	case OP_TEST_AGE:
		return notified(op, kvm);
	}
	return 0;
}

s64 slat_dispatch(const struct slat_op *op, struct kvm *kvm, struct kvm_vcpu *vcpu)
{
	s64 result;

	switch (op->kind) {
	case OP_CREATE:
		kvm->SLAT_ROOT = kvm_pgd_alloc();
		return kvm->SLAT_ROOT ? 0 : -ENOMEM;
	case OP_FAULT:
	case OP_FAULT_FAST:
		return fault(op, kvm, vcpu, op->kind == OP_FAULT_FAST);
	case OP_FLUSH_SLOT:
	case OP_COMMIT_REGION:
		return slot_op(op, kvm);
	case OP_FLUSH_ALL:
		kvm_arch_flush_shadow_all(kvm);
		return 0;
	case OP_DESTROY:
		kvm_mmu_free_memory_caches(vcpu);
		SLAT_FREE_GPA_PT(kvm);
		return 0;
	}
	/* The contract of these: the caller holds mmu_lock. */
	spin_lock(&kvm->mmu_lock);
	result = locked(op, kvm);
	spin_unlock(&kvm->mmu_lock);
	return result;
}
