/* SPDX-License-Identifier: GPL-2.0-only */
/* KUnit's suites are found by program.ld. */
#ifndef SLATCHECK_KUNIT_SECTIONS_H
#define SLATCHECK_KUNIT_SECTIONS_H
#include <slatcheck/base.h>

#endif
