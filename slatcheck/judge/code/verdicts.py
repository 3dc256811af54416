# SPDX-License-Identifier: GPL-2.0-only
"""From what was proved of a layout's C to checks: what does not hold makes others unknown."""

from __future__ import annotations

from dataclasses import replace

from model.layout import Layout
from model.operations import Kind
from proofs import engine
from proofs.engine import REFUTED, ClauseResult
from proofs.kernel_runner import NOT_REACHED, LayoutProof, Proved
from proofs.reliance import ASSUMED, BASE, GLOBAL
from slatcheck.document.result import Check, Finding, Verdict
from slatcheck.judge.code.replays import Replays
from slatcheck.judge.code.task import KIND, CodeOutcome, CodeTask
from slatcheck.judge.deciders import of_clause


class LayoutVerdicts:
    """The verdicts on one layout in one byte order."""

    def __init__(self, task: CodeTask, layout: Layout, proof: LayoutProof, order: str) -> None:
        self.task = task
        self.layout = layout
        self.order = order
        self.proof = proof
        self.by_title = {proved.title: proved for proved in proof.proved}
        self.replays = Replays(task, layout, order)

    def outcome(self) -> CodeOutcome:
        """Return checks and findings; refutations are replayed."""
        found = CodeOutcome(self.layout.name)
        marks: dict[str, Finding] = {}
        for proved in self.proof.proved:
            for clause in proved.proof.clauses.values():
                found.checks.append(self._check(proved, clause, marks))
        for title, reason in self.proof.missing.items():
            found.checks.append(self._unbound(title, reason))
        found.findings = list(marks.values())
        found.reproved = [proved.title for proved in self.proof.proved if proved.fresh]
        return found

    def _unbound(self, title: str, reason: str) -> Check:
        name = f"c/{title}/memory"
        base = Check(name, KIND, self.layout.name, title, Verdict.UNSUPPORTED, reason)
        return replace(base, byte_order=self.order)

    def _check(self, proved: Proved, clause: ClauseResult, marks: dict[str, Finding]) -> Check:
        base = Check(
            f"c/{proved.title}/{clause.name}",
            KIND,
            self.layout.name,
            proved.title,
            Verdict.HOLDS,
            seconds=round(clause.seconds, 3),
            cases=clause.goals,
            byte_order=self.order,
            **of_clause(clause, self.task.options),
        )
        if clause.verdict == engine.REFUTED:
            return self._refuted(base, proved, clause, marks)
        if clause.mismatch:
            return self._mismatch(base, proved, clause, marks)
        if clause.verdict != engine.HOLDS:
            outside = clause.verdict == engine.UNSUPPORTED
            reason = f"outside the subset: {clause.reason}" if outside else clause.reason
            cut_off = clause.reason in (NOT_REACHED, engine.NOT_REACHED)
            rests = _refuted_in(proved) if cut_off else ""
            found = replace(base, verdict=_OPEN[clause.verdict], reason=reason)
            return replace(found, rests_on=_id(rests))
        shaky = self._rests_on(proved, clause.name)
        if shaky:
            reason = f"proved, but the proof rests on {shaky}, which does not hold"
            return replace(base, verdict=Verdict.UNKNOWN, reason=reason, rests_on=_id(shaky))
        return base

    def _mismatch(
        self, base: Check, proved: Proved, clause: ClauseResult, marks: dict[str, Finding]
    ) -> Check:
        """Return the check of a promise for which no invariant was found: runs may tell."""
        mark = self.replays.show(proved, clause, thorough=True)
        if mark is None:
            return replace(base, verdict=Verdict.UNKNOWN, reason=clause.reason)
        return self._shown(base, clause, mark, marks)

    def _refuted(
        self, base: Check, proved: Proved, clause: ClauseResult, marks: dict[str, Finding]
    ) -> Check:
        """Return the check of a refuted promise: violated where a run shows it."""
        shaky = self._rests_on(proved, clause.name)
        mark = self.replays.show(proved, clause, thorough=not shaky)
        if mark is None:
            why = f"; the proof rests on {shaky}, which does not hold" if shaky else ""
            state = "" if shaky else _state(clause)
            reason = f"{clause.reason}{state}, but no run of the compiled tree shows it{why}"
            found = replace(base, verdict=Verdict.UNKNOWN, reason=reason)
            return replace(found, rests_on=_id(shaky))
        return self._shown(base, clause, mark, marks)

    def _shown(
        self, base: Check, clause: ClauseResult, mark: str, marks: dict[str, Finding]
    ) -> Check:
        if mark in self.replays.findings:
            marks.setdefault(mark, self.replays.findings[mark])
        reason = f"{mark}: {clause.reason}"
        return replace(base, verdict=Verdict.VIOLATED, reason=reason, finding=mark)

    def _rests_on(self, proved: Proved, clause: str) -> str:
        """Return a promise that does not hold and on which a proof rests, '' where none is."""
        for other in self.proof.proved:
            for name in sorted(other.proof.clauses):
                counts = name in GLOBAL or (other.kind is Kind.CREATE and name == BASE)
                if counts and other is not proved and _fails(other, name) and _reached(other, name):
                    return f"{other.title}/{name}"
        for title in self._used(proved):
            other = self.by_title[title]
            for name in sorted((ASSUMED | {clause}) & set(other.proof.clauses)):
                if _fails(other, name):
                    return f"{title}/{name}"
        missing = sorted(self.proof.missing)
        return missing[0] if missing else ""

    def _used(self, proved: Proved) -> list[str]:
        """Return the functions whose contracts a proof uses, directly or not."""
        seen: dict[str, None] = {}
        pending = list(proved.uses)
        while pending:
            title = pending.pop(0)
            if title not in seen and title in self.by_title and title != proved.title:
                seen[title] = None
                pending += self.by_title[title].uses
        return list(seen)


def _state(clause: ClauseResult) -> str:
    """Return the operands and names of a counterexample in words; points are the proof's own."""
    told = [f"{name} {value:#x}" for name, value in clause.values.items() if " " not in name]
    return f" ({', '.join(told)})" if told else ""


def _id(promise: str) -> str:
    """Return the id of the check of a promise, '' for none."""
    return f"c/{promise}" if promise else ""


def _refuted_in(proved: Proved) -> str:
    """Return a promise of a function that is refuted, '' where none is."""
    refuted = [
        name for name in proved.proof.clauses if proved.proof.clauses[name].verdict == REFUTED
    ]
    return f"{proved.title}/{refuted[0]}" if refuted else ""


def _fails(proved: Proved, clause: str) -> bool:
    return proved.proof.clauses[clause].verdict != engine.HOLDS


def _reached(proved: Proved, clause: str) -> bool:
    """Return whether a function has anything to do with a clause on which every proof rests.

    One that touches no memory leaves it alone; what ends a path early is refuted itself.
    """
    found = proved.proof.clauses[clause]
    if found.goals or found.reason != NOT_REACHED:
        return True
    return any(
        _fails(proved, name) and proved.proof.clauses[name].goals
        for name in GLOBAL & set(proved.proof.clauses)
    )


_OPEN = {
    engine.OPEN: Verdict.UNKNOWN,
    engine.VACUOUS: Verdict.VACUOUS,
    engine.UNSUPPORTED: Verdict.UNSUPPORTED,
    engine.FAILED: Verdict.ERROR,
}
