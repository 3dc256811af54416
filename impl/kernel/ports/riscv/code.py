# SPDX-License-Identifier: GPL-2.0-only
"""How Clang and GCC are told to make code for RISC-V."""

from __future__ import annotations

from impl.kernel.errors import UnsupportedError

# The linker would otherwise make short what is long, and a call is no longer of one length.
PLAIN = ["-fno-pic", "-mcmodel=medany", "-mno-relax"]


class RiscvCode:
    """The base of both widths with multiplication and atomics, without floating point."""

    gcc = "riscv"
    macros: tuple[str, ...] = ("__riscv",)

    def target(self, clang: bool, bits: int, big_endian: bool) -> list[str]:
        """Return the compiler's arguments for one width; raises UnsupportedError for big-endian."""
        if big_endian:
            raise UnsupportedError("RISC-V kernels are little-endian: there is no big-endian code")
        isa = [f"-march=rv{bits}ima", f"-mabi={'lp64' if bits == 64 else 'ilp32'}"]
        return [*(["-target", f"riscv{bits}-linux-gnu"] if clang else []), *isa]

    def flags(self, clang: bool, instrument: bool) -> list[str]:
        """Return further arguments, for code that is checked (``instrument``) or is not."""
        return PLAIN
