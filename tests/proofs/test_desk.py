# SPDX-License-Identifier: GPL-2.0-only
"""Who decides a query: nobody without Z3, and neither a record nor a solver that lies."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from proofs import hard_queries, solvers
from proofs.desk import Desk, Options
from proofs.engine import FAILED, HOLDS, REFUTED, Proof, prove
from proofs.hard_queries import (
    HELPERS,
    HardQuery,
    Record,
    digest_of_goals,
    digest_of_query,
)
from proofs.paths import Path as Run
from proofs.smtlib import smtlib
from proofs.solvers import (
    SAT,
    STRATEGIES,
    UNKNOWN,
    UNSAT,
    Decision,
    SolverFailure,
    Strategy,
    Z3Query,
)
from proofs.terms import less, negate, same, truth, variable
from proofs.together import Together

HEAD = "(set-logic QF_BV)\n(declare-const a (_ BitVec 8))\n(assert (bvult a #x02))\n"
REFUTED_TEXT = f"{HEAD}(assert (bvult #x02 a))\n(check-sat)\n"
HOLDING_TEXT = f"{HEAD}(assert (= a #x01))\n(check-sat)\n"
ON_RECORD = Decision(UNSAT, ("bitwuzla",), on_record=True)
OF_Z3 = Decision(UNSAT, ("z3",))
GOALS = "a lemma: exact: what is less is not the same"

Asked = list[tuple[str, str]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Note who is asked, and by which of Z3's strategies first."""
    noted: Asked = []
    for name, plain in solvers.SOLVERS.items():

        def ask(
            text: str,
            goals: bool,
            first: str,
            name: str = name,
            plain: Callable[[str, bool, str], str] = plain,
        ) -> str:
            noted.append((name, first))
            return plain(text, goals, first)

        monkeypatch.setitem(solvers.SOLVERS, name, ask)
    return noted


def says(monkeypatch: pytest.MonkeyPatch, name: str, answer: str) -> None:
    monkeypatch.setitem(solvers.SOLVERS, name, lambda *_: answer)


def record(text: str, answer: str, way: str, premises: int = 0) -> Record:
    row = HardQuery(answer, way, premises)
    return Record({digest_of_query(text)[: hard_queries.DIGITS]: row})


def decide(
    text: str, known: Record, folder: Path, about: str = GOALS, **options: object
) -> Decision:
    chosen = replace(Options(saved=str(folder)), **options)  # type: ignore[arg-type]
    return Desk(chosen, record=known).decide(text, about)


@pytest.mark.parametrize("way", HELPERS)
def test_the_fastest_solver_confirms_what_z3_has_on_record(
    way: str, asked: Asked, tmp_path: Path
) -> None:
    known = record(REFUTED_TEXT, UNSAT, way)
    assert decide(REFUTED_TEXT, known, tmp_path) == Decision(UNSAT, (way,), on_record=True)
    assert asked == [(way, "")]


@pytest.mark.parametrize("way", [strategy.name for strategy in STRATEGIES])
@pytest.mark.parametrize(("text", "answer"), [(REFUTED_TEXT, UNSAT), (HOLDING_TEXT, SAT)])
def test_a_strategy_on_record_is_tried_first(
    text: str, answer: str, way: str, asked: Asked, tmp_path: Path
) -> None:
    assert decide(text, record(text, answer, way), tmp_path) == Decision(answer, ("z3",))
    assert asked == [("z3", way)]


def test_what_holds_is_always_z3s_to_say(asked: Asked, tmp_path: Path) -> None:
    known = record(HOLDING_TEXT, SAT, "bitwuzla")
    assert decide(HOLDING_TEXT, known, tmp_path) == Decision(SAT, ("z3",))
    assert asked == [("z3", "bitwuzla")]


def test_what_is_no_goal_is_always_z3s_to_say(asked: Asked, tmp_path: Path) -> None:
    known = record(REFUTED_TEXT, UNSAT, "bitwuzla")
    assert decide(REFUTED_TEXT, known, tmp_path, about="") == OF_Z3
    assert {name for name, _ in asked} == {"z3"}


