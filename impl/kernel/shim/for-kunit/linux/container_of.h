/* SPDX-License-Identifier: GPL-2.0-only */
/* container_of() stands in the base. */
#ifndef SLATCHECK_KUNIT_CONTAINER_OF_H
#define SLATCHECK_KUNIT_CONTAINER_OF_H
#include <slatcheck/base.h>

#endif
