# SPDX-License-Identifier: GPL-2.0-only
"""GitHub annotations and lines as sparse prints them: one line each, none that lies."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given

from slatcheck.document.result import Document, Gate, Verdict
from slatcheck.reports import github, sparse
from slatcheck.reports.remarks import comparisons, remarks
from tests.slatcheck.reports.documents import WHY, decided_by, documents, gated, holding, replay
from tests.slatcheck.reports.test_reports import check, document, finding, full

ANNOTATION = re.compile(
    r"::(?P<command>error|warning|notice) file=(?P<file>[^,:]+),line=(?P<line>[1-9]\d*),"
    r"title=(?P<title>[^,:]+)::(?P<text>.+)"
)
LINE = re.compile(
    r"(?P<file>[\w./-]+):(?P<line>[1-9]\d*): (?P<level>error|warning|note): (?P<text>[^\n]+)"
)


def commands_of(found: Document) -> list[re.Match[str]]:
    """Return the annotations as GitHub takes them; every other line must be the last."""
    *lines, last = github.render(found, replay).split("\n")[:-1]
    gate = f", gate: {found.gate.verdict.value}" if found.gate else ""
    assert last == f"slatcheck verdict: {found.verdict.value}{gate}"
    matches = [ANNOTATION.fullmatch(line) for line in lines]
    assert None not in matches, lines
    return [one for one in matches if one]


def sparse_lines(found: Document) -> list[re.Match[str]]:
    text = sparse.render(found, replay)
    assert text == "" or text.endswith("\n")
    matches = [LINE.fullmatch(line) for line in text.split("\n")[:-1]]
    assert None not in matches, text
    return [one for one in matches if one]


@given(found=documents())
def test_every_remark_is_one_annotation_and_one_line(found: Document) -> None:
    told = [*remarks(found), *comparisons(found)]
    assert all(one.level == "note" for one in comparisons(found))
    assert [one["level"] for one in sparse_lines(found)] == [one.level for one in told]
    names = {"error": "error", "warning": "warning", "note": "notice"}
    assert [one["command"] for one in commands_of(found)] == [names[one.level] for one in told]
    assert len(commands_of(found)) == len(sparse_lines(found)) == len(told)
    assert sum(one.finding is not None for one in told) == len(found.findings)
    assert bool(told) or found.verdict is Verdict.HOLDS
    for one in commands_of(found):
        assert not re.search(r"%(?!25|0A|3A|2C)", one["text"] + one["title"] + one["file"])


@given(found=documents())
def test_nothing_a_terminal_acts_on_is_printed(found: Document) -> None:
    for text in (github.render(found, replay), sparse.render(found, replay)):
        assert all(c.isprintable() or c == "\n" for c in text)


@pytest.mark.parametrize("verdict", Verdict)
def test_only_holds_is_silent(verdict: Verdict) -> None:
    found = decided_by(verdict)
    commands = [one["command"] for one in commands_of(found)]
    levels = [one["level"] for one in sparse_lines(found)]
    if verdict is Verdict.HOLDS:
        assert commands == levels == []
        return
    grave = verdict in (Verdict.ERROR, Verdict.VIOLATED)
    assert commands == levels == ["error" if grave else "warning"]
    (line,) = sparse_lines(found)
    assert line["text"].startswith(f"{verdict.value}: {WHY}")


@pytest.mark.parametrize("verdict", [v for v in Verdict if v is not Verdict.HOLDS])
def test_what_the_gate_accepts_is_a_note(verdict: Verdict) -> None:
    (line,) = sparse_lines(gated(verdict))
    assert line["level"] == "note"
    assert line["text"].endswith("(accepted: baseline)")


def test_what_is_gone_and_what_differs_is_told() -> None:
    found = holding()
    difference = {"layout": "mips32-4k", "function": "f", "reason": "it returns 1", "trace": []}
    found.gate = Gate(Verdict.HOLDS, gone={"a/b/c": ["mips32-4k"]}, differences=[difference])
    assert [line["text"] for line in sparse_lines(found)] == [
        "gone: a/b/c (mips32-4k)",
        "differs: f on mips32-4k: it returns 1",
    ]


def test_levels_follow_severity_and_what_is_known() -> None:
    def level(**changes: object) -> str:
        found = document(check("mips32-4k", Verdict.VIOLATED), findings=(finding(**changes),))
        return str(commands_of(found)[0]["command"])

    assert level() == "error"
    assert level(severity="imprecise") == "warning"
    assert level(known=True) == "notice"
    assert level(contract=False) == "notice"


def test_escapes_are_those_of_workflow_commands() -> None:
    evil = finding(entry="a:b,c%d", summary="50%::x")
    (first, *_) = commands_of(document(check("mips32-4k", Verdict.VIOLATED), findings=(evil,)))
    assert first["title"] == "slatcheck stale-mapping%3A a%3Ab%2Cc%25d"
    assert first["text"].startswith("50%25::x")
    assert "\n> 3. unmap" in unquote(first["text"])


def test_a_pass_prints_nothing_as_sparse_does() -> None:
    assert sparse.render(holding()) == ""
    assert sparse.render(document()) != ""
    assert "vacuous" in sparse.render(document())


def test_lines_are_as_agreed() -> None:
    lines = sparse.render(full()).splitlines()
    assert lines[0] == (
        "arch/mips/kvm/mmu.c:441: error: stale-mapping: 1 entry of the range as before; "
        "all mips32 layouts (2) [stale-mapping/kvm_unmap_gfn_range/ends-at-top]"
    )
