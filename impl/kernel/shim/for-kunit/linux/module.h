/* SPDX-License-Identifier: GPL-2.0-only */
/* What KUnit's macros take from modules and compilers. */
#ifndef SLATCHECK_KUNIT_MODULE_H
#define SLATCHECK_KUNIT_MODULE_H
#include <slatcheck/base.h>
#define __section(name) __attribute__((section(name)))
#define __printf(a, b) __attribute__((format(printf, a, b)))
#define __UNIQUE_ID(prefix) SLAT_PASTE(__UNIQUE_ID_, prefix, __COUNTER__)
#define SLAT_PASTE(a, b, c) SLAT_PASTE_(a, b, c)
#define SLAT_PASTE_(a, b, c) a##b##c
struct va_format { const char *fmt; __builtin_va_list *va; };
struct dentry;
struct file;
struct module;
#define KERN_INFO ""
#endif
