# SPDX-License-Identifier: GPL-2.0-only
"""Certificates: of a share of the refutations, by a checker that another one agrees with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import dratify
import pytest

from proofs import bitblast, drat, solvers
from proofs.certificates import Certificates, wanted
from proofs.desk import Desk, Options
from proofs.drat import CheckedProof
from proofs.engine import FAILED, HOLDS, REFUTED, VACUOUS, Proof, prove
from proofs.paths import Path
from proofs.runner import ProofTask, carry_out
from proofs.solvers import UNSAT, Decision
from proofs.terms import FALSE, Term, less, negate, same, truth, variable
from proofs.together import Together

EVERY = Options(certify=1.0)
KEYS = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(4_000)]


def program(path: Path) -> None:
    one = path.fresh("one", 8)
    path.show("one", one)
    if path.branch(less(one, 10)):
        path.prove("exact", "below ten", less(one, 11))
        path.prove("result", "below twenty", less(one, 20))
        path.prove("result", "never five", negate(same(one, 5)))
    elif path.branch(less(one, 10)):
        path.prove("exact", "never reached", FALSE)
    else:
        path.prove("exact", "ten or above", negate(less(one, 10)))


def proved(options: Options) -> Proof:
    return prove("lemma", program, Desk(options))


def test_every_goal_that_holds_is_certified_and_no_other() -> None:
    exact, result = proved(EVERY).clauses["exact"], proved(EVERY).clauses["result"]
    assert (exact.verdict, exact.goals, exact.certified) == (HOLDS, 2, 2)
    assert (result.verdict, result.goals, result.certified) == (REFUTED, 2, 1)


def test_without_a_share_no_sat_solver_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(bitblast, "refute", never)
    assert {clause.certified for clause in proved(Options()).clauses.values()} == {0}


def test_a_larger_share_has_all_of_a_smaller_one() -> None:
    chosen = [{key for key in KEYS if wanted(key, share)} for share in (0.0, 0.1, 0.25, 1.0)]
    assert chosen[0] == set() and chosen[3] == set(KEYS)
    assert chosen[1] < chosen[2]
    assert 0.08 < len(chosen[1]) / len(KEYS) < 0.12 and 0.22 < len(chosen[2]) / len(KEYS) < 0.28


def test_a_solver_that_refutes_what_holds_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Together, "soon", lambda *_: UNSAT)
    # All paths are then taken for impossible: without a certificate nothing is shown of anything.
    found = prove("lemma", program, Desk(Options()), ("exact",))
    assert found.clauses["exact"].verdict == VACUOUS
    found = prove("lemma", program, Desk(EVERY), ("exact",))
    assert found.verdict == FAILED
    assert "solvers disagree" in found.clauses["exact"].reason


def test_a_goal_refuted_wrongly_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Desk.solve

    def solve(desk: Desk, text: str, key: str, about: str, assertions: Sequence[Term]) -> Decision:
        return Decision(UNSAT) if about else honest(desk, text, key, about, assertions)

    monkeypatch.setattr(Desk, "solve", solve)
    assert proved(Options()).clauses["result"].verdict == HOLDS
    assert proved(EVERY).clauses["result"].verdict == FAILED


SMALLER_BOTH_WAYS = [
    truth(less(variable("one", 8), variable("other", 8))),
    truth(less(variable("other", 8), variable("one", 8))),
]


@pytest.mark.parametrize("bad", [["0"], ["7 0", "0"], ["no proof"]])
def test_a_certificate_that_proves_nothing_is_no_pass(
    monkeypatch: pytest.MonkeyPatch, bad: list[str]
) -> None:
    assert Certificates(1.0).certify(KEYS[0], SMALLER_BOTH_WAYS)
    monkeypatch.setattr(bitblast, "proof_of", lambda _: bad)
    with pytest.raises(solvers.SolverFailure, match="certificate of cadical153"):
        Certificates(1.0).certify(KEYS[0], SMALLER_BOTH_WAYS)


def test_what_has_no_clauses_has_no_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: object) -> None:
        raise bitblast.NoClauses

    monkeypatch.setattr(bitblast, "refute", none)
    assert not Certificates(1.0).certify(KEYS[0], SMALLER_BOTH_WAYS)


def test_another_checker_accepts_every_certificate_of_a_lemma(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checked = []
    ours = drat.check

    def both(clauses: Iterable[Sequence[int]], lines: Iterable[str]) -> CheckedProof:
        found, proof = list(clauses), list(lines)
        formula = dratify.CNF()
        for clause in found:
            formula.add_dimacs(clause)
        assert dratify.check_proof(formula, "\n".join(proof), engine="python").ok
        checked.append(len(proof))
        return ours(found, proof)

    monkeypatch.setattr(drat, "check", both)
    task = ProofTask("table", "mips32-64k", only=("kvm_mips_pte_for_gpa", "kvm_unmap_gfn_range"))
    found = carry_out(task, EVERY)
    assert {proof.verdict for proof in found} == {HOLDS}
    clauses = [clause for proof in found for clause in proof.clauses.values()]
    assert [clause.certified for clause in clauses] == [clause.goals for clause in clauses]
    assert len(checked) > 3 and max(checked) > 10


def test_neither_checker_accepts_a_proof_that_says_nothing() -> None:
    clauses = bitblast.clauses_of(SMALLER_BOTH_WAYS)
    formula = dratify.CNF()
    for clause in clauses:
        formula.add_dimacs(clause)
    assert not dratify.check_proof(formula, "0", engine="python").ok
    with pytest.raises(drat.ProofError):
        drat.check(clauses, ["0"])
