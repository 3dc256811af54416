# SPDX-License-Identifier: GPL-2.0-only
"""Machines with a RISC-V hart that has the hypervisor extension, and their modes."""

from __future__ import annotations

from model.layout import Layout
from model.machines import LITTLE, Machine

VIRT = "SOC_VIRT"
_HARTS = {"sv32x4": 32, "sv39x4": 64, "sv48x4": 64, "sv57x4": 64}
"""Source: ``arch/riscv/Kconfig.socs``; the mode is a property of the hart, found at run time."""


def machines(layout: Layout) -> tuple[Machine, ...]:
    """Return the machines that can run a kernel whose G-stage tables have ``layout``."""
    mode = layout.name.split("-")[1]
    name = f"QEMU virt, and boards whose harts have {mode.capitalize()} at most"
    return (Machine(name, VIRT, (_HARTS[mode],), (4,), (LITTLE,)),)
