# SPDX-License-Identifier: GPL-2.0-only
"""The RISC-V processors that the emulator plays, and its registers by their roles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from impl.kernel.port import SystemCall
from support.lazy import lazily

with lazily():
    # Unicorn: the maintained emulator with exact faults and a Python binding.
    import unicorn
    import unicorn.riscv_const

_UC: Any = unicorn
"""The emulator, which has no types."""
ECALLS = (8, 9, 11)
"""The emulator's numbers of an environment call, from each mode."""
CALLS = {64: "write", 94: "exit_group"}
"""System calls that a program may make; they are the same for both widths."""


class RiscvProcessor:
    """A generic core of either width."""

    folder = Path(__file__).resolve().parent / "machine"

    def start(self, bits: int, big_endian: bool) -> Any:
        """Return an emulated machine in which nothing has run."""
        mode = _UC.UC_MODE_RISCV64 if bits == 64 else _UC.UC_MODE_RISCV32
        return _UC.Uc(_UC.UC_ARCH_RISCV, mode)

    def begin(self, machine: Any, stack: int, back: int) -> None:
        """Set the stack pointer, and the address to which the next call returns."""
        machine.reg_write(unicorn.riscv_const.UC_RISCV_REG_SP, stack)
        machine.reg_write(unicorn.riscv_const.UC_RISCV_REG_RA, back)

    def place(self, machine: Any) -> int:
        """Return the program counter."""
        return int(machine.reg_read(unicorn.riscv_const.UC_RISCV_REG_PC))

    def system_call(self, machine: Any, bits: int, interrupt: int) -> SystemCall | None:
        """Return the system call that interrupt number ``interrupt`` is, None where it is none."""
        if interrupt not in ECALLS:
            return None
        riscv, read = unicorn.riscv_const, machine.reg_read
        number = int(read(riscv.UC_RISCV_REG_A7))
        name = CALLS.get(number, str(number))
        if name == "write":
            return SystemCall(name, read(riscv.UC_RISCV_REG_A1), read(riscv.UC_RISCV_REG_A2))
        return SystemCall(name, read(riscv.UC_RISCV_REG_A0))
