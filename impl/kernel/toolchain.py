# SPDX-License-Identifier: GPL-2.0-only
"""The compiler: the one the user names, else the Clang and lld of the ``ziglang`` wheel."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from impl.kernel.errors import TreeError
from impl.kernel.ports import KERNEL_PORTS

COMMON = [
    *["-std=gnu11", "-O2", "-g1", "-gdwarf-4", "-ffreestanding", "-fwrapv", "-fno-strict-aliasing"],
    *["-fno-delete-null-pointer-checks", "-fno-common", "-fno-stack-protector", "-fno-builtin"],
    *["-ffunction-sections", "-nostdinc", "-w"],
    *["-Werror=implicit-function-declaration", "-Werror=implicit-int", "-Werror=int-conversion"],
]
# Clang alone can call back before every load and store.
INSTRUMENT = [
    *["-Xclang", "-fsanitize=thread", "-mllvm", "-tsan-instrument-func-entry-exit=0"],
    *["-mllvm", "-tsan-instrument-read-before-write=1"],
    "-fsanitize-coverage=inline-bool-flag,pc-table",
]


@dataclass(frozen=True)
class Toolchain:
    """A compiler and a linker, for every width and byte order of the ports.

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

    def flags(self, instrument: bool) -> list[str]:
        """Return the arguments that depend neither on the port nor on the layout."""
        return [*COMMON, *(INSTRUMENT if instrument and self.clang else [])]


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


@cache
def predefined(toolchain: Toolchain, target: tuple[str, ...]) -> dict[str, str]:
    """Return the macros that a compiler defines by itself when it is given ``target``.

    Raises TreeError where it does not tell.
    """
    command = [*toolchain.compiler, *target, *("-std=gnu11", "-dM", "-E", "-x", "c", os.devnull)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except OSError as problem:
        raise TreeError(f"cannot run the compiler {command[0]}: {problem.strerror}") from None
    if done.returncode:
        raise TreeError(f"the compiler {command[0]} makes no code for {' '.join(target)}")
    lines = [line.split(" ", 2) for line in done.stdout.splitlines()]
    return {name: "".join(value) for _, name, *value in lines}


def _named(name: str) -> Toolchain:
    path = shutil.which(name)
    if path is None:
        raise TreeError(
            f"no compiler called {name}: give an installed clang, or a gcc for the architecture"
        )
    version = _version((path,))
    clang = "clang" in version
    words = list(dict.fromkeys(port.code.gcc for port in KERNEL_PORTS.values()))
    if not clang and not any(word in Path(path).name for word in words):
        raise TreeError(f"{name} is neither a clang nor a gcc for {' or '.join(words)} ({version})")
    if not clang:
        return Toolchain((path,), (path,), version, clang=False)
    beside = Path(path).resolve().with_name("ld.lld")
    linker = str(beside) if beside.exists() else shutil.which("ld.lld")
    if linker is None:
        raise TreeError(f"{name} needs ld.lld to link: install lld")
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
            "or name an installed clang, or a gcc for the architecture, with --cc"
        )
    zig = str(Path(spec.origin).with_name("zig"))
    return Toolchain((zig, "clang"), (zig, "ld.lld"), _version((zig, "clang")), clang=True)
