# SPDX-License-Identifier: GPL-2.0-only
"""Hostile trees, run natively: nothing happens outside, each has a verdict, the next batch runs."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from impl.interface import Run
from impl.kernel.errors import UnsupportedError
from impl.kernel.executor import MACHINE
from impl.kernel.native.agreement import compare
from impl.kernel.native.loader import loader
from impl.kernel.ports.mips.files import MMU
from impl.kernel.symbols import symbols_of
from impl.kernel.toolchain import find
from model.operations import U64, Kind, Op
from support.cache import Mode, place
from tests.impl.kernel.native.builds import (
    AT,
    FLUSH,
    LAYOUTS,
    SHORT,
    emulated,
    native,
    needs_host,
    put,
    rewritten,
)
from tests.impl.kernel.native.hostile import CALLS, HOSTILE, REFUSED, SWEPT, Hostile
from tests.kernels.copies import share_what_is_read

pytestmark = needs_host


@pytest.fixture(scope="module")
def tree(kernel_trees: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of a real tree of which mmu.c is written again by each test."""
    folder = tmp_path_factory.mktemp("hostile") / "linux"
    share_what_is_read(kernel_trees["6.12"], folder)
    return folder


class Outside:
    """What a hostile tree could have an effect on, and whether it had."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "written"
        self.kept = folder / "written.kept"
        self.kept.write_text("as it was")
        self.server = socket.create_server(("127.0.0.1", 0))
        self.server.setblocking(False)
        self.caught: list[int] = []
        self._before = signal.signal(signal.SIGUSR1, lambda number, _: self.caught.append(number))

    def named(self, text: str) -> str:
        return text.replace("{FILE}", str(self.file)).replace("{PID}", str(os.getpid()))

    def assert_untouched(self) -> None:
        assert not self.file.exists()
        assert self.kept.read_text() == "as it was"
        assert not self.caught
        with pytest.raises(BlockingIOError):
            self.server.accept()

    def close(self) -> None:
        signal.signal(signal.SIGUSR1, self._before)
        self.server.close()


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    """Give something to have an effect on."""
    found = Outside(tmp_path)
    yield found
    found.close()


def children() -> set[int]:
    """Return the processes that this one has started and that are still there."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        found |= {int(word) for word in (task / "children").read_text().split()}
    return found


def test_there_are_enough_of_them() -> None:
    names = [one.name for one in HOSTILE]
    assert len(set(names)) == len(names)
    assert len(set(names) - SWEPT) >= 60


def every() -> list[ParameterSet]:
    """Return the hostile trees; a sweep in every run of the tests does for some of them."""
    return [
        pytest.param(one, id=one.name, marks=[pytest.mark.thorough] if one.name in SWEPT else [])
        for one in HOSTILE
    ]


