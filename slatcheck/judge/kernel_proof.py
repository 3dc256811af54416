# SPDX-License-Identifier: GPL-2.0-only
"""The proof of a kernel tree's own C: one layout after the other, refutations replayed.

What a refuted promise means is shown by a run of the same tree, compiled; a promise whose proof
rests on another that does not hold is unknown.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import impl
import model
import proofs
import slatcheck
from impl.kernel import reading
from impl.kernel.errors import ToolLimitError, TreeError, UnsupportedError
from impl.kernel.layouts import layout_in
from impl.kernel.ports import bind, kernel_port, open_for
from impl.kernel.toolchain import find
from impl.kernel.typed import preprocessed
from model.layout import Layout
from model.machines import BIG
from model.operations import Kind, Op
from model.ports import entry_point
from model.ports import layout as layout_named
from proofs import engine, runner
from proofs.engine import REFUTED, Clause, Options
from proofs.kernel_runner import NOT_REACHED, LayoutProof, Proved, Session, Store, read_unit
from proofs.kvm.primitives import BY_CONTRACT, PRIMITIVES
from proofs.ports import CODES
from proofs.theorems import CLAUSES
from slatcheck.document.result import Check, Finding, Location, Verdict
from slatcheck.judge.candidates import FALLBACK, confirm
from slatcheck.judge.findings import merge
from slatcheck.progress import Progress
from slatcheck.search.campaign import Campaign, Search, Wanted
from slatcheck.search.differential import Symptom
from slatcheck.search.kept_traces import Traces
from slatcheck.search.unit import Report, Unit, kernel_implementation
from support import cache as keeping
from support.pool import spread

KIND = "proof-c"

GLOBAL = frozenset({"memory", "invariant", "init"})
"""Clauses of every function on which every proof rests: what an operation leaves behind."""
BASE = ("kvm_pgd_alloc", "exact")
"""The base case: that a new table maps nothing, on which every proof rests as well."""
ASSUMED = GLOBAL | {"exact", "result", "leak"}
"""Clauses of a function that its contract takes for granted in its callers."""
STRICT = frozenset({"exact", "result", "reach", "dirty", "safe", "lock", "warning"})
"""Clauses whose failure shows at the function itself, not at a later operation."""
FAMILY = ("exact", "result", "memory", "invariant", "init", "safe", "leak", "accounting")
"""Clauses whose rules may show in the place of one another: one cause, several symptoms."""
EXTRA = {
    "memory": ("kernel-bug", "uninitialised", "runaway"),
    "init": ("use-after-free", "kernel-bug"),
    "invariant": ("uninitialised", "wild-free", "double-free", "unsafe-to-remove"),
    "exact": ("wrong-result",),
}


@dataclass(frozen=True)
class Task:
    """One layout of one tree that is to be proved.

    ``orders`` are the byte orders, ``known`` fingerprints that runs of the same tree in the same
    layout have shown already, by byte order, ``ignored`` those that must not be taken for a
    refutation's, as their cause is another one.
    """

    root: Path
    layout: str
    cc: str | None
    options: Options
    folder: Path | None
    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    orders: tuple[str, ...] = (BIG,)


@dataclass
class Outcome:
    """What came of one layout: checks, findings, and which functions were proved anew."""

    layout: str
    checks: list[Check] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    reproved: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Add what came of the same layout in another byte order."""
        self.checks += other.checks
        self.reproved = list(dict.fromkeys([*self.reproved, *other.reproved]))
        here = {finding.fingerprint: finding for finding in self.findings}
        for finding in other.findings:
            if finding.fingerprint in here:
                here[finding.fingerprint].byte_orders += finding.byte_orders
            else:
                self.findings.append(finding)


Known = Mapping[tuple[str, str], tuple[str, ...]]
"""Fingerprints that runs have shown, by layout and byte order."""


