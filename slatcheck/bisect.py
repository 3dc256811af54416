# SPDX-License-Identifier: GPL-2.0-only
"""Answers for 'git bisect run': what is looked for is there, is not, or cannot be told."""

from __future__ import annotations

from slatcheck.result import Check, Document, Verdict

GOOD = 0
BAD = 1
SKIP = 125
ABORT = 128
"""From here on 'git bisect run' stops; it takes any other status that is not 0 for 'bad'."""
NEW = "new"
"""What is looked for where it is not one finding, but any that the baseline does not know."""

_BLIND = (Verdict.ERROR, Verdict.UNSUPPORTED)


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
    if blind is not None:
        return SKIP, f"skip: {blind.reason or blind.verdict.value} ({blind.layout or 'all'})"
    return GOOD, f"good: {'nothing new' if wanted == NEW else f'no {wanted}'}"


def _new(document: Document) -> list[str]:
    assert document.gate is not None
    return [one.fingerprint for one in document.findings if not one.known and one.contract]


def _one(document: Document, wanted: str) -> list[str]:
    return [one.fingerprint for one in document.findings if one.fingerprint == wanted]


def _blind(document: Document, wanted: str) -> Check | None:
    """Return a check without which the question cannot be decided."""
    for one in document.checks:
        asked = wanted == NEW or _asks(one, wanted)
        if one.verdict in _BLIND and not one.accepted and (asked or "/build/" in one.id):
            return one
    return None


def _asks(check: Check, wanted: str) -> bool:
    """Return whether a check would show the finding that is looked for."""
    rule, entry, *_ = wanted.split("/")
    return (
        check.kind == "differential" and check.function == entry and check.id.endswith(f"/{rule}")
    )


def status(usual: int) -> int:
    """Return the status for 'git bisect run' of a run that ended without an answer."""
    return usual if usual in (GOOD, BAD, SKIP) or usual >= ABORT else ABORT
