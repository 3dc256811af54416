# SPDX-License-Identifier: GPL-2.0-only
"""The native machine: its memory, its buffers, calls that fail, images that are none of ours."""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from impl.kernel.build import ARENA, CODE, CODE_END, STACK, Image
from impl.kernel.errors import UnsupportedError
from impl.kernel.executor import ENDLESS, MAX_OPS, ROOM, CompiledKernel, Executor
from impl.kernel.native import machine as native_machine
from impl.kernel.native.kernel import NativeKernel
from impl.kernel.native.memory import MOST_DATA, Memory
from impl.kernel.native.process import Process, Protection
from impl.kernel.symbols import Symbols, symbols_of
from model.operations import Kind, Op
from model.ports import layout
from tests.impl.kernel.native.builds import (
    FLUSH,
    LAYOUTS,
    SHORT,
    emulated,
    native,
    native_image,
    needs_host,
    sequences,
)

pytestmark = needs_host

ONE = LAYOUTS[64]


@pytest.fixture
def kernel(kernel_trees: dict[str, Path]) -> Iterator[NativeKernel]:
    """Give a real tree in a confined process."""
    made = native(kernel_trees["6.12"], ONE, SHORT)
    yield made
    made.machine.close()


def pid_of(kernel: NativeKernel) -> int:
    return kernel.machine._running()._process.pid


# --- a loop of one's own: no copy, no decoding -----------------------------------------------


def test_a_loop_sees_the_buffers_without_a_copy(
    kernel: NativeKernel, kernel_trees: dict[str, Path]
) -> None:
    buffers, executor = kernel.buffers(), kernel.executor
    assert len(buffers["slat_ops"].view) == MAX_OPS * executor.records["ops"].size
    ops = sequences(kernel, 1)[0]
    packed = executor.packed(ops)
    buffers["slat_ops"].view[: len(packed)] = packed
    assert executor.batch(len(ops)) is None
    results = executor.records["results"]
    count = len(ops) * results.size
    shown = [r[0] for r in results.iter_unpack(buffers["slat_results"].view[:count])]
    by_pointer = ctypes.string_at(buffers["slat_results"].pointer, count)
    assert shown == [r[0] for r in results.iter_unpack(by_pointer)]
    expected = emulated(kernel_trees["6.12"], ONE).run(ops)
    assert [r & (1 << 64) - 1 for r in shown] == [
        one.result & (1 << 64) - 1 for one in expected.outcomes
    ]
    kernel.machine.restart()
    assert bytes(buffers["slat_results"].view[:count]) == bytes(count)


def test_buffers_stay_where_they_are_after_a_fault(kernel: NativeKernel) -> None:
    before = kernel.buffers()
    os.kill(pid_of(kernel), signal.SIGKILL)
    assert kernel.run(FLUSH).stop == 0
    assert {name: one.pointer for name, one in kernel.buffers().items()} == {
        name: one.pointer for name, one in before.items()
    }
    assert kernel.run(FLUSH).stop is None


Records = list[tuple[object, ...]]


def records(kernel: CompiledKernel, ops: Sequence[Op]) -> tuple[tuple[int, ...], Records]:
    """Return the control record, and the records of each operation that was run."""
    executor = kernel.executor

    def read(name: str, count: int) -> list[tuple[int, ...]]:
        record, at = executor.records[name], executor.symbols.address(f"slat_{name}")
        return list(record.iter_unpack(executor.machine.read(at, count * record.size)))

    executor.machine.write(executor.symbols.address("slat_ops"), executor.packed(ops))
    assert executor.batch(len(ops)) is None
    left = read("control", 1)[0]
    changes, dirty, events = (read(n, left[5 + at]) for at, n in enumerate(ROOM))
    found: Records = []
    c = d = e = 0
    for result, *ends, tables, taken, freed, held, steps in read("results", left[3] + left[4]):
        parts = changes[c : ends[0]], dirty[d : ends[1]], events[e : ends[2]]
        found.append(((result, tables, taken, freed, held, steps), *parts))
        c, d, e = ends
    return left, found


