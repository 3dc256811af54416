# SPDX-License-Identifier: GPL-2.0-only
"""Which machines run a layout, and in which byte orders Kconfig lets a kernel of it be built."""

from __future__ import annotations

from dataclasses import dataclass

from model.layout import Layout
from model.mips import Choice, choice_of

BIG = "big"
LITTLE = "little"
ORDERS = (BIG, LITTLE)
"""The byte orders, in the order in which they are told; the ordinary one comes first."""


@dataclass(frozen=True)
class Machine:
    """A machine with a core that KVM runs on.

    ``symbol`` selects it in ``arch/mips/Kconfig``; ``orders`` are the byte orders of which it
    selects ``SYS_SUPPORTS_{BIG,LITTLE}_ENDIAN``; ``bits`` and ``page_kb`` what its cores have.
    """

    name: str
    symbol: str
    bits: tuple[int, ...]
    page_kb: tuple[int, ...]
    orders: tuple[str, ...]

    def runs(self, choice: Choice) -> bool:
        """Return whether a kernel of this choice can be built for the machine."""
        if choice.bits not in self.bits or choice.page_kb not in self.page_kb:
            return False
        # Of 32-bit kernels, only the releases of MIPS have XPA, or R6 cores with huge pages.
        return choice.bits == 64 or choice.phys != "p64"


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
    return tuple(one for one in MACHINES if layout.permitted and one.runs(choice))


def byte_orders(layout: Layout) -> tuple[str, ...]:
    """Return the byte orders that Kconfig permits; both for a layout that it refuses altogether."""
    orders = {order for machine in machines(layout) for order in machine.orders}
    return tuple(order for order in ORDERS if order in orders or not orders)
