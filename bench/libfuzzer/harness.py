# SPDX-License-Identifier: GPL-2.0-only
"""Builds the libFuzzer harness for a tree, runs it, and says how far it came.

The tree's code runs unconfined, with the rights of who starts it: only for a tree of one's own.
"""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from impl.kernel.build import Job, compiled, prepare
from impl.kernel.native.host import host
from impl.kernel.ports import bind, open_tree
from impl.kernel.toolchain import Toolchain, find
from model.layout import Layout
from model.operations import Kind
from model.ports import entry_point
from slatcheck.export.testing.numbers import constants
from slatcheck.fuzz.corpus import SIZE
from slatcheck.fuzz.library import SOURCES
from slatcheck.fuzz.operands import excluded, operands
from slatcheck.fuzz.parameters import kinds_of, numbers

HERE = Path(__file__).resolve().parent
ARENA = 0x2000_0000_0000
"""Where pages lie: the address sanitizer has its own below."""
SEEDS = 32
"""Inputs of full length that it begins with: it need not find out how long they may be."""
STUCK = 2
"""Seconds after which an input counts as one that never ends."""
WATCHED = "-fsanitize=address"
_RECORD = struct.Struct("=4Q")
_QUIET = {"ASAN_OPTIONS": "symbolize=0:print_legend=0:abort_on_error=0"}


class _Sanitized(Toolchain):
    """A compiler that lets the address sanitizer look, and counts what the tree's code reaches."""

    def flags(self, instrument: bool) -> list[str]:
        """Return the arguments for code of the tree, or below it."""
        reached = ["-fsanitize=fuzzer-no-link"] if instrument else []
        return [*super().flags(False), WATCHED, "-fno-sanitize-ignorelist", *reached]


@cache
def why_not(compiler: str = "clang++") -> str:
    """Return in a line why there is no libFuzzer here, '' where there is."""
    if shutil.which(compiler) is None:
        return f"no libFuzzer: there is no {compiler} (apt-get install clang)"
    source = 'extern "C" int LLVMFuzzerTestOneInput(const char *, unsigned long) { return 0; }'
    with tempfile.TemporaryDirectory(prefix="slatcheck-") as folder:
        command = [compiler, "-fsanitize=fuzzer,address", "-x", "c++", "-", "-o", f"{folder}/tried"]
        done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"no libFuzzer: {compiler} does not link it (apt-get install libclang-rt-14-dev)"
    return ""


def fits(chosen: Layout) -> bool:
    """Return whether the harness knows a layout: its map has pages of one size, of 64 bits."""
    return chosen.bits == 64 and not chosen.large


@dataclass(frozen=True)
class Ran:
    """What came of a run: operations compared, sequences, seconds, and what ended it if anything.

    ``said`` is the first line that the harness or the sanitizer has about a finding, '' for none.
    """

    operations: int
    sequences: int
    seconds: float
    said: str


def build(
    root: Path,
    chosen: Layout,
    folder: Path,
    known: Iterable[tuple[str, str]] = (),
    walk_each: bool = True,
) -> Path:
    """Build the harness for a tree in a folder, and return the program.

    Operations with these (entry point, trigger) are not drawn. With ``walk_each`` the table is
    compared after each operation, else at the end of a sequence. Raises UnsupportedError where the
    tree cannot be built, RuntimeError where the harness cannot.
    """
    clang = shutil.which("clang") or "clang"
    toolchain = _Sanitized((clang,), (clang,), find().version, clang=True)
    tree = open_tree(root, chosen.port)
    found = bind(tree)
    # Where an arena is said once more, this one counts.
    binding = replace(found, defines=found.defines | {"SLAT_ARENA": f"{ARENA:#x}UL"})
    job = Job(tree, binding, chosen, False, toolchain, folder, host=host(chosen, toolchain))
    prepare(job)
    kinds = kinds_of(chosen) - frozenset(binding.missing)
    (folder / "numbers.h").write_text(_numbers(chosen, kinds, known))
    for name in ("kernel.c", "harness.h"):
        shutil.copy(HERE / name, folder)
    objects = [compiled(job, "tree", job.port.folder / "runner/unit.c", True)]
    objects += [compiled(job, n, tree.root / path, True) for n, path in job.port.beside(chosen)]
    objects.append(compiled(job, "kernel", folder / "kernel.c", False))
    return _linked(folder, objects, walk_each)


