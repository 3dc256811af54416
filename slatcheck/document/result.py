# SPDX-License-Identifier: GPL-2.0-only
"""The result document: what was judged, the verdict on each part, and the findings."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from model.layout import Layout
from model.rules import rule
from slatcheck.document.causes import causes_of
from slatcheck.document.finding import Cause as Cause
from slatcheck.document.finding import Finding as Finding
from slatcheck.document.finding import Location as Location

SCHEMA = "slatcheck/1"


class Verdict(Enum):
    """Only ``HOLDS`` is a pass; see docs/architecture.md for what each of them means."""

    HOLDS = "holds"
    VIOLATED = "violated"
    UNKNOWN = "unknown"
    VACUOUS = "vacuous"
    UNSUPPORTED = "unsupported"
    ERROR = "error"


EXIT = {
    Verdict.HOLDS: 0,
    Verdict.VIOLATED: 1,
    Verdict.UNKNOWN: 3,
    Verdict.VACUOUS: 3,
    Verdict.UNSUPPORTED: 3,
    Verdict.ERROR: 4,
}
_ORDER = (
    Verdict.ERROR,
    Verdict.VIOLATED,
    Verdict.UNKNOWN,
    Verdict.UNSUPPORTED,
    Verdict.VACUOUS,
    Verdict.HOLDS,
)


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict that decides: error, violated, the open ones, and holds last.

    Nothing at all is vacuous, never a pass.
    """
    found = set(verdicts)
    return next((verdict for verdict in _ORDER if verdict in found), Verdict.VACUOUS)


@dataclass(frozen=True)
class Check:
    """One question and its answer.

    ``id`` is ``<implementation>/<function>/<rule>``; ``cases`` counts the operations behind it, or
    the obligations of a proof, of which ``certified`` have a certificate that was checked.
    ``decided`` says of each solver how many of them it decided just now, and ``on_record`` of how
    many Z3's answer is the one that is on record.
    ``finding`` is the fingerprint of what shows a violation, ``rests_on`` the id of the check, in
    the same layout and byte order, for which this one is open. ``byte_order`` is the kernel's, ''
    where no kernel was looked at. ``accepted`` says why the gate does not mind what
    is no pass: ``baseline`` or ``severity``; '' where nothing excuses it.
    """

    id: str
    kind: str
    layout: str
    function: str
    verdict: Verdict
    reason: str = ""
    seconds: float = 0.0
    cases: int = 0
    solver: str = ""
    finding: str = ""
    rests_on: str = ""
    accepted: str = ""
    byte_order: str = ""
    certified: int = 0
    decided: dict[str, int] = field(default_factory=dict, hash=False)
    on_record: int = 0


def answers(checks: Iterable[Check]) -> frozenset[tuple[str, str, str, Verdict, str]]:
    """Return what some checks say, without what may differ from run to run."""
    return frozenset(
        (check.id, check.layout, check.byte_order, check.verdict, check.finding) for check in checks
    )


@dataclass
class Gate:
    """What counts of a run where something is known already, or only the worst is to fail it.

    ``verdict`` leaves out what is accepted. ``new`` are fingerprints that a baseline does not
    know on every layout they were found on, ``gone`` those that it knows and that were looked for
    in vain, each with its layouts. ``against`` says what the baseline is: a file, or a revision.
    ``differences`` are the first operations at which two revisions differ, one a layout.
    """

    verdict: Verdict
    fail_on: str = "imprecise"
    against: dict[str, str] = field(default_factory=dict)
    new: list[str] = field(default_factory=list)
    gone: dict[str, list[str]] = field(default_factory=dict)
    differences: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Document:
    """Everything one run has to say; ``kernel`` is None where no tree was given."""

    tool: dict[str, Any]
    kernel: dict[str, Any] | None
    layouts: list[Layout]
    checks: list[Check]
    findings: list[Finding]
    notes: list[str] = field(default_factory=list)
    gate: Gate | None = None

    @property
    def decides(self) -> Verdict:
        """The verdict that the exit status tells: the gate's, where something is accepted."""
        return self.gate.verdict if self.gate is not None else self.verdict

    @property
    def verdict(self) -> Verdict:
        """The verdict on the whole: that of the worst check; a layout without any is vacuous."""
        return self.judged(self.checks)

    @property
    def causes(self) -> tuple[Cause, ...]:
        """What the findings come from, worst first; each finding belongs to exactly one."""
        return causes_of(self.findings, self.layouts)

    def judged(self, checks: Iterable[Check]) -> Verdict:
        """Return the verdict that some of the checks give."""
        verdicts = [check.verdict for check in checks]
        judged = {check.layout for check in self.checks}
        if any(layout.name not in judged for layout in self.layouts):
            verdicts.append(Verdict.VACUOUS)
        return worst(verdicts)

    def to_json(self) -> dict[str, Any]:
        """Return the document as slatcheck/document/schema.json describes it."""
        found = {
            "schema": SCHEMA,
            "verdict": self.verdict.value,
            "tool": self.tool,
            "kernel": self.kernel,
            "layouts": [layout_json(layout) for layout in self.layouts],
            # Many and flat: asdict() would take seconds for a report over all layouts.
            "checks": [vars(check) | {"verdict": check.verdict.value} for check in self.checks],
            "causes": [asdict(cause) for cause in self.causes],
            "findings": [asdict(finding) for finding in self.findings],
            "notes": self.notes,
        }
        if self.gate is not None:
            found["gate"] = asdict(self.gate) | {"verdict": self.gate.verdict.value}
        return found


def layout_json(layout: Layout) -> dict[str, Any]:
    """Return name, permission and geometry of a layout for the document."""
    return {
        "name": layout.name,
        "permitted": layout.permitted,
        "geometry": asdict(layout.geometry),
    }


def severity_of(rule_name: str, imprecise: bool = False) -> str:
    """Return the severity of a finding: that of its rule, lowered for a spurious 'changed'."""
    return "imprecise" if imprecise else rule(rule_name).severity.value
