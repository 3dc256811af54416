/* SPDX-License-Identifier: GPL-2.0-only */
/* Huge pages of user space: one size for each mapping, that of the operation. */
#ifndef SLATCHECK_LINUX_HUGETLB_H
#define SLATCHECK_LINUX_HUGETLB_H
#include <linux/mm.h>
#define VM_HUGETLB 0x400000UL
struct hstate { unsigned int order; };
extern struct hstate slat_hstate;
#define is_vm_hugetlb_page(vma) (!!((vma)->vm_flags & VM_HUGETLB))
static inline struct hstate *hstate_vma(struct vm_area_struct *vma)
{
	(void)vma;
	return &slat_hstate;
}
static inline unsigned int huge_page_shift(struct hstate *h)
{
	return h->order + PAGE_SHIFT;
}
/* An unsigned long, as in the tree's linux/hugetlb.h. */
static inline unsigned long huge_page_mask(struct hstate *h)
{
	return ~((1UL << huge_page_shift(h)) - 1);
}
#endif
