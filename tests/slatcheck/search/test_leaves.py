# SPDX-License-Identifier: GPL-2.0-only
"""The judge of leaves of several sizes: what it lets pass, and by which name it finds the rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model.entry import Entry
from model.layout import Layout
from model.leaf_map import LeafMap
from model.leaves import end_of
from model.operations import AGEING, CLEANING, REMOVING, Kind, Op
from model.ports import layouts, port_of
from slatcheck.search.campaign import Search
from tests.slatcheck.search.ideal import Ideal, Twist

LARGE = [one for one in layouts() if one.large]
BUDGET = 6_000
ENOUGH = 1_200
"""Leaves beyond which a twist makes no more of them."""


def found(layout: Layout, twist: Twist, budget: int = BUDGET) -> set[tuple[str, str]]:
    """Return the (rule, entry point) of everything that a search finds."""
    campaign = Search(Ideal(layout, twist), 0, "ideal", shrinking=False).run(budget)
    return {(hit.symptom.rule, hit.symptom.entry) for hit in campaign.hits.values()}


@pytest.mark.parametrize("layout", LARGE, ids=lambda one: one.name)
def test_the_map_itself_is_right(layout: Layout) -> None:
    campaign = Search(Ideal(layout), 0, "ideal").run(BUDGET)
    assert campaign.hits == {}
    assert set(campaign.compared) == Ideal(layout).capabilities.kinds


def split_all(state: LeafMap, op: Op, before: dict[int, Entry], result: int) -> int:
    """Divide every leaf of middle size into base pages: another cover of the same frames."""
    for base, entry in list(state.entries.items()):
        if entry.order == state.layout.leaf_orders[1] and len(state.entries) < ENOUGH:
            for frame in range(base, end_of(base, entry) + 1):
                state.entries[frame] = entry._replace(pfn=entry.pfn + frame - base, order=0)
    return result


def keep_the_rest(state: LeafMap, op: Op, before: dict[int, Entry], result: int) -> int:
    """Let a removal keep those base pages of a leaf that it does not name."""
    if op.kind not in REMOVING:
        return result
    for base, entry in before.items():
        if entry.order == state.layout.leaf_orders[1] and base not in state.entries:
            if len(state.entries) > ENOUGH:
                continue
            for frame in range(base, end_of(base, entry) + 1):
                if not any(low <= frame <= high for low, high in state.runs(op)):
                    state.entries[frame] = entry._replace(pfn=entry.pfn + frame - base, order=0)
    return result


@pytest.mark.parametrize("twist", [split_all, keep_the_rest])
@pytest.mark.parametrize("layout", LARGE, ids=lambda one: one.name)
def test_another_cover_of_the_same_frames_is_right(layout: Layout, twist: Twist) -> None:
    assert found(layout, twist, 800) == set()


def stale(state: LeafMap, op: Op, before: dict[int, Entry], result: int) -> int:
    """Leave a leaf of which a removal names a part only."""
    if op.kind in REMOVING:
        for base, entry in before.items():
            if entry.order and not any(
                low <= base and end_of(base, entry) <= high for low, high in state.runs(op)
            ):
                state.entries[base] = entry
    return result


def wrong_neighbour(state: LeafMap, op: Op, before: dict[int, Entry], result: int) -> int:
    """Let the first change that an operation makes show the wrong host frame."""
    if op.kind is Kind.FAULT and state.entries != before:
        base = next(f for f in state.entries if state.entries.get(f) != before.get(f))
        entry = state.entries[base]
        state.entries[base] = entry._replace(pfn=entry.pfn ^ (1 << entry.order))
    return result


def too_large(state: LeafMap, op: Op, before: dict[int, Entry], result: int) -> int:
    """Install a large leaf although the memslot logs dirty pages."""
    frame = op.first >> state.layout.page_shift
    if op.kind is Kind.FAULT and op.order and not op.skew and state.slots.logs(frame):
        entry, base = state.entries.get(frame), frame >> op.order << op.order
        if entry is not None and before.get(frame) != entry:
            for small in [f for f in state.entries if base <= f < base + (1 << op.order)]:
                del state.entries[small]
            pfn = entry.pfn - frame + base
            state.entries[base] = entry._replace(pfn=pfn, order=op.order)
    return result


def more_than_touched(state: LeafMap, op: Op, before: dict[int, Entry], result: int) -> int:
    """Take write permission, or the accessed bit, from every leaf that there is."""
    if op.kind in CLEANING | AGEING and state.entries != before:
        for base, entry in state.entries.items():
            weaker = {"young": False} if op.kind in AGEING else {"writable": False}
            state.entries[base] = entry._replace(**weaker)
    return result


def forgets_to_age(state: LeafMap, op: Op, before: dict[int, Entry], result: int) -> int:
    """Age the first leaf of a range only."""
    if op.kind in AGEING:
        for base in sorted(f for f, e in before.items() if state.entries.get(f) != e)[1:]:
            state.entries[base] = before[base]
    return result


def refuses(state: LeafMap, op: Op, before: dict[int, Entry], result: int) -> int:
    """Refuse a fault where a larger leaf is."""
    if op.kind is Kind.FAULT and op.pfn and not result:
        frame = op.first >> state.layout.page_shift
        if any(b <= frame <= end_of(b, e) and e.order > op.order for b, e in before.items()):
            state.entries = dict(before)
            return -17
    return result


PLANTED = [
    (stale, "stale-mapping", "kvm_unmap_gfn_range"),
    (wrong_neighbour, "wrong-entry", "kvm_riscv_mmu_map"),
    (too_large, "wrong-entry", "kvm_riscv_mmu_map"),
    (more_than_touched, "collateral-change", "kvm_riscv_gstage_wp_range"),
    (more_than_touched, "collateral-change", "kvm_age_gfn"),
    (forgets_to_age, "stale-mapping", "kvm_age_gfn"),
    (refuses, "wrong-result", "kvm_riscv_mmu_map"),
]


@pytest.mark.parametrize(("twist", "rule", "entry"), PLANTED)
def test_a_mistake_is_found_by_its_name(twist: Twist, rule: str, entry: str) -> None:
    named = found(LARGE[1], twist, 8_000)
    assert (rule, entry) in named
    port = port_of(LARGE[1])
    kinds = {function: kind for kind, function in port.functions.items()}
    for broken, function in named:
        assert broken in {one.name for one in port.rules(kinds[function])}, function


def grants(state: LeafMap, op: Op, before: dict[int, Entry], result: int) -> int:
    """Give write permission outside of a range from which it is taken."""
    if op.kind is Kind.MKCLEAN and state.entries != before:
        for base, entry in state.entries.items():
            if before.get(base) == entry and not entry.writable:
                state.entries[base] = entry._replace(writable=True)
    return result


def moves(state: LeafMap, op: Op, before: dict[int, Entry], result: int) -> int:
    """Let what is outside of a range that is removed map another page of the host."""
    if op.kind is Kind.UNMAP and state.entries != before:
        for base, entry in state.entries.items():
            state.entries[base] = entry._replace(pfn=entry.pfn ^ (1 << entry.order))
    return result


@pytest.mark.parametrize(
    ("twist", "entry"), [(grants, "kvm_riscv_gstage_wp_range"), (moves, "kvm_unmap_gfn_range")]
)
def test_more_than_less_outside_of_a_range_is_a_wrong_entry(twist: Twist, entry: str) -> None:
    campaign = Search(Ideal(LARGE[1], twist), 0, "ideal", shrinking=False).run(8_000)
    named = {
        (hit.symptom.rule, hit.symptom.imprecise)
        for hit in campaign.hits.values()
        if hit.symptom.entry == entry
    }
    assert named == {("wrong-entry", False)}


def test_a_map_of_one_size_is_the_case_of_one_size() -> None:
    plain = replace(LARGE[1], leaf_orders=(0,))
    assert not plain.large and LARGE[1].large
