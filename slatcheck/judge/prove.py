# SPDX-License-Identifier: GPL-2.0-only
"""The proofs behind a verdict: theorems of each layout, refutations replayed, one document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from impl import ports as references
from impl.ports import quirks_named, quirks_of
from impl.quirk import Quirk
from model.layout import Layout
from model.machines import ORDERS
from model.ports import byte_orders, port_of
from model.ports import layout as layout_named
from proofs import engine, runner, theorems
from proofs.desk import Options
from proofs.engine import ClauseResult, Proof
from proofs.ports import CODES, has_table, table_of
from proofs.runner import MAP, ProofStore, ProofTask
from proofs.theorems import Theorem
from slatcheck import __version__
from slatcheck.document.result import Check, Document, Finding, Verdict
from slatcheck.errors import InputError
from slatcheck.judge.candidates import confirm
from slatcheck.judge.code.claims import trusted
from slatcheck.judge.code.lemmas import prove_ahead
from slatcheck.judge.code.task import CodeOutcome, Known
from slatcheck.judge.code.trees import Ahead, prove_tree, tasks_of
from slatcheck.judge.deciders import notes_of_solvers, of_clause
from slatcheck.judge.findings import merge
from slatcheck.judge.subject import kernel_facts
from slatcheck.progress import Progress
from slatcheck.search.campaign import Campaign
from slatcheck.search.unit import Report, Unit
from support import cache as keeping
from support.cache import Mode
from support.pool import begin

KIND = "proof-model"


@dataclass(frozen=True)
class ProofRequest:
    """What is to be proved: a tree's own C where ``kernel`` names one, else the built-in table.

    ``quirks`` are switched on in the table; ``each_quirk`` asks in addition, for each quirk
    alone, that it refutes just what it should. ``jobs`` are processes, 0 for one a core.
    ``byte_orders`` are those to prove a layout of a tree in, by its name; all that Kconfig permits
    for a layout that is not named. ``long`` asks for proofs that take many minutes as well;
    ``later`` are layouts that nobody named and whose proof does: they are but mentioned.
    """

    layouts: tuple[Layout, ...]
    quirks: tuple[str, ...] = ()
    each_quirk: bool = False
    jobs: int = 0
    options: Options = field(default_factory=Options)
    cache: Mode = Mode.USE
    kernel: Path | None = None
    cc: str | None = None
    long: bool = False
    later: tuple[Layout, ...] = ()
    byte_orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def orders(self, layout: Layout) -> tuple[str, ...]:
        """Return the byte orders to prove a layout of a tree in."""
        return self.byte_orders.get(layout.name) or byte_orders(layout)


@dataclass
class ProofOutcome:
    """Checks and findings of proofs, to be put into a document."""

    checks: list[Check]
    findings: list[Finding]


def prove(request: ProofRequest, report: Callable[[Progress], None]) -> Document:
    """Prove what is asked for; every finding was replayed.

    Raises TreeError for a tree that is none.
    """
    if request.kernel is not None:
        return _prove_kernel(request, report)
    left = notes_of_unproved_tables((*request.layouts, *request.later), request.long)
    if not any(has_table(layout, request.long) for layout in request.layouts):
        raise InputError(f"{left[-1]}; there is nothing to prove")
    outcome = carry_out(request, report)
    tool = {"name": "slatcheck", "version": __version__}
    notes = [f"assumed, {name}: {what}" for name, what in theorems.ASSUMPTIONS]
    notes += left + notes_of_solvers(outcome.checks, request.options)
    layouts = list(request.layouts)
    return Document(tool, None, layouts, outcome.checks, outcome.findings, notes)


def _prove_kernel(request: ProofRequest, report: Callable[[Progress], None]) -> Document:

    if not provable(request.layouts):
        raise InputError(f"{notes_of_unproved_code(request.layouts)[0]}: use 'slatcheck check'")
    facts = kernel_facts(request.kernel, request.cc, request.layouts)
    outcome = of_kernel(request, report)
    tool = {"name": "slatcheck", "version": __version__}
    return Document(
        tool,
        facts,
        list(request.layouts),
        outcome.checks,
        outcome.findings,
        kernel_notes(request.layouts) + notes_of_solvers(outcome.checks, request.options),
    )


def kernel_notes(layouts: Sequence[Layout]) -> list[str]:
    """Return what the proof of a tree's C assumes and trusts, and whose C is not proved."""
    proved = provable(layouts)
    if not proved:
        return notes_of_unproved_code(layouts)
    front = "Clang's typed syntax tree and our interpreter of it; see docs/proof.md"
    assumed = {**dict(theorems.ASSUMPTIONS), "front end": front}
    told = [f"assumed, {name}: {what}" for name, what in assumed.items()]
    told += trusted(dict.fromkeys(layout.port for layout in proved))
    return told + notes_of_unproved_code(layouts)


