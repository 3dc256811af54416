# SPDX-License-Identifier: GPL-2.0-only
"""Small scopes on real trees: their states, what is found, and what a signature must see."""

from __future__ import annotations

import ctypes
import shutil
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

import impl.kernel.build as building
from impl.kernel.native.kernel import NativeKernel
from model.leaf_map import map_of
from model.operations import Kind, Op
from model.ports import layout, layouts
from slatcheck.fuzz.exploring import Explored, Explorer
from slatcheck.fuzz.scope import PFN, Scope, borders, scope
from slatcheck.fuzz.wire import OpBuffer, WireStep
from support.cache import Mode
from tests.impl.kernel.native.builds import emulated, native, needs_host
from tests.proofs.c.edits import REPAIRS, Edit, edited
from tests.slatcheck.fuzz.scoping import explored

ONE = layout("mips64-4k")
SHIFT = ONE.page_shift
LOW, HIGH, TOP = borders(ONE)
CREATE, DESTROY = Op(Kind.CREATE), Op(Kind.DESTROY)
ALL = frozenset(Kind)
FAR = 255

real = [pytest.mark.kernel, needs_host]


def write(frame: int) -> Op:
    return Op(Kind.FAULT, frame << SHIFT, pfn=PFN, write=True, writable=True)


def run(root: Path, chosen: Scope, depth: int, kernel: NativeKernel | None = None) -> Explored:
    one = chosen.layout
    return Explorer(kernel or native(root, one), emulated(root, one), 3).explore(chosen, depth)


def told(found: Explored) -> tuple[object, ...]:
    """Return what does not depend on the clock."""
    part = found.part
    return (
        found.levels,
        found.transitions,
        found.steps,
        part.compared,
        part.blocks,
        part.hits.keys(),
    )


@pytest.fixture(scope="module")
def root(kernel_trees: dict[str, Path]) -> Path:
    return kernel_trees["6.12"]


@pytest.fixture(scope="module")
def repaired(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return edited(root, REPAIRS, tmp_path_factory.mktemp("repaired") / "linux")


# What a scope is


@pytest.mark.parametrize("one", layouts(), ids=lambda one: one.name)
def test_every_layout_has_a_scope_within_the_contract(one: object) -> None:
    chosen = scope(one, ALL)  # type: ignore[arg-type]
    fresh = map_of(chosen.layout)
    fresh.apply(chosen.ops[0])
    assert chosen.ops[0].kind is Kind.CREATE
    assert chosen.ops[-1].kind is Kind.DESTROY
    assert 20 <= len(chosen.ops) <= 30
    assert len(set(chosen.ops)) == len(chosen.ops)
    assert all(fresh.in_contract(op) for op in chosen.ops)


@pytest.mark.parametrize("count", [1, 7])
def test_a_scope_of_too_few_or_too_many_frames_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="2 to 6"):
        scope(ONE, ALL, count)


# The states


@pytest.mark.kernel
@needs_host
@pytest.mark.parametrize(
    ("name", "depth"), [("mips64-4k", 3), ("mips64-4k", FAR), ("mips32-4k", 4)]
)
def test_there_are_the_states_that_the_reference_table_has(
    repaired: Path, name: str, depth: int
) -> None:
    chosen = scope(layout(name), ALL, 2)
    found = run(repaired, chosen, depth)
    assert (found.part.disagreement, found.part.hits, found.barred) == ("", {}, [])
    assert (found.levels, found.transitions) == explored(chosen, depth)
    assert found.closed == (depth == FAR)
    assert found.part.sampled


@pytest.mark.kernel
@needs_host
def test_of_a_repaired_tree_nothing_is_found_and_it_is_the_same_again(repaired: Path) -> None:
    chosen = scope(ONE, ALL)
    kernel = native(repaired, ONE)
    found = run(repaired, chosen, FAR, kernel)
    assert (found.part.hits, found.part.judged, found.barred) == ({}, 0, [])
    assert found.closed
    assert found.complete
    assert found.states > 400
    assert sum(found.part.compared.values()) == found.steps
    assert told(run(repaired, chosen, FAR, kernel)) == told(found)


@pytest.mark.kernel
@needs_host
def test_what_is_drawn_afterwards_is_not_touched_by_it(repaired: Path) -> None:
    one = Explorer(native(repaired, ONE), emulated(repaired, ONE), 3)
    before = one.run(0, 30).compared
    one.explore(scope(ONE, ALL, 2), 3)
    assert one.run(0, 30).compared == before


