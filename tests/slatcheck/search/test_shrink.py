# SPDX-License-Identifier: GPL-2.0-only
"""Shrinking: the trace still shows it, is never longer, and costs no more than it may."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from impl.multilevel import MultiLevel, quirk
from model.layout import Layout
from model.operations import Kind, Op
from model.ports import layout
from slatcheck.search.differential import Judge
from slatcheck.search.sequences import BLOCK, HEADER, Decoder
from slatcheck.search.shrink import LIMIT, Shows, shrink
from tests.mips import layouts

LAYOUTS = st.sampled_from(layouts())
SOURCES = st.randoms(use_true_random=True)


def drawn(one: Layout, source: Random, operations: int = 30) -> list[Op]:
    return Decoder(one, frozenset(Kind)).decode(source.randbytes(HEADER + BLOCK * operations))


class Needs:
    """Shows where a trace has some kinds in some order, the last with a large enough operand."""

    def __init__(self, kinds: list[Kind], least: int) -> None:
        self.kinds = kinds
        self.least = least
        self.asked = 0

    def __call__(self, ops: list[Op]) -> bool:
        self.asked += 1
        wanted = list(self.kinds)
        for op in ops:
            if wanted and op.kind is wanted[0] and (len(wanted) > 1 or op.first >= self.least):
                wanted.pop(0)
        return not wanted


@st.composite
def tasks(draw: st.DrawFn) -> tuple[Layout, list[Op], list[Kind], int]:
    """Draw a layout, a trace on it, and what the trace must keep."""
    one = draw(LAYOUTS)
    ops = drawn(one, draw(SOURCES))
    inner = ops[1:-1]
    assume(inner)
    chosen = draw(st.sets(st.integers(0, len(inner) - 1), min_size=1, max_size=3))
    picked = [inner[at] for at in sorted(chosen)]
    least = draw(st.integers(0, picked[-1].first))
    return one, ops, [op.kind for op in picked], least


@settings(max_examples=60)
@given(tasks(), st.sampled_from([0, 1, 7, 50, LIMIT]))
def test_the_result_still_shows_and_is_never_longer(
    task: tuple[Layout, list[Op], list[Kind], int], limit: int
) -> None:
    one, ops, kinds, least = task
    needs = Needs(kinds, least)
    shorter = shrink(one, list(ops), needs, limit)
    assert needs.asked <= limit
    assert needs(shorter)
    assert len(shorter) <= len(ops)
    assert shorter[0].kind is Kind.CREATE
    if not limit:
        assert shorter == ops


@settings(max_examples=30)
@given(tasks())
def test_shrinking_is_deterministic(task: tuple[Layout, list[Op], list[Kind], int]) -> None:
    one, ops, kinds, least = task
    assert shrink(one, list(ops), Needs(kinds, least)) == shrink(one, ops, Needs(kinds, least))


@settings(max_examples=30)
@given(tasks())
def test_no_trace_is_run_twice(task: tuple[Layout, list[Op], list[Kind], int]) -> None:
    one, ops, kinds, least = task
    run: Counter[tuple[Op, ...]] = Counter()

    def shows(trace: list[Op]) -> bool:
        run.update([tuple(trace)])
        return Needs(kinds, least)(trace)

    shrink(one, ops, shows)
    assert set(run.values()) == {1}


@settings(max_examples=30)
@given(tasks())
def test_nothing_that_is_not_needed_is_left(
    task: tuple[Layout, list[Op], list[Kind], int],
) -> None:
    one, ops, kinds, least = task
    shorter = shrink(one, ops, Needs(kinds, least), limit=10_000)
    assert [op.kind for op in shorter] == [Kind.CREATE, *kinds]
    assert all(0 <= value < 1 << 64 for op in shorter for value in op[1:5])


@settings(max_examples=10)
@given(LAYOUTS, SOURCES)
def test_what_shows_everywhere_becomes_a_bare_create(one: Layout, source: Random) -> None:
    assert len(shrink(one, drawn(one, source), lambda ops: True)) == 1


def test_each_trace_is_asked_about_as_it_would_be_run() -> None:
    one = layout("mips64-4k")
    seen: Counter[Kind] = Counter()

    def shows(ops: list[Op]) -> bool:
        assert ops[0].kind is Kind.CREATE
        seen.update(op.kind for op in ops[1:])
        return any(op.kind is Kind.FLUSH for op in ops)

    ops = drawn(one, Random(3))
    shrink(one, [*ops[:-1], Op(Kind.FLUSH, 5, 9)], shows)
    assert not seen[Kind.CREATE]


@pytest.mark.parametrize(
    ("name", "on", "most"),
    [
        ("dirty-mask-hull", "mips64-4k", 3),
        ("notifier-end-inclusive", "mips32-16k", 3),
        ("no-reach-check", "mips64-64k", 3),
        ("pfn-truncated", "mips32-16k-xpa", 2),
        ("flush-all-unlocked", "mips32-4k", 3),
    ],
)
def test_a_quirk_s_trace_becomes_short(name: str, on: str, most: int) -> None:
    one = layout(on)
    table, judge = MultiLevel(one, frozenset({quirk(name)})), Judge(one)
    source = Random(1)
    while not (found := judge.examine(table, ops := drawn(one, source, 112)).symptoms):
        pass
    mark = found[0].fingerprint

    def shows(trace: list[Op]) -> bool:
        return any(s.fingerprint == mark for s in judge.examine(table, trace).symptoms)

    checked: Shows = shows
    shorter = shrink(one, ops[: found[0].step + 1], checked)
    assert shows(shorter)
    assert len(shorter) <= most, (mark, shorter)
