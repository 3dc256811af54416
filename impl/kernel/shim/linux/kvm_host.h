/* SPDX-License-Identifier: GPL-2.0-only */
/* The part of KVM's common code that mmu.c meets; its meaning is sliced from the tree. */
#ifndef SLATCHECK_LINUX_KVM_HOST_H
#define SLATCHECK_LINUX_KVM_HOST_H
#include <linux/mm.h>
#include <asm/kvm_types.h>

typedef u64 gpa_t;
typedef u64 gfn_t;
typedef unsigned long hva_t;
typedef u64 hpa_t;
typedef u64 hfn_t;
typedef hfn_t kvm_pfn_t;

#define KVM_PFN_ERR_MASK (0x7ffULL << 52)
#define KVM_PFN_ERR_NOSLOT_MASK (0xfffULL << 52)
#define KVM_PFN_NOSLOT (1ULL << 63)
#define KVM_PFN_ERR_FAULT (KVM_PFN_ERR_MASK)
#define KVM_PFN_ERR_HWPOISON (KVM_PFN_ERR_MASK + 1)
#define KVM_PFN_ERR_RO_FAULT (KVM_PFN_ERR_MASK + 2)
#define KVM_MEM_LOG_DIRTY_PAGES 1u
#define KVM_MEM_READONLY 2u
#define INVALID_GPA (~(gpa_t)0)

enum kvm_mr_change { KVM_MR_CREATE, KVM_MR_DELETE, KVM_MR_MOVE, KVM_MR_FLAGS_ONLY };

#include "kvm_types_slice.h"

struct srcu_struct { int held; };
struct kvm_arch { struct mm_struct gpa_mm; };
struct kvm {
	spinlock_t mmu_lock;
	struct srcu_struct srcu;
	unsigned long mmu_invalidate_seq;
	long mmu_invalidate_in_progress;
	gfn_t mmu_invalidate_range_start, mmu_invalidate_range_end;
	struct kvm_arch arch;
};
struct kvm_vcpu_arch {
	struct kvm_mmu_memory_cache mmu_page_cache;
	struct hrtimer comparecount_timer;
	int last_sched_cpu;
};
struct kvm_vcpu {
	struct kvm *kvm;
	int cpu, vcpu_id;
	struct kvm_vcpu_arch arch;
};
struct kvm_memory_slot {
	gfn_t base_gfn;
	unsigned long npages;
	unsigned long userspace_addr;
	u32 flags;
	short id;
};
union kvm_mmu_notifier_arg { pte_t pte; unsigned long attributes; };
struct kvm_gfn_range {
	struct kvm_memory_slot *slot;
	gfn_t start, end;
	union kvm_mmu_notifier_arg arg;
	pte_t pte;
	bool may_block;
};
struct kvm_mips_callbacks {
	int (*vcpu_load)(struct kvm_vcpu *vcpu, int cpu);
	int (*vcpu_put)(struct kvm_vcpu *vcpu, int cpu);
};
extern struct kvm_mips_callbacks *kvm_mips_callbacks;

/* environment.c */
kvm_pfn_t gfn_to_pfn_prot(struct kvm *kvm, gfn_t gfn, bool write_fault, bool *writable);
void kvm_release_pfn_clean(kvm_pfn_t pfn);
void kvm_release_pfn_dirty(kvm_pfn_t pfn);
void kvm_set_pfn_dirty(kvm_pfn_t pfn);
void kvm_set_pfn_accessed(kvm_pfn_t pfn);
void mark_page_dirty(struct kvm *kvm, gfn_t gfn);
int srcu_read_lock(struct srcu_struct *srcu);
void srcu_read_unlock(struct srcu_struct *srcu, int index);
void kvm_flush_remote_tlbs(struct kvm *kvm);
void kvm_flush_remote_tlbs_memslot(struct kvm *kvm, const struct kvm_memory_slot *slot);
#define kvm_arch_flush_remote_tlbs_memslot kvm_flush_remote_tlbs_memslot
int kvm_vz_host_tlb_inv(struct kvm_vcpu *vcpu, unsigned long va);
#define kvm_debug(...) do { } while (0)
#define kvm_err(...) do { } while (0)

/* mmu.c's own interface, as asm/kvm_host.h declares it. */
bool kvm_mips_flush_gpa_pt(struct kvm *kvm, gfn_t start_gfn, gfn_t end_gfn);
int kvm_mips_mkclean_gpa_pt(struct kvm *kvm, gfn_t start_gfn, gfn_t end_gfn);
pgd_t *kvm_pgd_alloc(void);
void kvm_mmu_free_memory_caches(struct kvm_vcpu *vcpu);
int kvm_mips_handle_vz_root_tlb_fault(unsigned long badvaddr, struct kvm_vcpu *vcpu, bool write_fault);
void kvm_arch_mmu_enable_log_dirty_pt_masked(struct kvm *kvm, struct kvm_memory_slot *slot,
					     gfn_t gfn_offset, unsigned long mask);
bool kvm_unmap_gfn_range(struct kvm *kvm, struct kvm_gfn_range *range);
bool kvm_age_gfn(struct kvm *kvm, struct kvm_gfn_range *range);
bool kvm_test_age_gfn(struct kvm *kvm, struct kvm_gfn_range *range);
bool kvm_set_spte_gfn(struct kvm *kvm, struct kvm_gfn_range *range);
void kvm_arch_flush_shadow_all(struct kvm *kvm);
void kvm_arch_flush_shadow_memslot(struct kvm *kvm, struct kvm_memory_slot *slot);
void kvm_arch_commit_memory_region(struct kvm *kvm, struct kvm_memory_slot *old,
				   const struct kvm_memory_slot *new, enum kvm_mr_change change);
int __kvm_mmu_topup_memory_cache(struct kvm_mmu_memory_cache *mc, int capacity, int min);
int kvm_mmu_topup_memory_cache(struct kvm_mmu_memory_cache *mc, int min);
int kvm_mmu_memory_cache_nr_free_objects(struct kvm_mmu_memory_cache *mc);
void kvm_mmu_free_memory_cache(struct kvm_mmu_memory_cache *mc);
void *kvm_mmu_memory_cache_alloc(struct kvm_mmu_memory_cache *mc);

#include "kvm_host_slice.h"
#endif
