# SPDX-License-Identifier: GPL-2.0-only
"""What was found: one way in which a promise is broken, and the cause that several share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Location:
    """A place in the tree: the kernel function and the line of its file ('' and 0 if unknown)."""

    function: str
    file: str = ""
    line: int = 0


@dataclass
class Finding:
    """One way in which a promise is broken, with the shortest trace that was found for it.

    ``trace`` is the list of operations as model.operations.to_json writes them; the last one
    (the last but one where the trace ends with destroy and the symptom came before) shows it.
    ``expected`` and ``actual`` are lines of text about coalesced ranges. ``fingerprint`` stays
    the same across line numbers, seeds and layouts. ``shown_on`` is the layout of the trace.
    ``known_on`` are the layouts on which a baseline knows it, ``known`` says that it does on all.
    ``byte_orders`` are those in which it showed, ``big`` before ``little``; the trace shows it in
    the first of them. ``handed_on`` is the fingerprint that the function below its entry point
    shows for the same request, ``as_if`` what else does just the same: see evidence.py.
    """

    fingerprint: str
    rule: str
    severity: str
    layouts: list[str]
    shown_on: str
    entry: str
    trigger: str
    operands: dict[str, Any]
    summary: str
    trace: list[dict[str, Any]]
    expected: list[str]
    actual: list[str]
    location: Location
    seed: int
    implementation: str
    contract: bool = True
    step: int = 0
    related: list[str] = field(default_factory=list)
    known: bool = False
    known_on: list[str] = field(default_factory=list)
    quirks: list[str] = field(default_factory=list)
    byte_orders: list[str] = field(default_factory=lambda: ["big"])
    handed_on: str = ""
    as_if: str = ""


@dataclass(frozen=True)
class Cause:
    """Findings that one place in the code explains and one repair would end.

    ``id`` is stable across runs as fingerprints are, ``findings`` are fingerprints, the one that
    shows the cause best first. ``layouts`` and ``byte_orders`` are those of its findings.
    """

    id: str
    title: str
    severity: str
    layouts: tuple[str, ...]
    byte_orders: tuple[str, ...]
    findings: tuple[str, ...]
