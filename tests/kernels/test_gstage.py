# SPDX-License-Identifier: GPL-2.0-only
"""G-stage tables of real trees in the emulator: leaves of every size, flushes, references."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from impl.interface import Outcome, Run
from impl.kernel.emulated import EmulatedKernel
from impl.kernel.ports import bind, open_tree
from impl.kernel.ports.riscv.files import MMU
from impl.kernel.snapshot import KernelStepper
from model.entry import ORDER_SHIFT
from model.layout import Layout
from model.operations import Kind, Op
from model.ports import layout
from tests.kernels.copies import edit, image_of, share

LAYOUTS = ("riscv32-sv32x4", "riscv64-sv39x4", "riscv64-sv48x4", "riscv64-sv57x4")
FOLDERS = ("arch/riscv/include", "arch/riscv/kvm", "arch/riscv/mm", "include", "virt/kvm")
CREATE, DESTROY = Op(Kind.CREATE), Op(Kind.DESTROY)
WHOLE = 0xDF
"""V, R, W, X, U, A and D."""


def loaded(root: Path, one: Layout) -> EmulatedKernel:
    tree = open_tree(root, one.port)
    binding = bind(tree)
    return EmulatedKernel(image_of(tree, binding, one, False), binding.missing)


@cache
def real(root: Path, name: str) -> EmulatedKernel:
    return loaded(root, layout(name))


def planted(
    root: Path, folder: Path, change: Callable[[str], str], name: str = "riscv64-sv39x4"
) -> EmulatedKernel:
    """Return a tree whose mmu.c is changed, in one layout."""
    share(root, folder, FOLDERS)
    edit(folder, MMU, change)
    return loaded(folder, layout(name))


def fault(gfn: int, pfn: int, order: int = 0, retries: int = 0, oom: int = 0) -> Op:
    """Return a write fault that the host answers with a writable page of this order."""
    return Op(
        Kind.FAULT, gfn << 12, pfn=pfn, write=True, writable=True,
        retries=retries, oom=oom, order=order,
    )  # fmt: skip


def leaf(pfn: int, order: int = 0, bits: int = WHOLE) -> int:
    return pfn << 10 | bits | order << ORDER_SHIFT


def said(outcome: Outcome) -> set[tuple[str, str]]:
    return {(event.rule, event.subject) for event in outcome.events}


def last(run: Run) -> Outcome:
    return run.outcomes[-1]


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_tree_has_the_geometry_and_the_format_of_the_layout(
    kernel_tree: Path, name: str
) -> None:
    executor, one = real(kernel_tree, name).executor, layout(name)
    assert executor.geometry() == one.geometry
    probes = [one.bits // 8, 1, WHOLE & ~4, WHOLE, WHOLE & ~0x40, WHOLE & ~4]
    # The PFN of the larger probe fits an entry of 32 bits but for its upper ones; 1 is the link.
    probes += [1 << 10, (0x2AAAAAA << 10) & one.word_mask, 0xE7, 1]
    assert executor.entry_format() == probes


@pytest.mark.parametrize("name", LAYOUTS)
def test_leaves_of_every_size_come_and_go(kernel_tree: Path, name: str) -> None:
    kernel = real(kernel_tree, name)
    index = 10 if kernel.layout.bits == 32 else 9
    orders = [0, index]
    # 6.1 takes a page of 1 GiB only where the root of the host's own tables has leaves of it.
    if kernel.layout.levels == 3 or (kernel.layout.levels > 3 and kernel_tree.suffix != ".1"):
        orders.append(2 * index)
    made = [(3 << order, 5 << order, order) for order in orders]
    ops = [CREATE]
    for gfn, pfn, order in made:
        inside = (1 << order) - 1
        ops.append(fault(gfn + inside, pfn + inside, order))
        ops.append(Op(Kind.LOOKUP, (gfn + inside // 2) << 12))
    ops += [Op(Kind.UNMAP, gfn, gfn + (1 << order)) for gfn, _, order in made]
    run = kernel.run([*ops, DESTROY])
    assert run.stop is None
    for at, (gfn, pfn, order) in enumerate(made):
        mapped, found = run.outcomes[1 + 2 * at : 3 + 2 * at]
        assert (mapped.result, mapped.changes) == (0, {gfn: leaf(pfn, order)})
        assert found.result == leaf(pfn)
        assert run.outcomes[1 + 2 * len(made) + at].changes == {gfn: 0}
    assert not any(outcome.events for outcome in run.outcomes[:-1])
    # The table's own functions give back what the root links, but no table that is empty.
    assert {rule for rule, _ in said(last(run))} == {"leak"}


@pytest.mark.parametrize("name", LAYOUTS)
def test_an_invalidated_fault_maps_nothing(kernel_tree: Path, name: str) -> None:
    run = real(kernel_tree, name).run([CREATE, fault(7, 9, retries=1), fault(7, 9)])
    assert [outcome.changes for outcome in run.outcomes[1:]] == [{}, {7: leaf(9)}]


def test_slots_end_at_the_borders(kernel_tree: Path) -> None:
    """The host is asked for the first frame of a huge page, which here is in another slot."""
    kernel = real(kernel_tree, "riscv64-sv39x4")
    run = kernel.run([Op(Kind.CREATE, 0x208), fault(0x209, 0x1209, 9), fault(0x409, 0x1409, 9)])
    assert [outcome.result for outcome in run.outcomes] == [0, -14, 0]


def test_dirty_logging_makes_faults_small(kernel_tree: Path) -> None:
    kernel = real(kernel_tree, "riscv64-sv39x4")
    slot = Op(Kind.COMMIT_REGION, 0, 1 << 19)
    run = kernel.run([CREATE, slot, fault(0x209, 0x1209, 9)])
    assert last(run).changes == {0x209: leaf(0x1209)}
    assert last(run).dirty == (0x209,)


def test_the_nth_allocation_fails(kernel_tree: Path) -> None:
    kernel = real(kernel_tree, "riscv64-sv39x4")
    run = kernel.run([CREATE, fault(7, 9, oom=2), fault(7, 9)])
    assert [outcome.result for outcome in run.outcomes] == [0, -12, 0]


def test_a_device_is_mapped_by_pages(kernel_tree: Path) -> None:
    kernel = real(kernel_tree, "riscv64-sv39x4")
    mapped = Op(Kind.IOREMAP, 0x20000, 0x2000, pfn=0x500, writable=True)
    run = kernel.run([CREATE, mapped, Op(Kind.IOUNMAP, 0x20000, 0x2000)])
    assert list(run.outcomes[1].changes) == [0x20, 0x21]
    assert last(run).changes == {0x20: 0, 0x21: 0}


def test_a_leaf_above_4_gib_is_flushed_where_it_is_not_on_32_bits(kernel_tree: Path) -> None:
    """The order of a leaf masks the address in an unsigned long: half of it is lost."""
    gfn = 0x10_0007
    ops = [CREATE, fault(gfn, 9), Op(Kind.FLUSH, gfn, gfn)]
    assert said(last(real(kernel_tree, "riscv32-sv32x4").run(ops))) == {
        ("unflushed", "removed leaf")
    }


FLUSH = "\t\tgstage_remote_tlb_flush(kvm, ptep_level, addr);\n"


def test_a_missing_flush_is_found(kernel_trees: dict[str, Path], tmp_path: Path) -> None:
    kernel = planted(kernel_trees["6.12"], tmp_path, lambda text: text.replace(FLUSH, ""))
    mapped = [CREATE, fault(7, 9), fault(8, 10)]
    run = kernel.run([*mapped, Op(Kind.UNMAP, 7, 8), Op(Kind.MKCLEAN, 8, 8)])
    assert said(run.outcomes[3]) == {("unflushed", "removed leaf")}
    assert said(run.outcomes[4]) == {("unflushed", "permission")}


def test_a_flush_of_another_machine_is_none(kernel_trees: dict[str, Path], tmp_path: Path) -> None:
    elsewhere = "\t\tgstage_remote_tlb_flush(&(struct kvm){ 0 }, ptep_level, addr);\n"
    kernel = planted(kernel_trees["6.12"], tmp_path, lambda text: text.replace(FLUSH, elsewhere))
    run = kernel.run([CREATE, fault(7, 9), Op(Kind.UNMAP, 7, 8)])
    assert said(last(run)) == {("unflushed", "removed leaf")}


EARLY = "\t\tif (op == GSTAGE_OP_CLEAR)\n\t\t\tset_pte(ptep, __pte(0));\n\t\telse if"


def test_a_flush_that_comes_too_early_is_none(
    kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    kernel = planted(
        kernel_trees["6.12"],
        tmp_path,
        lambda text: text.replace(FLUSH, "").replace(EARLY, FLUSH + EARLY),
    )
    run = kernel.run([CREATE, fault(7, 9), Op(Kind.UNMAP, 7, 8)])
    assert said(last(run)) == {("unflushed", "removed leaf")}


STORE = "\tset_pte(ptep, *new_pte);\n"
FREED = """\
	struct page *gone = NULL;
	if (pte_val(ptep_get(ptep)) && !gstage_pte_leaf(ptep))
		gone = virt_to_page(gstage_pte_page_vaddr(ptep_get(ptep)));
	set_pte(ptep, *new_pte);
	if (gone)
		put_page(gone);
