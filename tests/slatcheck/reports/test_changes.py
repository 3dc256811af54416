# SPDX-License-Identifier: GPL-2.0-only
"""Two reports side by side: every difference is said, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from slatcheck import cli
from slatcheck.commands import delivery
from slatcheck.document.changes import Changed, Took, changes
from slatcheck.document.result import Document, Verdict
from slatcheck.reports.changes import render_json, render_text
from tests.slatcheck.reports.documents import documents
from tests.slatcheck.reports.test_reports import check, document, finding

LEAK = "kernel/kvm_unmap_gfn_range/leak"
STALE = "kernel/kvm_unmap_gfn_range/stale-mapping"


def proved(where: str, seconds: float) -> Document:
    proof = check(where, Verdict.HOLDS, kind="proof-c", id="c/one/exact", seconds=seconds)
    return document(proof, check(where, Verdict.HOLDS, seconds=1.0))


@given(documents())
def test_a_report_says_the_same_as_itself(one: Document) -> None:
    found = changes(one, one)
    assert found.alike
    assert all(took.more == 0 for took in (*found.times, *found.promises))
    assert "both reports say the same" in render_text(found)


@given(documents(), documents())
def test_what_is_said_of_any_two_fits_the_schema(one: Document, other: Document) -> None:
    there, back = changes(one, other), changes(other, one)
    assert json.loads(render_json(there))["alike"] == there.alike == back.alike
    assert set(there.appeared) == set(back.gone)
    assert {(each.id, each.old, each.new) for each in there.checks} == {
        (each.id, each.new, each.old) for each in back.checks
    }


def test_verdicts_and_findings_that_changed_are_said() -> None:
    old = document(check("mips32-4k", Verdict.HOLDS), check("mips64-4k", Verdict.HOLDS))
    new = document(
        check("mips32-4k", Verdict.VIOLATED),
        check("mips64-4k", Verdict.HOLDS),
        check("mips64-4k", Verdict.UNKNOWN, "leak"),
        findings=(finding(),),
    )
    found = changes(old, new)
    assert found.checks == (
        Changed(STALE, "mips32-4k", "", "holds", "violated"),
        Changed(LEAK, "mips64-4k", "", "", "unknown"),
    )
    text = render_text(found)
    assert f"new: {finding().fingerprint}" in text
    assert f"{STALE}: holds -> violated in 1 place: mips32-4k" in text
    assert f"{LEAK}: not asked -> unknown" in text


def test_byte_orders_are_told_apart() -> None:
    sides = [check("mips64-4k", Verdict.HOLDS, byte_order=order) for order in ("big", "little")]
    other = [sides[0], replace(sides[1], verdict=Verdict.VIOLATED)]
    found = changes(document(*sides), document(*other))
    assert [(one.byte_order, one.new) for one in found.checks] == [("little", "violated")]


def test_another_finding_behind_the_same_verdict_is_said() -> None:
    shown = [check("mips64-4k", Verdict.VIOLATED, finding=mark) for mark in ("a/b/c", "a/b/d")]
    (one,) = changes(document(shown[0]), document(shown[1])).checks
    assert (one.old, one.new) == ("violated a/b/c", "violated a/b/d")


def test_a_proof_that_became_slow_is_named() -> None:
    found = changes(proved("mips64-4k", 1.5), proved("mips64-4k", 6.0))
    assert found.alike
    assert found.times[0] == Took("proof-c", 1.5, 6.0)
    assert found.promises[0] == Took("c/one/exact", 1.5, 6.0)
    assert "c/one/exact" in render_text(found)
    assert "4.00" in render_text(found)


def test_a_run_that_is_judged_by_several_rules_takes_its_time_once() -> None:
    rules = ("leak", "stale-mapping", "wrong-entry")
    both = [check("mips64-4k", Verdict.HOLDS, rule, seconds=2.0) for rule in rules]
    found = changes(document(*both), document(*both))
    assert found.times == (Took("differential", 2.0, 2.0),)


@pytest.fixture
def reports(tmp_path: Path) -> list[str]:
    sides = proved("mips64-4k", 1.0), document(check("mips64-4k", Verdict.VIOLATED))
    files = [tmp_path / name for name in ("old.json", "new.json")]
    for file, side in zip(files, sides, strict=True):
        file.write_text(json.dumps(side.to_json()))
    return [str(file) for file in files]


def test_the_command_compares(reports: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    old, new = reports
    assert cli.run(["report", old, "--compare", old]) == 0
    assert "both reports say the same" in capsys.readouterr().out
    assert cli.run(["report", new, "--compare", old]) == 1
    assert "holds -> violated" in capsys.readouterr().out
    assert cli.run(["report", new, "--compare", old, "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["schema"] == "slatcheck-changes/1"


def test_other_forms_and_other_files_are_refused(
    reports: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = reports
    assert cli.run(["report", new, "--compare", old, "--format", "html"]) == delivery.USAGE
    assert "--compare has no form 'html'" in capsys.readouterr().err
    assert cli.run(["report", new, "--compare", str(tmp_path / "none.json")]) == delivery.USAGE
    assert capsys.readouterr().err.count("\n") == 1
