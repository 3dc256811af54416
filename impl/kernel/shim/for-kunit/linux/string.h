/* SPDX-License-Identifier: GPL-2.0-only */
/* The strings that KUnit's inline functions handle. */
#ifndef SLATCHECK_KUNIT_STRING_H
#define SLATCHECK_KUNIT_STRING_H
#include <slatcheck/base.h>
size_t strlen(const char *text);
int strcmp(const char *one, const char *other);
#endif
