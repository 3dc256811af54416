# SPDX-License-Identifier: GPL-2.0-only
"""The experiments behind causes, on the built-in page table with behaviours of the kernel."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from impl.interface import Event, Outcome, Run
from impl.kernel.errors import ToolLimitError
from impl.multilevel import MultiLevel, quirk
from model.operations import Kind, Op, frame_range
from model.ports import layout
from model.ports.mips.functions import FUNCTIONS
from slatcheck.document.evidence import BELOW, BROKEN, LONGER, NOTHING, WRAPPED, Evidence
from slatcheck.judge.judging import Request, check
from slatcheck.search.below import below, request
from slatcheck.search.differential import Judge
from slatcheck.search.probes import Prober, wrapped

LAYOUT = layout("mips64-4k")
MINE = set(FUNCTIONS)
TOP = LAYOUT.top
CREATE = Op(Kind.CREATE)


def page(frame: int) -> Op:
    return Op(Kind.FAULT, frame << LAYOUT.page_shift, pfn=5, write=True, writable=True)


class Late(MultiLevel):
    """The built-in table, but for operations of some kinds, which leave out their first page."""

    kinds: frozenset[Kind] = frozenset()

    def run(self, ops: Sequence[Op]) -> Run:
        return super().run([self._mine(op) for op in ops])

    def _mine(self, op: Op) -> Op:
        found = frame_range(op, LAYOUT.page_shift)
        if op.kind not in self.kinds or found is None:
            return op
        first, last = found
        return (
            Op(Kind.LOOKUP, 0)
            if first == last
            else request(LAYOUT, op.kind, first + 1, last - first)
        )


def late(*kinds: Kind) -> Late:
    made = Late(LAYOUT, frozenset())
    made.kinds = frozenset(kinds)
    return made


def table(*quirks: str) -> MultiLevel:
    return MultiLevel(LAYOUT, frozenset(map(quirk, quirks)))


def told(implementation: MultiLevel, *ops: Op) -> list[Evidence]:
    judge = Judge(LAYOUT)
    symptoms = judge.examine(implementation, ops).symptoms
    assert symptoms, "nothing is wrong"
    return [Prober(implementation, judge).evidence(ops, symptom) for symptom in symptoms]


@pytest.mark.parametrize("kind", [Kind.UNMAP, Kind.AGE])
def test_a_notifiers_end_is_one_page_too_far(kind: Kind) -> None:
    quirky = table("notifier-end-inclusive", "no-reach-check")
    for first in (5, TOP):
        ops = CREATE, page(first), page(min(first + 1, TOP)), Op(kind, first, first + 1)
        assert [one.as_if for one in told(quirky, *ops)] == [LONGER]


@pytest.mark.parametrize("kind", sorted(set(BELOW) & MINE - {Kind.FLUSH_ALL, Kind.FAULT, Kind.AGE}))
def test_an_address_beyond_the_reach_is_cut(kind: Kind) -> None:
    ops = CREATE, page(0), request(LAYOUT, kind, LAYOUT.frames, 1)
    assert [one.as_if for one in told(table("no-reach-check"), *ops)] == [WRAPPED]


def test_an_address_that_leads_elsewhere_is_another_bug() -> None:
    class Elsewhere(MultiLevel):
        def run(self, ops: Sequence[Op]) -> Run:
            beyond = [op.kind is Kind.UNMAP and op.first >= LAYOUT.frames for op in ops]
            there = Op(Kind.FLUSH, 7, 7)
            return super().run([there if x else op for x, op in zip(beyond, ops, strict=True)])

    ops = CREATE, page(0), page(7), Op(Kind.UNMAP, LAYOUT.frames, LAYOUT.frames + 1)
    assert told(Elsewhere(LAYOUT, frozenset()), *ops) == [NOTHING]


@pytest.mark.parametrize("kind", [Kind.UNMAP, Kind.FLUSH_SLOT])
def test_a_caller_hands_on_what_the_function_below_does(kind: Kind) -> None:
    mark = f"stale-mapping/{FUNCTIONS[Kind.FLUSH]}/any"
    ops = CREATE, page(3), page(5), request(LAYOUT, kind, 3, 2)
    assert told(late(kind, Kind.FLUSH), *ops) == [Evidence(handed_on=mark)]
    flush = CREATE, page(3), Op(Kind.FLUSH, 3, 4)
    assert told(late(kind, Kind.FLUSH), *flush) == [NOTHING], "nothing is below it"


@pytest.mark.parametrize("kind", [Kind.UNMAP, Kind.FLUSH_SLOT])
def test_a_caller_that_does_something_else_is_not_excused(kind: Kind) -> None:
    for ops in (
        (page(3), request(LAYOUT, kind, 3, 1)),
        (page(3), page(4), request(LAYOUT, kind, 3, 2)),
    ):
        assert told(late(kind), CREATE, *ops) == [NOTHING]


def test_to_fail_alike_once_is_not_to_hand_on() -> None:
    """A caller that does nothing fails like a flush that leaves out one page: for one page."""

    class Idle(Late):
        def _mine(self, op: Op) -> Op:
            return Op(Kind.LOOKUP, 0) if op.kind is Kind.UNMAP else super()._mine(op)

    idle = Idle(LAYOUT, frozenset())
    idle.kinds = frozenset({Kind.FLUSH})
    assert told(idle, CREATE, page(3), Op(Kind.UNMAP, 3, 4)) == [NOTHING]
    assert told(idle, CREATE, page(3), Op(Kind.FLUSH, 3, 3)) == [NOTHING]


def test_experiments_never_cost_a_verdict() -> None:
    class Full(MultiLevel):
        def run(self, ops: Sequence[Op]) -> Run:
            raise ToolLimitError("full")

    judge, ops = Judge(LAYOUT), (CREATE, page(5), page(6), Op(Kind.UNMAP, 5, 6))
    (symptom,) = judge.examine(table("notifier-end-inclusive"), ops).symptoms
    assert Prober(Full(LAYOUT, frozenset()), judge).evidence(ops, symptom) == NOTHING


def test_on_a_table_that_is_broken_everything_fails() -> None:
    class Broken(MultiLevel):
        spared: Kind | None = None

        def run(self, ops: Sequence[Op]) -> Run:
            if len(ops) < 2 or ops[1].kind is self.spared:
                return super().run(ops)
            event = Event("bad-access", "fault", "a null pointer", True)
            return Run([Outcome(0, {}), Outcome(0, {}, events=(event,))], 1)

    broken = Broken(LAYOUT, frozenset())
    for op in (page(0), Op(Kind.FLUSH, 0, 3), Op(Kind.DESTROY), Op(Kind.TEST_AGE, 7, 8)):
        (evidence,) = told(broken, CREATE, op)
        assert evidence.as_if == BROKEN
        for kind in (Kind.MKCLEAN, Kind.MKOLD, Kind.LOOKUP):
            broken.spared = kind
            (evidence,) = told(broken, CREATE, op)
            assert evidence.as_if == "", f"{kind.name} does not fail"
        broken.spared = None


def test_the_quirks_are_told_apart_as_bugs_are() -> None:
    names = ("notifier-end-inclusive", "no-reach-check", "dirty-mask-hull", "flush-all-unlocked")
    asked = Request((LAYOUT,), max_ops=3_000, jobs=1, quirks=names)
    found = [cause.id for cause in check(asked, lambda _: None).causes]
    assert len(found) == len(names), found


def test_requests_are_translated_and_wrapped() -> None:
    shift, frames = LAYOUT.page_shift, LAYOUT.frames
    for kind in set(BELOW) & MINE - {Kind.FAULT, Kind.FLUSH_ALL}:
        asked = request(LAYOUT, kind, 3, 2)
        assert frame_range(asked, shift) == (3, 4)
        assert below(LAYOUT, asked) == Op(BELOW[kind], 3, 4)
        assert below(LAYOUT, asked, 1) == Op(BELOW[kind], 3, 5)
    assert below(LAYOUT, page(3)) == Op(Kind.FAULT_FAST, 3 << shift, write=True)
    assert below(LAYOUT, Op(Kind.LOOKUP, 0)) is None
    assert list(wrapped(frames, shift, page(frames + 3))) == [page(3)]
    assert list(wrapped(frames, shift, Op(Kind.FLUSH, frames, frames + 1))) == [
        Op(Kind.FLUSH, 0, 1)
    ]
    ends = [op.last for op in wrapped(frames, shift, Op(Kind.UNMAP, frames, frames + 2))]
    assert ends == [1, 2]
    assert set(Kind) >= set(BELOW) | set(BELOW.values())
