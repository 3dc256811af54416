# SPDX-License-Identifier: GPL-2.0-only
"""Small scopes as models for Spin: their text, and the states that a search of them reaches."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from bench.spin import compare
from bench.spin.compare import Searched, searched, without
from bench.spin.promela import model, tables_of
from model.operations import Kind, Op
from model.ports import layout
from slatcheck.fuzz.exploring import Explored
from slatcheck.fuzz.scope import PFN, Scope, scope
from tests.slatcheck.fuzz.scoping import explored

ONE = layout("mips32-4k")
SMALL = Scope(
    ONE,
    (
        Op(Kind.CREATE),
        Op(Kind.FAULT, 5 << ONE.page_shift, pfn=PFN, write=True, writable=True),
        Op(Kind.MKOLD, 4, 5),
        Op(Kind.UNMAP, 5, 6),
        Op(Kind.DESTROY),
    ),
)
needs_spin = pytest.mark.skipif(
    not (shutil.which("spin") and shutil.which("gcc")), reason="no spin, or no gcc"
)


def test_a_model_says_what_each_operation_does() -> None:
    text = model(SMALL)
    assert text.splitlines()[1:5] == ["byte f0;", "bit t0;", "byte cache;", "bit alive;"]
    steps = [line.strip() for line in text.splitlines() if "d_step" in line]
    assert steps == [
        ":: d_step { !alive; alive = 1 }",
        ":: d_step { alive; if :: f0 -> f0 = f0 | 6 :: else -> if :: cache < 1 -> cache = 4 "
        ":: else fi; if :: t0 :: else -> t0 = 1; cache-- fi; f0 = 7 fi }",
        ":: d_step { alive; f0 = f0 & 253 }",
        ":: d_step { alive; f0 = 0 }",
        ":: d_step { alive; f0 = 0; t0 = 0; cache = 0; alive = 0 }",
    ]


def test_every_level_below_the_root_has_a_table() -> None:
    deep = layout("mips64-4k-va48")
    spans = [table.last - table.first + 1 for table in tables_of(deep, deep.top)]
    assert spans == sorted(spans, reverse=True)
    assert len(spans) == deep.levels - 1
    assert all(table.last == deep.top for table in tables_of(deep, deep.top))


def test_an_operation_without_words_is_refused() -> None:
    with pytest.raises(ValueError, match="no words for split"):
        model(replace(SMALL, ops=(*SMALL.ops[:1], Op(Kind.SPLIT), *SMALL.ops[1:])))


def test_what_was_left_out_is_not_in_the_model() -> None:
    left = without(SMALL, Explored(3, 5, barred=[SMALL.ops[2]]))
    assert [op.kind for op in left.ops] == [Kind.CREATE, Kind.FAULT, Kind.UNMAP, Kind.DESTROY]


@needs_spin
@pytest.mark.parametrize("name", ["mips32-4k", "mips64-4k"])
def test_spin_reaches_the_states_of_the_reference_table(name: str) -> None:
    chosen = scope(layout(name), frozenset(Kind), 2)
    levels, _ = explored(chosen, 255)
    found = searched(model(chosen))
    assert isinstance(found, Searched)
    assert found.states == sum(levels)


def test_where_spin_is_missing_that_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setattr("sys.argv", ["compare"])
    with pytest.raises(SystemExit, match=r"^no spin: apt-get install spin$"):
        compare.main()
