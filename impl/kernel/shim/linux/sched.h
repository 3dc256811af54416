/* SPDX-License-Identifier: GPL-2.0-only */
/* The process that runs the guest. */
#ifndef SLATCHECK_LINUX_SCHED_H
#define SLATCHECK_LINUX_SCHED_H
#include <slatcheck/base.h>
struct task_struct { struct mm_struct *mm; };
extern struct task_struct *current;
#endif
