/* SPDX-License-Identifier: GPL-2.0-only */
/* A static key is an ordinary variable here. */
#ifndef SLATCHECK_KUNIT_JUMP_LABEL_H
#define SLATCHECK_KUNIT_JUMP_LABEL_H
#include <slatcheck/base.h>
struct static_key_false { int on; };
#define DECLARE_STATIC_KEY_FALSE(name) extern struct static_key_false name
#endif