def test_a_row_of_another_query_is_none(asked: Asked, tmp_path: Path) -> None:
    assert decide(REFUTED_TEXT, record(HOLDING_TEXT, SAT, "cvc5"), tmp_path) == OF_Z3
    assert asked == [("z3", "")]


@pytest.mark.parametrize("way", sorted(hard_queries.WAYS))
@pytest.mark.parametrize(("text", "lie"), [(HOLDING_TEXT, UNSAT), (REFUTED_TEXT, SAT)])
def test_a_record_that_lies_is_an_error(text: str, lie: str, way: str, tmp_path: Path) -> None:
    with pytest.raises(SolverFailure, match=rf"the record: {lie}"):
        decide(text, record(text, lie, way), tmp_path)
    (saved,) = tmp_path.iterdir()
    assert saved.read_text(encoding="utf-8") == text


def test_a_solver_that_contradicts_the_record_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    says(monkeypatch, "bitwuzla", SAT)
    with pytest.raises(SolverFailure, match=r"the record: unsat, bitwuzla: sat, z3: unsat"):
        decide(REFUTED_TEXT, record(REFUTED_TEXT, UNSAT, "bitwuzla"), tmp_path)


def test_a_solver_that_gives_up_costs_time_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    says(monkeypatch, "bitwuzla", UNKNOWN)
    known = record(REFUTED_TEXT, UNSAT, "bitwuzla")
    assert decide(REFUTED_TEXT, known, tmp_path) == OF_Z3
    says(monkeypatch, "z3", UNKNOWN)
    assert decide(REFUTED_TEXT, known, tmp_path).answer == UNKNOWN


def test_neither_the_record_nor_a_solver_alone_hides_what_z3_finds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A solver says of everything that it cannot hold: believed only with Z3 on record."""
    says(monkeypatch, "bitwuzla", UNSAT)
    assert decide(HOLDING_TEXT, Record(), tmp_path) == Decision(SAT, ("z3",))
    known = record(HOLDING_TEXT, SAT, "bitwuzla")
    assert decide(HOLDING_TEXT, known, tmp_path) == Decision(SAT, ("z3",))


@pytest.mark.parametrize("way", HELPERS)
def test_a_solver_that_is_missing_costs_time_only(
    way: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plain = builtins.__import__

    def without(name: str, *rest: object) -> ModuleType:
        if name == way:
            raise ModuleNotFoundError(f"No module named '{way}'")
        return plain(name, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    assert decide(REFUTED_TEXT, record(REFUTED_TEXT, UNSAT, way), tmp_path) == OF_Z3


@pytest.mark.parametrize("way", sorted(hard_queries.WAYS))
def test_z3_alone_is_z3_alone(way: str, asked: Asked, tmp_path: Path) -> None:
    """Not even a record that lies has a say; a strategy of its own may be tried first."""
    for text, answer in ((REFUTED_TEXT, UNSAT), (HOLDING_TEXT, SAT)):
        for claimed in (SAT, UNSAT):
            known = record(text, claimed, way)
            assert decide(text, known, tmp_path, alone=True) == Decision(answer, ("z3",))
    assert {name for name, _ in asked} == {"z3"}


def test_of_several_each_is_asked_whatever_is_on_record(asked: Asked, tmp_path: Path) -> None:
    three = ("z3", "bitwuzla", "cvc5")
    known = record(REFUTED_TEXT, UNSAT, "bitwuzla")
    assert decide(REFUTED_TEXT, known, tmp_path, solvers=three) == Decision(UNSAT, three)
    assert [name for name, _ in asked] == list(three)


def test_answers_of_z3_alone_are_kept_apart() -> None:
    alone, helped = Options(alone=True).identity, Options().identity
    assert alone != helped
    assert alone == solvers.versions(("z3",))
    assert hard_queries.shipped().digest[:16] in helped
    assert Options(("z3", "cvc5")).identity == solvers.versions(("z3", "cvc5"))


# Parts of queries

HEAD_OF_MORE = HEAD.replace("(assert", "(assert (bvult a #xf0))\n(assert")
MORE = f"{HEAD_OF_MORE}(assert (bvult #x02 a))\n(check-sat)\n"
"""Of its two premises the second one is enough."""
ENOUGH, TOO_FEW = 0b10, 0b01


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Note who is asked, and how many assertions there are."""
    noted: list[tuple[str, int]] = []
    plain = solvers.ask

    def ask(name: str, text: str, goals: bool = False, first: str = "") -> str:
        noted.append((name, text.count("(assert")))
        return plain(name, text, goals, first)

    monkeypatch.setattr(solvers, "ask", ask)
    return noted


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("way", sorted(hard_queries.WAYS))
def test_what_refutes_a_part_refutes_the_whole(
    way: str, alone: bool, sizes: list[tuple[str, int]], tmp_path: Path
) -> None:
    decided = decide(MORE, record(MORE, UNSAT, way, ENOUGH), tmp_path, alone=alone)
    helper = "" if alone or way not in HELPERS else way
    assert decided == Decision(UNSAT, (helper or "z3",), on_record=bool(helper))
    assert sizes == [(helper or "z3", 2)]


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("way", sorted(hard_queries.WAYS))
def test_premises_that_do_not_suffice_cost_time_only(
    way: str, alone: bool, sizes: list[tuple[str, int]], tmp_path: Path
) -> None:
    decided = decide(MORE, record(MORE, UNSAT, way, TOO_FEW), tmp_path, alone=alone)
    helper = "" if alone or way not in HELPERS else way
    assert decided == Decision(UNSAT, (helper or "z3",), on_record=bool(helper))
    assert sizes == [(helper or "z3", 2), (helper or "z3", 3)]


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("premises", range(8))
@pytest.mark.parametrize("way", sorted(hard_queries.WAYS))
def test_no_premises_on_record_refute_what_holds(
    way: str, premises: int, alone: bool, tmp_path: Path
) -> None:
    text = f"{HEAD_OF_MORE}(assert (= a #x01))\n(check-sat)\n"
    known = record(text, UNSAT, way, premises)
    if alone:
        assert decide(text, known, tmp_path, alone=True) == Decision(SAT, ("z3",))
        return
    with pytest.raises(SolverFailure, match=r"the record: unsat, .*z3: sat"):
        decide(text, known, tmp_path)


