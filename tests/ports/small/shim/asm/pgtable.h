/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SMALL_PGTABLE_H
#define SMALL_PGTABLE_H
#include <asm/page.h>
#define CONFIG_PGTABLE_LEVELS 2
#define __PAGETABLE_PMD_FOLDED 1
#define __PAGETABLE_PUD_FOLDED 1
#define PGDIR_SHIFT 14
#define PMD_SHIFT PGDIR_SHIFT
#define PUD_SHIFT PGDIR_SHIFT
#define REACH_SHIFT 16
#define PTRS_PER_PGD 4
#define PTRS_PER_PUD 1
#define PTRS_PER_PMD 1
#define PTRS_PER_PTE 4
#define PGD_TABLE_ORDER 0
enum { SMALL_PRESENT = 1, SMALL_WRITE = 2, SMALL_YOUNG = 4, SMALL_DIRTY = 8 };
extern pte_t invalid_pte_table[PTRS_PER_PTE];
#endif
