/* SPDX-License-Identifier: GPL-2.0-only */
/* What a program around the machine is made of: see program.c. */
#ifndef SLAT_PROGRAM_H
#define SLAT_PROGRAM_H
#include "slat.h"

/* Say something: %s text, %x a u64 in hex, %n an s64, %u a u32. Lines end with \n. */
void slat_say(const char *format, ...);
void slat_vsay(const char *format, __builtin_va_list *values);

/* What the program does; returns its exit status. */
int slat_program(void);
#endif