def _numbers(chosen: Layout, kinds: frozenset[Kind], known: Iterable[tuple[str, str]]) -> str:
    known = [*known]
    if entry_point(chosen, Kind.DESTROY) in {entry for entry, _ in known}:
        # It ends every sequence, so that it can only be left out as a whole.
        kinds -= {Kind.DESTROY}
    drawn = operands(chosen, kinds)
    drawn.excluded = excluded(chosen, known)
    return (
        f"static const struct layout the_layout = {constants(numbers(chosen))};\n"
        f"static const struct operands the_operands = {constants(drawn)};\n"
    )


def _linked(folder: Path, objects: list[Path], walk_each: bool) -> Path:
    """Compile the generator and the harness itself, and link all of it."""
    paths = [f"-I{path}" for path in (folder, SOURCES, HERE)]
    drawn, program = folder / "drawn.o", folder / "harness"
    # The generator is no part of what is tried: neither watched nor counted.
    plain = ["-O2", "-fno-pic", "-ffreestanding", "-fwrapv", "-fno-strict-aliasing"]
    own = ["-Dmemcpy=drawn_memcpy", "-Dmemset=drawn_memset"]
    _run(["clang", "-std=gnu11", *plain, *own, *paths, "-c", HERE / "drawn.c", "-o", drawn])
    given = ["-std=c++17", "-O2", "-no-pie", f"-DWALK_EACH={int(walk_each)}", *paths]
    # Start-up code of the tree, which nothing here calls, asks for more than there is.
    sanitizers = [WATCHED, "-fsanitize=fuzzer", "-Wl,--unresolved-symbols=ignore-in-object-files"]
    _run(["clang++", *given, *sanitizers, HERE / "harness.cc", drawn, *objects, "-o", program])
    return program


def _run(command: list[str | Path]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the harness cannot be built: {done.stderr.strip()}")


def run(program: Path, seconds: float, operations: int = 1 << 62, seed: int = 1) -> Ran:
    """Run a harness until something is found, or so much was done."""
    with tempfile.TemporaryDirectory(prefix="slatcheck-") as name:
        folder = Path(name)
        inputs, record = folder / "inputs", folder / "record"
        inputs.mkdir()
        for number in range(SEEDS):
            made = random.Random(f"{seed} {number}").randbytes(SIZE)
            (inputs / f"{number:02}").write_bytes(made)
        record.write_bytes(bytes(_RECORD.size))
        asked = {
            "HARNESS_RECORD": str(record),
            "HARNESS_OPERATIONS": str(operations),
            "HARNESS_NANOSECONDS": str(int(seconds * 1e9)),
        }
        limits = [f"-max_len={SIZE}", "-len_control=0", f"-timeout={STUCK}", f"-seed={seed + 1}"]
        # What is not given back is counted by the harness.
        limits.append("-detect_leaks=0")
        done = subprocess.run(
            [program, *limits, f"-artifact_prefix={folder}/", inputs],
            env=os.environ | _QUIET | asked, capture_output=True, text=True, errors="replace",
            check=False,
        )  # fmt: skip
        ops, sequences, begin, last = _RECORD.unpack(record.read_bytes())
    said = _finding(done.stdout + done.stderr) if done.returncode else ""
    stuck = STUCK if "timeout" in said else 0
    return Ran(ops, sequences, (last - begin) / 1e9 + stuck, said)


def _finding(output: str) -> str:
    """Return the line of the output that names a finding."""
    lines = [line for line in output.splitlines() if "harness: " in line or "ERROR: " in line]
    return lines[0].strip() if lines else "ended for no reason that it tells"
