# SPDX-License-Identifier: GPL-2.0-only
"""Tables read back as trees: they hold what the runs report, and garbage never hangs a reader."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impl.interface import Implementation
from impl.kernel.snapshot import KernelMemory, KernelStepper
from impl.multilevel import QUIRKS, MultiLevel
from impl.snapshot import MAX_TABLES, UNSET, SlotState, Snapshot, State, Step, Stepper, take
from impl.snapshot_table import TableStepper
from model.contracts import in_contract
from model.layout import Layout
from model.operations import Kind, Op
from model.ports import layout, layouts
from slatcheck.search.sequences import BLOCK, HEADER, Decoder
from tests.kernels.test_emulated import loaded


def sequences(one: Layout, count: int, seed: int = 7) -> list[list[Op]]:
    source, decoder = Random(seed), Decoder(one, frozenset(Kind))
    return [decoder.decode(source.randbytes(HEADER + BLOCK * 24)) for _ in range(count)]


def follows(stepper: Stepper, whole: Implementation, ops: Sequence[Op]) -> None:
    """Check a run taken in steps against the same run as a whole, and the trees against both."""
    steps = list(stepper.steps(ops))
    run = whole.run(ops)
    faulted = steps[-1].snapshot is None
    outcomes = [step.outcome for step in steps]
    assert len(outcomes) == len(run.outcomes)
    assert steps[-1].stopped == (run.stop is not None)
    assert outcomes[-1] == run.outcomes[-1]
    if not faulted:
        assert outcomes == run.outcomes
    mapped: dict[int, int] = {}
    for op, step in zip(ops, steps, strict=False):
        if step.snapshot is None or step.stopped:
            break
        agrees(stepper.layout, op, step, step.snapshot, mapped)


def agrees(where: Layout, op: Op, step: Step, tree: Snapshot, mapped: dict[int, int]) -> None:
    present = where.entry.present
    mapped |= {gfn: raw for gfn, raw in step.outcome.changes.items() if raw & present}
    for gfn, raw in step.outcome.changes.items():
        if not raw & present:
            mapped.pop(gfn, None)
    if op.kind is Kind.DESTROY:
        assert not tree.tables and len(tree.loose) <= step.outcome.held
        return
    assert tree.leaves(where) == mapped
    below = [table for table in tree.tables if table.level]
    broken = any(link.slot is not SlotState.TABLE for table in tree.tables for link in table.links)
    if not step.outcome.events and where.levels < 4:
        assert not broken
        assert len(below) == step.outcome.tables
        assert len(tree.tables) + len(tree.loose) <= step.outcome.held + 1
    assert not tree.limits or not tree.tables


@pytest.mark.parametrize("quirky", [False, True], ids=["repaired", "quirks"])
@given(seed=st.integers(0, 2**32), where=st.sampled_from(layouts()))
def test_the_built_in_table_is_what_its_runs_say(quirky: bool, seed: int, where: Layout) -> None:
    chosen = frozenset(one for one in QUIRKS if quirky and one.bites(where))
    for ops in sequences(where, 1, seed):
        kept = [op for op in ops if in_contract(where, op)]
        follows(TableStepper(where, chosen), MultiLevel(where, chosen), kept)


@pytest.mark.parametrize(
    "name", ["mips32-4k", "mips32-64k-xpa", "mips64-4k", "mips64-64k", "mips64-4k-va48"]
)
def test_a_real_table_is_what_its_runs_say(kernel_tree: Path, name: str) -> None:
    where = layout(name)
    kernel = loaded(kernel_tree, where)
    stepper = KernelStepper(kernel)
    for ops in sequences(where, 8):
        follows(stepper, kernel, ops)


def test_a_little_endian_table_reads_the_same(kernel_trees: dict[str, Path]) -> None:
    where = layout("mips32-16k-xpa")
    kernel = loaded(kernel_trees["6.12"], where, big_endian=False)
    for ops in sequences(where, 6):
        follows(KernelStepper(kernel), kernel, ops)


def test_lines_that_ran_are_lines_of_the_tree(kernel_trees: dict[str, Path]) -> None:
    kernel = loaded(kernel_trees["6.12"], layout("mips64-4k"))
    ops = [Op(Kind.CREATE), Op(Kind.FAULT, 0x1000, pfn=5), Op(Kind.FLUSH, 0, 5)]
    functions = [{name for name, _ in step.lines} for step in KernelStepper(kernel).steps(ops)]
    assert "kvm_mips_walk_pgd" in functions[1] - functions[2]
    assert any(name.startswith("kvm_mips_flush_gpa") for name in functions[2] - functions[1])
    texts = (kernel_trees["6.12"] / "arch/mips/kvm/mmu.c").read_text().splitlines()
    for step in KernelStepper(kernel).steps(ops):
        for _, where in step.lines:
            assert 0 < int(where.rpartition(":")[2]) <= len(texts)


@pytest.mark.parametrize("name", ["mips32-4k", "mips64-4k", "mips64-4k-va48"])
@pytest.mark.parametrize("seed", range(4))
def test_a_real_table_full_of_garbage_is_read_within_bounds(
    kernel_trees: dict[str, Path], name: str, seed: int
) -> None:
    where, random = layout(name), Random(seed)
    executor = loaded(kernel_trees["6.12"], where).executor
    size = where.bits // 8
    executor.run([Op(Kind.CREATE), *(Op(Kind.FAULT, n << where.page_shift) for n in range(3))])
    memory = KernelMemory(executor)
    root, page = memory.root(), 1 << where.page_shift
    known = [root, *memory.live(), 0, 1, root + 4, where.word_mask, 0x10000000]
    for slot in range(where.root.entries):
        value = random.choice([*known, random.getrandbits(where.bits)])
        executor.machine.write(root + slot * size, value.to_bytes(size, "big"))
    executor.machine.write(root + 2 * page, random.randbytes(page))
    found = take(KernelMemory(executor))
    assert 1 <= len(found.tables) <= MAX_TABLES
    assert {link.slot for link in found.tables[0].links} >= {SlotState.AGAIN, SlotState.NOWHERE}


class Maze:
    """A memory in which every address is a table and every slot leads to the next."""

    def __init__(self, where: Layout, links: int, state: State = State.LIVE) -> None:
        self.layout = where
        self._links = links
        self._state = state

    def root(self) -> int:
        return 1

    def state(self, address: int) -> State:
        return self._state

    def slots(self, level: int, address: int) -> Iterable[tuple[int, int]]:
        for slot in range(self.layout.tables[level].entries):
            yield slot, (address * self._links + slot % self._links + 1 if slot % 7 else UNSET)

    def target(self, value: int) -> int | None:
        return value

    def live(self) -> Iterable[int]:
        return range(10)

    def freed(self) -> Iterable[int]:
        return ()


@pytest.mark.parametrize("name", ["mips32-4k", "mips32-64k", "mips64-4k-va48"])
@pytest.mark.parametrize("links", [1, 3, 1 << 16])
def test_a_maze_is_left_and_that_is_said(name: str, links: int) -> None:
    where = layout(name)
    found = take(Maze(where, links))
    assert len(found.tables) <= MAX_TABLES
    assert len(set(found.limits)) == len(found.limits)
    if links > 3 and where.root.entries > 64:
        assert any("not shown" in limit or "left out" in limit for limit in found.limits)


@pytest.mark.parametrize("state", [State.NOTHING, State.EMPTY])
def test_a_root_that_is_no_table_is_said(state: State) -> None:
    found = take(Maze(layout("mips32-4k"), 1, state))
    assert not found.tables and found.limits == (f"the root points to {state.value}",)
