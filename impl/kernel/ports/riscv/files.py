# SPDX-License-Identifier: GPL-2.0-only
"""The files of a tree that hold KVM for RISC-V, and where its headers lie."""

from __future__ import annotations

from impl.kernel.tree import Files
from model.ports.riscv.layouts import PORT

MMU = "arch/riscv/kvm/mmu.c"
GSTAGE = "arch/riscv/kvm/gstage.c"
"""Since 6.17 the table's own functions are there."""
PGTABLE = "arch/riscv/mm/pgtable.c"
SOURCES = (
    MMU,
    GSTAGE,
    PGTABLE,
    "virt/kvm/kvm_main.c",
    "include/linux/kvm_host.h",
    "include/linux/kvm_types.h",
    "include/linux/pgtable.h",
    "include/asm-generic/memory_model.h",
    "include/asm-generic/pgtable-nop4d.h",
    "include/asm-generic/pgtable-nopud.h",
    "include/asm-generic/pgtable-nopmd.h",
    "arch/riscv/Kconfig",
    "arch/riscv/include/asm/csr.h",
    "arch/riscv/include/asm/kvm_gstage.h",
    "arch/riscv/include/asm/kvm_host.h",
    "arch/riscv/include/asm/kvm_mmu.h",
    "arch/riscv/include/asm/kvm_tlb.h",
    "arch/riscv/include/asm/page.h",
    "arch/riscv/include/asm/pgtable.h",
    "arch/riscv/include/asm/pgtable-32.h",
    "arch/riscv/include/asm/pgtable-64.h",
    "arch/riscv/include/asm/pgtable-bits.h",
)

FILES = Files(
    port=PORT,
    title="KVM for RISC-V",
    main=MMU,
    needed=("virt/kvm/kvm_main.c", "arch/riscv/include/asm/pgtable.h"),
    sources=SOURCES,
    includes=(
        "arch/riscv/include",
        "include",
        "arch/riscv/include/uapi",
        "include/uapi",
    ),
    headers=("include", "arch/riscv/include", "arch/riscv/kvm"),
    revision=("arch/riscv/Kconfig", "arch/riscv/include", "arch/riscv/kvm", "arch/riscv/mm"),
    kconfig="arch/riscv/Kconfig",
)
