# SPDX-License-Identifier: GPL-2.0-only
"""What has no end is a finding after a moment, and what is only slow is none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from impl.kernel import machine
from impl.kernel.executor import ENDLESS
from impl.kernel.native.machine import NativeMachine
from impl.kernel.native.process import USUAL
from model.operations import Kind
from model.ports import layout
from slatcheck.fuzz import patience
from slatcheck.fuzz.engine import Engine, Slice
from slatcheck.fuzz.exploring import Explored, Explorer
from slatcheck.fuzz.patience import LEAST, MORE, TIMES, Patience
from slatcheck.fuzz.scope import scope
from tests.impl.kernel.native.builds import emulated, native, needs_host
from tests.proofs.c.edits import REPAIRS, STUCK, Edit, edited

ONE = layout("mips64-4k")
SEED = 3
FEW = 60
FLUSH = "return kvm_mips_flush_gpa_pgd("


@pytest.fixture(scope="module")
def root(kernel_trees: dict[str, Path]) -> Path:
    return kernel_trees["6.12"]


def engine(root: Path, folder: Path, *more: Edit) -> Engine:
    tree = edited(root, (*REPAIRS, *more), folder / "linux")
    return Engine(native(tree, ONE), emulated(tree, ONE), SEED)


def counts(part: Slice) -> dict[str, object]:
    return {name: value for name, value in vars(part).items() if name != "seconds"}


@pytest.fixture
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the emulator find sooner than usual that nothing goes on."""
    monkeypatch.setattr(machine, "IDLE", 0.5)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note the seconds that batches are given."""
    seconds: list[float] = []
    usual = NativeMachine.limited

    def noted(self: NativeMachine, computing: float) -> AbstractContextManager[None]:
        seconds.append(computing)
        return usual(self, computing)

    monkeypatch.setattr(NativeMachine, "limited", noted)
    return seconds


def test_patience_follows_what_calls_took() -> None:
    one = Patience()
    assert one.limit(4000) == LEAST
    one.took(100, 1.0)
    one.took(100, 0.5)
    assert one.limit(200) == pytest.approx(2.0 * TIMES)
    assert one.limit(1) == pytest.approx(max(LEAST, 0.01 * TIMES))
    one = Patience()
    one.grow()
    assert one.limit(4000) == LEAST * MORE


WITHOUT_END = replace(
    STUCK, new=STUCK.new.replace("if (pte_dirty", "if (i_max - i_min == 3 && pte_dirty")
)


@pytest.mark.kernel
@needs_host
@pytest.mark.usefixtures("brisk")
def test_what_has_no_end_costs_a_moment_and_is_judged_in_the_emulator(
    root: Path, tmp_path: Path, given: list[float]
) -> None:
    part = engine(root, tmp_path, WITHOUT_END).run(0, 7)
    assert part.disagreement == ""
    assert part.sequences == 7
    assert {mark.partition("/")[0] for mark in part.hits} == {"runaway"}
    assert max(given) < 4 * LEAST


SLOW = Edit(
    "code that takes its time on this host alone",
    "kvm_mips_flush_gpa_pt",
    FLUSH,
    "#ifdef SLAT_NATIVE\n\tunsigned long rest = 20000000;\n\n\twhile (rest--)\n"
    f'\t\t__asm__ volatile("");\n#endif\n\t{FLUSH}',
)


@pytest.mark.kernel
@needs_host
def test_a_batch_that_is_slow_is_run_again_and_is_no_finding(
    root: Path, tmp_path: Path, given: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "LEAST", 0.01)
    part = engine(root, tmp_path / "slow", SLOW).run(0, 2)
    assert max(given) > min(given)
    assert (part.disagreement, part.hits, part.judged, part.lost) == ("", {}, 0, 0)
    usual = engine(root, tmp_path / "usual").run(0, 2)
    assert (part.compared, part.sequences) == (usual.compared, usual.sequences)
    assert part.reached.pairs == usual.reached.pairs
    assert part.reached.states == usual.reached.states
    assert [one.data for one in part.inputs] == [one.data for one in usual.inputs]


def early(one: Engine, until: float) -> Callable[[int], tuple[int, str] | None]:
    """Return what gives every batch up that is given less than ``until`` seconds."""
    batch = one.native.executor.batch

    def given_up(operations: int) -> tuple[int, str] | None:
        fault = batch(operations)
        return (0, ENDLESS) if one.native.machine.most < until else fault

    return given_up


@pytest.mark.kernel
@needs_host
@pytest.mark.parametrize("until", [3 * LEAST, USUAL.computing])
def test_a_batch_that_was_given_up_too_early_changes_nothing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, until: float
) -> None:
    one = engine(root, tmp_path)
    usual = one.run(0, FEW)
    monkeypatch.setattr(one.native.executor, "batch", early(one, until))
    assert counts(one.run(0, FEW)) == counts(usual)


@pytest.mark.kernel
@needs_host
def test_a_batch_that_never_comes_to_its_end_is_lost_and_no_finding(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = engine(root, tmp_path)
    monkeypatch.setattr(one.native.executor, "batch", early(one, 2 * USUAL.computing))
    part = one.run(0, FEW)
    assert (part.disagreement, part.hits, part.sequences) == ("", {}, FEW)
    assert part.spared == part.judged == FEW - part.lost


# Walks through a scope


def walked(root: Path, folder: Path, *more: Edit) -> Explored:
    tree = edited(root, (*REPAIRS, *more), folder / "linux")
    one = Explorer(native(tree, ONE), emulated(tree, ONE), SEED)
    return one.explore(scope(ONE, frozenset(Kind), 2), 3)


@pytest.mark.kernel
@needs_host
@pytest.mark.usefixtures("brisk")
def test_a_step_without_an_end_costs_a_moment(
    root: Path, tmp_path: Path, given: list[float]
) -> None:
    found = walked(root, tmp_path, STUCK)
    assert found.part.disagreement == ""
    assert {mark.partition("/")[0] for mark in found.part.hits} == {"runaway"}
    assert found.barred and not found.unexplained
    assert max(given) < 4 * LEAST


@pytest.mark.kernel
@needs_host
def test_a_walk_that_is_slow_is_begun_again_and_finds_nothing(
    root: Path, tmp_path: Path, given: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = walked(root, tmp_path / "usual")
    monkeypatch.setattr(patience, "LEAST", 0.01)
    given.clear()
    found = walked(root, tmp_path / "slow", SLOW)
    assert max(given) > min(given)
    assert (found.part.disagreement, found.part.hits, found.part.judged) == ("", {}, 0)
    assert (found.levels, found.transitions) == (usual.levels, usual.transitions)
    assert found.part.compared == usual.part.compared
