# SPDX-License-Identifier: GPL-2.0-only
"""What the array and the page table cost, on the example of the change that started it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impl.memory_cost import block_order, linear_cost, slots_touched, table_cost
from model.ports import layout
from tests.mips import layouts

MIB = 1 << 20
BOOT_VECTOR = 0x1FC00000


def test_boot_vector_costs_a_128_kib_array() -> None:
    mips = layout("mips32-16k")
    cost = linear_cost(mips, [(0, 16 * MIB - 1), (BOOT_VECTOR, BOOT_VECTOR + 0x3FFF)])
    assert cost.entries == (BOOT_VECTOR >> 14) + 1 == 32513
    assert cost.requested == 130052
    assert (cost.order, cost.allocated) == (3, 128 << 10)


def test_boot_vector_costs_few_tables() -> None:
    mips = layout("mips32-16k")
    cost = table_cost(mips, [(0, 16 * MIB - 1), (BOOT_VECTOR, BOOT_VECTOR + 0x3FFF)])
    assert [(level.name, level.tables) for level in cost.levels] == [("pgd", 1), ("pte", 2)]
    assert cost.allocated == 3 * (16 << 10)


def test_ranges_beyond_the_reach_are_refused() -> None:
    with pytest.raises(ValueError, match="beyond the reach"):
        table_cost(layout("mips32-4k"), [(0, 1 << 32)])


def test_full_table_has_every_slot() -> None:
    for one in layouts():
        cost = table_cost(one, [(0, (1 << one.geometry.reach_bits) - 1)])
        slots = 1
        for table, level in zip(cost.levels, one.tables, strict=True):
            assert table.tables == slots
            slots *= level.entries


@given(st.integers(0, 1 << 40), st.integers(12, 16))
def test_block_is_the_smallest_that_holds(size: int, page_shift: int) -> None:
    order = block_order(size, page_shift)
    assert size <= 1 << (page_shift + order)
    assert order == 0 or size > 1 << (page_shift + order - 1)


BYTES = st.tuples(st.integers(0, 999), st.integers(0, 999)).map(lambda p: (min(p), max(p)))


@given(st.lists(BYTES, max_size=5), st.integers(1, 99))
def test_slots_are_counted_once(ram: list[tuple[int, int]], span: int) -> None:
    touched = {byte // span for first, last in ram for byte in range(first, last + 1)}
    assert slots_touched(ram, span) == len(touched)
