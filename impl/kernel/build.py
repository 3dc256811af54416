# SPDX-License-Identifier: GPL-2.0-only
"""From a tree and a layout to an image: the tree's files, the shim and the runner, linked."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from impl.kernel import sandbox
from impl.kernel.binding import Binding
from impl.kernel.errors import UnsupportedError
from impl.kernel.kconfig import autoconf
from impl.kernel.port import Code, KernelPort, Target
from impl.kernel.ports import port_of
from impl.kernel.toolchain import Toolchain
from impl.kernel.tree import Tree
from model.layout import Layout

HERE = Path(__file__).resolve().parent
# The copy lies half of the emulator's 256-page TLB away, so that page and copy do not compete.
ARENA = {32: 0x4000_0000, 64: 0x40_0000_0000}
SHADOW = {32: 0x5008_0000, 64: 0x50_0008_0000}
STACK = 0x2000_0000
STACK_BYTES = 0x10_0000
CODE, CODE_END = 0x0040_0000, 0x0050_0000
"""Where runner/image.ld puts code: [CODE, CODE_END) in bytes; everything else is data."""


@dataclass(frozen=True)
class Image:
    """A linked image for one layout and byte order."""

    elf: bytes
    layout: Layout
    big_endian: bool
    instrumented: bool
    files: tuple[Path, ...] = ()
    """The files of the tree that it was made of; of one that was kept, also those it depends on."""

    native: bool = False
    """Whether it is code for the host, and not for the port's processor."""


@dataclass(frozen=True)
class Job:
    """Compiling for one layout, in a folder of its own."""

    tree: Tree
    binding: Binding
    layout: Layout
    big_endian: bool
    toolchain: Toolchain
    folder: Path
    read: set[Path] = field(default_factory=set)
    """The files of the tree that were read so far."""

    host: Target | None = None
    """What code is made for where it is not the port's own processor."""

    @property
    def port(self) -> KernelPort:
        """The port whose code is compiled."""
        return port_of(self.tree)

    @property
    def target(self) -> Target:
        """What code is made for."""
        return self.host or Target("", self.port.code, self.port.processor.folder)

    @property
    def code(self) -> Code:
        """How the compiler is told to make it."""
        return self.target.code

    def defines(self) -> list[str]:
        """Return the macros that the compiler is given."""
        bits = self.layout.bits
        values = {
            "__KERNEL__": "1",
            "KBUILD_MODNAME": '"kvm"',
            "SLAT_ARENA": f"{ARENA[bits]:#x}UL",
            "SLAT_SHADOW": f"{SHADOW[bits]:#x}UL",
            "SLAT_LEVELS": str(self.layout.levels),
            "SLAT_ARENA_PAGES": str(self.port.arena_pages),
            "SLAT_STACK": f"{STACK:#x}UL",
            "SLAT_STACK_BYTES": f"{STACK_BYTES:#x}UL",
            "SLAT_MAIN_C": f'"{self.tree.root / self.tree.files.main}"',
            **self.binding.defines,
        }
        return [f"-D{name}={value}" for name, value in values.items()]

    def command(self, source: Path, output: Path, instrument: bool) -> list[str]:
        """Return the command that compiles ``source`` to ``output``."""
        own, code = self.port.folder, self.code
        paths = [self.folder, own / "shim", HERE / "shim", own / "runner", HERE / "runner"]
        paths.append(self.target.folder)
        paths += [self.tree.root / name for name in self.tree.files.includes]
        return [
            *self.toolchain.compiler,
            *code.target(self.toolchain.clang, self.layout.bits, self.big_endian),
            *self.toolchain.flags(instrument),
            *code.flags(self.toolchain.clang, instrument),
            *(f"-I{path}" for path in paths),
            "-include",
            "linux/kconfig.h",
            *self.defines(),
            # The same text gives the same image, wherever it lies: results are kept by it.
            f"-ffile-prefix-map={HERE}=impl/kernel",
            f"-ffile-prefix-map={self.tree.root}/=",
            f"-ffile-prefix-map={self.folder}=.",
            "-MD",
            "-MF",
            str(output.with_suffix(".d")),
            "-c",
            str(source),
            "-o",
            str(output),
        ]


def limits(job: Job) -> sandbox.Limits:
    """Return what a command of the job may read and write."""
    system = [Path(p) for p in ("/usr/lib", "/usr/bin", "/lib", "/lib64", "/bin", "/dev/null")]
    system += [Path(job.toolchain.compiler[0]).resolve().parent, Path(sys.base_prefix)]
    system += [Path("/usr/libexec"), Path("/usr/lib64"), Path("/etc/ld.so.cache")]
    ours = job.port.folder, job.target.folder
    devices = Path("/dev/null"), Path("/dev/zero")
    return sandbox.Limits(
        read=(job.tree.root, HERE / "shim", HERE / "runner", *ours, *system),
        write=(job.folder, *devices),
    )


def first_error(output: str, job: Job) -> str:
    """Return the compiler's first complaint in one line, with paths relative to the tree."""
    lines = [line for line in output.splitlines() if "error" in line or "undefined" in line]
    text = lines[0] if lines else (output.splitlines() or ["no message"])[0]
    for folder in (job.tree.root, job.folder, HERE, job.port.folder):
        text = text.replace(f"{folder}/", "")
    return text.strip()