@pytest.mark.parametrize("one", every())
def test_a_hostile_tree_has_no_effect_and_a_verdict(
    one: Hostile,
    tree: Path,
    outside: Outside,
    kernel_trees: dict[str, Path],
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = children()
    front = CALLS[one.bits] + one.outside
    change = put(outside.named(one.body), outside.named(front))
    rewritten(tree, (kernel_trees["6.12"] / MMU).read_text(), change)
    plain = emulated(kernel_trees["6.12"], LAYOUTS[one.bits])
    kernel = native(tree, LAYOUTS[one.bits], SHORT)
    try:
        assert_verdict(one, kernel.run(FLUSH), plain.run(FLUSH))
        # The next batch runs, and is what the tree does where nothing is flushed.
        assert kernel.run(FLUSH[:AT]) == plain.run(FLUSH[:AT])
    finally:
        kernel.machine.close()
    outside.assert_untouched()
    assert children() == before
    assert "forged" not in capfd.readouterr().err


def assert_verdict(one: Hostile, shown: Run, expected: Run) -> None:
    if not one.cause:
        assert shown == expected
        return
    last = shown.outcomes[-1].events[-1]
    assert shown.stop == len(shown.outcomes) - 1
    assert last.fatal and last.rule in ("bad-access", "runaway")
    assert re.search(one.cause, last.detail), last


@pytest.mark.parametrize("one", REFUSED, ids=lambda one: one.name)
def test_of_some_trees_no_image_is_made(
    one: Hostile, tree: Path, kernel_trees: dict[str, Path]
) -> None:
    rewritten(tree, (kernel_trees["6.12"] / MMU).read_text(), put(one.body, one.outside))
    with pytest.raises(UnsupportedError, match=one.cause):
        native(tree, LAYOUTS[64])


@pytest.mark.parametrize("bits", LAYOUTS)
def test_a_loader_that_is_overwritten_takes_one_batch_with_it(
    bits: int, tree: Path, kernel_trees: dict[str, Path]
) -> None:
    """It shares its memory with the image: what it says and does is the image's from then on."""
    at = symbols_of(loader(bits, find(), place(Mode.USE))).address("plan")
    body = f'__asm__ volatile("movl $0x41414141, {at:#x}; movl $0x41414141, {at + 4:#x}");'
    rewritten(tree, (kernel_trees["6.12"] / MMU).read_text(), put(body))
    kernel, plain = native(tree, LAYOUTS[bits]), emulated(kernel_trees["6.12"], LAYOUTS[bits])
    assert kernel.run(FLUSH) == plain.run(FLUSH)
    last = kernel.run(FLUSH[:AT]).outcomes[-1].events[-1]
    assert last.subject == MACHINE and last.detail.startswith("an access to ")
    assert kernel.run(FLUSH[:AT]) == plain.run(FLUSH[:AT])
    kernel.machine.close()


MASK = 0xFFFF_FFFF
PROBES = {335: "an instruction that there is not", 336: None}
"""uretprobe and uprobe of x86-64: no filter sees them since Linux 6.14, and who is no probe gets a
signal from one, an error from the other."""


@pytest.mark.slow
@pytest.mark.parametrize("bits", LAYOUTS)
def test_of_all_system_calls_none_is_carried_out(
    bits: int, tree: Path, kernel_trees: dict[str, Path]
) -> None:
    body = "hostile(start_gfn, end_gfn, 0, 0, 0, 0, 0);"
    rewritten(tree, (kernel_trees["6.12"] / MMU).read_text(), put(body, CALLS[bits]))
    kernel = native(tree, LAYOUTS[bits], SHORT)
    end = {64: 231, 32: 252}[bits]
    for number in [*range(520), *range(0x4000_0000, 0x4000_0010), *(n << 31 for n in (1, 2))]:
        # On another file than its own, if it takes one.
        ops = [Op(Kind.CREATE), Op(Kind.FLUSH, number & U64 >> 64 - bits, 7)]
        kernel.machine.write(
            kernel.executor.symbols.address("slat_ops"), kernel.executor.packed(ops)
        )
        fault = kernel.executor.batch(len(ops))
        cause = fault and fault[1]
        if number == end:
            assert cause == "it ended by itself, with status 7"
        elif bits == 32 or number not in PROBES or cause != PROBES[number]:
            assert cause and cause.startswith(f"system call {number & MASK}, "), (number, fault)
    kernel.machine.close()


FORGED = (
    ("results[2].result = 7;", "result"),
    ("results[2].tables = 9;", "tables"),
    ("results[1].taken = 0;", "taken"),
    ("changes[0].gfn = 9;", "changes"),
    ("changes[0].raw ^= 2;", "changes"),
    ("results[1].changes = 0;", "changes"),
    ("dirty[0] = 9;", "dirty"),
    ("results[1].dirty = 0;", "dirty"),
    ("places[1] = 0x40000000;", "the record of pages"),
    ("places[2] = 0x40000000;", "the record of pages"),
)
RECORDS = """
#define RING(type, name) extern type name[] __asm__("slat_" #name)
typedef struct { long long result; unsigned changes, dirty, events, tables, taken; int a[3]; } end;
typedef struct { unsigned long long gfn, raw, order; } change;
RING(end, results); RING(change, changes); RING(unsigned long long, dirty);
RING(unsigned, places);
"""


@pytest.mark.parametrize(("body", "what"), FORGED)
def test_a_forged_record_is_a_difference(
    body: str, what: str, tree: Path, kernel_trees: dict[str, Path]
) -> None:
    rewritten(tree, (kernel_trees["6.12"] / MMU).read_text(), put(body, RECORDS))
    plain = emulated(kernel_trees["6.12"], LAYOUTS[64])
    found = list(compare(plain, native(tree, LAYOUTS[64]), [FLUSH[:-1]]))
    assert [one.what for one in found] == [what]
    assert found[0].index < AT or what.startswith("the record")


@pytest.mark.parametrize("name", ["fork-64", "open-64", "undefined"])
def test_a_fault_is_told_of_where_it_was(
    name: str, tree: Path, kernel_trees: dict[str, Path]
) -> None:
    one = next(one for one in HOSTILE if one.name == name)
    rewritten(tree, (kernel_trees["6.12"] / MMU).read_text(), put(one.body, CALLS[64]))
    event = native(tree, LAYOUTS[64]).run(FLUSH).outcomes[-1].events[-1]
    assert event.subject == MACHINE
    assert event.function in ("kvm_mips_flush_gpa_pt", "hostile")
    assert event.where.startswith("arch/mips/kvm/mmu.c:")
