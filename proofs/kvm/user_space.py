# SPDX-License-Identifier: GPL-2.0-only
"""Addresses of user space, as notifiers of older kernels are given them.

What a notifier may do with one is little: compare it with the slot's, take the slot's from it and
shift the distance to a number of pages. So an address is kept as what it means, and the frames
that come of it are the range's own, with no arithmetic for a solver to undo.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from proofs.c import types
from proofs.c.types import INT
from proofs.c.values import Int, OpaqueNumber, Value, int_of

_ORDERED = {"<": -1, "<=": 0, ">": 1, ">=": 0, "==": 0, "!=": 0}


@dataclass(frozen=True)
class Slot:
    """A slot that is the range: its frames [``first``, ``last``), at least one; pages' shift.

    ``bits`` is the width of an address. ``single`` says that it is one page, as for a notifier
    that is told one address.
    """

    first: Int
    last: Int
    page_shift: int
    bits: int
    single: bool = False


@dataclass(frozen=True)
class UserValue(OpaqueNumber):
    """A value of user space: the slot's memory at some address, a distance, or a number of pages.

    It is as many times the whole slot as ``slots`` says, and ``more`` bytes (of a number of
    pages: pages) beyond; of an address, from the beginning of the slot's memory on.
    """

    slot: Slot
    kind: Literal["address", "bytes", "pages"]
    slots: int
    more: int = 0

    def binary(self, op: str, other: Value, reverse: bool) -> Value | None:
        """Return the result of an operation that means something here, None for any other."""
        if op == "cast":
            # The end of user space may be negative as a signed number, and a narrower one loses it.
            kept = isinstance(other, types.Integer) and not other.signed
            return self if kept and other.width >= self.slot.bits else None
        if isinstance(other, UserValue):
            return None if reverse else self._with(op, other)
        if not isinstance(other, Int):
            return None
        if op == "+" and self.kind == "pages" and other.term is self.slot.first.term:
            return self._frame(other)
        if other.term.op != "number":
            return None
        number = int(other.term.data)
        if op in ("+", "-") and self.kind != "pages" and (op == "+" or not reverse):
            return self._moved(number if op == "+" else -number)
        return None if reverse else self._shifted(op, number)

    def _moved(self, number: int) -> UserValue | None:
        # The shift of a page is far above any number that is added: nothing wraps.
        return _value(self.slot, self.kind, self.slots, self.more + number)

    def _shifted(self, op: str, number: int) -> UserValue | None:
        if number != self.slot.page_shift:
            return None
        if op == ">>" and self.kind == "bytes":
            return _value(self.slot, "pages", self.slots, self.more >> number)
        if op == "<<" and self.kind == "pages" and not self.more:
            return UserValue(self.slot, "bytes", self.slots)
        return None

    def _frame(self, base: Int) -> Int | None:
        """Return the slot's first frame and these pages beyond."""
        if self.more or self.slots > 1:
            return None
        return Int((self.slot.last if self.slots else self.slot.first).term, base.type)

    def _with(self, op: str, other: UserValue) -> Value | None:
        if other.slot is not self.slot:
            return None
        if op == "+" and (self.kind, other.kind) == ("address", "bytes"):
            slots = self.slots + other.slots
            return _value(self.slot, "address", slots, self.more + other.more)
        if op == "-" and self.kind == other.kind == "address":
            slots, more = self.slots - other.slots, self.more - other.more
            return _value(self.slot, "bytes", slots, more)
        if op in _ORDERED and self.kind == other.kind:
            return self._compared(op, other)
        return None

    def _compared(self, op: str, other: UserValue) -> Int | None:
        """Compare two of a kind: a slot has at least one page, so a whole one is more than none."""
        if self.slots != other.slots and (self.more or other.more) and not self.slot.single:
            return None
        one, two = (self.slots, self.more), (other.slots, other.more)
        order = (one > two) - (one < two)
        if op in ("==", "!="):
            return int_of((order == 0) == (op == "=="), INT)
        wanted = _ORDERED[op]
        equal = op in ("<=", ">=") and order == 0
        return int_of(equal or order == (wanted or (-1 if op == "<=" else 1)), INT)


def _value(
    slot: Slot, kind: Literal["address", "bytes", "pages"], slots: int, more: int
) -> UserValue | None:
    """Return a value that is not negative and at most a few pages beyond whole slots, or None."""
    if slot.single:
        slots, more = divmod((slots << _shift(slot, kind)) + more, 1 << _shift(slot, kind))
    within = slots >= 0 and 0 <= more < 2 << _shift(slot, kind)
    return UserValue(slot, kind, slots, more) if within else None


def _shift(slot: Slot, kind: Literal["address", "bytes", "pages"]) -> int:
    """Return the shift of a page in units of a value."""
    return 0 if kind == "pages" else slot.page_shift


def address(slot: Slot, slots: int) -> UserValue:
    """Return where the slot's memory begins (0), or ends (1)."""
    return UserValue(slot, "address", slots)


def pages(slot: Slot) -> UserValue:
    """Return how many pages the slot has."""
    return UserValue(slot, "pages", 1)
