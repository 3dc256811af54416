# SPDX-License-Identifier: GPL-2.0-only
"""Exported C, built against a tree and run in the emulator, which answers two system calls."""

from __future__ import annotations

import re
import struct
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from impl.kernel.binding import Binding
from impl.kernel.build import (
    ARENA,
    HERE,
    SHADOW,
    STACK,
    STACK_BYTES,
    Image,
    Job,
    prepare,
    read_only_inside,
    run_confined,
)
from impl.kernel.errors import UnsupportedError
from impl.kernel.executor import BUDGET, ENDLESS
from impl.kernel.layouts import layout_in
from impl.kernel.machine import EmulatedMachine
from impl.kernel.ports import bind, open_for
from impl.kernel.symbols import Symbols
from impl.kernel.toolchain import find
from model.layout import Layout
from support.lazy import lazily

with lazily():
    import unicorn

_UC: Any = unicorn
"""The emulator, which has no types."""

_PC = re.compile(r"\bpc (0x[0-9a-f]{1,16})$", re.MULTILINE)
MOST_OUTPUT = 1 << 20
"""Bytes that a program may print before it is ended."""
BLOCKS = 16
"""Parts of that, each of which shows that a program goes on."""


class Form(Enum):
    """What a C file is: a program of its own, or a KUnit suite."""

    C = "c"
    KUNIT = "kunit"


NAMES = {Form.C: "reproducer.c", Form.KUNIT: "mmu_kunit.c"}
"""What messages call the file."""


@dataclass(frozen=True)
class Ran:
    """What a program did: what it printed, its exit status, and the fault that ended it.

    ``status`` is None where it did not come to its end; ``fault`` then says why. ``at_finding``
    says whether it was then in the step at which the finding shows.
    """

    output: str
    status: int | None
    fault: str = ""
    at_finding: bool = False


MOST_KEPT = 8
"""Compiled machines that a process keeps."""


@dataclass(frozen=True)
class _Kept:
    """Objects, and stamps of the tree's files that were read for them."""

    objects: tuple[bytes, ...]
    stamps: dict[Path, tuple[int, int, int]]


_machines: dict[tuple[object, ...], _Kept] = {}


def build(
    text: str,
    form: Form,
    tree: Path,
    layout: Layout,
    cc: str | None,
    big_endian: bool = True,
    checked: bool = True,
) -> Image:
    """Build a C file against a tree; it may include nothing but the tree and the shim.

    Unless ``checked``, loads and stores are not, as with a compiler that cannot instrument them.
    Raises TreeError for a tree that is none, UnsupportedError with a one-line reason.
    """
    opened = open_for(tree, layout)
    layout = layout_in(opened, layout)
    binding = bind(opened)
    toolchain = find(cc)
    for word in ("incbin", "#embed"):
        if word in text.replace(" ", ""):
            raise UnsupportedError("the file embeds other files (.incbin or #embed)")
    with tempfile.TemporaryDirectory(prefix="slatcheck-") as name:
        job = _Program(opened, renamed(binding), layout, big_endian, toolchain, Path(name))
        job.form = form
        job.checked = checked and form is Form.C and toolchain.instrumented
        prepare(job)
        source = job.folder / NAMES[form]
        source.write_text(text, encoding="utf-8")
        objects = [
            _compile(job, source, job.checked),
            *(
                _compile(job, opened.root / path, job.checked)
                for _, path in job.port.beside(layout)
            ),
            *_machine(job),
        ]
        if form is Form.KUNIT:
            # In a kernel other files have these; a reproducer includes them itself.
            rest = job.folder / "rest.c"
            rest.write_text('#include <linux/kvm_host.h>\n#include "kvm_main_slice.h"\n')
            objects.append(_compile(job, rest, False))
        elf = _link(job, objects)
    # The watch of the machine ends what goes on for ever; counting instructions loses the place
    # of a system call in 64-bit code.
    return Image(elf, layout, big_endian, instrumented=True)


class _Program(Job):
    """A job whose compiler also finds the tree's own folders and, for KUnit, its headers."""

    form = Form.C
    checked = True

    def command(self, source: Path, output: Path, instrument: bool) -> list[str]:
        made = super().command(source, output, instrument)
        root = self.tree.root
        beside = (root / self.tree.files.main).parent
        extra = [f"-iquote{root}", f"-iquote{beside}", f"-DSLAT_BUDGET={BUDGET}"]
        extra.append(f"-DSLAT_INSTRUMENTED={int(self.checked)}")
        extra.append(f"-ffile-prefix-map={self.folder}/=")
        if self.form is Form.KUNIT:
            # Before the shim's own headers, which know nothing of KUnit.
            at = made.index(f"-I{self.port.folder / 'shim'}")
            made.insert(at, f"-I{HERE / 'shim' / 'for-kunit'}")
            extra.append("-DSLAT_KUNIT")
        return made + extra


def renamed(binding: Binding) -> Binding:
    """Return the binding with the tree's own names for functions that it calls otherwise."""
    names = {name: own for name, own in binding.entries.items() if name != own}
    return Binding(
        binding.defines | names, binding.slices, binding.entries, binding.missing, binding.places
    )


def _compile(job: Job, source: Path, instrument: bool) -> Path:
    output = job.folder / f"{source.stem}.o"
    run_confined(job.command(source, output, instrument), job, f"compiling {source.name}")
    read_only_inside(job, output.with_suffix(".d"))
    return output


