# SPDX-License-Identifier: GPL-2.0-only
"""C units as compilers see them: typed trees, and calls carried out by compiled code.

Compiled code runs natively or in an emulated big-endian MIPS, always in a process of its own:
the emulator sometimes crashes on long code without a jump.
"""

from __future__ import annotations

import importlib
import json
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from impl.kernel.declarations import Declaration, declarations
from impl.kernel.ports.mips.code import MipsCode
from impl.kernel.symbols import Symbols
from impl.kernel.toolchain import COMMON, find

ROOT = Path(__file__).resolve().parent.parent.parent.parent
LANGUAGE = ("-std=gnu11", "-fwrapv", "-ffreestanding", "-fno-strict-aliasing", "-w")
ARGUMENTS = 8
"""How many numbers a call can be given."""

CODE, CODE_END, DATA_END = 0x0040_0000, 0x0080_0000, 0x00A0_0000
STACK, STACK_BYTES = 0x2000_0000, 0x10_0000
JOBS = 0x3000_0000

_DRIVER = """
struct slat_job { unsigned long long which, in[8], out; };
void slat_stop(void) { for (;;) __asm__ volatile(""); }
void slat_batch(struct slat_job *jobs, unsigned long count)
{
	unsigned long i;
	for (i = 0; i < count; i++)
		jobs[i].out = slat_functions[jobs[i].which](jobs[i].in);
}
"""

# What the compiler calls on its own account.
_SUPPORT = """
typedef unsigned long long slat_u64;
void *memcpy(void *to, const void *from, __SIZE_TYPE__ bytes)
{
	char *a = to;
	const char *b = from;
	while (bytes--)
		*a++ = *b++;
	return to;
}
void *memset(void *to, int value, __SIZE_TYPE__ bytes)
{
	char *a = to;
	while (bytes--)
		*a++ = value;
	return to;
}
static slat_u64 divide(slat_u64 a, slat_u64 b, slat_u64 *rest)
{
	slat_u64 quotient = 0, left = 0;
	int bit;
	for (bit = 63; bit >= 0; bit--) {
		int carry = left >> 63;
		left = left << 1 | (a >> bit & 1);
		if (carry || left >= b) {
			left -= b;
			quotient |= 1ull << bit;
		}
	}
	*rest = left;
	return quotient;
}
slat_u64 __udivdi3(slat_u64 a, slat_u64 b) { slat_u64 rest; return divide(a, b, &rest); }
slat_u64 __umoddi3(slat_u64 a, slat_u64 b) { slat_u64 rest; divide(a, b, &rest); return rest; }
long long __divdi3(long long a, long long b)
{
	slat_u64 rest, found = divide(a < 0 ? -a : a, b < 0 ? -b : b, &rest);
	return (a < 0) != (b < 0) ? -found : found;
}
long long __moddi3(long long a, long long b)
{
	slat_u64 rest;
	divide(a < 0 ? -a : a, b < 0 ? -b : b, &rest);
	return a < 0 ? -rest : rest;
}
"""

_LINKING = f"""
ENTRY(slat_batch)
SECTIONS
{{
	. = {CODE:#x};
	.text : {{ *(.text .text.*) *(.rodata .rodata.*) }}
	. = {CODE_END:#x};
	.data : {{ *(.data .data.*) *(.sdata .sdata.*) *(.got*) }}
	.bss : {{ *(.bss .bss.*) *(.sbss .sbss.*) *(COMMON) }}
	/DISCARD/ : {{ *(.eh_frame) *(.MIPS.abiflags) *(.reginfo) *(.MIPS.options)
		*(.pdr) *(.comment) }}
}}
"""

# Reads jobs, has them done, writes them back: what a fault ends is this process only.
_CHILD = """
import ctypes, sys
jobs = ctypes.create_string_buffer(data := sys.stdin.buffer.read(), len(data))
ctypes.CDLL(sys.argv[1]).slat_batch(jobs, ctypes.c_ulong(int(sys.argv[2])))
sys.stdout.buffer.write(jobs.raw)
"""


