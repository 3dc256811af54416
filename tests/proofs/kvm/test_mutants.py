# SPDX-License-Identifier: GPL-2.0-only
"""Mutants of the kernel's C: each breaks a promise that held, and runs show what is claimed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from impl.kernel.ports import open_tree
from proofs.engine import HOLDS
from proofs.kernel_runner import Session
from tests.kernels.copies import share
from tests.proofs.c.edits import (
    AGE,
    ALL,
    CLEAN,
    COMMIT,
    DESTROY,
    FAST,
    FLUSH,
    FOUR,
    FOUR_LEVEL,
    LAYOUTS,
    MAP,
    MASKED,
    MUTANTS,
    NARROW,
    OLD,
    PGD,
    PMD,
    PTE,
    PUD,
    REPAIRS,
    SLOT,
    TEST_AGE,
    UNMAP,
    WIDE,
    Edit,
    Mutant,
    apply,
    text_for,
)
from tests.proofs.c.mutation import Base, Verdicts, fate, proved, verdicts
from tests.proofs.kvm.test_repaired import changed, session, shared_store

HERE = Path(__file__).resolve().parent
MEASURED: dict[str, dict[str, Any]] = json.loads(
    (HERE.parent / "c/mutants.json").read_text(encoding="utf-8")
)
EXPECTED = HERE.parents[1] / "kernels/expected.json"
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}

ROOT, LOOKUP = "kvm_pgd_alloc", "kvm_mips_pte_for_gpa"

#: A mutant, and the function on whose own proof it is tried. Every function of the corpus is here.
SAMPLE: dict[str, dict[str, str]] = {
    NARROW: {
        "pgd init misses a slot": ROOT,
        "pgd not initialised": ROOT,
        "pgd from its second slot": ROOT,
        "new leaf not cleared": MAP,
        "walk takes the neighbour in the root": LOOKUP,
        "even pages only": LOOKUP,
        "flush pte one short": PTE,
        "flush pte safe by half": PTE,
        "flush pte leaves a bit": PTE,
        "flush pmd safe kept": PGD,
        "flush pmd freed twice": PGD,
        "flush pud end unset": PGD,
        "flush pgd start kept": PGD,
        "flush answers the opposite": FLUSH,
        "range pte untold": "kvm_mips_mkold_pte",
        "range pgd one short": "kvm_mips_mkclean_pgd",
        "old makes clean": "kvm_mips_mkold_pte",
        "clean one frame less": CLEAN,
        "old one frame more": OLD,
        "masked without the offset": MASKED,  # on the repaired tree
        "unmap denies": UNMAP,
        "age denies": AGE,  # on the repaired tree
        "test age turned round": TEST_AGE,
        "fast dirty untold": FAST,
        "fast keeps the lock": FAST,
        "fault dirty untold": MAP,
        "destroy keeps the root": DESTROY,
        "flush all but the first": ALL,
        "slot unlocked": SLOT,
        "logging one page less": COMMIT,
    },
    WIDE: {
        "pmd init half": "pmd_init",
        "pmd init misses a slot": "pmd_init",
        "pmd init with its own marker": "pmd_init",
        "pgd one order less": ROOT,
        "pgd init with the marker of a level below": ROOT,
        "walk takes the first PMD slot": LOOKUP,
        "PMD table made without a cache": LOOKUP,
        "walk address narrowed": LOOKUP,
        "flush pte index narrowed": PTE,
        "flush pmd start kept": PMD,
        "flush pmd end uninitialised": PMD,
        "flush pud not freed": PGD,
        "flush end narrowed": FLUSH,
        "range pmd only the last tells": "kvm_mips_mkold_pmd",
        "old start narrowed": OLD,
        "fast stays old": FAST,
        "test age address narrowed": TEST_AGE,
        "destroy warns of success": DESTROY,
    },
    FOUR: {
        "pud init half": "pud_init",
        "pud init with the marker of the level below": "pud_init",
        "pgd init one step short": ROOT,
        "walk takes the first PUD slot": LOOKUP,
        "flush pud start kept": PUD,
        "flush pgd table not freed": PGD,
        "range pud only the last tells": "kvm_mips_mkold_pud",
        "destroy flushes half": DESTROY,
    },
}

#: Mutants of functions whose promises fail already: they are made on the repaired tree.
ON_REPAIRED = frozenset({"masked without the offset", "age denies"})

#: Mutants that change nothing in a layout, and whose proof they may not change either.
EQUIVALENT: dict[str, dict[str, str]] = {
    NARROW: {
        "walk address narrowed": LOOKUP,
        "flush end narrowed": FLUSH,
        "flush pgd slot not cleared by name": PGD,
        "fault page signed": MAP,
        "destroy flushes half": DESTROY,
        "destroy flushes 32 bits of frames": DESTROY,
    },
    WIDE: {
        "flush pte safe by another level": PTE,
        "flush pmd end narrowed": PMD,
    },
}

#: Mutants that runs do not show and the proof does not let pass, with the reason.
STRICTER = {
    "new leaf linked before it is cleared": "another CPU's refill could see it: a linked table "
    "must be empty from the beginning, which no run on one CPU can show",
    "look-up address narrowed": "the shift of a negative number is no defined operation",
}

#: Mutants that runs show and the proof does not look at.
NOT_PROMISED = {
    "fast gives nothing out": "the proof asks for no entry: out_entry is NULL",
    "fault gives nothing out": "the proof asks for no entry: out_entry is NULL",
}

#: Hidden by a promise that the tree breaks already; with REPAIRS it shows.
HIDDEN = {("pgd one order more", WIDE): "the root is leaked in part already"}

#: What a run shows of these, each of another function.
SHOWN: tuple[tuple[str, str], ...] = (
    ("pgd init misses a slot", NARROW),
    ("flush pte one short", NARROW),
    ("flush pmd freed twice", NARROW),
    ("range pte untold", NARROW),
    ("clean one frame less", NARROW),
    ("unmap denies", NARROW),
    ("test age turned round", NARROW),
    ("fast dirty untold", NARROW),
    ("destroy keeps the root", NARROW),
    ("slot unlocked", NARROW),
    ("logging one page less", NARROW),
)


@dataclass
class Bench:
    """Linux 6.12, and a copy in which one mutant after the other is made."""

    tree: Path
    copy: Path
    bases: dict[tuple[str, bool], Session] = field(default_factory=dict)

    def before(self, layout: str, title: str, repaired: bool = False) -> Verdicts:
        """Return what is proved of one function ('' for all) of the tree without a mutant."""
        if (layout, repaired) not in self.bases:
            with changed(self.copy, self.tree, self.text(layout, repaired)) as where:
                self.bases[layout, repaired] = session(where, layout)
        return verdicts(self.bases[layout, repaired].run([title] if title else ()))

    def after(self, mutant: Mutant, layout: str, title: str, repaired: bool = False) -> Verdicts:
        """Return what is proved of it with a mutant."""
        edits = [*self.text(layout, repaired), mutant.for_layout(layout)]
        with changed(self.copy, self.tree, edits) as where:
            return verdicts(session(where, layout).run([title] if title else ()))

    def text(self, layout: str, repaired: bool) -> tuple[Edit, ...]:
        """Return the edits that are made before a mutant is."""
        return REPAIRS if repaired else text_for(layout)


@pytest.fixture(scope="session")
def bench(kernel_trees: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Give what the mutants are tried on."""
    folder = tmp_path_factory.mktemp("mutants") / "linux"
    share(kernel_trees["6.12"], folder)
    return Bench(kernel_trees["6.12"], folder)


