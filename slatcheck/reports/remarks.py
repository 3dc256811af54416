# SPDX-License-Identifier: GPL-2.0-only
"""A document as remarks on lines of the tree: findings, and everything else that is no pass."""

from __future__ import annotations

import re
from dataclasses import dataclass

from impl.kernel.ports import kernel_port
from impl.ports import REFERENCES
from model.ports import ports
from model.rules import RULES
from slatcheck.display.words import clean, count, layout_names
from slatcheck.document.result import Check, Document, Finding, Verdict
from slatcheck.reports import lines
from slatcheck.reports.cases import NOTHING, explains

# What the names of files in a kernel tree are made of; with anything else a line could lie.
_PATH = re.compile(r"[\w+-][\w.+-]*(/[\w+-][\w.+-]*)*", re.ASCII)
_ORDER = {rule.name: number for number, rule in enumerate(RULES)}


@dataclass(frozen=True)
class Place:
    """A line of a file; the path is relative to the tree's root, and stays within it."""

    file: str
    line: int


@dataclass(frozen=True)
class Remark:
    """One thing to say at a place. ``level`` is ``error``, ``warning`` or ``note``.

    ``title`` and ``text`` are one clean line each. ``finding`` is None for what is not decided.
    """

    level: str
    place: Place
    title: str
    text: str
    verdict: Verdict
    finding: Finding | None = None


class Places:
    """Where functions are defined, as far as the findings of a document tell."""

    def __init__(self, document: Document) -> None:
        self.default = Place(_file(document), 1)
        self.by_function: dict[str, Place] = {}
        for finding in document.findings:
            place = self._own(finding)
            if place and finding.location.function == finding.entry:
                self.by_function.setdefault(finding.entry, place)

    def of(self, finding: Finding) -> Place:
        """Return where a finding is; else its function, its entry point, or the file's start."""
        functions = (finding.location.function, finding.entry)
        known = (
            self.by_function[function] for function in functions if function in self.by_function
        )
        return self._own(finding) or next(known, self.default)

    def function(self, name: str) -> Place:
        """Return where the function ``name`` is, or the start of the file."""
        return self.by_function.get(name, self.default)

    @staticmethod
    def _own(finding: Finding) -> Place | None:
        place = finding.location
        if place.line < 1 or not _PATH.fullmatch(place.file):
            return None
        return Place(place.file, place.line)


def _file(document: Document) -> str:
    """Return the file that a remark without a place of its own is put on, at line 1."""
    port = document.layouts[0].port if document.layouts else ports()[0].name
    if document.kernel is not None:
        return kernel_port(port).files.main
    return REFERENCES[port].source


def remarks(document: Document) -> list[Remark]:
    """Return one remark for each finding, and one for each reason why something else is no pass.

    Unsafe findings come first. There is no remark at all only where the verdict is ``holds``.
    What the gate accepts is a note.
    """
    places = Places(document)
    found = [
        _finding(finding, document, places) for finding in sorted(document.findings, key=_rank)
    ]
    return found + _undecided(document, places)


def comparisons(document: Document) -> list[Remark]:
    """Return what a baseline, or another revision, has to say besides: all of it notes."""
    if document.gate is None:
        return []
    places = Places(document)
    told = [
        ("gone", places.default, lines.gone(mark, layouts))
        for mark, layouts in document.gate.gone.items()
    ]
    told += [
        ("differs", places.function(difference["function"]), lines.difference_between(difference))
        for difference in document.gate.differences
    ]
    return [
        Remark("note", place, title, text.partition(": ")[2], document.verdict)
        for title, place, text in told
    ]


def _rank(finding: Finding) -> tuple[bool, bool, bool, int, str]:
    return (
        finding.known,
        finding.severity != "unsafe",
        not finding.contract,
        _ORDER.get(finding.rule, len(_ORDER)),
        finding.fingerprint,
    )


def _finding(finding: Finding, document: Document, places: Places) -> Remark:
    if finding.known or not finding.contract:
        level = "note"
    else:
        level = "error" if finding.severity == "unsafe" else "warning"
    names = [layout.name for layout in document.layouts]
    text = clean(finding.summary) or f"{clean(finding.entry)} breaks {clean(finding.rule)}"
    marks = " (known)" * finding.known + " (out of contract)" * (not finding.contract)
    if finding.known_on and not finding.known:
        marks += f" (known on {clean(layout_names(finding.known_on, names))} only)"
    text += f"{marks}; {clean(layout_names(finding.layouts, names))}"
    title = f"{finding.rule}: {finding.entry}"
    return Remark(level, places.of(finding), clean(title), text, Verdict.VIOLATED, finding)


def _undecided(document: Document, places: Places) -> list[Remark]:
    """Return a remark for each verdict and reason that no finding stands for."""
    groups: dict[tuple[Verdict, str, str], list[Check]] = {}
    for check in document.checks:
        if check.verdict is Verdict.HOLDS:
            continue
        if not any(explains(finding, check) for finding in document.findings):
            accepted = clean(check.accepted) if document.gate is not None else ""
            groups.setdefault((check.verdict, clean(check.reason), accepted), []).append(check)
    out = [_reason(document, places, *key, checks) for key, checks in groups.items()]
    judged = {check.layout for check in document.checks}
    names = [layout.name for layout in document.layouts]
    silent = [name for name in names if name not in judged]
    if silent or not document.checks:
        text = f"{NOTHING}: {clean(layout_names(silent, names)) or 'no layout was given'}"
        out.append(Remark("warning", places.default, "vacuous", text, Verdict.VACUOUS))
    return out


def _reason(
    document: Document,
    places: Places,
    verdict: Verdict,
    reason: str,
    accepted: str,
    checks: list[Check],
) -> Remark:
    functions = list(dict.fromkeys(clean(check.function) for check in checks if check.function))
    names = [layout.name for layout in document.layouts]
    layouts = list(dict.fromkeys(check.layout for check in checks if check.layout))
    about = [count(len(checks), "check")]
    if functions:
        more = f" and {len(functions) - 4} more" * (len(functions) > 4)
        about.append(", ".join(functions[:4]) + more)
    if layouts:
        about.append(clean(layout_names(layouts, names)))
    text = f"{reason or 'no reason given'} ({'; '.join(about)})"
    text += f" (accepted: {accepted})" if accepted else ""
    place = places.function(checks[0].function) if len(functions) == 1 else places.default
    level = "error" if verdict in (Verdict.ERROR, Verdict.VIOLATED) else "warning"
    level = "note" if accepted else level
    return Remark(level, place, verdict.value, text, verdict)
