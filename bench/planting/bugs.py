# SPDX-License-Identifier: GPL-2.0-only
"""The bugs that tests plant into the C of both ports, each in a repaired copy of a tree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, reduce
from pathlib import Path

from bench.planting.deep import DEEP, Deep
from model.layout import Layout
from model.ports import layout
from tests.kernels import gstage_bugs, test_planted
from tests.kernels.gstage_repairs import SV39, text, tree_with, words
from tests.proofs.c.edits import REPAIRS, Edit, apply, edited


@dataclass(frozen=True)
class Planted:
    """A bug by the name that its test gives it, and what it is looked for in.

    ``plant`` makes a copy of a tree in a folder, with all repairs and this bug. It raises
    DoesNotApplyError where the words that it replaces are not those of the repaired tree.
    """

    port: str
    name: str
    rule: str
    plant: Callable[[Path, Path], Path]

    @property
    def chosen(self) -> Layout:
        """The layout that it is looked for in, whichever its test takes."""
        return layout(LAYOUTS[self.port])

    @property
    def title(self) -> str:
        """Port and name: the names alone are not told apart."""
        return f"{self.port}: {self.name}"


class DoesNotApplyError(Exception):
    """A bug cannot be planted on top of the repairs."""


LAYOUTS = {"mips": "mips64-4k", "riscv": SV39}


def _mips(bug: test_planted.Bug, root: Path, folder: Path) -> Path:
    one = Edit(bug.name, bug.where, bug.old, bug.new, bug.nth, bug.file)
    try:
        return edited(root, [*REPAIRS, one], folder)
    except AssertionError as missing:
        raise DoesNotApplyError(str(missing)) from None


def _deep(bug: Deep, root: Path, folder: Path) -> Path:
    return edited(root, [*REPAIRS, *bug.edits], folder)


def _riscv(bug: gstage_bugs.Bug, root: Path, folder: Path) -> Path:
    edits = [words(bug.where, bug.old, bug.new, bug.nth)]
    edits += [words(bug.where, old, new) for old, new in bug.also]
    try:
        return tree_with(root, reduce(apply, edits, text(root)), folder)
    except AssertionError as missing:
        raise DoesNotApplyError(str(missing)) from None


def planted() -> list[Planted]:
    """Return all planted bugs of both ports, and behind them those of DEEP."""
    mips = [Planted("mips", b.name, b.rule, partial(_mips, b)) for b in test_planted.BUGS]
    riscv = [Planted("riscv", b.name, b.rule, partial(_riscv, b)) for b in gstage_bugs.BUGS]
    deep = [Planted("mips", b.name, b.rule, partial(_deep, b)) for b in DEEP]
    return [*mips, *riscv, *deep]
