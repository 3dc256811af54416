# SPDX-License-Identifier: GPL-2.0-only
"""The command: forms by the file's name, findings picked, bad input reported in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from model.operations import to_json
from slatcheck import cli
from slatcheck.judge import traces
from tests.slatcheck.explain.stories import trace
from tests.slatcheck.reports.test_reports import full


def replay_data(name: str = "hull") -> dict[str, Any]:
    case = trace(name)
    return {
        "schema": traces.REPLAY_SCHEMA,
        "fingerprint": case.fingerprint,
        "implementation": "multilevel",
        "layout": case.layout.name,
        "quirks": list(case.quirks),
        "seed": 0,
        "trace": [to_json(op) for op in case.ops],
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "replay.json"
    path.write_text(json.dumps(replay_data()))
    return path


@pytest.mark.parametrize(
    ("name", "options", "begins"),
    [
        ("a.html", (), "<!DOCTYPE html>"),
        ("a.HTM", (), "<!DOCTYPE html>"),
        ("a.svg", (), "<svg xmlns="),
        ("a.svg", ("--step", "1"), "<svg xmlns="),
        ("a.txt", (), "collateral-change in"),
        ("a.txt", ("--format", "svg"), "<svg xmlns="),
        ("a", ("--format", "html"), "<!DOCTYPE html>"),
    ],
)
def test_the_form_follows_the_name_unless_it_is_asked_for(
    file: Path, tmp_path: Path, name: str, options: tuple[str, ...], begins: str
) -> None:
    output = tmp_path / name
    assert cli.run(["explain", str(file), "-o", str(output), *options]) == 1
    text = output.read_text(encoding="utf-8")
    assert text.startswith(begins)
    assert ("step 1:" in text) == ("--step" in options)


def test_text_goes_to_stdout_without_colours(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["explain", str(file)]) == 1
    said = capsys.readouterr().out
    assert "frame 0x11 lies between" in said and "\x1b" not in said
    assert f"slatcheck replay {file}" in " ".join(said.split())


def test_a_bug_that_is_gone_is_no_failure(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(json.dumps(replay_data() | {"quirks": []}))
    assert cli.run(["explain", str(file)]) == 0
    assert "every promise was kept" in capsys.readouterr().out


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert cli.run(arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "Traceback" not in said.err
    return said.err


def test_a_report_with_several_findings_asks_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    document = full().to_json()
    report.write_text(json.dumps(document))
    names = [one["fingerprint"] for one in document["findings"]]
    said = refused(["explain", str(report)], capsys)
    assert all(name in said for name in names)
    assert "has no finding nothing/like/that" in refused(
        ["explain", str(report), "--finding", "nothing/like/that"], capsys
    )
    assert "give one with --kernel" in refused(
        ["explain", str(report), "--finding", names[0]], capsys
    )
    report.write_text(json.dumps(document | {"findings": document["findings"][:1]}))
    assert traces.load(report).fingerprint == names[0]
    report.write_text(json.dumps(document | {"findings": []}))
    assert "no findings" in refused(["explain", str(report)], capsys)


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"schema": "slatcheck-replay/0"}, "neither a replay file"),
        ({"trace": 3}, "no list of operations"),
        ({"trace": [{"op": "fly"}]}, "damaged"),
        ({"trace": [{"op": "lookup", "gpa": "0x0"}]}, "begins with its only create"),
        ({"layout": "mips128"}, "not known here"),
        ({"quirks": ["none-such"]}, "unknown quirk"),
        ({"quirks": "all"}, "wrong kind"),
        ({"implementation": "linear"}, "not known here"),
        ({"implementation": "kernel"}, "--kernel"),
        ({"fingerprint": "no-rule/f/any"}, "not known here"),
    ],
)
def test_damaged_files_are_told_in_one_line(
    file: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], hint: str
) -> None:
    file.write_text(json.dumps(replay_data() | change))
    assert hint in refused(["explain", str(file)], capsys)


def test_other_bad_input_is_told_in_one_line(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, hint in (
        (["explain", str(tmp_path / "absent.json")], "cannot read"),
        (["explain", str(file), "--step", "2"], "--format svg"),
        (["explain", str(file), "--format", "svg", "--step", "9"], "has 3 steps"),
        (["explain", str(file), "--finding", "a/b/c"], "not a/b/c"),
        (["explain", str(file), "-o", str(tmp_path / "no/such.html")], "does not exist"),
    ):
        assert hint in refused(arguments, capsys)
    file.write_text("{")
    assert "no JSON" in refused(["explain", str(file)], capsys)
    file.write_text("[]")
    assert "neither" in refused(["explain", str(file)], capsys)


@pytest.mark.parametrize("command", ["explain", "layouts"])
def test_examples_of_the_help_stand_on_lines_of_their_own(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([command, "--help"]) == 0
    said = capsys.readouterr().out
    assert "\\b" not in said
    lines = [line.strip() for line in said.splitlines() if f"  slatcheck {command} " in line]
    assert len(lines) >= 2 and all(line.startswith("slatcheck") for line in lines)
