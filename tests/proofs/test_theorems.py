# SPDX-License-Identifier: GPL-2.0-only
"""The list of theorems is what the lemmas decide: nothing is missing, nothing is hidden."""

from __future__ import annotations

import pytest

from model.ports import layout
from model.ports.mips.functions import FUNCTIONS
from proofs.desk import Options
from proofs.lemmas.ranges import RANGES
from proofs.ports import TABLES
from proofs.ports.mips.table_lemmas import ENTRY_CLAUSES, lemmas
from proofs.runner import ProofTask, carry_out, tasks_of
from proofs.theorems import ASSUMPTIONS, CLAUSES, MAP_STATEMENTS, theorems
from tests.mips import layouts, permitted_layouts


@pytest.mark.parametrize("name", ["mips32-64k", "mips64-64k-va48"])
def test_every_clause_is_decided_and_every_decision_is_listed(name: str) -> None:
    for task in tasks_of(layout(name)):
        for proof in carry_out(task, Options()):
            function = proof.name.partition("@")[0]
            assert set(proof.clauses) == set(ENTRY_CLAUSES[function]), proof.name
            assert proof.verdict == "holds", proof
            assert proof.paths > 0


def test_statements() -> None:
    assert all(MAP_STATEMENTS.values())
    assert all(what for _, what in ASSUMPTIONS)
    used = {
        clause
        for port in TABLES.values()
        for clauses in port.clauses.values()
        for clause in clauses
    }
    assert used == set(CLAUSES)


@pytest.mark.parametrize("one", layouts(), ids=str)
def test_theorems_of_a_layout(one: object) -> None:
    found = theorems(one)  # type: ignore[arg-type]
    assert len({theorem.id for theorem in found}) == len(found)
    functions = {theorem.function for theorem in found}
    assert {FUNCTIONS[kind] for kind, _ in RANGES} <= functions
    levels = [level.name for level in one.tables]  # type: ignore[attr-defined]
    assert {f"kvm_mips_flush_gpa_{level}" for level in levels} <= functions


def test_layouts_that_share_a_geometry_share_their_proofs() -> None:
    tasks = {task for one in permitted_layouts() for task in tasks_of(one)}
    tables = [task for task in tasks if task.scope == "table"]
    assert 10 < len(tables) < len(permitted_layouts())
    assert tasks_of(layout("mips64-4k"))[0] == tasks_of(layout("mips64-4k-huge"))[0]
    assert tasks_of(layout("mips64-4k"))[1] != tasks_of(layout("mips64-4k-huge"))[1]
    assert ProofTask("table", "mips64-4k") in tables


def test_lemmas_have_names_of_their_own() -> None:
    for one in permitted_layouts():
        names = [lemma.name for lemma in lemmas(one)]
        assert len(set(names)) == len(names)