def of_kernel(
    request: ProofRequest,
    report: Callable[[Progress], None],
    known: Known | None = None,
    ahead: Ahead | None = None,
) -> ProofOutcome:
    """Prove a tree's own C; ``known`` are the fingerprints that runs have shown.

    ``ahead`` is what ``begin_lemmas`` began.
    """
    assert request.kernel is not None
    found: dict[str, CodeOutcome] = {}
    proved = provable(request.layouts)
    try:
        prove_tree(
            request.kernel,
            {layout: request.orders(layout) for layout in proved},
            request.cc,
            request.options,
            request.jobs,
            request.cache,
            report,
            found,
            known,
            ahead,
        )
    except KeyboardInterrupt:
        raise InterruptedProof(_of_layouts(found, proved)) from None
    return _of_layouts(found, proved)


def begin_lemmas(request: ProofRequest) -> Ahead:
    """Have the lemmas of a tree's C proved while runs are still looked at; ``of_kernel`` asks."""
    assert request.kernel is not None
    layouts = {layout: request.orders(layout) for layout in provable(request.layouts)}
    tasks = tasks_of(request.kernel, layouts, request.cc, request.options, request.cache, {})
    return {task.layout: begin(prove_ahead, task) for task in tasks}


def provable(layouts: Iterable[Layout]) -> tuple[Layout, ...]:
    """Return the layouts whose kernel code can be proved: a port may be without a proof."""
    return tuple(layout for layout in layouts if layout.port in CODES)


def notes_of_unproved_tables(layouts: Iterable[Layout], long: bool = False) -> list[str]:
    """Return notes of the layouts in which the built-in table is not proved; none if it is.

    Those of which the proof takes many minutes are left out where it is not to be ``long``.
    """
    without = [layout for layout in layouts if not has_table(layout, long)]
    later = [layout for layout in without if takes_long(layout)]
    never = [layout for layout in without if layout not in later]
    told = []
    if never:
        told.append(f"not proved: the built-in table in {_names(never)}")
    if later:
        how = "it takes many minutes, 'slatcheck prove --long' does it"
        told.append(f"not proved: the built-in table in {_names(later)}: {how}")
    return told


def takes_long(layout: Layout) -> bool:
    """Return whether the proof of the built-in table in a layout takes many minutes."""
    return has_table(layout, long=True) and not has_table(layout)


def _names(layouts: Iterable[Layout]) -> str:
    return ", ".join(layout.name for layout in layouts)


def notes_of_unproved_code(layouts: Iterable[Layout]) -> list[str]:
    """Return for each port of ``layouts`` whose code cannot be proved that this is so."""
    ports = dict.fromkeys(port_of(layout).title for layout in layouts if layout.port not in CODES)
    return [f"not proved: the C of {title}; what is said of it rests on runs" for title in ports]


class InterruptedProof(KeyboardInterrupt):
    """A proof of many layouts that was interrupted; ``outcome`` is of those that were done."""

    def __init__(self, outcome: ProofOutcome) -> None:
        super().__init__()
        self.outcome = outcome


def _of_layouts(by_layout: Mapping[str, CodeOutcome], layouts: Iterable[Layout]) -> ProofOutcome:
    found = [by_layout[layout.name] for layout in layouts if layout.name in by_layout]
    findings = _merged(finding for outcome in found for finding in outcome.findings)
    return ProofOutcome([check for outcome in found for check in outcome.checks], findings)


def carry_out(request: ProofRequest, report: Callable[[Progress], None]) -> ProofOutcome:
    """Carry out all proofs of a request."""
    store = ProofStore(keeping.place(request.cache), request.cache)
    # A port may be judged without a reference table: then there is no theorem of one.
    proved = [layout for layout in request.layouts if has_table(layout, request.long)]
    plain = {layout.name: _tasks(layout, request.quirks) for layout in proved}
    wanted = [ProofTask(MAP), *(task for tasks in plain.values() for task in tasks)]
    done = _done_reporter(report, plain)
    found = runner.run(wanted, request.options, request.jobs, store, done)
    outcome = ProofOutcome(_map_checks(found[ProofTask(MAP)], request), [])
    for layout in proved:
        proofs = [proof for task in plain[layout.name] for proof in found[task]]
        part = _layout_outcome(layout, proofs, request)
        outcome.checks += part.checks
        outcome.findings += part.findings
    outcome.findings = _merged(outcome.findings)
    if request.each_quirk:
        outcome.checks += _quirk_checks(request, found, plain, store, done)
    return outcome


