# SPDX-License-Identifier: GPL-2.0-only
"""The GitLab template: its script is run, and what it calls is what slatcheck takes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from slatcheck.reports import json as json_report
from tests.integrations.programs import INTEGRATIONS, Fake, environment, fake, parsed
from tests.integrations.steps import entries
from tests.slatcheck.test_reports import full

TEMPLATE = INTEGRATIONS / "gitlab/slatcheck.yml"


def run_script(folder: Path, program: Fake) -> int:
    """Run the job's script as GitLab does: all entries in one shell, ending at the first error."""
    source = program.path.parents[2]
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(entries(TEMPLATE, "script"))],
        cwd=folder,
        env=environment(
            SLATCHECK_SOURCE=source,
            SLATCHECK_KERNEL=folder / "the tree",
            SLATCHECK_ARGS="--layout mips64-4k",
        ),
    )
    return done.returncode


@pytest.mark.parametrize("status", [0, 1, 3, 4])
def test_one_run_decides_and_is_shown_as_junit(tmp_path: Path, status: int) -> None:
    program = fake(tmp_path / "source/.venv/bin/slatcheck", status, json_report.render(full()))
    assert run_script(tmp_path, program) == status
    calls = [parsed(call).params for call in program.calls()]
    assert [(str(one["output"]), one["format_"]) for one in calls] == [
        ("slatcheck.json", "json"),
        ("slatcheck.xml", "junit"),
        ("None", "text"),
    ]
    assert calls[0]["kernel"] == tmp_path / "the tree"
    assert calls[0]["patterns"] == ("mips64-4k",)
    assert str(calls[1]["file"]) == "slatcheck.json"


def test_without_a_report_the_run_still_decides(tmp_path: Path) -> None:
    program = fake(tmp_path / "source/.venv/bin/slatcheck", 2)
    assert run_script(tmp_path, program) == 2
    assert len(program.calls()) == 1


def test_the_artifacts_are_what_the_script_writes() -> None:
    text = TEMPLATE.read_text()
    written = set(re.findall(r"--output (\S+)", text))
    assert entries(TEMPLATE, "paths") == ["slatcheck.json"]
    assert {"slatcheck.json", *re.findall(r"junit: (\S+\.xml)", text)} == written


def test_the_set_up_is_shell_that_calls_the_makefile() -> None:
    steps = entries(TEMPLATE, "before_script")
    for step in steps:
        subprocess.run(["bash", "-n"], input=step, text=True, check=True)
    assert steps[-1].endswith("setup")
