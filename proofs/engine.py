# SPDX-License-Identifier: GPL-2.0-only
"""Carries out lemmas: explores their paths, asks the solvers, and says what became of each clause.

Knows no front end and no page table. A clause holds when every one of its goals is refuted
negated on every path that can be taken; at least one path must be, and nothing that a rule
assumes may rule out what was possible before it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path as File
from time import perf_counter

from proofs.desk import Desk
from proofs.hard_queries import digest_of_query
from proofs.paths import Checkpoint, Goal, Mismatch, Path, Query, Unsupported, explore
from proofs.smtlib import smtlib
from proofs.solvers import SAT, UNKNOWN, UNSAT, Decision, SolverFailure, Z3Query
from proofs.terms import BOOL, FALSE, Term, Truth, agree, either, negate, same, truth, variable

HOLDS, REFUTED, OPEN, VACUOUS, UNSUPPORTED, FAILED = (
    "holds",
    "refuted",
    "unknown",
    "vacuous",
    "unsupported",
    "error",
)
_WORST = (FAILED, REFUTED, OPEN, UNSUPPORTED, VACUOUS, HOLDS)


NOT_REACHED = "not reached: an earlier promise fails"
"""Why a clause is unknown where every path that would come to it ends in a failure."""

NOBODY = Decision(UNSAT)
"""What follows from premises that are false as they stand."""
NESTING = 20_000
"""Python's limit on recursion while terms are built; a table filled piece by piece nests deep."""


@dataclass
class ClauseResult:
    """What became of one promise of one function: its verdict and what it rests on.

    ``values`` are those of the first counterexample, by name; a number that is none of the
    function's operands is named ``at ...`` and is a frame that matters in it. ``mismatch`` says
    that the reason is an invariant that does not fit: runs may still tell. ``certified`` of its
    ``goals`` were refuted, negated, with a certificate that was checked. ``decided`` says of each
    solver of how many it gave the answer, and of ``on_record`` of these Z3's word is on record.
    """

    name: str
    verdict: str = HOLDS
    reason: str = ""
    goals: int = 0
    certified: int = 0
    queries: int = 0
    seconds: float = 0.0
    statements: list[str] = field(default_factory=list)
    values: dict[str, int] = field(default_factory=dict)
    mismatch: bool = False
    decided: dict[str, int] = field(default_factory=dict)
    on_record: int = 0

    def becomes(self, verdict: str, reason: str, mismatch: bool = False) -> None:
        """Take a worse verdict, with its reason; the worst one stays."""
        if _WORST.index(verdict) < _WORST.index(self.verdict):
            self.verdict, self.reason, self.mismatch = verdict, reason, mismatch

    def count(self, decision: Decision, goals: int = 1) -> None:
        """Note who decided some of its goals."""
        for name in decision.solvers:
            self.decided[name] = self.decided.get(name, 0) + goals
        self.on_record += goals if decision.on_record else 0


@dataclass
class Proof:
    """What became of one lemma."""

    name: str
    clauses: dict[str, ClauseResult]
    paths: int = 0
    queries: int = 0
    seconds: float = 0.0
    consulted: tuple[str, ...] = ()
    reason: str = ""

    @property
    def verdict(self) -> str:
        """The worst verdict of its clauses; of none it is vacuous, or unsupported with a reason."""
        found = {clause.verdict for clause in self.clauses.values()}
        if self.reason and not found & {OPEN, UNSUPPORTED}:
            found.add(UNSUPPORTED)
        return next((verdict for verdict in _WORST if verdict in found), VACUOUS)


def prove(
    name: str, program: Callable[[Path], None], desk: Desk, promised: Iterable[str] = ()
) -> Proof:
    """Carry out one lemma. Every clause in ``promised`` must have a goal on a path taken."""
    begun = perf_counter()
    proof = Proof(name, {clause: ClauseResult(clause) for clause in promised})
    sys.setrecursionlimit(max(sys.getrecursionlimit(), NESTING))
    try:
        paths = explore(program, keep=True)
    except (Unsupported, RecursionError) as reason:
        _not_understood(proof, reason)
        return proof
    except Exception as failure:  # whatever a program raises, or makes this room raise
        return _failed(proof, f"{type(failure).__name__}: {failure}")
    asked = desk.asked
    desk.lemma()
    try:
        _decide(proof, paths, desk)
    except SolverFailure as failure:
        _failed(proof, str(failure))
    except Exception as failure:
        _failed(proof, f"{type(failure).__name__}: {failure}")
    proof.paths, proof.queries = len(paths), desk.asked - asked
    proof.seconds = perf_counter() - begun
    return proof


def _not_understood(proof: Proof, trouble: Exception) -> None:
    """Mark every clause as undecided; where an invariant does not fit, it may still hold."""
    mismatch = isinstance(trouble, Mismatch)
    proof.reason = str(trouble)
    for clause in proof.clauses.values():
        clause.becomes(OPEN if mismatch else UNSUPPORTED, proof.reason, mismatch)


def _failed(proof: Proof, reason: str) -> Proof:
    """Mark every clause as failed: the tool, not the program, came to an end."""
    if not proof.clauses:
        proof.clauses["exact"] = ClauseResult("exact")
    for clause in proof.clauses.values():
        clause.becomes(FAILED, reason)
    return proof