def worse(before: Verdicts, after: Verdicts) -> set[tuple[str, str]]:
    """Return the promises that held and do not hold any more."""
    kept = {key for key, verdict in after.items() if verdict == HOLDS}
    return {key for key, verdict in before.items() if verdict == HOLDS} - kept


QUICK = {NARROW: 100, WIDE: 7, FOUR: 2}
"""How many mutants of each layout are tried in every run."""


def pairs(table: Mapping[str, Mapping[str, str]]) -> list[Any]:
    """Return the parameters of a test on mutants: their names, layouts and functions."""
    return [
        pytest.param(
            BY_NAME[name],
            layout,
            title,
            id=f"{layout}-{name}",
            # The same text costs more with more levels; most of that is for the thorough run.
            marks=pytest.mark.thorough if number >= QUICK[layout] else (),
        )
        for layout, chosen in table.items()
        for number, (name, title) in enumerate(chosen.items())
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("mutant", "layout", "title"), pairs(SAMPLE))
def test_a_mutant_breaks_what_held(bench: Bench, mutant: Mutant, layout: str, title: str) -> None:
    repaired = mutant.name in ON_REPAIRED
    before = bench.before(layout, title, repaired)
    assert worse(before, bench.after(mutant, layout, title, repaired))


@pytest.mark.slow
@pytest.mark.parametrize(("mutant", "layout", "title"), pairs(EQUIVALENT))
def test_a_mutant_that_changes_nothing_is_proved_as_before(
    bench: Bench, mutant: Mutant, layout: str, title: str
) -> None:
    before = bench.before(layout, title)
    assert before
    assert bench.after(mutant, layout, title) == before


