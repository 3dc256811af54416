/* SPDX-License-Identifier: GPL-2.0-only */
/* Fixed mappings belong to the host's own address space; pagetable_init() alone names them. */
#ifndef SLATCHECK_ASM_FIXMAP_H
#define SLATCHECK_ASM_FIXMAP_H
#include <slatcheck/base.h>
#include <asm/page.h>
#define FIXADDR_START 0xfffe0000UL
#define FIXADDR_SIZE 0UL
enum { __end_of_fixed_addresses = 1 };
#define __fix_to_virt(index) (FIXADDR_START - (index))
void fixrange_init(unsigned long start, unsigned long end, pgd_t *pgd_base);
#endif
