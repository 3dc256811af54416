/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's own TLB holds nothing of a guest's table. */
#ifndef SLATCHECK_ASM_TLBFLUSH_H
#define SLATCHECK_ASM_TLBFLUSH_H
#include <asm/bitops.h>
#include <asm/errata_list.h>
#define flush_tlb_all() ((void)0)
#define local_flush_tlb_page(address) ((void)(address))
#define flush_tlb_page(vma, address) ((void)(address))
#define flush_tlb_range(vma, start, end) ((void)0)
#endif
