# SPDX-License-Identifier: GPL-2.0-only
"""Changes of a real tree in git: what they break and fix, and the commit that is to blame."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from slatcheck import cli
from slatcheck.errors import InputError
from slatcheck.git.revisions import KEPT, checked_out, parts
from tests.kernels.repository import MMU, NOBODY, Repository

ON = ["--layout", "mips32-4k", "--evidence", "differential", "--max-ops", "6000"]
FLUSH = "kvm_mips_flush_gpa_pmd"
LOOP = ("i <= i_max", "i < i_max")
MASK = "collateral-change/kvm_arch_mmu_enable_log_dirty_pt_masked/mask-with-holes"


@pytest.fixture(scope="module")
def whole(kernel_trees: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("git") / "linux", kernel_trees["6.12"])


@pytest.fixture
def repository(whole: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    monkeypatch.setenv("SLATCHECK_CACHE", str(tmp_path / "cache"))
    whole.reset()
    return whole


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(one.relative_to(folder)): one.read_bytes()
        for part in parts()
        for one in sorted([folder / part, *(folder / part).rglob("*")])
        if one.is_file()
    }


def judged(capsys: pytest.CaptureFixture[str], tree: Path, *args: str) -> tuple[int, Any]:
    capsys.readouterr()
    status = cli.run(["check", "--kernel", str(tree), *ON, "--format", "json", *args])
    return status, json.loads(capsys.readouterr().out)


# Revisions


def test_a_revision_is_what_was_committed_and_the_work_tree_is_left_alone(
    repository: Repository,
) -> None:
    before = files(repository.tree)
    first = repository.git("rev-parse", "HEAD")
    repository.change(*LOOP, FLUSH)
    second = repository.commit("broken")
    repository.change("i < i_max", "i != i_max", FLUSH)
    (repository.tree / "note").write_text("untracked")
    repository.git("add", "note")
    state = repository.git("status", "--porcelain", "--branch"), files(repository.tree)
    index = (repository.top / ".git/index").read_bytes()
    assert files(checked_out(repository.tree, first).folder) == before
    found = checked_out(repository.tree, "HEAD")
    assert found.commit == second
    assert "i < i_max" in (found.folder / MMU).read_text()
    assert (repository.git("status", "--porcelain", "--branch"), files(repository.tree)) == state
    assert (repository.top / ".git/index").read_bytes() == index
    assert repository.git("stash", "list") == ""


def test_a_tree_in_a_folder_of_its_repository(
    kernel_trees: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLATCHECK_CACHE", str(tmp_path / "cache"))
    repository = Repository(tmp_path / "all", kernel_trees["6.12"], within="sources/linux")
    found = checked_out(repository.tree, "main")
    assert files(found.folder) == files(repository.tree)


def test_only_the_revisions_used_last_are_kept(repository: Repository) -> None:
    names = [repository.commit(f"number {number}") for number in range(KEPT + 2)]
    folders = []
    for number, name in enumerate(names):
        folders.append(checked_out(repository.tree, name).folder)
        os.utime(folders[-1], (number, number))
    kept = [one.exists() for one in folders]
    assert kept == [False] * 2 + [True] * KEPT
    assert checked_out(repository.tree, names[2]).folder == folders[2]
    assert checked_out(repository.tree, names[0]).folder.is_dir()
    assert not folders[3].exists(), "it was used longest ago"
    assert folders[2].exists()


@pytest.mark.parametrize("name", ["", "-f", "--output=/x", "no-such", "HEAD:Makefile", "a b\nc"])
def test_what_is_no_revision_is_refused(repository: Repository, name: str) -> None:
    with pytest.raises(InputError, match=r"is no revision|has no revision"):
        checked_out(repository.tree, name)


def test_where_there_is_no_repository_or_no_git(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="is in no git repository"):
        checked_out(tmp_path, "HEAD")
    (repository.top / "tools").mkdir()
    with pytest.raises(InputError, match="has no kernel tree in 'tools/'"):
        checked_out(repository.top / "tools", "HEAD")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="cannot run git"):
        checked_out(repository.tree, "HEAD")


# --against


def test_a_change_is_judged_by_what_it_breaks(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    status, document = judged(capsys, repository.tree, "--against", "HEAD")
    assert status == 0
    gate = document["gate"]
    assert (gate["verdict"], gate["new"], gate["gone"], gate["differences"]) == (
        "holds",
        [],
        {},
        [],
    )
    assert document["verdict"] == "violated"
    assert all(one["known"] for one in document["findings"])

    repository.change(*LOOP, FLUSH)  # not committed
    status, document = judged(capsys, repository.tree, "--against", "HEAD")
    assert status == 1
    gate = document["gate"]
    assert "stale-mapping/kvm_mips_flush_gpa_pt/any" in gate["new"]
    assert MASK not in gate["new"]
    (difference,) = gate["differences"]
    assert difference["layout"] == "mips32-4k"
    assert difference["before"] != difference["after"]
    assert len(difference["trace"]) <= 4
    assert gate["against"]["commit"] == repository.git("rev-parse", "HEAD")


def test_a_fix_and_a_change_that_breaks_no_rule(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    hull = ("__fls(mask)", "__ffs(mask)")
    repository.change(*hull, "kvm_arch_mmu_enable_log_dirty_pt_masked")
    status, document = judged(capsys, repository.tree, "--against", "main")
    assert document["gate"]["gone"].get(MASK) == ["mips32-4k"]
    assert document["gate"]["differences"]
    assert status == 1, "the last page of the mask is not cleaned any more"


def test_the_text_says_what_is_new_and_where_the_kernels_differ(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.change(*LOOP, FLUSH)
    assert cli.run(["check", "--kernel", str(repository.tree), *ON, "--against", "HEAD"]) == 1
    out = capsys.readouterr().out
    assert "gate, against HEAD (" in out
    assert "    + stale-mapping/kvm_mips_flush_gpa_pt/any" in out
    assert "the two kernels differ from each other, first at:" in out
    assert out.endswith("verdict: violated\n")


# git bisect


def bisect(*args: str) -> list[str]:
    code = "import sys; from slatcheck.cli import main; main()"
    return [
        sys.executable,
        "-c",
        code,
        "check",
        "--kernel",
        ".",
        *ON,
        *args,
        "--output",
        "/dev/null",
    ]


def history(repository: Repository) -> str:
    """Make a small history with one commit that breaks the flush, and return that commit."""
    repository.git("tag", "good")
    repository.change("int i;", "int i; /* a slot */", FLUSH)
    repository.commit("a comment")
    repository.change("#include", "#error not now\n#include")
    repository.commit("does not compile")
    repository.change("#error not now\n", "")
    repository.commit("compiles again")
    repository.change(*LOOP, FLUSH)
    guilty = repository.commit("broken")
    repository.change("int i; /* a slot */", "int i;", FLUSH)
    repository.commit("no comment")
    (repository.tree / "README").write_text("unrelated")
    repository.commit("unrelated")
    return guilty


def run_bisect(repository: Repository, *args: str) -> str:
    repository.git("bisect", "start", "HEAD", "good")
    done = subprocess.run(
        ["git", "-C", str(repository.top), "bisect", "run", "sh", "-c", shlex.join(bisect(*args))],
        env={**NOBODY, "PYTHONPATH": str(Path(cli.__file__).parents[1])},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_git_bisect_finds_the_commit(repository: Repository) -> None:
    guilty = history(repository)
    told = run_bisect(repository, "--bisect", "stale-mapping/kvm_mips_flush_gpa_pt/any")
    assert f"{guilty} is the first bad commit" in told


@pytest.mark.thorough
def test_git_bisect_finds_the_commit_against_a_baseline(
    repository: Repository, tmp_path: Path
) -> None:
    report, known = str(tmp_path / "r.json"), str(tmp_path / "known.toml")
    kernel = ["check", "--kernel", str(repository.tree), *ON]
    assert cli.run([*kernel, "--format", "json", "--output", report]) == 1
    assert cli.run(["baseline", report, "--output", known]) == 0
    guilty = history(repository)
    told = run_bisect(repository, "--bisect", "new", "--baseline", known)
    assert f"{guilty} is the first bad commit" in told


def answer(folder: Path, *args: str) -> int:
    return subprocess.run(bisect(*args), cwd=folder, capture_output=True, check=False).returncode


def test_the_answers_for_git_bisect(repository: Repository, tmp_path: Path) -> None:
    flush = "stale-mapping/kvm_mips_flush_gpa_pt/any"
    assert answer(repository.tree, "--bisect", MASK) == 1
    assert answer(repository.tree, "--bisect", flush) == 0
    assert answer(repository.tree, "--bisect", "nonsense") == 128
    assert answer(repository.tree, "--bisect", flush, "--no-such-option") == 128
    assert answer(tmp_path, "--bisect", flush) == 125
    repository.change("#include", "#error not now\n#include")
    assert answer(repository.tree, "--bisect", flush) == 125
    assert answer(repository.tree, "--bisect", MASK) == 125
