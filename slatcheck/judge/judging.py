# SPDX-License-Identifier: GPL-2.0-only
"""The gate: every layout is searched, every finding replayed, and the document put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from impl.kernel.kconfig import absence
from impl.kernel.ports import trees_in
from model.layout import Layout
from model.machines import BIG, ORDERS
from model.operations import Kind
from model.ports import byte_orders, permitted_layouts, port_of
from model.ports import layout as layout_named
from model.ports.port import Port
from model.rules import RULES, Rule
from proofs.desk import Options
from slatcheck import __version__
from slatcheck.document.result import Check, Document, Verdict
from slatcheck.judge import prove
from slatcheck.judge.code.claims import disagreements
from slatcheck.judge.code.trees import Ahead
from slatcheck.judge.contract_checks import contract_checks, kept_contracts
from slatcheck.judge.deciders import notes_of_solvers
from slatcheck.judge.findings import merge, relate
from slatcheck.judge.subject import kernel_facts
from slatcheck.judge.tie import comparable, ties
from slatcheck.progress import Progress
from slatcheck.search.unit import Report, Seen, Unit, kept_search, search
from support.cache import Mode
from support.pool import begin, shared, spread


@dataclass(frozen=True)
class Request:
    """What a check is asked to do.

    ``byte_orders`` are those to judge a layout of a tree in, by its name; all that Kconfig permits
    for a layout that is not named. ``max_ops`` are operations on each layout (None: the default),
    ``jobs`` processes (0: one a core), ``cc`` the compiler the user names, ``quirks`` those of the
    built-in table, ``is_known`` says of a
    fingerprint on a layout that it need not be reported as soon as it is found.
    """

    layouts: tuple[Layout, ...]
    kernel: Path | None = None
    seed: int = 0
    max_ops: int | None = None
    jobs: int = 0
    cc: str | None = None
    evidence: frozenset[str] = frozenset({"differential"})
    quirks: tuple[str, ...] = ()
    cache: Mode = Mode.USE
    is_known: Callable[[str, str], bool] | None = None
    byte_orders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def orders(self, layout: Layout) -> tuple[str, ...]:
        """Return the byte orders to judge ``layout`` in; the built-in table has but one."""
        if self.kernel is None:
            return (BIG,)
        return self.byte_orders.get(layout.name) or byte_orders(layout)


def check(request: Request, report: Callable[[Progress], None]) -> Document:
    """Judge every layout of ``request``.

    Raises InputError or TreeError for bad input. On KeyboardInterrupt all workers are ended, and
    what was found until then is returned, marked as interrupted and open on every layout.
    """
    document = blank(request)
    try:
        with shared(request.jobs):
            _fill(document, request, report)
    except KeyboardInterrupt:
        interrupted(document)
    return document


def blank(request: Request) -> Document:
    """Return a document in which nothing is judged yet. Raises TreeError for bad input."""
    return _document(request, kernel_facts(request.kernel, request.cc, request.layouts))


def nothing(request: Request) -> Document:
    """Return the document of a run that was interrupted before it found anything."""
    document = _document(request, None)
    interrupted(document)
    return document


def _new(request: Request, mark: str, layout: str) -> bool:
    """Return whether a finding is worth telling at once: one that is not known."""
    return request.is_known is not None and not request.is_known(mark, layout)


def interrupted(document: Document) -> None:
    """Mark a document as that of a run that was ended: open on every layout."""
    document.tool["interrupted"] = True
    reason = "interrupted before everything was looked at"
    document.checks += [
        Check("run/interrupted/complete", "differential", layout.name, "", Verdict.UNKNOWN, reason)
        for layout in document.layouts
    ]


def _fill(document: Document, request: Request, report: Callable[[Progress], None]) -> None:
    @cache
    def contracts() -> Callable[[], list[Check]]:
        if "contract" not in request.evidence:
            return list
        return begin(contract_checks, request.cache, kept_contracts)

    # A long piece of work that depends on nothing: whoever has nothing left to search begins it.
    lemmas = _add_search(document, request, report, contracts)
    contracts()
    if "proof" in request.evidence:
        _add_proofs(document, request, report)
        _add_kernel_proof(document, request, report, lemmas)
        document.notes += notes_of_solvers(document.checks, Options())
        _add_tie(document, request)
    document.checks += contracts()()
    document.notes += _left_out(request.kernel)


def _left_out(kernel: Path | None) -> list[str]:
    """Return which permitted layouts of its architectures the tree has not, and why."""
    if kernel is None:
        return []
    known = trees_in(kernel)
    its = [layout for layout in permitted_layouts() if layout.port in known]
    reasons = {layout.name: absence(known, layout) for layout in its}
    return [f"not judged, {name}: {why}" for name, why in reasons.items() if why]


def _add_proofs(document: Document, request: Request, report: Callable[[Progress], None]) -> None:
    """Add the theorems of the built-in table: what the tree is compared with."""
    wanted = prove.ProofRequest(
        request.layouts, quirks=request.quirks, jobs=request.jobs, cache=request.cache
    )
    outcome = prove.carry_out(wanted, _counting_from(len(document.findings), report))
    document.notes += prove.notes_of_unproved_tables(request.layouts)
    document.checks += outcome.checks
    known = {finding.fingerprint for finding in document.findings}
    document.findings += [
        finding for finding in outcome.findings if finding.fingerprint not in known
    ]


def _of_kernel(request: Request) -> prove.ProofRequest:
    """Return what is to be proved of the tree's own C."""
    return prove.ProofRequest(
        request.layouts,
        kernel=request.kernel,
        cc=request.cc,
        jobs=request.jobs,
        cache=request.cache,
        byte_orders={layout.name: request.orders(layout) for layout in request.layouts},
    )


