# SPDX-License-Identifier: GPL-2.0-only
"""The loader: the program of ours that an image is mapped into, made once and kept."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import tempfile
from functools import partial
from pathlib import Path

from impl.kernel.errors import UnsupportedError
from impl.kernel.native.host import PLAIN, compiler_target
from impl.kernel.toolchain import Toolchain
from support import cache as keeping
from support.cache import Mode, settle
from support.differences import first_difference

FOLDER = Path(__file__).resolve().parent / "loader"
BASE = 0x7000_0000
"""Where it lies, apart from every address of an image."""
FLAGS = [
    *["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-nostdinc"],
    *["-fno-stack-protector", "-fno-builtin", "-fno-asynchronous-unwind-tables", *PLAIN],
]
SECONDS = 120


def loader(
    bits: int,
    toolchain: Toolchain,
    folder: Path | None,
    mode: Mode = Mode.USE,
    leave_out: int = 0,
) -> bytes:
    """Return the loader for images of one width, from ``folder`` where it is kept there.

    ``leave_out`` are protections, as ``process.Protection`` names them, that it does not set up:
    for tests of the others; such a loader is never kept. Raises UnsupportedError where the
    toolchain cannot make it, CacheError as ``mode`` asks for.
    """
    make = partial(_made, bits, toolchain, leave_out)
    if folder is None or leave_out:
        return make()
    file = folder / f"loader-{_digest(bits, toolchain)}.txt"
    made, fresh = settle(mode, "the loader of native code", _kept(file), make, first_difference)
    if fresh:
        keeping.write(file, base64.b64encode(made).decode())
    return made


def _kept(file: Path) -> bytes | None:
    try:
        return base64.b64decode(keeping.read(file), validate=True)
    except (OSError, ValueError):
        return None


def _digest(bits: int, toolchain: Toolchain) -> str:
    texts = [path.read_text() for path in sorted(FOLDER.iterdir())]
    about = texts, FLAGS, compiler_target(bits), toolchain.compiler, toolchain.version
    return hashlib.sha256(repr(about).encode()).hexdigest()


def _made(bits: int, toolchain: Toolchain, leave_out: int) -> bytes:
    with tempfile.TemporaryDirectory(prefix="slatcheck-") as name:
        made, output = Path(name) / "loader.o", Path(name) / "loader"
        compiler = [*toolchain.compiler, *compiler_target(bits), *FLAGS]
        source = [f"-DSLAT_LEAVE_OUT={leave_out}", "-c", str(FOLDER / "loader.c")]
        _run([*compiler, *source, "-o", str(made)], name)
        link = [*toolchain.linker, "-static", "-nostdlib", "-e", "slat_start"]
        place = [f"--image-base={BASE:#x}", "-z", "noexecstack", "-o", str(output), str(made)]
        _run([*link, *place], name)
        return output.read_bytes()


def _run(command: list[str], folder: str) -> None:
    """Run a command on our own text. Raises UnsupportedError with what it says first."""
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise UnsupportedError(f"the loader cannot be made: {problem}") from None
    if done.returncode:
        said = (done.stderr or done.stdout).splitlines() or ["no message"]
        raise UnsupportedError(f"the loader cannot be made: {said[0]}")
