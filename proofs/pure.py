# SPDX-License-Identifier: GPL-2.0-only
"""Contracts of the small pure functions of model/ and impl/, in the form that CrossHair checks.

The first statement of a contract asserts its precondition, the others what must then hold for
all integers. Lists and dictionaries are bounded, and so are loops: only then can all paths be
walked. ``example`` gives arguments that meet the precondition, so that no contract is empty.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TypeVar

from impl.multilevel.index import covers_all, gfn_of, gpa_of, slot_gfn, slot_index
from model.layout import Layout, Level
from model.ports import layouts
from model.ranges import clip, coalesce, maplets, split

Contract = TypeVar("Contract", bound=Callable[..., None])

SHAPES: tuple[Layout, ...] = tuple({each.tables: each for each in layouts()}.values())
"""One layout of each shape of tree that the headers define."""

LEVELS: tuple[Level, ...] = tuple(
    dict.fromkeys(level for layout in SHAPES for level in layout.tables)
)
WIDTHS: tuple[Layout, ...] = tuple({each.address_mask: each for each in layouts()}.values())


def example(*arguments: object) -> Callable[[Contract], Contract]:
    """Note arguments that meet the precondition of a contract, and leave it as it is."""

    def note(contract: Contract) -> Contract:
        vars(contract)["example"] = arguments
        return contract

    return note


# Index arithmetic


@example(5, 2, 4)
def slot_lies_in_the_table(gpa: int, span: int, entries: int) -> None:
    """Every address selects a slot that the table has."""
    assert gpa >= 0 and span > 0 and entries > 0
    assert 0 <= slot_index(gpa, span, entries) < entries


@example(5, 2, 4)
def slots_number_the_spans(gpa: int, span: int, entries: int) -> None:
    """The slots of a table, and of the tables behind it, number all spans in ascending order."""
    assert gpa >= 0 and span > 0 and entries > 0
    number = gpa // span
    assert number == number // entries * entries + slot_index(gpa, span, entries)


@example(0x12345)
def slots_of_all_levels_make_the_address(gpa: int) -> None:
    """On every layout the slots of a walk and the offset in the page are the address in reach."""
    assert gpa >= 0
    for layout in SHAPES:
        made = gpa % layout.leaf.span
        for level in reversed(layout.tables):
            made += slot_index(gpa, level.span, level.entries) * level.span
            assert made == gpa % (level.span * level.entries)
        assert level.span * level.entries == layout.frames * layout.leaf.span


@example(0x12345)
def level_selects_the_same_slot(address: int) -> None:
    """The masks of the model select what the divisions of the table select."""
    assert isinstance(address, int)
    for level in LEVELS:
        assert level.index(address) == slot_index(address, level.span, level.entries)


@example(5, 4096)
def frame_of_its_first_byte(gfn: int, page_size: int) -> None:
    """A frame's first address lies in that frame, and the address before it does not."""
    assert gfn >= 0 and page_size > 0
    gpa = gpa_of(gfn, page_size)
    assert gfn_of(gpa, page_size) == gfn
    assert gfn_of(gpa - 1, page_size) == gfn - 1


@example(5000, 4096)
def address_lies_in_its_frame(gpa: int, page_size: int) -> None:
    """An address is not before its frame and less than a page behind its first byte."""
    assert gpa >= 0 and page_size > 0
    assert 0 <= gpa - gpa_of(gfn_of(gpa, page_size), page_size) < page_size


@example(0, 3, 4)
def whole_table_is_first_and_last_slot(first: int, last: int, entries: int) -> None:
    """Slots are a whole table just when neither end leaves one out."""
    assert 0 <= first <= last < entries
    assert covers_all(first, last, entries) == (last - first + 1 == entries)