@dataclass(frozen=True)
class Target:
    """What code is compiled for: ``pointer`` in bytes; natively or for the emulator."""

    name: str
    pointer: int
    arguments: tuple[str, ...]
    native: bool = False

    def __str__(self) -> str:
        return self.name


X86_64 = Target("x86_64", 8, ("-target", "x86_64-linux-gnu"), native=True)
MIPS32 = Target("mips32", 4, tuple(MipsCode().target(True, 32, True)))
MIPS64 = Target("mips64", 8, tuple(MipsCode().target(True, 64, True)))
TARGETS = (X86_64, MIPS32, MIPS64)


@dataclass(frozen=True)
class Function:
    """A function that takes and returns numbers; its types as C writes them."""

    name: str
    parameters: tuple[str, ...]
    result: str = "unsigned long long"


Call = tuple[int, tuple[int, ...]]
"""The position of a function and its arguments."""


def tree(source: str, target: Target) -> dict[str, Any]:
    """Return the compiler's typed tree of a unit."""
    command = [*find().compiler, *target.arguments, *LANGUAGE, "-fsyntax-only"]
    command += ["-Xclang", "-ast-dump=json", "-x", "c", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr[:2000]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def declared(given: dict[str, Any]) -> list[Declaration]:
    """Return the declarations of a typed tree, written as the compiler writes it."""
    return declarations(json.dumps(given, indent=2).encode())


def accepts(source: str, target: Target) -> str:
    """Return '' where the compiler takes a unit, else its complaints."""
    command = [*find().compiler, *target.arguments, *LANGUAGE, "-fsyntax-only", "-x", "c", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def results(
    source: str,
    functions: Sequence[Function],
    target: Target,
    calls: Sequence[Call],
    level: str = "-O1",
) -> list[int]:
    """Return what functions return, compiled at a level, converted to ``unsigned long long``."""
    text = source + _table(functions) + _DRIVER
    run = _natively if target.native else _emulated
    with tempfile.TemporaryDirectory(prefix="slatcheck-c-") as folder:
        done = run(text, target, calls, Path(folder), level)
    return list(_unpacked(done, target))


def _table(functions: Sequence[Function]) -> str:
    lines = []
    for number, one in enumerate(functions):
        given = ", ".join(f"({kind})a[{at}]" for at, kind in enumerate(one.parameters))
        call = f"return (unsigned long long){one.name}({given});"
        lines.append(f"static unsigned long long slat_{number}(const unsigned long long *a)")
        lines.append(f"{{ {call} }}")
    names = ", ".join(f"slat_{number}" for number in range(len(functions)))
    table = "unsigned long long (*const slat_functions[])(const unsigned long long *)"
    return "\n".join(["", *lines, f"static {table} = {{ {names} }};", ""])


# Jobs


def _packing(target: Target) -> struct.Struct:
    return struct.Struct(f"{'<' if target.native else '>'}{ARGUMENTS + 2}Q")


def _packed(calls: Sequence[Call], target: Target) -> bytes:
    packing = _packing(target)
    jobs = []
    for which, given in calls:
        words = [one % (1 << 64) for one in given] + [0] * (ARGUMENTS - len(given))
        jobs.append(packing.pack(which, *words, 0))
    return b"".join(jobs)


def _unpacked(jobs: bytes, target: Target) -> Iterator[int]:
    for words in _packing(target).iter_unpack(jobs):
        yield words[-1]


def _checked(command: Iterable[str | Path], **more: Any) -> bytes:
    done = subprocess.run([str(one) for one in command], capture_output=True, check=False, **more)
    assert not done.returncode, (done.returncode, done.stderr.decode()[:2000])
    found: bytes = done.stdout
    return found


# Natively


def _natively(text: str, target: Target, calls: Sequence[Call], folder: Path, level: str) -> bytes:
    source, made, library = folder / "unit.c", folder / "unit.o", folder / "unit.so"
    source.write_text(text)
    chain = find()
    options = [*target.arguments, *LANGUAGE, level, "-fPIC"]
    _checked([*chain.compiler, *options, "-c", source, "-o", made])
    _checked([*chain.linker, "-shared", made, "-o", library])
    command: list[str | Path] = [sys.executable, "-c", _CHILD, library, str(len(calls))]
    return _checked(command, input=_packed(calls, target))


# Emulated


def _linked(text: str, target: Target, folder: Path, level: str) -> bytes:
    chain = find()
    options = [*COMMON[1:], *LANGUAGE, *MipsCode().flags(True, instrument=True), level, "-g0"]
    objects = []
    for name, content in (("unit", text), ("support", _SUPPORT)):
        source, made = folder / f"{name}.c", folder / f"{name}.o"
        source.write_text(content)
        _checked([*chain.compiler, *target.arguments, *options, "-c", source, "-o", made])
        objects.append(made)
    script, output = folder / "image.ld", folder / "image.elf"
    script.write_text(_LINKING)
    _checked([*chain.linker, "-static", "-nostdlib", "-T", script, "-o", output, *objects])
    return output.read_bytes()


def _unicorn() -> tuple[Any, Any]:
    # Unicorn: the emulator that impl/kernel uses, with a Python binding.
    return importlib.import_module("unicorn"), importlib.import_module("unicorn.mips_const")


def _machine(pointer: int) -> Any:
    """Return an emulated MIPS that maps addresses as they are; see impl/kernel/machine.py."""
    uc, mips = _unicorn()
    wide = pointer == 8
    mode = uc.UC_MODE_MIPS64 if wide else uc.UC_MODE_MIPS32
    machine = uc.Uc(uc.UC_ARCH_MIPS, mode | uc.UC_MODE_BIG_ENDIAN)
    machine.ctl_set_cpu_model(
        mips.UC_CPU_MIPS64_MIPS64R2_GENERIC if wide else mips.UC_CPU_MIPS32_24KF
    )
    code, data = uc.UC_PROT_READ | uc.UC_PROT_EXEC, uc.UC_PROT_READ | uc.UC_PROT_WRITE

    def fill(_: Any, address: int, __: int, entry: Any, ___: Any) -> bool:
        entry.paddr = address
        entry.perms = code if CODE <= address < CODE_END else data
        return True

    machine.ctl_set_tlb_mode(uc.UC_TLB_VIRTUAL)
    machine.hook_add(uc.UC_HOOK_TLB_FILL, fill)
    return machine


def _emulated(text: str, target: Target, calls: Sequence[Call], folder: Path, level: str) -> bytes:
    image = folder / "image.elf"
    image.write_bytes(_linked(text, target, folder, level))
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "tests.proofs.c.compiled",
        image,
        str(target.pointer),
        str(len(calls)),
    ]
    return _checked(command, input=_packed(calls, target), cwd=ROOT)


def _carried_out(elf: bytes, pointer: int, count: int, jobs: bytes) -> bytes:
    """Return jobs after an image in an emulated machine has done them."""
    _, mips = _unicorn()
    symbols = Symbols(elf)
    machine = _machine(pointer)
    room = -(-len(jobs) // 0x1_0000) * 0x1_0000
    for low, size in ((CODE, DATA_END - CODE), (STACK, STACK_BYTES), (JOBS, room)):
        machine.mem_map(low, size)
    for low, content in symbols.segments():
        machine.mem_write(low, content)
    machine.mem_write(JOBS, jobs)
    stop = symbols.address("slat_stop")
    for register, value in (
        (mips.UC_MIPS_REG_SP, STACK + STACK_BYTES - 0x100),
        (mips.UC_MIPS_REG_RA, stop),
        (mips.UC_MIPS_REG_A0, JOBS),
        (mips.UC_MIPS_REG_A1, count),
    ):
        machine.reg_write(register, value)
    machine.emu_start(symbols.address("slat_batch"), stop)
    assert machine.reg_read(mips.UC_MIPS_REG_PC) == stop
    return bytes(machine.mem_read(JOBS, len(jobs)))


if __name__ == "__main__":
    _image, _pointer, _count = sys.argv[1:]
    _done = _carried_out(
        Path(_image).read_bytes(), int(_pointer), int(_count), sys.stdin.buffer.read()
    )
    sys.stdout.buffer.write(_done)
