# SPDX-License-Identifier: GPL-2.0-only
"""The GitHub action: its steps are run, and what they call is what slatcheck takes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from slatcheck import __version__
from slatcheck.document.result import Document, Verdict
from slatcheck.reports import json as json_report
from support import cache as keeping
from tests.integrations.programs import INTEGRATIONS, ROOT, environment, fake, parsed, real
from tests.integrations.steps import runs
from tests.slatcheck.reports.documents import gated, holding
from tests.slatcheck.reports.test_reports import full

ACTION = INTEGRATIONS / "github/action.yml"
JUDGE = INTEGRATIONS / "github/judge.sh"
CACHE = INTEGRATIONS / "github/cache.sh"


def judge(folder: Path, program: Path, **inputs: str | Path) -> tuple[int, str, dict[str, str]]:
    """Run the step that judges; return its status, what it prints, and its outputs."""
    outputs = folder / "outputs"
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", runs(ACTION)[-1]],
        cwd=folder,
        env=environment(
            GITHUB_ACTION_PATH=ACTION.parent,
            GITHUB_OUTPUT=outputs,
            RUNNER_TEMP=folder,
            SLATCHECK=program,
            **inputs,
        ),
        capture_output=True,
        text=True,
    )
    told = outputs.read_text().splitlines() if outputs.exists() else []
    return done.returncode, done.stdout, dict(line.split("=", 1) for line in told)


def test_every_run_step_is_found_and_is_shell() -> None:
    steps = runs(ACTION)
    assert len(steps) == ACTION.read_text().count("run:") == 3
    for step in (*steps, JUDGE.read_text(), CACHE.read_text()):
        subprocess.run(["bash", "-n"], input=step, text=True, check=True)
    assert "make -C" in steps[0]


def test_inputs_and_outputs_are_declared_and_used() -> None:
    text = ACTION.read_text()
    declared = re.findall(r"^  ([\w-]+):$", text, re.MULTILINE)
    for name in set(re.findall(r"inputs\.([\w-]+)", text)):
        assert name in declared, name
    outputs = set(re.findall(r"steps\.check\.outputs\.(\w+)", text))
    assert outputs <= set(re.findall(r'echo "(\w+)=', JUDGE.read_text()))
    outputs = set(re.findall(r"steps\.cache\.outputs\.(\w+)", text))
    assert outputs == set(re.findall(r'echo "(\w+)=', CACHE.read_text()))
    read = set(re.findall(r"\$\{(\w+):-", JUDGE.read_text()))
    given = set(re.findall(r"^        ([A-Z_]+): \$", text, re.MULTILINE))
    assert given - {"PYTHON", "SLATCHECK_CACHE"} <= read


def steps() -> dict[str, str]:
    """Return the text of each step of the action by its name, in their order."""
    told = ACTION.read_text().partition("\n  steps:\n")[2]
    parts = re.split(r"^    - name: (.*)$", told, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def cache_named(folder: Path, script: Path = CACHE) -> dict[str, str]:
    """Run the step that names the cache; return its outputs."""
    outputs = folder / "named"
    outputs.unlink(missing_ok=True)
    env = environment(GITHUB_OUTPUT=outputs, RUNNER_TEMP=folder)
    subprocess.run([script], env=env, check=True)
    return dict(line.split("=", 1) for line in outputs.read_text().splitlines())


def test_what_is_kept_is_restored_before_and_saved_after_the_run() -> None:
    order = list(steps())
    take, judge_, keep = (
        order.index(name)
        for name in ("Take what was kept", "Judge the tree", "Keep it for the next job")
    )
    assert order.index("Name what is kept") < take < judge_ < keep
    restore, save = steps()[order[take]], steps()[order[keep]]
    assert "uses: actions/cache/restore@v" in restore
    assert "uses: actions/cache/save@v" in save
    for name in ("path", "key"):
        (here,), (there,) = (
            re.findall(rf"^        {name}: (.*)$", one, re.MULTILINE) for one in (restore, save)
        )
        assert here == there
    assert "SLATCHECK_CACHE: ${{ steps.cache.outputs.folder }}" in steps()["Judge the tree"]
    # The action that does both would save whatever the event.
    assert not re.search(r"uses: actions/cache@", ACTION.read_text())


def test_a_pull_request_saves_nothing() -> None:
    condition = " ".join(steps()["Keep it for the next job"].split())
    (events,) = re.findall(r"contains\(fromJSON\('(\[.*?\])'\), github\.event_name\)", condition)
    assert set(json.loads(events)) == {"push", "schedule", "workflow_dispatch"}
    assert "||" not in condition
    assert "github.event_name" not in steps()["Take what was kept"]


def test_the_cache_is_named_by_all_that_slatcheck_is(tmp_path: Path) -> None:
    named = cache_named(tmp_path)
    assert named == cache_named(tmp_path)
    assert named["folder"] == f"{tmp_path}/slatcheck-cache"
    assert re.fullmatch(
        rf"slatcheck-{re.escape(__version__)}-Linux-\w+-[0-9a-f]{{16}}", named["key"]
    )
    other = tmp_path / "other"
    for folder in ("model", "impl", "proofs", "slatcheck", "requirements", "integrations"):
        shutil.copytree(ROOT / folder, other / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", other)
    assert cache_named(tmp_path, other / "integrations/github/cache.sh") == named
    (other / "model/rules.py").write_text("# changed\n")
    assert cache_named(tmp_path, other / "integrations/github/cache.sh")["key"] != named["key"]


def test_what_is_kept_lies_where_slatcheck_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLATCHECK_CACHE", cache_named(tmp_path)["folder"])
    (path,) = set(re.findall(r"outputs\.folder \}\}/(\w+)$", ACTION.read_text(), re.MULTILINE))
    assert keeping.folder() == tmp_path / "slatcheck-cache" / path


def kept(found: Document) -> str:
    return json_report.render(found)


@pytest.mark.parametrize("inputs", [{}, {"LAYOUTS": "mips64-4k mips32-*", "ARGS": "--seed 3"}])
def test_what_is_called_is_what_slatcheck_takes(tmp_path: Path, inputs: dict[str, str]) -> None:
    program = fake(tmp_path / "fake", 1, kept(full()))
    status, _, _ = judge(tmp_path, program.path, KERNEL="linux tree", **inputs)
    check, github, sarif = program.calls()
    assert status == 1
    context = parsed(check)
    assert str(context.params["kernel"]) == "linux tree"
    assert context.params["patterns"] == tuple(inputs.get("LAYOUTS", "").split())
    assert [parsed(one).params["format_"] for one in (check, github, sarif)] == [
        "json",
        "github",
        "sarif",
    ]
    report = str(context.params["output"])
    assert github[1] == sarif[1] == report


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [("BASELINE", "--baseline", "known.toml"), ("FAIL_ON", "--fail-on", "unsafe")],
)
def test_the_baseline_is_handed_on(tmp_path: Path, name: str, option: str, value: str) -> None:
    program = fake(tmp_path / "fake", 1, kept(full()))
    judge(tmp_path, program.path, **{name: value})
    check = program.calls()[0]
    assert check[check.index(option) + 1] == value
    parsed(check)


@pytest.mark.parametrize("status", [0, 1, 3, 4])
def test_the_status_is_that_of_the_run(tmp_path: Path, status: int) -> None:
    program = fake(tmp_path / "fake", status, kept(holding()))
    found, _, outputs = judge(tmp_path, program.path)
    assert found == status
    assert (outputs["verdict"], outputs["gate"]) == ("holds", "holds")


@pytest.mark.parametrize("status", [0, 2, 130])
def test_a_run_without_a_report_fails(tmp_path: Path, status: int) -> None:
    found, out, outputs = judge(tmp_path, fake(tmp_path / "fake", status).path)
    assert found == (status or 4)
    assert out.startswith("::error title=slatcheck::")
    assert outputs == {}


def test_the_verdicts_are_read_from_the_report(tmp_path: Path) -> None:
    found = gated(Verdict.VIOLATED)
    program = fake(tmp_path / "fake", 0, kept(found))
    status, _, outputs = judge(tmp_path, program.path)
    assert (status, outputs["verdict"], outputs["gate"]) == (0, "violated", "holds")


def test_a_real_tree_is_judged_once_and_shown_three_ways(
    kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    inputs: dict[str, str | Path] = {
        "KERNEL": kernel_trees["6.12"],
        "LAYOUTS": "mips64-4k",
        "ARGS": "--evidence differential --max-ops 3000",
    }
    program = real(tmp_path)
    status, out, outputs = judge(tmp_path, program, **inputs)
    assert (status, outputs["gate"]) == (1, "violated")
    assert outputs["verdict"] == "violated"
    document = json.loads(Path(outputs["report"]).read_text())
    results = json.loads(Path(outputs["sarif"]).read_text())["runs"][0]["results"]
    found = [one for one in results if not one["ruleId"].startswith("verdict-")]
    assert len(found) == len(document["findings"]) > 0
    assert out.count("::error file=arch/mips/kvm/") + out.count("::warning file=") == len(results)
    assert out.endswith("slatcheck verdict: violated\n")

    known = tmp_path / "known.toml"
    subprocess.run([program, "baseline", outputs["report"], "--output", known], check=True)
    status, out, outputs = judge(tmp_path, program, BASELINE=known, **inputs)
    assert (status, outputs["verdict"], outputs["gate"]) == (0, "violated", "holds")
    assert "::error" not in out and "::warning" not in out
    assert out.endswith("slatcheck verdict: violated, gate: holds\n")
