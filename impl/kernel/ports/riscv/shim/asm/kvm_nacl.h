/* SPDX-License-Identifier: GPL-2.0-only */
/* The host runs on the hart itself, so its registers are written directly. */
#ifndef SLATCHECK_ASM_KVM_NACL_H
#define SLATCHECK_ASM_KVM_NACL_H
#include <asm/csr.h>
#define kvm_riscv_nacl_available() false
#define ncsr_write(csr, value) csr_write(csr, value)
#define ncsr_read(csr) csr_read(csr)
#endif
