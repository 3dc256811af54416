# SPDX-License-Identifier: GPL-2.0-only
"""An edit that moves lines and changes no code: nothing is run again, and findings name the new."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from impl.kernel.ports.mips.files import MMU
from impl.kernel.symbols import code_of
from model.machines import BIG
from model.operations import Kind
from model.ports import layout
from proofs import engine
from proofs.desk import Options
from slatcheck.document.result import Finding
from slatcheck.judge import tie as ties
from slatcheck.judge.code import replays
from slatcheck.judge.code.replays import Replays
from slatcheck.judge.code.task import CodeTask
from slatcheck.judge.findings import merge
from slatcheck.judge.tie import Tie
from slatcheck.reports.cache import KINDS, OTHER, kinds_of
from slatcheck.search import unit as units
from slatcheck.search.unit import Report, Unit, kernel_image
from support import upkeep
from support.cache import CacheError, Mode, folder, place
from tests.kernels.copies import edit, share
from tests.slatcheck.judge.test_code import proved

LAYOUT = "mips32-64k"
"""A layout of which the search finds something in a line of mmu.c."""
OPS = 2_000
LINES = 3


@pytest.fixture
def tree(kernel_trees: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a copy of a kernel, and a cache of its own."""
    share(kernel_trees["6.12"], tmp_path / "linux")
    monkeypatch.setenv("SLATCHECK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "linux"


def unit(tree: Path, cache: Mode = Mode.USE, name: str = LAYOUT) -> Unit:
    return Unit(name, True, tree, None, (), 0, OPS, cache)


def move(tree: Path) -> None:
    edit(tree, MMU, lambda text: "\n" * LINES + text)


def never(*_: object, **__: object) -> None:
    raise AssertionError("run again")


def findings(report: Report) -> list[Finding]:
    return merge([report], 0)


def test_what_was_found_is_found_in_the_new_lines(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = findings(units.search(unit(tree)))
    move(tree)
    fresh = units.search(unit(tree, Mode.OFF))
    with monkeypatch.context() as at_rest:
        at_rest.setattr(units, "_campaign", never)
        again = units.search(unit(tree))
    assert findings(again) == findings(fresh)
    lines = [
        (old.location.line, new.location.line)
        for old, new in zip(before, findings(again), strict=True)
    ]
    assert lines and all(old + LINES == new for old, new in lines)
    assert any(hit.symptom.where for hit in again.campaign.hits.values())
    units.search(unit(tree, Mode.AUDIT))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("kvm_mips_walk_pgd", "kvm_mips_walk_root"),
        lambda text: text.replace("i <= i_max", "i < i_max"),
    ],
    ids=["a name", "a comparison"],
)
def test_what_changes_the_code_or_a_name_is_searched_again(
    tree: Path, change: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    units.search(unit(tree))
    edit(tree, MMU, change)
    monkeypatch.setattr(units, "_campaign", never)
    with pytest.raises(AssertionError, match="run again"):
        units.search(unit(tree))


def test_the_code_of_an_image_is_all_but_its_lines(tree: Path) -> None:
    def code() -> tuple[str, bytes]:
        elf = kernel_image(unit(tree), Report(unit(tree), "kernel")).elf
        return code_of(elf), elf

    first, image = code()
    move(tree)
    moved, other = code()
    assert (first, image != other) == (moved, True)
    assert code_of(b"no image") != code_of(b"none either")


def test_the_tie_is_not_run_again(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = unit(tree, name="mips32-4k")
    before = ties._tied(asked)
    assert isinstance(before, Tie) and before.coverage
    move(tree)
    with monkeypatch.context() as at_rest:
        at_rest.setattr(ties, "tie", never)
        assert ties._tied(asked) == before
    edit(tree, MMU, lambda text: text.replace("i <= i_max", "i < i_max"))
    monkeypatch.setattr(ties, "tie", never)
    with pytest.raises(AssertionError, match="run again"):
        ties._tied(asked)


# --- refutations -------------------------------------------------------------------------------


def show(tree: Path, values: dict[str, int], cache: Mode = Mode.USE) -> str | None:
    """Return what runs show of a refutation of a flush."""
    task = CodeTask(tree, LAYOUT, None, Options(), place(cache), cache=cache)
    found = proved("kvm_mips_flush_gpa_pt", kind=Kind.FLUSH, reach=engine.REFUTED)
    found.proof.clauses["reach"].values = values
    looked = Replays(task, layout(LAYOUT), BIG)
    return looked.show(found, found.proof.clauses["reach"], False)


VALUES = {"first": 65538, "last": 80896}


def test_what_no_run_shows_is_not_run_again(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert show(tree, VALUES) is None
    titles = {kind.title for kind in kinds_of(upkeep.stored(folder()))}
    assert KINDS["replay"] in titles and OTHER not in titles
    move(tree)
    show(tree, VALUES, Mode.AUDIT)
    monkeypatch.setattr(replays, "confirm", never)
    assert show(tree, VALUES) is None
    with pytest.raises(AssertionError, match="run again"):
        show(tree, VALUES | {"last": 80897})
    with pytest.raises(CacheError, match="is not kept"):
        show(tree, VALUES | {"last": 80897}, Mode.ENFORCE)
    edit(tree, MMU, lambda text: text.replace("i <= i_max", "i < i_max"))
    with pytest.raises(AssertionError, match="run again"):
        show(tree, VALUES)