def test_of_several_each_is_asked_the_whole(sizes: list[tuple[str, int]], tmp_path: Path) -> None:
    three = ("z3", "bitwuzla", "cvc5")
    decide(MORE, record(MORE, UNSAT, "bitwuzla", ENOUGH), tmp_path, solvers=three)
    assert sizes == [(name, 3) for name in three]


# Parts that are likely to suffice


def likely(text: str, premises: int) -> Record:
    return Record(likely={digest_of_goals(GOALS, text): premises})


Attempts = list[tuple[str, int, str]]


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> Attempts:
    """Note how Z3 is asked, about how many assertions, and what it says; its core gives up."""
    noted: Attempts = []
    plain = Z3Query.attempt

    def attempt(query: Z3Query, strategy: Strategy) -> str:
        core = strategy == STRATEGIES[0]
        answer = UNKNOWN if core else plain(query, strategy)
        noted.append((strategy.name, query.text.count("(assert"), answer))
        return answer

    monkeypatch.setattr(Z3Query, "attempt", attempt)
    return noted


@pytest.mark.parametrize("alone", [False, True])
def test_what_sufficed_for_others_like_it_is_tried_early(
    alone: bool, attempts: Attempts, tmp_path: Path
) -> None:
    assert decide(MORE, likely(MORE, ENOUGH), tmp_path, alone=alone) == OF_Z3
    assert attempts == [("z3-cases", 2, UNSAT)]


EASY = [
    truth(less(variable("a", 8), 240)),
    truth(less(variable("a", 8), 2)),
    truth(less(2, variable("a", 8))),
]


