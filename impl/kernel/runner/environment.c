/* SPDX-License-Identifier: GPL-2.0-only */
/* The rest of KVM and of the kernel: answers to faults, invalidations, locks, reports. */
#include <linux/sched.h>
#include "slat.h"

enum { ANSWER_PAGE, ANSWER_NO_SLOT, ANSWER_READ_ONLY, ANSWER_ERROR };
enum { FLAG_WRITE = 1, FLAG_WRITABLE = 2 };

static u64 here(void *address)
{
	return (unsigned long)address - SLAT_CALL_BYTES;
}

/*
 * Linked tables are allowed at once while the lock is held, where nobody else can be, and once an
 * access without the lock was told of: that is done once for each operation.
 */
void slat_lock_changed(void)
{
	int free = slat.kvm.mmu_lock.held || slat.creating || slat.leaving || slat.unlocked_seen;

	/* ACCESS_FREE, ACCESS_LOCKED, and the same of whole pages */
	slat_hot.allowed = 5u | (free ? 10u : 0);
}

void slat_environment_begin(const struct slat_op *op)
{
	slat.op = op;
	slat.asked = 0;
	slat.allocations = 0;
	slat.oom = op->oom;
	slat.first_event = slat_control.events;
	slat.log_full = slat.unlocked_seen = 0;
	slat.creating = op->kind == OP_CREATE;
	slat.leaving = op->kind == OP_DESTROY;
	slat.flushed = 0;
	current->mm->mmap_sem.readers = 0;
	slat_flush_begin();
	slat_hot.log = slat_log;
	slat_hot.log_end = slat_log + MAX_LOG;
	slat_hot.fuel = slat_control.budget;
	slat_lock_changed();
}

/* What an operation took it must have given back: the lock, the srcu section, page references. */
void slat_environment_end(void)
{
	slat.oom = 0;
	if (slat.kvm.mmu_lock.held)
		slat_report(EV_ACCOUNTING, SU_LOCK, 0, 0, slat.kvm.mmu_lock.held);
	if (slat.kvm.srcu.held)
		slat_report(EV_ACCOUNTING, SU_SRCU, 0, 0, slat.kvm.srcu.held);
	if (slat.references)
		slat_report(EV_ACCOUNTING, SU_PFN, 0, 0, slat.references);
	if (current->mm->mmap_sem.readers)
		slat_report(EV_ACCOUNTING, SU_MMAP, 0, 0, current->mm->mmap_sem.readers);
	slat.kvm.mmu_lock.held = slat.kvm.srcu.held = 0;
	slat.references = 0;
}

void slat_lock(spinlock_t *lock)
{
	if (lock->held)
		slat_fatal(EV_RUNAWAY, SU_LOCK, (unsigned long)lock, here(__builtin_return_address(0)), 0);
	lock->held = 1;
	slat_lock_changed();
}

void slat_unlock(spinlock_t *lock)
{
	if (!lock->held)
		slat_report(EV_ACCOUNTING, SU_LOCK, (unsigned long)lock,
			    here(__builtin_return_address(0)), 0);
	lock->held = 0;
	slat_lock_changed();
}

int slat_trylock(spinlock_t *lock)
{
	if (lock->held)
		return 0;
	slat_lock(lock);
	return 1;
}

/* Drops the lock and takes it again, as if there were someone to let in between. */
int slat_resched_lock(spinlock_t *lock)
{
	slat_unlock(lock);
	slat_lock(lock);
	return 1;
}

int srcu_read_lock(struct srcu_struct *srcu)
{
	return srcu->held++;
}

void srcu_read_unlock(struct srcu_struct *srcu, int index)
{
	(void)index;
	srcu->held--;
}

#ifdef SLAT_SLOTS
#include "slots.h"
#else
/* Only the frame that faulted is asked for. */
static int slat_may_ask(gfn_t gfn) { return gfn == slat.op->first >> PAGE_SHIFT; }
static int slat_elsewhere(gfn_t gfn) { (void)gfn; return 0; }
static kvm_pfn_t slat_frame_at(gfn_t gfn) { (void)gfn; return slat.op->pfn; }
#endif

