/* SPDX-License-Identifier: GPL-2.0-only */
/* The tree's asm/page.h relies on linux/kernel.h for the address-space macros. */
#ifndef SLATCHECK_LINUX_KERNEL_H
#define SLATCHECK_LINUX_KERNEL_H
#include <slatcheck/base.h>
#include <asm/addrspace.h>
#endif
