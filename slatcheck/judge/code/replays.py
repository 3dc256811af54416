# SPDX-License-Identifier: GPL-2.0-only
"""Runs of the compiled tree that show what refutations of its C claim."""

from __future__ import annotations

from typing import Any

from impl.kernel.errors import ToolLimitError, TreeError, UnsupportedError
from model.layout import Layout
from model.machines import BIG
from model.operations import Kind, Op
from model.ports import entry_point
from proofs import engine
from proofs.engine import ClauseResult
from proofs.kernel_runner import Proved
from proofs.reliance import EXTRA, FAMILY, STRICT
from proofs.theorems import CLAUSES
from slatcheck.document.identity import Fingerprint
from slatcheck.document.result import Finding
from slatcheck.judge.candidates import FALLBACK, confirm
from slatcheck.judge.code.task import CodeTask
from slatcheck.judge.findings import merge
from slatcheck.search.campaign import Campaign, Search, Wanted
from slatcheck.search.differential import Symptom
from slatcheck.search.kept_traces import Traces
from slatcheck.search.unit import Report, Unit, kernel_implementation


class Replays:
    """Runs of the compiled tree that show what refutations claim; the tree is built once."""

    def __init__(self, task: CodeTask, layout: Layout, order: str) -> None:
        self.task = task
        self.layout = layout
        self.known = task.known.get(order, ())
        self.unit = Unit(layout.name, order == BIG, task.root, task.cc, (), 0, None, task.cache)
        self.report = Report(self.unit, "kernel")
        self.findings: dict[str, Finding] = {}
        self._kernel: Any = None
        self._broken = False
        self._dead = False
        self.in_vain: set[tuple[str, str]] = set()

    def show(self, proved: Proved, clause: ClauseResult, thorough: bool) -> str | None:
        """Return the fingerprint that a run shows of a refuted promise, None where none does.

        Where not ``thorough``, only runs made of the counterexample's own numbers are tried.
        """
        told = _told_by(self.layout, proved, clause)
        if _question(proved, clause) in self.in_vain:
            return None
        for rules, entry in told:
            for mark in (*self.known, *self.findings):
                if _names(mark, rules, entry):
                    return mark
        kernel = self._built()
        if kernel is None or (self._dead and proved.kind is not Kind.CREATE):
            return None
        return self._search(kernel, proved, clause, told, thorough)

    def _built(self) -> Any:
        if self._kernel is None and not self._broken:
            try:
                self._kernel = kernel_implementation(self.unit, self.report)
            except (TreeError, UnsupportedError):
                self._broken = True
        return self._kernel

    def _search(
        self, kernel: Any, proved: Proved, clause: ClauseResult, told: list[Telling], thorough: bool
    ) -> str | None:
        def wanted(symptom: Symptom) -> bool:
            mark = symptom.fingerprint
            if mark in self.task.ignored:
                return False
            return symptom.contract and any(_names(mark, *telling) for telling in told)

        hint = Traces(self.task.folder, f"{self.task.layout} {proved.title} {clause.name}")
        try:
            campaign = self._remembered(kernel, list(hint.load().values()), wanted)
            if not campaign.hits:
                budget = FALLBACK if thorough else 0
                campaign = confirm(kernel, proved.kind, clause.values, True, wanted, budget)
        except ToolLimitError:
            return None
        for rules, entry in told:
            for mark, hit in campaign.hits.items():
                if mark not in self.task.ignored and _names(mark, rules, entry):
                    hint.save({mark: hit.ops})
                    self.report.campaign = Campaign(hits={mark: hit})
                    self.findings[mark] = merge([self.report], 0)[0]
                    # Where no table can be made, no other promise can be put to the test.
                    self._dead = self._dead or (
                        proved.kind is Kind.CREATE and hit.symptom.stops and hit.symptom.step == 0
                    )
                    return mark
        self.in_vain.add(_question(proved, clause))
        return None

    def _remembered(self, kernel: Any, traces: list[list[Op]], wanted: Wanted) -> Campaign:
        """Run what showed the refutation before."""
        if not traces:
            return Campaign()
        search = Search(kernel, 0, kernel.layout.name, shrinking=False)
        found = search.run_these(traces, wanted)
        found.hits = {mark: hit for mark, hit in found.hits.items() if wanted(hit.symptom)}
        return found


def _question(proved: Proved, clause: ClauseResult) -> tuple[str, str]:
    """Return the question that a search answers: all open clauses of a function are one."""
    return proved.title, clause.name if clause.verdict == engine.REFUTED else ""


Telling = tuple[frozenset[str], str]
"""Rules, and the entry point at which they must be broken ('' for any)."""


def _told_by(layout: Layout, proved: Proved, clause: ClauseResult) -> list[Telling]:
    """Return what counts as a symptom of a refuted promise, the most telling first."""
    entry = entry_point(layout, proved.kind) if proved.kind is not None else ""
    rules = frozenset(CLAUSES[clause.name][1]) | set(EXTRA.get(clause.name, ()))
    found = [(rules, entry)]
    if clause.name not in STRICT or proved.kind is Kind.CREATE:
        found.append((rules, ""))
    if clause.name in FAMILY or clause.verdict == engine.OPEN:
        family = {rule for name in FAMILY for rule in CLAUSES[name][1]}
        family |= {rule for extra in EXTRA.values() for rule in extra}
        found.append((frozenset(family), entry))
    return found


def _names(mark: str, rules: frozenset[str], entry: str) -> bool:
    """Return whether a fingerprint is of one of the rules, at an entry point."""
    shown = Fingerprint.parse(mark)
    return shown.rule in rules and entry in ("", shown.entry)
