/* SPDX-License-Identifier: GPL-2.0-only */
/* The machine under the tree's code, as one unit: it costs one run of the compiler. */
#include "heap.c"
#include "access.c"
#ifdef SLAT_FLUSHES
#include "flush.c"
#endif
#include "environment.c"
#include "observe.c"
#include "runner.c"
#ifdef SLAT_EXPLORE
#include "explore.c"
#endif
