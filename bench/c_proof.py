# SPDX-License-Identifier: GPL-2.0-only
"""What the proof of a tree's C costs: cold, unchanged, and after an edit of one function.

``python -m bench.c_proof TREE [LAYOUT...]`` works on a copy of the files that are read.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from impl.kernel.ports.mips.files import MMU
from model.layout import Layout
from model.machines import BIG
from model.ports import layout as layout_named
from model.ports import permitted_layouts
from proofs.desk import Options
from slatcheck.judge.code.task import CodeOutcome
from slatcheck.judge.code.trees import prove_tree
from slatcheck.progress import Progress
from support.cache import Mode

FOLDERS = ("arch/mips", "include", "virt/kvm")
"""What of a tree is copied."""

EDITS = (
    (
        "kvm_mips_flush_gpa_pmd",
        "static bool kvm_mips_flush_gpa_pmd(",
        "i <= i_max",
        "i < i_max + 1",
    ),
    (
        "kvm_mips_mkclean_gpa_pt",
        "int kvm_mips_mkclean_gpa_pt(",
        "start_gfn << PAGE_SHIFT",
        "start_gfn * (1u << PAGE_SHIFT)",
    ),
    (
        "kvm_mips_map_page",
        "static int kvm_mips_map_page(",
        "gpa >> PAGE_SHIFT",
        "gpa / (1u << PAGE_SHIFT)",
    ),
)
"""Functions, how their definitions begin, and a rewrite that changes what the solvers are asked."""


@dataclass
class Run:
    """One run: what was done before, seconds of wall time, how many lemmas were proved again."""

    what: str
    seconds: float
    anew: int


def copied(tree: Path, folder: Path) -> Path:
    """Copy what is read of a tree."""
    copy = folder / "linux"
    for name in FOLDERS:
        shutil.copytree(tree / name, copy / name, symlinks=True)
    shutil.copy(tree / "Makefile", copy / "Makefile")
    return copy


def edit(tree: Path, begins: str, old: str, new: str) -> None:
    """Replace ``old`` by ``new`` in the function whose definition begins thus."""
    file = tree / MMU
    text = file.read_text(encoding="utf-8")
    at = text.index(old, text.index(begins))
    file.write_text(text[:at] + new + text[at + len(old) :], encoding="utf-8")


def timed(what: str, tree: Path, layouts: Sequence[Layout]) -> tuple[Run, list[CodeOutcome]]:
    """Prove a tree on all cores."""
    begun = time.perf_counter()
    by_layout: dict[str, CodeOutcome] = {}
    orders = dict.fromkeys(layouts, (BIG,))
    prove_tree(tree, orders, None, Options(), 0, Mode.USE, _silent, by_layout)
    found = [by_layout[layout.name] for layout in layouts]
    anew = sum(len(outcome.reproved) for outcome in found)
    return Run(what, time.perf_counter() - begun, anew), found


def _silent(progress: Progress) -> None:
    del progress


def by_function(outcomes: Iterable[CodeOutcome]) -> dict[str, float]:
    """Return the solvers' seconds for each function, over all layouts."""
    found: dict[str, float] = {}
    for outcome in outcomes:
        for check in outcome.checks:
            found[check.function] = found.get(check.function, 0.0) + check.seconds
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def told(run: Run, cold: Run) -> None:
    """Print a run beside the cold one."""
    share = run.seconds / cold.seconds
    line = f"{run.what:32} {run.seconds:7.1f} s {share:6.1%} of cold, {run.anew} lemmas anew"
    print(line, flush=True)


def main(tree: str, names: Sequence[str]) -> None:
    """Measure, and print a table."""
    layouts = [layout_named(name) for name in names] or list(permitted_layouts())
    with tempfile.TemporaryDirectory() as where:
        copy = copied(Path(tree).resolve(), Path(where))
        print(f"{len(layouts)} layouts")
        cold, outcomes = timed("cold", copy, layouts)
        told(cold, cold)
        told(timed("unchanged", copy, layouts)[0], cold)
        for name, *words in EDITS:
            edit(copy, *words)
            told(timed(f"{name} edited", copy, layouts)[0], cold)
    print("solvers' seconds by function, cold")
    for name, seconds in by_function(outcomes).items():
        print(f"  {name:44} {seconds:7.1f}")


if __name__ == "__main__":
    import os

    with tempfile.TemporaryDirectory() as kept:
        os.environ["SLATCHECK_CACHE"] = kept
        main(sys.argv[1], sys.argv[2:])