# What is found

DEEP = Edit(
    "a frame is left while another one is old",
    "kvm_mips_flush_gpa_pt",
    "if (start_gfn >= KVM_GPA_FRAMES)",
    f"pte_t *other = kvm_mips_pte_for_gpa(kvm, NULL, {HIGH << SHIFT:#x}UL);\n\n"
    f"\tif (start_gfn == {LOW:#x} && end_gfn == {LOW:#x} && other && "
    "pte_present(*other) && !pte_young(*other))\n"
    "\t\treturn true;\n\tif (start_gfn >= KVM_GPA_FRAMES)",
)


@pytest.mark.kernel
@needs_host
def test_what_four_operations_show_is_found_at_depth_four(root: Path, tmp_path: Path) -> None:
    tree = edited(root, (*REPAIRS, DEEP), tmp_path / "linux")
    chosen = scope(ONE, ALL)
    kernel = native(tree, ONE)
    assert run(tree, chosen, 3, kernel).part.hits == {}
    found = run(tree, chosen, 4, kernel)
    assert found.part.disagreement == ""
    assert {mark.partition("/")[0] for mark in found.part.hits} == {"stale-mapping"}
    assert {len(hit.ops) for hit in found.part.hits.values()} == {5}
    assert found.barred


TRAP = Edit(
    "a trap",
    "kvm_mips_flush_gpa_pte",
    "if (!pte_present(pte[i]))",
    "if (pte_present(pte[i]) && !pte_young(pte[i]))\n\t\t\t__builtin_trap();\n"
    "\t\tif (!pte_present(pte[i]))",
)


@pytest.mark.kernel
@needs_host
def test_a_trap_is_judged_in_the_emulator_and_left_out(root: Path, tmp_path: Path) -> None:
    tree = edited(root, (*REPAIRS, TRAP), tmp_path / "linux")
    found = run(tree, scope(ONE, ALL, 2), 3)
    assert found.part.disagreement == ""
    assert {mark.partition("/")[0] for mark in found.part.hits} == {"bad-access"}
    assert {op.kind for op in found.barred} >= {Kind.UNMAP, Kind.DESTROY}


