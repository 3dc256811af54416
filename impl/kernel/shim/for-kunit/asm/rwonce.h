/* SPDX-License-Identifier: GPL-2.0-only */
/* READ_ONCE() and WRITE_ONCE() stand in the base. */
#ifndef SLATCHECK_KUNIT_RWONCE_H
#define SLATCHECK_KUNIT_RWONCE_H
#include <slatcheck/base.h>

#endif
