# SPDX-License-Identifier: GPL-2.0-only
"""Replay files: a finding's trace with all that is needed to run it again, and running it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from impl.interface import Implementation
from impl.kernel.errors import ToolLimitError, UnsupportedError
from model.mips import layout as layout_named
from model.operations import Kind, Op, from_json
from model.rules import rule
from slatcheck import __version__
from slatcheck.campaign import Campaign, Hit
from slatcheck.differential import Judge
from slatcheck.errors import InputError
from slatcheck.findings import merge
from slatcheck.gate import checks_of, kernel_facts
from slatcheck.result import Document, Finding, Verdict
from slatcheck.work import Report, Unit, add_geometry, kernel_implementation, table

REPLAY_SCHEMA = "slatcheck-replay/1"
_FIELDS = {"schema", "fingerprint", "implementation", "layout", "quirks", "seed", "trace"}


def replay_file(finding: Finding, layout: str) -> dict[str, Any]:
    """Return the content of a replay file for ``finding`` on ``layout``."""
    return {
        "schema": REPLAY_SCHEMA,
        "fingerprint": finding.fingerprint,
        "implementation": finding.implementation,
        "layout": layout,
        "quirks": finding.quirks,
        "seed": finding.seed,
        "trace": finding.trace,
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise InputError(f"cannot read {path}: {problem.strerror}") from None
    except (ValueError, RecursionError):
        raise InputError(
            f"{path} is damaged: it is no JSON; write it again with check --replay-dir"
        ) from None
    if not isinstance(data, dict) or data.get("schema") != REPLAY_SCHEMA:
        raise InputError(f"{path} is no replay file of this version ({REPLAY_SCHEMA})")
    absent = _FIELDS - set(data)
    if absent:
        raise InputError(f"{path} is damaged: '{min(absent)}' is missing")
    return data


def _trace(path: Path, data: dict[str, Any]) -> list[Op]:
    steps = data["trace"]
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise InputError(f"{path} is damaged: its trace is no list of operations")
    try:
        ops = [from_json(step) for step in steps]
    except (ValueError, TypeError) as problem:
        raise InputError(f"{path} is damaged: {problem}") from None
    kinds = [op.kind for op in ops]
    if kinds[:1] != [Kind.CREATE] or Kind.CREATE in kinds[1:] or Kind.DESTROY in kinds[:-1]:
        raise InputError(f"{path} is damaged: a trace begins with its only create, destroy is last")
    return ops


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


def replay(path: Path, kernel: Path | None, cc: str | None) -> Document:
    """Run a replay file again: violated if anything shows, holds if nothing does.

    Raises InputError for a damaged file or a missing tree, TreeError for a wrong tree.
    """
    data = _read(path)
    ops = _trace(path, data)
    try:
        layout = layout_named(str(data["layout"]))
        rule(str(data["fingerprint"]).partition("/")[0])
    except KeyError as unknown:
        raise InputError(f"{path} names {unknown}, which is not known here") from None
    subject = str(data["implementation"])
    if subject not in ("kernel", "multilevel"):
        raise InputError(f"{path} names the implementation '{subject}', which is not known here")
    if subject == "kernel" and kernel is None:
        raise InputError(f"{path} was found in a kernel tree: give one with --kernel")
    tree = kernel if subject == "kernel" else None
    if not isinstance(data["quirks"], list) or type(data["seed"]) is not int:
        raise InputError(f"{path} is damaged: its quirks or its seed are of the wrong kind")
    quirks = tuple(str(name) for name in data["quirks"])
    unit = Unit(layout.name, True, tree, cc, quirks, data["seed"], None)
    facts = kernel_facts(tree, cc)
    report = Report(unit, subject)
    _run(unit, report, ops)
    tool = {"name": "slatcheck", "version": __version__, "seed": unit.seed}
    # Of what the trace does not do, nothing is asked.
    checks = [one for one in checks_of(report) if one.verdict is not Verdict.VACUOUS]
    return Document(tool, facts, [layout], checks, merge([report], unit.seed))


def _judge(implementation: Implementation, ops: list[Op], report: Report) -> None:
    capabilities = implementation.capabilities
    judge = Judge(implementation.layout, capabilities.pages)
    verdict = judge.examine(implementation, ops)
    campaign = Campaign()
    campaign.count(verdict.compared)
    for symptom in verdict.symptoms:
        campaign.hits[symptom.fingerprint] = Hit(symptom, ops)
    report.campaign = campaign
