# SPDX-License-Identifier: GPL-2.0-only
"""Answers for 'git bisect run': what is looked for is there, is not, or cannot be told."""

from __future__ import annotations

from collections.abc import Iterable

from slatcheck.document.identity import CheckId, Fingerprint
from slatcheck.document.result import Check, Document, Verdict

GOOD = 0
BAD = 1
SKIP = 125
ABORT = 128
"""From here on 'git bisect run' stops; it takes any other status that is not 0 for 'bad'."""
_UNDECIDED = (Verdict.ERROR, Verdict.UNSUPPORTED, Verdict.UNKNOWN)
NEW = "new"
"""What is looked for where it is not one finding, but any that the baseline does not know."""


class Skipped(Exception):
    """The question cannot be put to this tree at all; the message says why."""


def answer(document: Document, wanted: str) -> tuple[int, str]:
    """Return the exit status for 'git bisect run' and the answer in words.

    ``wanted`` is a fingerprint, or ``new`` for whatever the gate does not accept. A tree on which
    the question cannot be decided is skipped, never called good.
    """
    if document.tool.get("interrupted"):
        return ABORT, "interrupted"
    found = _new(document) if wanted == NEW else _one(document, wanted)
    if found:
        return BAD, f"bad: {', '.join(found)}"
    blind = _blind(document, wanted)
    if blind:
        return SKIP, f"skip: {blind}"
    return GOOD, f"good: {'nothing new' if wanted == NEW else f'no {wanted}'}"


def _new(document: Document) -> list[str]:
    assert document.gate is not None
    return [
        finding.fingerprint
        for finding in document.findings
        if not finding.known and finding.contract
    ]


def _one(document: Document, wanted: str) -> list[str]:
    return [finding.fingerprint for finding in document.findings if finding.fingerprint == wanted]


def _blind(document: Document, wanted: str) -> str:
    """Return why the question cannot be decided, '' where it is: by looking, not by not looking.

    For whatever is new, nothing may be left that the gate does not accept. For one finding, every
    layout must have been searched, and on one of them at least it must have had the chance to show.
    """
    if wanted == NEW:
        open_ones = [
            c for c in document.checks if c.verdict is not Verdict.HOLDS and not c.accepted
        ]
        return "" if document.decides is Verdict.HOLDS else _why(open_ones) or "the gate is shut"
    asked = [c for c in document.checks if _asks(c, wanted)]
    if all(c.verdict is Verdict.VACUOUS for c in asked):
        return "no run could have shown it"
    return _why(c for c in asked if c.verdict in _UNDECIDED)


def _why(checks: Iterable[Check]) -> str:
    """Return why the first of some checks is no pass, '' where there is none."""
    for check in checks:
        return f"{check.reason or check.verdict.value} ({check.layout or 'every layout'})"
    return ""


def _asks(check: Check, wanted: str) -> bool:
    """Return whether a check would show the finding that is looked for, or why it cannot."""
    asked, its = Fingerprint.parse(wanted), CheckId.parse(check.id)
    mine = check.function == asked.entry and its.promise == asked.rule
    return check.kind == "differential" and (mine or its.function == "build")


def status(usual: int) -> int:
    """Return the status for 'git bisect run' of a run that ended without an answer."""
    return usual if usual in (GOOD, BAD, SKIP) or usual >= ABORT else ABORT
