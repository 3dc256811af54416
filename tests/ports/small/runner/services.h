/* SPDX-License-Identifier: GPL-2.0-only */
/* The table uses nothing else. */
pgd_t swapper_pg_dir[PTRS_PER_PGD];
