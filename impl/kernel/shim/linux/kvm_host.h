/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of KVM's common code that mmu.c meets; its meaning is sliced from the tree. */
#ifndef SLATCHECK_LINUX_KVM_HOST_H
#define SLATCHECK_LINUX_KVM_HOST_H
#include <linux/mm.h>
#include <linux/kvm_types.h>
#include <asm/processor.h>
#if __has_include(<asm/llsc.h>)
#include <asm/llsc.h>
#endif
#include <asm/kvm_host.h>

#define KVM_PFN_ERR_MASK (0x7ffULL << 52)
#define KVM_PFN_ERR_NOSLOT_MASK (0xfffULL << 52)
#define KVM_PFN_NOSLOT (1ULL << 63)
#define KVM_PFN_ERR_FAULT (KVM_PFN_ERR_MASK)
#define KVM_PFN_ERR_HWPOISON (KVM_PFN_ERR_MASK + 1)
#define KVM_PFN_ERR_RO_FAULT (KVM_PFN_ERR_MASK + 2)
#define KVM_PFN_ERR_SIGPENDING (KVM_PFN_ERR_MASK + 3)

enum kvm_mr_change { KVM_MR_CREATE, KVM_MR_DELETE, KVM_MR_MOVE, KVM_MR_FLAGS_ONLY };

struct srcu_struct { int held; };
struct kvm_memory_slot {
	gfn_t base_gfn;
	unsigned long npages;
	unsigned long userspace_addr;
	u32 flags;
	short id;
	unsigned long *dirty_bitmap;
};
/* The slots of a guest, for notifiers that look them up: those that the operation names. */
struct kvm_memslots { struct kvm_memory_slot *first; int used; };
#define kvm_memslots(kvm) (&(kvm)->memslots)
#ifdef SLAT_PROOF
/* The slot that the range lies in; what the others map is not the range's. */
#define kvm_for_each_memslot(slot, slots) for (slot = (slots)->first; slot; slot = NULL)
#else
#define kvm_for_each_memslot(slot, slots) \
	for (slot = (slots)->first; slot < (slots)->first + (slots)->used; slot++)
#endif
struct kvm {
	spinlock_t mmu_lock;
	struct srcu_struct srcu;
	unsigned long mmu_invalidate_seq;
	long mmu_invalidate_in_progress;
	gfn_t mmu_invalidate_range_start, mmu_invalidate_range_end;
	struct kvm_memslots memslots;
	struct kvm_arch arch;
	struct mm_struct *mm;
};
struct kvm_vcpu {
	struct kvm *kvm;
	int cpu, vcpu_id;
	struct kvm_vcpu_stat stat;
	struct kvm_vcpu_arch arch;
};
union kvm_mmu_notifier_arg { pte_t pte; unsigned long attributes; };
struct kvm_gfn_range {
	struct kvm_memory_slot *slot;
	gfn_t start, end;
	union kvm_mmu_notifier_arg arg;
	pte_t pte;
	bool may_block;
};
/* environment.c */
kvm_pfn_t gfn_to_pfn_prot(struct kvm *kvm, gfn_t gfn, bool write_fault, bool *writable);
kvm_pfn_t kvm_faultin_pfn(struct kvm_vcpu *vcpu, gfn_t gfn, bool write, bool *writable,
			  struct page **refcounted_page);
kvm_pfn_t __kvm_faultin_pfn(const struct kvm_memory_slot *slot, gfn_t gfn, unsigned int flags,
			    bool *writable, struct page **refcounted_page);
void kvm_release_page_unused(struct page *page);
void kvm_release_page_clean(struct page *page);
void kvm_release_page_dirty(struct page *page);
void kvm_release_pfn_clean(kvm_pfn_t pfn);
void kvm_release_pfn_dirty(kvm_pfn_t pfn);
void kvm_set_pfn_dirty(kvm_pfn_t pfn);
void kvm_set_pfn_accessed(kvm_pfn_t pfn);
void mark_page_dirty(struct kvm *kvm, gfn_t gfn);
void mark_page_dirty_in_slot(struct kvm *kvm, const struct kvm_memory_slot *slot, gfn_t gfn);
int srcu_read_lock(struct srcu_struct *srcu);
void srcu_read_unlock(struct srcu_struct *srcu, int index);
void kvm_flush_remote_tlbs(struct kvm *kvm);
void kvm_flush_remote_tlbs_range(struct kvm *kvm, gfn_t gfn, u64 pages);
void kvm_flush_remote_tlbs_memslot(struct kvm *kvm, const struct kvm_memory_slot *slot);
#ifdef SLAT_OWN_FLUSH_MEMSLOT
void kvm_arch_flush_remote_tlbs_memslot(struct kvm *kvm, const struct kvm_memory_slot *slot);
#else
#define kvm_arch_flush_remote_tlbs_memslot kvm_flush_remote_tlbs_memslot
#endif
/* The host's mappings as faults that look at them see them: base pages, no holes. */
struct kvm_memory_slot *id_to_memslot(struct kvm_memslots *slots, int id);
struct kvm_memory_slot *gfn_to_memslot(struct kvm *kvm, gfn_t gfn);
int kvm_is_visible_gfn(struct kvm *kvm, gfn_t gfn);
unsigned long gfn_to_hva_memslot_prot(struct kvm_memory_slot *slot, gfn_t gfn, bool *writable);
#ifdef SLAT_PROOF
struct vm_area_struct *slat_find_vma(void);
#define find_vma_intersection(mm, start, end) slat_find_vma()
#else
struct vm_area_struct *find_vma_intersection(struct mm_struct *mm, unsigned long start,
					     unsigned long end);
#endif
#define KVM_HVA_ERR_BAD (~0UL)
#define kvm_is_error_hva(hva) ((hva) == KVM_HVA_ERR_BAD)
void kvm_get_pfn(kvm_pfn_t pfn);
/* User space asks for the log once all is write-protected, and not for what was never written. */
#define kvm_dirty_log_manual_protect_and_init_set(kvm) false
#define kvm_debug(...) do { } while (0)
#define kvm_err(...) do { } while (0)

int __kvm_mmu_topup_memory_cache(struct kvm_mmu_memory_cache *mc, int capacity, int min);
int kvm_mmu_topup_memory_cache(struct kvm_mmu_memory_cache *mc, int min);
int kvm_mmu_memory_cache_nr_free_objects(struct kvm_mmu_memory_cache *mc);
void kvm_mmu_free_memory_cache(struct kvm_mmu_memory_cache *mc);
void *kvm_mmu_memory_cache_alloc(struct kvm_mmu_memory_cache *mc);

#include "kvm_host_slice.h"
#endif
