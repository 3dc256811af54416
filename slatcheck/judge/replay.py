# SPDX-License-Identifier: GPL-2.0-only
"""Replay files: a finding's trace with all that is needed to run it again, and running it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from impl.interface import Implementation
from impl.kernel.errors import ToolLimitError, UnsupportedError
from model.operations import Op
from slatcheck import __version__
from slatcheck.document.result import Document, Finding, Verdict
from slatcheck.judge import traces
from slatcheck.judge.findings import merge
from slatcheck.judge.judging import checks_of
from slatcheck.judge.subject import kernel_facts
from slatcheck.judge.traces import REPLAY_SCHEMA
from slatcheck.search.campaign import Campaign, Hit
from slatcheck.search.differential import Judge
from slatcheck.search.probes import Prober
from slatcheck.search.unit import Report, Unit, add_geometry, kernel_implementation, table


def replay_file(finding: Finding, layout: str) -> dict[str, Any]:
    """Return the content of a replay file for ``finding`` on ``layout``."""
    return {
        "schema": REPLAY_SCHEMA,
        "fingerprint": finding.fingerprint,
        "implementation": finding.implementation,
        "layout": layout,
        "byte_order": finding.byte_orders[0],
        "quirks": finding.quirks,
        "seed": finding.seed,
        "trace": finding.trace,
    }


def _run(unit: Unit, report: Report, ops: list[Op]) -> None:
    if report.implementation == "multilevel":
        _judge(table(unit), ops, report)
        return
    try:
        kernel = kernel_implementation(unit, report)
        _judge(kernel, ops, report)
        add_geometry(report, kernel)
    except UnsupportedError as problem:
        report.failure = (Verdict.UNSUPPORTED, str(problem))
    except ToolLimitError as limit:
        report.failure = (Verdict.UNKNOWN, str(limit))


def replay(
    path: Path, kernel: Path | None, cc: str | None, fingerprint: str | None = None
) -> Document:
    """Run a replay file, or a finding of a JSON report, again.

    Violated if anything shows, holds if nothing does. ``fingerprint`` picks the finding.

    Raises InputError for a damaged file or a missing tree, TreeError for a wrong tree.
    """
    trace = traces.load(path, fingerprint)
    tree = traces.tree_for(trace, kernel, path)
    subject = trace.implementation
    unit = traces.unit_of(trace, tree, cc)
    facts = kernel_facts(tree, cc, [trace.layout])
    report = Report(unit, subject)
    _run(unit, report, list(trace.ops))
    tool = {"name": "slatcheck", "version": __version__, "seed": unit.seed}
    # Of what the trace does not do, nothing is asked.
    checks = [check for check in checks_of(report) if check.verdict is not Verdict.VACUOUS]
    return Document(tool, facts, [trace.layout], checks, merge([report], unit.seed))


def _judge(implementation: Implementation, ops: list[Op], report: Report) -> None:
    capabilities = implementation.capabilities
    judge = Judge(implementation.layout, capabilities.pages)
    verdict = judge.examine(implementation, ops)
    campaign = Campaign()
    campaign.count(verdict.compared)
    prober = Prober(implementation, judge)
    for symptom in verdict.symptoms:
        evidence = prober.evidence(ops[: symptom.step + 1], symptom)
        campaign.hits[symptom.fingerprint] = Hit(symptom, ops, evidence)
    report.campaign = campaign
