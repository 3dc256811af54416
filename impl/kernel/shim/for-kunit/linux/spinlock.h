/* SPDX-License-Identifier: GPL-2.0-only */
/* One CPU: a lock that is set up is free. */
#ifndef SLATCHECK_KUNIT_SPINLOCK_H
#define SLATCHECK_KUNIT_SPINLOCK_H
#include <slatcheck/base.h>
#define spin_lock_init(lock) ((void)((lock)->held = 0))
#define spin_lock_irqsave(lock, flags) ((void)((flags) = 0), spin_lock(lock))
#define spin_unlock_irqrestore(lock, flags) ((void)(flags), spin_unlock(lock))
#endif