@pytest.mark.parametrize("name", ["mips64-4k", "riscv64-sv39x4"])
def test_sequences_one_behind_the_other_leave_the_same_records(
    kernel_trees: dict[str, Path], name: str
) -> None:
    one = layout(name)
    executors = emulated(kernel_trees["6.12"], one), native(kernel_trees["6.12"], one)
    drawn = [ops for ops in sequences(executors[0], 40, 20) if not ops[0].oom]
    drawn = [ops for ops in drawn if executors[0].run(ops).stop is None]
    assert len(drawn) > 20
    for kernel in executors:
        singly = [part for ops in drawn for part in records(kernel, ops)[1]]
        together, rest = [], [op for ops in drawn for op in ops]
        while rest:
            left, found = records(kernel, rest)
            assert left[3] and not left[4]
            together += found
            rest = rest[left[3] :]
        assert together == singly


NOT_DONE = 0xFFFF_FFFF
"""What a batch says of the pages in hand after an operation that was cut short or left out."""


def test_what_follows_a_create_that_failed_is_left_out(kernel: NativeKernel) -> None:
    ops = [*FLUSH, Op(Kind.CREATE, oom=1), *FLUSH[1:], *FLUSH]
    left, found = records(kernel, ops)
    assert left[3:5] == (len(ops), 0)
    held = [part[0][4] for part in found if isinstance(part[0], tuple)]
    out = range(len(FLUSH) + 1, 2 * len(FLUSH))
    assert [at for at, pages in enumerate(held) if pages == NOT_DONE] == list(out)
    assert found[-len(FLUSH) :] == found[: len(FLUSH)]


def test_a_fatal_event_ends_its_sequence_and_no_other(kernel_trees: dict[str, Path]) -> None:
    kernel = native(kernel_trees["6.12"], layout("mips32-64k"), SHORT)
    assert kernel.run(FLUSH).stop == 0, "no table can be made in this layout"
    left, found = records(kernel, FLUSH * 3)
    assert left[3:5] == (3 * len(FLUSH), 0)
    assert [part[0][4] for part in found if isinstance(part[0], tuple)] == [NOT_DONE] * len(found)
    caught = [at for at, part in enumerate(found) if part[3]]
    assert caught == [0, len(FLUSH), 2 * len(FLUSH)]


def test_events_of_many_sequences_are_not_lost(kernel_trees: dict[str, Path]) -> None:
    kernel = emulated(kernel_trees["6.12"], ONE)
    one = [Op(Kind.CREATE), FLUSH[1], Op(Kind.DESTROY)]
    _, each = records(kernel, one)
    shown = sum(len(part[3]) for part in each if isinstance(part[3], list))
    assert shown, "this tree leaks, and a run says so each time"
    left, found = records(kernel, one * 1300)
    assert left[3] < 1300 * len(one)
    assert left[7] == shown * left[3] // len(one)
    assert found[: len(one)] == found[-len(one) :] == each


# --- the process goes away -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (signal.SIGKILL, "it was ended by SIGKILL"),
        (signal.SIGXCPU, ENDLESS),
        (signal.SIGTERM, "it was ended by SIGTERM"),
    ],
)
def test_a_process_that_is_ended_costs_one_batch(
    kernel: NativeKernel, number: signal.Signals, cause: str
) -> None:
    os.kill(pid_of(kernel), number)
    run = kernel.run(FLUSH)
    assert [event.detail for event in run.outcomes[-1].events] == [cause]
    assert kernel.run(FLUSH).stop is None


def test_a_process_that_is_stopped_is_waited_for_and_ended(kernel: NativeKernel) -> None:
    os.kill(pid_of(kernel), signal.SIGSTOP)
    run = kernel.run(FLUSH)
    assert [event.detail for event in run.outcomes[-1].events] == [ENDLESS]
    assert kernel.run(FLUSH).stop is None


def test_a_call_that_is_interrupted_leaves_no_answer_behind(
    kernel: NativeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: float) -> None:
        raise KeyboardInterrupt

    first = pid_of(kernel)
    with monkeypatch.context() as patched:
        patched.setattr(Process, "_hear", interrupted)
        with pytest.raises(KeyboardInterrupt):
            kernel.run(FLUSH)
    assert not Path(f"/proc/{first}").exists()
    assert kernel.run(FLUSH).stop is None


