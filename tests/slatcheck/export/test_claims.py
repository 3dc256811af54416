# SPDX-License-Identifier: GPL-2.0-only
"""What an exported program says that frames may hold: all that is right, and what is wrong not."""

from __future__ import annotations

import random

import pytest

from model.entry import Entry
from model.leaf_map import LeafMap, map_of
from model.leaves import Leaves, holder, seen
from model.operations import KINDS, Kind, Op
from model.ports import layout
from slatcheck.export.claims import Claim, Claims, claims, in_words
from slatcheck.search.leaf_sequences import decoder_of

LAYOUTS = ("riscv32-sv32x4", "riscv64-sv39x4", "riscv64-sv57x4")
WIDE = layout("riscv64-sv39x4")
C = Op(Kind.CREATE)


def fault(gfn: int, pfn: int, order: int = 0) -> Op:
    return Op(Kind.FAULT, gfn << 12, pfn=pfn, write=True, writable=True, order=order)


def said(*ops: Op) -> Claims:
    """Return the claims about the last operation, done as the map does them all."""
    state = map_of(WIDE)
    assert isinstance(state, LeafMap)
    for op in ops:
        before = dict(state.entries)
        expected = state.apply(op)
    return claims(state, op, before, expected, 0)


def wrong(state: LeafMap, one: Claims, before: Leaves, after: Leaves) -> list[Claim]:
    """Return the claims that leaves break; frames are looked at where a leaf or claim begins."""
    orders = state.layout.level_orders

    def at(leaves: Leaves, frame: int) -> Entry | None:
        found = seen(leaves, holder(leaves, frame, orders), frame)
        return found and found._replace(order=0)

    def kept(claim: Claim, frame: int) -> bool:
        now, wanted = at(after, frame), claim.entry
        if wanted is not None:
            wanted = wanted._replace(pfn=wanted.pfn + frame - claim.first)
        return (
            (claim.gone and now is None)
            or (claim.kept and now == at(before, frame))
            or (now is not None and now == wanted)
        )

    out = []
    for claim in one.frames:
        frames = {claim.first, claim.last, *before, *after}
        if not all(kept(claim, f) for f in frames if claim.first <= f <= claim.last):
            out.append(claim)
    return out


@pytest.mark.parametrize("name", LAYOUTS)
def test_what_the_map_does_is_never_wrong(name: str) -> None:
    one, drawn = layout(name), random.Random(1)
    kinds = frozenset(kind for kind in KINDS if kind not in (Kind.CREATE, Kind.DESTROY))
    looked: set[Kind] = set()
    for _ in range(60):
        state = map_of(one)
        assert isinstance(state, LeafMap)
        for op in decoder_of(one, kinds).decode(drawn.randbytes(240)):
            if op.kind in (Kind.FAULT_FAST, Kind.MKOLD, Kind.FLUSH_ALL):
                continue
            if not state.in_contract(op):
                continue
            before = dict(state.entries)
            expected = state.apply(op)
            result = expected.results[0] if expected.results else 0
            found = claims(state, op, before, expected, result)
            assert all(claim.entry or claim.gone or claim.kept for claim in found.frames), op
            assert not wrong(state, found, before, state.entries), op
            looked |= {op.kind} if found.frames else set()
    assert looked >= {Kind.FAULT, Kind.MAP, Kind.IOREMAP, Kind.UNMAP, Kind.MKCLEAN, Kind.AGE}


def test_the_rest_of_a_leaf_may_go() -> None:
    large = fault(0x207, 0x1007, 9)
    assert said(C, large, Op(Kind.UNMAP, 0x200, 0x201)) == Claims(
        (Claim(0x200, 0x200, None, True, False), Claim(0x201, 0x3FF, None, True, True)), None
    )


def test_a_fault_maps_its_frame_and_may_map_its_neighbours() -> None:
    found = said(Op(Kind.CREATE, 0x202), fault(0x207, 0x1007, 9))
    page = Entry(0x1007, True, True, True)
    assert found.limit == (9, 0x207, 0x207)
    # No frame of the memslot below: what no claim names stays as it was.
    assert [(one.first, one.last, one.gone) for one in found.frames] == [
        (0x202, 0x206, True),
        (0x207, 0x207, False),
        (0x208, 0x3FF, True),
    ]
    assert found.frames[1].entry == page
    assert found.frames[0].entry == page._replace(pfn=0x1002)


def test_an_overtaken_fault_leaves_all_as_it_was() -> None:
    assert not said(C, fault(7, 9)._replace(retries=1)).frames


def test_devices_are_mapped_page_by_page() -> None:
    found = said(C, Op(Kind.IOREMAP, 0x200000, 0x3000, pfn=0x500, writable=True))
    entry = Entry(0x500, True, True, True, device=True)
    assert found == Claims((Claim(0x200, 0x202, entry, False, False),), (0, 0x200, 0x202))
    assert in_words(WIDE, found.frames[0]) == (
        "GPA 0x200000, 3 pages: pfn 0x500 [valid read write user accessed dirty], counting up"
    )