def _begin_lemmas(request: Request) -> Ahead:
    """Have the tree's C proved as far as that does not depend on what runs show."""
    if "proof" not in request.evidence or request.cache is Mode.ENFORCE:
        return {}
    return prove.begin_lemmas(_of_kernel(request))


def _add_kernel_proof(
    document: Document, request: Request, report: Callable[[Progress], None], ahead: Ahead
) -> None:
    """Add the proof of the tree's own C; what runs have shown need not be shown again."""
    if request.kernel is None:
        return
    known = _shown(document, request)
    already = {mark for marks in known.values() for mark in marks}
    try:
        outcome = prove.of_kernel(
            _of_kernel(request), _counting_from(len(already), report), known, ahead
        )
    except prove.InterruptedProof as cut:
        _join(document, cut.outcome)
        raise
    _join(document, outcome)


def _shown(document: Document, request: Request) -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the fingerprints that runs of the tree have shown, by layout and byte order."""
    return {
        (layout.name, order): tuple(
            finding.fingerprint
            for finding in document.findings
            if finding.contract
            and finding.implementation == "kernel"
            and layout.name in finding.layouts
            and order in finding.byte_orders
        )
        for layout in request.layouts
        for order in request.orders(layout)
    }


def _counting_from(more: int, report: Callable[[Progress], None]) -> Callable[[Progress], None]:
    """Return what tells of steps as ``report``, with the findings that were there before."""
    return lambda step: report(step.with_findings(more))


def _join(document: Document, outcome: prove.ProofOutcome) -> None:
    """Add what the proof of a tree's C has to say, and where runs say otherwise."""
    shown = [finding for finding in document.findings if finding.implementation == "kernel"]
    document.checks += outcome.checks + disagreements(outcome.checks, shown)
    by_mark = {finding.fingerprint: finding for finding in document.findings}
    for finding in outcome.findings:
        first = by_mark.setdefault(finding.fingerprint, finding)
        first.layouts = list(dict.fromkeys([*first.layouts, *finding.layouts]))
        first.byte_orders = [
            order for order in ORDERS if order in first.byte_orders + finding.byte_orders
        ]
    document.findings = list(by_mark.values())
    relate(document.findings)
    document.notes += prove.kernel_notes(document.layouts)


def _add_tie(document: Document, request: Request) -> None:
    """Say how far the tree's C and the table that was proved agree, where both were asked for."""
    if request.kernel is None or document.kernel is None:
        return
    if "differential" in request.evidence and comparable(request.layouts):
        found = ties(
            request.kernel,
            request.layouts,
            seed=request.seed,
            cc=request.cc,
            jobs=request.jobs,
            cache=request.cache,
        )
        # As JSON has it, so that the document is the same before and after it was written.
        document.kernel["tie"] = [
            asdict(tie)
            | {
                "quirks": list(tie.quirks),
                "coverage": {name: list(points) for name, points in tie.coverage.items()},
            }
            for tie in found
        ]


def _add_search(
    document: Document,
    request: Request,
    report: Callable[[Progress], None],
    begin_next: Callable[[], object],
) -> Ahead:
    """Search every unit of the differential test, if that is asked for.

    All units are handed out when the first is done: then ``begin_next`` hands out what comes next.
    Where the units that are to be searched leave processes idle, these prove the tree's C in the
    meantime; returns what was begun.
    """
    units = list(units_of(request)) if "differential" in request.evidence else []
    # The first layout's verdict comes soonest where nothing else is done beside it.
    few = request.kernel is not None and 0 < len(units) <= len(ORDERS)
    kept = {unit: kept_search(unit) for unit in units} if few else {}
    ahead = _begin_lemmas(request) if None in kept.values() else {}
    reports: dict[int, Report] = {}
    found: set[str] = set()

    def show(title: str, layout: str, marks: Iterable[str], early: bool = False) -> None:
        new = tuple(mark for mark in marks if mark not in found and _new(request, mark, layout))
        found.update(marks)
        report(Progress(len(reports), len(units), title, len(found), new, early))

    def told(seen: Seen) -> None:
        show(seen.layout, seen.layout, (seen.fingerprint,), early=True)

    try:
        known = kept.__getitem__ if few else kept_search
        for index, unit_report in spread(search, units, request.jobs, known, told):
            reports[index] = unit_report
            begin_next()
            show(units[index].title, units[index].layout, tuple(unit_report.campaign.hits))
    finally:
        done = [reports[index] for index in sorted(reports)]
        document.findings = merge(done, request.seed)
        document.checks = [judged for report in done for judged in checks_of(report)]
        document.notes = sorted({note for report in done for note in report.notes})
    return ahead


