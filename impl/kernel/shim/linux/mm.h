/* SPDX-License-Identifier: GPL-2.0-only */
/* Page allocation and page-table descriptors; their meaning is sliced from the tree's linux/mm.h. */
#ifndef SLATCHECK_LINUX_MM_H
#define SLATCHECK_LINUX_MM_H
#include <linux/mm_types.h>
#if __has_include(<linux/pgtable.h>)
#include <linux/pgtable.h>
#else
#include <asm/pgtable.h>
#endif

extern pgd_t swapper_pg_dir[];

/* heap.c */
unsigned long slat_get_pages(gfp_t gfp, unsigned int order);
void slat_free_pages(struct page *page, unsigned int order);
void slat_get_page(struct page *page);
void slat_put_page(struct page *page);
#define get_page(page) slat_get_page(page)
#define put_page(page) slat_put_page(page)
#define FOLL_WRITE 0x1
unsigned int slat_compound_order(struct page *page);
void slat_table_ctor(struct page *page);
void slat_table_dtor(struct page *page);
void slat_page_state(struct page *page, int item, int delta);

#ifdef SLAT_PROOF
void *slat_page_address(const struct page *page);
#define page_address(page) slat_page_address(page)
#else
#define page_address(page) ((void *)(SLAT_ARENA + ((unsigned long)((page) - mem_map) << PAGE_SHIFT)))
#endif
static inline struct page *alloc_pages(gfp_t gfp, unsigned int order)
{
	unsigned long address = slat_get_pages(gfp, order);

	return address ? virt_to_page(address) : 0;
}
#define alloc_pages_noprof alloc_pages
#define alloc_page(gfp) alloc_pages(gfp, 0)
#define alloc_hooks(call) (call)
#define __get_free_pages(gfp, order) slat_get_pages((gfp) & ~__GFP_HIGHMEM, order)
#define __get_free_page(gfp) __get_free_pages(gfp, 0)
#define get_zeroed_page(gfp) __get_free_pages((gfp) | __GFP_ZERO, 0)
#define __free_pages(page, order) slat_free_pages(page, order)
#define __free_page(page) slat_free_pages(page, 0)
static inline void free_pages(unsigned long address, unsigned int order)
{
	if (address)
		slat_free_pages(virt_to_page(address), order);
}
#define free_page(address) free_pages(address, 0)
#define compound_order(page) slat_compound_order(page)

#define clear_highpage(page) clear_page(page_address(page))
#define vma_kernel_pagesize(vma) PAGE_SIZE

/* Descriptors. */
#define page_ptdesc(p) ((struct ptdesc *)(p))
#define ptdesc_page(p) ((struct page *)(p))
#define ptdesc_folio(p) ((struct folio *)(p))
#define page_folio(p) ((struct folio *)(p))
#define folio_page(f, n) ((struct page *)(f) + (n))
#define virt_to_ptdesc(address) page_ptdesc(virt_to_page(address))
#define ptdesc_address(p) page_address(ptdesc_page(p))

/* Split page-table locks carry no state that the GPA table could break. */
#define ptlock_init(x) 1
#define ptlock_free(x) ((void)(x))
#define pte_lock_deinit(x) ((void)(x))
#define pmd_ptlock_init(x) 1
#define pmd_ptlock_free(x) ((void)(x))
#define ptdesc_pmd_pts_init(x) ((void)(x))

#define NR_PAGETABLE 1
#ifdef SLAT_PROOF
int slat_marked_kernel(const struct page *page);
void slat_mark_kernel(struct page *page, int on);
#define ptdesc_set_kernel(p) slat_mark_kernel((struct page *)(p), 1)
#define ptdesc_clear_kernel(p) slat_mark_kernel((struct page *)(p), 0)
#define ptdesc_test_kernel(p) slat_marked_kernel((const struct page *)(p))
#else
#define ptdesc_set_kernel(p) ((void)(((struct page *)(p))->kernel = 1))
#define ptdesc_clear_kernel(p) ((void)(((struct page *)(p))->kernel = 0))
#define ptdesc_test_kernel(p) (((const struct page *)(p))->kernel)
#endif
#define __folio_set_pgtable(f) slat_table_ctor((struct page *)(f))
#define __folio_clear_pgtable(f) slat_table_dtor((struct page *)(f))
#define __SetPageTable(p) slat_table_ctor(p)
#define __ClearPageTable(p) slat_table_dtor(p)
#define lruvec_stat_add_folio(f, item) slat_page_state((struct page *)(f), item, 1)
#define lruvec_stat_sub_folio(f, item) slat_page_state((struct page *)(f), item, -1)
#define inc_zone_page_state(p, item) slat_page_state(p, item, 1)
#define dec_zone_page_state(p, item) slat_page_state(p, item, -1)
#define inc_lruvec_page_state(p, item) slat_page_state(p, item, 1)
#define dec_lruvec_page_state(p, item) slat_page_state(p, item, -1)
/* One node, one counter; how much is counted is the tree's to say. */
typedef int pg_data_t;
#define memdesc_nid(flags) 0
#define NODE_DATA(node) ((pg_data_t *)0)
#define ptdesc_nr_pages(p) (1L << compound_order(ptdesc_page(p)))
#define mod_node_page_state(node, item, delta) slat_page_state(0, item, delta)

#include "mm_slice.h"
#endif
