/* SPDX-License-Identifier: GPL-2.0-only */
/* Addresses: every page frame of the machine lies in the arena that heap.c hands out from. */
#ifndef SLATCHECK_ASM_IO_H
#define SLATCHECK_ASM_IO_H
#include <slatcheck/base.h>
#include <asm/cpu-features.h>
#include <asm/pgtable-bits.h>
#ifdef SLAT_PROOF
unsigned long slat_virt_to_phys(const volatile void *address);
#define virt_to_phys(address) slat_virt_to_phys(address)
#else
#define virt_to_phys(address) ((unsigned long)(address) - SLAT_ARENA)
#endif
/* No board of the generic machine moves peripherals above 4 GiB (mach-generic/ioremap.h). */
#define fixup_bigphys_addr(address, size) (address)
#define phys_to_virt(phys) ((void *)((unsigned long)(phys) + SLAT_ARENA))
#endif
