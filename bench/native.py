# SPDX-License-Identifier: GPL-2.0-only
"""Checked operations a second on the real C, natively in bulk, and in ways one might do it else.

``python -m bench.native`` measures by turns, on one core, over the same tree and layout:

- *checked*: what ``slatcheck fuzz`` does: draw, run natively with every access checked, filter;
- *unchecked*: the same batches on the same C, compiled without checks, and nobody looks (bare.c);
- *emulated*: the search of ``slatcheck check``, with the judge in Python;
- *state machine*: a plain Hypothesis state machine that calls the same C in this process (ctypes);
- *libFuzzer*: a harness with a ``std::map``, under the address sanitizer, that compares the table
  after each operation, and *at the end*: one that does so at the end of a sequence.
"""

from __future__ import annotations

import argparse
import ctypes
import mmap
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench.differential import Speed, engine, machine_of
from bench.libfuzzer import harness
from impl.kernel.build import ARENA, CODE, CODE_END, SHADOW, Image, Job, build, compiled
from impl.kernel.executor import MAX_OPS, Executor
from impl.kernel.native.host import host
from impl.kernel.native.kernel import NativeKernel
from impl.kernel.native.loader import loader
from impl.kernel.ports import bind, kernel_port, open_tree
from impl.kernel.symbols import Symbols
from impl.kernel.toolchain import Toolchain, find
from model.layout import Layout
from model.ports import layout
from slatcheck.fuzz import work
from slatcheck.fuzz.corpus import EMPTY
from slatcheck.fuzz.generator import Generator
from slatcheck.fuzz.wire import OpBuffer
from slatcheck.fuzz.work import Task
from slatcheck.search.unit import Unit

BARE = Path(__file__).with_name("bare.c")
_FIXED = 0x100000
"""MAP_FIXED_NOREPLACE of Linux."""


class _Bare(Toolchain):
    """A compiler that is not asked to call back at loads and stores."""

    def flags(self, instrument: bool) -> list[str]:
        """Return the arguments for code that is not checked."""
        return super().flags(False)


def bare_image(root: Path, chosen: Layout) -> Image:
    """Return the tree's C for this host without any check."""
    made_by = find()
    plain = _Bare(made_by.compiler, made_by.linker, made_by.version, made_by.clang)
    tree = open_tree(root, chosen.port)

    def beside(job: Job, name: str, source: Path, instrument: bool) -> Path:
        if name == "machine":
            source = job.folder / BARE.name
            source.write_text(BARE.read_text())
        return compiled(job, name, source, instrument)

    return build(tree, bind(tree), chosen, False, plain, beside, host(chosen, made_by))


class InProcess:
    """The image as a part of this process, called as a library: only for a tree of one's own."""

    def __init__(self, image: Image, symbols: Symbols) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        self._libc = libc
        arena = kernel_port(image.layout.port).arena_pages << image.layout.page_shift
        end = symbols.address("__image_end")
        tables, tables_end = symbols.address("__tables_start"), symbols.address("__tables_end")
        bits = image.layout.bits
        self._map(CODE, CODE_END - CODE, executable=True)
        for low, size in (
            (CODE_END, end - CODE_END),
            (tables, tables_end - tables),
            (ARENA[bits], arena),
            (SHADOW[bits], arena),
        ):
            self._map(low, size)
        for low, content in symbols.segments():
            ctypes.memmove(low, content, len(content))

    def _map(self, low: int, size: int, executable: bool = False) -> None:
        access = mmap.PROT_READ | mmap.PROT_WRITE | (mmap.PROT_EXEC if executable else 0)
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _FIXED
        if size and self._libc.mmap(low, size, access, flags, -1, 0) != low:
            raise SystemExit(f"there is no room at {low:#x} in this process")

    def restart(self) -> None:
        """Do nothing: whoever measures has sequences that end as they should."""

    def protect_tables(self) -> None:
        """Do nothing."""

    def write(self, address: int, data: bytes) -> None:
        """Write bytes into the image's memory."""
        ctypes.memmove(address, data, len(data))

    def read(self, address: int, size: int) -> bytes:
        """Return bytes of the image's memory."""
        return ctypes.string_at(address, size)

    def call(self, address: int) -> None:
        """Call a function of the image."""
        ctypes.CFUNCTYPE(None)(address)()


