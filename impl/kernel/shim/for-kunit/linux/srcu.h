/* SPDX-License-Identifier: GPL-2.0-only */
/* A read section is counted by the runner; there is nothing to set up. */
#ifndef SLATCHECK_KUNIT_SRCU_H
#define SLATCHECK_KUNIT_SRCU_H
#include <slatcheck/base.h>
#define init_srcu_struct(srcu) ((srcu)->held = 0, 0)
#define cleanup_srcu_struct(srcu) ((void)(srcu))
#endif
