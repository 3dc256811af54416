# SPDX-License-Identifier: GPL-2.0-only
"""How Clang and GCC are told to make code for MIPS."""

from __future__ import annotations

# The emulator loses its place when a load or store in a branch delay slot meets a page anew.
NO_DELAY_SLOTS = {True: ["-mllvm", "-disable-mips-delay-filler"], False: ["-fno-delayed-branch"]}
# The runner's hooks jump to their slow half; Clang for MIPS does so only when told.
TAIL_CALLS = ["-mllvm", "-mips-tail-calls=1"]
# Addresses of 32 bits in 64-bit code, as the kernel has it: two instructions instead of six.
SHORT = {True: ["-Xclang", "-target-feature", "-Xclang", "+sym32"], False: ["-msym32"]}


class MipsCode:
    """Release 2 of both widths, without position-independent code and floating point."""

    gcc = "mips"
    macros: tuple[str, ...] = ("__mips", "_mips", "mips", "__MIPS", "_MIPS", "MIPS", "_ABI")

    def target(self, clang: bool, bits: int, big_endian: bool) -> list[str]:
        """Return the compiler's arguments for one width and byte order."""
        isa = f"-march=mips{bits}r2"
        if clang:
            name = "mips64" if bits == 64 else "mips"
            abi = "linux-gnuabi64" if bits == 64 else "linux-gnu"
            chosen = ["-target", f"{name}{'' if big_endian else 'el'}-{abi}", isa]
        else:
            chosen = [f"-mabi={bits}", "-EB" if big_endian else "-EL", isa]
        return [*chosen, *(SHORT[clang] if bits == 64 else [])]

    def flags(self, clang: bool, instrument: bool) -> list[str]:
        """Return further arguments, for code that is checked (``instrument``) or is not."""
        plain = ["-mno-abicalls", "-fno-pic", "-G0", "-msoft-float", *NO_DELAY_SLOTS[clang]]
        return [*plain, *(TAIL_CALLS if clang and not instrument else [])]
