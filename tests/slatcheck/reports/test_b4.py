# SPDX-License-Identifier: GPL-2.0-only
"""What is reported to b4: only what is over and of which nothing counts passes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from slatcheck.document.result import Document, Gate, Verdict
from slatcheck.gate import acceptance, baseline
from slatcheck.reports import b4
from tests.slatcheck.reports.documents import decided_by, documents, gated, holding
from tests.slatcheck.reports.test_reports import finding, full


def result(document: Document) -> dict[str, Any]:
    """Return the only result of a tool: b4 keeps no more of one."""
    (only,) = json.loads(b4.as_json(document))
    assert set(only) == {"tool", "status", "summary", "url", "details"}
    assert all(isinstance(value, str) for value in only.values())
    assert only["tool"] == "slatcheck" and "\n" not in only["summary"]
    found: dict[str, Any] = only
    return found


@given(found=documents())
def test_it_passes_if_and_only_if_nothing_counts(found: Document) -> None:
    passed = result(found)["status"] == "pass"
    counts = found.decides is not Verdict.HOLDS or bool(found.tool.get("interrupted"))
    assert not (passed and counts)
    assert passed == (b4.as_lines(found) == "")


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict.HOLDS, "pass"),
        (Verdict.VIOLATED, "fail"),
        (Verdict.ERROR, "fail"),
        (Verdict.UNKNOWN, "warn"),
        (Verdict.VACUOUS, "warn"),
        (Verdict.UNSUPPORTED, "warn"),
    ],
)
def test_what_becomes_of_a_verdict(verdict: Verdict, status: str) -> None:
    assert result(decided_by(verdict))["status"] == status
    assert result(gated(verdict))["status"] == "pass"


def test_each_cause_is_a_detail_the_worst_first() -> None:
    found = full()
    mild = finding(
        fingerprint="collateral-change/kvm_age_gfn/any", severity="imprecise", entry="kvm_age_gfn"
    )
    found.findings = [mild, *found.findings]
    only = result(found)
    details = json.loads(only["details"])
    assert [one["status"] for one in details] == ["fail", "warn", "warn"]
    assert "1. create" in details[0]["description"]
    assert only["status"] == "fail"
    assert "arch/mips/kvm/mmu.c:441: stale-mapping" in only["summary"]
    assert only["summary"].endswith("; and 2 more")
    lines = b4.as_lines(found).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["ERROR", "WARNING", "WARNING"]


def test_what_is_only_imprecise_warns() -> None:
    found = holding()
    found.findings = [finding(severity="imprecise")]
    found.gate = Gate(Verdict.VIOLATED)
    assert result(found)["status"] == "warn"


def test_a_gate_that_is_shut_by_nothing_that_is_told_fails() -> None:
    found = holding()
    found.gate = Gate(Verdict.VIOLATED)
    assert result(found)["status"] == "fail"
    assert b4.as_lines(found) == "ERROR: the verdict is violated\n"


def test_an_interrupted_run_fails() -> None:
    found = holding()
    found.tool["interrupted"] = True
    assert result(found)["status"] == "fail"


def test_nothing_new_says_what_there_was() -> None:
    found = holding()
    acceptance.accept(found, baseline.NOTHING)
    assert result(found)["summary"] == "nothing new in 3 layouts, 0 findings as before"
