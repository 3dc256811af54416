# SPDX-License-Identifier: GPL-2.0-only
"""The filter: which operations of a batch the judge must look at. It gives no verdicts."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Mapping

from model.layout import Layout
from model.operations import Kind
from slatcheck.fuzz.coverage import Watch
from slatcheck.fuzz.library import KINDS, KnownEvents, Memory, library
from slatcheck.fuzz.operands import NAMES
from slatcheck.fuzz.parameters import numbers
from slatcheck.fuzz.wire import OpBuffer, Rings


class Filter:
    """Compares what a runner recorded with the abstract map, in C.

    It suspects every operation at which the judge would find a symptom. What it suspects without
    need costs time only: whatever follows an operation out of contract, if it has events;
    operations that were not carried out; entries that no 64 bits hold; where leaves have several
    sizes, a create that shows entries, and an error of an operation that has no result. The map is
    kept from a create to the destroy, across calls. Not safe to share between threads.

    Raises NotCoveredError for a layout that it cannot follow.
    """

    def __init__(self, layout: Layout, pages: bool = True, made: ctypes.CDLL | None = None) -> None:
        self.layout = layout
        self._c = made or library()
        self._memory = Memory(self._c, "filter")
        given = numbers(layout, pages)
        self._c.slat_filter_setup(self._memory.address, ctypes.addressof(given))

    def first(self, ops: OpBuffer, rings: Rings, begin: int, end: int) -> int:
        """Return the first operation of [``begin``, ``end``) that is suspected, else ``end``.

        ``rings`` count operations as ``ops`` does. What an operation recorded begins where the
        records of the one before it end, or, for operation 0, with the ring. After one that is
        suspected everything is, up to the next create. Raises IndexError for operations that are
        not there.
        """
        if not 0 <= begin <= end <= ops.room:
            raise IndexError(f"operations {begin}..{end} of {ops.room}")
        memory, at = self._memory.address, ctypes.addressof(rings)
        found: int = self._c.slat_filter_check(memory, ops.address, at, begin, end)
        return found

    def suspects(self, ops: OpBuffer, rings: Rings, count: int) -> dict[int, str]:
        """Return the first suspected operation of each sequence among the first ``count``.

        With its trigger, where leaves have several sizes; '' where it has none, or they have not.
        """
        found = {}
        at = self.first(ops, rings, 0, count)
        while at < count:
            class_ = self._c.slat_filter_class(self._memory.address)
            found[at] = NAMES[class_] if class_ < len(NAMES) else ""
            at = self._c.slat_filter_next(ops.address, at + 1, count)
            at = self.first(ops, rings, at, count)
        return found

    def tolerate(self, events: Iterable[tuple[Kind, int, int]]) -> None:
        """Let, from now on, these events pass: (kind of operation, code, subject) of slat.h.

        They must be events that end nothing, of findings that are known.
        """
        known = KnownEvents()
        for kind, code, subject in events:
            known.subjects[kind][code] |= 1 << subject
        self._c.slat_filter_tolerate(self._memory.address, ctypes.addressof(known))

    def watch(self, states: Watch) -> None:
        """Note, from now on, which steps of the table were taken by operations that pass."""
        self._states = states  # its memory is used from now on
        self._c.slat_filter_watch(self._memory.address, states.address)

    def shapes(self, ops: OpBuffer, count: int) -> tuple[list[str], list[bool]]:
        """Return the trigger of each of the first operations, and whether it is in contract.

        Each is looked at in the map that the ones before it leave if they do what they must; the
        first meets the map as it is. Where leaves have several sizes, one that is out of contract
        is passed over, and its trigger is 'any'. Behind the last the filter expects a create.
        """
        if not 0 <= count <= ops.room:
            raise IndexError(f"{count} operations of {ops.room}")
        triggers, contract = (ctypes.c_uint32 * count)(), (ctypes.c_uint32 * count)()
        at = ctypes.addressof(triggers), ctypes.addressof(contract)
        self._c.slat_filter_triggers(self._memory.address, ops.address, count, *at)
        return [NAMES[number] for number in triggers], [bool(number) for number in contract]

    @property
    def checked(self) -> dict[Kind, int]:
        """How many operations passed so far, by kind."""
        counts = self._c.slat_filter_checked(self._memory.address)
        return {kind: counts[kind] for kind in KINDS}

    def count_from(self, checked: Mapping[Kind, int]) -> None:
        """Count on from what ``checked`` said then: what passed since is done again."""
        counts = self._c.slat_filter_checked(self._memory.address)
        for kind, passed in checked.items():
            counts[kind] = passed