def _tasks(layout: Layout, quirks: tuple[str, ...]) -> list[ProofTask]:
    return [replace(task, quirks=quirks) for task in runner.tasks_of(layout)]


def _done_reporter(
    report: Callable[[Progress], None], plain: dict[str, list[ProofTask]]
) -> runner.Done:
    """Return what tells of progress, with the names that the user asked for."""
    names = {task.layout: name for name, tasks in reversed(plain.items()) for task in tasks}

    def done(task: ProofTask, count: int, total: int) -> None:
        what = _TITLES[task.scope].format(names.get(task.layout))
        report(Progress(count, total, what, 0))

    return done


_TITLES = {MAP: "theorems of the map", "table": "{}, the proved table", "entry": "{}, its entries"}
"""What progress calls the task of a scope."""


def _base(layout: str, clause: ClauseResult, request: ProofRequest) -> Check:
    base = Check("", KIND, layout, "", Verdict.HOLDS)
    return replace(
        base,
        seconds=round(clause.seconds, 3),
        cases=clause.goals,
        **of_clause(clause, request.options),
    )


_VERDICTS = {
    engine.HOLDS: Verdict.HOLDS,
    engine.OPEN: Verdict.UNKNOWN,
    engine.VACUOUS: Verdict.VACUOUS,
    engine.UNSUPPORTED: Verdict.UNSUPPORTED,
    engine.FAILED: Verdict.ERROR,
}


def _map_checks(proofs: list[Proof], request: ProofRequest) -> list[Check]:
    """Return the checks of the map's own theorems; a refutation has no table to be replayed on."""
    out = []
    for proof in proofs:
        name, _, where = proof.name.partition("/")
        for clause in proof.clauses.values():
            verdict = _VERDICTS.get(clause.verdict, Verdict.UNKNOWN)
            told = ", ".join(f"{key} {value:#x}" for key, value in clause.values.items())
            reason = f"{clause.reason} ({told})" if told else clause.reason
            base = _base("", clause, request)
            out.append(
                replace(
                    base, id=f"map/{name}/{where}", function=name, verdict=verdict, reason=reason
                )
            )
    return out


def _layout_outcome(layout: Layout, proofs: list[Proof], request: ProofRequest) -> ProofOutcome:
    by_name = {proof.name: proof for proof in proofs}
    broken = [proof.name for proof in proofs if proof.verdict != engine.HOLDS]
    out = ProofOutcome([], [])
    for theorem in theorems.theorems(layout):
        clause = by_name[theorem.lemma].clauses[theorem.clause]
        base = replace(
            _base(layout.name, clause, request), id=theorem.id, function=theorem.function
        )
        if clause.verdict == engine.REFUTED:
            findings = refute(layout, request.quirks, theorem, clause)
            out.findings += findings
            out.checks.append(_refuted(base, clause, findings))
        elif clause.verdict == engine.HOLDS and broken:
            reason = f"counts only together with {broken[0]}, which does not hold"
            out.checks.append(replace(base, verdict=Verdict.UNKNOWN, reason=reason))
        else:
            verdict = _VERDICTS[clause.verdict]
            out.checks.append(replace(base, verdict=verdict, reason=clause.reason))
    return out


def _refuted(base: Check, clause: ClauseResult, findings: list[Finding]) -> Check:
    if findings:
        mark = findings[0].fingerprint
        return replace(base, verdict=Verdict.VIOLATED, reason=mark, finding=mark)
    reason = f"{clause.reason}, but no run of the table shows it"
    return replace(base, verdict=Verdict.UNKNOWN, reason=reason)


def refute(
    layout: Layout,
    quirks: tuple[str, ...],
    theorem: Theorem,
    clause: ClauseResult,
    shrinking: bool = True,
) -> list[Finding]:
    """Return what a run of the table shows of a refuted theorem; nothing where none does."""
    kind = next(
        lemma.kind for lemma in table_of(layout).lemmas(layout) if lemma.name == theorem.lemma
    )
    campaign = confirm(references.table(layout, quirks), kind, clause.values, shrinking)
    fitting = {
        mark: hit for mark, hit in campaign.hits.items() if hit.symptom.rule in theorem.rules
    }
    shown = Campaign(hits=fitting or campaign.hits)
    unit = Unit(layout.name, True, None, None, quirks, 0, None)
    return merge([Report(unit, "multilevel", shown)], 0)


