/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernel mappings of high memory: pagetable_init() alone names them. */
#ifndef SLATCHECK_ASM_HIGHMEM_H
#define SLATCHECK_ASM_HIGHMEM_H
#include <asm/page.h>
#define LAST_PKMAP 1024
extern pte_t *pkmap_page_table;
#endif