/*
 * The first op->retries answers are overtaken by an invalidation before the lock can be taken:
 * by turns one that has ended (the sequence count moved) and one that is still in progress.
 * What they answer is stale, so a table that keeps it has lost the invalidation.
 */
static kvm_pfn_t answer(struct kvm *kvm, gfn_t gfn, bool write_fault, bool *writable, u64 pc)
{
	const struct slat_op *op = slat.op;
	u32 answer = op->flags >> 8 & 0xff;

	if (kvm->mmu_lock.held)
		slat_report(EV_ACCOUNTING, SU_LOCK, 0, pc, 1);
	if (!slat_may_ask(gfn) || write_fault != !!(op->flags & FLAG_WRITE))
		slat_report(EV_WRONG_RESULT, SU_PFN, gfn, pc, write_fault);
	kvm->mmu_invalidate_in_progress = 0;
	if (slat_elsewhere(gfn))
		return KVM_PFN_NOSLOT;
	if (answer == ANSWER_NO_SLOT)
		return KVM_PFN_NOSLOT;
	if (answer == ANSWER_READ_ONLY)
		return KVM_PFN_ERR_RO_FAULT;
	if (answer == ANSWER_ERROR)
		return KVM_PFN_ERR_FAULT;
	if (writable)
		*writable = !!(op->flags & FLAG_WRITABLE);
	slat.references++;
	if (slat.asked++ < op->retries) {
		if (slat.asked & 1)
			kvm->mmu_invalidate_seq++;
		else
			kvm->mmu_invalidate_in_progress = 1;
		return slat_frame_at(gfn) ^ 1;
	}
	return slat_frame_at(gfn);
}

kvm_pfn_t gfn_to_pfn_prot(struct kvm *kvm, gfn_t gfn, bool write_fault, bool *writable)
{
	return answer(kvm, gfn, write_fault, writable, here(__builtin_return_address(0)));
}

/* The same since 6.13: the reference is to the page behind the PFN, and given back as such. */
kvm_pfn_t kvm_faultin_pfn(struct kvm_vcpu *vcpu, gfn_t gfn, bool write, bool *writable,
			  struct page **refcounted_page)
{
	kvm_pfn_t pfn = answer(vcpu->kvm, gfn, write, writable, here(__builtin_return_address(0)));

	*refcounted_page = is_error_noslot_pfn(pfn) ? NULL : &slat.host_page;
	return pfn;
}

void kvm_release_page_clean(struct page *page)
{
	if (page == &slat.host_page)
		slat.references--;
	else if (page)
		slat_fatal(EV_WILD_FREE, SU_PFN, (unsigned long)page, here(__builtin_return_address(0)), 0);
}

void kvm_release_page_unused(struct page *page) { kvm_release_page_clean(page); }
void kvm_release_page_dirty(struct page *page) { kvm_release_page_clean(page); }

kvm_pfn_t __kvm_faultin_pfn(const struct kvm_memory_slot *slot, gfn_t gfn, unsigned int flags,
			    bool *writable, struct page **refcounted_page)
{
	/* like __gfn_to_hva_memslot(), which takes what lies outside for the slot's first page */
	gfn_t inside = gfn - slot->base_gfn < slot->npages ? gfn : slot->base_gfn;
	kvm_pfn_t pfn = answer(&slat.kvm, inside, !!(flags & FOLL_WRITE), writable,
			       here(__builtin_return_address(0)));

	*refcounted_page = is_error_noslot_pfn(pfn) ? NULL : &slat.host_page;
	return pfn;
}

#ifndef SLAT_SLOTS
/* A slot over the whole of the guest, in user space at the addresses of the guest. */
struct kvm_memory_slot *gfn_to_memslot(struct kvm *kvm, gfn_t gfn)
{
	static struct kvm_memory_slot slot;