def prove_tree(
    root: Path,
    layouts: Mapping[Layout, tuple[str, ...]],
    cc: str | None,
    options: Options,
    jobs: int,
    cached: bool,
    report: Callable[[Progress], None],
    found: dict[str, Outcome],
    known: Known | None = None,
) -> None:
    """Prove a tree in every layout; raises nothing for what the tree contains.

    ``layouts`` gives the byte orders of each. Outcomes go to ``found`` by layout as they come.
    ``known`` are the fingerprints that were shown already.
    """
    folder = keeping.folder() if cached else None
    tasks = [
        Task(
            root.resolve(),
            layout.name,
            cc,
            options,
            folder,
            {order: (known or {}).get((layout.name, order), ()) for order in orders},
            orders=orders,
        )
        for layout, orders in layouts.items()
    ]
    # The first layout is a small one, so that there is something to show soon.
    tasks.sort(key=_cost, reverse=True)
    tasks = tasks[-1:] + tasks[:-1]
    shown: set[str] = set()
    for number, outcome in spread(prove_layout, tasks, jobs):
        found[outcome.layout] = outcome
        shown |= {one.fingerprint for one in outcome.findings}
        report(Progress(len(found), len(tasks), tasks[number].layout, len(shown)))


def _cost(task: Task) -> tuple[bool, int, int]:
    """Return how early a layout comes: one that asks another's questions comes after it."""
    layout = layout_named(task.layout)
    again = any(mark in task.layout for mark in ("-huge", "-p64"))
    return not again, layout.levels, layout.bits


def prove_layout(task: Task) -> Outcome:
    """Prove one layout; what was proved of the same files is not proved again."""
    try:
        kept = Kept(task)
        old = kept.load()
        if old is not None:
            return old
        outcome, files = _prove(task)
    except (TreeError, UnsupportedError) as problem:
        base = Check("c/build/geometry", KIND, task.layout, "", Verdict.UNSUPPORTED)
        return Outcome(task.layout, [replace(base, reason=str(problem))])
    kept.save(outcome, files)
    return outcome


def _prove(task: Task) -> tuple[Outcome, list[Path]]:

    tree = open_for(task.root, layout_named(task.layout))
    binding = bind(tree)
    layout = layout_in(tree, layout_named(task.layout))
    total, files = Outcome(task.layout), []
    proved: dict[str, LayoutProof] = {}
    in_vain: dict[str, set[tuple[str, str]]] = {}
    for order in task.orders:
        # What the preprocessor makes of the sources is all that the proof looks at.
        text = preprocessed(tree, binding, layout, find(task.cc), order == BIG)
        if text not in proved:
            unit, read = read_unit(tree, binding, layout, find(task.cc), order == BIG)
            store = Store(task.folder)
            proved[text] = Session(unit, layout, binding.entries, task.options, store).run()
            files += read
        judged = _Judged(task, layout, proved[text], order)
        # What runs did not show in one byte order, they are not asked for in the other.
        judged.replays.in_vain = in_vain.setdefault(text, set())
        total.add(judged.outcome())
    return total, files


# Verdicts


