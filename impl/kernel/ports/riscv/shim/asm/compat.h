/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs of another width run nowhere here. */
#define is_compat_task() 0
