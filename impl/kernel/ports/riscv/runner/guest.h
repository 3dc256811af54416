/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A machine for the tree's functions: what is found at boot, its number, its memslots and where
 * they lie in user space. It comes after the tree's own files.
 */
#ifndef SLAT_GUEST_H
#define SLAT_GUEST_H
#include "slat.h"
/* Any number that is not that of a fresh structure: a flush must name it. */
enum { VMID = 42 };

u32 slat_cache_min;
struct slat_shape slat_shape;

/* slots.h */
void slat_slots_begin(u64 first, u64 second);
void slat_log_slot(u64 base, int on);
struct kvm_memory_slot *slat_name_slot(u64 base, u64 pages);
struct kvm_memory_slot *slat_slot_of(u64 gfn);
pgd_t *slat_host_tables(unsigned long hva, u32 order);

/* The machine boots: what the last one found is forgotten. */
static void slat_forget(void)
{
	static unsigned long levels;
#ifdef SLAT_MODE_FOUND
	static unsigned long mode;

	if (!levels)
		mode = SLAT_MODE_FOUND;
	SLAT_MODE_FOUND = mode;
#endif
	if (!levels)
		levels = SLAT_LEVELS_FOUND;
	SLAT_LEVELS_FOUND = levels;
}

void slat_detect(void)
{
	slat_forget();
	kvm_riscv_gstage_mode_detect();
	slat_shape.levels = SLAT_LEVELS_FOUND;
	slat_shape.index_bits = SLAT_INDEX_BITS;
	slat_shape.root_bits = SLAT_ROOT_BITS;
	slat_shape.root_order = get_order(SLAT_ROOT_SIZE);
	slat_shape.reach_bits = SLAT_REACH_BITS;
	/* each operation that may need tables tops its cache up to as many */
	slat_cache_min = slat_shape.levels;
}

/* A new virtual machine: one memslot ends and the next begins at these frames. */
static void slat_new_guest(struct kvm *kvm, struct kvm_vcpu *vcpu, u64 border, u64 second)
{
	slat_detect();
	slat_slots_begin(border, second);
	kvm->mm = current->mm;
	kvm->arch.vmid.vmid = VMID;
	/* as kvm_arch_vcpu_create() does */
	vcpu->arch.mmu_page_cache.gfp_zero = __GFP_ZERO;
}

/* Where a frame of the slot lies in user space, of which the host maps 2^order pages at once. */
static unsigned long slat_hva(struct kvm *kvm, struct kvm_memory_slot *slot, gfn_t gfn, u32 order)
{
	unsigned long hva = slot->userspace_addr + (unsigned long)(gfn - slot->base_gfn) * PAGE_SIZE;

	kvm->mm->pgd = slat_host_tables(hva, order);
	return hva;
}

/* The size of 2^order pages; 0 where an unsigned long cannot hold it. */
static unsigned long slat_bytes(u32 order)
{
	return order < BITS_PER_LONG - PAGE_SHIFT ? PAGE_SIZE << order : 0;
}
#endif
