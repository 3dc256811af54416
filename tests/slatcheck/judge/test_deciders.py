# SPDX-License-Identifier: GPL-2.0-only
"""Reports count who decided what, and 'z3' alone is Z3 alone."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from proofs import hard_queries, solvers
from proofs.desk import Options
from proofs.engine import ClauseResult
from proofs.solvers import SAT, UNSAT, Decision, versions
from slatcheck import cli
from slatcheck.document.result import Check, Verdict
from slatcheck.judge.deciders import notes_of_solvers, of_clause

SMALL = "mips32-64k"


def check(**fields: Any) -> Check:
    return Check("c/f/exact", "proof-c", SMALL, "f", Verdict.HOLDS, **fields)


def test_a_check_names_who_decided_it() -> None:
    clause = ClauseResult("exact", goals=5)
    assert of_clause(clause, Options())["solver"] == versions(("z3",))
    clause.count(Decision(UNSAT, ("z3",)), 2)
    clause.count(Decision(UNSAT, ("cvc5",), on_record=True), 2)
    clause.count(Decision(SAT, ("z3",)))
    assert of_clause(clause, Options()) == {
        "solver": f"{versions(('z3', 'cvc5'))}, z3 on record",
        "decided": {"z3": 3, "cvc5": 2},
        "on_record": 2,
        "certified": 0,
    }


def test_a_note_has_the_sums() -> None:
    checks = [
        check(decided={"z3": 1_000, "cvc5": 1}, on_record=1, cases=1_001),
        check(decided={"z3": 5, "bitwuzla": 3}, on_record=3, cases=9, certified=2),
        check(),
    ]
    assert notes_of_solvers(checks, Options()) == [
        "decided: 1,005 by z3, 1 by cvc5, 3 by bitwuzla, 4 of them with z3 on record; "
        "see docs/proof.md"
    ]
    assert notes_of_solvers([check(decided={"z3": 2})], Options()) == [
        "decided: 2 by z3; see docs/proof.md"
    ]
    assert notes_of_solvers([check()], Options()) == []
    (_, certified) = notes_of_solvers(checks, Options(certify=0.5))
    assert certified.startswith("certified: 2 of 1,010 obligations")


@pytest.fixture
def proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Any:  # a function of further arguments
    """Give a function that proves a layout, nothing kept, and returns the report."""
    monkeypatch.setenv("SLATCHECK_CACHE", str(tmp_path))

    def run(*more: str) -> Any:
        asked = ["prove", "--layout", SMALL, "--jobs", "1", "--format", "json", *more]
        status = cli.run(asked)
        return status, json.loads(capsys.readouterr().out)

    return run


def sums(found: Any) -> tuple[Counter[str], int]:
    decided: Counter[str] = Counter()
    for one in found["checks"]:
        decided.update(one["decided"])
    return decided, sum(one["on_record"] for one in found["checks"])


def test_the_report_says_what_rests_on_the_record(proved: Any) -> None:
    status, found = proved()
    assert status == 0
    decided, on_record = sums(found)
    assert on_record > 0
    assert decided.total() - decided["z3"] == on_record
    assert decided.total() <= sum(one["cases"] for one in found["checks"])
    (note,) = [note for note in found["notes"] if note.startswith("decided: ")]
    assert f"{decided['z3']:,} by z3" in note
    assert f"{on_record:,} of them with z3 on record" in note
    for one in found["checks"]:
        assert ("z3 on record" in one["solver"]) == (one["on_record"] > 0)
    # What is kept of it is not taken for the word of Z3 alone, which is asked now.
    status, alone = proved("--solver", "z3")
    assert status == 0
    assert set(sums(alone)[0]) == {"z3"}
    assert sums(alone)[1] == 0
    answers = [(one["id"], one["verdict"], one["cases"]) for one in found["checks"]]
    assert [(one["id"], one["verdict"], one["cases"]) for one in alone["checks"]] == answers


@pytest.mark.thorough
def test_of_three_each_decides_all(proved: Any) -> None:
    _, found = proved("--solver", "z3,bitwuzla,cvc5")
    decided, on_record = sums(found)
    assert on_record == 0
    assert set(decided) == {"z3", "bitwuzla", "cvc5"}
    assert len(set(decided.values())) == 1


def test_a_solver_that_lies_is_an_error(
    proved: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever is fastest says that hard queries hold: that is no pass, and no refutation."""
    monkeypatch.chdir(tmp_path)
    for name in hard_queries.HELPERS:
        monkeypatch.setitem(solvers.SOLVERS, name, lambda *_: SAT)
    status, found = proved()
    assert status == 4
    assert found["verdict"] == "error"
    assert any("solvers disagree (the record: unsat" in one["reason"] for one in found["checks"])
