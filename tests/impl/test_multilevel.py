# SPDX-License-Identifier: GPL-2.0-only
"""The repaired multi-level table against the abstract map, operation by operation."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from impl.interface import Implementation, Outcome
from impl.multilevel import MultiLevel
from model.abstract_map import AbstractMap, Expected
from model.entry import Entry
from model.layout import Layout
from model.operations import (
    ADDRESSED,
    EFAULT,
    ENOMEM,
    HALF_OPEN,
    INCLUSIVE,
    SLOT,
    U64,
    Answer,
    Kind,
    Op,
)
from model.ports import layout, port_of
from tests.mips import layouts

NAMES = [
    "mips32-4k",
    "mips32-16k-xpa",
    "mips32-64k",
    "mips64-4k",
    "mips64-16k-va48",
    "mips64-64k",
    "mips64-4k-va48",
]


def boundaries(one: Layout) -> list[int]:
    """Return the frames at which a level's slot begins, or the reach ends."""
    found = {0, 1, one.top, one.frames}
    for level in one.tables:
        slot = level.span >> one.page_shift
        found |= {slot, (level.entries - 1) * slot, level.entries * slot // 2}
    return sorted(found)


@st.composite
def operations(draw: st.DrawFn, one: Layout) -> Op:
    near = st.sampled_from(boundaries(one))
    frames = st.builds(lambda base, offset: max(0, base + offset), near, st.integers(-2, 2))
    mine = port_of(one).functions
    kinds = [Kind.FAULT] * 8 + [k for k in mine if k not in (Kind.CREATE, Kind.DESTROY)]
    kind = draw(st.sampled_from(kinds))
    first = draw(frames)
    if kind in ADDRESSED:
        gpa = one.truncate((first << one.page_shift) + draw(st.sampled_from([0, 5])))
        if kind is Kind.LOOKUP:
            return Op(kind, gpa)
        return Op(
            kind,
            gpa,
            pfn=draw(st.sampled_from([0, 1, one.pfn_top, one.pfn_top // 3])),
            write=draw(st.booleans()),
            writable=draw(st.booleans()),
            answer=draw(st.sampled_from([*[Answer.PAGE] * 6, *Answer])),
            retries=draw(st.integers(0, 3)),
            oom=draw(st.integers(0, 3)) if kind is Kind.FAULT else 0,
        )
    if kind is Kind.FLUSH_ALL:
        return Op(kind)
    if kind is Kind.LOG_DIRTY_MASKED:
        return Op(kind, first, draw(st.integers(0, 3)), draw(st.integers(1, one.word_mask)))
    if kind in SLOT:
        return Op(kind, first, draw(st.integers(0, 3) | frames))
    assert kind in INCLUSIVE | HALF_OPEN
    return Op(kind, first, draw(frames | st.integers(first, first + 3) | st.just(U64)))


@st.composite
def sequences(draw: st.DrawFn, one: Layout) -> list[Op]:
    middle = draw(st.lists(operations(one), max_size=25))
    return [Op(Kind.CREATE), *middle, Op(Kind.DESTROY)]


def expect(model: AbstractMap, op: Op, outcome: Outcome) -> Expected:
    """Return what the map allows; a fault may also be refused where an allocation failed."""
    if op.kind is Kind.FAULT and op.oom and outcome.result == -ENOMEM:
        return model.fault_without_memory(op)
    return model.apply(op)


def difference(one: Layout, ops: list[Op], table: Implementation) -> str:
    """Return the first difference between ``table`` and the map, '' where there is none."""
    run = table.run(ops)
    model = AbstractMap(one)
    for op, outcome in zip(ops, run.outcomes, strict=False):
        if outcome.events:
            return outcome.events[0].rule
        expected = expect(model, op, outcome)
        changes = {
            gfn: one.entry.encode(entry) if entry else 0 for gfn, entry in expected.changes.items()
        }
        if outcome.changes != changes:
            return f"{op.kind.name} changes"
        if expected.results is not None and outcome.result not in expected.results:
            return f"{op.kind.name} result"
        if set(outcome.dirty) != expected.dirty or len(outcome.dirty) > 1:
            return f"{op.kind.name} dirty"
        if op.kind is Kind.FLUSH and outcome.result and outcome.tables:
            return "unsafe-to-remove"
        if outcome.taken - outcome.freed != outcome.held:
            return "pages"
    last = run.outcomes[-1]
    if run.stop is not None or len(run.outcomes) != len(ops):
        return "ended early"
    if ops[-1].kind is Kind.DESTROY and (last.held or last.tables):
        return "held"
    return ""


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_agrees_with_the_abstract_map(name: str, data: st.DataObject) -> None:
    one = layout(name)
    ops = data.draw(sequences(one))
    assert difference(one, ops, MultiLevel(one)) == ""


@pytest.mark.parametrize("one", layouts(), ids=lambda one: str(one.name))
def test_every_boundary_in_every_layout(one: Layout) -> None:
    frames = [frame for frame in boundaries(one) if frame <= one.top]
    ops = [Op(Kind.CREATE)]
    for frame in frames:
        gpa = frame << one.page_shift
        ops.append(Op(Kind.FAULT, gpa, pfn=one.pfn_top, write=True, writable=True))
        ops.append(Op(Kind.LOOKUP, gpa))
    ops += [Op(Kind.TEST_AGE, one.top, one.frames), Op(Kind.AGE, 0, one.frames)]
    ops += [Op(Kind.TEST_AGE, one.top, one.frames), Op(Kind.MKCLEAN, 1, one.top)]
    ops += [Op(Kind.UNMAP, one.top, one.frames), Op(Kind.FLUSH, 0, U64), Op(Kind.DESTROY)]
    assert difference(one, ops, MultiLevel(one)) == ""


@pytest.mark.parametrize("one", layouts(), ids=lambda one: str(one.name))
def test_pages_at_create_and_after_one_fault(one: Layout) -> None:
    run = MultiLevel(one).run([Op(Kind.CREATE), Op(Kind.FAULT), Op(Kind.DESTROY)])
    create, fault, destroy = run.outcomes
    assert (create.tables, create.held) == (0, 1 << one.root.order)
    assert fault.tables == one.levels - 1
    assert fault.held == create.held + 4
    assert (destroy.tables, destroy.held, destroy.taken) == (0, 0, destroy.freed)


def test_create_may_fail() -> None:
    run = MultiLevel(layout("mips32-4k")).run([Op(Kind.CREATE, oom=1), Op(Kind.DESTROY)])
    assert [outcome.result for outcome in run.outcomes] == [-ENOMEM]
    assert run.stop is None
    assert run.outcomes[0].held == 0


@pytest.mark.parametrize("oom", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("name", ["mips32-4k", "mips64-4k", "mips64-4k-va48"])
def test_fault_fails_only_with_fewer_pages_than_it_needs(name: str, oom: int) -> None:
    one = layout(name)
    run = MultiLevel(one).run([Op(Kind.CREATE), Op(Kind.FAULT, oom=oom), Op(Kind.DESTROY)])
    short = oom <= 1 + one.cache_needed  # the array of the cache comes first
    assert run.outcomes[1].result == (-ENOMEM if short else 0)
    assert bool(run.outcomes[1].changes) == (not short)
    assert run.outcomes[1].tables == (0 if short else one.cache_needed)
    assert not run.outcomes[2].events


def test_beyond_reach_is_refused() -> None:
    one = layout("mips64-4k")
    gpa = one.frames << one.page_shift
    run = MultiLevel(one).run([Op(Kind.CREATE), Op(Kind.FAULT, gpa), Op(Kind.LOOKUP, gpa)])
    assert [outcome.result for outcome in run.outcomes] == [0, -EFAULT, 0]
    assert run.outcomes[1].held == run.outcomes[0].held


def test_sequences_must_be_well_formed() -> None:
    table = MultiLevel(layout("mips32-4k"))
    assert table.run([]).outcomes == []
    for ops in ([Op(Kind.FAULT)], [Op(Kind.CREATE)] * 2):
        with pytest.raises(ValueError, match="begins with"):
            table.run(ops)
    with pytest.raises(ValueError, match="last"):
        table.run([Op(Kind.CREATE), Op(Kind.DESTROY), Op(Kind.FAULT)])


@given(
    st.sampled_from(layouts()), st.integers(0, 2**40), st.booleans(), st.booleans(), st.booleans()
)
def test_wide_entries_keep_every_pfn(
    one: Layout, pfn: int, writable: bool, young: bool, dirty: bool
) -> None:
    entry = Entry(pfn, writable, young, dirty)
    raw = one.entry.encode(entry)
    assert one.entry.decode(raw) == entry
    if one.entry.holds(pfn):
        assert raw == one.entry.encode(entry)
    assert one.entry.decode(0) is None
