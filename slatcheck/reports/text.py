# SPDX-License-Identifier: GPL-2.0-only
"""The report for people: each finding with its shortest trace, then what the verdict rests on."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from model.rules import RULES
from model.triggers import TRIGGERS
from slatcheck.display.words import WIDTH, clean, columns, count, item, layout_names, wrapped
from slatcheck.document.result import Check, Document, Finding, Verdict, worst
from slatcheck.reports import brief, gated, lines, tied
from slatcheck.reports.forms import Replay
from slatcheck.reports.standings import operations, rank, standing, totals
from slatcheck.reports.undecided import undecided

_LABEL = 11
_STATEMENTS = {rule.name: rule.statement for rule in RULES}
_NOWHERE = "not known; begin at the entry point"


def render(document: Document, replay: Replay | None = None, verbose: bool = False) -> str:
    """Return the report, ending with the verdict on the whole.

    It shows the causes with what they have in common, ``verbose`` every finding and all that the
    verdict rests on. Of findings that are known only the names are shown. ``replay`` gives the
    command for each finding; without it a verbose report says how to get one.
    """
    if not verbose:
        return brief.render(document, replay)
    names = [layout.name for layout in document.layouts]
    text = [lines.headline(document), ""]
    findings = sorted(document.findings, key=rank)
    text += _causes(document, findings)
    for number, finding in enumerate(findings, 1):
        if not finding.known:
            text += [*_finding(number, finding, names, replay), ""]
    text += _index(findings)
    text += _summary(document)
    return "\n".join(text) + "\n"


def _causes(document: Document, findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the causes, worst first, each with the numbers of its findings."""
    numbers = {finding.fingerprint: number for number, finding in enumerate(findings, 1)}
    if not findings:
        return
    yield "causes"
    for cause in document.causes:
        mine = sorted(numbers[mark] for mark in cause.findings)
        told = ", ".join(map(str, mine))
        yield from item(f"({cause.severity}) {cause.title}: {cause.id}, findings {told}")
    yield ""


def _labelled(label: str, text: str) -> list[str]:
    """Return one labelled paragraph of a finding, wrapped and indented."""
    return wrapped("    " + label.ljust(_LABEL), text)


def _finding(
    number: int, finding: Finding, names: Sequence[str], replay: Replay | None
) -> Iterator[str]:
    yield f"{number}. {lines.title(finding)}"
    if finding.rule in _STATEMENTS:
        yield f"    {_STATEMENTS[finding.rule]}"
    yield ""
    yield from _facts(finding, names)
    yield ""
    yield from _trace(finding)
    yield ""
    yield from _difference(finding)
    yield from _ending(finding, replay)


def _facts(finding: Finding, names: Sequence[str]) -> Iterator[str]:
    if finding.summary:
        yield from _labelled("what", finding.summary)
    shown = layout_names(finding.layouts, names)
    if len(names) > 1 and not shown.startswith(("all ", "both ")) and len(finding.layouts) > 1:
        shown += f" ({len(finding.layouts)} of {len(names)})"
    yield from _labelled("layouts", shown)
    yield from _labelled("entry", finding.entry)
    meaning = TRIGGERS.get(finding.trigger, "")
    yield from _labelled("trigger", finding.trigger + (f": {meaning}" if meaning else ""))
    if not finding.contract:
        yield from _labelled("contract", "no caller in the kernel can pass these operands today")
    yield from _labelled("where", lines.where(finding) or _NOWHERE)


def _trace(finding: Finding) -> Iterator[str]:
    name, steps = finding.shown_on, len(finding.trace)
    yield f"    shortest trace found ({count(steps, 'operation')}, {name}, seed {finding.seed}):"
    yield from (f"    {line}" for line in lines.trace(finding))


def _difference(finding: Finding) -> Iterator[str]:
    """Yield expected against actual, the lines that both have in common once."""
    told = list(lines.difference(finding))
    if told:
        yield f"    after step {lines.shown_step(finding)}, expected (-) and actual (+):"
        yield from (f"      {line}" for line in told)
        yield ""


