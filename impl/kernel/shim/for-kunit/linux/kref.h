/* SPDX-License-Identifier: GPL-2.0-only */
/* Reference counts of KUnit's resources, on one CPU. */
#ifndef SLATCHECK_KUNIT_KREF_H
#define SLATCHECK_KUNIT_KREF_H
#include <slatcheck/base.h>
struct kref { int count; };
static inline void kref_init(struct kref *ref) { ref->count = 1; }
static inline void kref_get(struct kref *ref) { ref->count++; }
static inline int kref_put(struct kref *ref, void (*release)(struct kref *ref))
{
	if (--ref->count)
		return 0;
	release(ref);
	return 1;
}
#endif