@pytest.mark.parametrize(("soon", "parts"), [(UNSAT, 0), (UNKNOWN, 1)])
def test_what_is_easy_is_not_asked_in_part(
    soon: str, parts: int, monkeypatch: pytest.MonkeyPatch, attempts: Attempts, tmp_path: Path
) -> None:
    text = smtlib(EASY)
    if soon == UNKNOWN:
        monkeypatch.setattr(Together, "soon", lambda *_: soon)
    desk = Desk(Options(saved=str(tmp_path)), record=likely(text, ENOUGH))
    assert desk.decide(text, GOALS, EASY) == OF_Z3
    assert attempts == [("z3-cases", 2, UNSAT)] * parts


def test_what_did_not_suffice_costs_time_only(attempts: Attempts, tmp_path: Path) -> None:
    assert decide(MORE, likely(MORE, TOO_FEW), tmp_path) == OF_Z3
    assert attempts == [("z3-cases", 2, SAT), ("z3-core", 3, UNKNOWN), ("z3-bits", 3, UNSAT)]


@pytest.mark.parametrize("premises", range(1, 8))
def test_no_premises_that_are_likely_refute_what_holds(
    premises: int, attempts: Attempts, tmp_path: Path
) -> None:
    text = f"{HEAD_OF_MORE}(assert (= a #x01))\n(check-sat)\n"
    assert decide(text, likely(text, premises), tmp_path) == Decision(SAT, ("z3",))
    assert attempts[-1] == ("z3-bits", 3, SAT)


@pytest.mark.parametrize("known", [likely(MORE, ENOUGH), Record()])
def test_what_is_no_goal_is_asked_as_a_whole(
    known: Record, attempts: Attempts, tmp_path: Path
) -> None:
    assert decide(MORE, known, tmp_path, about="") == OF_Z3
    assert {count for _, count, _ in attempts} == {3}


def test_a_part_that_is_likely_is_asked_of_no_other_solver(
    sizes: list[tuple[str, int]], tmp_path: Path
) -> None:
    three = ("z3", "bitwuzla", "cvc5")
    assert decide(MORE, likely(MORE, ENOUGH), tmp_path, solvers=three) == Decision(UNSAT, three)
    assert sizes == [(name, 3) for name in three]


# Lemmas


def lemma(path: Run) -> None:
    one, other = path.fresh("one", 8), path.fresh("other", 8)
    path.assume(less(one, other))
    path.prove("exact", "what is less is not the same", negate(same(one, other)))
    path.prove("result", "what is less is 0", same(one, 0))


class Everything(Mapping[str, HardQuery]):
    """Says the same of every query."""

    def __init__(self, row: HardQuery) -> None:
        self.row = row

    def __getitem__(self, key: str) -> HardQuery:
        return self.row

    def __iter__(self) -> object:  # type: ignore[override]
        raise NotImplementedError

    def __len__(self) -> int:
        return 1


def proved(row: HardQuery, folder: Path) -> Proof:
    desk = Desk(Options(saved=str(folder)), record=Record(Everything(row)))
    return prove("lemma", lemma, desk, ("exact", "result"))


def test_a_record_that_calls_everything_refuted_proves_nothing(tmp_path: Path) -> None:
    for way in sorted(hard_queries.WAYS):
        assert proved(HardQuery(UNSAT, way), tmp_path).verdict == FAILED


def test_who_decided_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = prove("lemma", lemma, Desk(Options(), record=Record()), ("exact", "result"))
    assert {name: found.verdict for name, found in plain.clauses.items()} == {
        "exact": HOLDS,
        "result": REFUTED,
    }
    assert [found.decided for found in plain.clauses.values()] == [{"z3": 1}, {"z3": 1}]
    assert [found.on_record for found in plain.clauses.values()] == [0, 0]
    path_is_taken = Decision(SAT, ("z3",))
    decisions = [path_is_taken, ON_RECORD]
    monkeypatch.setattr(Desk, "solve", lambda *_: decisions.pop(0))
    helped = prove("lemma", lemma, Desk(Options(), record=Record()), ("exact", "result"))
    assert helped.verdict == HOLDS
    assert [found.decided for found in helped.clauses.values()] == [{"bitwuzla": 1}] * 2
    assert [found.on_record for found in helped.clauses.values()] == [1, 1]
