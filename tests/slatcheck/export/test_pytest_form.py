# SPDX-License-Identifier: GPL-2.0-only
"""Findings of the built-in table as pytest files, and the functions that such files call."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from impl.kernel.errors import UnsupportedError
from model.operations import from_json, to_json
from slatcheck import cli
from slatcheck.errors import InputError
from slatcheck.export import support
from tests.slatcheck.explain.stories import CASES
from tests.slatcheck.explain.test_explain_command import replay_data


def run_pytest(file: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)]
    return subprocess.run(command, cwd=file.parent, capture_output=True, text=True, check=False)


def export(folder: Path, name: str) -> Path:
    replay, output = folder / "replay.json", folder / f"test_{name}.py"
    replay.write_text(json.dumps(replay_data(name)))
    assert cli.run(["export", str(replay), "--as", "pytest", "-o", str(output)]) == 0
    return output


def test_a_quirk_fails_until_it_is_switched_off(tmp_path: Path) -> None:
    file = export(tmp_path, "hull")
    broken = run_pytest(file)
    assert broken.returncode == 1
    assert "1 failed" in broken.stdout and CASES["hull"][0] in broken.stdout
    text = file.read_text()
    assert "support.kernel_tree()" not in text
    file.write_text(text.replace("        quirks=QUIRKS,\n", ""))
    assert "1 passed" in run_pytest(file).stdout


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case[2]])
def test_what_is_exported_runs_the_same_operations(name: str, tmp_path: Path) -> None:
    namespace: dict[str, object] = {}
    text = export(tmp_path, name).read_text()
    exec(compile(text, "exported", "exec"), namespace)
    operations, quirks = namespace["OPERATIONS"], namespace.get("QUIRKS", [])
    besides, layout = namespace["BESIDES"], namespace["LAYOUT"]
    assert isinstance(operations, list) and isinstance(layout, str)
    assert isinstance(quirks, list) and isinstance(besides, list)
    ops = CASES[name][3]
    assert [from_json(one) for one in operations] == list(ops[: len(operations)])
    broken = support.run(layout, operations, quirks=quirks, besides=besides)
    assert {one.fingerprint for one in broken} == {CASES[name][0]}
    assert not support.run(layout, operations, besides=besides)


def test_a_broken_promise_reads_well() -> None:
    ops = [to_json(op) for op in CASES["next"][3]]
    (one,) = support.run("mips32-4k", ops, quirks=["notifier-end-inclusive"])
    assert one.step == len(ops)
    assert str(one).splitlines() == [
        "collateral-change/kvm_unmap_gfn_range/next-page-mapped",
        f"  promised: {one.promise}",
        "  at step:  3, unmap [0x1, 0x2) — 1 page, 4 KiB at GPA 0x1000",
        f"  expected: {one.expected[0]}",
        "  actual:   gfn 0x2 (GPA 0x2000, 1 page, 4 KiB): absent",
        "  actual:   1 entry outside the range changed",
    ]


CREATE = {"op": "create"}


@pytest.mark.parametrize(
    ("layout", "operations", "says"),
    [
        ("mips32-5k", [CREATE], "unknown layout"),
        ("mips32-4k", [], "begin with their only create"),
        ("mips32-4k", [{"op": "flush_all"}], "begin with their only create"),
        ("mips32-4k", [CREATE, CREATE], "begin with their only create"),
        ("mips32-4k", [CREATE, {"op": "destroy"}, {"op": "flush_all"}], "destroy is the last"),
        ("mips32-4k", [CREATE, {"op": "rm -rf"}], "is no operation"),
        ("mips32-4k", [CREATE, {}], "is no operation"),
        ("mips32-4k", [CREATE, {"op": "lookup", "gpa": -1}], "is no operation"),
    ],
)
def test_wrong_input_is_refused(
    layout: str, operations: list[dict[str, object]], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        support.run(layout, operations)


def test_an_unknown_quirk_is_refused() -> None:
    with pytest.raises(InputError, match="unknown quirk"):
        support.run("mips32-4k", [CREATE], quirks=["none-such"])


def test_a_run_that_another_finding_ends_is_no_pass() -> None:
    fingerprint, layout, quirks, ops = CASES["next"]
    more = [*map(to_json, ops), {"op": "lookup", "gpa": 0x2000}]
    with pytest.raises(UnsupportedError, match="only 3 of 4 operations"):
        support.run(layout, more, quirks=quirks, besides=[fingerprint])


def test_a_table_that_cannot_be_made_is_no_pass() -> None:
    with pytest.raises(UnsupportedError, match="only 1 of 2 operations"):
        support.run("mips32-4k", [{"op": "create", "oom": 1}, {"op": "flush_all"}])


@pytest.mark.parametrize("value", [None, ""])
def test_the_tree_has_to_be_named(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(support.KERNEL, raising=False)
    if value is not None:
        monkeypatch.setenv(support.KERNEL, value)
    with pytest.raises(InputError, match=support.KERNEL):
        support.kernel_tree()
