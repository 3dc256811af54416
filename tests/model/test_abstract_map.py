# SPDX-License-Identifier: GPL-2.0-only
"""The abstract map: laws that its operations obey on every layout."""

from __future__ import annotations

from hypothesis import assume, given
from hypothesis import strategies as st

from model.abstract_map import AbstractMap, Expected
from model.entry import Entry
from model.layout import Layout
from model.operations import EFAULT, ENOMEM, U64, Answer, Kind, Op
from model.ports import PORTS, layout, layouts

RANGED = (Kind.FLUSH, Kind.MKCLEAN, Kind.MKOLD)
FAULTING = (Kind.FAULT, Kind.FAULT_FAST)
PLAIN = tuple(PORTS["mips"].functions)
"""What a table with leaves of one size can do."""
HALF_OPEN_TWIN = {Kind.UNMAP: Kind.FLUSH, Kind.AGE: Kind.MKOLD}
SLOT_TWIN = {Kind.FLUSH_SLOT: Kind.FLUSH, Kind.COMMIT_REGION: Kind.MKCLEAN}


@st.composite
def frames(draw: st.DrawFn, one: Layout) -> int:
    """Draw a frame within reach, near one of three places, so that frames meet."""
    base = draw(st.sampled_from([0, one.frames // 2, max(0, one.top - 20)]))
    return min(base + draw(st.integers(0, 20)), one.top)


@st.composite
def entries(draw: st.DrawFn, one: Layout) -> Entry:
    pfn = draw(st.integers(0, one.pfn_top))
    return Entry(pfn, draw(st.booleans()), draw(st.booleans()), draw(st.booleans()))


@st.composite
def worlds(draw: st.DrawFn) -> AbstractMap:
    """Draw a layout and a map on it."""
    one = draw(st.sampled_from([one for one in layouts() if not one.large]))
    world = AbstractMap(one)
    world.entries = draw(st.dictionaries(frames(one), entries(one), max_size=12))
    return world


@st.composite
def ranges(draw: st.DrawFn, one: Layout) -> tuple[int, int]:
    a, b = draw(frames(one)), draw(frames(one))
    return min(a, b), max(a, b)


def copy(world: AbstractMap) -> AbstractMap:
    other = AbstractMap(world.layout)
    other.entries = dict(world.entries)
    return other


def address(world: AbstractMap, frame: int) -> int:
    return frame << world.layout.page_shift


DATA = st.data()


@given(worlds(), DATA, st.sampled_from(RANGED))
def test_a_second_time_changes_nothing(world: AbstractMap, data: st.DataObject, kind: Kind) -> None:
    op = Op(kind, *data.draw(ranges(world.layout)))
    world.apply(op)
    before = dict(world.entries)
    again = world.apply(op)
    assert not again.changes and world.entries == before
    whole = (op.first, op.last) == (0, world.layout.top)
    flushed = (1,) if whole else (0, 1)
    assert again.results == (flushed if kind is Kind.FLUSH else (0,))


@given(worlds(), DATA, st.sampled_from(RANGED))
def test_adjacent_ranges_compose(world: AbstractMap, data: st.DataObject, kind: Kind) -> None:
    first, last = data.draw(ranges(world.layout))
    assume(first < last)
    cut = data.draw(st.integers(first, last - 1))
    whole, parts = copy(world), copy(world)
    together = whole.apply(Op(kind, first, last)).changes
    low = parts.apply(Op(kind, first, cut)).changes
    high = parts.apply(Op(kind, cut + 1, last)).changes
    assert not low.keys() & high.keys()
    assert low | high == together
    assert whole.entries == parts.entries


@given(worlds(), DATA, st.sampled_from(RANGED), st.sampled_from(RANGED))
def test_disjoint_ranges_commute(
    world: AbstractMap, data: st.DataObject, one: Kind, two: Kind
) -> None:
    first, last = data.draw(ranges(world.layout))
    assume(first < last)
    cut = data.draw(st.integers(first, last - 1))
    a, b = Op(one, first, cut), Op(two, cut + 1, last)
    forth, back = copy(world), copy(world)
    shown = forth.apply(a), forth.apply(b)
    swapped = back.apply(b), back.apply(a)
    assert shown == swapped[::-1] and forth.entries == back.entries


@given(worlds(), DATA, st.sampled_from(RANGED), st.booleans())
def test_a_fault_and_a_range_without_its_frame_commute(
    world: AbstractMap, data: st.DataObject, kind: Kind, write: bool
) -> None:
    first, last = data.draw(ranges(world.layout))
    frame = data.draw(frames(world.layout))
    assume(not first <= frame <= last)
    a = Op(Kind.FAULT, address(world, frame), pfn=7, write=write, writable=True)
    b = Op(kind, first, last)
    forth, back = copy(world), copy(world)
    shown = forth.apply(a), forth.apply(b)
    swapped = back.apply(b), back.apply(a)
    assert shown == swapped[::-1] and forth.entries == back.entries


@given(worlds(), DATA, st.sampled_from([kind for kind in PLAIN if kind is not Kind.CREATE]))
def test_what_is_shown_is_what_happens(world: AbstractMap, data: st.DataObject, kind: Kind) -> None:
    first, last = data.draw(ranges(world.layout))
    if kind in (*FAULTING, Kind.LOOKUP):
        op = Op(kind, address(world, first), pfn=7, write=True, writable=True)
    else:
        op = Op(kind, first, last, mask=5)
    before = dict(world.entries)
    shown = world.apply(op)
    settled = AbstractMap(world.layout)
    settled.entries = before
    for frame, entry in shown.changes.items():
        assert before.get(frame) != entry
    settled.settle(shown.changes)
    assert settled.entries == world.entries


@given(worlds(), DATA, st.booleans(), st.booleans())
def test_map_then_lookup_gives_the_frame_put_in(
    world: AbstractMap, data: st.DataObject, write: bool, writable: bool
) -> None:
    one = world.layout
    frame, pfn = data.draw(frames(one)), data.draw(st.integers(0, one.pfn_top))
    writable |= write
    world.entries.pop(frame, None)
    offset = data.draw(st.integers(0, (1 << one.page_shift) - 1))
    op = Op(Kind.FAULT, address(world, frame) + offset, pfn=pfn, write=write, writable=writable)
    entry = Entry(pfn, writable, True, write)
    dirty = frozenset({frame}) if write else frozenset()
    assert world.apply(op) == Expected((0,), {frame: entry}, dirty)
    looked = world.apply(Op(Kind.LOOKUP, address(world, frame)))
    assert looked == Expected((one.entry.encode(entry),), {})
    assert world.apply(op) == Expected((0,), {})


@given(worlds(), DATA, st.sampled_from([Kind.FLUSH, Kind.UNMAP, Kind.FLUSH_SLOT]))
def test_what_was_removed_is_gone(world: AbstractMap, data: st.DataObject, kind: Kind) -> None:
    frame = data.draw(frames(world.layout))
    last = {Kind.FLUSH: frame, Kind.UNMAP: frame + 1, Kind.FLUSH_SLOT: 1}[kind]
    world.apply(Op(kind, frame, last))
    assert world.apply(Op(Kind.LOOKUP, address(world, frame))).results == (0,)
    assert world.apply(Op(Kind.FAULT_FAST, address(world, frame))).results == (-EFAULT,)


@given(worlds(), DATA, st.sampled_from(FAULTING))
def test_a_write_to_a_clean_page_is_reported_again(
    world: AbstractMap, data: st.DataObject, kind: Kind
) -> None:
    frame, entry = data.draw(frames(world.layout)), data.draw(entries(world.layout))
    world.entries[frame] = entry._replace(writable=True)
    world.apply(Op(Kind.MKCLEAN, frame, frame))
    assert not world.entries[frame].dirty
    shown = world.apply(Op(kind, address(world, frame), write=True))
    assert shown.results == (0,) and shown.dirty == {frame}
    assert world.entries[frame].dirty
    assert not world.apply(Op(kind, address(world, frame), write=True)).dirty


@given(worlds(), DATA, st.sampled_from(FAULTING))
def test_an_access_makes_an_old_page_young(
    world: AbstractMap, data: st.DataObject, kind: Kind
) -> None:
    frame, entry = data.draw(frames(world.layout)), data.draw(entries(world.layout))
    world.entries[frame] = entry
    test = Op(Kind.TEST_AGE, frame, frame + 1)
    assert world.apply(Op(Kind.MKOLD, frame, frame)).results == (int(entry.young),)
    assert world.apply(test).results == (0,)
    shown = world.apply(Op(kind, address(world, frame)))
    assert shown == Expected((0,), {frame: entry._replace(young=True)})
    assert world.apply(test) == Expected((1,), {})


@given(worlds(), DATA)
def test_a_write_without_permission_is_answered_by_the_environment(
    world: AbstractMap, data: st.DataObject
) -> None:
    frame, young = data.draw(frames(world.layout)), data.draw(st.booleans())
    old = Entry(3, False, young, False)
    world.entries[frame] = old
    op = Op(Kind.FAULT, address(world, frame), pfn=9, write=True, writable=True)
    refused = copy(world).apply(op._replace(answer=Answer.READ_ONLY))
    made_young: dict[int, Entry | None] = {} if young else {frame: old._replace(young=True)}
    assert refused == Expected((-EFAULT,), made_young)
    assert copy(world).apply(op._replace(kind=Kind.FAULT_FAST)) == refused
    new = Entry(9, True, True, True)
    assert world.apply(op) == Expected((0,), {frame: new}, frozenset({frame}))


@given(worlds(), DATA, st.sampled_from(sorted(HALF_OPEN_TWIN)))
def test_half_open_means_its_end_less_one(
    world: AbstractMap, data: st.DataObject, kind: Kind
) -> None:
    first, last = data.draw(ranges(world.layout))
    twin = copy(world)
    shown = world.apply(Op(kind, first, last + 1))
    inclusive = twin.apply(Op(HALF_OPEN_TWIN[kind], first, last))
    assert shown.changes == inclusive.changes and world.entries == twin.entries
    if kind is Kind.AGE:
        assert shown.results == inclusive.results
    else:
        assert shown.results == ((1,) if shown.changes else (0, 1))


@given(worlds(), DATA, st.sampled_from(sorted(SLOT_TWIN)))
def test_a_slot_is_the_range_of_its_pages(
    world: AbstractMap, data: st.DataObject, kind: Kind
) -> None:
    first, last = data.draw(ranges(world.layout))
    twin = copy(world)
    shown = world.apply(Op(kind, first, last - first + 1))
    assert shown.changes == twin.apply(Op(SLOT_TWIN[kind], first, last)).changes
    assert shown.results is None


@given(worlds(), DATA, st.sampled_from([*RANGED, Kind.UNMAP, Kind.AGE, Kind.TEST_AGE]))
def test_an_empty_or_reversed_range_changes_nothing(
    world: AbstractMap, data: st.DataObject, kind: Kind
) -> None:
    first, last = data.draw(ranges(world.layout))
    empty = Op(kind, last + 1 if kind in RANGED else last, first)
    shown = world.apply(empty)
    assert not shown.changes and 0 in (shown.results or ())


@given(worlds(), DATA, st.integers(0, 40))
def test_the_masked_log_cleans_exactly_its_bits(
    world: AbstractMap, data: st.DataObject, offset: int
) -> None:
    frame = data.draw(frames(world.layout))
    mask = data.draw(st.integers(0, world.layout.word_mask))
    base = max(0, frame - offset)
    before = dict(world.entries)
    op = Op(Kind.LOG_DIRTY_MASKED, base, frame - base, mask=mask)
    shown = world.apply(op)
    named = {frame + bit for bit in range(64) if mask >> bit & 1}
    cleaned = {f: e._replace(dirty=False) for f, e in before.items() if f in named and e.dirty}
    assert shown == Expected(None, {**cleaned})


@given(worlds(), DATA)
def test_an_address_beyond_the_reach_is_refused(world: AbstractMap, data: st.DataObject) -> None:
    one, before = world.layout, dict(world.entries)
    gpa = data.draw(st.integers(one.frames << one.page_shift, U64))
    write = data.draw(st.booleans())
    for kind in FAULTING:
        op = Op(kind, gpa, pfn=5, write=write, writable=True)
        assert world.apply(op) == Expected((-EFAULT,), {})
    assert world.apply(Op(Kind.LOOKUP, gpa)) == Expected((0,), {})
    assert world.entries == before


@given(worlds(), DATA, st.sampled_from(RANGED))
def test_a_range_is_clipped_to_the_reach(
    world: AbstractMap, data: st.DataObject, kind: Kind
) -> None:
    one = world.layout
    first, _ = data.draw(ranges(one))
    far = data.draw(st.integers(one.frames, U64))
    twin = copy(world)
    shown, clipped = world.apply(Op(kind, first, far)), twin.apply(Op(kind, first, one.top))
    assert shown == clipped and world.entries == twin.entries
    beyond = world.apply(Op(kind, far, U64))
    assert not beyond.changes


@given(worlds(), DATA)
def test_a_flush_of_everything_answers_safe(world: AbstractMap, data: st.DataObject) -> None:
    last = data.draw(st.sampled_from([world.layout.top, world.layout.frames, U64]))
    before = set(world.entries)
    shown = world.apply(Op(Kind.FLUSH, 0, last))
    assert shown == Expected((1,), dict.fromkeys(before)) and not world.entries


@given(worlds(), st.sampled_from([Kind.FLUSH_ALL, Kind.DESTROY]))
def test_nothing_is_left_of_the_whole_map(world: AbstractMap, kind: Kind) -> None:
    before = set(world.entries)
    assert world.apply(Op(kind)) == Expected(None, dict.fromkeys(before))
    assert not world.entries


@given(worlds(), DATA, st.booleans(), st.sampled_from(Answer))
def test_a_fault_without_memory_made_at_most_its_entry_young(
    world: AbstractMap, data: st.DataObject, write: bool, answer: Answer
) -> None:
    frame = data.draw(frames(world.layout))
    before = dict(world.entries)
    gpa = address(world, frame)
    op = Op(Kind.FAULT, gpa, pfn=5, write=write, writable=True, answer=answer, oom=1)
    ordinary = copy(world).apply(op)
    assert ordinary == copy(world).apply(op._replace(oom=0))
    fast = copy(world).apply(op._replace(kind=Kind.FAULT_FAST))
    shown = world.fault_without_memory(op)
    # What needs no memory cannot fail for want of it.
    assert shown == (fast if fast.results == (0,) else fast._replace(results=(-ENOMEM,)))
    if shown.results == (-ENOMEM,):
        assert not shown.dirty
        for one, entry in shown.changes.items():
            assert one == frame and entry == before[frame]._replace(young=True)


def test_a_create_without_memory_makes_no_table() -> None:
    world = AbstractMap(layout("mips64-4k"))
    assert world.apply(Op(Kind.CREATE, oom=1)) == Expected((-ENOMEM,), {})
    # Create takes one block only, so a later failure does not touch it.
    assert world.apply(Op(Kind.CREATE, oom=2)) == Expected((0,), {})
    assert world.apply(Op(Kind.CREATE)) == Expected((0,), {})
