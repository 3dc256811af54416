# SPDX-License-Identifier: GPL-2.0-only
"""The G-stage table of KVM for RISC-V, ``arch/riscv/kvm``: what the model knows of it."""

from __future__ import annotations

from model.operations import Kind
from model.ports.port import Port
from model.ports.riscv.functions import CONTRACTS, FUNCTIONS
from model.ports.riscv.layouts import PORT, choices, layouts
from model.ports.riscv.machines import machines

RISCV = Port(
    name=PORT,
    title="KVM for RISC-V",
    arch="RISC-V",
    user_emulators=("qemu-riscv32", "qemu-riscv64"),
    functions=FUNCTIONS,
    contracts=CONTRACTS,
    layouts=layouts,
    machines=machines,
    choices=choices,
    telling=("32BIT", "64BIT"),
    plain=frozenset({"MMU", "RISCV", "PGTABLE_LEVELS"}),
    unjudged=frozenset({"unsafe-to-remove"}),
    optional=frozenset({Kind.SPLIT}),
)
