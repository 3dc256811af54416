# SPDX-License-Identifier: GPL-2.0-only
"""The benchmark of proofs: it measures what it says, and the one formula means the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import z3

from bench import proof
from bench.proof import (
    HEAPS,
    LIMIT,
    Heap,
    bench,
    contracts,
    flush_lemmas,
    one_formula,
    ratio,
    refutation,
)
from model.ports import layout
from proofs.desk import Desk, Options

ONE = layout("mips32-4k")


def test_the_flush_alone_is_measured() -> None:
    names = flush_lemmas(ONE)
    assert names[0] == "slot_index" and "kvm_mips_flush_gpa_pt" in names
    found = contracts(ONE, names)
    assert set(found.lemmas) == set(names) and set(found.lemmas.values()) == {"holds"}
    assert {name for name, _ in found.queries} == set(names)
    assert found.slowest in found.queries
    assert found.cost.cpu >= 0.9 * sum(seconds for _, seconds in found.queries) > 0
    assert found.told().startswith("mips32-4k: 4 of 4 lemmas hold, ")


def test_the_stopwatch_leaves_the_desk_as_it_was() -> None:
    before = Desk.solve
    with pytest.raises(ZeroDivisionError), proof.stopwatch() as seconds:
        assert Desk(Options()).decide("(assert false)(check-sat)").answer == "unsat"
        assert len(seconds) == 1
        raise ZeroDivisionError
    assert Desk.solve is before


@pytest.mark.parametrize("planted", [False, True])
def test_one_formula_says_the_same_of_the_flush(planted: bool) -> None:
    found = one_formula("slots", 2, planted=planted)
    assert found.verdict == ("refuted" if planted else "holds")


@pytest.mark.parametrize("heap", HEAPS.values())
@pytest.mark.parametrize("planted", [False, True])
def test_every_heap_means_the_same(heap: type[Heap], planted: bool) -> None:
    # The solver does not get through with the heap in an array, unless range and root are given.
    solver = z3.SolverFor(heap.logic)
    solver.add(*refutation(heap(2, 2), planted))
    first, last, root = z3.BitVecs("first last root", 64)
    solver.add(first == 1, last == 2, root == 0x1000)
    assert str(solver.check()) == ("sat" if planted else "unsat")


def test_a_limit_is_no_verdict() -> None:
    found = one_formula("slots", 2, limit=1)
    assert found.verdict == "gave up"
    assert "at least" in ratio(found, contracts(ONE, ["kvm_mips_flush_gpa_pt"]))


def test_the_whole_is_told_and_kept(tmp_path: Path) -> None:
    lines: list[str] = []
    found = bench(["mips32-4k"], lines.append, limit=LIMIT // 50, whole=False)
    assert len(lines) == 1 + 3 * len(HEAPS)
    assert sum(line.startswith("ratio of one formula") for line in lines) == len(HEAPS)
    file = tmp_path / "bench.json"
    file.write_text(json.dumps(found))
    kept = json.loads(file.read_text())
    assert [one["levels"] for one in kept["one_formula"]] == [2] * 2 * len(HEAPS)
    for one in kept["one_formula"]:
        assert one["verdict"] in ("gave up", "refuted" if one["planted"] else "holds")
