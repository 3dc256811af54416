# SPDX-License-Identifier: GPL-2.0-only
"""One layout of one tree that is to be proved, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from model.machines import BIG
from proofs.desk import Options
from proofs.kernel_runner import LayoutProof
from slatcheck.document.result import Check, Finding
from support.cache import Mode

KIND = "proof-c"


@dataclass
class Lemmas:
    """The proofs of a layout's lemmas, each of one text.

    ``texts`` says of each byte order what the preprocessor makes of the sources, as a digest,
    ``proved`` what came of each. They were read from ``begun`` (nanoseconds) on; the judged ones
    had ``digest`` before.
    """

    begun: int
    digest: str
    texts: dict[str, str] = field(default_factory=dict)
    proved: dict[str, LayoutProof] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class CodeTask:
    """One layout of one tree that is to be proved.

    ``orders`` are the byte orders, ``known`` fingerprints that runs of the same tree in the same
    layout have shown already, by byte order, ``ignored`` those that must not be taken for a
    refutation's, as their cause is another one. ``ahead`` are lemmas that were proved before.
    """

    root: Path
    layout: str
    cc: str | None
    options: Options
    folder: Path | None
    known: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    orders: tuple[str, ...] = (BIG,)
    cache: Mode = Mode.USE
    ahead: Lemmas | None = None


@dataclass
class CodeOutcome:
    """What came of one layout: checks, findings, and which functions were proved anew."""

    layout: str
    checks: list[Check] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    reproved: list[str] = field(default_factory=list)

    def add(self, other: CodeOutcome) -> None:
        """Add what came of the same layout in another byte order."""
        self.checks += other.checks
        self.reproved = list(dict.fromkeys([*self.reproved, *other.reproved]))
        here = {finding.fingerprint: finding for finding in self.findings}
        for finding in other.findings:
            if finding.fingerprint in here:
                here[finding.fingerprint].byte_orders += finding.byte_orders
            else:
                self.findings.append(finding)


Known = Mapping[tuple[str, str], tuple[str, ...]]
"""Fingerprints that runs have shown, by layout and byte order."""