def run_confined(command: list[str], job: Job, what: str) -> None:
    """Run a command of the job, confined. Raises UnsupportedError, with ``what``, if it fails."""
    try:
        done = sandbox.run(command, limits(job), job.folder)
    except subprocess.TimeoutExpired:
        raise UnsupportedError(f"{what} took longer than {sandbox.SECONDS} s") from None
    if done.returncode:
        reason = first_error(done.stderr or done.stdout, job)
        raise UnsupportedError(f"{what} failed (Linux {job.tree.version}): {reason}")


def listed(rule: str) -> list[str]:
    """Return the files that a rule of make depends on; spaces in their names are escaped."""
    files = rule.replace("\\\n", " ").partition(": ")[2]
    names = re.findall(r"(?:\\.|[^\\\s])+", files)
    return [re.sub(r"\\([ #])", r"\1", name).replace("$$", "$") for name in names]


def read_only_inside(job: Job, listing: Path) -> list[Path]:
    """Return the files of the tree that a command read; see ``only_inside``."""
    return only_inside(job, listed(listing.read_text(errors="replace")))


def only_inside(job: Job, names: Iterable[str]) -> list[Path]:
    """Return those files of the tree that are named; refuse any outside the tree and our shim.

    Raises UnsupportedError.
    """
    allowed = (
        *(job.tree.root, HERE, job.port.folder),
        *(job.target.folder, job.folder.resolve()),
    )
    inside = []
    for name in names:
        path = (job.folder / name).resolve()
        if not any(path.is_relative_to(root) for root in allowed):
            raise UnsupportedError(f"the tree includes {path}, which lies outside of it")
        if path.is_relative_to(job.tree.root):
            inside.append(path)
    return inside


def _refuse_assembler_files(job: Job) -> None:
    """Refuse directives that make the assembler read files, which -MD does not list."""
    sources = [job.tree.root / name for name in job.tree.files.sources]
    texts = [path.read_text(errors="replace") for path in sources if path.is_file()]
    for text in [*texts, *job.binding.slices.values()]:
        if "incbin" in text or "#embed" in text.replace(" ", ""):
            raise UnsupportedError("the tree embeds files into its code (.incbin or #embed)")


def compiled(job: Job, name: str, source: Path, instrument: bool) -> Path:
    """Compile a source and return the object; the files read are noted in the job.

    Raises UnsupportedError with a one-line reason.
    """
    output = job.folder / f"{name}.o"
    run_confined(job.command(source, output, instrument), job, f"compiling {name}")
    job.read.update(read_only_inside(job, output.with_suffix(".d")))
    return output


def prepare(job: Job) -> None:
    """Write the files that the job's commands read beside the tree and the shim."""
    generated = job.folder / "generated"
    generated.mkdir()
    (generated / "autoconf.h").write_text(autoconf(job.tree, job.layout, job.big_endian))
    for name, text in job.binding.slices.items():
        (job.folder / name).write_text(text)


Compile = Callable[[Job, str, Path, bool], Path]
"""Compiles a source of a job under a name, with every access checked or not, to an object."""


def build(
    tree: Tree,
    binding: Binding,
    layout: Layout,
    big_endian: bool,
    toolchain: Toolchain,
    beside: Compile | None = None,
    host: Target | None = None,
) -> Image:
    """Compile and link one layout. Raises UnsupportedError with a one-line reason.

    ``beside`` compiles what is linked with mmu.c; it may know an object from before. ``host`` is
    what code is made for, where it is not the port's own processor.
    """
    beside = beside or compiled
    with tempfile.TemporaryDirectory(prefix="slatcheck-") as folder:
        job = Job(tree, binding, layout, big_endian, toolchain, Path(folder), host=host)
        _refuse_assembler_files(job)
        prepare(job)
        runner = HERE / "runner"
        objects = [compiled(job, "tree", job.port.folder / "runner/unit.c", True)]
        for name, path in job.port.beside(layout):
            objects.append(beside(job, name, tree.root / path, True))
        objects.append(beside(job, "machine", runner / "machine.c", False))
        objects.append(beside(job, "setjmp", job.target.folder / "setjmp.S", False))
        output = job.folder / "image.elf"
        # Labels within functions are left out: on RISC-V they are nine symbols of ten.
        link = [*toolchain.linker, "--gc-sections", "--discard-locals", "-static", "-nostdlib"]
        if not toolchain.clang:
            link = [*toolchain.linker, *job.code.target(False, layout.bits, big_endian)]
            link += ["-Wl,--gc-sections,--discard-locals", "-static", "-nostdlib", "-no-pie"]
        keep = [
            "slat_run",
            "slat_batch",
            "slat_boot",
            "slat_stop",
            "slat_geometry",
            "slat_progress",
            "slat_cache_min",
        ]
        keep += ["slat_explore"] if host is not None else []
        flags = [f"-u{symbol}" for symbol in keep]
        command = [*link, *flags, "-T", str(runner / "image.ld"), "-o", str(output)]
        run_confined([*command, *map(str, objects)], job, "linking")
        files = tuple(sorted(job.read))
        elf, checked = output.read_bytes(), toolchain.instrumented
        return Image(elf, layout, big_endian, checked, files, job.target.native)