	(void)kvm;
	(void)gfn;
	slot.npages = ~0UL >> PAGE_SHIFT;
	return (slat.op->flags >> 8 & 0xff) == ANSWER_NO_SLOT ? NULL : &slot;
}

int kvm_is_visible_gfn(struct kvm *kvm, gfn_t gfn)
{
	return gfn_to_memslot(kvm, gfn) != NULL;
}

unsigned long gfn_to_hva_memslot_prot(struct kvm_memory_slot *slot, gfn_t gfn, bool *writable)
{
	u32 answer = slat.op->flags >> 8 & 0xff;

	if (!slot || (answer == ANSWER_READ_ONLY && !writable))
		return KVM_HVA_ERR_BAD;
	if (writable)
		*writable = answer != ANSWER_READ_ONLY;
	return slot->userspace_addr + (unsigned long)((gfn - slot->base_gfn) << PAGE_SHIFT);
}

struct vm_area_struct *find_vma_intersection(struct mm_struct *mm, unsigned long start,
					     unsigned long end)
{
	static struct vm_area_struct vma;

	(void)start;
	(void)end;
	vma.vm_mm = mm;
	return &vma;
}
#endif

void kvm_get_pfn(kvm_pfn_t pfn)
{
	if (!is_error_noslot_pfn(pfn))
		slat.references++;
}

void kvm_release_pfn_clean(kvm_pfn_t pfn)
{
	if (!is_error_noslot_pfn(pfn))
		slat.references--;
}

void kvm_release_pfn_dirty(kvm_pfn_t pfn)
{
	kvm_release_pfn_clean(pfn);
}

void kvm_set_pfn_dirty(kvm_pfn_t pfn) { (void)pfn; }
void kvm_set_pfn_accessed(kvm_pfn_t pfn) { (void)pfn; }

static void mark_dirty(struct kvm *kvm, gfn_t gfn, u64 pc)
{
	if (!kvm->mmu_lock.held)
		slat_report(EV_DIRTY_UNREPORTED, SU_DIRTY_LOCK, gfn, pc, 0);
	if (slat_control.dirty >= MAX_DIRTY)
		slat_fatal(EV_TOOL_LIMIT, SU_RING, gfn, 0, 0);
	slat_dirty[slat_control.dirty++] = gfn;
}

void mark_page_dirty(struct kvm *kvm, gfn_t gfn)
{
	mark_dirty(kvm, gfn, here(__builtin_return_address(0)));
}

void mark_page_dirty_in_slot(struct kvm *kvm, const struct kvm_memory_slot *slot, gfn_t gfn)
{
	(void)slot;
	mark_dirty(kvm, gfn, here(__builtin_return_address(0)));
}

/* A flush of another machine than the one that runs is none. */
void kvm_flush_remote_tlbs(struct kvm *kvm)
{
	if (kvm == &slat.kvm)
		slat_flush_all();
}

/* Without a flush by range in the architecture, all is flushed: virt/kvm/kvm_main.c. */
void kvm_flush_remote_tlbs_range(struct kvm *kvm, gfn_t gfn, u64 pages)
{
#ifdef SLAT_FLUSHES_RANGES
	if (kvm == &slat.kvm)
		slat_flush_range((u64)gfn << PAGE_SHIFT, pages << PAGE_SHIFT, PAGE_SHIFT);
#else
	(void)gfn;
	(void)pages;
	kvm_flush_remote_tlbs(kvm);
#endif
}

void kvm_flush_remote_tlbs_memslot(struct kvm *kvm, const struct kvm_memory_slot *slot)
{
	kvm_flush_remote_tlbs_range(kvm, slot->base_gfn, slot->npages);
}
int hrtimer_cancel(struct hrtimer *timer) { return timer->armed; }
void hrtimer_restart(struct hrtimer *timer) { timer->armed = 1; }

static struct mm_struct host_mm;
static struct task_struct host_task = { .mm = &host_mm };
struct task_struct *current = &host_task;
#include "services.h"