@dataclass
class Ways:
    """One tree and layout in each of the ways."""

    root: Path
    chosen: Layout
    operations: int

    def __post_init__(self) -> None:
        unit = Unit(self.chosen.name, False, self.root, None, (), 0, None)
        self.task = Task(unit, 0, 0)
        self.begun = work.begin(self.task)
        missing = bind(open_tree(self.root, self.chosen.port)).missing
        plain, made_by = bare_image(self.root, self.chosen), find()
        self.bare = NativeKernel(plain, missing, loader(self.chosen.bits, made_by, None))
        plain_machine = self.chosen.bits == 64 and not self.chosen.large
        self.in_process = Executor(plain, InProcess) if plain_machine else None
        self._folder = tempfile.TemporaryDirectory(prefix="slatcheck-")
        usable = harness.fits(self.chosen) and not harness.why_not()
        self.harnesses = {each: self._harness(each) for each in (True, False) if usable}

    def _harness(self, walk_each: bool) -> Path:
        """Build the harness for libFuzzer, less what is known to fail."""
        folder = Path(self._folder.name) / str(walk_each)
        folder.mkdir()
        symptoms = [hit.symptom for hit in self.begun.report.campaign.hits.values()]
        known = [(symptom.entry, symptom.trigger) for symptom in symptoms]
        return harness.build(self.root, self.chosen, folder, known, walk_each)

    def checked(self, number: int) -> Speed:
        """Measure draw, native run and filter."""
        assert self.begun.kit is not None
        known = tuple(self.begun.report.campaign.hits.values())
        task = Task(self.task.unit, number * self.operations, self.operations // 200, False, known)
        part = work.carry_out((task, self.begun.kit, EMPTY))
        return Speed(sum(part.compared.values()), part.seconds)

    def unchecked(self, number: int) -> Speed:
        """Measure the bare runs of the sequences that ``checked`` runs, drawn beforehand."""
        assert self.begun.kit is not None
        known = self.begun.report.campaign.hits.values()
        generator = Generator(self.chosen, self.bare.capabilities.kinds, 0)
        generator.exclude((hit.symptom.entry, hit.symptom.trigger) for hit in known)
        ops, view, speed = OpBuffer(MAX_OPS), self.bare.buffers()["slat_ops"].view, Speed()
        at, end = number * self.operations, number * self.operations + self.operations // 200
        while at < end:
            starts = generator.fill(at, ops)
            at += len(starts) - 1
            data = ops.data(0, starts[-1])
            view[: len(data)] = data
            begin = time.perf_counter()
            if self.bare.executor.batch(starts[-1]) is not None:
                raise SystemExit("a bare run faulted")
            speed.seconds += time.perf_counter() - begin
            speed.operations += starts[-1]
        return speed

    def emulated(self, number: int) -> Speed:
        """Measure the search."""
        return engine(self.root, self.chosen, self.operations // 20, number)

    def state_machine(self, _: int) -> Speed:
        """Measure a plain state machine over the same C in this process."""
        if self.in_process is None:
            return Speed()
        return machine_of(self.in_process, self.chosen, self.operations // 200)

    def libfuzzer(self, number: int, walk_each: bool) -> Speed:
        """Measure the harness under libFuzzer."""
        if walk_each not in self.harnesses:
            return Speed()
        operations = self.operations // (5 if walk_each else 1)
        ran = harness.run(self.harnesses[walk_each], 600.0, operations, number)
        if ran.said:
            raise SystemExit(f"the harness finds something that is not known: {ran.said}")
        return Speed(ran.operations, ran.seconds)


def main() -> None:
    """Print the rates and what they are to that of checked operations, several times, by turns."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kernel", type=Path, default=Path(".cache/kernels/linux-source-6.12"))
    parser.add_argument("--layout", default="mips64-4k")
    parser.add_argument("--operations", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    ways = Ways(given.kernel.resolve(), layout(given.layout), given.operations)
    every: dict[str, Callable[[int], Speed]] = {
        "checked": ways.checked,
        "unchecked": ways.unchecked,
        "emulated": ways.emulated,
        "state machine": ways.state_machine,
        "libFuzzer": partial(ways.libfuzzer, walk_each=True),
        "at the end": partial(ways.libfuzzer, walk_each=False),
    }
    if harness.why_not():
        print(harness.why_not(), flush=True)
    for number in range(given.rounds):
        found = {name: measure(number) for name, measure in every.items()}
        rate = found["checked"].rate
        for name, speed in found.items():
            ratio = f"{rate / speed.rate:8.2f}" if speed.rate else "        "
            print(f"{given.layout:20} {name:14} {speed.rate:12,.0f} ops/s {ratio}", flush=True)


if __name__ == "__main__":
    main()