@example(0x12345)
def first_frame_below_a_slot(gpa: int) -> None:
    """On every layout the frames below the slot of an address begin where the slot does."""
    assert gpa >= 0
    for layout in SHAPES:
        page_size = layout.leaf.span
        for level in layout.tables:
            covered = level.span * level.entries
            base = gfn_of(gpa // covered * covered, page_size)
            slot = slot_index(gpa, level.span, level.entries)
            first = slot_gfn(base, slot, level.span, page_size)
            assert gpa_of(first, page_size) == gpa // level.span * level.span


@example(7, 3, 8192, 4096)
def slots_follow_one_another(base: int, index: int, span: int, page_size: int) -> None:
    """Each slot begins one span of frames behind the one before it, the first at the base."""
    assert span > 0 and page_size > 0 and span % page_size == 0
    here = slot_gfn(base, index, span, page_size)
    assert gpa_of(here, page_size) == gpa_of(base, page_size) + index * span


# Truncation


@example(1 << 70)
def truncation_is_the_remainder(address: int) -> None:
    """The type of an address holds the remainder by two to its width, also of what is negative."""
    assert isinstance(address, int)
    for layout in WIDTHS:
        assert layout.truncate(address) == address % (1 << (layout.address_bits or layout.bits))


@example(0xFFFF)
def truncation_spares_what_is_in_reach(gfn: int) -> None:
    """On every layout the address of a frame within reach survives truncation."""
    assert gfn >= 0
    for layout in SHAPES:
        gpa = gpa_of(gfn, layout.leaf.span)
        assert gfn > layout.top or layout.truncate(gpa) == gpa


# Ranges


@example(2, 9, 5, 4)
def clip_keeps_what_is_not_above(first: int, last: int, top: int, frame: int) -> None:
    """A frame is in the clipped range just when it is in the range and not above the top."""
    assert isinstance(frame, int)
    found = clip(first, last, top)
    inside = found is not None and found[0] <= frame <= found[1]
    assert inside == (first <= frame <= min(last, top))
    assert found is None or found[0] <= found[1]


@example(2, 1, 7, 4)
def split_cuts_at_multiples_only(block: int, offset: int, length: int, size: int) -> None:
    """Pieces follow one another, cover the range, and are cut just at the multiples of the size.

    For all sizes, and all ranges of up to three times the size.
    """
    assert block >= 0 and 0 <= offset < size and length <= 3 * size
    first = block * size + offset
    last = first + length - 1
    begin = first
    for start, end in split(first, last, size):
        assert start == begin and start <= end
        assert start // size == end // size
        assert end == last or (end + 1) % size == 0
        begin = end + 1
    assert begin == max(first, last + 1)


@example(5, 700)
def split_cuts_long_ranges(first: int, last: int) -> None:
    """The same for ranges of up to eight leaf tables of 512 entries."""
    assert first >= 0 and last - first < 8 * 512
    begin = first
    for start, end in split(first, last, 512):
        assert start == begin and start <= end
        assert start // 512 == end // 512
        assert end == last or (end + 1) % 512 == 0
        begin = end + 1
    assert begin == max(first, last + 1)


@example([4, 7, 5], 6)
def coalesce_covers_just_the_frames(frames: list[int], frame: int) -> None:
    """A frame lies in one of the ranges just when it is one of the frames, of up to three."""
    assert len(frames) <= 3
    assert any(a <= frame <= b for a, b in coalesce(frames)) == (frame in frames)


@example([4, 7, 5])
def coalesce_leaves_gaps(frames: list[int]) -> None:
    """Ranges of up to three frames ascend, and no two could be one: so they are the fewest."""
    assert len(frames) <= 3
    found = coalesce(frames)
    assert all(a <= b for a, b in found)
    assert all(one[1] + 1 < two[0] for one, two in pairwise(found))


@example({4: 7, 5: 8, 7: 7}, 1, 5)
def maplets_say_what_the_entries_say(entries: dict[int, int], unit: int, frame: int) -> None:
    """One maplet at most holds a frame, and gives it its entry; for up to three entries."""
    assert len(entries) <= 3 and unit >= 0
    said = [
        maplet.value + (frame - maplet.first) * maplet.step
        for maplet in maplets(entries, unit)
        if maplet.first <= frame <= maplet.last
    ]
    assert said == ([entries[frame]] if frame in entries else [])


@example({4: 7, 5: 8, 7: 7}, 1)
def maplets_are_the_fewest(entries: dict[int, int], unit: int) -> None:
    """Maplets of up to three entries ascend, grow as allowed, and none could go on."""
    assert len(entries) <= 3 and unit >= 0
    found = maplets(entries, unit)
    assert all(maplet.first <= maplet.last and maplet.step in (0, unit) for maplet in found)
    for one, two in pairwise(found):
        assert one.last < two.first
        last = one.value + (one.last - one.first) * one.step
        grown = two.value - last
        goes_on = grown == one.step if one.first < one.last else grown in (0, unit)
        assert one.last + 1 < two.first or not goes_on
