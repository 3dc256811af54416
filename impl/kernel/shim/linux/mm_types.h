/* SPDX-License-Identifier: GPL-2.0-only */
/* Pages, page-table descriptors and the part of an address space that the GPA table needs. */
#ifndef SLATCHECK_LINUX_MM_TYPES_H
#define SLATCHECK_LINUX_MM_TYPES_H
#include <slatcheck/base.h>
#include <asm/page.h>

struct rw_semaphore { int readers; };
#ifdef SLAT_PROOF
#define down_read(semaphore) ((void)0)
#define up_read(semaphore) ((void)0)
#else
#define down_read(semaphore) ((void)(semaphore)->readers++)
#define up_read(semaphore) ((void)(semaphore)->readers--)
#endif
#define mmap_read_lock(mm) down_read(&(mm)->mmap_sem)
#define mmap_read_unlock(mm) up_read(&(mm)->mmap_sem)

/* One for each page frame of the arena. A ptdesc and a folio are views of the same thing. */
struct page {
	u8 state;		/* enum slat_page_state */
	u8 order;		/* of the block, kept in every page of it */
	u8 compound;		/* the block was taken with __GFP_COMP */
	u8 head;		/* first page of its block */
	u8 table;		/* a page-table constructor ran and no destructor since */
	u8 kind;		/* enum slat_page_kind */
	u8 level;		/* enum slat_level once linked, else 0 */
	u8 kernel;		/* marked as a table of the kernel's own mappings */
	u8 whole;		/* all of it was written since it was handed out */
	atomic_t _mapcount;	/* named by code for huge pages, which the host has not */
	u32 block;		/* index of the first page of the block */
	u32 live;		/* entries of a linked table that are not empty */
	unsigned long slot;	/* address of the directory slot that links a table, 0 for the root */
	u64 base;		/* first address (bytes of GPA) that a linked table covers */
	int references;		/* of the block's first page */
};
extern struct page mem_map[];
struct ptdesc { struct page page; };
struct folio { struct page page; };

struct mm_struct {
	pgd_t *pgd;
	spinlock_t page_table_lock;
	struct rw_semaphore mmap_sem;
	atomic_t tlb_flush_pending;
};
extern struct mm_struct init_mm;
#define mm_tlb_flush_pending(mm) 0

/* User mappings: generic inline functions of linux/pgtable.h name them, the GPA table has none. */
struct vm_area_struct {
	struct mm_struct *vm_mm;
	unsigned long vm_start, vm_end, vm_flags;
	pgprot_t vm_page_prot;
	unsigned long vm_pgoff;
};
#define VM_WRITE 0x2UL
struct vm_area_struct *find_vma(struct mm_struct *mm, unsigned long address);
struct vm_area_struct *vma_lookup(struct mm_struct *mm, unsigned long address);
#define VM_IO 0x4000UL
#define VM_PFNMAP 0x400UL
typedef struct { unsigned long val; } swp_entry_t;
typedef unsigned int cydp_t;
#define CYDP_CLEAR_YOUNG 1u
#define CYDP_CLEAR_DIRTY 2u
#endif
