# SPDX-License-Identifier: GPL-2.0-only
"""The libFuzzer harness: silent on a repaired tree, and loud on what is planted into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.libfuzzer import harness
from bench.planting.bugs import planted
from model.ports import layout
from model.triggers import TRIGGERS
from tests.proofs.c.edits import REPAIRS, edited

CHOSEN = layout("mips64-4k")
needs_libfuzzer = pytest.mark.skipif(bool(harness.why_not()), reason=harness.why_not())


def with_bug(name: str, root: Path, folder: Path) -> Path:
    (bug,) = [bug for bug in planted() if bug.title == f"mips: {name}"]
    return bug.plant(root, folder / "linux")


def built(tree: Path, folder: Path, known: list[tuple[str, str]], walk_each: bool = True) -> Path:
    folder.mkdir()
    return harness.build(tree, CHOSEN, folder, known, walk_each)


@needs_libfuzzer
@pytest.mark.parametrize("walk_each", [True, False])
def test_nothing_is_found_in_a_repaired_tree(
    kernel_trees: dict[str, Path], tmp_path: Path, walk_each: bool
) -> None:
    tree = edited(kernel_trees["6.12"], REPAIRS, tmp_path / "linux")
    ran = harness.run(built(tree, tmp_path / "made", [], walk_each), 120.0, 40_000)
    assert ran.said == ""
    assert ran.operations >= 40_000
    assert ran.operations / ran.sequences > 20, "inputs have the length of other sequences"
    assert 0 < ran.seconds < 120


@needs_libfuzzer
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("write permission lost", "harness: entry"),
        ("change not told", "harness: result"),
        ("pte table kept", "harness: pages left"),
        ("page kept on success", "harness: event"),
        ("pmd not unlinked", "use-after-poison"),
    ],
)
def test_a_planted_bug_is_found_by_who_should(
    name: str, says: str, kernel_trees: dict[str, Path], tmp_path: Path
) -> None:
    tree = with_bug(name, kernel_trees["6.12"], tmp_path)
    ran = harness.run(built(tree, tmp_path / "made", []), 60.0)
    assert says in ran.said
    assert 0 < ran.operations < 1_000_000


@needs_libfuzzer
def test_a_loop_without_an_end_is_a_finding(kernel_trees: dict[str, Path], tmp_path: Path) -> None:
    tree = with_bug("loop without step", kernel_trees["6.12"], tmp_path)
    ran = harness.run(built(tree, tmp_path / "made", []), 60.0)
    assert "timeout" in ran.said
    assert ran.seconds > harness.STUCK


@needs_libfuzzer
def test_what_is_known_is_not_drawn(kernel_trees: dict[str, Path], tmp_path: Path) -> None:
    tree = with_bug("young turned round", kernel_trees["6.12"], tmp_path)
    known = [("kvm_test_age_gfn", trigger) for trigger in TRIGGERS]
    ran = harness.run(built(tree, tmp_path / "made", known), 120.0, 40_000)
    assert ran.said == ""


def test_layouts_that_the_map_does_not_fit_are_left_out() -> None:
    assert harness.fits(CHOSEN)
    assert not harness.fits(layout("mips32-4k"))
    assert not harness.fits(layout("riscv64-sv39x4"))


def test_where_libfuzzer_is_missing_that_is_one_line() -> None:
    said = harness.why_not("no-such-compiler")
    assert said == "no libFuzzer: there is no no-such-compiler (apt-get install clang)"
    assert harness.why_not("false").startswith("no libFuzzer: false does not link it")