class _Judged:
    """The verdicts on one layout in one byte order."""

    def __init__(self, task: Task, layout: Layout, proof: LayoutProof, order: str) -> None:
        self.task = task
        self.layout = layout
        self.order = order
        self.proof = proof
        self.by_title = {one.title: one for one in proof.proved}
        self.replays = Replays(task, layout, order)

    def outcome(self) -> Outcome:
        """Return checks and findings; refutations are replayed."""
        found = Outcome(self.layout.name)
        marks: dict[str, Finding] = {}
        for one in self.proof.proved:
            for clause in one.proof.clauses.values():
                found.checks.append(self._check(one, clause, marks))
        for title, reason in self.proof.missing.items():
            found.checks.append(self._unbound(title, reason))
        found.findings = list(marks.values())
        found.reproved = [one.title for one in self.proof.proved if one.fresh]
        return found

    def _unbound(self, title: str, reason: str) -> Check:
        name = f"c/{title}/memory"
        base = Check(name, KIND, self.layout.name, title, Verdict.UNSUPPORTED, reason)
        return replace(base, byte_order=self.order)

    def _check(self, one: Proved, clause: Clause, marks: dict[str, Finding]) -> Check:
        base = Check(
            f"c/{one.title}/{clause.name}",
            KIND,
            self.layout.name,
            one.title,
            Verdict.HOLDS,
            seconds=round(clause.seconds, 3),
            cases=clause.goals,
            solver=runner.identity(self.task.options.solvers),
            byte_order=self.order,
        )
        if clause.verdict == engine.REFUTED:
            return self._refuted(base, one, clause, marks)
        if clause.mismatch:
            return self._mismatch(base, one, clause, marks)
        if clause.verdict != engine.HOLDS:
            outside = clause.verdict == engine.UNSUPPORTED
            reason = f"outside the subset: {clause.reason}" if outside else clause.reason
            cut_off = clause.reason in (NOT_REACHED, engine.NOT_REACHED)
            rests = _refuted_in(one) if cut_off else ""
            found = replace(base, verdict=_OPEN[clause.verdict], reason=reason)
            return replace(found, rests_on=_id(rests))
        shaky = self._rests_on(one, clause.name)
        if shaky:
            reason = f"proved, but the proof rests on {shaky}, which does not hold"
            return replace(base, verdict=Verdict.UNKNOWN, reason=reason, rests_on=_id(shaky))
        return base

    def _mismatch(
        self, base: Check, one: Proved, clause: Clause, marks: dict[str, Finding]
    ) -> Check:
        """Return the check of a promise for which no invariant was found: runs may tell."""
        mark = self.replays.show(one, clause, thorough=True)
        if mark is None:
            return replace(base, verdict=Verdict.UNKNOWN, reason=clause.reason)
        return self._shown(base, clause, mark, marks)

    def _refuted(
        self, base: Check, one: Proved, clause: Clause, marks: dict[str, Finding]
    ) -> Check:
        """Return the check of a refuted promise: violated where a run shows it."""
        shaky = self._rests_on(one, clause.name)
        mark = self.replays.show(one, clause, thorough=not shaky)
        if mark is None:
            why = f"; the proof rests on {shaky}, which does not hold" if shaky else ""
            reason = f"{clause.reason}, but no run of the compiled tree shows it{why}"
            found = replace(base, verdict=Verdict.UNKNOWN, reason=reason)
            return replace(found, rests_on=_id(shaky))
        return self._shown(base, clause, mark, marks)

    def _shown(self, base: Check, clause: Clause, mark: str, marks: dict[str, Finding]) -> Check:
        if mark in self.replays.findings:
            marks.setdefault(mark, self.replays.findings[mark])
        reason = f"{mark}: {clause.reason}"
        return replace(base, verdict=Verdict.VIOLATED, reason=reason, finding=mark)

    def _rests_on(self, one: Proved, clause: str) -> str:
        """Return a promise that does not hold and on which a proof rests, '' where none is."""
        for other in self.proof.proved:
            for name in sorted(other.proof.clauses):
                counts = name in GLOBAL or (other.title, name) == BASE
                if counts and other is not one and _fails(other, name) and _reached(other, name):
                    return f"{other.title}/{name}"
        for title in self._used(one):
            other = self.by_title[title]
            for name in sorted((ASSUMED | {clause}) & set(other.proof.clauses)):
                if _fails(other, name):
                    return f"{title}/{name}"
        missing = sorted(self.proof.missing)
        return missing[0] if missing else ""

    def _used(self, one: Proved) -> list[str]:
        """Return the functions whose contracts a proof uses, directly or not."""
        seen: dict[str, None] = {}
        pending = list(one.uses)
        while pending:
            title = pending.pop(0)
            if title not in seen and title in self.by_title and title != one.title:
                seen[title] = None
                pending += self.by_title[title].uses
        return list(seen)


def _id(promise: str) -> str:
    """Return the id of the check of a promise, '' for none."""
    return f"c/{promise}" if promise else ""


def _refuted_in(one: Proved) -> str:
    """Return a promise of a function that is refuted, '' where none is."""
    refuted = [name for name in one.proof.clauses if one.proof.clauses[name].verdict == REFUTED]
    return f"{one.title}/{refuted[0]}" if refuted else ""


def _fails(one: Proved, clause: str) -> bool:
    return one.proof.clauses[clause].verdict != engine.HOLDS


