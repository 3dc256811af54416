/* SPDX-License-Identifier: GPL-2.0-only */
/* One CPU. */
#ifndef SLATCHECK_LINUX_THREADS_H
#define SLATCHECK_LINUX_THREADS_H
#define NR_CPUS 1
#endif
