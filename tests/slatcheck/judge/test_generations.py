# SPDX-License-Identifier: GPL-2.0-only
"""Campaigns that breed: inputs outlive a run, its death, an edit of the tree, and a merge."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from model.ports import layout
from slatcheck import cli
from slatcheck.document.result import Document
from slatcheck.document.schema import CORPUS, schema
from slatcheck.fuzz.corpus import Store
from slatcheck.fuzz.engine import Engine, Slice
from slatcheck.judge import generations
from slatcheck.judge.course import Told, Wanted, _thinned
from slatcheck.judge.fuzzing import fuzz
from slatcheck.judge.judging import Request
from slatcheck.search.drawing import LENGTH
from tests.impl.kernel.native.builds import needs_host
from tests.proofs.c.edits import REPAIRS, edited
from tests.slatcheck.fuzz.test_engine import RARE
from tests.slatcheck.judge.test_fuzzing import told

NAME = "mips64-4k"
PLACE = f"{NAME}-little"
PIECE = 60
KILLS = 2
SEEDS = (0, 1)

pytestmark = [pytest.mark.kernel, needs_host]


@pytest.fixture(scope="module")
def searched(kernel_trees: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a cache with the images and searches of the tree, and no piece of a campaign."""
    folder = tmp_path_factory.mktemp("searched")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLATCHECK_CACHE", str(folder))
        for seed in SEEDS:
            run(kernel_trees["6.12"], None, pieces=1, seed=seed)
    for file in folder.glob("proofs/fuzz-*"):
        file.unlink()
    return folder


