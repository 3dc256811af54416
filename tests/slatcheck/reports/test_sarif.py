# SPDX-License-Identifier: GPL-2.0-only
"""SARIF: fits the standard, stays within the tree, and is never silent about what is no pass."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given

from model.rules import RULES
from slatcheck.document.result import EXIT, Document, Gate, Location, Verdict
from slatcheck.reports import sarif
from tests.slatcheck.reports.documents import decided_by, documents, gated, holding, replay
from tests.slatcheck.reports.test_reports import check, document, finding, full

SCHEMA = json.loads(Path(__file__).with_name("sarif-2.1.0.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def run_of(found: Document) -> dict[str, Any]:
    """Return the only run of the valid report."""
    log = json.loads(sarif.render(found, replay))
    VALIDATOR.validate(log)
    (run,) = log["runs"]
    return dict(run)


def place_of(result: dict[str, Any]) -> tuple[str, int]:
    place = result["locations"][0]["physicalLocation"]
    return place["artifactLocation"]["uri"], place["region"]["startLine"]


def test_the_schema_is_the_standard_s_and_strict() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert "(SARIF) Version 2.1.0" in SCHEMA["title"]
    log = json.loads(sarif.render(full()))
    log["runs"][0]["results"][0]["bogus"] = 1
    assert not VALIDATOR.is_valid(log)


@given(found=documents())
def test_every_finding_is_a_result_and_only_holds_is_silent(found: Document) -> None:
    run = run_of(found)
    results = run["results"]
    assert bool(results) or found.verdict is Verdict.HOLDS
    rules = [one["id"] for one in run["tool"]["driver"]["rules"]]
    assert all(one["ruleId"] == rules[one["ruleIndex"]] for one in results)
    assert all(one["kind"] == "fail" for one in results)
    told = [one for one in results if not one["ruleId"].startswith("verdict-")]
    assert len(told) == len(found.findings)
    assert run["invocations"][0]["exitCode"] == EXIT[found.decides]
    for one in results:
        path, line = place_of(one)
        assert re.fullmatch(r"\w[\w.%/-]*", path) and ".." not in path.split("/")
        assert line >= 1
        assert (
            one["locations"][0]["physicalLocation"]["artifactLocation"]["uriBaseId"]
            in (run["originalUriBaseIds"])
        )
        assert one["message"]["text"]
        assert set(one["partialFingerprints"]) == {"slatcheck/v1", "primaryLocationLineHash"}


@pytest.mark.parametrize("verdict", Verdict)
def test_what_is_not_decided_is_a_result(verdict: Verdict) -> None:
    run = run_of(decided_by(verdict))
    ids = [one["ruleId"] for one in run["results"]]
    assert ids == ([] if verdict is Verdict.HOLDS else [f"verdict-{verdict.value}"])
    assert run["invocations"][0]["executionSuccessful"] == (verdict is not Verdict.ERROR)


def test_every_rule_is_there_with_its_help() -> None:
    rules = {one["id"]: one for one in run_of(holding())["tool"]["driver"]["rules"]}
    for rule in RULES:
        assert rule.explanation in rules[rule.name]["help"]["text"]
        assert f"slatcheck rule {rule.name}" in rules[rule.name]["help"]["markdown"]


def test_a_finding_is_at_its_line_with_its_trace() -> None:
    (result,) = [one for one in run_of(full())["results"] if one["ruleId"] == "stale-mapping"]
    assert place_of(result) == ("arch/mips/kvm/mmu.c", 441)
    assert result["level"] == "error"
    fingerprints = result["partialFingerprints"]
    assert fingerprints["slatcheck/v1"] == finding().fingerprint
    (flow,) = result["codeFlows"]
    (thread,) = flow["threadFlows"]
    shown = [step["importance"] for step in thread["locations"]]
    assert shown == ["important", "important", "essential"]
    assert thread["locations"][2]["location"]["message"]["text"].startswith("unmap [0xfffff,")


def test_fingerprints_do_not_move_with_the_line() -> None:
    moved = replace(finding(), location=Location("kvm_unmap_gfn_range", "arch/mips/kvm/mmu.c", 9))
    prints = [
        run_of(document(check("mips32-4k", Verdict.VIOLATED), findings=(one,)))["results"][0][
            "partialFingerprints"
        ]
        for one in (finding(), moved)
    ]
    assert prints[0] == prints[1]
    other = replace(moved, fingerprint="stale-mapping/kvm_unmap_gfn_range/any")
    third = run_of(document(findings=(other,)))["results"][0]["partialFingerprints"]
    assert not set(third.values()) & set(prints[0].values())


def test_a_finding_without_a_line_is_at_its_entry_point_or_the_start_of_the_file() -> None:
    lost = replace(finding(), fingerprint="leak/kvm_unmap_gfn_range/x", location=Location(""))
    alone = run_of(document(findings=(lost,)))["results"]
    assert place_of(alone[0]) == ("arch/mips/kvm/mmu.c", 1)
    beside = run_of(document(findings=(finding(), lost)))["results"]
    assert {place_of(one) for one in beside} == {("arch/mips/kvm/mmu.c", 441)} | {
        place_of(one) for one in beside if one["ruleId"].startswith("verdict-")
    }


def test_known_findings_are_unchanged_and_others_new() -> None:
    def states(found: Document) -> list[str | None]:
        results = run_of(found)["results"]
        return [
            one.get("baselineState") for one in results if not one["ruleId"].startswith("verdict-")
        ]

    partly = finding(known_on=["mips32-4k"])
    found = document(findings=(finding(), partly, finding(known=True)))
    assert states(found) == [None, None, None]
    found.gate = Gate(Verdict.VIOLATED)
    assert states(found) == [None, None, None]
    found.gate = Gate(Verdict.VIOLATED, against={"baseline": "known.toml"}, gone={"a/b/c": []})
    assert states(found) == ["new", "updated", "unchanged"]
    gate = run_of(found)["properties"]["gate"]
    assert (gate["verdict"], gate["gone"]) == ("violated", {"a/b/c": []})


@pytest.mark.parametrize("verdict", [v for v in Verdict if v is not Verdict.HOLDS])
def test_what_the_gate_accepts_is_a_note(verdict: Verdict) -> None:
    (result,) = run_of(gated(verdict))["results"]
    assert (result["level"], result["ruleId"]) == ("note", f"verdict-{verdict.value}")
