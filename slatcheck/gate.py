# SPDX-License-Identifier: GPL-2.0-only
"""The gate: every layout is searched, every finding replayed, and the document put together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from model.layout import Layout
from model.mips import layout as layout_named
from model.operations import FUNCTIONS, Kind, to_json
from model.rules import rules_of
from slatcheck import __version__, describe
from slatcheck.campaign import Hit
from slatcheck.result import (
    SCHEMA,
    Check,
    Document,
    Finding,
    Location,
    Verdict,
    severity_of,
)
from slatcheck.work import Report, Unit, search


@dataclass(frozen=True)
class Request:
    """What a check is asked to do.

    ``max_ops`` are operations on each layout (None: the default), ``jobs`` processes (0: one a
    core), ``cc`` the compiler the user names, ``quirks`` those of the built-in table.
    """

    layouts: tuple[Layout, ...]
    kernel: Path | None = None
    seed: int = 0
    max_ops: int | None = None
    jobs: int = 0
    cc: str | None = None
    evidence: frozenset[str] = frozenset({"differential"})
    quirks: tuple[str, ...] = ()


class Progress(NamedTuple):
    """How far a check is: units of work done, the layout that was finished last."""

    done: int
    total: int
    layout: str
    findings: int


def check(request: Request, report: Callable[[Progress], None]) -> Document:
    """Judge every layout of ``request``.

    Raises InputError or TreeError for bad input. On KeyboardInterrupt all workers are ended.
    """
    kernel = kernel_facts(request.kernel, request.cc)
    units = list(_units(request))
    reports: dict[int, Report] = {}
    found: set[str] = set()
    for index, one in _run(units, request.jobs):
        reports[index] = one
        found |= one.campaign.hits.keys()
        report(Progress(len(reports), len(units), units[index].title, len(found)))
    ordered = [reports[index] for index in range(len(units))]
    return _document(request, kernel, ordered)


def kernel_facts(path: Path | None, cc: str | None) -> dict[str, Any] | None:
    """Return what the document says of a tree; None without one.

    Opens, binds and finds the compiler before any work, so that bad input is told at once:
    raises TreeError.
    """
    if path is None:
        return None
    from impl.kernel.binding import bind
    from impl.kernel.errors import UnsupportedError
    from impl.kernel.toolchain import find
    from impl.kernel.tree import open_tree

    tree = open_tree(path)
    compiler = find(cc)
    try:
        missing = sorted(FUNCTIONS[kind] for kind in bind(tree).missing)
    except UnsupportedError:
        missing = sorted(FUNCTIONS.values())
    return {
        "version": tree.version,
        "digest": tree.digest(),
        "compiler": compiler.version,
        "instrumented": compiler.instrumented,
        "not_bound": missing,
    }


def _units(request: Request) -> Iterator[Unit]:
    """Yield the work: every layout in big-endian, the first of each width in both orders."""
    base = Unit("", True, request.kernel, request.cc, request.quirks, request.seed, request.max_ops)
    both: set[int] = set()
    for layout in request.layouts:
        yield replace(base, layout=layout.name)
        if request.kernel is not None and layout.bits not in both:
            both.add(layout.bits)
            yield replace(base, layout=layout.name, big_endian=False)


def _run(units: list[Unit], jobs: int) -> Iterator[tuple[int, Report]]:
    jobs = min(jobs or os.cpu_count() or 1, len(units))
    if jobs <= 1:
        yield from ((index, search(unit)) for index, unit in enumerate(units))
        return
    # Processes: an emulator cannot be shared, and a crash of one must not end the others.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        pending: dict[Future[Report], int] = {
            pool.submit(search, unit): index for index, unit in enumerate(units)
        }
        try:
            while pending:
                done, _ = wait(pending, return_when=FIRST_COMPLETED)
                for one in done:
                    yield pending.pop(one), one.result()
        except BaseException:
            # The pool forgets its processes when it is shut down, and would wait for their work.
            workers = list((pool._processes or {}).values())
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.terminate()
            raise


def _document(request: Request, kernel: dict[str, Any] | None, reports: list[Report]) -> Document:
    findings = merge(reports, request.seed)
    checks = [one for report in reports for one in checks_of(report)]
    tool = {"name": "slatcheck", "version": __version__, "seed": request.seed}
    notes = sorted({note for report in reports for note in report.notes})
    return Document(tool, kernel, list(request.layouts), checks, findings, notes)


def checks_of(report: Report) -> list[Check]:
    """Return the checks of one unit of work: one for each function and rule it can break."""
    base = Check("", "differential", report.unit.layout, "", Verdict.HOLDS)
    subject = report.implementation
    if report.failure:
        verdict, reason = report.failure
        return [replace(base, id=f"{subject}/build/geometry", verdict=verdict, reason=reason)]
    out = []
    share = report.campaign.seconds / max(1, report.campaign.operations)
    for kind, function in FUNCTIONS.items():
        cases = report.campaign.compared.get(kind, 0)
        for rule in rules_of(kind):
            if rule.name == "geometry" and subject != "kernel":
                # The built-in table is made from the model's geometry: there is nothing to compare.
                continue
            verdict, reason = _verdict(report, kind, rule.name, cases)
            out.append(
                replace(
                    base,
                    id=f"{subject}/{function}/{rule.name}",
                    function=function,
                    verdict=verdict,
                    reason=reason,
                    cases=cases,
                    seconds=round(share * cases, 3),
                )
            )
    return out


def _verdict(report: Report, kind: Kind, rule: str, cases: int) -> tuple[Verdict, str]:
    hits = report.campaign.hits.values()
    function = FUNCTIONS[kind]
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


def merge(reports: list[Report], seed: int) -> list[Finding]:
    """Return one finding for each fingerprint, shown on the layout with the shortest trace."""
    best: dict[str, tuple[Report, Hit]] = {}
    where: dict[str, list[str]] = {}
    for report in reports:
        for mark, hit in report.campaign.hits.items():
            names = where.setdefault(mark, [])
            if report.unit.layout not in names:
                names.append(report.unit.layout)
            if mark not in best or len(hit.ops) < len(best[mark][1].ops):
                best[mark] = (report, hit)
    findings = [_finding(*best[mark], where[mark], seed) for mark in best]
    for one in findings:
        one.related = sorted(x.fingerprint for x in findings if _related(one, x))
    return sorted(findings, key=lambda x: (x.severity == "imprecise", x.fingerprint))


def _related(one: Finding, other: Finding) -> bool:
    """Return whether two findings share their cause as far as can be told from outside."""
    if one is other:
        return False
    edges = {"ends-at-top", "next-page-mapped"}
    same_place = bool(one.location.line) and one.location == other.location
    if one.rule == other.rule and (one.trigger == other.trigger or same_place):
        return True
    return {one.trigger, other.trigger} <= edges


def _finding(report: Report, hit: Hit, layouts: list[str], seed: int) -> Finding:
    symptom, layout = hit.symptom, layout_named(report.unit.layout)
    op = hit.ops[symptom.step]
    expected = describe.entries(layout, symptom.expected)
    actual = describe.entries(layout, symptom.actual)
    file, line = _place(report, hit)
    return Finding(
        fingerprint=symptom.fingerprint,
        rule=symptom.rule,
        severity=severity_of(symptom.rule, symptom.imprecise),
        layouts=layouts,
        shown_on=layout.name,
        entry=symptom.entry,
        trigger=symptom.trigger,
        operands=to_json(op),
        summary=_summary(hit),
        trace=[to_json(one) for one in hit.ops],
        expected=expected,
        actual=actual or [symptom.said],
        location=Location(symptom.function or symptom.entry, file, line),
        seed=seed,
        implementation=report.implementation,
        contract=symptom.contract,
        step=symptom.step,
        quirks=list(report.unit.quirks),
    )


def _summary(hit: Hit) -> str:
    return f"{hit.symptom.entry}: {hit.symptom.said or hit.symptom.rule}"


def _place(report: Report, hit: Hit) -> tuple[str, int]:
    """Return file and line of the event, else of the definition of the entry point."""
    file, _, line = hit.symptom.where.rpartition(":")
    if file and line.isdigit():
        return file, int(line)
    return report.places.get(hit.symptom.entry, ("", 0))


__all__ = ["SCHEMA", "Progress", "Request", "check", "checks_of", "merge"]
