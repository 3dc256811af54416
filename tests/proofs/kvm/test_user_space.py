# SPDX-License-Identifier: GPL-2.0-only
"""Addresses of user space in the proof: what is known of them is what numbers would give."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs import terms
from proofs.c.types import Integer
from proofs.c.values import Int
from proofs.evaluation import evaluate
from proofs.kvm.user_space import Slot, UserValue, address, pages

U64, U32, S64, S32 = Integer(8, False), Integer(4, False), Integer(8, True), Integer(4, True)
COMPARED: dict[str, Callable[[int, int], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
COMPUTED: dict[str, Callable[[int, int], int]] = {
    "+": operator.add, "-": operator.sub, "<<": operator.lshift, ">>": operator.rshift,
}  # fmt: skip


@dataclass(frozen=True)
class Guest:
    """A slot in numbers: its first frame, how many pages, and its address in user space."""

    first: int
    pages: int
    base: int
    shift: int

    def slot(self, single: bool = False) -> Slot:
        first, last = (terms.variable(name, 64) for name in ("first", "last"))
        return Slot(Int(first, U64), Int(last, U64), self.shift, 64, single)

    def value(self, of: Any) -> int:
        """Return the number that a value stands for."""
        if isinstance(of, UserValue):
            scale = self.pages if of.kind == "pages" else self.pages << self.shift
            return of.slots * scale + of.more + (self.base if of.kind == "address" else 0)
        assert isinstance(of, Int)
        model = {"first": lambda: self.first, "last": lambda: self.first + self.pages}
        return evaluate(of.term, model)


@st.composite
def guests(draw: st.DrawFn, single: bool = False) -> Guest:
    shift = draw(st.sampled_from((12, 14, 16)))
    size = 1 if single else draw(st.one_of(st.integers(1, 4), st.integers(1, 1 << 20)))
    base = draw(st.integers(1, 1 << 20)) << shift
    return Guest(draw(st.integers(0, 1 << 30)), size, base, shift)


def number(of: int) -> Int:
    return Int(terms.number(of % (1 << 64), 64), U64)


def done(one: UserValue, op: str, other: Any) -> UserValue:
    """Return the result of an operation that is known and gives such a value again."""
    found = one.binary(op, other, False)
    assert isinstance(found, UserValue)
    return found


def numbers(shift: int) -> st.SearchStrategy[int]:
    """Return what notifiers add, subtract and shift by."""
    page = 1 << shift
    usual = st.sampled_from((0, 1, 2, shift, page - 1, page, page + 1, 2 * page - 1, 2 * page))
    return st.one_of(usual, st.integers(0, 3 * page))


@st.composite
def values(draw: st.DrawFn, slot: Slot, kind: str | None = None) -> UserValue:
    """Return an address, a distance or a number of pages that operations can give."""
    chosen = kind or draw(st.sampled_from(("address", "bytes", "pages")))
    start = address(slot, draw(st.integers(0, 1)))
    if chosen == "pages":
        return pages(slot) if draw(st.booleans()) else _shifted(draw, slot)
    moved = start.binary("+", number(draw(numbers(slot.page_shift))), False)
    found = moved if isinstance(moved, UserValue) else start
    if chosen == "bytes":
        return done(found, "-", address(slot, 0))
    return found


def _shifted(draw: st.DrawFn, slot: Slot) -> UserValue:
    return done(draw(values(slot, "bytes")), ">>", number(slot.page_shift))


# --- every operation against numbers ---------------------------------------------------------


@pytest.mark.parametrize("single", [False, True], ids=["any slot", "one page"])
@given(st.data())
def test_an_operation_of_two_values_gives_what_numbers_give(
    single: bool, data: st.DataObject
) -> None:
    guest = data.draw(guests(single))
    slot = guest.slot(single)
    one, two = data.draw(values(slot)), data.draw(values(slot))
    for op in (*COMPARED, *COMPUTED):
        found = one.binary(op, two, False)
        if found is None:
            continue
        compute: Callable[[int, int], int] = COMPARED.get(op) or COMPUTED[op]
        assert guest.value(found) == compute(guest.value(one), guest.value(two)), op
    assert one.binary("-", two, True) is None


@pytest.mark.parametrize("single", [False, True], ids=["any slot", "one page"])
@given(st.data())
def test_an_operation_with_a_number_gives_what_numbers_give(
    single: bool, data: st.DataObject
) -> None:
    guest = data.draw(guests(single))
    slot = guest.slot(single)
    one, by = data.draw(values(slot)), data.draw(numbers(guest.shift))
    for op, compute in COMPUTED.items():
        for reverse in (False, True):
            found = one.binary(op, number(by), reverse)
            if found is not None:
                pair = (by, guest.value(one)) if reverse else (guest.value(one), by)
                assert guest.value(found) == compute(*pair), (op, reverse)


@pytest.mark.parametrize("single", [False, True], ids=["any slot", "one page"])
@given(st.data())
def test_pages_from_the_first_frame_on_are_frames(single: bool, data: st.DataObject) -> None:
    guest = data.draw(guests(single))
    slot = guest.slot(single)
    for kind in ("address", "bytes", "pages"):
        one = data.draw(values(slot, kind))
        for reverse in (False, True):
            found = one.binary("+", slot.first, reverse)
            if found is not None:
                assert kind == "pages"
                assert guest.value(found) == guest.first + guest.value(one)


@given(st.data())
def test_what_is_compared_with_itself_is_equal(data: st.DataObject) -> None:
    guest = data.draw(guests())
    one = data.draw(values(guest.slot()))
    for op, compare in COMPARED.items():
        found = one.binary(op, one, False)
        assert found is not None
        assert guest.value(found) == compare(0, 0)


# --- what a notifier does --------------------------------------------------------------------

GUEST = Guest(0x40, 3, 0x7000_0000, 12)
ONE = Guest(0x40, 1, 0x7000_0000, 12)


def frames(slot: Slot, start: UserValue, end: UserValue) -> tuple[Any, Any]:
    """Return the frames that a notifier finds: it rounds the end up to whole pages."""
    up = done(end, "+", number((1 << slot.page_shift) - 1))
    found = []
    for at in (start, up):
        many = done(done(at, "-", address(slot, 0)), ">>", number(slot.page_shift))
        found.append(many.binary("+", slot.first, False))
    return found[0], found[1]


def test_the_whole_slot_is_the_range() -> None:
    slot = GUEST.slot()
    first, last = frames(slot, address(slot, 0), address(slot, 1))
    assert (GUEST.value(first), GUEST.value(last)) == (0x40, 0x43)
    assert first.term is slot.first.term
    assert last.term is slot.last.term


def test_the_end_of_the_slot_is_its_beginning_and_its_pages() -> None:
    slot = GUEST.slot()
    size = pages(slot).binary("<<", number(12), False)
    assert address(slot, 0).binary("+", size, False) == address(slot, 1)


def test_one_page_from_one_address_is_a_slot_of_one_page() -> None:
    slot = ONE.slot(single=True)
    end = done(address(slot, 0), "+", number(1 << 12))
    assert end == address(slot, 1)
    assert end.binary("<", address(slot, 1), False) == address(slot, 0).binary(">", end, False)
    first, last = frames(slot, address(slot, 0), end)
    assert (ONE.value(first), ONE.value(last)) == (0x40, 0x41)


def test_of_another_slot_a_page_says_nothing_of_the_end() -> None:
    slot = GUEST.slot()
    end = done(address(slot, 0), "+", number(1 << 12))
    assert end.binary("<", address(slot, 1), False) is None


def test_an_empty_range_has_no_frames() -> None:
    slot = GUEST.slot()
    found = address(slot, 0).binary("<", address(slot, 0), False)
    assert GUEST.value(found) == 0


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("to", [U64, U32, S64, S32, Integer(1, False, True), Integer(2, False)])
def test_only_what_loses_nothing_is_converted(bits: int, to: Integer) -> None:
    slot = replace(GUEST.slot(), bits=bits)
    kept = not to.signed and to.width >= bits
    for one in (address(slot, 1), pages(slot)):
        assert one.binary("cast", to, False) == (one if kept else None)


@pytest.mark.parametrize("op", ["*", "/", "%", "&", "|", "^", "&&"])
def test_what_means_nothing_is_refused(op: str) -> None:
    slot = GUEST.slot()
    one = address(slot, 0)
    for other in (number(1 << 12), address(slot, 1), slot.first):
        assert one.binary(op, other, False) is None
        assert one.binary(op, other, True) is None


def test_what_is_not_known_is_refused() -> None:
    slot, other = GUEST.slot(), GUEST.slot()
    open_number = Int(terms.variable("n", 64), U64)
    assert address(slot, 0).binary("+", open_number, False) is None
    assert pages(slot).binary("+", open_number, False) is None, "another slot's first frame"
    assert address(slot, 1).binary("-", address(other, 0), False) is None, "of another slot"
    assert address(slot, 0).binary("-", number(1), False) is None, "before the slot"
    assert address(slot, 0).binary("<", number(5), False) is None
    assert pages(slot).binary("<", address(slot, 0), False) is None
    assert pages(slot).binary(">>", number(12), False) is None
    assert address(slot, 0).binary("+", None, False) is None


@pytest.mark.parametrize("kind", ["address", "bytes"])
def test_more_than_one_slot_is_no_frame(kind: Literal["address", "bytes"]) -> None:
    slot = GUEST.slot()
    size = UserValue(slot, "bytes", 1)
    twice = done(UserValue(slot, "address", 1), "+", size)
    away = done(twice, "-", address(slot, 0))
    found = twice if kind == "address" else away
    assert GUEST.value(found) == GUEST.value(UserValue(slot, kind, 2))
    assert done(away, ">>", number(12)).binary("+", slot.first, False) is None
