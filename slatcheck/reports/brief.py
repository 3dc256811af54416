# SPDX-License-Identifier: GPL-2.0-only
"""The report that people read first: the causes, worst first, and in few lines what is left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from slatcheck.display.words import clean, count, item, spared_names, wrapped
from slatcheck.document.result import Cause, Document, Finding, Verdict, worst
from slatcheck.reports import gated, lines, standings, tied
from slatcheck.reports.forms import Replay
from slatcheck.reports.undecided import undecided

HOW = "use --replay-dir DIR to have a file for 'slatcheck replay'"
MOST_REASONS = 8
"""Reasons for what is open that are told in full; of more, only how many there are."""
_LABEL = 10


def render(document: Document, replay: Replay | None = None) -> str:
    """Return the report, ending with the verdict on the whole."""
    names = [layout.name for layout in document.layouts]
    by_mark = {finding.fingerprint: finding for finding in document.findings}
    text = [lines.headline(document), ""]
    for number, cause in enumerate(document.causes, 1):
        members = [by_mark[mark] for mark in cause.findings]
        text += [*_cause(number, cause, members, names, replay), ""]
    if by_mark and not replay:
        text += [f"to run one again: {HOW}", ""]
    text += _rest(document, names)
    return "\n".join(text) + "\n"


def _labelled(label: str, text: str) -> list[str]:
    return wrapped("   " + label.ljust(_LABEL), text)


def _cause(
    number: int,
    cause: Cause,
    members: Sequence[Finding],
    names: Sequence[str],
    replay: Replay | None,
) -> Iterator[str]:
    new = [finding for finding in members if not finding.known]
    marks = cause.severity + ", known" * (not new)
    marks += ", out of contract" * (not any(finding.contract for finding in members))
    yield from wrapped(f"{number}. ", f"({marks}) {cause.title}")
    if not new:
        return
    shown = new[0]
    yield from _labelled("layouts", spared_names(cause.layouts, names))
    if "little" in cause.byte_orders:
        yield from _labelled("order", " and ".join(cause.byte_orders) + "-endian")
    if where := lines.where(shown):
        yield from _labelled("where", where)
    yield from _labelled("findings", _folded(members))
    yield from _labelled("cause", f"{cause.id}; the trace is on {shown.shown_on}")
    yield from (f"   {line}" for line in lines.trace(shown))
    yield from (f"     {line}" for line in lines.difference(shown) if line[0] in "+-")
    if replay:
        yield f"   {'replay'.ljust(_LABEL)}{clean(replay(shown))}"


def _folded(members: Sequence[Finding]) -> str:
    """Return what the findings of a cause are, by rule, in few words."""
    if len(members) == 1:
        return members[0].fingerprint
    rules: dict[str, list[Finding]] = {}
    for finding in members:
        rules.setdefault(finding.rule, []).append(finding)
    parts = []
    for name, group in rules.items():
        entries = list(dict.fromkeys(finding.entry for finding in group))
        told = ", ".join(entries) if len(entries) <= 2 else f"{len(entries)} entry points"
        parts.append(f"{name} in {told}")
    return f"{len(members)}: {'; '.join(parts)}"


# What is left


def _rest(document: Document, names: Sequence[str]) -> Iterator[str]:
    """Yield what the verdict rests on, what is open, and the verdict."""
    yield from _layouts(document, names)
    yield from _kinds(document)
    yield from _open(document, names)
    yield from _notes(document)
    yield standings.totals(document)
    yield from gated.lines(document)
    yield gated.verdict(document)


def _layouts(document: Document, names: Sequence[str]) -> Iterator[str]:
    every = [*dict.fromkeys([*names, *(check.layout for check in document.checks if check.layout)])]
    verdicts: dict[Verdict, list[str]] = {}
    for name in every:
        mine = (check.verdict for check in document.checks if check.layout == name)
        verdicts.setdefault(worst(mine), []).append(name)
    for verdict, group in verdicts.items():
        yield from wrapped(f"{verdict.value}: ", spared_names(group, every))
    common = [check for check in document.checks if not check.layout]
    if common:
        yield f"{worst(check.verdict for check in common).value}: what is about no single layout"
    refused = [layout.name for layout in document.layouts if not layout.permitted]
    if refused:
        yield from wrapped("Kconfig refuses with KVM: ", spared_names(refused, every))


def _kinds(document: Document) -> Iterator[str]:
    kinds = list(dict.fromkeys(check.kind for check in document.checks))
    for kind in kinds:
        mine = [check for check in document.checks if check.kind == kind]
        holding = sum(check.verdict is Verdict.HOLDS for check in mine)
        yield f"{kind}: {holding:,} of {count(len(mine), 'check')} hold"
    if not kinds:
        yield "nothing was checked"
    if document.kernel is not None and "tie" in document.kernel:
        yield from tied.lines(document.kernel["tie"], tables=False)


def _open(document: Document, names: Sequence[str]) -> Iterator[str]:
    """Yield what is open; what only rests on something refuted is counted."""
    groups = undecided(document)
    because = [group for group in groups if group.rests]
    own = [group for group in groups if not group.rests]
    if groups:
        yield "not decided"
    for group in own[:MOST_REASONS]:
        yield from item(group.told(names))
    if own[MOST_REASONS:]:
        more = own[MOST_REASONS:]
        checks = sum(len(group.checks) for group in more)
        yield f"  - {count(len(more), 'more reason')} ({count(checks, 'check')}); see --verbose"
    if because:
        checks = sum(len(group.checks) for group in because)
        told = f"{count(checks, 'check')}, as what they rest on does not hold; see --verbose"
        yield from item(told)


def _notes(document: Document) -> Iterator[str]:
    """Yield the notes; of what is always assumed and trusted, only how much it is."""
    usual = [note for note in document.notes if note.startswith(("assumed, ", "trusted, "))]
    for note in document.notes:
        if note not in usual:
            yield from wrapped("note: ", note)
    if usual:
        yield f"note: {count(len(usual), 'thing')} assumed or trusted; see --verbose"
