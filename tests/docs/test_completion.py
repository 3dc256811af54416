# SPDX-License-Identifier: GPL-2.0-only
"""Completion: what a shell is offered, asked in the way that click's scripts ask."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from impl.ports import every_quirk
from model.ports import layouts
from model.rules import RULES
from slatcheck import commands
from slatcheck.commands.completion import VARIABLE
from slatcheck.gate.baseline import Baseline, Entry, render
from slatcheck.reports import forms
from slatcheck.reports import json as json_report
from tests.docs.generated import DOCS, ROOT
from tests.integrations.programs import script
from tests.kernels.repository import NOBODY
from tests.slatcheck.reports.test_reports import full

MARK = "stale-mapping/kvm_mips_flush_gpa_pt/any"
PROGRAM = (sys.executable, "-m", "slatcheck")


def offered(folder: Path, *typed: str, shell: str = "bash") -> list[tuple[str, str]]:
    """Return (kind, value) of what is offered for the last of the words that were typed."""
    words = ["slatcheck", *typed]
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        VARIABLE: f"{shell}_complete",
        "COMP_WORDS": "\n".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    done = subprocess.run(PROGRAM, cwd=folder, env=env, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return [
        (kind, value) for kind, _, value in (x.partition(",") for x in done.stdout.splitlines())
    ]


def values(folder: Path, *typed: str) -> set[str]:
    """Return the plain values that are offered."""
    return {value for kind, value in offered(folder, *typed) if kind == "plain"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a report, a replay file, a baseline and a damaged file."""
    (tmp_path / "report.json").write_text(json_report.render(full()))
    (tmp_path / "replay.json").write_text(json.dumps({"fingerprint": MARK}))
    known = Baseline("6.12", ("mips64-4k",), ("differential",))
    known.known[MARK] = Entry(MARK, ("mips64-4k",))
    (tmp_path / "known.toml").write_text(render(known))
    (tmp_path / "damaged").write_text('{"findings": [3, {"fingerprint": 5}, "x"]')
    return tmp_path


def test_names_are_offered(tmp_path: Path) -> None:
    every = {one.name for one in layouts()}
    for typed, expected in (
        (["ch"], {"check"}),
        ([""], set(commands.NAMES)),
        (["check", "--layout", ""], every),
        (["check", "--layout", "mips64-16k"], {x for x in every if x.startswith("mips64-16k")}),
        (["layouts", "mips32-4k", "mips32-6"], {x for x in every if x.startswith("mips32-6")}),
        (["rule", ""], {one.name for one in RULES}),
        (["check", "--quirk", ""], {one.name for one in every_quirk()}),
        (["check", "--format", ""], set(forms.NAMES)),
        (["check", "--fail-on", ""], {"unsafe", "imprecise"}),
        (["prove", "--solver", "b"], {"bitwuzla"}),
        (["check", "--base"], {"--baseline"}),
        (["check", "--layout", "no-such"], set()),
        (["run", "finding.c", "--layout", "mips32-4k-h"], {"mips32-4k-huge"}),
    ):
        assert values(tmp_path, *typed) == expected, typed


def test_a_path_is_left_to_the_shell(tmp_path: Path) -> None:
    assert offered(tmp_path, "check", "--kernel", "lin") == [("dir", "lin")]
    assert offered(tmp_path, "check", "--baseline", "kno") == [("file", "kno")]
    assert offered(tmp_path, "replay", "") == [("file", "")]


def test_fingerprints_come_out_of_the_files_that_were_named(folder: Path) -> None:
    found = {one.fingerprint for one in full().findings}
    assert values(folder, "explain", "report.json", "--finding", "") == found
    assert values(folder, "explain", "replay.json", "--finding", "stale") == {MARK}
    assert values(folder, "export", "report.json", "--as", "c", "--finding", "") == found
    baseline = ["check", "--baseline", "known.toml", "--bisect"]
    assert values(folder, *baseline, "") == {MARK, "new"}
    assert values(folder, *baseline, "stale") == {MARK}
    assert values(folder, "check", "--against", "HEAD", "--bisect", "") == {"new"}


def test_causes_come_out_of_the_report_that_was_named(folder: Path) -> None:
    ids = {cause.id for cause in full().causes}
    for command in (["explain"], ["replay"], ["export", "--as", "c"]):
        assert values(folder, *command, "report.json", "--cause", "") == ids
    assert values(folder, "explain", "replay.json", "--cause", "") == set()


@pytest.mark.parametrize("name", ["damaged", "absent", ".", "known.toml"])
def test_what_cannot_be_read_gives_nothing(folder: Path, name: str) -> None:
    assert values(folder, "explain", name, "--finding", "") == set()
    assert values(folder, "explain", name, "--cause", "") == set()
    if name != "known.toml":
        baseline = ["check", "--baseline", name, "--bisect"]
        assert values(folder, *baseline, "") <= {"new"}


EVIL = ("a\nplain,x", "\x1b[2J", "b c", "$(reboot)", "`reboot`", "a;reboot", "*", "a|b", "é")


def test_a_hostile_name_is_not_offered(folder: Path) -> None:
    found = [{"fingerprint": mark} for mark in (*EVIL, MARK)]
    (folder / "evil.json").write_text(json.dumps({"findings": found}))
    assert offered(folder, "explain", "evil.json", "--finding", "") == [("plain", MARK)]


def test_revisions_are_those_of_the_tree(tmp_path: Path) -> None:
    tree = tmp_path / "linux"
    for args in (["init", "--quiet", "--initial-branch=main", str(tree)],
                 ["-C", str(tree), "commit", "--quiet", "--allow-empty", "--message", "one"],
                 ["-C", str(tree), "tag", "v6.12"],
                 ["-C", str(tree), "branch", "$(reboot)"]):  # fmt: skip
        subprocess.run(["git", *args], env=NOBODY, check=True)
    typed = ["check", "--kernel", "linux", "--against"]
    assert values(tmp_path, *typed, "") == {"HEAD", "main", "v6.12"}
    assert values(tmp_path, *typed, "v") == {"v6.12"}
    assert values(tmp_path, "check", "--kernel", "absent", "--against", "") == {"HEAD"}


def test_bash_completes_with_the_lines_of_the_documentation(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    setup = re.findall(
        r"^eval .*bash_source.*$", (DOCS / "completion.md").read_text(), re.MULTILINE
    )
    assert len(setup) == 1
    script(tmp_path / "bin/slatcheck", f'#!/bin/sh\nexec {shlex.join(PROGRAM)} "$@"\n')
    text = f"""{setup[0]}
COMP_WORDS=(slatcheck check --layout mips64-8); COMP_CWORD=3
_slatcheck_completion slatcheck
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    done = subprocess.run([bash, "--norc", "-c", text], env=env, cwd=tmp_path,
                          capture_output=True, text=True, check=True)  # fmt: skip
    expected = sorted(one.name for one in layouts() if one.name.startswith("mips64-8"))
    assert sorted(done.stdout.split()) == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_each_shell(shell: str, tmp_path: Path) -> None:
    assert f"{VARIABLE}={shell}_source slatcheck" in (DOCS / "completion.md").read_text()
    env = {**os.environ, "PYTHONPATH": str(ROOT), VARIABLE: f"{shell}_source"}
    done = subprocess.run(
        PROGRAM, cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert f"{VARIABLE}={shell}_complete" in done.stdout


def test_what_is_no_question_is_refused(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), VARIABLE: "nonsense"}
    done = subprocess.run(PROGRAM, cwd=tmp_path, env=env, capture_output=True, check=False)
    assert done.returncode == 1 and done.stdout == b""
