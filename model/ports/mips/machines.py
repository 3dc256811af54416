# SPDX-License-Identifier: GPL-2.0-only
"""Machines with a MIPS core that KVM runs on, and which layouts each of them can run."""

from __future__ import annotations

from model.layout import Layout
from model.machines import LITTLE, ORDERS, Machine
from model.ports.mips.layouts import Choice, choice_of

MACHINES = (
    Machine("Loongson-3", "MACH_LOONGSON64", (64,), (16, 64), (LITTLE,)),
    Machine("Octeon III", "CAVIUM_OCTEON_SOC", (64,), (4, 8, 16, 32, 64), ORDERS),
    Machine("Malta with P5600, I6400", "MIPS_MALTA", (32, 64), (4, 16, 64), ORDERS),
    Machine("generic board, P5600 to P6600", "MIPS_GENERIC_KERNEL", (32, 64), (4, 16, 64), ORDERS),
)
"""Source: ``arch/mips/Kconfig``, cores that select ``HAVE_KVM`` (6.1) or ``CPU_SUPPORTS_VZ``."""


def machines(layout: Layout) -> tuple[Machine, ...]:
    """Return the machines that can run a kernel of ``layout``; none where Kconfig refuses it."""
    choice = choice_of(layout)
    return tuple(machine for machine in MACHINES if layout.permitted and runs(machine, choice))


def runs(machine: Machine, choice: Choice) -> bool:
    """Return whether a kernel of this choice can be built for the machine.

    Its byte orders are those of which it selects ``SYS_SUPPORTS_{BIG,LITTLE}_ENDIAN``.
    """
    if choice.bits not in machine.bits or choice.page_kb not in machine.page_kb:
        return False
    # Of 32-bit kernels, only the releases of MIPS have XPA, or R6 cores with huge pages.
    return choice.bits == 64 or choice.phys != "p64"