def test_a_process_does_not_outlive_its_time(
    kernel: NativeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = pid_of(kernel)
    kernel.run(FLUSH)
    assert pid_of(kernel) == first
    monkeypatch.setattr(native_machine, "LIFE", 0)
    assert kernel.run(FLUSH).stop is None
    assert pid_of(kernel) != first


def test_a_machine_that_nobody_has_any_more_leaves_nothing(kernel_trees: dict[str, Path]) -> None:
    before = len(os.listdir("/proc/self/fd"))
    made = native(kernel_trees["6.12"], ONE)
    pid = pid_of(made)
    del made
    gc.collect()
    assert not Path(f"/proc/{pid}").exists()
    assert len(os.listdir("/proc/self/fd")) == before


def test_closing_twice_closes_nobody_elses_files(kernel_trees: dict[str, Path]) -> None:
    made = native(kernel_trees["6.12"], ONE)
    made.machine.close()
    pipe = os.pipe()
    made.machine.close()
    del made
    gc.collect()
    for file in pipe:
        os.close(file)


# --- the empty tables ------------------------------------------------------------------------


def test_memory_is_mapped_as_the_image_has_it(kernel_trees: dict[str, Path]) -> None:
    without = int(Protection.NOT_DUMPABLE)
    kernel = native(kernel_trees["6.12"], ONE, leave_out=without, trusted=True)
    tables = kernel.machine.symbols.address("__tables_start")
    assert kernel.machine.symbols.address("__tables_end") > tables
    lines = Path(f"/proc/{pid_of(kernel)}/maps").read_text().splitlines()
    access = {int(line.split("-")[0], 16): line.split()[1] for line in lines}
    assert access[tables] == "r--s"
    assert access[CODE] == "r-xp"
    assert access[CODE_END] == access[STACK] == access[ARENA[64]] == "rw-s"
    kernel.machine.close()


# --- images ----------------------------------------------------------------------------------


class Odd:
    """The symbols of an image, some of them elsewhere."""

    def __init__(self, real: Symbols, moved: dict[str, int], more: list[tuple[int, bytes]]) -> None:
        self._real, self._moved, self._more = real, moved, more

    def address(self, name: str) -> int:
        return self._moved.get(name, self._real.address(name))

    def segments(self) -> Iterator[tuple[int, bytes]]:
        yield from self._real.segments()
        yield from self._more


@pytest.mark.parametrize(
    ("moved", "more", "said"),
    [
        ({"__image_start": 0x1000}, [], "not where it was told"),
        ({"__data_start": 0x40_0000}, [], "not where it was told"),
        ({"__tables_start": 0x1000_0001}, [], "not where it was told"),
        ({"__image_end": CODE_END + MOST_DATA + 0x1_0000}, [], "more data"),
        ({"__image_end": 0x1000}, [], "more data"),
        ({"__tables_end": 0x7000_0000}, [], "more data"),
        ({}, [(0x7000_0000, b"loader")], "no data at 0x70000000"),
        ({}, [(CODE_END - 2, b"over the end")], "no data at 0x4ffffe"),
        ({}, [(0x7FFF_0000_0000, b"far")], "no data at 0x7fff00000000"),
    ],
)
def test_an_image_that_is_elsewhere_is_refused(
    kernel_trees: dict[str, Path], moved: dict[str, int], more: list[tuple[int, bytes]], said: str
) -> None:
    image = native_image(kernel_trees["6.12"], ONE)
    symbols: Any = Odd(symbols_of(image.elf), moved, more)
    with pytest.raises(UnsupportedError, match=said):
        Memory(image, symbols)


def test_memory_is_that_of_the_image(kernel: NativeKernel) -> None:
    machine = kernel.machine
    for address, content in machine.symbols.segments():
        if address == CODE:
            assert machine.read(address, len(content)) == content
    with pytest.raises(UnsupportedError):
        machine.write(CODE, b"x")
    with pytest.raises(UnsupportedError):
        machine.read(0, 1)
    with pytest.raises(UnsupportedError):
        machine.buffer("slat_run", 1)
    with pytest.raises(KeyError):
        machine.buffer("no_such", 1)


# --- what the runner cannot have left behind -------------------------------------------------


class Forging:
    """A machine that leaves what it is given behind, and runs nothing."""

    def __init__(self, image: Image, symbols: Symbols) -> None:
        self._memory: dict[int, bytes] = {}
        self._at = symbols.address
        self.left: dict[str, bytes] = {}
        self.restarted = 0

    def restart(self) -> None:
        self.restarted += 1

    def protect_tables(self) -> None:
        pass

    def write(self, address: int, data: bytes) -> None:
        self._memory[address] = data

    def read(self, address: int, size: int) -> bytes:
        return self._memory.get(address, b"")[:size].ljust(size, b"\0")

    def call(self, address: int) -> tuple[int, str] | None:
        for name, data in self.left.items():
            self.write(self._at(f"slat_{name}"), data)
        return None


def control(cursor: int, done: int, stopped: int, *counts: int) -> dict[str, bytes]:
    return {"control": struct.pack("<11I", 6, 0, cursor, done, stopped, *counts, 1, 1, 0)}


@pytest.mark.parametrize(
    ("left", "forged"),
    [
        (control(6, 6, 0, 0, 0, 0), False),
        (control(2, 2, 1, 0, 0, 0), False),
        (control(1, 1, 0, 0, 0, 0), False),
        (control(0, 0, 0, 0, 0, 0), True),
        (control(2, 2, 0, 0, 0, 0), True),
        (control(7, 7, 0, 0, 0, 0), True),
        (control(6, 6, 1, 0, 0, 0), True),
        (control(6, 6, 2, 0, 0, 0), True),
        (control(3, 6, 0, 0, 0, 0), True),
        (control(6, 6, 0, 65537, 0, 0), True),
        (control(6, 6, 0, 0, 8193, 0), True),
        (control(6, 6, 0, 0, 0, 1025), True),
        (control(6, 6, 0, 0, 0, 1) | {"events": struct.pack("<IIQQQ", 99, 0, 0, 0, 0)}, True),
        (control(6, 6, 0, 0, 0, 1) | {"events": struct.pack("<IIQQQ", 0, 99, 0, 0, 0)}, True),
        (control(6, 6, 0, 0, 0, 1) | {"events": struct.pack("<IIQQQ", 0, 0, 0, 0, 0)}, False),
    ],
)
def test_records_that_the_runner_cannot_leave_are_told_of(
    kernel_trees: dict[str, Path], left: dict[str, bytes], forged: bool
) -> None:
    machines: list[Forging] = []

    def made(image: Image, symbols: Symbols) -> Forging:
        machines.append(Forging(image, symbols))
        return machines[-1]

    executor = Executor(native_image(kernel_trees["6.12"], ONE), made)
    machines[0].left = left
    run = executor.run(FLUSH)
    told = [event.detail for one in run.outcomes for event in one.events]
    assert ("the runner's own records were overwritten" in told) is forged
    assert machines[0].restarted == forged


def test_an_image_that_does_not_start_shows_it_in_every_sequence(
    kernel_trees: dict[str, Path],
) -> None:
    class Broken(Forging):
        def call(self, address: int) -> tuple[int, str] | None:
            return CODE, "an instruction that there is not"

    executor = Executor(native_image(kernel_trees["6.12"], ONE), Broken)
    for _ in range(2):
        run = executor.run(FLUSH)
        assert run.stop == 0
        assert [event.detail for event in run.outcomes[0].events] == [
            "an instruction that there is not"
        ]
    assert executor.batch(1) == (CODE, "an instruction that there is not")


def test_a_layout_of_another_port_has_its_own_arena(kernel_trees: dict[str, Path]) -> None:
    one = layout("riscv64-sv39x4")
    kernel = native(kernel_trees["6.12"], one)
    assert kernel.run([Op(Kind.CREATE), Op(Kind.DESTROY)]).stop is None
    assert kernel.machine.buffer("mem_map", 4096).bytes == 4096
    kernel.machine.close()
