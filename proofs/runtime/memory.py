# SPDX-License-Identifier: GPL-2.0-only
"""Memory of the table in a proof: slots of tables, leaf entries.

What a primitive does to memory and ghosts is trusted and small; that it may be called is a goal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from impl.multilevel import pte
from impl.multilevel.interface import Slot
from proofs import terms
from proofs.contracts import is_shared
from proofs.heap import (
    ENTRY,
    KIND_BITS,
    LIVE,
    LOOSE,
    PAGE_BITS,
    PFN_BITS,
    RAW_BITS,
    SLOT_BITS,
    empty_marker,
    page,
)
from proofs.lifting import (
    Flag,
    Handle,
    Name,
    Number,
    as_bits,
    as_plain,
    exact,
    lift_truth,
    lifted,
    summary,
    truth_of,
    unsigned,
)
from proofs.runtime.surroundings import Surrounded
from proofs.terms import Term, Truth, both, choose, either, implies, less, negate, same


class Tables(Surrounded):
    """One path of a program: the slots of tables and the entries in them."""

    def _access(self, level: int, table: Term, index: Number, writes: bool) -> Term:
        """Demand that a slot may be accessed; return its number.

        What the kernel's shared empty tables hold may be read, but not written.
        """
        held = self.around.locked or self.around.private
        self.demand("lock", "a table is accessed with mmu_lock held", held)
        entries = self.layout.tables[level].entries
        slot = lifted(index)
        inside = both(truth_of(slot >= 0), truth_of(slot < entries))
        self.demand("memory", "an access is within the table", inside)
        live = same(self.heap.kind(table), LIVE + level)
        allowed = live if writes else either(live, is_shared(level, table))
        shared = " (the shared empty one may be read, not written)" if writes and level else ""
        self.demand("memory", f"an access is to a live table of level {level}{shared}", allowed)
        return as_bits(exact(slot.sized(SLOT_BITS), 0, entries - 1), SLOT_BITS)

    def load(self, level: int, table: Handle, index: Number) -> Name:
        """Return what a directory's slot holds."""
        name = as_bits(table, PAGE_BITS)
        link = self.heap.ent(name, self._access(level, name, index, writes=False))
        return Name(choose(is_shared(level, name), page(empty_marker(level)), link))

    def store(self, level: int, table: Handle, index: Number, child: Handle) -> None:
        """Let a directory's slot point to a table that is new and empty, or make it empty."""
        name = as_bits(table, PAGE_BITS)
        slot = self._access(level, name, index, writes=True)
        self._unlink(level, self.heap.ent(name, slot))
        link = as_bits(child, PAGE_BITS)
        if link.op == "number":
            own = link.data == empty_marker(level)
            self.demand("init", "a slot is emptied with the marker of its level", own)
        else:
            self._link(level, name, slot, link)
        self.heap = replace(self.heap, ents=self.heap.ents.write(name, slot, value=link))

    def _unlink(self, level: int, old: Term) -> None:
        kinds = self.heap.kinds
        kind = choose(
            same(old, empty_marker(level)), kinds.read(old), terms.number(LOOSE, KIND_BITS)
        )
        self.heap = replace(self.heap, kinds=kinds.write(old, value=kind))

    def _link(self, level: int, table: Term, slot: Term, child: Term) -> None:
        self.demand(
            "memory", "what is linked is a page taken for it", same(self.heap.kind(child), LOOSE)
        )
        self.demand("init", "a table is empty when it is linked", self.is_ready(level + 1, child))
        heap, shape = self.heap, self.shape
        base = terms.low_bits(heap.base(table), shape.region_bits(level)) if level else 0
        frame = shape.frame_at(level, base, slot)
        region = terms.bits(shape.region(level + 1, frame), shape.region_bits(level + 1))
        ats = list(heap.ats)
        ats[level] = ats[level].write(region, value=child)
        width = heap.bases.width
        self.heap = replace(
            heap.with_kind(child, LIVE + level + 1),
            bases=heap.bases.write(child, value=terms.bits(region, width)),
            ats=tuple(ats),
        )

    def is_ready(self, level: int, table: Term) -> Truth:
        """Return whether an arbitrary slot of a table is such that the table may be linked."""
        return self.is_empty(level, table)

    def is_empty(self, level: int, table: Term) -> Truth:
        """Return whether an arbitrary slot of a table, linked or not, is empty."""
        slot = self.path.fresh("J", SLOT_BITS)
        within = less(slot, self.layout.tables[level].entries)
        if level == self.shape.levels - 1:
            return implies(within, same(self.heap.pte(table, slot), 0))
        return implies(within, same(self.heap.ent(table, slot), empty_marker(level)))

    def fill(self, level: int, table: Handle, first: Number, last: Number, value: Handle) -> None:
        """Store ``value`` in the slots ``first..last`` (inclusive) of a table not yet linked."""
        name = as_bits(table, PAGE_BITS)
        entries = self.layout.tables[level].entries
        inside = both(truth_of(first >= 0), truth_of(lifted(last) < entries))
        self.demand("memory", "what is initialised is within the table", inside, fatal=True)
        self.demand(
            "memory",
            "what is initialised is a page taken for it",
            same(self.heap.kind(name), LOOSE),
        )
        at = (name, as_bits(first, SLOT_BITS))
        end = as_bits(last, SLOT_BITS)
        if level == self.shape.levels - 1:
            filled = self.heap.ptes.fill(at, end, as_bits(value, self.shape.entry.raw_bits))
            self.heap = replace(self.heap, ptes=filled)
        else:
            filled = self.heap.ents.fill(at, end, as_bits(value, PAGE_BITS))
            self.heap = replace(self.heap, ents=filled)

    def empty(self, level: int) -> int:
        """Return the name of the shared empty table of the level below ``level``."""
        return empty_marker(level)

    def none(self, level: int, child: Handle) -> Flag:
        """Return whether a directory's slot that holds ``child`` is empty."""
        return lift_truth(same(as_bits(child, PAGE_BITS), empty_marker(level)))

    # Entries

    def _entry(self, ptep: Slot | None, writes: bool) -> tuple[Term, Term]:
        self.demand("memory", "a pointer to an entry is not NULL", ptep is not None, fatal=True)
        assert ptep is not None
        table = as_bits(ptep.table, PAGE_BITS)
        return table, self._access(self.shape.levels - 1, table, ptep.number, writes)

    def pte_load(self, ptep: Slot | None) -> Name:
        """Return the raw entry."""
        table, slot = self._entry(ptep, writes=False)
        raw = self.heap.pte(table, slot)
        shared = is_shared(self.shape.levels - 1, table)
        return Name(choose(shared, terms.number(0, raw.width), raw))

    def pte_store(self, ptep: Slot | None, raw: Handle) -> None:
        """Store a raw entry."""
        table, slot = self._entry(ptep, writes=True)
        value = as_bits(raw, self.shape.entry.raw_bits)
        self.heap = replace(self.heap, ptes=self.heap.ptes.write(table, slot, value=value))

    def _flag(self, raw: Handle, mask: int) -> Flag:
        return unsigned(as_bits(raw, RAW_BITS)) & mask != 0

    def pte_present(self, raw: Handle) -> Flag:
        """Return whether the entry maps a page."""
        return self._flag(raw, ENTRY.present)

    def pte_young(self, raw: Handle) -> Flag:
        """Return whether the entry was accessed."""
        return self._flag(raw, ENTRY.accessed)

    def pte_dirty(self, raw: Handle) -> Flag:
        """Return whether the entry was written through."""
        return self._flag(raw, ENTRY.modified)

    def pte_write(self, raw: Handle) -> Flag:
        """Return whether the entry may be written through."""
        return self._flag(raw, ENTRY.write)

    def pte_mkyoung(self, raw: Handle) -> Name:
        """Return the entry, accessed."""
        value = as_plain(unsigned(as_bits(raw, RAW_BITS)))
        return pure_raw(lambda: pte.mkyoung(ENTRY, value))

    def pte_mkold(self, raw: Handle) -> Name:
        """Return the entry, not accessed."""
        value = as_plain(unsigned(as_bits(raw, RAW_BITS)))
        return pure_raw(lambda: pte.mkold(ENTRY, value))

    def pte_mkdirty(self, raw: Handle) -> Name:
        """Return the entry, modified."""
        value = as_plain(unsigned(as_bits(raw, RAW_BITS)))
        return pure_raw(lambda: pte.mkdirty(ENTRY, value))

    def pte_mkclean(self, raw: Handle) -> Name:
        """Return the entry, not modified."""
        value = as_plain(unsigned(as_bits(raw, RAW_BITS)))
        return pure_raw(lambda: pte.mkclean(ENTRY, value))

    def pfn_pte(self, pfn: Handle, writable: Flag, dirty: Flag) -> Name:
        """Return a young entry for the page that was looked up and is still the frame's."""
        around = self.around
        self.demand("invalidation", "an entry is made with mmu_lock held", around.locked)
        self.demand("invalidation", "the page was not invalidated since", negate(around.stale))
        number = as_plain(unsigned(as_bits(pfn, PFN_BITS)))
        return pure_raw(lambda: pte.make(ENTRY, number, as_plain(writable), as_plain(dirty)))


def pure_raw(program: Callable[[], int]) -> Name:
    """Return a raw entry that a pure function computes, its forks merged."""
    (raw,) = summary(lambda: [as_bits(program(), RAW_BITS)])
    return Name(terms.bits(raw, RAW_BITS))