def units_of(request: Request) -> Iterator[Unit]:
    """Yield the work: every layout in each of its byte orders."""
    base = Unit(
        "",
        True,
        request.kernel,
        request.cc,
        request.quirks,
        request.seed,
        request.max_ops,
        request.cache,
    )
    for layout in request.layouts:
        for order in request.orders(layout):
            yield replace(base, layout=layout.name, big_endian=order == BIG)


def _document(request: Request, kernel: dict[str, Any] | None) -> Document:
    tool: dict[str, Any] = {"name": "slatcheck", "version": __version__, "seed": request.seed}
    tool["evidence"] = sorted(request.evidence)
    return Document(tool, kernel, list(request.layouts), [], [])


def checks_of(report: Report) -> list[Check]:
    """Return the checks of one unit of work: one for each function and rule it can break."""
    subject = report.implementation
    order = report.unit.byte_order if subject == "kernel" else ""
    base = Check("", "differential", report.unit.layout, "", Verdict.HOLDS, byte_order=order)
    if report.failure:
        verdict, reason = report.failure
        return [replace(base, id=f"{subject}/build/geometry", verdict=verdict, reason=reason)]
    out = []
    out += [
        replace(
            base,
            id=f"{subject}/{function}/wrong-entry",
            function=function,
            verdict=Verdict.UNSUPPORTED,
            reason=reason,
        )
        for function, reason in report.beyond.items()
    ]
    ended_by = _ends_everything(report)
    share = report.campaign.seconds / max(1, report.campaign.operations)
    port = port_of(layout_named(report.unit.layout))
    for kind, function in port.functions.items():
        if kind in port.optional & report.missing.keys():
            continue
        cases = report.campaign.compared.get(kind, 0)
        for rule in _rules(report, port, kind):
            if rule.name == "geometry" and subject != "kernel":
                # The built-in table is made from the model's geometry: there is nothing to compare.
                continue
            verdict, reason = _verdict(report, kind, function, rule.name, cases)
            shown = reason if verdict is Verdict.VIOLATED else ""
            out.append(
                replace(
                    base,
                    id=f"{subject}/{function}/{rule.name}",
                    function=function,
                    verdict=verdict,
                    reason=reason,
                    finding=shown,
                    rests_on=ended_by if verdict is Verdict.VACUOUS else "",
                    cases=cases,
                    seconds=round(share * cases, 3),
                )
            )
    return out


def _rules(report: Report, port: Port, kind: Kind) -> list[Rule]:
    """Return the rules by which an operation is judged, and any other that it was seen to break.

    The verdict is that of the checks: what is broken has one, whatever the catalogue foresees.
    """
    broken = {
        hit.symptom.rule
        for hit in report.campaign.hits.values()
        if hit.symptom.entry == port.functions[kind] and hit.symptom.contract
    }
    foreseen = port.rules(kind)
    return [rule for rule in RULES if rule in foreseen or rule.name in broken]


def _ends_everything(report: Report) -> str:
    """Return the check that is violated where no table can be made, '' where one can."""
    hit = report.ends_everything
    return f"{report.implementation}/{hit.symptom.entry}/{hit.symptom.rule}" if hit else ""


def _verdict(
    report: Report, kind: Kind, function: str, rule: str, cases: int
) -> tuple[Verdict, str]:
    hits = report.campaign.hits.values()
    for hit in hits:
        if hit.symptom.rule == rule and hit.symptom.entry == function and hit.symptom.contract:
            return Verdict.VIOLATED, hit.symptom.fingerprint
    if report.campaign.limits:
        return Verdict.ERROR, report.campaign.limits[0]
    if kind in report.missing:
        return Verdict.UNSUPPORTED, report.missing[kind]
    if rule in report.unchecked:
        return Verdict.UNSUPPORTED, report.unchecked[rule]
    if not cases:
        return Verdict.VACUOUS, "no case ran: no sequence gets as far"
    return Verdict.HOLDS, ""
