# SPDX-License-Identifier: GPL-2.0-only
"""The form kcidb, checked by kcidb-io itself, and what a reader of it makes of a verdict."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from kcidb_io import schema

from impl.kernel.ports import open_tree
from slatcheck import cli
from slatcheck.document.result import Document, Verdict
from slatcheck.reports import forms
from slatcheck.reports import json as json_report
from slatcheck.reports.kcidb import LONGEST, STATUS, VERSION
from tests.slatcheck.gate import trees
from tests.slatcheck.reports.documents import decided_by, documents, gated, replay
from tests.slatcheck.reports.test_reports import full

RANKING = ("FAIL", "ERROR", "MISS", "PASS", "DONE", "SKIP")


def submitted(document: Document, asked: forms.Asked = forms.NOTHING_ASKED) -> dict[str, Any]:
    """Return what is submitted of a document; raises what KCIDB would refuse it for."""
    told: dict[str, Any] = json.loads(forms.render("kcidb", document, replay, asked))
    schema.LATEST.validate(told)
    assert schema.LATEST.is_compatible_exactly(told)
    return told


def test_the_version_is_the_newest() -> None:
    assert {"major": schema.LATEST.major, "minor": schema.LATEST.minor} == VERSION
    status = schema.LATEST.json["$defs"]["status"]
    assert tuple(status["enum"]) == RANKING


@given(found=documents())
def test_whatever_the_document_kcidb_takes_it(found: Document) -> None:
    told = submitted(found)
    ids = {kind: [one["id"] for one in told[kind]] for kind in told if kind != "version"}
    for kind, names in ids.items():
        assert len(set(names)) == len(names), kind
    for one in told["builds"]:
        assert one["checkout_id"] in ids["checkouts"]
    for one in told["tests"]:
        assert one["build_id"] in ids["builds"]
        assert len(one.get("log_excerpt", "")) <= LONGEST
    for one in told["incidents"]:
        assert one["issue_id"] in ids["issues"]
        assert one["test_id"] in ids["tests"]
    told_of = [
        one for one in told["tests"] if "evidence" in one["misc"] and one["misc"]["evidence"]
    ]
    assert len(told_of) == len(found.checks)


@given(found=documents())
def test_only_holds_passes_and_nothing_ranks_below_it(found: Document) -> None:
    for one in submitted(found)["tests"]:
        assert (one["status"] == "PASS") == (one["misc"]["verdict"] == "holds")
        assert RANKING.index(one["status"]) <= RANKING.index("PASS")


@pytest.mark.parametrize("verdict", sorted(set(Verdict) - {Verdict.HOLDS}, key=str))
def test_what_is_accepted_is_waived_and_keeps_its_status(verdict: Verdict) -> None:
    told = submitted(gated(verdict))
    (test,) = [one for one in told["tests"] if one["misc"]["waived"]]
    assert test["status"] == STATUS[verdict]
    (incident,) = [one for one in told["incidents"] if one["test_id"] == test["id"]]
    issues = {one["id"]: one for one in told["issues"]}
    assert issues[incident["issue_id"]]["comment"] == "waived: accepted by the gate (baseline)"
    assert not any(one["misc"]["waived"] for one in submitted(decided_by(verdict))["tests"])


def test_it_is_waived_as_kcidb_itself_carries_a_waiver_over() -> None:
    old = {
        "version": {"major": 4, "minor": 5},
        "tests": [{"id": "a:1", "origin": "a", "build_id": "a:2", "waived": True}],
    }
    theirs = schema.LATEST.upgrade(old)
    assert set(theirs["incidents"][0]) <= set(submitted(gated(Verdict.VIOLATED))["incidents"][0])
    assert "waived" not in theirs["tests"][0]


def test_a_finding_is_the_same_issue_in_every_layout_and_run() -> None:
    told = submitted(full())
    failed = [one for one in told["tests"] if one["status"] == "FAIL"]
    assert {one["build_id"].rpartition(":")[2] for one in failed} == {"mips32-4k", "mips32-16k"}
    assert len({one["path"] for one in failed}) == 1
    assert len({one["issue_id"] for one in told["incidents"]}) == 1
    other = full()
    other.tool["seed"] = 8
    assert {one["id"] for one in submitted(other)["issues"]} == {
        one["id"] for one in told["issues"]
    }
    assert submitted(other)["tests"][0]["id"] != told["tests"][0]["id"]


def test_a_layout_that_cannot_be_built_is_no_build_that_passed() -> None:
    found = decided_by(Verdict.UNSUPPORTED)
    found.checks[0] = type(found.checks[0])(
        "kernel/build/geometry", "differential", "mips32-4k", "", Verdict.UNSUPPORTED, "no header"
    )
    builds = submitted(found)["builds"]
    assert [one["status"] for one in builds] == ["MISS", "PASS", "PASS"]


# What git says of the tree


@pytest.fixture
def judged(tmp_path: Path) -> tuple[Path, Document]:
    """Give a tree in git, and a document about it."""
    tree = trees.small(tmp_path / "linux")
    found = full()
    found.kernel = {"version": "6.12.1", "digest": open_tree(tree).digest()}
    return tree, found


def checkout(tree: Path, found: Document) -> dict[str, Any]:
    told: dict[str, Any] = submitted(found, forms.Asked(tree))["checkouts"][0]
    return told


def test_the_commit_is_told(judged: tuple[Path, Document]) -> None:
    tree, found = judged
    told = checkout(tree, found)
    assert told["git_commit_hash"] == trees.git(tree, "rev-parse", "HEAD")
    assert told["patchset_hash"] == ""
    assert "git_repository_url" not in told
    assert "git_commit_hash" not in submitted(found)["checkouts"][0]


def test_changes_on_top_of_the_commit_are_a_patchset(judged: tuple[Path, Document]) -> None:
    tree, found = judged
    trees.write(tree, trees.FILE, trees.FUNCTION)
    assert "git_commit_hash" not in checkout(tree, found), "it is not the tree that was judged"
    found.kernel = {"version": "6.12.1", "digest": open_tree(tree).digest()}
    patch = trees.git(tree, "diff", "--binary", "HEAD") + "\n"
    of_patch = hashlib.sha256(patch.encode()).hexdigest() + "\n"
    assert checkout(tree, found)["patchset_hash"] == hashlib.sha256(of_patch.encode()).hexdigest()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://example.org/pub/linux.git", "https://example.org/pub/linux.git"),
        ("https://me:secret@example.org/linux.git", "https://example.org/linux.git"),
        ("git@example.org:linux.git", None),
        ("https://example.org/a b", None),
        ("/srv/linux", None),
    ],
)
def test_the_address_is_told_where_it_is_public(
    judged: tuple[Path, Document], url: str, told: str | None
) -> None:
    tree, found = judged
    trees.git(tree, "remote", "add", "origin", url)
    assert checkout(tree, found).get("git_repository_url") == told


def test_the_origin_is_that_of_the_ci_system(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "report.json"
    file.write_text(json_report.render(full()))
    arguments = ["report", str(file), "--format", "kcidb", "--origin"]
    assert cli.run([*arguments, "my_ci"]) == 1
    told = json.loads(capsys.readouterr().out)
    schema.LATEST.validate(told)
    assert {one["origin"] for kind in told if kind != "version" for one in told[kind]} == {"my_ci"}
    assert cli.run([*arguments, "My CI"]) == 2
    assert capsys.readouterr().err.startswith("slatcheck: --origin 'My CI': ")
