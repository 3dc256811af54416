/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's memory and the host's mapping of it. Slots divide the frames within reach: at the
 * borders that CREATE names, and wherever a slot would be larger than KVM and user space allow.
 */
#include <linux/hugetlb.h>
#if BITS_PER_LONG == 64
enum { SLOT_BITS = 30, USER_BITS = 18 };
#define USER_BASE (64UL << 30)
#else
enum { SLOT_BITS = 19, USER_BITS = 10 };
#define USER_BASE (4UL << 20)
#endif
enum { FLAG_TRANSPARENT = 8, MAX_LOGGING = 64 };

static struct {
	u64 borders[2];
	u64 logging[MAX_LOGGING];	/* bases of the slots whose dirty pages are logged */
	u32 used;
	struct kvm_memory_slot named;	/* the slot of the operation */
	unsigned long bitmap;
} guest;
struct hstate slat_hstate;

void slat_slots_begin(u64 first, u64 second)
{
	guest.borders[0] = first;
	guest.borders[1] = second;
	guest.used = 0;
}

static u32 logging_at(u64 base)
{
	u32 i;

	for (i = 0; i < guest.used && guest.logging[i] != base; i++)
		;
	return i;
}

/* From now on the dirty pages of the slot are logged, or not. */
void slat_log_slot(u64 base, int on)
{
	u32 at = logging_at(base);

	if (!on && at < guest.used)
		guest.logging[at] = guest.logging[--guest.used];
	if (!on || at < guest.used)
		return;
	if (guest.used == MAX_LOGGING)
		slat_fatal(EV_TOOL_LIMIT, SU_RING, base, 0, guest.used);
	guest.logging[guest.used++] = base;
}

/* The slot of the operation: these frames, in user space out of step by as many as it says. */
struct kvm_memory_slot *slat_name_slot(u64 base, u64 pages)
{
	struct kvm_memory_slot *slot = &guest.named;

	slot->base_gfn = base;
	slot->npages = pages;
	slot->userspace_addr = USER_BASE + (unsigned long)(base & ((1u << USER_BITS) - 1)) * PAGE_SIZE +
			       (unsigned long)slat.op->skew * PAGE_SIZE;
	slot->id = 1;
	slot->flags = 0;
	slot->dirty_bitmap = 0;
	if (logging_at(base) < guest.used) {
		slot->flags = KVM_MEM_LOG_DIRTY_PAGES;
		slot->dirty_bitmap = &guest.bitmap;
	}
	if ((slat.op->flags >> 8 & 0xff) == ANSWER_READ_ONLY)
		slot->flags |= KVM_MEM_READONLY;
	return slot;
}

static u64 slot_base(u64 gfn)
{
	u64 base = gfn >> SLOT_BITS << SLOT_BITS;
	u32 i;

	for (i = 0; i < 2; i++)
		if (guest.borders[i] <= gfn && guest.borders[i] > base)
			base = guest.borders[i];
	return base;
}

static u64 slot_end(u64 gfn)
{
	u64 end = (gfn >> SLOT_BITS << SLOT_BITS) + (1ULL << SLOT_BITS);
	u64 reach = 1ULL << (slat_shape.reach_bits - PAGE_SHIFT);
	u32 i;

	for (i = 0; i < 2; i++)
		if (guest.borders[i] > gfn && guest.borders[i] < end)
			end = guest.borders[i];
	return end < reach ? end : reach;
}

/* The slot that a frame lies in. */
struct kvm_memory_slot *slat_slot_of(u64 gfn)
{
	u64 base = slot_base(gfn);

	return slat_name_slot(base, slot_end(gfn) - base);
}

struct kvm_memory_slot *gfn_to_memslot(struct kvm *kvm, gfn_t gfn)
{
	(void)kvm;
	return (slat.op->flags >> 8 & 0xff) == ANSWER_NO_SLOT ? NULL : slat_slot_of(gfn);
}

struct kvm_memory_slot *id_to_memslot(struct kvm_memslots *slots, int id)
{
	(void)slots;
	return id == guest.named.id ? &guest.named : NULL;
}

