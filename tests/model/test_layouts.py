# SPDX-License-Identifier: GPL-2.0-only
"""The layouts: names, geometries worked out by hand, and what holds of every one of them."""

from __future__ import annotations

import fnmatch
from dataclasses import asdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.layout import Geometry, Layout
from model.ports import layout, layouts, matching, permitted_layouts

EVERY = pytest.mark.parametrize("one", layouts(), ids=lambda one: one.name)

# bits, levels, shifts of page, pmd, pud and pgd, entries of pgd, pud, pmd and pte, size of a
# PTE, order of the PGD, reach, cache minimum.
BY_HAND = {
    "mips32-4k": Geometry(32, 2, 12, 22, 22, 22, 1024, 1, 1, 1024, 4, 0, 32, 1),
    "mips32-4k-huge": Geometry(32, 2, 12, 21, 21, 21, 2048, 1, 1, 512, 4, 1, 32, 1),
    "mips32-4k-p64": Geometry(32, 2, 12, 21, 21, 21, 2048, 1, 1, 512, 8, 1, 32, 1),
    "mips32-16k": Geometry(32, 2, 14, 26, 26, 26, 64, 1, 1, 4096, 4, 0, 32, 1),
    "mips32-16k-xpa": Geometry(32, 2, 14, 25, 25, 25, 128, 1, 1, 2048, 8, 0, 32, 1),
    "mips32-64k": Geometry(32, 2, 16, 30, 30, 30, 4, 1, 1, 16384, 4, 0, 32, 1),
    "mips64-4k": Geometry(64, 3, 12, 21, 30, 30, 1024, 1, 512, 512, 8, 1, 40, 2),
    "mips64-4k-va48": Geometry(64, 4, 12, 21, 30, 39, 512, 512, 512, 512, 8, 0, 48, 2),
    "mips64-8k": Geometry(64, 3, 13, 23, 33, 33, 1024, 1, 1024, 1024, 8, 0, 43, 2),
    "mips64-16k": Geometry(64, 3, 14, 25, 36, 36, 2048, 1, 2048, 2048, 8, 0, 47, 2),
    "mips64-16k-va48": Geometry(64, 3, 14, 25, 36, 36, 4096, 1, 2048, 2048, 8, 1, 48, 2),
    "mips64-32k": Geometry(64, 3, 15, 27, 39, 39, 4096, 1, 4096, 4096, 8, 0, 51, 2),
    "mips64-64k": Geometry(64, 2, 16, 29, 29, 29, 8192, 1, 1, 8192, 8, 0, 42, 1),
    "mips64-64k-va48": Geometry(64, 3, 16, 29, 42, 42, 8192, 1, 8192, 8192, 8, 0, 55, 2),
    "riscv32-sv32x4": Geometry(32, 2, 12, 22, 22, 22, 4096, 1, 1, 1024, 4, 2, 34, 2),
    "riscv64-sv39x4": Geometry(64, 3, 12, 21, 30, 30, 2048, 1, 512, 512, 8, 2, 41, 3),
    "riscv64-sv48x4": Geometry(64, 4, 12, 21, 30, 39, 2048, 512, 512, 512, 8, 2, 50, 4),
    "riscv64-sv57x4": Geometry(64, 5, 12, 21, 30, 48, 2048, 512, 512, 512, 8, 2, 59, 5),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_geometry_is_the_one_worked_out_by_hand(name: str) -> None:
    assert asdict(layout(name).geometry) == asdict(BY_HAND[name])


def test_forty_names_of_which_kconfig_permits_twenty_four() -> None:
    names = [one.name for one in layouts() if one.port == "mips"]
    assert len(names) == len(set(names)) == 40
    assert sum(one.port == "mips" for one in permitted_layouts()) == 24
    assert names[:3] == ["mips32-4k", "mips32-4k-p64", "mips32-4k-xpa"]
    assert all(one.permitted == (not one.refusal) for one in layouts())
    widths = [one.bits for one in layouts() if one.port == "mips"]
    assert widths == sorted(widths)


@pytest.mark.parametrize(
    "name", ["mips32-8k", "mips32-32k-xpa", "mips32-16k-p64", "mips32-4k-xpa", "mips64-8k-va48"]
)
def test_refused_layouts_say_why(name: str) -> None:
    assert layout(name).refusal


def test_32_bit_with_huge_pages_and_wide_physical_addresses_is_left_out() -> None:
    assert not matching("mips32-*-p64-huge") and not matching("mips32-*-xpa-huge")
    with pytest.raises(KeyError):
        layout("mips32-4k-xpa-huge")


@EVERY
def test_a_name_finds_its_layout_and_says_what_it_is(one: Layout) -> None:
    assert layout(one.name) is one
    assert matching(one.name) == [one]
    if one.port != "mips":
        return
    bits, page, *rest = one.name.split("-")
    assert bits == f"mips{one.bits}"
    assert page == f"{1 << (one.page_shift - 10)}k"
    assert rest == [part for part in ("p64", "xpa", "huge", "va48") if part in rest]


@given(st.sampled_from(["mips32*", "*-xpa", "mips64-*-va48", "*", "mips??-4k", "no*"]))
def test_a_pattern_matches_as_a_shell_does(pattern: str) -> None:
    wanted = [one for one in layouts() if fnmatch.fnmatchcase(one.name, pattern)]
    assert matching(pattern) == wanted


@EVERY
def test_folded_levels_have_the_root_s_shift_and_one_entry(one: Layout) -> None:
    geometry = one.geometry
    unfolded = {level.name: level for level in one.tables}
    assert len(unfolded) == one.levels
    shifts = {"pmd": geometry.pmd_shift, "pud": geometry.pud_shift}
    counts = {"pmd": geometry.ptrs_per_pmd, "pud": geometry.ptrs_per_pud}
    for name, shift in shifts.items():
        if name in unfolded:
            assert (shift, counts[name]) == (unfolded[name].shift, unfolded[name].entries)
        else:
            assert (shift, counts[name]) == (geometry.pgdir_shift, 1)


@EVERY
def test_the_root_covers_the_reach_and_no_other_table_does(one: Layout) -> None:
    covered = [level.span * level.entries for level in one.tables]
    assert one.root.span * one.root.entries == max(covered) == 1 << one.geometry.reach_bits
    assert covered.count(max(covered)) == 1


@EVERY
def test_tables_fill_the_reach_without_gap_or_overlap(one: Layout) -> None:
    assert one.leaf.shift == one.page_shift
    above = one.geometry.reach_bits
    for level in one.tables:
        assert level.entries & (level.entries - 1) == 0
        assert level.span * level.entries == 1 << above
        slot = one.entry.size if level is one.leaf else one.bits // 8
        assert level.entries * slot <= one.table_bytes(level)
        above = level.shift
    assert above == one.page_shift
    assert one.frames == one.top + 1 == 1 << (one.geometry.reach_bits - one.page_shift)


@EVERY
def test_the_cache_minimum_falls_short_only_with_four_levels(one: Layout) -> None:
    assert one.cache_needed == one.levels - 1
    short = one.geometry.cache_min < one.cache_needed
    four = one.port == "mips" and one.levels == 4
    assert short == four
    if four:
        assert (one.geometry.cache_min, one.cache_needed) == (2, 3)


@EVERY
@settings(max_examples=20)
@given(data=st.data())
def test_indices_of_an_address_within_reach_are_a_bijection(
    one: Layout, data: st.DataObject
) -> None:
    address = data.draw(st.integers(0, (1 << one.geometry.reach_bits) - 1))
    offset = address & ((1 << one.page_shift) - 1)
    parts = [level.index(address) for level in one.tables]
    assert compose(one, parts) + offset == address
    chosen = [data.draw(st.integers(0, level.entries - 1)) for level in one.tables]
    assert [level.index(compose(one, chosen)) for level in one.tables] == chosen


def compose(one: Layout, parts: list[int]) -> int:
    return sum(part * level.span for part, level in zip(parts, one.tables, strict=True))


@EVERY
@settings(max_examples=20)
@given(data=st.data())
def test_beyond_the_reach_an_index_repeats(one: Layout, data: st.DataObject) -> None:
    reach = 1 << one.geometry.reach_bits
    address = data.draw(st.integers(0, reach - 1))
    far = address + reach * data.draw(st.integers(1, 1 << 20))
    assert [x.index(far) for x in one.tables] == [x.index(address) for x in one.tables]


@EVERY
def test_an_unsigned_long_is_as_wide_as_the_kernel(one: Layout) -> None:
    width = one.address_bits or one.bits
    assert one.truncate(1 << width) == 0
    assert one.truncate(one.word_mask) == one.word_mask == (1 << one.bits) - 1
    assert one.pfn_top == (1 << (one.phys_bits - one.page_shift)) - 1
