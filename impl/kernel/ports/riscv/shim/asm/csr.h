/* SPDX-License-Identifier: GPL-2.0-only */
/* The numbers are the tree's; what is read and written is what services.h plays. */
#ifndef SLATCHECK_ASM_CSR_H
#define SLATCHECK_ASM_CSR_H
#include <slatcheck/base.h>
#include_next <asm/csr.h>
#undef csr_read
#undef csr_write
void slat_csr_write(unsigned long csr, unsigned long value);
unsigned long slat_csr_read(unsigned long csr);
#define csr_read(csr) slat_csr_read(csr)
#define csr_write(csr, value) slat_csr_write(csr, (unsigned long)(value))
#endif