def _reached(one: Proved, clause: str) -> bool:
    """Return whether a function has anything to do with a clause on which every proof rests.

    One that touches no memory leaves it alone; what ends a path early is refuted itself.
    """
    found = one.proof.clauses[clause]
    if found.goals or found.reason != NOT_REACHED:
        return True
    return any(
        _fails(one, name) and one.proof.clauses[name].goals
        for name in GLOBAL & set(one.proof.clauses)
    )


_OPEN = {
    engine.OPEN: Verdict.UNKNOWN,
    engine.VACUOUS: Verdict.VACUOUS,
    engine.UNSUPPORTED: Verdict.UNSUPPORTED,
    engine.FAILED: Verdict.ERROR,
}

# Replays


class Replays:
    """Runs of the compiled tree that show what refutations claim; the tree is built once."""

    def __init__(self, task: Task, layout: Layout, order: str) -> None:
        self.task = task
        self.layout = layout
        self.known = task.known.get(order, ())
        self.unit = Unit(layout.name, order == BIG, task.root, task.cc, (), 0, None)
        self.report = Report(self.unit, "kernel")
        self.findings: dict[str, Finding] = {}
        self._kernel: Any = None
        self._broken = False
        self._dead = False
        self.in_vain: set[tuple[str, str]] = set()

    def show(self, one: Proved, clause: Clause, thorough: bool) -> str | None:
        """Return the fingerprint that a run shows of a refuted promise, None where none does.

        Where not ``thorough``, only runs made of the counterexample's own numbers are tried.
        """
        told = _told_by(self.layout, one, clause)
        if _asked(one, clause) in self.in_vain:
            return None
        for rules, entry in told:
            for mark in (*self.known, *self.findings):
                if _names(mark, rules, entry):
                    return mark
        kernel = self._built()
        if kernel is None or (self._dead and one.kind is not Kind.CREATE):
            return None
        return self._search(kernel, one, clause, told, thorough)

    def _built(self) -> Any:
        if self._kernel is None and not self._broken:
            try:
                self._kernel = kernel_implementation(self.unit, self.report)
            except (TreeError, UnsupportedError):
                self._broken = True
        return self._kernel

    def _search(
        self, kernel: Any, one: Proved, clause: Clause, told: list[Telling], thorough: bool
    ) -> str | None:
        def wanted(symptom: Symptom) -> bool:
            mark = symptom.fingerprint
            if mark in self.task.ignored:
                return False
            return symptom.contract and any(_names(mark, *telling) for telling in told)

        hint = Traces(self.task.folder, f"{self.task.layout} {one.title} {clause.name}")
        try:
            campaign = self._remembered(kernel, list(hint.load().values()), wanted)
            if not campaign.hits:
                budget = FALLBACK if thorough else 0
                campaign = confirm(kernel, one.kind, clause.values, True, wanted, budget)
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
                        one.kind is Kind.CREATE and hit.symptom.stops and hit.symptom.step == 0
                    )
                    return mark
        self.in_vain.add(_asked(one, clause))
        return None

    def _remembered(self, kernel: Any, traces: list[list[Op]], wanted: Wanted) -> Campaign:
        """Run what showed the refutation before."""
        if not traces:
            return Campaign()
        search = Search(kernel, 0, kernel.layout.name, shrinking=False)
        found = search.run_these(traces, wanted)
        found.hits = {mark: hit for mark, hit in found.hits.items() if wanted(hit.symptom)}
        return found


def _asked(one: Proved, clause: Clause) -> tuple[str, str]:
    """Return the question that a search answers: all open clauses of a function are one."""
    return one.title, clause.name if clause.verdict == engine.REFUTED else ""


Telling = tuple[frozenset[str], str]
"""Rules, and the entry point at which they must be broken ('' for any)."""


def _told_by(layout: Layout, one: Proved, clause: Clause) -> list[Telling]:
    """Return what counts as a symptom of a refuted promise, the most telling first."""
    entry = entry_point(layout, one.kind) if one.kind is not None else ""
    rules = frozenset(CLAUSES[clause.name][1]) | set(EXTRA.get(clause.name, ()))
    found = [(rules, entry)]
    if clause.name not in STRICT or one.kind is Kind.CREATE:
        found.append((rules, ""))
    if clause.name in FAMILY or clause.verdict == engine.OPEN:
        family = {rule for name in FAMILY for rule in CLAUSES[name][1]}
        family |= {rule for extra in EXTRA.values() for rule in extra}
        found.append((frozenset(family), entry))
    return found


