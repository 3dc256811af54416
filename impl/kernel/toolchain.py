# SPDX-License-Identifier: GPL-2.0-only
"""The compiler: the one the user names, else the Clang and lld of the ``ziglang`` wheel."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from impl.kernel.errors import TreeError

COMMON = [
    *["-std=gnu11", "-O2", "-g1", "-gdwarf-4", "-ffreestanding", "-fwrapv", "-fno-strict-aliasing"],
    *["-fno-delete-null-pointer-checks", "-fno-common", "-fno-stack-protector", "-fno-builtin"],
    *["-ffunction-sections", "-nostdinc", "-mno-abicalls", "-fno-pic", "-G0", "-msoft-float", "-w"],
    *["-Werror=implicit-function-declaration", "-Werror=implicit-int", "-Werror=int-conversion"],
]
# The emulator loses its place when a load or store in a branch delay slot meets a page anew.
NO_DELAY_SLOTS = {True: ["-mllvm", "-disable-mips-delay-filler"], False: ["-fno-delayed-branch"]}
# The runner's hooks jump to their slow half; Clang for MIPS does so only when told.
TAIL_CALLS = ["-mllvm", "-mips-tail-calls=1"]
# Clang alone can call back before every load and store.
INSTRUMENT = [
    *["-Xclang", "-fsanitize=thread", "-mllvm", "-tsan-instrument-func-entry-exit=0"],
    *["-mllvm", "-tsan-instrument-read-before-write=1"],
    "-fsanitize-coverage=inline-bool-flag,pc-table",
]


@dataclass(frozen=True)
class Toolchain:
    """A compiler and a linker for both widths and byte orders of MIPS.

    ``instrumented`` says whether loads and stores of the tree's code can be checked one by one;
    where they cannot, what only those checks find is not looked for, and the tool says so.
    """

    compiler: tuple[str, ...]
    linker: tuple[str, ...]
    version: str
    clang: bool

    @property
    def instrumented(self) -> bool:
        """Whether every access of the tree's code is checked."""
        return self.clang

    def target(self, bits: int, big_endian: bool) -> list[str]:
        """Return the compiler's arguments for one width and byte order."""
        isa = f"-march=mips{bits}r2"
        if self.clang:
            name = "mips64" if bits == 64 else "mips"
            abi = "linux-gnuabi64" if bits == 64 else "linux-gnu"
            return ["-target", f"{name}{'' if big_endian else 'el'}-{abi}", isa]
        return [f"-mabi={bits}", "-EB" if big_endian else "-EL", isa]

    def flags(self, instrument: bool) -> list[str]:
        """Return the arguments that do not depend on the target."""
        return [
            *COMMON,
            *NO_DELAY_SLOTS[self.clang],
            *((INSTRUMENT if instrument else TAIL_CALLS) if self.clang else []),
        ]


@cache
def _version(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(
            [*command, "--version"], capture_output=True, text=True, timeout=60, check=False
        )
    except OSError as problem:
        raise TreeError(f"cannot run the compiler {command[0]}: {problem.strerror}") from None
    if done.returncode or not done.stdout:
        raise TreeError(f"the compiler {command[0]} does not answer to --version")
    return done.stdout.splitlines()[0]


def _named(name: str) -> Toolchain:
    path = shutil.which(name)
    if path is None:
        raise TreeError(f"no compiler called {name}: give an installed clang or MIPS gcc")
    version = _version((path,))
    clang = "clang" in version
    if not clang and "mips" not in Path(path).name:
        raise TreeError(f"{name} is neither a clang nor a gcc for MIPS ({version})")
    if not clang:
        return Toolchain((path,), (path,), version, clang=False)
    beside = Path(path).resolve().with_name("ld.lld")
    linker = str(beside) if beside.exists() else shutil.which("ld.lld")
    if linker is None:
        raise TreeError(f"{name} needs ld.lld to link for MIPS: install lld")
    return Toolchain((path,), (linker,), version, clang=True)


@cache
def find(name: str | None = None) -> Toolchain:
    """Return the compiler called ``name``, or the wheel's where None.

    Raises TreeError, with what to do, where there is none that fits.
    """
    if name is not None:
        return _named(name)
    spec = importlib.util.find_spec("ziglang")
    if spec is None or spec.origin is None:
        raise TreeError(
            "no compiler: install slatcheck again with its dependencies (make setup does), "
            "or name an installed clang or MIPS gcc with --cc"
        )
    zig = str(Path(spec.origin).with_name("zig"))
    return Toolchain((zig, "clang"), (zig, "ld.lld"), _version((zig, "clang")), clang=True)
