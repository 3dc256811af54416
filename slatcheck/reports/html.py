# SPDX-License-Identifier: GPL-2.0-only
"""The whole run as one self-contained HTML page: the matrix, what stands behind it, findings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from model.rules import RULES
from model.triggers import TRIGGERS
from slatcheck.display import web
from slatcheck.display.canvas import STYLE
from slatcheck.display.words import clean, layout_names, spared_names
from slatcheck.document.result import Cause, Check, Document, Finding, Verdict
from slatcheck.reports import campaigns, gated, lines, standings
from slatcheck.reports.forms import Replay
from slatcheck.reports.matrix import Cell, matrix

GLYPHS = {
    Verdict.HOLDS: "✓",
    Verdict.VIOLATED: "✗",
    Verdict.UNKNOWN: "?",
    Verdict.VACUOUS: "∅",
    Verdict.UNSUPPORTED: "⊘",
    Verdict.ERROR: "‼",
}
"""A sign for each verdict, beside its word: colour is never alone."""
STANDINGS = ("proved from C", "refuted from C", "open", "not bound", "test only")


@dataclass(frozen=True)
class _Shown:
    """A finding with what the page says of it."""

    finding: Finding
    number: int
    title: str
    trigger: str
    where: str
    layouts: str
    trace: tuple[str, ...]
    difference: tuple[str, ...]
    replay: str


@dataclass(frozen=True)
class _Caused:
    """A cause with what the page says of it; ``shown`` is the finding that shows it best."""

    cause: Cause
    title: str
    layouts: str
    shown: _Shown


def render(document: Document, replay: Replay | None = None) -> str:
    """Return the page. ``replay`` gives the command that runs a finding again."""
    findings = sorted(document.findings, key=standings.rank)
    return web.render(
        "slatcheck.reports",
        "html.html.j2",
        web.resource("slatcheck.reports", "html.js"),
        document=document,
        verdict=document.verdict,
        glyphs=GLYPHS,
        meanings=_MEANINGS,
        headline=lines.headline(document),
        gate=list(gated.lines(document)),
        decides=gated.verdict(document),
        totals=standings.totals(document),
        matrix=matrix(document),
        statements={rule.name: rule.statement for rule in RULES},
        findings=[_shown(n, finding, document, replay) for n, finding in enumerate(findings, 1)],
        causes=[_caused(cause, document) for cause in document.causes],
        numbers={finding.fingerprint: number for number, finding in enumerate(findings, 1)},
        standings=STANDINGS,
        functions=_functions(document),
        coverage=_coverage(document),
        slug=_slug,
        campaigns=campaigns.shown(document),
        picture_style=STYLE,
    )


_MEANINGS = {
    Verdict.HOLDS: "no promise was found broken, by the evidence that is named",
    Verdict.VIOLATED: "a promise is broken",
    Verdict.UNKNOWN: "it was looked at and could not be decided",
    Verdict.VACUOUS: "no case ran, so nothing was learnt",
    Verdict.UNSUPPORTED: "beyond what slatcheck can build or understand",
    Verdict.ERROR: "slatcheck itself failed",
}


def _slug(cell: Cell) -> str:
    """Return the name by which a page finds a cell's evidence."""
    return "cell-" + re.sub(r"[^a-z0-9-]+", "", f"{cell.layout}-{cell.rule}")


def _shown(number: int, finding: Finding, document: Document, replay: Replay | None) -> _Shown:
    names = [layout.name for layout in document.layouts]
    meaning = TRIGGERS.get(finding.trigger, "")
    return _Shown(
        finding=finding,
        number=number,
        title=lines.title(finding),
        trigger=clean(finding.trigger) + (f": {meaning}" if meaning else ""),
        where=lines.where(finding),
        layouts=clean(layout_names(finding.layouts, names)),
        trace=tuple(lines.trace(finding)),
        difference=tuple(lines.difference(finding)),
        replay=clean(replay(finding)) if replay else "",
    )


def _caused(cause: Cause, document: Document) -> _Caused:
    by_mark = {finding.fingerprint: finding for finding in document.findings}
    names = [layout.name for layout in document.layouts]
    shown = _shown(0, by_mark[cause.findings[0]], document, None)
    return _Caused(cause, clean(cause.title), clean(spared_names(cause.layouts, names)), shown)


def _functions(document: Document) -> list[tuple[str, list[int]]]:
    """Return for each function of the tree in how many layouts it stands on which evidence."""
    if not any(check.kind == "proof-c" for check in document.checks):
        return []
    by_function: dict[str, dict[str, list[Check]]] = {}
    for check in document.checks:
        if check.kind in ("proof-c", "differential") and check.function and check.layout:
            by_function.setdefault(check.function, {}).setdefault(check.layout, []).append(check)
    return [
        (clean(function), _standings(list(layouts.values())))
        for function, layouts in by_function.items()
    ]


def _standings(layouts: Sequence[Sequence[Check]]) -> list[int]:
    states = [standings.standing(checks) for checks in layouts]
    return [states.count(standing) for standing in STANDINGS]


def _coverage(document: Document) -> list[dict[str, Any]]:
    """Return how far the runs beside the proved table reached into each function, by layout."""
    ties = (document.kernel or {}).get("tie") or []
    found = []
    for tie in ties:
        rows = [
            (clean(name), tie["operations"].get(name), *tie["coverage"].get(name, (0, 0)))
            for name in dict.fromkeys([*tie["operations"], *tie["coverage"]])
        ]
        found.append(
            {
                "layout": clean(tie["layout"]),
                "rows": rows,
                "quirks": [clean(quirk) for quirk in tie["quirks"]],
                "parting": clean(tie["parting"]),
                "reached": sum(row[2] for row in rows),
                "every": sum(row[3] for row in rows),
            }
        )
    return found
