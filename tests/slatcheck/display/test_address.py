# SPDX-License-Identifier: GPL-2.0-only
"""Addresses taken apart: the fields cover every bit once and give the address back."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from model.layout import Layout
from model.ports import layouts
from slatcheck.display.address import BEYOND, LOST, join, split, stands_for

addresses = st.one_of(
    st.integers(0, (1 << 80) - 1),
    st.builds(lambda bit, low: (1 << bit) + low, st.integers(0, 79), st.integers(-1, 1)),
)


@given(where=st.sampled_from(layouts()), address=addresses)
def test_fields_join_to_the_address(where: Layout, address: int) -> None:
    fields = split(where, address)
    assert join(fields) == address
    assert fields[-1].low == 0
    assert all(above.low == below.high + 1 for above, below in pairwise(fields))
    assert fields[0].high >= where.bits - 1


@given(where=st.sampled_from(layouts()), address=addresses)
def test_each_level_indexes_as_the_layout_says(where: Layout, address: int) -> None:
    fields = {one.name: one for one in split(where, address)}
    for level in where.tables:
        assert fields[level.name].value == level.index(address)
        assert 1 << fields[level.name].bits == level.entries
    width = where.address_bits or where.bits
    assert (LOST in fields) == (address > where.address_mask)
    assert (BEYOND in fields) == (where.geometry.reach_bits < width)


@given(where=st.sampled_from(layouts()), address=addresses)
def test_an_address_is_astray_exactly_beyond_the_reach(where: Layout, address: int) -> None:
    fields = split(where, address)
    assert any(one.stray for one in fields) == (address >> where.page_shift > where.top)
    lands = stands_for(where, address)
    assert lands >> where.page_shift <= where.top
    names = {level.name for level in where.tables}
    kept = [one.value for one in fields if one.name in names]
    assert [one.value for one in split(where, lands) if one.name in names] == kept
