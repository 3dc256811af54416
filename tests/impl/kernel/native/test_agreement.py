# SPDX-License-Identifier: GPL-2.0-only
"""Native code of real trees does what emulated code does, and a difference is seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from impl.interface import Event, Outcome, Run
from impl.kernel.executor import MACHINE
from impl.kernel.native.agreement import compare, first_difference
from impl.kernel.ports.mips.files import MMU
from model.layout import Layout
from model.machines import LITTLE
from model.operations import Kind, Op
from model.ports import byte_orders, layout, layouts
from tests.impl.kernel.native.builds import (
    FLUSH,
    LAYOUTS,
    emulated,
    native,
    needs_host,
    put,
    rewritten,
    sequences,
)
from tests.kernels.copies import share_what_is_read

pytestmark = needs_host

PERMITTED = [one for one in layouts() if one.permitted and LITTLE in byte_orders(one)]
SOME = ("mips32-4k", "mips32-64k-xpa", "mips64-64k-huge-va48", "riscv32-sv32x4", "riscv64-sv57x4")


def agree(root: Path, one: Layout, count: int) -> None:
    ours, theirs = emulated(root, one), native(root, one)
    drawn = sequences(ours, count)
    found = list(compare(ours, theirs, drawn))
    assert not found, f"{found[0]}\n{found[0].ops}"
    had = {op.kind for ops in drawn for op in ops}
    assert had == ours.capabilities.kinds == theirs.capabilities.kinds


@pytest.mark.slow
@pytest.mark.parametrize("one", PERMITTED, ids=lambda one: one.name)
def test_every_layout_agrees(kernel_trees: dict[str, Path], one: Layout) -> None:
    agree(kernel_trees["6.12"], one, 25)


@pytest.mark.parametrize("name", SOME)
def test_each_tree_agrees(kernel_tree: Path, name: str) -> None:
    agree(kernel_tree, layout(name), 40)


def test_a_table_that_is_gone_on_with_agrees(kernel_trees: dict[str, Path]) -> None:
    one = layout("mips64-4k")
    runs = []
    for kernel in (emulated(kernel_trees["6.12"], one), native(kernel_trees["6.12"], one)):
        parts = [kernel.executor.run(FLUSH[:2])]
        parts += [kernel.executor.run([op], resume=True, logged=False) for op in FLUSH[2:]]
        runs.append(parts)
    assert runs[0] == runs[1]


def test_reached_blocks_are_the_same(kernel_trees: dict[str, Path]) -> None:
    one = layout("mips64-4k")
    places = []
    for kernel in (emulated(kernel_trees["6.12"], one), native(kernel_trees["6.12"], one)):
        # Other tests may have run more in the same one.
        kernel.executor.set_flags()
        for ops in sequences(kernel, 20):
            kernel.run(ops)
        reached, every = kernel.executor.coverage()
        assert len(reached) > len(every) // 2
        places.append({kernel.executor.symbols.place(at).function for at in reached})
    assert places[0] == places[1]


# --- a difference ----------------------------------------------------------------------------


@pytest.mark.parametrize("bits", LAYOUTS)
@pytest.mark.parametrize(
    ("body", "what"),
    [
        ("if (end_gfn - start_gfn == 1) end_gfn--;", "changes"),
        ("mark_page_dirty(kvm, start_gfn);", "dirty"),
        ("(void)__get_free_pages(GFP_KERNEL, 0);", "taken"),
        ("WARN_ON(1);", "events"),
        # Behind the runner's back, in a page that is nobody's any more: the outcomes are the same.
        ('__asm__ volatile("movb $7, (%0)" : : "r"(SLAT_ARENA + 8) : "memory");', "memory at "),
    ],
)
def test_a_planted_difference_is_found(
    kernel_trees: dict[str, Path], tmp_path: Path, bits: int, body: str, what: str
) -> None:
    root, one = kernel_trees["6.12"], LAYOUTS[bits]
    share_what_is_read(root, tmp_path)
    rewritten(tmp_path, (root / MMU).read_text(), put(body))
    other = Op(Kind.FAULT, 0x6000, pfn=8, write=True, writable=True)
    found = list(
        compare(emulated(root, one), native(tmp_path, one), [(*FLUSH[:2], other, *FLUSH[2:])])
    )
    assert len(found) == 1 and found[0].what.startswith(what) and found[0].ops
    at = Kind.DESTROY if what.startswith("memory") else Kind.FLUSH
    assert found[0].ops[found[0].index].kind is at
    assert str(found[0]).startswith(f"operation {found[0].index + 1} of 7: {what}")


def told(*events: Event, result: int = 0) -> Run:
    return Run([Outcome(result, {}, events=events)])


EVENT = Event("leak", "pgd", "pgd is never given back", False, 0x4000_0000, "f", "arch/x.c:1")


@pytest.mark.parametrize(
    ("other", "bits", "seen"),
    [
        (EVENT, 64, False),
        (EVENT._replace(rule="accounting"), 32, True),
        (EVENT._replace(detail="otherwise"), 32, True),
        (EVENT._replace(fatal=True), 32, True),
        (EVENT._replace(address=0x4000_1000), 32, True),
        (EVENT._replace(where="arch/x.c:2"), 64, False),
        (EVENT._replace(function="g"), 64, False),
        (EVENT._replace(function="g", where="arch/x.c:2"), 32, False),
    ],
)
def test_of_an_event_all_counts_but_what_a_compiler_decides(
    other: Event, bits: int, seen: bool
) -> None:
    found = first_difference(told(EVENT), told(other), [Op(Kind.CREATE)], bits)
    assert (found is not None) is seen


def test_addresses_in_the_image_and_words_of_a_machine_are_not_compared() -> None:
    here, there = (EVENT._replace(address=at) for at in (0x50_1000, 0x50_2000))
    assert first_difference(told(here), told(there), [Op(Kind.CREATE)], 64) is None
    one = EVENT._replace(subject=MACHINE)
    assert first_difference(told(one), told(one._replace(detail="x")), [], 64) is None


def test_a_run_that_is_shorter_differs() -> None:
    found = first_difference(told(), Run([]), [Op(Kind.CREATE)], 64)
    assert found is not None and found.what == "the number of outcomes"
    found = first_difference(Run([], None), Run([], 0), [], 64)
    assert found is not None and found.what == "the last operation"