def _decide(proof: Proof, paths: list[Path], desk: Desk) -> None:
    taken = [path for path in paths if _is_taken(proof, path, desk)]
    claimed = {clause for path in taken for clause, _ in path.claims}
    # In order: the clauses of a lemma come out alike in every process.
    for name in sorted(claimed - set(proof.clauses)):
        proof.clauses[name] = ClauseResult(name)
    for path in taken:
        if path.trouble is not None:
            _not_understood(proof, path.trouble)
    for clause in proof.clauses.values():
        if clause.name in claimed or any(path.trouble for path in taken):
            continue
        if any(path.stopped for path in taken):
            clause.becomes(OPEN, NOT_REACHED)
        else:
            clause.becomes(VACUOUS, "nothing was to be shown on any path that can be taken")
    for query in dict.fromkeys(query for path in paths for query in path.queries):
        _settle(proof, query, desk)


def _is_taken(proof: Proof, path: Path, desk: Desk) -> bool:
    """Return whether the path can be taken; mark clauses whose premises a rule made impossible."""
    answer = _satisfiable(path.whole, desk)
    if answer == SAT:
        return True
    if answer == UNKNOWN:
        for clause, _ in sorted(path.claims):
            reason = "the solver gave up on whether a path can be taken"
            proof.clauses.setdefault(clause, ClauseResult(clause)).becomes(OPEN, reason)
        return True
    before: Checkpoint | None = None
    for spot in path.checkpoints:
        if _satisfiable(path.hypotheses(spot), desk) != SAT:
            if spot.assumed and before is not None:
                for clause, _ in sorted(path.claims):
                    reason = f"what is assumed {spot.place} contradicts itself"
                    proof.clauses.setdefault(clause, ClauseResult(clause)).becomes(VACUOUS, reason)
            break
        before = spot
    return False


def _satisfiable(premises: tuple[Term, ...], desk: Desk) -> str:
    if FALSE in premises:
        return UNSAT
    text = desk.text(premises)
    answer = desk.decide(text, assertions=premises).answer
    if answer == UNSAT:
        desk.certified(text, premises)
    return answer


def _settle(proof: Proof, query: Query, desk: Desk) -> None:
    begun = perf_counter()
    for goal in query.goals:
        clause = proof.clauses.setdefault(goal.clause, ClauseResult(goal.clause))
        clause.goals += 1
        clause.queries += 1
        if goal.statement not in clause.statements:
            clause.statements.append(goal.statement)
    # Of a clause that is refuted there is nothing more to be found out.
    goals = tuple(goal for goal in query.goals if not _refuted(proof, goal))
    if not goals:
        return
    left = replace(query, goals=goals)
    refutation = left.refutation
    text = desk.text(refutation)
    _emit(proof, text, desk)
    made = NOBODY if FALSE in left.premises else desk.decide(text, _about(proof, goals), refutation)
    share = (perf_counter() - begun) / len(goals)
    for goal in goals:
        proof.clauses[goal.clause].seconds += share
    if made.answer != UNSAT:
        _apart(proof, left, desk)
        return
    certified = desk.certified(text, refutation)
    for goal in goals:
        proof.clauses[goal.clause].certified += certified
        proof.clauses[goal.clause].count(made)


def _about(proof: Proof, goals: Iterable[Goal]) -> str:
    """Return what a query of some goals is about, in words that other layouts have as well."""
    return f"{proof.name}: " + "; ".join(f"{goal.clause}: {goal.statement}" for goal in goals)


def _refuted(proof: Proof, goal: Goal) -> bool:
    return proof.clauses[goal.clause].verdict == REFUTED


def _apart(proof: Proof, query: Query, desk: Desk) -> None:
    """Decide the goals of a query that does not hold as a whole: by clause, then one by one."""
    groups: dict[str, list[Goal]] = {}
    for goal in query.goals:
        groups.setdefault(goal.clause, []).append(goal)
    for goals in groups.values():
        some = [*query.premises, truth(either(*[negate(goal.term) for goal in goals]))]
        text = smtlib(some) if len(goals) > 1 else ""
        made = desk.decide(text, _about(proof, goals), some) if text else None
        if made is not None and made.answer == UNSAT:
            clause = proof.clauses[goals[0].clause]
            clause.certified += len(goals) * desk.certified(text, some)
            clause.count(made, len(goals))
            continue
        for goal in goals:
            if not _refuted(proof, goal):
                _single(proof, query, goal, desk)


def _values(query: Query, premises: tuple[Term, ...]) -> dict[str, int]:
    """Return what the watched terms are in a model of ``premises``."""
    named = [(name, term, f"watched {n}") for n, (name, term) in enumerate(query.watch)]
    told = [truth(_is(variable(alias, term.width), term)) for _, term, alias in named]
    asked = Z3Query(smtlib([*premises, *told]))
    if asked.check() != SAT:
        return {}
    return {name: asked.value(alias, term.width) for name, term, alias in named}


def _single(proof: Proof, query: Query, goal: Goal, desk: Desk) -> None:
    """Decide one goal by itself."""
    clause = proof.clauses[goal.clause]
    premises = (*query.premises, truth(negate(goal.term)))
    text = smtlib(premises)
    made = NOBODY if FALSE in premises else desk.decide(text, _about(proof, [goal]), premises)
    if made.answer == UNKNOWN:
        clause.becomes(OPEN, f"the solver gave up on '{goal.statement}'")
        return
    clause.count(made)
    if made.answer == UNSAT:
        clause.certified += desk.certified(text, premises)
    elif made.answer == SAT:
        if not clause.values:
            clause.values = _values(query, premises)
        clause.becomes(REFUTED, f"'{goal.statement}' does not follow")


def _is(alias: Term, term: Term) -> Truth:
    return agree(alias, term) if term.width == BOOL else same(alias, term)


def _emit(proof: Proof, text: str, desk: Desk) -> None:
    if not desk.options.emit:
        return
    folder = File(desk.options.emit) / proof.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{digest_of_query(text)[:16]}.smt2").write_text(text, encoding="utf-8")