def test_the_sample_has_every_function_and_layout() -> None:
    tried = {BY_NAME[name].where for chosen in SAMPLE.values() for name in chosen}
    assert tried >= {mutant.where for mutant in MUTANTS}
    for layout, chosen in SAMPLE.items():
        assert all(layout in BY_NAME[name].on for name in chosen)
        assert all(MEASURED[name][layout]["shown"] for name in chosen)
    assert set(SAMPLE) == set(LAYOUTS)


def test_what_runs_do_not_show_is_explained_once() -> None:
    silent = {
        (mutant.name, layout)
        for mutant in MUTANTS
        for layout in mutant.on
        if not MEASURED[mutant.name][layout]["shown"]
    }
    for layout, chosen in EQUIVALENT.items():
        assert {(name, layout) for name in chosen} <= silent
    assert set(STRICTER) <= {name for name, _ in silent}
    assert set(HIDDEN) <= silent
    assert not set(NOT_PROMISED) & {name for name, _ in silent}
    assert not (set(STRICTER) | set(NOT_PROMISED)) & {n for one in EQUIVALENT.values() for n in one}


# --- what runs show of it --------------------------------------------------------------------


def known_marks(tree: Path, layout: str) -> frozenset[str]:
    """Return what runs of the tree without edits show."""
    known = json.loads(EXPECTED.read_text(encoding="utf-8"))[open_tree(tree).digest()]["findings"]
    return frozenset(mark for mark, names in known.items() if layout in names)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "layout"),
    [
        *SHOWN[::3],
        *(pytest.param(*one, marks=pytest.mark.thorough) for one in SHOWN if one not in SHOWN[::3]),
    ],
)
def test_a_run_shows_what_the_proof_claims(
    kernel_trees: Mapping[str, Path], tmp_path: Path, name: str, layout: str
) -> None:
    tree, store = kernel_trees["6.12"], shared_store()
    before = verdicts(proved(tree, layout, store))
    base = Base(layout, tree, store, before, known_marks(tree, layout))
    found = fate(base, tree, [BY_NAME[name].for_layout(layout)], name, tmp_path / "linux")
    assert found.kind == "shown", found
    assert found.mark.split("/")[0] in MEASURED[name][layout]["rules"]


# --- all of them -----------------------------------------------------------------------------


def lets_pass(mutant: Mutant, layout: str) -> bool:
    """Return whether the proof of a mutant may be as that of the tree."""
    silent = not MEASURED[mutant.name][layout]["shown"]
    passes = silent and mutant.name not in STRICTER and (mutant.name, layout) not in HIDDEN
    return passes or mutant.name in NOT_PROMISED


def stands_in_repaired(mutant: Mutant, bench: Bench) -> bool:
    """Return whether the words that a mutant replaces are there with REPAIRS, too."""
    text = (bench.tree / mutant.file).read_text(encoding="utf-8")
    try:
        for edit in (*(one for one in REPAIRS if one.file == mutant.file), mutant):
            text = apply(text, edit)
    except AssertionError:
        return False
    return mutant.four is None


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize(
    ("mutant", "layout"),
    [
        pytest.param(mutant, layout, id=f"{layout}-{mutant.name}")
        for mutant in MUTANTS
        for layout in mutant.on
    ],
)
def test_every_mutant_breaks_what_held_or_is_explained(
    bench: Bench, mutant: Mutant, layout: str
) -> None:
    repaired = stands_in_repaired(mutant, bench)
    before = bench.before(layout, "", repaired)
    if worse(before, bench.after(mutant, layout, "", repaired)):
        assert not lets_pass(mutant, layout)
    else:
        # Of a function that is broken already nothing worse can be said.
        assert lets_pass(mutant, layout) or not repaired


def test_four_levels_are_tried_on_a_text_that_works() -> None:
    assert text_for(FOUR) == FOUR_LEVEL
