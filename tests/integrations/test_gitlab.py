# SPDX-License-Identifier: GPL-2.0-only
"""The GitLab template: its script is run, and what it calls is what slatcheck takes."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from slatcheck import __version__
from slatcheck.reports import json as json_report
from support import cache as keeping
from tests.integrations.programs import INTEGRATIONS, Fake, environment, fake, parsed
from tests.integrations.steps import entries
from tests.slatcheck.reports.test_reports import full

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
    artifacts = text.partition("\n  artifacts:\n")[2]
    assert re.findall(r"^      - (.*)$", artifacts, re.MULTILINE) == ["slatcheck.json"]
    assert {"slatcheck.json", *re.findall(r"junit: (\S+\.xml)", text)} == written


def test_the_set_up_is_shell_that_calls_the_makefile() -> None:
    steps = entries(TEMPLATE, "before_script")
    for step in steps:
        subprocess.run(["bash", "-n"], input=step, text=True, check=True)
    assert steps[-1].endswith("setup")


def variable(name: str) -> str:
    """Return what the template sets a variable to."""
    (value,) = re.findall(rf'^    {name}: "?(.*?)"?$', TEMPLATE.read_text(), re.MULTILINE)
    return str(value)


def policies() -> dict[str, str]:
    """Return the cache policy of each rule, by its condition; a job that does not run has none."""
    rules = TEMPLATE.read_text().partition("\n  rules:\n")[2].partition("\n  before_script:")[0]
    told = {}
    for rule in re.split(r"^    - ", rules, flags=re.MULTILINE)[1:]:
        condition = re.match(r"if: (.*)", rule)
        policy = re.search(r"SLATCHECK_CACHE_POLICY: (\S+)", rule)
        if "when: never" not in rule:
            default = variable("SLATCHECK_CACHE_POLICY")
            told[condition[1] if condition else ""] = policy[1] if policy else default
    return told


def test_a_merge_request_restores_and_saves_nothing() -> None:
    told = policies()
    assert next(iter(told)) == '$CI_PIPELINE_SOURCE == "merge_request_event"'
    assert list(told.values()) == ["pull", "pull-push", "pull"]
    assert told['$CI_COMMIT_REF_PROTECTED == "true"'] == "pull-push"
    # Rules of a job that extends this one take the place of these: then nothing is saved.
    assert variable("SLATCHECK_CACHE_POLICY") == "pull"
    assert "    policy: $SLATCHECK_CACHE_POLICY\n" in TEMPLATE.read_text()


def test_what_is_kept_lies_where_slatcheck_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = variable("SLATCHECK_CACHE").replace("$CI_PROJECT_DIR", str(tmp_path))
    monkeypatch.setenv("SLATCHECK_CACHE", folder)
    cached = TEMPLATE.read_text().partition("\n  cache:\n")[2].partition("    policy:")[0]
    (path,) = re.findall(r"^      - (.*)$", cached, re.MULTILINE)
    assert tmp_path / path == keeping.folder()


def test_the_cache_is_named_by_the_version() -> None:
    assert variable("SLATCHECK_VERSION") == __version__
    assert "$SLATCHECK_VERSION" in TEMPLATE.read_text().partition("\n    key: ")[2].splitlines()[0]
