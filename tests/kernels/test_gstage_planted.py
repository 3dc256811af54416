# SPDX-License-Identifier: GPL-2.0-only
"""Bugs planted into the repaired G-stage table: each is found, under its own rule."""

from __future__ import annotations

from functools import reduce
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from impl.kernel.emulated import EmulatedKernel
from model.rules import RULES
from slatcheck.search.differential import Symptom
from slatcheck.search.unit import geometry_symptoms
from tests.kernels.gstage_bugs import BUGS, Bug
from tests.kernels.gstage_repairs import found, loaded, text, tree_with, words
from tests.proofs.c.edits import apply

BUDGET = 10_000
QUICK_RULES = 2


def planted(root: Path, bug: Bug, folder: Path) -> EmulatedKernel:
    """Return the repaired tree with a bug in it, in the layout that shows it."""
    edits = [words(bug.where, bug.old, bug.new, bug.nth)]
    edits += [words(bug.where, old, new) for old, new in bug.also]
    return loaded(tree_with(root, reduce(apply, edits, text(root)), folder), bug.on)


def shown(kernel: EmulatedKernel, bug: Bug) -> set[str]:
    """Return the fingerprints that are found until one is of the bug's rule."""
    executor = kernel.executor
    shape = geometry_symptoms(kernel.layout, executor.geometry(), executor.entry_format())
    if shape:
        return {symptom.fingerprint for symptom in shape}

    def wanted(symptom: Symptom) -> bool:
        return symptom.rule == bug.rule and bug.entry in ("", symptom.entry)

    return set(found(kernel, BUDGET, wanted))


def sorted_out() -> list[ParameterSet]:
    """Return all bugs: of each function those of two rules, and of each rule one, are quick."""
    rules: set[str] = set()
    functions: dict[str, set[str]] = {}
    made = []
    for bug in BUGS:
        broken = functions.setdefault(bug.where, set())
        quick = bug.rule not in rules or (bug.rule not in broken and len(broken) < QUICK_RULES)
        if quick:
            rules.add(bug.rule)
            broken.add(bug.rule)
        made.append(pytest.param(bug, id=bug.name, marks=[] if quick else pytest.mark.thorough))
    return made


def test_every_rule_has_its_bug() -> None:
    """All but the answer of a flush, which here gives none."""
    breakable = {rule.name for rule in RULES} - {"unsafe-to-remove"}
    assert {bug.rule for bug in BUGS} == breakable
    assert len({bug.name for bug in BUGS}) == len(BUGS)


@pytest.mark.parametrize("bug", sorted_out())
def test_a_planted_bug_is_found(bug: Bug, kernel_trees: dict[str, Path], tmp_path: Path) -> None:
    marks = shown(planted(kernel_trees["6.12"], bug, tmp_path / "linux"), bug)
    wanted = {mark for mark in marks if mark.startswith(f"{bug.rule}/")}
    assert wanted, sorted(marks)
    assert not bug.entry or any(bug.entry in mark for mark in wanted), sorted(marks)