/* A fault may ask for the first frame of what the host maps at once. */
static int slat_may_ask(gfn_t gfn) { (void)gfn; return 1; }

/* Nothing is there for it in another slot, nor below the host's first frame. */
static int slat_elsewhere(gfn_t gfn)
{
	u64 faulted = slat.op->first >> PAGE_SHIFT;

	return slot_base(gfn) != slot_base(faulted) || (gfn < faulted && faulted - gfn > slat.op->pfn);
}

/* The host's frames go up with the guest's, as far as the slot goes. */
static kvm_pfn_t slat_frame_at(gfn_t gfn)
{
	return slat.op->pfn + (gfn - (slat.op->first >> PAGE_SHIFT));
}

/* --- user space: one mapping over everything, or over the slot that is prepared --- */
static struct vm_area_struct *mapping(struct mm_struct *mm)
{
	static struct vm_area_struct vma;
	const struct slat_op *op = slat.op;
	int huge = op->order && !(op->flags & FLAG_TRANSPARENT);

	vma.vm_mm = mm;
	vma.vm_start = vma.vm_pgoff = 0;
	vma.vm_end = PAGE_MASK;
	vma.vm_flags = VM_WRITE | (huge ? VM_HUGETLB : 0);
	slat_hstate.order = huge ? op->order : 0;
	if (op->kind != OP_PREPARE_REGION)
		return &vma;
	vma.vm_start = guest.named.userspace_addr;
	vma.vm_end = vma.vm_start + guest.named.npages * PAGE_SIZE;
	vma.vm_pgoff = op->pfn;
	vma.vm_flags = (op->flags & FLAG_WRITABLE ? VM_WRITE : 0) | (op->flags & FLAG_WRITE ? VM_PFNMAP : 0);
	return &vma;
}

struct vm_area_struct *find_vma(struct mm_struct *mm, unsigned long address)
{
	struct vm_area_struct *vma = mapping(mm);

	return address < vma->vm_end ? vma : NULL;
}

struct vm_area_struct *vma_lookup(struct mm_struct *mm, unsigned long address)
{
	struct vm_area_struct *vma = find_vma(mm, address);

	return vma && address >= vma->vm_start ? vma : NULL;
}

struct vm_area_struct *find_vma_intersection(struct mm_struct *mm, unsigned long start,
					     unsigned long end)
{
	struct vm_area_struct *vma = find_vma(mm, start);

	return vma && end > vma->vm_start ? vma : NULL;
}

/* The host's own tables along one address, for code that looks how much they map at once. */
#define HOST_TABLE __attribute__((aligned(PAGE_SIZE)))
enum { HOST_LEVELS = SLAT_LEVELS, HOST_BITS = BITS_PER_LONG == 64 ? 9 : 10 };
static unsigned long host_tables[HOST_LEVELS][PAGE_SIZE / sizeof(long)] HOST_TABLE;

/* Maps 2^order pages at once there, or a base page where that is no size that a level has. */
pgd_t *slat_host_tables(unsigned long hva, u32 order)
{
	static unsigned long *written[HOST_LEVELS];
	u32 level, leaf = order % HOST_BITS ? 0 : order / HOST_BITS;

	for (level = 0; level < HOST_LEVELS; level++)
		if (written[level])
			*written[level] = 0;
	for (level = HOST_LEVELS; level-- > 0;) {
		unsigned long index = hva >> (PAGE_SHIFT + level * HOST_BITS) & ((1u << HOST_BITS) - 1);
		unsigned long below = level > leaf ? (unsigned long)host_tables[level - 1] >> PAGE_SHIFT : 0;
		unsigned long bits = level > leaf ? _PAGE_TABLE : pgprot_val(PAGE_WRITE_EXEC);

		written[level] = &host_tables[level][index];
		*written[level] = pte_val(pfn_pte(below, __pgprot(bits)));
		if (level == leaf)
			break;
	}
	return (pgd_t *)host_tables[HOST_LEVELS - 1];
}
