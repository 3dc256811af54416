# SPDX-License-Identifier: GPL-2.0-only
"""The built-in table with the kernel's quirks switched on is the kernel's own C."""

from __future__ import annotations

from pathlib import Path

import pytest

from impl.kernel.ports import open_tree
from impl.multilevel import QUIRKS, quirk
from impl.multilevel.quirks import PGD_FREED_AS_ONE_PAGE, YOUNG_READS_PFN_WORD
from impl.quirk import Quirk
from model.ports import layout
from slatcheck.judge.side_by_side import Comparison, diff

LAYOUTS = ("mips32-4k", "mips32-4k-huge", "mips32-16k-xpa", "mips64-4k", "mips64-16k-va48")
SINCE = {PGD_FREED_AS_ONE_PAGE: (6, 6)}
"""Quirks that came with a kernel version; the others are as old as both trees."""


def quirks_of(tree: Path, name: str) -> frozenset[Quirk]:
    """Return the quirks that a tree's version has in a layout."""
    version = tuple(int(part) for part in open_tree(tree).version.split(".")[:2])
    return frozenset(
        one for one in QUIRKS if one.bites(layout(name)) and version >= SINCE.get(one, (0, 0))
    )


def compare(tree: Path, name: str, quirks: frozenset[Quirk], max_ops: int) -> Comparison:
    names = ",".join(one.name for one in QUIRKS if one in quirks)
    return diff(f"multilevel:{names}@{name}", f"kernel:{tree}@{name}", seed=1, max_ops=max_ops)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_quirks_are_the_kernel(kernel_tree: Path, name: str) -> None:
    comparison = compare(kernel_tree, name, quirks_of(kernel_tree, name), 9_000)
    assert comparison.parting is None
    assert comparison.operations > 9_000


@pytest.mark.parametrize("absent", ["notifier-end-inclusive", "no-reach-check", "dirty-mask-hull"])
def test_without_a_quirk_the_table_differs(kernel_tree: Path, absent: str) -> None:
    quirks = quirks_of(kernel_tree, "mips32-4k") - {quirk(absent)}
    parting = compare(kernel_tree, "mips32-4k", quirks, 9_000).parting
    assert parting is not None
    assert parting.reason == "the mapping"


def test_without_its_xpa_quirk_the_table_differs(kernel_tree: Path) -> None:
    quirks = quirks_of(kernel_tree, "mips32-16k-xpa")
    assert YOUNG_READS_PFN_WORD in quirks
    without = quirks - {YOUNG_READS_PFN_WORD}
    parting = compare(kernel_tree, "mips32-16k-xpa", without, 9_000).parting
    assert parting is not None
    assert parting.trace[-1]["op"] in ("fault", "fault_fast")