@pytest.fixture(autouse=True)
def own_cache(searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    another_cache(searched, tmp_path / "cache", monkeypatch)
    monkeypatch.setattr(generations, "SEQUENCES", PIECE)


def another_cache(searched: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a cache in which no campaign was begun."""
    shutil.copytree(searched, place)
    monkeypatch.setenv("SLATCHECK_CACHE", str(place))


@pytest.fixture
def root(kernel_trees: dict[str, Path]) -> Path:
    return kernel_trees["6.12"]


def run(
    root: Path, corpus: Path | None, pieces: int = 6, seed: int = 0, jobs: int = 1, **more: Any
) -> Document:
    request = Request((layout(NAME),), root, seed=seed, jobs=jobs)
    wanted = Wanted(pieces * PIECE * LENGTH, corpus=corpus, **more)
    return fuzz(request, wanted, lambda step: None)


def campaign(document: Document) -> dict[str, Any]:
    (found,) = document.tool["campaigns"]
    return dict(found)


def kept(corpus: Path) -> dict[str, bytes]:
    return Store(corpus / PLACE).load()


def test_what_reaches_something_is_kept_and_run_first_the_next_time(
    root: Path, tmp_path: Path
) -> None:
    first = campaign(run(root, tmp_path))
    assert first["replayed"] == 0
    assert 0 < first["inputs"] == len(kept(tmp_path))
    again = campaign(run(root, tmp_path, seed=1))
    assert again["replayed"] == first["inputs"]
    assert again["sequences"] == 6 * PIECE + again["replayed"]
    begun = again["curve"][len(generations_before(again))]
    assert begun["blocks_run"] == first["blocks_run"]
    assert begun["states"] == first["states"]
    assert len(kept(tmp_path)) > first["inputs"]


def generations_before(campaign: dict[str, Any]) -> range:
    """Return as many numbers as there are pieces that are run again."""
    return range(-(-campaign["replayed"] // PIECE))


def test_an_edited_tree_begins_with_the_inputs_of_the_old_one(root: Path, tmp_path: Path) -> None:
    first = campaign(run(edited(root, REPAIRS, tmp_path / "linux"), tmp_path / "corpus"))
    other = edited(root, (*REPAIRS, RARE), tmp_path / "other")
    assert campaign(run(other, tmp_path / "corpus"))["replayed"] == first["inputs"]


def test_without_a_folder_nothing_is_kept(root: Path, tmp_path: Path) -> None:
    first = campaign(run(root, None))
    assert first["inputs"] > 0
    assert campaign(run(root, None, seed=1))["replayed"] == 0
    assert cli.run(arguments(root, "--cache", "off")) == 1
    assert not (tmp_path / "cache").exists() or not [*(tmp_path / "cache").glob("corpus/*")]


def arguments(root: Path, *more: str) -> list[str]:
    given = ["fuzz", "--kernel", str(root), "--layout", NAME, "--ops", "20k", "--jobs", "1"]
    return [*given, *more]


def test_it_breeds_from_what_was_kept(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int, bool]] = []
    usual = Engine.run

    def noted(self: Engine, first: int, count: int, corpus: Any, again: bool) -> Slice:
        seen.append((first // PIECE, len(corpus.inputs), again))
        return usual(self, first, count, corpus, again)

    monkeypatch.setattr(Engine, "run", noted)
    inputs = campaign(run(root, tmp_path, pieces=14))["inputs"]
    assert [number for number, _, _ in seen] == [*range(14)]
    assert not any(again for _, _, again in seen)
    sizes = [size for _, size, _ in seen]
    # Two pieces, then four, then eight: each generation has what those before it kept.
    assert sizes[:2] == [0, 0]
    assert 0 < sizes[2] == sizes[5] < sizes[6] == sizes[13] < inputs


def test_processes_make_no_difference_to_what_is_bred(
    root: Path, searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = told(run(root, tmp_path / "one", pieces=14))
    another_cache(searched, tmp_path / "other", monkeypatch)
    assert told(run(root, tmp_path / "two", pieces=14, jobs=2)) == alone
    assert kept(tmp_path / "one") == kept(tmp_path / "two")


def test_a_run_goes_on_with_what_it_began_with(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(root, tmp_path / "one", seed=1)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    whole = told(run(root, tmp_path / "one", pieces=9))
    for seconds in (0.0, 0.0, None):
        last = run(root, tmp_path / "two", pieces=9, seconds=seconds)
    assert told(last) == whole
    assert kept(tmp_path / "one") == kept(tmp_path / "two")


def test_what_was_reached_outlives_a_run_that_is_ended(
    root: Path, searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = campaign(run(root, tmp_path / "one"))
    another_cache(searched, tmp_path / "other", monkeypatch)
    cut = campaign(run(root, tmp_path / "two", seconds=0.0))
    assert 0 < cut["inputs"] < whole["inputs"] and cut["sequences"] == PIECE
    assert set(kept(tmp_path / "two")) < set(kept(tmp_path / "one"))


def test_a_merge_begins_afresh_with_all_of_it(root: Path, tmp_path: Path) -> None:
    mine = campaign(run(root, tmp_path / "mine"))
    run(root, tmp_path / "other", seed=1)
    assert cli.run(corpus("mine", tmp_path, "--merge", str(tmp_path / "other"))) == 0
    both = {**kept(tmp_path / "mine"), **kept(tmp_path / "other")}
    assert kept(tmp_path / "mine") == both
    assert campaign(run(root, tmp_path / "mine"))["replayed"] == len(both) > mine["inputs"]


def test_an_input_that_is_gone_begins_afresh(root: Path, tmp_path: Path) -> None:
    run(root, tmp_path, seed=1)
    assert campaign(run(root, tmp_path))["replayed"] > 0
    for file in [*(tmp_path / PLACE).iterdir()][:-3]:
        file.unlink()
    assert campaign(run(root, tmp_path))["replayed"] == 3


def test_a_disk_that_is_full_ends_nothing(
    root: Path, searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = told(run(root, tmp_path / "one"))
    another_cache(searched, tmp_path / "other", monkeypatch)
    tree = root
    before = Path.write_bytes

    def full(self: Path, content: bytes) -> int:
        if ".input" in self.name or "fuzz" in self.name:
            raise OSError(28, "No space left on device")
        return before(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    assert told(run(tree, tmp_path / "two")) == whole
    assert kept(tmp_path / "two") == {}


# Killed at any instant

DRIVER = """
import sys
from slatcheck import cli
from slatcheck.judge import generations
generations.SEQUENCES = 150
sys.exit(cli.run(sys.argv[1:]))
"""


def killed(root: Path, searched: Path, tmp_path: Path, kills: int, seed: int) -> None:
    """Kill campaigns at random instants, and compare the last one's report with an uncut one's."""
    source = random.Random(seed)
    print(f"seed {seed}")

    for name in ("cut", "uncut"):
        shutil.copytree(searched, tmp_path / name)

    def process(name: str, *more: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {"SLATCHECK_CACHE": str(tmp_path / name)}
        command = ["fuzz", "--kernel", str(root), "--layout", NAME, "--ops", "600k", "--seed", "1"]
        command += ["--corpus", str(tmp_path / f"{name}-corpus"), "--format", "json", *more]
        return subprocess.Popen(
            [sys.executable, "-c", DRIVER, *command],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    whole = tmp_path / "whole.json"
    assert process("uncut", "--output", str(whole)).wait() == 1
    done = 0
    for _ in range(kills):
        running = process("cut")
        try:
            running.wait(source.uniform(0.2, 4.0))
        except subprocess.TimeoutExpired:
            done += 1
            # Itself alone, or its workers as well: no one is asked.
            target = os.kill if source.random() < 0.5 else os.killpg
            target(running.pid, signal.SIGKILL)
        running.wait()
    assert done
    last = tmp_path / "last.json"
    assert process("cut", "--output", str(last)).wait() == 1
    assert read(last) == read(whole)
    assert kept(tmp_path / "cut-corpus") == kept(tmp_path / "uncut-corpus")


def read(file: Path) -> Any:
    data = json.loads(file.read_text())
    for part in (*data["checks"], *data["tool"]["campaigns"]):
        part["seconds"] = 0
    del data["notes"]
    return data


def test_a_kill_at_any_instant_loses_nothing(root: Path, searched: Path, tmp_path: Path) -> None:
    killed(
        root,
        searched,
        tmp_path,
        KILLS,
        random.randrange(1 << 32) if not os.environ.get("CI") else 1,
    )


@pytest.mark.thorough
def test_fifty_kills_lose_nothing(root: Path, searched: Path, tmp_path: Path) -> None:
    killed(root, searched, tmp_path, 50, random.randrange(1 << 32))


# The command


def corpus(name: str, tmp_path: Path, *more: str) -> list[str]:
    return ["corpus", "--corpus", str(tmp_path / name), *more]


def test_inputs_are_shown(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(root, tmp_path / "mine")
    assert cli.run(corpus("mine", tmp_path)) == 0
    number = len(kept(tmp_path / "mine"))
    assert re.search(rf"{PLACE} +{number:,} ", capsys.readouterr().out)
    assert cli.run(corpus("mine", tmp_path, "--format", "json")) == 0
    data = json.loads(capsys.readouterr().out)
    assert [part["inputs"] for part in data["layouts"]] == [number]
    assert data["schema"] == schema(CORPUS)["$id"]
    (tmp_path / "empty").mkdir()
    assert cli.run(corpus("empty", tmp_path)) == 0
    assert "no inputs are kept" in capsys.readouterr().out


def test_few_inputs_are_left_and_reach_the_same(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in (0, 1):
        run(root, tmp_path / f"{seed}", seed=seed)
    mine = corpus("mine", tmp_path, "--merge", str(tmp_path / "0"), "--merge", str(tmp_path / "1"))
    chosen = "--kernel", str(root), "--layout", NAME, "--jobs", "1"
    assert cli.run([*mine, "--minimise", *chosen]) == 0
    shown = capsys.readouterr().out
    small, both = kept(tmp_path / "mine"), {**kept(tmp_path / "0"), **kept(tmp_path / "1")}
    assert 0 < len(small) < len(both)
    assert small.items() <= both.items()
    assert f"{len(both) - len(small):,}" in shown
    reached = []
    for name, inputs in (("small", small), ("all", both)):
        Store(tmp_path / name / PLACE).add(inputs.values())
        last = campaign(run(root, tmp_path / name, pieces=1, seed=0))
        reached.append(last["curve"][len(generations_before(last))])
    for key in ("blocks_run", "pairs", "states"):
        assert reached[0][key] == reached[1][key]
    assert cli.run(corpus("mine", tmp_path, "--minimise", *chosen)) == 0
    assert kept(tmp_path / "mine") == small


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["--minimise"], "--minimise and --kernel belong together: inputs are run on a tree"),
        (["--kernel", "."], "--minimise and --kernel belong together: inputs are run on a tree"),
        ([], "nowhere: there is no such folder; --merge makes one"),
        (["--merge", "not-there"], "not-there: there is no such folder"),
        (["--merge", "docs"], "docs: no inputs are in it, one folder for each layout"),
    ],
)
def test_what_makes_no_sense_is_said(
    more: list[str], line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(corpus("nowhere", tmp_path, *more)) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("slatcheck: ")
    assert shown.err.endswith(f"{line}\n")


def test_a_curve_is_thinned_where_least_is_lost(root: Path) -> None:
    (told_,) = run(root, None, pieces=2).tool["campaigns"]
    curve = Told(**told_).curve
    many = [replace_point(curve[0], n) for n in range(5000)]
    thin = _thinned(many)
    numbers = [point["operations"] for point in thin]  # type: ignore[index]
    assert len(thin) <= 120
    assert numbers == sorted({*numbers})
    assert numbers[:5] == [0, 1, 2, 3, 4]
    assert numbers[-1] == 4999
    assert _thinned(many[:100]) == many[:100]


def replace_point(point: Any, operations: int) -> Any:
    return {**point, "operations": operations}


def test_the_time_counts_from_the_beginning(root: Path, tmp_path: Path) -> None:
    request = replace(Request((layout(NAME),), root, jobs=1))
    first = fuzz(request, Wanted(4 * PIECE * LENGTH, 0.001, corpus=tmp_path), lambda step: None)
    assert campaign(first)["sequences"] == PIECE
