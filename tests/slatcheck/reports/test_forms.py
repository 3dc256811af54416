# SPDX-License-Identifier: GPL-2.0-only
"""What all forms have in common, and a JSON report that is given another form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from slatcheck import cli
from slatcheck.commands.delivery import Delivery, finish
from slatcheck.document.reading import read
from slatcheck.document.result import EXIT, Document, Verdict
from slatcheck.errors import InputError
from slatcheck.reports import forms
from slatcheck.reports import json as json_report
from tests.slatcheck.reports.documents import WHY, decided_by, documents, gated, holding, replay
from tests.slatcheck.reports.test_reports import full

OURS = ("ktap", "junit", "sarif", "github", "sparse", "kcidb")


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("verdict", Verdict)
def test_every_form_is_reached_by_its_name(name: str, verdict: Verdict) -> None:
    assert name in forms.NAMES
    for command in (replay, None):
        text = forms.render(name, decided_by(verdict), command)
        assert verdict is Verdict.HOLDS or f"{verdict.value}" in text
        assert (WHY in text) == (verdict is not Verdict.HOLDS)


@pytest.mark.parametrize("name", OURS)
@given(found=documents())
def test_the_same_document_gives_the_same_report(name: str, found: Document) -> None:
    text = forms.render(name, found, replay)
    assert text == forms.render(name, found, replay)
    # Surrogates could not be written to a file.
    assert text.encode("utf-8").decode("utf-8") == text


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """Give the JSON report of a run."""
    path = tmp_path / "report.json"
    path.write_text(json_report.render(full()))
    return path


@pytest.mark.parametrize("found", [full(), holding(), gated(Verdict.UNKNOWN)])
def test_a_json_report_is_read_back_as_it_was(tmp_path: Path, found: Document) -> None:
    path = tmp_path / "report.json"
    path.write_text(json_report.render(found))
    assert read(path) == found


@pytest.mark.parametrize("name", forms.NAMES)
def test_a_report_in_another_form_is_that_of_the_run(
    kept: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # A mail is about one cause of several.
    subject = full().findings[0].fingerprint if name == "mail" else ""
    more = ["--finding", subject] if subject else []
    status = cli.run(["report", str(kept), "--format", name, *more])
    assert status == EXIT[full().verdict]
    again = capsys.readouterr().out
    finish(full(), Delivery(name, None, subject=subject), None, None)
    assert again == capsys.readouterr().out


def damaged(**changes: Any) -> str:
    return json.dumps(full().to_json() | changes)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is no JSON"),
        ("[1]", "is no JSON report of this version"),
        ('{"schema": "slatcheck/99"}', "is no JSON report of this version"),
        (damaged(verdict="holds"), "it says holds, its checks say violated"),
        (damaged(checks=[{}]), "is damaged at checks/0"),
        (damaged(findings=7), "is damaged at findings"),
    ],
)
def test_anything_else_is_refused_in_one_line(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(InputError, match=why):
        read(path)


def test_another_geometry_is_refused(tmp_path: Path) -> None:
    data = holding().to_json()
    data["layouts"][0]["geometry"]["page_shift"] += 1
    path = tmp_path / "report.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match="has another geometry of mips32-4k"):
        read(path)


def test_the_commands_that_judge_offer_every_form(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("check", "prove", "replay"):
        assert cli.run([command, "--help"]) == 0
        told = "".join(capsys.readouterr().out.split())
        assert "|".join(forms.NAMES) in told


def test_verbose_shows_more_of_the_text_and_changes_no_other_form(
    kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in forms.NAMES:
        told = []
        about = ["--finding", full().findings[0].fingerprint] if name == "mail" else []
        for more in (about, [*about, "--verbose"]):
            assert cli.run(["report", str(kept), "--format", name, *more]) == EXIT[full().verdict]
            told.append(capsys.readouterr().out)
        assert (told[0] == told[1]) == (name != "text"), name
        assert ("shortest trace found" in told[1]) == (name == "text")
