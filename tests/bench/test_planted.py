# SPDX-License-Identifier: GPL-2.0-only
"""Planted bugs, looked for in several ways: what each finds, and what is made of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from bench import planted as bench
from bench.libfuzzer import harness
from bench.native import bare_image
from bench.planted import WAYS, Row, load, look, save, summary, tried
from bench.planting.bugs import Planted, planted
from bench.planting.campaign import First, campaign
from bench.planting.deep import DEEP
from bench.planting.machine import state_machine
from impl.kernel.ports.mips.files import MMU
from model.ports import layout
from slatcheck.fuzz.work import kit_of
from slatcheck.search.unit import Unit
from tests.proofs.c.edits import REPAIRS, edited

CHOSEN = layout("mips64-4k")


def bug_called(title: str) -> Planted:
    (found,) = [bug for bug in planted() if bug.title == title]
    return found


def test_bugs_of_both_ports_have_names_of_their_own() -> None:
    titles = [bug.title for bug in planted()]
    assert len(set(titles)) == len(titles)
    assert {bug.port for bug in planted()} == {"mips", "riscv"}


def test_what_the_repairs_have_replaced_is_not_tried(
    kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    row = tried(bug_called("mips: wrong order"), kernel_trees["6.12"], WAYS, 1, 1.0)
    assert "is not in kvm_mips_free_gpa_pt" in row.reason
    assert not row.found
    assert "not tried" in bench.line_of(row, 1.0)


def test_what_shows_late_is_planted_as_well(kernel_trees: dict[str, Path], tmp_path: Path) -> None:
    texts = set()
    for number, one in enumerate(DEEP):
        bug = bug_called(f"mips: {one.name}")
        tree = bug.plant(kernel_trees["6.12"], tmp_path / str(number))
        texts.add((tree / MMU).read_text(encoding="utf-8"))
    assert len(texts) == len(DEEP)
    assert all("done++ <" in text for text in texts)


@pytest.mark.slow
def test_every_way_finds_an_easy_bug(kernel_trees: dict[str, Path]) -> None:
    row = tried(bug_called("mips: no retry"), kernel_trees["6.12"], WAYS, 1, 30.0)
    able = [way for way in WAYS if way != "libFuzzer" or not harness.why_not()]
    assert [*row.found] == able
    for way, (first,) in row.found.items():
        assert first.said, way
        assert 0 < first.seconds < 30
        assert 0 < first.operations < 1_000_000
    assert row.found["campaign"][0].said.startswith("lost-invalidation/")


@pytest.mark.slow
def test_tables_with_leaves_of_several_sizes_are_for_campaigns(
    kernel_trees: dict[str, Path],
) -> None:
    row = tried(bug_called("riscv: next frame mapped"), kernel_trees["6.12"], WAYS, 1, 30.0)
    assert [*row.found] == ["campaign", "fresh"]
    for (first,) in row.found.values():
        assert first.said.startswith("wrong-entry/")
        assert first.suspected is not None
        assert 0 < first.suspected <= first.seconds


def test_nothing_is_found_in_a_repaired_tree(kernel_trees: dict[str, Path], tmp_path: Path) -> None:
    tree = edited(kernel_trees["6.12"], REPAIRS, tmp_path / "linux")
    kit = kit_of(Unit(CHOSEN.name, False, tree, None, (), 0, None))
    ends = [campaign(kit, 0, 1.0, breeds) for breeds in (True, False)]
    ends.append(state_machine(bare_image(tree, CHOSEN), 0, 3.0))
    for first in ends:
        assert first.said == first.failure == ""
        assert first.operations > 100
        assert first.seconds >= 0.9


@pytest.mark.parametrize(
    ("name", "said"),
    [("loop without step", "SIGALRM"), ("address narrowed", "a difference")],
)
def test_the_state_machine_ends_with_its_first_finding(
    name: str, said: str, kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    tree = bug_called(f"mips: {name}").plant(kernel_trees["6.12"], tmp_path / "linux")
    first = state_machine(bare_image(tree, CHOSEN), 0, 30.0)
    assert first.said == said
    assert first.operations > 0


def test_further_seeds_are_for_what_is_quick() -> None:
    asked: list[int] = []

    def way(seed: int, limit: float) -> First:
        asked.append(seed)
        return First(4.0, 10, "found")

    assert len(look(way, 5, 60.0)) == 2
    assert asked == [0, 1]
    assert len(look(way, 5, 60.0, patient=True)) == 5


ROWS = [
    Row("mips: a", "leak", found={
        "campaign": [First(1.0, 100, "x"), First(3.0, 300, "x")], "fresh": [First(4.0, 50, "x")],
    }),
    Row("mips: b", "leak", found={
        "campaign": [First(2.0, 900, failure="differs")], "fresh": [First(6.0, 70, "x")],
        "state machine": [First(61.0, 5, "x")],
    }),
    Row("mips: c", "leak", "no such words"),
]  # fmt: skip


def test_a_miss_counts_as_the_limit_and_what_is_late_is_missed() -> None:
    lines = [*summary(ROWS, 60.0)]
    assert lines == [
        "campaign: 2 bugs, median 31.000 s and 550 operations, 1 missed (mips: b (error))",
        "fresh: 2 bugs, median 5.000 s and 60 operations, 0 missed",
        "state machine: 1 bugs, median 60.000 s and 5 operations, 1 missed (mips: b)",
        "campaign to fresh: 6.200 of the median time over 2 bugs, sooner with 1",
        "campaign to state machine: 1.000 of the median time over 1 bugs, sooner with 0",
    ]


def test_a_run_goes_on_where_it_ended(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "found.json"
    names = [bug.title for bug in planted() if bug.title.startswith("mips: flush p")]
    save(file, [Row(names[0], "leak", found=ROWS[0].found)], 60.0)
    asked: list[str] = []

    def pretended(bug: Planted, *_: object) -> Row:
        asked.append(bug.title)
        return Row(bug.title, bug.rule, found=ROWS[1].found)

    monkeypatch.setattr(bench, "tried", pretended)
    options = ["--only", "mips: flush p", "--limit", "2", "--output", str(file)]
    monkeypatch.setattr(sys, "argv", ["planted", str(tmp_path), *options])
    bench.main()
    assert asked == names[1:3]
    assert [row.bug for row in load(file)] == names[:3]
    assert load(file)[0].found == ROWS[0].found
    assert json.loads(file.read_text())["summary"][0].startswith("campaign: 3 bugs")
    assert names[2] in capsys.readouterr().out
