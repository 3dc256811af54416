# SPDX-License-Identifier: GPL-2.0-only
"""SARIF 2.1.0, which code scanning shows at the line of the tree: one result for each remark."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from model.layout import Layout
from model.operations import from_json
from model.ports import entry_point
from model.rules import RULES, Rule, Severity
from slatcheck.display.words import clean, find_layout, written_operation
from slatcheck.document.result import EXIT, Document, Finding, Verdict
from slatcheck.reports import lines
from slatcheck.reports.forms import Replay
from slatcheck.reports.remarks import Place, Places, Remark, remarks

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
ROOT = "SRCROOT"
CAUSES = "slatcheck causes"
"""The name of the taxonomy whose classes are the causes."""
_LEVEL = {Severity.UNSAFE: "error", Severity.IMPRECISE: "warning"}
_MEANING = {
    Verdict.VIOLATED: "A promise is broken, and no trace was found that shows it.",
    Verdict.UNKNOWN: "A limit of the tool was reached before an answer.",
    Verdict.VACUOUS: "No case ran, so nothing was learnt.",
    Verdict.UNSUPPORTED: "This tree or layout is beyond what slatcheck understands.",
    Verdict.ERROR: "slatcheck itself failed.",
}


def render(document: Document, replay: Replay | None = None) -> str:
    """Return the document as one SARIF run. What is not decided is a result too, never silence."""
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(document, replay)]}
    return json.dumps(log, indent=1) + "\n"


def _run(document: Document, replay: Replay | None) -> dict[str, Any]:
    rules = [*map(_rule, RULES), *map(_open_rule, _MEANING)]
    index = {rule["id"]: number for number, rule in enumerate(rules)}
    tool = document.tool
    places = Places(document)
    kernel = document.kernel or {}
    facts: dict[str, Any] = {
        "verdict": document.verdict.value,
        "layouts": [layout.name for layout in document.layouts],
        "kernel": kernel.get("version"),
        "commit": kernel.get("commit"),
        "notes": [clean(note) for note in document.notes],
    }
    if document.gate is not None:
        facts["gate"] = {
            "verdict": document.gate.verdict.value,
            "failOn": document.gate.fail_on,
            "against": {key: clean(value) for key, value in document.gate.against.items()},
            "new": document.gate.new,
            "gone": document.gate.gone,
        }
    return {
        "tool": {
            "driver": {
                "name": str(tool.get("name", "slatcheck")),
                "version": str(tool.get("version", "")),
                "rules": rules,
            }
        },
        "invocations": [
            {
                "executionSuccessful": document.verdict is not Verdict.ERROR,
                "exitCode": EXIT[document.decides],
                "exitCodeDescription": document.decides.value,
            }
        ],
        "taxonomies": [_taxonomy(document)],
        "originalUriBaseIds": {ROOT: {"description": {"text": _root(document)}}},
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(remark, document, index, places, replay) for remark in remarks(document)
        ],
        "properties": {key: value for key, value in facts.items() if value is not None},
    }


def _taxonomy(document: Document) -> dict[str, Any]:
    """Return the causes, worst first, as the classes that the results fall into."""
    taxa = [
        {
            "id": cause.id,
            "shortDescription": {"text": clean(cause.title)},
            "defaultConfiguration": {"level": _LEVEL[Severity(cause.severity)]},
            "properties": {
                "severity": cause.severity,
                "layouts": list(cause.layouts),
                "byteOrders": list(cause.byte_orders),
                "findings": [clean(mark) for mark in cause.findings],
            },
        }
        for cause in document.causes
    ]
    told = "What one place in the code explains, and one repair would end; worst first."
    return {"name": CAUSES, "shortDescription": {"text": told}, "taxa": taxa}


def _taxa(finding: Finding, document: Document) -> list[dict[str, Any]]:
    """Return the cause of a finding as a reference to the taxonomy."""
    return [
        {"id": cause.id, "index": number, "toolComponent": {"name": CAUSES, "index": 0}}
        for number, cause in enumerate(document.causes)
        if finding.fingerprint in cause.findings
    ]


def _root(document: Document) -> str:
    whose = "the Linux tree that was checked" if document.kernel is not None else "slatcheck"
    return f"The top folder of {whose}."


def _rule(rule: Rule) -> dict[str, Any]:
    more = f"'slatcheck rule {rule.name}' says more, with an example."
    return {
        "id": rule.name,
        "shortDescription": {"text": rule.statement},
        "fullDescription": {"text": f"{rule.statement} {rule.explanation}"},
        "help": {
            "text": f"{rule.explanation} {more}",
            "markdown": f"{rule.explanation}\n\n`slatcheck rule {rule.name}` says more, with an "
            "example.",
        },
        "defaultConfiguration": {"level": _LEVEL[rule.severity]},
        "properties": {"tags": [rule.severity.value]},
    }


def _open_rule(verdict: Verdict) -> dict[str, Any]:
    level = "error" if verdict in (Verdict.ERROR, Verdict.VIOLATED) else "warning"
    told = f"{_MEANING[verdict]} It is no pass: only 'holds' is."
    return {
        "id": _open_id(verdict),
        "shortDescription": {"text": _MEANING[verdict]},
        "fullDescription": {"text": told},
        "help": {"text": told},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": ["not-decided"]},
    }


def _open_id(verdict: Verdict) -> str:
    return f"verdict-{verdict.value}"


def _result(
    remark: Remark,
    document: Document,
    index: Mapping[str, int],
    places: Places,
    replay: Replay | None,
) -> dict[str, Any]:
    finding = remark.finding
    name = clean(finding.rule) if finding else _open_id(remark.verdict)
    text = remark.text
    if finding:
        names = [layout.name for layout in document.layouts]
        told = lines.evidence(finding, names, replay(finding) if replay else "")
        text = "\n".join([text, *told])
    identity = finding.fingerprint if finding else f"{name}/{remark.text}"
    function = clean(finding.location.function or finding.entry) if finding else ""
    out: dict[str, Any] = {
        "ruleId": name,
        "kind": "fail",
        "level": remark.level,
        "message": {"text": text},
        "locations": [_location(remark.place, function)],
        "partialFingerprints": {
            "slatcheck/v1": clean(identity),
            # Code scanning keeps alerts apart by this one; lines may move, fingerprints do not.
            "primaryLocationLineHash": hashlib.sha256(
                identity.encode("utf-8", "backslashreplace")
            ).hexdigest()[:16]
            + ":1",
        },
    }
    if name in index:
        out["ruleIndex"] = index[name]
    if finding:
        out |= _of_finding(finding, document, places, remark.place)
    return out


def _of_finding(
    finding: Finding, document: Document, places: Places, place: Place
) -> dict[str, Any]:
    out: dict[str, Any] = {
        "properties": {
            "severity": finding.severity,
            "layouts": finding.layouts,
            "contract": finding.contract,
            "trigger": clean(finding.trigger),
            "related": [clean(fingerprint) for fingerprint in finding.related],
        }
    }
    if document.gate is not None and document.gate.against:
        new = "updated" if finding.known_on else "new"
        out["baselineState"] = "unchanged" if finding.known else new
    out["taxa"] = _taxa(finding, document)
    if finding.trace:
        out["codeFlows"] = [_flow(finding, places, place)]
    return out


def _flow(finding: Finding, places: Places, place: Place) -> dict[str, Any]:
    """Return the trace as a flow through the functions that carry its operations out."""
    layout = find_layout(finding.shown_on)
    shown = lines.shown_step(finding)
    steps = []
    for number, data in enumerate(finding.trace, 1):
        function = _function(layout, data)
        spot = place if number == shown else places.function(function)
        location = _location(spot, function)
        location["message"] = {"text": written_operation(data, layout)}
        steps.append(
            {
                "location": location,
                "executionOrder": number,
                "importance": "essential" if number == shown else "important",
            }
        )
    return {"threadFlows": [{"locations": steps}]}


def _function(layout: Layout | None, data: Mapping[str, Any]) -> str:
    """Return the kernel function that carries out an operation of a trace, '' if it is unknown."""
    if layout is None:
        return ""
    try:
        return entry_point(layout, from_json(data).kind)
    except (KeyError, TypeError, ValueError):
        return ""


def _location(place: Place, function: str) -> dict[str, Any]:
    out: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(place.file), "uriBaseId": ROOT},
            "region": {"startLine": place.line},
        }
    }
    if function:
        out["logicalLocations"] = [{"name": function, "kind": "function"}]
    return out
