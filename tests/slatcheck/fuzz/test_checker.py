# SPDX-License-Identifier: GPL-2.0-only
"""The filter suspects what the judge finds, and nothing else that the wire can say."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impl.interface import Event, Outcome, Run
from impl.kernel.executor import EVENTS, SUBJECTS
from impl.multilevel import QUIRKS, MultiLevel, Quirk
from model.operations import ENOMEM, Answer, Kind, Op
from model.ports import layout
from slatcheck.fuzz.checker import Filter
from slatcheck.fuzz.parameters import NotCoveredError, why_not
from slatcheck.fuzz.wire import OpBuffer
from tests.mips import layouts
from tests.slatcheck.fuzz.comparing import (
    CHANGES,
    ONE,
    SCOPE,
    altered,
    drawn,
    everything,
    filtered,
    judged,
    page,
    predicted,
)
from tests.slatcheck.fuzz.recording import Records, representable

SOURCES = st.randoms(use_true_random=True)
FILTERS: dict[tuple[str, bool], Filter] = {}


def checker(name: str, pages: bool = True) -> Filter:
    """Return a filter for a layout; one does for all tests, so that what it keeps would show."""
    return FILTERS.setdefault((name, pages), Filter(layout(name), pages))


NAMES = st.sampled_from([one.name for one in layouts()])


@settings(max_examples=150)
@given(NAMES, SOURCES)
def test_what_the_repaired_table_does_passes(name: str, source: Random) -> None:
    ops = drawn(layout(name), source, 60)
    run = MultiLevel(layout(name)).run(ops)
    assert judged(layout(name), ops, run) == len(ops)
    found = filtered(checker(name), ops, run)
    assert found == len(ops) or not representable(run.outcomes)


@settings(max_examples=200)
@given(NAMES, st.sets(st.sampled_from(sorted(QUIRKS, key=str)), max_size=3), SOURCES)
def test_what_a_kernel_does_otherwise_is_suspected(
    name: str, quirks: set[Quirk], source: Random
) -> None:
    ops = drawn(layout(name), source, 60)
    run = MultiLevel(layout(name), frozenset(quirks)).run(ops)
    wanted = judged(layout(name), ops, run)
    found = filtered(checker(name), ops, run, source.random() < 0.5)
    assert found == wanted if representable(run.outcomes) else found <= wanted


@settings(max_examples=400)
@given(NAMES, st.sampled_from(CHANGES), SOURCES)
def test_one_outcome_that_is_changed(name: str, change: object, source: Random) -> None:
    ops = drawn(layout(name), source, 40)
    run = MultiLevel(layout(name)).run(ops)
    step = source.randrange(len(run.outcomes))
    run = altered(run, step, change, source)  # type: ignore[arg-type]
    wanted = judged(layout(name), ops, run)
    found = filtered(checker(name), ops, run, source.random() < 0.5)
    assert found == wanted if representable(run.outcomes) else found <= wanted


@settings(max_examples=60)
@given(NAMES, st.sampled_from(CHANGES), SOURCES)
def test_without_accounts_pages_do_not_count(name: str, change: object, source: Random) -> None:
    ops = drawn(layout(name), source, 40)
    run = predicted(layout(name), ops)
    run = altered(run, source.randrange(len(run.outcomes)), change, source)  # type: ignore[arg-type]
    wanted = judged(layout(name), ops, run, pages=False)
    found = filtered(checker(name, False), ops, run)
    assert found == wanted if representable(run.outcomes) else found <= wanted


ANY_OP = st.builds(
    Op,
    st.sampled_from([kind for kind in Kind if Kind.CREATE < kind < Kind.DESTROY]),
    *(st.one_of(st.integers(0, 9), st.integers(0, (1 << 64) - 1)) for _ in range(4)),
    write=st.booleans(),
    writable=st.booleans(),
    answer=st.sampled_from(Answer),
    oom=st.integers(0, 2),
)


@settings(max_examples=300)
@given(NAMES, st.lists(ANY_OP, max_size=8), st.sampled_from(CHANGES), SOURCES)
def test_operands_that_no_caller_can_pass(
    name: str, ops: list[Op], change: object, source: Random
) -> None:
    """Behind such an operation the judge says nothing more; there only events are suspected."""
    ops = [Op(Kind.CREATE), *ops, Op(Kind.DESTROY)]
    run = predicted(layout(name), ops)
    step = source.randrange(len(ops))
    run = altered(run, step, change, source)  # type: ignore[arg-type]
    wanted = judged(layout(name), ops, run, pages=False)
    found = filtered(checker(name, False), ops, run)
    events = bool(run.outcomes[step].events)
    same = representable(run.outcomes) and not events
    assert found == wanted if same else found <= wanted


@pytest.mark.parametrize("result", [0, -ENOMEM, -14])
def test_a_fault_whose_allocation_fails_may_be_refused(result: int) -> None:
    ops = [Op(Kind.CREATE), page(0, oom=1), Op(Kind.DESTROY)]
    changes = {} if result else predicted(ONE, ops).outcomes[1].changes
    dirty = () if result else (0,)
    run = Run(
        [Outcome(0, {}), Outcome(result, changes, dirty), Outcome(0, dict.fromkeys(changes, 0))]
    )
    assert filtered(checker(ONE.name), ops, run) == judged(ONE, ops, run)


def test_the_map_is_kept_from_one_batch_to_the_next() -> None:
    ops = [Op(Kind.CREATE), page(0), Op(Kind.LOOKUP), Op(Kind.UNMAP, 0, 1), Op(Kind.DESTROY)]
    run, one = predicted(ONE, ops), checker(ONE.name, False)
    for wrong in (False, True):
        for op, outcome in zip(ops, run.outcomes, strict=True):
            spoilt = wrong and op.kind is Kind.LOOKUP
            shown = outcome._replace(result=0) if spoilt else outcome
            suspected = filtered(one, [op], Run([shown])) == 0
            assert suspected == (wrong and op.kind not in (Kind.CREATE, Kind.FAULT))


def test_a_batch_of_several_sequences() -> None:
    ops, records, buffer = [Op(Kind.CREATE), page(0), Op(Kind.DESTROY)], Records(), OpBuffer(16)
    right = predicted(ONE, ops)
    wrong = Run([*right.outcomes[:1], Outcome(0, {}), *right.outcomes[2:]])
    end = 0
    for run in (right, wrong, right, wrong):
        end = buffer.put(ops, end)
        records.put(run)
    assert checker(ONE.name, False).suspects(buffer, records.rings, end) == {4: "", 10: ""}


def test_what_there_was_no_room_for_is_suspected() -> None:
    ops, records, buffer = [Op(Kind.CREATE), Op(Kind.DESTROY)] * 4, Records(ops=3), OpBuffer(8)
    end = buffer.put(ops)
    records.put(predicted(ONE, ops[:2]))
    records.control.done = end
    one = checker(ONE.name, False)
    assert one.suspects(buffer, records.rings, end) == {3: "", 4: "", 6: ""}
    assert one.first(buffer, records.rings, 6, end) == 6


def test_what_was_not_carried_out_is_suspected() -> None:
    ops = [Op(Kind.CREATE), page(0), Op(Kind.DESTROY)]
    run = predicted(ONE, ops)
    assert filtered(checker(ONE.name, False), ops, Run(run.outcomes[:2])) == 2
    refused = [Op(Kind.CREATE, oom=1), page(0)]
    run = Run([Outcome(-ENOMEM, {})])
    assert filtered(checker(ONE.name, False), refused, run) == 2
    assert filtered(checker(ONE.name, False), [*refused, Op(Kind.CREATE)], run) == 1


def test_nothing_is_done_before_a_create_or_behind_a_destroy() -> None:
    one = Filter(ONE, pages=False)
    assert filtered(one, [page(0)], Run([Outcome(0, {})])) == 0
    ops = [Op(Kind.CREATE), Op(Kind.DESTROY), Op(Kind.LOOKUP)]
    assert filtered(one, ops, Run([Outcome(0, {})] * 3)) == 2


def test_what_passed_is_counted() -> None:
    one = Filter(ONE, pages=False)
    ops = [Op(Kind.CREATE), page(0), page(1), Op(Kind.DESTROY)]
    filtered(one, ops, predicted(ONE, ops))
    counted = {kind: count for kind, count in one.checked.items() if count}
    assert counted == {Kind.CREATE: 1, Kind.FAULT: 2, Kind.DESTROY: 1}


def test_operations_that_are_not_there_are_refused() -> None:
    with pytest.raises(IndexError):
        checker(ONE.name).first(OpBuffer(4), Records().rings, 0, 5)


def test_a_layout_that_is_not_covered_says_why() -> None:
    many = replace(ONE.entry, pfn=ONE.entry.pfn * 5)
    assert "more than 4 fields" in why_not(replace(ONE, entry=many))
    with pytest.raises(NotCoveredError, match=ONE.name):
        Filter(replace(ONE, entry=many))
    deep = replace(ONE, tables=ONE.tables * 3)
    assert "levels" in why_not(deep)


@pytest.mark.slow
def test_all_short_sequences_over_a_few_operations() -> None:
    """Each of two operations, and after them everything that may be wrong with a third."""
    one, table = checker(ONE.name), MultiLevel(ONE)
    for first in SCOPE:
        for second in SCOPE:
            ops = [Op(Kind.CREATE), first, second]
            run = table.run([*ops, Op(Kind.DESTROY)])
            assert filtered(one, [*ops, Op(Kind.DESTROY)], run) == len(ops) + 1
            for third in SCOPE:
                whole = [*ops, third]
                run = table.run(whole)
                assert filtered(one, whole, run) == len(whole), whole
            for changed in everything(table.run(ops), 2):
                assert filtered(one, ops, changed) == judged(ONE, ops, changed), (ops, changed)


def caught(kind: Kind, rule: str, subject: str) -> tuple[list[Op], Run]:
    """Return a run of which one operation was caught at something that ends nothing."""
    ops = [Op(Kind.CREATE), Op(Kind.FLUSH_ALL), Op(Kind.DESTROY)]
    run = MultiLevel(ONE).run(ops)
    event = Event(rule, subject, "", fatal=False)
    seen = [
        outcome._replace(events=(event,)) if op.kind is kind else outcome
        for op, outcome in zip(ops, run.outcomes, strict=True)
    ]
    return ops, Run(seen)


@pytest.mark.parametrize("kind", [Kind.FLUSH_ALL, Kind.DESTROY])
@pytest.mark.parametrize("subject", ["mmu_lock", "pgd"])
@pytest.mark.parametrize("rule", ["unlocked-access", "leak"])
def test_only_what_is_tolerated_passes(kind: Kind, rule: str, subject: str) -> None:
    ops, run = caught(kind, rule, subject)
    suspected = [op.kind for op in ops].index(kind)
    one = Filter(ONE)
    assert filtered(one, ops, run) == suspected
    known = EVENTS.index("unlocked-access"), SUBJECTS.index("mmu_lock")
    one.tolerate([(Kind.FLUSH_ALL, *known)])
    passes = (kind, rule, subject) == (Kind.FLUSH_ALL, "unlocked-access", "mmu_lock")
    assert filtered(one, ops, run) == (len(ops) if passes else suspected)
    one.tolerate([])
    assert filtered(one, ops, run) == suspected
