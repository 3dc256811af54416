/* SPDX-License-Identifier: GPL-2.0-only */
/* The list of a test's resources, which stays empty: no test of ours has any. */
#ifndef SLATCHECK_KUNIT_LIST_H
#define SLATCHECK_KUNIT_LIST_H
#include <slatcheck/base.h>
#define list_for_each_entry_reverse(at, head, member) for ((at) = NULL; (at);)
#define list_empty(head) 1
#endif
