# SPDX-License-Identifier: GPL-2.0-only
"""Which findings become tests: those of a file, or of a search of the layout, that show again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from impl.kernel.errors import UnsupportedError
from impl.kernel.layouts import at
from model.layout import Layout
from model.machines import LITTLE
from model.ports import byte_orders
from slatcheck.document.result import Verdict
from slatcheck.errors import InputError
from slatcheck.export import case as cases
from slatcheck.export import running
from slatcheck.export.c_form import render_c
from slatcheck.export.case import Case
from slatcheck.export.program import Form
from slatcheck.judge.traces import Trace
from slatcheck.search.unit import Unit, search


@dataclass
class Chosen:
    """What is tested on a layout.

    ``cases`` are findings, each with whether it shows only where every access is checked.
    ``refused`` are findings that are no tests, each with the reason.
    """

    layout: Layout
    cases: list[tuple[Case, bool]] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


def named(found: Iterable[Trace], layout: str | None) -> str:
    """Return the layout that a folder is for: the one asked for, or the one of all findings.

    Raises InputError where that is not clear.
    """
    if layout is not None:
        return layout
    names = sorted({trace.layout.name for trace in found})
    if len(names) != 1:
        which = f"the findings are on {', '.join(names)}" if names else "there are no findings"
        raise InputError(f"name the layout that the folder is for with --layout: {which}")
    return names[0]


def choose(every: list[Trace] | None, layout: str | None, kernel: Path, cc: str | None) -> Chosen:
    """Return what to test of a tree on a layout, of the findings given.

    The layout is searched where none are given (None), and for those that are traced on another
    layout alone. Raises InputError, TreeError and UnsupportedError, each with one line.
    """
    layout_, order = running.named(named(every or [], layout))
    if LITTLE not in byte_orders(layout_) or (":" in (layout or "") and order != LITTLE):
        raise InputError(f"{layout} is big-endian, and the hosts that run it are little-endian")
    out = Chosen(at(kernel, layout_))
    for trace in sorted(_traced(out, every, kernel, cc), key=lambda one: one.fingerprint):
        _try(out, replace(trace, layout=out.layout, byte_order=LITTLE), kernel, cc)
    return out


def _traced(out: Chosen, every: list[Trace] | None, kernel: Path, cc: str | None) -> list[Trace]:
    """Return the findings that have, or get, a trace on the layout."""
    name = out.layout.name
    if every is None:
        return _searched(out.layout, kernel, cc)
    here = [trace for trace in every if trace.layout.name == name]
    others = {trace.fingerprint for trace in every} - {trace.fingerprint for trace in here}
    also = {trace.fingerprint for trace in every if name in trace.seen_on} & others
    if also:
        here += [t for t in _searched(out.layout, kernel, cc) if t.fingerprint in also]
    # A report of many layouts has findings that are no business of this one.
    absent = (others if len(every) == 1 else also) - {trace.fingerprint for trace in here}
    out.refused = dict.fromkeys(sorted(absent), f"it was not found on {name}")
    return here


def _searched(layout: Layout, kernel: Path, cc: str | None) -> list[Trace]:
    report = search(Unit(layout.name, False, kernel, cc, (), 0, None))
    if report.failure is not None:
        raise UnsupportedError(report.failure[1])
    return [
        Trace(mark, "kernel", layout, (), 0, tuple(hit.ops), byte_order=LITTLE)
        for mark, hit in report.campaign.hits.items()
    ]


def _try(out: Chosen, trace: Trace, kernel: Path, cc: str | None) -> None:
    """Make a case of a finding if a program shows it."""
    try:
        if trace.implementation != "kernel":
            raise InputError("it was found in the built-in page table, which is no C")
        case = cases.of(trace, kernel, cc, kernel)
        exported = running.Exported(render_c(case), Form.C, case.layout, LITTLE)
        running.require_shown(exported, trace.fingerprint, kernel, cc)
    except InputError as reason:
        out.refused[trace.fingerprint] = str(reason).partition("; export it")[0]
        return
    verdict, _ = running.run(running.build(exported, kernel, cc, checked=False))
    out.cases.append((case, verdict is not Verdict.VIOLATED))
