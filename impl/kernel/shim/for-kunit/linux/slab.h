/* SPDX-License-Identifier: GPL-2.0-only */
/* Memory of KUnit's own, from the pool of kunit.c. */
#ifndef SLATCHECK_KUNIT_SLAB_H
#define SLATCHECK_KUNIT_SLAB_H
#include <slatcheck/base.h>
void *kmalloc(size_t size, gfp_t gfp);
void *kzalloc(size_t size, gfp_t gfp);
void kfree(const void *memory);
#endif
