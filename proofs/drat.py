# SPDX-License-Identifier: GPL-2.0-only
"""A checker for refutations in the DRAT format, which trusts nothing of the solver behind them.

A refutation adds clauses (lemmas) to a formula until the empty clause is among them. A lemma is
good if its negation leads to a conflict by unit propagation alone (RUP), or if each of its
resolvents on its first literal with the clauses before it does (RAT). The last lemmas are looked
at first, and only those are checked that the empty clause rests on; the others prove nothing and
harm nothing. A deletion takes a clause out of what later lemmas may rest on. Two deletions are
passed over, which is always sound: of a clause that is not there, and of one by which a literal
is known to be true.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ASSUMED = -1
"""In place of the clause by which a literal is true: it is true for the sake of argument."""


class ProofError(Exception):
    """The proof does not refute the formula, or is not a proof at all."""


@dataclass(frozen=True)
class CheckedProof:
    """What a refutation rests on: ``checked`` of its ``lemmas``, ``core`` of the clauses."""

    lemmas: int
    checked: int
    core: int


@dataclass(frozen=True)
class _Step:
    """A line of a proof."""

    deletes: bool
    literals: list[int]


def check(clauses: Iterable[Sequence[int]], proof_lines: Iterable[str]) -> CheckedProof:
    """Check that the proof refutes the formula; raise ProofError where it does not.

    ``clauses`` are DIMACS literals without the closing 0. A proof line is a lemma ``1 -2 0`` or
    a deletion ``d 1 -2 0``; the line ``0`` is the empty clause.
    """
    formula = [_Step(False, list(dict.fromkeys(clause))) for clause in clauses]
    proof = [_parsed(line) for line in proof_lines]
    if any(0 in step.literals for step in formula):
        raise ProofError("0 is no literal")
    if not any(not step.deletes and not step.literals for step in proof):
        raise ProofError("the empty clause is never derived")
    checker = _Checker(formula + proof, len(formula))
    checker.go_forward()
    checked = checker.go_back()
    return CheckedProof(
        sum(not s.deletes for s in proof), checked, sum(checker.marked[: len(formula)])
    )


def _parsed(line: str) -> _Step:
    words = line.split()
    deletes = words[:1] == ["d"]
    try:
        *literals, end = map(int, words[1:] if deletes else words)
    except ValueError:
        raise ProofError(f"not a line of a proof: {line!r}") from None
    if end != 0 or 0 in literals:
        raise ProofError(f"not a line of a proof: {line!r}")
    return _Step(deletes, list(dict.fromkeys(literals)))


class _Checker:
    """The clauses that are there at one point of a proof, and what follows by unit propagation.

    Lists with a place for each literal are indexed by the literal, a negative one from the end.
    A clause is watched at its first two literals: unless it is satisfied, they are not false.
    Clauses that are ``marked``, as a good lemma rests on them, are watched in a table of their
    own, since propagation tries them first. ``trail`` has the literals that are true in order,
    ``rank`` their places there, ``reason`` the clause by which each is true. ``explained`` are
    the variables for which that clause, and all it rests on, is marked.
    """

    def __init__(self, steps: list[_Step], given: int) -> None:
        size = 1 + max((abs(literal) for step in steps for literal in step.literals), default=0)
        self.steps = steps
        self.given = given
        self.clauses: list[list[int]] = []
        self.first: list[int] = []
        self.there: list[bool] = []
        self.marked: list[bool] = []
        self.numbers: dict[tuple[int, ...], list[int]] = {}
        self.watched = [[list[int]() for _ in range(2 * size)] for _ in range(2)]
        self.true = [False] * (2 * size)
        self.trail: list[int] = []
        self.rank = [0] * size
        self.reason = [ASSUMED] * size
        self.explained = [False] * size
        self.done: list[tuple[bool, int]] = []

    # Along the proof

    def go_forward(self) -> None:
        """Take the steps as they are up to the first conflict, and mark what that rests on."""
        for step in self.steps:
            if step.deletes:
                self._delete(step.literals)
                continue
            conflict = self._add(step.literals)
            if conflict is not None:
                self._explain(conflict)
                return

    def go_back(self) -> int:
        """Undo the steps from the last one taken; check and count the lemmas that are marked."""
        checked = 0
        for deletes, number in reversed(self.done):
            if deletes:
                self._put(number)
                continue
            if number < self.given:
                break
            self._take_out(number)
            if self.marked[number]:
                checked += 1
                if not self._rup(self.clauses[number]) and not self._rat(number):
                    literals = " ".join(map(str, [*self.clauses[number], 0]))
                    raise ProofError(f"lemma {number - self.given + 1} does not follow: {literals}")
        return checked

    def _add(self, literals: list[int]) -> int | None:
        """Add a clause with all that follows; return the clause that is false, if one is."""
        number = len(self.clauses)
        clause = literals.copy()
        self.clauses.append(clause)
        self.first.append(literals[0] if literals else 0)
        self.marked.append(False)
        self.there.append(False)
        self.numbers.setdefault(tuple(sorted(literals)), []).append(number)
        self.done.append((False, number))
        self._put(number)
        if not clause or self.true[-clause[0]]:
            return number
        if self.true[clause[0]] or (len(clause) > 1 and not self.true[-clause[1]]):
            return None
        self._assign(clause[0], number)
        return self._propagate(len(self.trail) - 1)

    def _delete(self, literals: list[int]) -> None:
        numbers = self.numbers.get(tuple(sorted(literals)))
        if numbers and all(self.reason[abs(literal)] != numbers[-1] for literal in literals):
            number = numbers.pop()
            self._take_out(number)
            self.done.append((True, number))

    def _put(self, number: int) -> None:
        """Put a clause where lemmas can rest on it, watched where it was false last."""
        self.there[number] = True
        clause = self.clauses[number]
        clause.sort(key=self._falsified, reverse=True)
        for numbers in self._watchers(number):
            numbers.append(number)

    def _falsified(self, literal: int) -> int:
        return self.rank[abs(literal)] if self.true[-literal] else len(self.trail)

    def _take_out(self, number: int) -> None:
        """Take a clause out, and all that is true since it became a reason."""
        self.there[number] = False
        clause = self.clauses[number]
        for numbers in self._watchers(number):
            numbers.remove(number)
        if clause and self.true[clause[0]] and self.reason[abs(clause[0])] == number:
            self._shorten(self.rank[abs(clause[0])])

    def _watchers(self, number: int) -> list[list[int]]:
        """Return the two lists of clauses in which a clause is that watches its literals."""
        clause, watched = self.clauses[number], self.watched[self.marked[number]]
        return [watched[literal] for literal in clause[:2]] if len(clause) > 1 else []

    # Propagation

    def _assign(self, literal: int, reason: int) -> None:
        self.true[literal] = True
        self.rank[abs(literal)] = len(self.trail)
        self.reason[abs(literal)] = reason
        self.trail.append(literal)

    def _shorten(self, length: int) -> None:
        for literal in self.trail[length:]:
            self.true[literal] = False
            self.reason[abs(literal)] = ASSUMED
            self.explained[abs(literal)] = False
        del self.trail[length:]

    def _propagate(self, begin: int) -> int | None:
        """Find what follows from the trail from ``begin`` on; return a clause that is false."""
        trail, (plain, marked) = self.trail, self.watched
        at_plain = at_marked = begin
        while at_plain < len(trail):
            if at_marked < len(trail):
                conflict = self._visit(marked, -trail[at_marked])
                at_marked += 1
            else:
                conflict = self._visit(plain, -trail[at_plain])
                at_plain += 1
            if conflict is not None:
                return conflict
        return None

    def _visit(self, watched: list[list[int]], false: int) -> int | None:
        """Let the clauses that watch a literal, now false, watch another one or be unit."""
        clauses, true, numbers = self.clauses, self.true, watched[false]
        kept = 0
        for place, number in enumerate(numbers):
            clause = clauses[number]
            if clause[0] == false:
                clause[0], clause[1] = clause[1], false
            first = clause[0]
            if not true[first]:
                for other in range(2, len(clause)):
                    if not true[-clause[other]]:
                        clause[1], clause[other] = clause[other], false
                        watched[clause[1]].append(number)
                        break
                else:
                    if true[-first]:
                        numbers[kept:place] = []
                        return number
                    self._assign(first, number)
                if clause[1] != false:
                    continue
            numbers[kept] = number
            kept += 1
        del numbers[kept:]
        return None

    # Lemmas

    def _rup(self, literals: Sequence[int]) -> bool:
        """Return whether the negation of a clause leads to a conflict; mark what that rests on."""
        length = len(self.trail)
        conflict: int | None = None
        for literal in literals:
            if self.true[literal]:
                conflict = self.reason[abs(literal)]
                break
            if not self.true[-literal]:
                self._assign(-literal, ASSUMED)
        else:
            conflict = self._propagate(length)
        if conflict is not None and conflict != ASSUMED:
            self._explain(conflict)
        self._shorten(length)
        return conflict is not None

    def _rat(self, number: int) -> bool:
        """Return whether all resolvents on a lemma's first literal follow."""
        lemma, pivot = self.clauses[number], self.first[number]
        others = [c for c, there in zip(self.clauses, self.there, strict=True) if there]
        resolvents = (
            [*lemma, *(literal for literal in c if literal != -pivot)]
            for c in others
            if -pivot in c
        )
        return pivot != 0 and all(map(self._rup, resolvents))

    def _explain(self, number: int) -> None:
        """Mark a clause, and the reasons for which all its literals but one are false."""
        waiting = [number]
        while waiting:
            number = waiting.pop()
            if not self.marked[number]:
                self._mark(number)
            for variable in map(abs, self.clauses[number]):
                if not self.explained[variable] and self.reason[variable] != ASSUMED:
                    waiting.append(self.reason[variable])
                self.explained[variable] = True

    def _mark(self, number: int) -> None:
        before = self._watchers(number) if self.there[number] else []
        self.marked[number] = True
        for old, new in zip(before, self._watchers(number), strict=False):
            old.remove(number)
            new.append(number)
