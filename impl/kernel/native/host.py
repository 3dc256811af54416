# SPDX-License-Identifier: GPL-2.0-only
"""The host as a target: how code for it is made of a tree for another processor, and where not."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from impl.kernel.port import Code, Target
from impl.kernel.ports import kernel_port
from impl.kernel.toolchain import Toolchain, predefined
from model.layout import Layout

FOLDER = Path(__file__).resolve().parent / "machine"
TRIPLES = {64: "x86_64-unknown-linux-gnu", 32: "i386-unknown-linux-gnu"}
# Numbers of 64 bits lie at multiples of eight bytes, as on the processors that are stood in for.
WIDTH = {64: ["-mno-red-zone"], 32: ["-malign-double"]}
# Nothing but plain instructions for numbers: the runner saves no other registers.
PLAIN = ["-fno-pic", "-mgeneral-regs-only", "-fcf-protection=none"]
# The tree's headers must not see for which processor the code is made.
OWN = ("__x86_64__", "__x86_64", "__amd64__", "__amd64", "__i386__", "__i386", "i386")
RETURN = 1
"""Bytes from a return address back into the call, whatever its form: SLAT_CALL_BYTES."""


def compiler_target(bits: int) -> list[str]:
    """Return the compiler's arguments for plain code of the host, of one width."""
    return ["-target", TRIPLES[bits], *WIDTH[bits]]


class HostCode:
    """x86-64 for layouts of 64 bits, i386 for those of 32, with what headers ask of the other's."""

    gcc = ""
    macros: tuple[str, ...] = ()

    def __init__(self, other: Code, toolchain: Toolchain) -> None:
        self._other = other
        self._toolchain = toolchain

    def theirs(self, bits: int, big_endian: bool) -> dict[str, str]:
        """Return the macros that the tree's headers ask the other processor's compiler for."""
        code, clang = self._other, self._toolchain.clang
        asked = *code.target(clang, bits, big_endian), *code.flags(clang, False)
        known = predefined(self._toolchain, asked)
        return {name: known[name] for name in sorted(known) if name.startswith(code.macros)}

    def target(self, clang: bool, bits: int, big_endian: bool) -> list[str]:
        """Return the compiler's arguments for one width."""
        named = self.theirs(bits, big_endian)
        defines = [f"-D{name}={value}" for name, value in named.items()]
        ours = ["-DSLAT_NATIVE=1", "-DSLAT_EXPLORE=1", f"-DSLAT_CALL_BYTES={RETURN}"]
        return [*compiler_target(bits), *(f"-U{name}" for name in OWN), *defines, *ours]

    def flags(self, clang: bool, instrument: bool) -> list[str]:
        """Return further arguments."""
        return PLAIN


def emulated_only(big_endian: bool, toolchain: Toolchain) -> str:
    """Return why code in this byte order cannot run on this host; '' where it can.

    Whether the host can also confine it shows when a machine is started.
    """
    machine, system = platform.machine(), platform.system()
    if not sys.platform.startswith("linux") or machine not in ("x86_64", "AMD64"):
        return f"this host is {machine} under {system}: code runs natively on x86-64 under Linux"
    if big_endian:
        return "big-endian: the numbers of this host are little-endian"
    if not toolchain.clang:
        return f"{toolchain.compiler[0]} makes no code for this host: native code is made by Clang"
    return ""


def host(layout: Layout, toolchain: Toolchain) -> Target:
    """Return the host as what a layout's code is made for."""
    code = HostCode(kernel_port(layout.port).code, toolchain)
    return Target(f"x86-{layout.bits}", code, FOLDER, native=True)