def _merged(findings: Iterable[Finding]) -> list[Finding]:
    """Return one finding for each fingerprint, with all its layouts."""
    found: dict[str, Finding] = {}
    for finding in findings:
        first = found.setdefault(finding.fingerprint, finding)
        first.layouts = list(dict.fromkeys([*first.layouts, *finding.layouts]))
        first.byte_orders = [
            name for name in ORDERS if name in first.byte_orders + finding.byte_orders
        ]
    return list(found.values())


# Quirks


def _quirk_checks(
    request: ProofRequest,
    found: dict[ProofTask, list[Proof]],
    plain: dict[str, list[ProofTask]],
    store: ProofStore,
    done: runner.Done,
) -> list[Check]:
    """Ask of each quirk, alone, that it refutes just the theorems that it should."""
    tasks: dict[tuple[str, str], list[ProofTask]] = {}
    # A quirk's refutations are asked for where the whole proof is swift.
    for layout in filter(has_table, request.layouts):
        for quirk in quirks_of(layout):
            tasks[quirk.name, layout.name] = [
                replace(task, quirks=(quirk.name,), only=only)
                for task in plain[layout.name]
                if (only := _asking(found[task], quirk))
            ]
    wanted = [task for several in tasks.values() for task in several]
    proofs = runner.run(wanted, request.options, request.jobs, store, done)
    out: list[Check] = []
    for (name, where), several in tasks.items():
        layout = layout_named(where)
        mine = [proof for task in several for proof in proofs[task]]
        out += quirk_checks(layout, next(iter(quirks_named(layout, (name,)))), mine, request)
    return out


def _asking(proofs: list[Proof], quirk: Quirk) -> tuple[str, ...]:
    """Return the lemmas in whose proof the quirk is asked for; it cannot matter to others."""
    return tuple(proof.name for proof in proofs if quirk.name in proof.consulted)


def quirk_checks(
    layout: Layout, quirk: Quirk, proofs: list[Proof], request: ProofRequest
) -> list[Check]:
    """Return the checks of one quirk in one layout."""
    by_name = {proof.name: proof for proof in proofs}
    expected = table_of(layout).refuted_by(quirk, layout)
    out = []
    for theorem in theorems.theorems(layout):
        proof = by_name.get(theorem.lemma)
        wanted = f"{theorem.function}/{theorem.clause}" in expected
        if proof is None and not wanted:
            continue
        clause = proof.clauses[theorem.clause] if proof else ClauseResult(theorem.clause)
        if clause.reason == engine.NOT_REACHED and not wanted:
            continue
        name = f"quirk/{quirk.name}/{theorem.function}/{theorem.clause}"
        base = replace(_base(layout.name, clause, request), id=name, function=theorem.function)
        out.append(_quirk_check(base, layout, quirk, theorem, clause, wanted))
    return out + _unlisted(layout, quirk, proofs, request)


def _unlisted(
    layout: Layout, quirk: Quirk, proofs: list[Proof], request: ProofRequest
) -> list[Check]:
    """Return an error for each failure of a clause that no theorem names."""
    listed = {(theorem.lemma, theorem.clause) for theorem in theorems.theorems(layout)}
    return [
        replace(
            _base(layout.name, clause, request),
            id=f"quirk/{quirk.name}/{proof.name}/{clause.name}",
            verdict=Verdict.ERROR,
            reason="the quirk refutes what no theorem names",
        )
        for proof in proofs
        for clause in proof.clauses.values()
        if (proof.name, clause.name) not in listed and clause.verdict != engine.HOLDS
    ]


def _quirk_check(
    base: Check, layout: Layout, quirk: Quirk, theorem: Theorem, clause: ClauseResult, wanted: bool
) -> Check:
    refuted = clause.verdict == engine.REFUTED
    if clause.verdict not in (engine.HOLDS, engine.REFUTED):
        return replace(base, verdict=_VERDICTS[clause.verdict], reason=clause.reason)
    if refuted != wanted:
        told = "refutes" if refuted else "does not refute"
        reason = f"the quirk {told} this theorem here, against what is expected of it"
        return replace(base, verdict=Verdict.ERROR, reason=reason)
    if refuted and not refute(layout, (quirk.name,), theorem, clause, shrinking=False):
        reason = "the refutation did not show when it was run"
        return replace(base, verdict=Verdict.UNKNOWN, reason=reason)
    return base