def _ending(finding: Finding, replay: Replay | None) -> Iterator[str]:
    for number, other in enumerate(sorted(finding.related)):
        yield from _labelled("" if number else "related", other)
    yield f"    {'name'.ljust(_LABEL)}{clean(finding.fingerprint)}"
    command = replay(finding) if replay else brief.HOW
    yield f"    {'replay'.ljust(_LABEL)}{clean(command)}"


# Summary


def _index(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield one line a finding: whoever reads the end of a long report sees them all."""
    if not findings:
        return
    rows = [
        [
            f"{number}.",
            finding.severity + ", known" * finding.known,
            finding.rule,
            clean(finding.entry),
            clean(finding.trigger),
        ]
        for number, finding in enumerate(findings, 1)
    ]
    yield "findings"
    yield from (f"  {line}" for line in columns(rows, right=(0,)))
    yield ""


def _summary(document: Document) -> Iterator[str]:
    yield "layouts"
    yield from _layout_table(document)
    yield ""
    if any(check.kind == "proof-c" for check in document.checks):
        yield from _functions(document)
        yield ""
    if document.kernel is not None and "tie" in document.kernel:
        yield from tied.lines(document.kernel["tie"])
        yield ""
    yield from _open_checks(document)
    if document.notes:
        yield "notes"
        for note in document.notes:
            yield from textwrap.wrap(
                clean(note), WIDTH, initial_indent="  - ", subsequent_indent="    "
            )
        yield ""
    yield totals(document)
    yield from gated.lines(document)
    yield gated.verdict(document)


def _checks_of(document: Document, name: str) -> list[Check]:
    return [check for check in document.checks if check.layout == name]


def _layout_table(document: Document) -> Iterator[str]:
    names = list(dict.fromkeys(layout.name for layout in document.layouts))
    names += sorted({check.layout for check in document.checks} - set(names) - {""})
    refused = {layout.name for layout in document.layouts if not layout.permitted}
    rows = [["layout", "verdict", "operations", "findings", "evidence"]]
    for name in names:
        checks = _checks_of(document, name)
        findings = sum(name in finding.layouts for finding in document.findings)
        rows.append(
            [
                name,
                worst(check.verdict for check in checks).value,
                f"{operations(checks):,}",
                str(findings),
                _evidence(checks) + "; Kconfig refuses it with KVM" * (name in refused),
            ]
        )
    if common := _checks_of(document, ""):
        verdict = worst(check.verdict for check in common).value
        rows.append(["(no layout)", verdict, "", "", _evidence(common)])
    if not operations(document.checks):
        # Proofs alone: nothing was run.
        rows = [[*row[:2], *row[3:]] for row in rows]
    numbers = range(2, len(rows[0]) - 1)
    yield from (f"  {line}" for line in columns(rows, right=numbers))


def _evidence(checks: Sequence[Check]) -> str:
    """Return on what kinds of evidence a layout's verdict rests, with the checks that hold."""
    parts = []
    for kind in dict.fromkeys(check.kind for check in checks):
        mine = [check for check in checks if check.kind == kind]
        hold = sum(check.verdict is Verdict.HOLDS for check in mine)
        parts.append(f"{kind}: {hold} of {count(len(mine), 'check')} hold")
    return "; ".join(parts) or "nothing was checked"


def _functions(document: Document) -> Iterator[str]:
    """Yield for each function of the tree in how many layouts which evidence stands behind it."""
    yield "what stands behind each function of the tree, in layouts"
    by_function: dict[str, dict[str, list[Check]]] = {}
    for check in document.checks:
        if check.kind in ("proof-c", "differential") and check.function and check.layout:
            by_function.setdefault(check.function, {}).setdefault(check.layout, []).append(check)
    heads = ("proved from C", "refuted from C", "open", "not bound", "test only")
    rows = [["function", *heads]]
    for function, layouts in by_function.items():
        states = [standing(checks) for checks in layouts.values()]
        rows.append([clean(function), *(str(states.count(head) or "") for head in heads)])
    yield from (f"  {line}" for line in columns(rows, right=range(1, len(rows[0]))))


def _open_checks(document: Document) -> Iterator[str]:
    """Yield what no finding above stands for, grouped by verdict and reason."""
    groups = undecided(document)
    if not groups:
        return
    names = [layout.name for layout in document.layouts]
    yield "not decided"
    for group in groups:
        yield from item(group.told(names))
    yield ""