@pytest.mark.kernel
@needs_host
def test_what_is_left_out_without_a_finding_is_not_complete(
    repaired: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = Explorer.first_suspect

    def wary(self: Explorer, ops: OpBuffer, count: int) -> int:
        drawn = ops.ops(0, count)
        first = next((at for at, op in enumerate(drawn) if op.kind is Kind.FLUSH_ALL), count)
        return min(first, usual(self, ops, count))

    monkeypatch.setattr(Explorer, "first_suspect", wary)
    found = run(repaired, scope(ONE, ALL), 2)
    assert (found.part.disagreement, found.part.hits) == ("", {})
    assert [op.kind for op in found.barred] == [Kind.FLUSH_ALL]
    assert found.unexplained
    assert not found.complete


@pytest.mark.kernel
@needs_host
def test_where_no_table_can_be_made_there_are_no_states(root: Path) -> None:
    chosen = scope(layout("mips32-64k"), ALL)
    found = run(root, chosen, 3)
    assert (found.states, found.closed, found.complete) == (0, False, False)
    assert found.part.disagreement == ""
    assert found.barred == [CREATE]
    assert found.part.hits


@pytest.mark.kernel
@needs_host
def test_telling_states_apart_loses_nothing(root: Path) -> None:
    chosen, depth = scope(ONE, ALL), 3
    one = Explorer(native(root, ONE), emulated(root, ONE), 3)
    inner = chosen.ops[1:-1]
    marks = set()
    for tried in product(inner, repeat=depth - 1):
        examined = one.judge.examine(one.emulated, [CREATE, *tried, DESTROY])
        marks |= {symptom.fingerprint for symptom in examined.symptoms}
    found = one.explore(chosen, depth)
    assert found.part.disagreement == ""
    assert found.part.hits.keys() == marks
    assert len(marks) >= 4


# What a signature must see

CACHE = Scope(ONE, (CREATE, write(LOW), Op(Kind.FLUSH_ALL), DESTROY))
"""Behind a flush of everything two states differ by the pages in the cache alone."""
EMPTY = Scope(ONE, (CREATE, write(LOW), Op(Kind.UNMAP, LOW, LOW + 1), DESTROY))
"""Behind an unmap two states differ by tables that are linked, and empty, alone."""
MISTAKES = {
    "no account of pages": (
        "explore.c", "slat_add(&is, PART_HELD, 0, slat.held, 1);", "", CACHE,
    ),
    "no tables": (
        "observe.c", "slat_sign(PART_TABLE | page->level, page->base, 0, times);",
        "(void)page; (void)times;", scope(ONE, ALL, 2),
    ),
    "no entries, but that they are there": (
        "observe.c", "slat_sign(PART_LEAF | which, gpa, raw, times);",
        "(void)raw; slat_sign(PART_LEAF | which, gpa, 0, times);", scope(ONE, ALL, 2),
    ),
    "no addresses": (
        "observe.c", "slat_sign(PART_LEAF | which, gpa, raw, times);",
        "(void)gpa; slat_sign(PART_LEAF | which, 0, raw, times);", scope(ONE, ALL, 2),
    ),
    "a leaf that goes is forgotten": (
        "observe.c", "sign_leaf(which, start_of(page, i), value, -1);", "", scope(ONE, ALL, 2),
    ),
}  # fmt: skip


@pytest.mark.kernel
@needs_host
@pytest.mark.parametrize("chosen", [CACHE, EMPTY], ids=["cache", "empty tables"])
def test_states_that_differ_in_little_are_two(repaired: Path, chosen: Scope) -> None:
    found = run(repaired, chosen, FAR)
    assert (found.levels, found.transitions) == explored(chosen, FAR)
    assert found.states > 2


@pytest.fixture
def other_runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a copy of the runner's sources that native code is made of until the test ends."""
    folder = tmp_path / "kernel"
    shutil.copytree(building.HERE, folder)
    monkeypatch.setattr(building, "HERE", folder)
    yield folder / "runner"


@pytest.mark.kernel
@needs_host
@pytest.mark.parametrize("name", MISTAKES)
def test_a_signature_with_a_mistake_is_noticed(
    repaired: Path, other_runner: Path, name: str
) -> None:
    file, old, new, chosen = MISTAKES[name]
    path = other_runner / file
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    kernel = native(repaired, ONE, mode=Mode.OFF)
    found = run(repaired, chosen, FAR, kernel)
    right = explored(chosen, FAR)
    assert found.part.disagreement or (found.levels, found.transitions) != right


HIDDEN = Edit(
    "a fault in two asks for more pages",
    "kvm_mips_map_page",
    "bool writeable;",
    "bool writeable;\n\tstatic int turn;",
)
MORE = Edit(
    "a fault in two asks for more pages",
    "kvm_mips_map_page",
    "KVM_MMU_CACHE_MIN_PAGES",
    "KVM_MMU_CACHE_MIN_PAGES + (turn ^= 1)",
)


@pytest.mark.kernel
@needs_host
def test_what_no_signature_sees_is_noticed(root: Path, tmp_path: Path) -> None:
    tree = edited(root, (*REPAIRS, HIDDEN, MORE), tmp_path / "linux")
    found = run(tree, scope(ONE, ALL), FAR)
    assert found.part.disagreement == (
        "fault leads from one state to two: a signature does not see all"
    )
    assert not found.complete


# What a process says need not be so


@pytest.mark.kernel
@needs_host
def test_steps_that_cannot_be_are_not_believed(
    repaired: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Explorer(native(repaired, ONE), emulated(repaired, ONE), 3)
    explore = one.native.executor.explore

    def forged() -> tuple[int, str] | None:
        fault = explore()
        view = one.buffers["slat_steps"].view
        WireStep.from_buffer(view, 5 * ctypes.sizeof(WireStep)).op = 99
        return fault

    monkeypatch.setattr(one.native.executor, "explore", forged)
    assert "no operation of the scope" in one.explore(scope(ONE, ALL), 3).part.disagreement


@pytest.mark.kernel
@needs_host
def test_a_walk_that_ends_too_early_is_noticed(
    repaired: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Explorer(native(repaired, ONE), emulated(repaired, ONE), 3)
    explore = one.native.executor.explore

    def forged() -> tuple[int, str] | None:
        fault = explore()
        one.buffers["slat_control"].view[12:16] = (7).to_bytes(4, "little")
        one.buffers["slat_scope"].view[16:20] = (1).to_bytes(4, "little")
        return fault

    monkeypatch.setattr(one.native.executor, "explore", forged)
    assert "operations open" in one.explore(scope(ONE, ALL), 3).part.disagreement