def _names(mark: str, rules: frozenset[str], entry: str) -> bool:
    """Return whether a fingerprint is of one of the rules, at an entry point."""
    rule, at, *_ = mark.split("/")
    return rule in rules and entry in ("", at)


# What is kept of a tree that did not change


def everything() -> str:
    """Return the digest of every source of the tool."""
    packages = (model, impl, proofs, slatcheck)
    return keeping.digest_of(packages, (".py", ".c", ".h", ".S", ".ld"))


class Kept:
    """The outcome of a layout, valid as long as no file that was read has changed."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.file: Path | None = None
        self.files = kernel_port(layout_named(task.layout).port).files
        if task.folder is not None and not task.options.emit:
            parts = (
                everything(),
                str(task.root),
                task.layout,
                find(task.cc).version,
                task.options.solvers,
                sorted(task.known.items()),
                task.orders,
            )
            name = hashlib.sha256(repr(parts).encode()).hexdigest()
            self.file = task.folder / f"tree-{name}.json"

    def load(self) -> Outcome | None:
        """Return what was found of the same files, None where they are not the same."""
        if self.file is None:
            return None
        try:
            data = json.loads(self.file.read_text(encoding="utf-8"))
            if not reading.unchanged(self.task.root, self.files, data["files"]):
                return None
            return _outcome(data["outcome"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, outcome: Outcome, files: list[Path]) -> None:
        """Keep an outcome, if every question was decided one way or the other."""
        undecided = {Verdict.ERROR, Verdict.UNSUPPORTED}
        if self.file is None or any(one.verdict in undecided for one in outcome.checks):
            return
        root = self.task.root
        read = reading.record(root, self.files, [*files, *reading.judged(root, self.files)])
        keeping.write(self.file, json.dumps({"files": read, "outcome": _plain(outcome)}))


def _plain(outcome: Outcome) -> dict[str, Any]:
    data = asdict(outcome)
    for check, one in zip(data["checks"], outcome.checks, strict=True):
        check["verdict"] = one.verdict.value
    data["reproved"] = []
    return data


def _outcome(data: dict[str, Any]) -> Outcome:
    checks = [Check(**{**one, "verdict": Verdict(one["verdict"])}) for one in data["checks"]]
    findings = [
        Finding(**{**one, "location": Location(**one["location"])}) for one in data["findings"]
    ]
    return Outcome(data["layout"], checks, findings, data["reproved"])


def disagreements(checks: Iterable[Check], findings: Iterable[Finding]) -> list[Check]:
    """Return an error for each finding of a run where the proof says that nothing is wrong.

    A finding counts where every promise of its entry point that its rule breaks is proved.
    """
    proved: dict[str, list[Check]] = {}
    for check in checks:
        proved.setdefault(check.layout, []).append(check)
    found = []
    for finding in findings:
        for layout in finding.layouts:
            mine = [
                one
                for one in proved.get(layout, ())
                if one.function == finding.entry and finding.rule in rules_of(one)
            ]
            if finding.contract and mine and all(one.verdict is Verdict.HOLDS for one in mine):
                reason = f"a run shows {finding.fingerprint}, the proof says that it cannot be"
                found.append(replace(mine[0], verdict=Verdict.ERROR, reason=reason))
    return found


def rules_of(check: Check) -> frozenset[str]:
    """Return the rules that are broken where a check of a promise fails."""
    clause = check.id.rpartition("/")[2]
    told = CLAUSES[clause][1] if clause in CLAUSES else ()
    return frozenset(told) | set(EXTRA.get(clause, ()))


def trusted() -> list[str]:
    """Return the trusted primitives, each with the reason, in one line each."""
    known = dict(PRIMITIVES)
    for port in CODES.values():
        known |= port.services.primitives
    told = {name: primitive.reason for name, primitive in known.items()} | BY_CONTRACT
    return [f"trusted, {name}(): {reason}" for name, reason in sorted(told.items())]
