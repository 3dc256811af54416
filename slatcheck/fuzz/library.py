# SPDX-License-Identifier: GPL-2.0-only
"""The filter and the generator as a shared object: compiled, kept, loaded and held to its sizes."""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import platform
import subprocess
import tempfile
from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path

from impl.kernel.toolchain import Toolchain, find
from model.operations import Kind
from model.triggers import TRIGGERS
from slatcheck.fuzz.operands import Operands
from slatcheck.fuzz.parameters import LayoutNumbers
from slatcheck.fuzz.wire import (
    Rings,
    WireChange,
    WireControl,
    WireCorpus,
    WireEvent,
    WireOp,
    WireReached,
    WireResult,
    WireScope,
    WireStep,
)
from support import cache as keeping
from support.cache import Mode
from support.differences import first_difference

SOURCES = Path(__file__).with_name("filter")
KINDS = tuple(Kind)
"""The kinds by their numbers in C."""
CODES = 32
"""Codes of events that C has room for."""
PLACES = ("focus", "near", "far")
"""Where the first frame of an operation comes from, by its number in C."""
EXTENTS = (
    "one frame", "few frames", "whole tables", "to another frame", "to the top", "whole reach",
    "all", "to the end", "under a mask",
)  # fmt: skip
"""How far the range of an operation goes, by its number in C."""
MOST_ENTRIES = 16384
"""Guest frames that may be mapped at a time."""
MOST_LENGTH = 4096
"""Operations that a sequence may be drawn with."""
MOST_OPERATIONS = 32
"""Operations that a scope may have, a create and a destroy among them."""
MOST_STATES = 1 << 18
"""States that an exploration has room for, and two more."""
_FLAGS = [
    *["-std=gnu11", "-O2", "-fPIC", "-ffreestanding", "-nostdinc", "-fno-builtin", "-fwrapv"],
    *["-fno-strict-aliasing", "-Wall", "-Wextra", "-Werror"],
]


def compiled(sources: Path, toolchain: Toolchain, more: Iterable[str] = ()) -> bytes:
    """Return the shared object made of ``unit.c`` in a folder, with ``more`` arguments.

    Raises RuntimeError with what the compiler says.
    """
    with tempfile.TemporaryDirectory(prefix="slatcheck-") as name:
        made, linked = Path(name) / "unit.o", Path(name) / "unit.so"
        _run([*toolchain.compiler, *_FLAGS, *more, "-c", str(sources / "unit.c"), "-o", str(made)])
        link = ["-shared", "--no-undefined", "-z", "noexecstack", "-o", str(linked)]
        _run([*toolchain.linker, *link, str(made)])
        return linked.read_bytes()


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the filter cannot be compiled: {done.stderr.strip()}")


def loaded(data: bytes, folder: Path | None = None) -> ctypes.CDLL:
    """Load a shared object that ``compiled`` made; it must fit to what the tool knows.

    Raises RuntimeError where it does not, OSError where it cannot be loaded.
    """
    with tempfile.NamedTemporaryFile(suffix=".so", dir=folder) as file:
        file.write(data)
        file.flush()
        made = ctypes.CDLL(file.name)
    sizes = (ctypes.c_uint32 * len(_sizes())).in_dll(made, "slat_sizes")
    if list(sizes) != _sizes():
        raise RuntimeError(f"the filter's C and its binding differ: {list(sizes)}, {_sizes()}")
    _declare(made)
    return made


def _sizes() -> list[int]:
    """Return what C says of itself in ``slat_sizes``."""
    structures: list[type[ctypes.Structure]] = [
        WireOp, WireResult, WireChange, WireEvent, WireControl, LayoutNumbers, Operands, Rings,
        KnownEvents,
    ]  # fmt: skip
    counts = [len(KINDS), len(TRIGGERS), len(PLACES), len(EXTENTS), MOST_ENTRIES]
    scope = [ctypes.sizeof(WireStep), ctypes.sizeof(WireScope), MOST_OPERATIONS, MOST_STATES]
    breeding = [ctypes.sizeof(WireReached), ctypes.sizeof(WireCorpus), MOST_LENGTH]
    return [*map(ctypes.sizeof, structures), *counts, *breeding, *scope]


def _declare(made: ctypes.CDLL) -> None:
    """Say what each function takes and returns."""
    at, u32, u64 = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64
    counters = ctypes.POINTER(u64)
    for name, result, arguments in (
        ("filter_setup", None, [at, at]),
        ("filter_tolerate", None, [at, at]),
        ("filter_check", u32, [at, at, at, u32, u32]),
        ("filter_next", u32, [at, u32, u32]),
        ("filter_triggers", None, [at, at, u32, at, at]),
        ("filter_checked", counters, [at]),
        ("filter_class", u32, [at]),
        ("generator_setup", None, [at, at, at]),
        ("generator_draw", u32, [at, at, u64, u64, u32]),
        ("generator_fill", u32, [at, at, u32, u64, u64, u32, at, u32]),
        ("generator_breed", None, [at, at, at]),
        ("generator_bytes", None, [at, u64, u64, u32, at]),
        ("filter_watch", None, [at, at]),
        ("generator_counters", counters, [at]),
        ("graph_begin", None, [at, u32]),
        ("graph_copy", u32, [at, at, u32, at, at, at]),
        ("graph_follow", u32, [at, at, u32]),
        ("graph_at", u32, [at]),
        ("graph_transitions", u64, [at]),
        ("graph_measure", u64, [at, u32, u32, at, u32]),
        ("graph_way", u32, [at, u32, at, u32]),
    ):
        function = getattr(made, f"slat_{name}")  # an attribute is kept, an item is not
        function.restype, function.argtypes = result, arguments


@cache
def library(mode: Mode = Mode.USE) -> ctypes.CDLL:
    """Return the filter and the generator, compiled at most once for each version of their text.

    Raises RuntimeError where they cannot be compiled, TreeError where there is no compiler, and
    CacheError as ``mode`` asks for.
    """
    toolchain = find()
    folder = keeping.place(mode)
    if folder is None:
        return loaded(compiled(SOURCES, toolchain))
    file = folder / f"filter-{_key(SOURCES.iterdir(), toolchain)}.so"
    make = partial(compiled, SOURCES, toolchain)
    data, fresh = keeping.settle(mode, "the filter", _kept(file), make, first_difference)
    if fresh:
        keeping.write_bytes(file, data)
    return loaded(data)


def _kept(file: Path) -> bytes | None:
    try:
        return keeping.read_bytes(file)
    except OSError:
        return None


def _key(sources: Iterable[Path], toolchain: Toolchain) -> str:
    digest = hashlib.sha256(repr((toolchain.version, platform.machine(), _FLAGS)).encode())
    for source in sorted(sources):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    return digest.hexdigest()


class KnownEvents(ctypes.Structure):
    """``struct known_events`` of filter.h: by kind and code of an event, a bit for each subject."""

    _fields_ = (("subjects", ctypes.c_uint64 * CODES * len(KINDS)),)


class Memory:
    """Zeroed memory of this process for a structure of C; only what is touched takes room."""

    def __init__(self, made: ctypes.CDLL, name: str) -> None:
        size = ctypes.c_uint64.in_dll(made, f"slat_{name}_size").value
        self._pages = mmap.mmap(-1, size)
        self._first = ctypes.c_char.from_buffer(self._pages)
        self.address = ctypes.addressof(self._first)
