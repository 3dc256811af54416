# SPDX-License-Identifier: GPL-2.0-only
"""The MIPS processors that the emulator plays, and its registers by their roles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from impl.kernel.port import SystemCall
from support.lazy import lazily

with lazily():
    # Unicorn: the maintained emulator with exact faults and a Python binding.
    import unicorn
    import unicorn.mips_const

_UC: Any = unicorn
"""The emulator, which has no types."""
SYSCALL = 17
"""The emulator's number of the system call exception."""
CALLS = {
    32: {4004: "write", 4246: "exit_group"},
    64: {5001: "write", 5205: "exit_group"},
}
"""System calls that a program may make: those of o32 and n64."""


class MipsProcessor:
    """A 24Kf for 32-bit code, a generic MIPS64 R2 for 64-bit code."""

    folder = Path(__file__).resolve().parent / "machine"

    def start(self, bits: int, big_endian: bool) -> Any:
        """Return an emulated machine in which nothing has run."""
        uc, mips = _UC, unicorn.mips_const
        wide = bits == 64
        mode = uc.UC_MODE_MIPS64 if wide else uc.UC_MODE_MIPS32
        order = uc.UC_MODE_BIG_ENDIAN if big_endian else uc.UC_MODE_LITTLE_ENDIAN
        machine = uc.Uc(uc.UC_ARCH_MIPS, mode | order)
        model = mips.UC_CPU_MIPS64_MIPS64R2_GENERIC if wide else mips.UC_CPU_MIPS32_24KF
        machine.ctl_set_cpu_model(model)
        return machine

    def begin(self, machine: Any, stack: int, back: int) -> None:
        """Set the stack pointer, and the address to which the next call returns."""
        machine.reg_write(unicorn.mips_const.UC_MIPS_REG_SP, stack)
        machine.reg_write(unicorn.mips_const.UC_MIPS_REG_RA, back)

    def place(self, machine: Any) -> int:
        """Return the program counter."""
        return int(machine.reg_read(unicorn.mips_const.UC_MIPS_REG_PC))

    def system_call(self, machine: Any, bits: int, interrupt: int) -> SystemCall | None:
        """Return the system call that interrupt number ``interrupt`` is, None where it is none."""
        if interrupt != SYSCALL:
            return None
        mips, read = unicorn.mips_const, machine.reg_read
        number = int(read(mips.UC_MIPS_REG_V0))
        name = CALLS[bits].get(number, str(number))
        if name == "write":
            return SystemCall(name, read(mips.UC_MIPS_REG_A1), read(mips.UC_MIPS_REG_A2))
        return SystemCall(name, read(mips.UC_MIPS_REG_A0))
