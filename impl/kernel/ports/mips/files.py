# SPDX-License-Identifier: GPL-2.0-only
"""The files of a tree that hold KVM for MIPS, and where its headers lie."""

from __future__ import annotations

from impl.kernel.tree import Files
from model.ports.mips.layouts import PORT

MMU = "arch/mips/kvm/mmu.c"
MIPS = "arch/mips/kvm/mips.c"
SOURCES = (
    MMU,
    MIPS,
    "arch/mips/mm/pgtable-32.c",
    "arch/mips/mm/pgtable-64.c",
    "virt/kvm/kvm_main.c",
    "include/linux/kvm_host.h",
    "include/linux/kvm_types.h",
    "include/linux/mm.h",
    "include/linux/pgtable.h",
    "include/asm-generic/pgalloc.h",
    "include/asm-generic/pgtable-nop4d.h",
    "include/asm-generic/pgtable-nopud.h",
    "include/asm-generic/pgtable-nopmd.h",
    "arch/mips/Kconfig",
    "arch/mips/include/asm/kvm_host.h",
    "arch/mips/include/asm/page.h",
    "arch/mips/include/asm/pgalloc.h",
    "arch/mips/include/asm/pgtable.h",
    "arch/mips/include/asm/pgtable-32.h",
    "arch/mips/include/asm/pgtable-64.h",
    "arch/mips/include/asm/pgtable-bits.h",
)

FILES = Files(
    port=PORT,
    title="KVM for MIPS",
    main=MMU,
    needed=(MIPS, "virt/kvm/kvm_main.c", "arch/mips/include/asm/pgtable.h"),
    sources=SOURCES,
    includes=(
        "arch/mips/include",
        "include",
        "arch/mips/include/uapi",
        "include/uapi",
        "arch/mips/include/asm/mach-generic",
    ),
    headers=("include", "arch/mips/include", "arch/mips/kvm"),
    revision=("arch/mips/Kconfig", "arch/mips/include", "arch/mips/kvm", "arch/mips/mm"),
    kconfig="arch/mips/Kconfig",
)