"""


def test_a_table_that_goes_before_the_flush_is_found(
    kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    kernel = planted(kernel_trees["6.12"], tmp_path, lambda text: text.replace(STORE, FREED))
    run = kernel.run([CREATE, fault(0x207, 0x1207), fault(0x208, 0x1208, 9)])
    assert ("unflushed", "table given back") in said(last(run))


@pytest.mark.parametrize(("puts", "rule"), [(1, "leak"), (2, "double-free")], ids=["once", "twice"])
def test_references_are_counted(
    kernel_trees: dict[str, Path], tmp_path: Path, puts: int, rule: str
) -> None:
    whole = "free_pages((unsigned long)pgd, get_order(gstage_pgd_size));"
    put = "{ " + "put_page(virt_to_page(pgd)); " * puts + "}"
    kernel = planted(kernel_trees["6.12"], tmp_path, lambda text: text.replace(whole, put))
    run = kernel.run([CREATE, DESTROY])
    assert rule in {found for found, _ in said(last(run))}
    assert (run.stop is None) == (puts == 1)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_snapshot_shows_leaves_of_every_size(kernel_tree: Path, name: str) -> None:
    kernel = real(kernel_tree, name)
    index = 10 if kernel.layout.bits == 32 else 9
    ops = [CREATE, fault(7, 9), fault(3 << index, 5 << index, index)]
    *_, step = KernelStepper(kernel).steps(ops)
    assert step.snapshot is not None
    assert step.snapshot.leaves(kernel.layout) == {
        7: leaf(9),
        3 << index: leaf(5 << index, index),
    }
    assert len(step.snapshot.tables) == kernel.layout.levels
    assert not step.snapshot.limits
