# SPDX-License-Identifier: GPL-2.0-only
"""Where queries are asked: of which solvers, each text once, and who decided it.

Z3 is one of those that decide every query. One that is on record as hard is asked of the solver
that is fastest; where that confirms a refutation, Z3's word is the one that is on record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path as File

from proofs import hard_queries, solvers
from proofs.answers import Answers
from proofs.certificates import Certificates
from proofs.hard_queries import HELPERS, HardQuery, Record, digest_of_query
from proofs.smtlib import smtlib
from proofs.solvers import SAT, UNKNOWN, UNSAT, Decision, SolverFailure, versions
from proofs.terms import Term
from proofs.together import Together

Z3 = "z3"


@dataclass
class Options:
    """How queries are asked: by which solvers, and where their texts are written, if anywhere.

    With ``alone`` nobody but ``solvers`` has a say, not even where a query is on record.
    ``certify`` is the share of the refutations, from 0 to 1, that are certified as well.
    """

    solvers: tuple[str, ...] = (Z3,)
    emit: str = ""
    saved: str = "."
    certify: float = 0.0
    alone: bool = False

    @property
    def anew(self) -> bool:
        """Whether every query has to be asked here: a kept proof has neither text nor terms."""
        return bool(self.emit) or self.certify > 0

    @property
    def helped(self) -> bool:
        """Whether another solver may confirm what Z3 has on record."""
        return self.solvers == (Z3,) and not self.alone

    @property
    def identity(self) -> str:
        """Who may have decided a query, with versions: answers of others are not taken for it."""
        asked = versions(self.solvers)
        if not self.helped:
            return asked
        return f"{asked}; {versions(HELPERS)} with record {hard_queries.shipped().digest[:16]}"


class Desk:
    """Asks queries, each text once; ``kept`` are the answers of other runs.

    ``record`` is of queries that are hard, the shipped one where none is given.
    """

    def __init__(
        self, options: Options, kept: Answers | None = None, record: Record | None = None
    ) -> None:
        self.options = options
        self.kept = kept
        self.record = hard_queries.shipped() if record is None else record
        self._decisions: dict[str, Decision] = {}
        self._certificates = Certificates(options.certify)
        self._together = Together()
        self._texts: dict[tuple[Term, ...], str] = {}
        self.asked = 0

    def certified(self, text: str, assertions: Iterable[Term]) -> bool:
        """Return whether there is a certificate for a text that is refuted.

        Raises SolverFailure where a certificate was wanted and is none.
        """
        if not self.options.certify:
            return False
        return self._certificates.certify(digest_of_query(text), assertions)

    def lemma(self) -> None:
        """Begin another lemma: what is asked from here on has little in common with the last."""
        self._together = Together()
        self._texts = {}

    def text(self, assertions: Iterable[Term]) -> str:
        """Return assertions as SMT-LIB; of many paths of a lemma they are the same."""
        key = tuple(assertions)
        if key not in self._texts:
            self._texts[key] = smtlib(key)
        return self._texts[key]

    def decide(self, text: str, about: str = "", assertions: Sequence[Term] = ()) -> Decision:
        """Return what the solvers say of a text. Raises SolverFailure where they disagree.

        Where it is ``about`` some goals of a lemma, its last assertion says that one of them fails.
        With its ``assertions`` as terms it is soon answered, if a lemma's other queries share them.
        """
        key = digest_of_query(text)
        if key not in self._decisions:
            self.asked += 1
            solve = partial(self.solve, text, key, about, assertions)
            self._decisions[key] = self.kept.ask(key, solve) if self.kept else solve()
        return self._decisions[key]

    def solve(self, text: str, key: str, about: str, assertions: Sequence[Term] = ()) -> Decision:
        """Ask about a text with a digest, whatever was asked or kept before."""
        hard, goals = self.record.find(key), bool(about)
        if hard is not None and self.options.helped:
            return self._hard(text, key, goals, hard, assertions)
        if self.options.solvers == (Z3,):
            if hard is not None:
                return Decision(_of_z3(text, goals, hard), (Z3,))
            return Decision(self._like_others(text, about, assertions), (Z3,))
        first = hard.way if hard else ""
        given = {name: solvers.ask(name, text, goals, first) for name in self.options.solvers}
        self._compare(given, text, key)
        open_ = UNKNOWN in given.values()
        return Decision(UNKNOWN if open_ else next(iter(given.values())), tuple(given))

    def _like_others(self, text: str, about: str, assertions: Sequence[Term]) -> str:
        """Return what Z3 says of a query that is not on record, though others alike may be.

        It is asked beside the lemma's other queries, then in part, as what refutes a part refutes
        the whole, and then alone.
        """
        answer = self._together.soon(assertions) if assertions else UNKNOWN
        if answer != UNKNOWN:
            return answer
        part = self.record.likely_part(about, text) if about else ""
        return UNSAT if part and solvers.refuted(part) else solvers.ask(Z3, text, bool(about))

    def _hard(
        self, text: str, key: str, goals: bool, hard: HardQuery, assertions: Sequence[Term]
    ) -> Decision:
        """Decide a query that is on record, so that Z3 has its say: there, or now.

        What holds has a model that is looked at, so it is always Z3's to say; so is what is no
        goal, as no report counts it. Raises SolverFailure where somebody contradicts the record.
        """
        given = {"the record": hard.answer}
        helper = hard.way if goals and hard.way in HELPERS and hard.answer == UNSAT else ""
        if helper:
            part = hard.part_of(text)
            answer = _said(helper, part, goals) if part else UNKNOWN
            given[helper] = answer if answer == UNSAT else _said(helper, text, goals)
            if given[helper] == UNSAT:
                return Decision(UNSAT, (helper,), on_record=True)
        # What holds is found soon beside a lemma's other queries, whatever was fast for it alone.
        soon = self._together.soon(assertions) if assertions and hard.answer == SAT else UNKNOWN
        given[Z3] = soon if soon != UNKNOWN else _of_z3(text, goals, hard)
        self._compare(given, text, key)
        return Decision(given[Z3], (Z3,))

    def _compare(self, given: Mapping[str, str], text: str, key: str) -> None:
        """Raise SolverFailure where one says that a query can hold, and another that it cannot."""
        if {SAT, UNSAT} <= set(given.values()):
            place = File(self.options.saved) / f"disagreement-{key[:12]}.smt2"
            place.write_text(text, encoding="utf-8")
            told = ", ".join(f"{name}: {answer}" for name, answer in given.items())
            raise SolverFailure(f"solvers disagree ({told}); the query is in {place}")


def _of_z3(text: str, goals: bool, hard: HardQuery) -> str:
    """Return Z3's answer, of the part of a query that is on record first: fewer premises.

    What refutes a part refutes the whole; whatever else comes of it, the whole is asked.
    """
    part = hard.part_of(text)
    if part and solvers.ask(Z3, part, goals, hard.way) == UNSAT:
        return UNSAT
    return solvers.ask(Z3, text, goals, hard.way)


def _said(helper: str, text: str, goals: bool) -> str:
    """Return what a solver says that can be done without: nothing where it does not work."""
    try:
        return solvers.ask(helper, text, goals)
    except SolverFailure:
        return UNKNOWN
