# SPDX-License-Identifier: GPL-2.0-only
"""What a port says of compiling and running its kernel code: data and functions, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from impl.kernel.binding import Binding
from impl.kernel.features import Feature
from impl.kernel.tree import Files, Tree
from model.layout import Layout


class Code(Protocol):
    """How the compiler is told to make code for the port's processor."""

    gcc: str
    """A word in the name of every GCC that makes such code."""

    macros: tuple[str, ...]
    """How the macros begin that the compiler defines and the tree's headers ask for."""

    def target(self, clang: bool, bits: int, big_endian: bool) -> list[str]:
        """Return the compiler's arguments for one width and byte order.

        Raises UnsupportedError for a byte order that the processor does not have.
        """
        ...

    def flags(self, clang: bool, instrument: bool) -> list[str]:
        """Return further arguments, for code that is checked (``instrument``) or is not."""
        ...


@dataclass(frozen=True)
class Target:
    """What an image is made for: the port's own processor, or the host where ``native``.

    ``folder`` holds ``setjmp.S`` for it. Two targets of one name make the same code.
    """

    name: str
    code: Code
    folder: Path
    native: bool = False


class Processor(Protocol):
    """The processor that the emulator plays; the emulator's own constants are behind it.

    ``folder`` holds ``setjmp.S`` and, for exported programs, ``system.h``.
    """

    folder: Path

    def start(self, bits: int, big_endian: bool) -> Any:
        """Return an emulated machine in which nothing has run."""
        ...

    def begin(self, machine: Any, stack: int, back: int) -> None:
        """Set the stack pointer, and the address to which the next call returns."""
        ...

    def place(self, machine: Any) -> int:
        """Return the program counter."""
        ...

    def system_call(self, machine: Any, bits: int, interrupt: int) -> SystemCall | None:
        """Return the system call that interrupt number ``interrupt`` is, None where it is none."""
        ...


@dataclass(frozen=True)
class SystemCall:
    """A system call: ``name`` is 'write', 'exit_group' or its number.

    ``first`` and ``second`` are the arguments that matter: address and bytes, or the status.
    """

    name: str
    first: int = 0
    second: int = 0


@dataclass(frozen=True, eq=False)
class KernelPort:
    """All that is particular to an architecture's kernel code.

    ``bind`` ties a tree to the runner; it raises TreeError and UnsupportedError. ``features`` is
    what sets trees of different ages apart, ``variant`` the layout of a tree that has other bits
    in its entries. ``folder`` holds ``shim/``, headers that come before the neutral ones, and
    ``runner/`` with ``unit.c``, one call into the tree's code for each operation. ``beside`` are
    further sources of the tree that are linked, ``slices`` files of the binding that the proof
    reads, both in order. ``orders`` are the Kconfig symbols of big and little-endian. Where
    ``levels_found``, how many levels a table has is found at boot and not Kconfig's to say.
    ``target`` returns the address of the table that a directory's slot links, None where the slot
    is a leaf; left out, slots are addresses, and empty ones those of shared empty tables.
    ``arena_pages`` are what a sequence can be handed out: a page is never handed out twice.
    """

    files: Files
    bind: Callable[[Tree], Binding]
    features: tuple[Feature, ...]
    variant: Callable[[Layout, Mapping[str, bool]], Layout]
    code: Code
    processor: Processor
    folder: Path
    beside: Callable[[Layout], tuple[tuple[str, str], ...]]
    slices: tuple[str, ...]
    orders: tuple[str, str] = ("CPU_BIG_ENDIAN", "CPU_LITTLE_ENDIAN")
    levels_found: bool = False
    target: Callable[[int], int | None] | None = None
    arena_pages: int = 1024
