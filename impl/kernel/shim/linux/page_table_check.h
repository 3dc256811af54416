/* SPDX-License-Identifier: GPL-2.0-only */
/* CONFIG_PAGE_TABLE_CHECK is off: its hooks do nothing. */
#ifndef SLATCHECK_LINUX_PAGE_TABLE_CHECK_H
#define SLATCHECK_LINUX_PAGE_TABLE_CHECK_H
#include <slatcheck/base.h>
#define page_table_check_pte_clear(...) ((void)0)
#define page_table_check_pmd_clear(...) ((void)0)
#define page_table_check_pud_clear(...) ((void)0)
#define page_table_check_pte_set(...) ((void)0)
#define page_table_check_ptes_set(...) ((void)0)
#define page_table_check_pmd_set(...) ((void)0)
#define page_table_check_pud_set(...) ((void)0)
#define page_table_check_pte_clear_range(...) ((void)0)
#endif
