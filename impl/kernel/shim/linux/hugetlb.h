/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Huge pages as the architecture tells them from tables. The host has none to give, so
 * an entry that looks huge was made by nobody but the code that is judged.
 */
#ifndef SLATCHECK_LINUX_HUGETLB_H
#define SLATCHECK_LINUX_HUGETLB_H
#include <linux/mm.h>
#ifdef CONFIG_HUGETLB_PAGE
#define pmd_huge(pmd) ((pmd_val(pmd) & _PAGE_HUGE) != 0)
#define pud_huge(pud) ((pud_val(pud) & _PAGE_HUGE) != 0)
#else
#define pmd_huge(pmd) 0
#define pud_huge(pud) 0
#endif
struct hstate;
#define hstate_vma(vma) ((struct hstate *)0)
#define huge_page_mask(hstate) PAGE_MASK
#endif
