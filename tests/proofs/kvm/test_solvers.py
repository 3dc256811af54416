# SPDX-License-Identifier: GPL-2.0-only
"""Three solvers agree on what is proved of the repaired tree, and what is hard is asked in part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from proofs import solvers
from proofs.desk import Desk, Options
from proofs.engine import FAILED, HOLDS
from proofs.kernel_runner import LemmaStore
from proofs.solvers import OF_PARTS, SAT, UNSAT, Decision, Strategy, Z3Query
from tests.proofs.c.edits import REPAIRS, Edit, edited
from tests.proofs.kvm.test_repaired import failing, session, titles

THREE = ("z3", "cvc5", "bitwuzla")
DIRECTORIES = ("kvm_mips_flush_gpa_", "kvm_mips_pte_for_gpa")
"""How the functions begin that walk, and that flush one table of each level."""
ROOT_AND_LEAF = ("kvm_mips_flush_gpa_pgd", "kvm_mips_flush_gpa_pte", "kvm_mips_pte_for_gpa")


@pytest.fixture(scope="session")
def repaired(kernel_trees: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give Linux 6.12 with all that is broken repaired."""
    return edited(kernel_trees["6.12"], REPAIRS, tmp_path_factory.mktemp("solvers") / "linux")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layout", "beginnings"),
    [
        ("mips32-64k", ("kvm_mips_flush_gpa_", "kvm_mips_pte_for_gpa", "kvm_unmap", "kvm_arch")),
        ("mips64-4k", DIRECTORIES),
        ("mips64-4k-va48", ROOT_AND_LEAF),
        pytest.param("mips64-4k-va48", DIRECTORIES, marks=pytest.mark.thorough),
        pytest.param("mips32-64k", ("",), marks=pytest.mark.thorough),
        pytest.param("mips64-4k", ("",), marks=pytest.mark.thorough),
    ],
)
def test_three_solvers_agree(
    repaired: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    layout: str,
    beginnings: tuple[str, ...],
) -> None:
    asked: Counter[str] = Counter()
    ask = solvers.ask

    def counted(name: str, text: str, goals: bool, first: str) -> str:
        asked[name] += 1
        return ask(name, text, goals, first)

    monkeypatch.setattr(solvers, "ask", counted)
    of = session(repaired, layout, LemmaStore(None), Options(solvers=THREE, saved=str(tmp_path)))
    chosen = [title for title in titles(of) if title.startswith(beginnings)]
    proof = of.run(chosen)
    assert [one.title for one in proof.proved] == chosen
    assert failing(proof) == set()
    assert list(tmp_path.iterdir()) == [], "a query on which they disagree is written down"
    assert set(asked) == set(THREE)
    assert len(set(asked.values())) == 1


def test_a_solver_that_says_something_else_makes_an_error(
    repaired: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = solvers.ask
    monkeypatch.setattr(
        solvers, "ask", lambda name, *query: SAT if name == "cvc5" else ask(name, *query)
    )
    options = Options(solvers=THREE, saved=str(tmp_path))
    of = session(repaired, "mips32-64k", LemmaStore(None), options)
    (one,) = of.run(["kvm_mips_flush_gpa_pt"]).proved
    assert one.proof.verdict == FAILED
    assert list(tmp_path.glob("disagreement-*.smt2"))


FLUSH = "kvm_mips_flush_gpa_pmd"
REWRITTEN = Edit("the loop ends elsewhere", FLUSH, "i <= i_max", "i < i_max + 1")


@pytest.mark.slow
def test_what_is_hard_of_an_edited_function_is_refuted_in_part(
    kernel_trees: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The edit leaves no query of the function on record, and as many premises as there were."""
    asked: list[tuple[str, int, int, str]] = []
    sizes: list[int] = []
    attempt, solve = Z3Query.attempt, Desk.solve

    def solved(desk: Desk, text: str, *query: Any) -> Decision:
        sizes.append(text.count("(assert "))
        return solve(desk, text, *query)

    def noted(query: Z3Query, strategy: Strategy) -> str:
        answer = attempt(query, strategy)
        if query.goals:
            asked.append((strategy.name, query.text.count("(assert "), sizes[-1], answer))
        return answer

    monkeypatch.setattr(Desk, "solve", solved)
    monkeypatch.setattr(Z3Query, "attempt", noted)
    tree = edited(kernel_trees["6.12"], [REWRITTEN], tmp_path / "linux")
    (one,) = session(tree, "mips64-4k", LemmaStore(None)).run([FLUSH]).proved
    assert one.proof.verdict == HOLDS
    assert len(asked) >= 3, "what was hard is not asked here"
    for way, part, whole, answer in asked:
        assert (way, answer) == (OF_PARTS.name, UNSAT)
        assert part < whole / 2
