# SPDX-License-Identifier: GPL-2.0-only
"""The formats of leaf entries: what is put in is read back, and the hardware bits follow it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.entry import ORDER_SHIFT, SURPLUS_SHIFT, Entry
from model.layout import Layout
from model.ports import layout, layouts
from model.ports.mips.layouts import SoftwareBits, with_bits

MINE = [one for one in layouts() if one.port == "mips"]
MIPS = pytest.mark.parametrize("one", MINE, ids=lambda one: one.name)
EVERY = pytest.mark.parametrize("one", layouts(), ids=lambda one: one.name)


def entries(one: Layout) -> st.SearchStrategy[Entry]:
    """Return entries whose PFN is any that fits, or one of the boundaries of its fields."""
    ends = {0, one.pfn_top} | {1 << bit for bit in range(one.pfn_top.bit_length())}
    pfns = st.sampled_from(sorted(ends)) | st.integers(0, one.pfn_top)
    orders = st.sampled_from(one.leaf_orders)
    devices = st.booleans() if one.entry.execute else st.just(False)
    return st.builds(Entry, pfns, st.booleans(), st.booleans(), st.booleans(), orders, devices)


@EVERY
@settings(max_examples=20)
@given(data=st.data())
def test_an_entry_is_read_back_as_it_was_put_in(one: Layout, data: st.DataObject) -> None:
    entry = data.draw(entries(one))
    assert one.entry.decode(one.entry.encode(entry)) == entry


@EVERY
@settings(max_examples=20)
@given(data=st.data())
def test_hardware_bits_follow_the_flags(one: Layout, data: st.DataObject) -> None:
    entry, form = data.draw(entries(one)), one.entry
    raw = form.encode(entry)
    assert bits(raw, form.valid) == entry.young
    if form.hw_dirty:
        assert bits(raw, form.hw_dirty) == (entry.dirty and entry.writable)
    assert bits(raw, form.accessed) == entry.young
    assert bits(raw, form.modified) == entry.dirty
    assert bits(raw, form.write) == entry.writable
    assert bits(raw, form.present)
    names = dict(form.named)
    for name in ("global", "no-read", "no-exec", "huge", "special"):
        assert not raw & names.get(name, 0), name


def bits(raw: int, mask: int) -> bool:
    """Return whether a flag is set; a flag that stands in both words is set in both or none."""
    assert raw & mask in (0, mask)
    return bool(raw & mask)


@EVERY
@settings(max_examples=20)
@given(data=st.data())
def test_pfn_bits_without_a_place_stand_above_the_entry(one: Layout, data: st.DataObject) -> None:
    entry, form = data.draw(entries(one)), one.entry
    raw = form.encode(entry)
    surplus = raw >> SURPLUS_SHIFT & ((1 << (ORDER_SHIFT - SURPLUS_SHIFT)) - 1)
    assert (surplus == 0) == form.holds(entry.pfn)
    assert surplus == entry.pfn & ~form.pfn_mask
    assert raw >> ORDER_SHIFT == entry.order
    lost = form.decode(raw & ((1 << SURPLUS_SHIFT) - 1))
    assert lost is not None and lost.pfn == entry.pfn & form.pfn_mask


@EVERY
def test_fields_do_not_overlap(one: Layout) -> None:
    form, taken = one.entry, 0
    fields = [((1 << f.width) - 1) << f.target for f in form.pfn]
    for mask in (*(mask for _, mask in form.named), form.cache, *fields):
        assert not taken & mask
        taken |= mask
    assert taken < 1 << (8 * form.size)
    assert form.size == one.geometry.pte_size


@EVERY
@settings(max_examples=20)
@given(raw=st.integers(0, (1 << 64) - 1))
def test_what_is_not_present_is_no_entry(one: Layout, raw: int) -> None:
    assert one.entry.decode(raw & ~one.entry.present) is None
    assert one.entry.decode(raw | one.entry.present) is not None


def test_where_the_headers_leave_pfn_bits_without_a_place() -> None:
    # XPA above 4 KiB has a gap between its fields; the huge flag pushes a 32-bit PFN up by one.
    gaps = {one.name for one in layouts() if not one.entry.holds(one.pfn_top)}
    expected = {f"mips32-{page}k-xpa" for page in (8, 16, 32, 64)}
    expected |= {f"mips32-{page}k-huge" for page in (4, 8, 16, 32, 64)}
    assert gaps == expected


@pytest.mark.parametrize(
    ("name", "entry", "raw"),
    [
        ("mips32-4k", Entry(0xABCDE, False, False, False), 0xABCDE << 12 | 3 << 9 | 1),
        ("mips32-4k", Entry(1, True, True, True), 1 << 12 | 3 << 9 | 0x18F),
        ("mips32-4k", Entry(1, False, True, True), 1 << 12 | 3 << 9 | 0x8D),
        ("mips64-4k", Entry(1, True, True, True), 1 << 13 | 3 << 10 | 0x30F),
        # Low word: flags from bit 24 up and the upper PFN bits; high word: V, D, cache, PFN.
        (
            "mips32-4k-xpa",
            Entry(0x0F000001, True, True, True),
            (1 << 8 | 3 << 5 | 1 << 4 | 1 << 3) << 32 | 0xF << 24 | 0x0F,
        ),
        ("mips32-4k-p64", Entry(1, False, True, False), 1 << 38 | 0x1A_0000_001A | 0x240),
    ],
)
def test_raw_entries_worked_out_by_hand(name: str, entry: Entry, raw: int) -> None:
    assert layout(name).entry.encode(entry) == raw


def test_description_names_the_frame_and_the_flags() -> None:
    form = layout("mips32-4k").entry
    said = form.describe(form.encode(Entry(0x2A, True, True, False)))
    assert said == "pfn 0x2a [present write accessed valid]"
    assert form.describe(0) == "absent"
    assert form.describe(2) == "not present (0x2)"


# Trees with other bits for software

BITS = [SoftwareBits(special, protnone) for special in (True, False) for protnone in (True, False)]


@MIPS
def test_the_bits_of_the_newest_trees_are_those_of_the_layout(one: Layout) -> None:
    assert with_bits(one, SoftwareBits()) == one


@MIPS
@pytest.mark.parametrize("software", BITS, ids=str)
@settings(max_examples=10)
@given(data=st.data())
def test_an_entry_of_any_tree_is_read_back(
    one: Layout, software: SoftwareBits, data: st.DataObject
) -> None:
    tree = with_bits(one, software)
    entry = data.draw(entries(tree))
    assert tree.entry.decode(tree.entry.encode(entry)) == entry
    assert (tree.name, tree.geometry) == (one.name, one.geometry)


@pytest.mark.parametrize("name", ["mips32-4k-huge", "mips64-4k", "mips64-16k-huge"])
def test_a_bit_more_or_less_moves_the_frame_number_by_it(name: str) -> None:
    one = layout(name)
    extra = {"special", "protnone"}
    for software in BITS:
        tree = with_bits(one, software)
        names = {name for name, _ in tree.entry.named}
        gained = len(names & extra) - len({name for name, _ in one.entry.named} & extra)
        assert ("protnone" in names) == software.protnone
        assert tree.entry.pfn[0].target == one.entry.pfn[0].target + gained
        assert tree.entry.pfn[0].width == one.entry.pfn[0].width - gained
