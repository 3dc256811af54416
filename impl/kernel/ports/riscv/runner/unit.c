/* SPDX-License-Identifier: GPL-2.0-only */
/* The tree's own files, and one call into them for each operation. */
#include SLAT_MAIN_C
#include "stage.h"
#include "pgtable_slice.h"
#include "kvm_main_slice.h"
#include "guest.h"

enum { WRITE = 1, WRITABLE = 2 };

static s64 create(const struct slat_op *op, struct kvm *kvm, struct kvm_vcpu *vcpu)
{
	slat_new_guest(kvm, vcpu, op->first, op->last);
	return SLAT_CREATE(kvm);
}

static s64 destroy(struct kvm *kvm, struct kvm_vcpu *vcpu)
{
	/* as kvm_arch_vcpu_destroy() does; then the notifier of the host's address space goes */
	kvm_mmu_free_memory_cache(&vcpu->arch.mmu_page_cache);
	kvm_arch_flush_shadow_all(kvm);
	return 0;
}

static s64 fault(const struct slat_op *op, struct kvm_vcpu *vcpu)
{
	gfn_t gfn = op->first >> PAGE_SHIFT;
	struct kvm_memory_slot *slot = slat_slot_of(gfn);
	unsigned long hva = slat_hva(vcpu->kvm, slot, gfn, op->order);

	return SLAT_MAP_FAULT(vcpu, slot, op->first, hva, !!(op->flags & WRITE) OUT);
}

/* As a fault does: the cache is topped up before the lock is taken. */
static s64 with_cache(const struct slat_op *op, struct kvm *kvm, struct kvm_vcpu *vcpu)
{
	struct kvm_mmu_memory_cache *cache = &vcpu->arch.mmu_page_cache;
	s64 result = kvm_mmu_topup_memory_cache(cache, slat_cache_min);

	if (result)
		return result;
	spin_lock(&kvm->mmu_lock);
	if (op->kind == OP_MAP)
		result = SLAT_MAP_PAGE(TABLE(kvm), cache, op->first, (phys_addr_t)op->pfn << PAGE_SHIFT,
				       slat_bytes(op->order), !(op->flags & WRITABLE), true OUT);
#ifdef SLAT_SPLIT
	else
		result = SLAT_SPLIT(TABLE(kvm), cache, op->first, op->order / SLAT_INDEX_BITS, true);
#endif
	spin_unlock(&kvm->mmu_lock);
	return result;
}

static s64 lookup(const struct slat_op *op, struct kvm *kvm)
{
	pte_t *pte;
	u32 level;

	if (!SLAT_GET_LEAF(TABLE(kvm), op->first, &pte, &level))
		return 0;
	return (s64)(u64)pte_val(*pte);
}

static s64 notified(const struct slat_op *op, struct kvm *kvm)
{
	struct kvm_gfn_range range = {
		.slot = slat_slot_of(op->first), .start = op->first, .end = op->last,
		.may_block = op->kind == OP_UNMAP,
	};

	if (op->kind == OP_UNMAP)
		return kvm_unmap_gfn_range(kvm, &range);
	return op->kind == OP_AGE ? kvm_age_gfn(kvm, &range) : kvm_test_age_gfn(kvm, &range);
}

static s64 locked(const struct slat_op *op, struct kvm *kvm)
{
	u64 first = op->first << PAGE_SHIFT, end = (op->last + 1) << PAGE_SHIFT;

	switch (op->kind) {
	case OP_LOOKUP:
		return lookup(op, kvm);
	case OP_FLUSH:
		SLAT_UNMAP_RANGE(TABLE(kvm), first, end - first, false);
		return 0;
	case OP_MKCLEAN:
		SLAT_WP_RANGE(TABLE(kvm), first, end);
		return 0;
	case OP_LOG_DIRTY_MASKED:
		kvm_arch_mmu_enable_log_dirty_pt_masked(kvm, slat_slot_of(op->first), op->last, op->mask);
		return 0;
	case OP_UNMAP:
	case OP_AGE:
	case OP_TEST_AGE:
		return notified(op, kvm);
	}
	return 0;
}

/* One lock over one call, as their callers have it. */
static s64 under_lock(const struct slat_op *op, struct kvm *kvm)
{
	s64 result;

	spin_lock(&kvm->mmu_lock);
	result = locked(op, kvm);
	spin_unlock(&kvm->mmu_lock);
	/*
	 * kvm_get_dirty_log_protect() and kvm_clear_dirty_log_protect() flush the slot once they
	 * have found a dirty page, which is when they call this: virt/kvm/kvm_main.c.
	 */
	if (op->kind == OP_LOG_DIRTY_MASKED)
		kvm_arch_flush_remote_tlbs_memslot(kvm, slat_slot_of(op->first));
	return result;
}

static s64 slot_op(const struct slat_op *op, struct kvm *kvm)
{
	struct kvm_memory_slot *slot = slat_name_slot(op->first, op->last), old = *slot;

	if (op->kind == OP_PREPARE_REGION)
		return kvm_arch_prepare_memory_region(kvm, NULL, slot, KVM_MR_CREATE);
	if (op->kind == OP_FLUSH_SLOT) {
		kvm_arch_flush_shadow_memslot(kvm, slot);
		slat_log_slot(op->first, 0);
		return 0;
	}
	slat_log_slot(op->first, 1);
	slot = slat_name_slot(op->first, op->last);
	kvm_arch_commit_memory_region(kvm, &old, slot, KVM_MR_FLAGS_ONLY);
	return 0;
}

static s64 device(const struct slat_op *op, struct kvm *kvm)
{
	if (op->kind == OP_IOREMAP)
		return SLAT_IOREMAP(kvm, op->first, (phys_addr_t)op->pfn << PAGE_SHIFT, op->last,
				    !!(op->flags & WRITABLE), false);
	SLAT_IOUNMAP(kvm, op->first, op->last);
	return 0;
}

s64 slat_dispatch(const struct slat_op *op, struct kvm *kvm, struct kvm_vcpu *vcpu)
{
	switch (op->kind) {
	case OP_CREATE:
		return create(op, kvm, vcpu);
	case OP_DESTROY:
		return destroy(kvm, vcpu);
	case OP_FAULT:
		return fault(op, vcpu);
	case OP_MAP:
	case OP_SPLIT:
		return with_cache(op, kvm, vcpu);
	case OP_IOREMAP:
	case OP_IOUNMAP:
		return device(op, kvm);
	case OP_FLUSH_SLOT:
	case OP_COMMIT_REGION:
	case OP_PREPARE_REGION:
		return slot_op(op, kvm);
	}
	return under_lock(op, kvm);
}
