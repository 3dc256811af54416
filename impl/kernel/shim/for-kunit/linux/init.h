/* SPDX-License-Identifier: GPL-2.0-only */
/* Enough for KUnit's headers; see module.h. */
#ifndef SLATCHECK_KUNIT_INIT_H
#define SLATCHECK_KUNIT_INIT_H
#include <slatcheck/base.h>
#include <linux/module.h>
#endif
