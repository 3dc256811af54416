/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Instructions are emulated beside the table, so their fields stand for nothing here; that they
 * are laid out by the byte order would make two texts of what is one.
 */
#ifndef SLATCHECK_ASM_INST_H
#define SLATCHECK_ASM_INST_H
#include <linux/types.h>

union mips_instruction { unsigned int word; };
typedef unsigned int mips_instruction;
#endif
