# SPDX-License-Identifier: GPL-2.0-only
"""What becomes of an edited tree in the proof: which promises fail, and what a run shows of it.

``python -m tests.proofs.c.mutation TREE LAYOUT [NAME...]`` tries the mutants of a layout.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from impl.kernel.errors import UnsupportedError
from impl.kernel.ports import bind, open_tree
from impl.kernel.toolchain import find
from model.machines import BIG
from model.ports import layout as layout_named
from proofs.desk import Options
from proofs.engine import HOLDS, REFUTED
from proofs.kernel_runner import LayoutProof, LemmaStore, Session, read_unit
from slatcheck.judge.code.replays import Replays
from slatcheck.judge.code.task import CodeTask
from slatcheck.search.campaign import Search
from slatcheck.search.unit import Report, Unit, kernel_implementation
from tests.proofs.c.edits import MUTANTS, Edit, Mutant, edited, text_for

Verdicts = dict[tuple[str, str], str]


@dataclass
class Base:
    """The tree before it is edited: what is proved of it, and what runs of it show."""

    layout: str
    tree: Path
    store: LemmaStore
    verdicts: Verdicts
    marks: frozenset[str]


@dataclass
class Fate:
    """What became of a mutant: ``shown`` by a run, ``refuted``, ``open``, or ``survives``."""

    name: str
    layout: str
    kind: str
    clauses: list[str]
    mark: str = ""


def proved(tree: Path, layout: str, store: LemmaStore) -> LayoutProof:
    """Return the proof of one layout of a tree. Raises UnsupportedError where it has none."""
    opened = open_tree(tree)
    binding = bind(opened)
    unit, _ = read_unit(opened, binding, layout_named(layout), find())
    return Session(unit, layout_named(layout), binding.entries, Options(), store).run()


def verdicts(proof: LayoutProof) -> Verdicts:
    """Return the verdict on every promise."""
    found = {
        (one.title, clause.name): clause.verdict
        for one in proof.proved
        for clause in one.proof.clauses.values()
    }
    return found | {(title, "bound"): "unsupported" for title in proof.missing}


def base(tree: Path, layout: str, folder: Path, operations: int = 30_000) -> Base:
    """Return a tree and what is known of it, with the edits that a layout needs at all."""
    start = edited(tree, text_for(layout), folder / f"base-{layout}")
    store = LemmaStore(folder / "proofs")
    found = verdicts(proved(start, layout, store))
    unit = Unit(layout, True, start, None, (), 0, None)
    kernel = kernel_implementation(unit, Report(unit, "kernel"))
    marks = frozenset(Search(kernel, 0, layout, shrinking=False).run(operations).hits)
    return Base(layout, start, store, found, marks)


def fate(on: Base, tree: Path, edits: Sequence[Edit], name: str, folder: Path) -> Fate:
    """Return what becomes of a tree with edits, beside the same tree without."""
    changed = edited(tree, [*text_for(on.layout), *edits], folder)
    try:
        proof = proved(changed, on.layout, on.store)
    except UnsupportedError as problem:
        return Fate(name, on.layout, "rejected", [str(problem)])
    found = verdicts(proof)
    worse = {
        key: verdict
        for key, verdict in found.items()
        if verdict != HOLDS and verdict != on.verdicts.get(key)
    }
    if not worse:
        return Fate(name, on.layout, "survives", [])
    told = [f"{title}/{clause}: {verdict}" for (title, clause), verdict in sorted(worse.items())]
    task = CodeTask(changed, on.layout, None, Options(), None, {}, on.marks)
    replays = Replays(task, layout_named(on.layout), BIG)
    for one in proof.proved:
        for clause in one.proof.clauses.values():
            asked = clause.verdict == REFUTED or clause.mismatch
            if asked and (one.title, clause.name) in worse:
                mark = replays.show(one, clause, thorough=True)
                if mark is not None:
                    return Fate(name, on.layout, "shown", told, mark)
    kind = "refuted" if REFUTED in worse.values() else "open"
    return Fate(name, on.layout, kind, told)


def try_mutants(on: Base, tree: Path, mutants: Iterable[Mutant], folder: Path) -> list[Fate]:
    """Return what becomes of each mutant that does something in the layout."""
    found = []
    for mutant in mutants:
        if on.layout not in mutant.on:
            continue
        with tempfile.TemporaryDirectory(dir=folder) as where:
            place = Path(where) / "linux"
            one = fate(on, tree, [mutant.for_layout(on.layout)], mutant.name, place)
        found.append(one)
        print(f"{one.kind:9} {one.layout} {one.name}: {one.mark or one.clauses[:2]}", flush=True)
    return found


def main(tree: str, layout: str, names: list[str]) -> None:
    """Try the mutants of one layout, and count what became of them."""
    root = Path(tree).resolve()
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where)
        on = base(root, layout, folder)
        wanted = [one for one in MUTANTS if not names or any(part in one.name for part in names)]
        found = try_mutants(on, root, wanted, folder)
    print(json.dumps(dict(Counter(one.kind for one in found))))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
