# SPDX-License-Identifier: GPL-2.0-only
"""Runs of the compiled tree that show what refutations of its C claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from impl.kernel.build import Image
from impl.kernel.emulated import EmulatedKernel
from impl.kernel.errors import ToolLimitError, TreeError, UnsupportedError
from model.layout import Layout
from model.machines import BIG
from model.operations import Kind, Op, to_json
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
from slatcheck.search.campaign import Campaign, Search
from slatcheck.search.differential import Symptom
from slatcheck.search.kept_searches import Searches, content
from slatcheck.search.kept_traces import Traces
from slatcheck.search.unit import Report, Unit, kernel_image
from support.cache import settle
from support.differences import by


class Replays:
    """Runs of the compiled tree that show what refutations claim; the tree is built once."""

    def __init__(self, task: CodeTask, layout: Layout, order: str) -> None:
        self.task = task
        self.layout = layout
        self.known = task.known.get(order, ())
        self.unit = Unit(layout.name, order == BIG, task.root, task.cc, (), 0, None, task.cache)
        self.report = Report(self.unit, "kernel")
        self.findings: dict[str, Finding] = {}
        self._image: Image | None = None
        self._machine: EmulatedKernel | None = None
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
        image = self._built()
        if image is None or (self._dead and proved.kind is not Kind.CREATE):
            return None
        return self._search(image, proved, clause, told, thorough)

    def _built(self) -> Image | None:
        if self._image is None and not self._broken:
            try:
                self._image = kernel_image(self.unit, self.report)
            except (TreeError, UnsupportedError):
                self._broken = True
        return self._image

    def _kernel(self, image: Image) -> EmulatedKernel:
        """Return a machine that runs the image; none is set up where every answer is kept."""
        if self._machine is None:
            self._machine = EmulatedKernel(image, self.report.missing)
        return self._machine

    def _search(
        self,
        image: Image,
        proved: Proved,
        clause: ClauseResult,
        told: list[Telling],
        thorough: bool,
    ) -> str | None:
        hint = Traces(self.task.folder, f"{self.task.layout} {proved.title} {clause.name}")
        wanted = Looked(proved.kind, clause.values, told, FALLBACK if thorough else 0, hint.load())
        try:
            campaign = self._shown(image, wanted)
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

    def _shown(self, image: Image, wanted: Looked) -> Campaign:
        """Return the runs that show what is looked for, none where none do.

        What the same image has shown is not run again, nor what it did not show.
        """
        ignored, missing = sorted(self.task.ignored), sorted(self.report.missing.items())
        about = (*wanted.identity(), ignored, missing)
        kept = Searches(self.task.folder, image, about, "replay")
        campaign, fresh = settle(
            self.task.cache,
            f"what runs show of {self.task.layout}",
            None if self.task.options.anew else kept.load(),
            lambda: self._run(self._kernel(image), wanted),
            by(content),
        )
        if fresh:
            kept.save(campaign)
        return campaign

    def _run(self, kernel: EmulatedKernel, wanted: Looked) -> Campaign:
        def telling(symptom: Symptom) -> bool:
            mark = symptom.fingerprint
            if mark in self.task.ignored:
                return False
            return symptom.contract and any(_names(mark, *told) for told in wanted.told)

        if wanted.before:
            search = Search(kernel, 0, kernel.layout.name, shrinking=False)
            found = search.run_these(wanted.before.values(), telling)
            found.hits = {mark: hit for mark, hit in found.hits.items() if telling(hit.symptom)}
            if found.hits:
                return found
        return confirm(kernel, wanted.kind, wanted.values, True, telling, wanted.budget)


@dataclass(frozen=True)
class Looked:
    """What runs are looked for: those of a counterexample's ``values``, then ``budget`` drawn ones.

    ``before`` are traces that showed the same on another text; they come first.
    """

    kind: Kind | None
    values: Mapping[str, int]
    told: Sequence[Telling]
    budget: int
    before: Mapping[str, list[Op]]

    def identity(self) -> tuple[object, ...]:
        """Return what tells it from others, in an order that is the same in each process."""
        kind = self.kind and self.kind.name
        told = [(sorted(rules), entry) for rules, entry in self.told]
        before = [(mark, list(map(to_json, ops))) for mark, ops in self.before.items()]
        return kind, sorted(self.values.items()), told, self.budget, before


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
