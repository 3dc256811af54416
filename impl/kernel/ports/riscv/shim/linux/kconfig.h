/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The configuration of the layout, and what follows from it in every tree: there is an MMU, a
 * kernel of 64 bits has five levels for the host's own tables, transparent huge pages, and physical
 * addresses as wide as a long.
 */
#ifndef SLATCHECK_LINUX_KCONFIG_H
#define SLATCHECK_LINUX_KCONFIG_H
#include_next <linux/kconfig.h>
#undef CONFIG_MMU
#define CONFIG_MMU 1
#define CONFIG_RISCV 1
#define CONFIG_KVM 1
#undef CONFIG_PGTABLE_LEVELS
#ifdef CONFIG_64BIT
#define CONFIG_PGTABLE_LEVELS 5
#define CONFIG_PHYS_ADDR_T_64BIT 1
#define CONFIG_TRANSPARENT_HUGEPAGE 1
#ifdef SLAT_PTE_DEVMAP
#define CONFIG_ARCH_HAS_PTE_DEVMAP 1
#endif
#ifdef SLAT_HUGE_PUD
#define CONFIG_HAVE_ARCH_TRANSPARENT_HUGEPAGE_PUD 1
#endif
#define CONFIG_PAGE_OFFSET 0xff60000000000000
#else
#define CONFIG_PGTABLE_LEVELS 2
#define CONFIG_PAGE_OFFSET 0xc0000000
#endif
#define CONFIG_PAGE_SHIFT 12
#define CONFIG_KVM_GENERIC_MMU_NOTIFIER 1
#define CONFIG_MMU_NOTIFIER 1
#define CONFIG_HUGETLB_PAGE 1
#define CONFIG_ARCH_HAS_PTE_SPECIAL 1
#endif
