# SPDX-License-Identifier: GPL-2.0-only
"""The table of KVM for MIPS, ``arch/mips/kvm/mmu.c``: what the model knows of it."""

from __future__ import annotations

from model.ports.mips.functions import CONTRACTS, FUNCTIONS
from model.ports.mips.layouts import PORT, layouts
from model.ports.mips.machines import machines
from model.ports.port import Port

MIPS = Port(
    name=PORT,
    title="KVM for MIPS",
    functions=FUNCTIONS,
    contracts=CONTRACTS,
    layouts=layouts,
    machines=machines,
)
