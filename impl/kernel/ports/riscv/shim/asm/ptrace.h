/* SPDX-License-Identifier: GPL-2.0-only */
/* Registers as user space sees them: structures of linux/kvm.h hold them. */
#include <asm/csr.h>
#include <uapi/asm/ptrace.h>
