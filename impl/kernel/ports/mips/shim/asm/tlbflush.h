/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's own TLB holds nothing of a GPA table. */
#include <slatcheck/base.h>
#define flush_tlb_all() ((void)0)