def _machine(job: _Program) -> list[Path]:
    """Compile what is around the tree's code, or write out what this process has compiled before.

    It depends on the tree's headers and on nothing of the file that is built.
    """
    sources = HERE / "runner" / "program.c", job.port.processor.folder / "setjmp.S"
    layout, made_by = job.layout.name, job.toolchain
    key = (job.tree.root, job.tree.digest(), layout, job.big_endian, made_by, job.form, job.checked)
    kept = _machines.get(key)
    if kept is None or kept.stamps != _stamps(kept.stamps):
        outputs = [_compile(job, source, False) for source in sources]
        read = [path for out in outputs for path in read_only_inside(job, out.with_suffix(".d"))]
        kept = _Kept(tuple(out.read_bytes() for out in outputs), _stamps(read))
        _machines[key] = kept
        while len(_machines) > MOST_KEPT:
            del _machines[next(iter(_machines))]
    outputs = [job.folder / f"{source.stem}.o" for source in sources]
    for output, content in zip(outputs, kept.objects, strict=True):
        output.write_bytes(content)
    return outputs


def _stamps(files: Iterable[Path]) -> dict[Path, tuple[int, int, int]]:
    """Return what changes of a file when it is edited or replaced; those that are gone are out."""
    found = {path: path.stat() for path in files if path.is_file()}
    return {path: (stat.st_ino, stat.st_size, stat.st_mtime_ns) for path, stat in found.items()}


def places(layout: Layout, pages: int) -> dict[str, int]:
    """Return where runner/program.ld puts what the checks know by its address.

    ``pages`` are those of the arena.
    """
    return {
        "slat_arena": ARENA[layout.bits],
        "slat_copy": SHADOW[layout.bits],
        "slat_arena_bytes": pages << layout.page_shift,
        "slat_stack": STACK,
        "slat_stack_bytes": STACK_BYTES,
        "slat_stack_top": STACK + STACK_BYTES - 0x100,
    }


def _link(job: Job, objects: list[Path]) -> bytes:
    bits, toolchain = job.layout.bits, job.toolchain
    output = job.folder / "program"
    link = [*toolchain.linker, "--gc-sections", "-static", "-nostdlib"]
    prefix = ""
    if not toolchain.clang:
        link = [*toolchain.linker, *job.port.code.target(False, bits, True)]
        link += ["-Wl,--gc-sections", "-static", "-nostdlib", "-no-pie"]
        prefix = "-Wl,"
    at = places(job.layout, job.port.arena_pages)
    link += [f"{prefix}--defsym={name}={value:#x}" for name, value in at.items()]
    link += ["-uslat_wide", "-uslat_stop", "-T", str(HERE / "runner" / "program.ld")]
    run_confined([*link, "-o", str(output), *map(str, objects)], job, "linking")
    return output.read_bytes()


class Process(EmulatedMachine):
    """A program in the emulated machine; all it can do to the outside is to print and to end."""

    def restart(self) -> None:
        """Put the program into a fresh machine."""
        super().restart()
        self._printed = bytearray()
        self.status: int | None = None
        self._refused = ""
        self._machine.hook_add(_UC.UC_HOOK_INTR, self._interrupt)

    def run(self) -> Ran:
        """Run the program from its beginning to its end."""
        self.restart()
        self.call(self.symbols.address("slat_wide"))
        fault = self.call(self.symbols.address("slat_start"))
        text = _PC.sub(self._named, bytes(self._printed).decode(errors="replace"))
        if self.status is not None:
            return Ran(text, self.status)
        where, why = fault or (0, "it returned")
        what = f"the machine faulted at {where:#x} ({why})"
        if why == ENDLESS:
            what = self._refused or "it does not end"
        place = self.symbols.place(where)
        if place.function:
            what += f", in {place.function} ({place.where})"
        return Ran(text, None, what, self._at_finding())

    def _progress(self) -> bytes:
        """Return what changes as long as it goes on: what it prints counts, in blocks.

        Each takes no longer than anything else may, and there are few before it is too much.
        """
        return super()._progress() + bytes([len(self._printed) * BLOCKS // MOST_OUTPUT])

    def _named(self, found: re.Match[str]) -> str:
        """Return what a program says of an address in code, with the function and line there."""
        place = self.symbols.place(int(found[1], 16))
        return f"{found[0]} in {place.function} ({place.where})" if place.function else found[0]

    def _interrupt(self, machine: Any, number: int, _: Any) -> None:
        call = self._processor.system_call(machine, self.image.layout.bits, number)
        if call is None:
            self._refuse(f"it met exception {number} of the machine")
        elif call.name == "write":
            self._write(call.first, call.second)
        elif call.name == "exit_group":
            self.status = call.first & 0xFF
        else:
            self._refuse(f"it made system call {call.name}, which is not answered")

    def _refuse(self, why: str) -> None:
        self._refused = why
        self._machine.emu_stop()

    def _write(self, address: int, count: int) -> None:
        if len(self._printed) + count > MOST_OUTPUT:
            self._refuse(f"it printed more than {MOST_OUTPUT} bytes")
            return
        try:
            self._printed += self._machine.mem_read(address, count)
        except _UC.UcError:
            self._refuse("it printed from where nothing is")

    def _at_finding(self) -> bool:
        word = struct.Struct(">I" if self.image.big_endian else "<I")
        try:
            addresses = [self.symbols.address(name) for name in ("slat_step", "slat_last")]
        except KeyError:
            return False
        step, last = (word.unpack(self.read(address, 4))[0] for address in addresses)
        return bool(step == last)


def run(image: Image) -> Ran:
    """Run a built program in the emulator."""
    return Process(image, Symbols(image.elf)).run()
