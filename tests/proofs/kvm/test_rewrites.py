# SPDX-License-Identifier: GPL-2.0-only
"""Rewrites that keep what the kernel's C does keep what is proved of it, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from impl.kernel.ports.mips.files import MMU
from proofs.engine import HOLDS, OPEN
from proofs.kernel_runner import LayoutProof
from tests.kernels.copies import share
from tests.proofs.c.edits import NARROW, PMD, PTE, REWRITES, WIDE, Edit
from tests.proofs.c.mutation import Verdicts, verdicts
from tests.proofs.kvm.test_repaired import changed, session

NOT_UNDERSTOOD = "do while, flush pte"
"""Its loop tests after the turn, for which no variable tells the slots in the last turn."""

#: For three levels, where tables between have many slots: those that rewrite such a table. The
#: first five are tried every time.
ON_WIDE = (
    "pointer walk, flush pmd",
    "downwards, flush pmd",
    "the answer turned round, flush pmd",
    "helper for one slot, flush pud",
    "simple loop, pmd_init",
    "locals renamed",
    "while for for, flush pud",
    "helper for the end of the body, flush pmd",
    "ternary for the end, flush pmd",
    "strictly less, flush pmd",
    "address of an element, flush pmd",
    "switch, flush pmd",
)

CHANGED: dict[str, tuple[str, ...]] = {
    "while for for, flush pud": ("kvm_mips_flush_gpa_pgd",),
    "helper for one slot, flush pud": ("kvm_mips_flush_gpa_pgd",),
    "simple loop, pmd_init": ("pmd_init",),
}
"""The functions whose proofs depend on a rewrite, in three levels; otherwise the PMD's flush."""


@dataclass
class Bench:
    """Linux 6.12, and a copy in which one rewrite after the other is made."""

    tree: Path
    copy: Path
    known: dict[tuple[str, tuple[str, ...]], Verdicts] = field(default_factory=dict)

    def prove(self, layout: str, edits: Sequence[Edit], only: tuple[str, ...]) -> LayoutProof:
        """Return what is proved of the tree with edits; what they leave alone is known."""
        with changed(self.copy, self.tree, edits) as where:
            return session(where, layout).run(only)

    def before(self, layout: str, only: tuple[str, ...]) -> Verdicts:
        """Return what is proved of the tree as it is."""
        if (layout, only) not in self.known:
            self.known[layout, only] = verdicts(self.prove(layout, (), only))
        return self.known[layout, only]


@pytest.fixture(scope="session")
def bench(kernel_trees: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Give what the rewrites are tried on."""
    folder = tmp_path_factory.mktemp("rewrites") / "linux"
    share(kernel_trees["6.12"], folder)
    return Bench(kernel_trees["6.12"], folder)


def groups() -> list[tuple[str, ...]]:
    """Return the rewrites in as few groups as can be made at once, each of another function."""
    found: list[tuple[set[str], list[str]]] = []
    for name, edits in REWRITES:
        places = {edit.where for edit in edits} - {MMU}
        for taken, names in found:
            if not taken & places:
                taken |= places
                names.append(name)
                break
        else:
            found.append((places, [name]))
    return [tuple(names) for _, names in found]


def sampled() -> list[Any]:
    """Return the groups as parameters; all but the largest wait for the thorough run."""
    found = groups()
    return [
        pytest.param(names, marks=pytest.mark.thorough if number > 2 else ())
        for number, names in enumerate(found)
        if NOT_UNDERSTOOD not in names
    ] + [pytest.param(names) for names in found if NOT_UNDERSTOOD in names]


def check(bench: Bench, names: Sequence[str], layout: str, only: tuple[str, ...]) -> None:
    """Rewrites are proved like the tree, and one that is not understood is left open."""
    before = bench.before(layout, only)
    proof = bench.prove(layout, [one for name in names for one in dict(REWRITES)[name]], only)
    after = verdicts(proof)
    assert set(after) == set(before)
    different = {key for key in before if before[key] != after[key]}
    if NOT_UNDERSTOOD not in names:
        assert different == set()
        return
    assert {function for function, _ in different} == {PTE}
    reasons = {
        (one.title, clause.name): clause.reason
        for one in proof.proved
        for clause in one.proof.clauses.values()
    }
    for key in different:
        assert (before[key], after[key]) == (HOLDS, OPEN)
        assert reasons[key].startswith("annotation mismatch")


@pytest.mark.slow
@pytest.mark.parametrize("names", sampled(), ids="; ".join)
def test_rewrites_are_proved_like_the_tree(bench: Bench, names: tuple[str, ...]) -> None:
    check(bench, names, NARROW, ())


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [*ON_WIDE[:3], *(pytest.param(name, marks=pytest.mark.thorough) for name in ON_WIDE[3:])],
)
def test_a_rewrite_is_proved_in_three_levels(bench: Bench, name: str) -> None:
    check(bench, (name,), WIDE, CHANGED.get(name, (PMD,)))


def test_the_rewrites_named_exist() -> None:
    assert {NOT_UNDERSTOOD, *ON_WIDE} <= set(dict(REWRITES))
    assert set(CHANGED) <= set(ON_WIDE)
    assert sorted(name for names in groups() for name in names) == sorted(dict(REWRITES))
