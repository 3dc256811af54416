/* SPDX-License-Identifier: GPL-2.0-only */
/* What a page of the host is: a base page by itself. */
#ifndef SLATCHECK_LINUX_PAGE_FLAGS_H
#define SLATCHECK_LINUX_PAGE_FLAGS_H
#include <linux/mm_types.h>
#define PageHuge(page) ((void)(page), 0)
#define PageTransCompound(page) ((void)(page), 0)
#endif
