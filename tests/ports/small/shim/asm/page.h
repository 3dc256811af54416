/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SMALL_PAGE_H
#define SMALL_PAGE_H
#define PAGE_SHIFT 12
#define PAGE_SIZE (1UL << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
typedef struct { unsigned long raw; } pte_t;
typedef struct { unsigned long slot; } pgd_t;
typedef struct { unsigned long slot; } pmd_t;
typedef struct { unsigned long slot; } pud_t;
typedef struct { unsigned long bits; } pgprot_t;
#define pte_val(pte) ((pte).raw)
#define __pte(value) ((pte_t){ value })
#ifdef SLAT_PROOF
unsigned long slat_virt_to_phys(const volatile void *address);
#define virt_to_page(address) (mem_map + (slat_virt_to_phys((void *)(address)) >> PAGE_SHIFT))
#else
#define virt_to_page(address) (&mem_map[((unsigned long)(address) - SLAT_ARENA) >> PAGE_SHIFT])
#endif
#endif
