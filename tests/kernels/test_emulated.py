# SPDX-License-Identifier: GPL-2.0-only
"""The emulated executor: geometry of every layout, both byte orders, coverage, limits."""

from __future__ import annotations

import shutil
import time
from functools import cache
from pathlib import Path
from random import Random

import pytest

from impl.kernel import machine
from impl.kernel.emulated import EmulatedKernel
from impl.kernel.errors import ToolLimitError
from impl.kernel.executor import MAX_OPS
from impl.kernel.ports import bind, open_tree
from model.layout import Layout
from model.operations import Kind, Op
from model.ports import layout, layouts
from slatcheck.search.sequences import BLOCK, HEADER, Decoder
from slatcheck.search.unit import geometry_symptoms
from tests.kernels.copies import image_of
from tests.proofs.c.edits import STUCK, Edit, edited


@cache
def loaded(
    root: Path, one: Layout, big_endian: bool = True, cc: str | None = None
) -> EmulatedKernel:
    tree = open_tree(root, one.port)
    binding = bind(tree)
    return EmulatedKernel(image_of(tree, binding, one, big_endian, cc), binding.missing)


def sequences(one: Layout, count: int, kinds: frozenset[Kind] = frozenset(Kind)) -> list[list[Op]]:
    source, decoder = Random(7), Decoder(one, kinds)
    return [decoder.decode(source.randbytes(HEADER + BLOCK * 40)) for _ in range(count)]


@pytest.mark.parametrize(
    "one", [one for one in layouts() if not one.large], ids=lambda one: one.name
)
def test_headers_and_model_agree(kernel_trees: dict[str, Path], one: Layout) -> None:
    executor = loaded(kernel_trees["6.12"], one).executor
    found = geometry_symptoms(one, executor.geometry(), executor.entry_format())
    assert not found, found[0].said


@pytest.mark.parametrize("name", ["mips32-4k", "mips32-16k-xpa", "mips64-4k", "mips64-64k-va48"])
def test_byte_orders_agree(kernel_tree: Path, name: str) -> None:
    one = layout(name)
    big, little = loaded(kernel_tree, one, True), loaded(kernel_tree, one, False)
    for ops in sequences(one, 25):
        assert big.run(ops).outcomes == little.run(ops).outcomes


@pytest.mark.parametrize("name", ["mips32-16k-xpa", "mips64-4k", "riscv64-sv39x4"])
def test_a_machine_that_was_not_destroyed_leaves_nothing(
    kernel_trees: dict[str, Path], name: str
) -> None:
    kernel = loaded(kernel_trees["6.12"], layout(name), big_endian=name.startswith("mips"))
    cut = [ops[:-1] for ops in sequences(kernel.layout, 25, kernel.capabilities.kinds)]
    after_others = [kernel.run(ops).outcomes for ops in cut]
    for ops, outcomes in zip(cut, after_others, strict=True):
        kernel.executor.recover()
        assert kernel.run(ops).outcomes == outcomes


def test_reached_blocks_are_counted(kernel_tree: Path) -> None:
    kernel = loaded(kernel_tree, layout("mips64-4k"))
    for ops in sequences(kernel.layout, 20):
        kernel.run(ops)
    reached, every = kernel.executor.coverage()
    assert reached <= every
    assert len(reached) > len(every) // 2


def test_too_long_a_sequence_is_no_verdict(kernel_trees: dict[str, Path]) -> None:
    kernel = loaded(kernel_trees["6.12"], layout("mips32-4k"))
    with pytest.raises(ToolLimitError):
        kernel.run([Op(Kind.CREATE)] + [Op(Kind.LOOKUP)] * MAX_OPS)


def test_what_makes_progress_is_waited_for(
    kernel_trees: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = loaded(kernel_trees["6.12"], layout("mips32-4k"))
    flush = Op(Kind.FLUSH, 0, kernel.layout.top)
    run = kernel.executor.run
    monkeypatch.setattr(machine, "LOOK", 0.005)
    monkeypatch.setattr(machine, "IDLE", 0.02)
    begun = time.thread_time()
    # Every table is looked at whole, so that it takes a while.
    shown = run([Op(Kind.CREATE)] + [flush] * (MAX_OPS - 2), logged=False)
    assert time.thread_time() - begun > 10 * machine.IDLE
    assert shown.stop is None


SLOW = Edit(
    "a loop that takes its time",
    "kvm_test_age_gfn",
    "gpa_t gpa = range->start << PAGE_SHIFT;",
    "gpa_t gpa = range->start << PAGE_SHIFT;\n\tunsigned long rest = 60000000;\n\n"
    '\twhile (rest--)\n\t\t__asm__ volatile("");',
)


def test_a_known_loop_is_soon_left_and_what_is_only_slow_goes_on(
    kernel_trees: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("LOOK", 0.005), ("AGAIN", 0.01), ("IDLE", 1.0)):
        monkeypatch.setattr(machine, name, seconds)
    limits: list[float] = []
    usual = machine.EmulatedMachine._go_on

    def noted(self: machine.EmulatedMachine, at: int, limit: float) -> tuple[int, str] | None:
        limits.append(limit)
        return usual(self, at, limit)

    monkeypatch.setattr(machine.EmulatedMachine, "_go_on", noted)
    tree = edited(kernel_trees["6.12"], (STUCK, SLOW), tmp_path / "linux")
    kernel = loaded(tree, layout("mips32-4k"))
    begin = [Op(Kind.CREATE), Op(Kind.FAULT, pfn=7, write=True, writable=True)]
    stuck, slow = [*begin, Op(Kind.FLUSH, 0, 3)], [*begin, Op(Kind.TEST_AGE, 0, 4)]
    limits.clear()
    unhurried, first, again, hurried = (kernel.run(ops) for ops in (slow, stuck, stuck, slow))
    # Behind each that was ended the image is booted in a fresh machine.
    assert limits == [1.0, 1.0, 0.01, 0.01, 0.01, 0.01, 1.0]
    assert first == again
    assert [event.rule for event in first.outcomes[-1].events] == ["runaway"]
    assert unhurried == hurried
    assert (hurried.stop, hurried.outcomes[-1].result) == (None, 1)


if shutil.which("mips-linux-gnu-gcc"):

    @pytest.mark.parametrize("name", ["mips32-4k", "mips64-4k"])
    def test_compilers_agree(kernel_tree: Path, name: str) -> None:
        one = layout(name)
        ours = loaded(kernel_tree, one)
        theirs = loaded(kernel_tree, one, True, "mips-linux-gnu-gcc")
        for ops in sequences(one, 15):
            pairs = zip(ours.run(ops).outcomes, theirs.run(ops).outcomes, strict=False)
            for ours_shows, theirs_show in pairs:
                assert ours_shows.result == theirs_show.result
                assert ours_shows.changes == theirs_show.changes
