/* SPDX-License-Identifier: GPL-2.0-only */
/* Masks of bits: the neutral ones, for which no type is checked. */
#include <slatcheck/base.h>
