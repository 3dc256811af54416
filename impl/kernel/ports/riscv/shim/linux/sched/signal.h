/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory that has failed: the signal to the process changes no table. */
#ifndef SLATCHECK_LINUX_SCHED_SIGNAL_H
#define SLATCHECK_LINUX_SCHED_SIGNAL_H
#include <linux/sched.h>
#define BUS_MCEERR_AR 4
#define send_sig_mceerr(code, address, lsb, task) ((void)(address))
#endif
