# SPDX-License-Identifier: GPL-2.0-only
"""The table of KVM for MIPS, ``arch/mips/kvm/mmu.c``: what the model knows of it."""

from __future__ import annotations

from model.ports.mips.functions import CONTRACTS, FUNCTIONS
from model.ports.mips.layouts import PORT, choices, layouts
from model.ports.mips.machines import machines
from model.ports.port import Port

MIPS = Port(
    name=PORT,
    title="KVM for MIPS",
    arch="MIPS",
    user_emulators=("qemu-mips", "qemu-mips64"),
    functions=FUNCTIONS,
    contracts=CONTRACTS,
    layouts=layouts,
    machines=machines,
    choices=choices,
    telling=(
        *("32BIT", "64BIT", "XPA", "MIPS_HUGE_TLB_SUPPORT", "MIPS_VA_BITS_48"),
        *("CPU_MIPS32_R5", "CPU_MIPS64_R6", "CPU_CAVIUM_OCTEON"),
    ),
    plain=frozenset({"KVM_MIPS_VZ", "CPU_MIPSR2"}),
    # Who calls mmu.c flushes; its own functions only answer whether that is due.
    unjudged=frozenset({"unflushed"}),
)
