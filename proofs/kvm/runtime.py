# SPDX-License-Identifier: GPL-2.0-only
"""The symbolic runtime as C needs it: pages are written before they are linked, one by one."""

from __future__ import annotations

from dataclasses import replace

from proofs import terms
from proofs.heap import LOOSE, PAGE_BITS, SLOT_BITS
from proofs.symbolic import SymbolicRuntime
from proofs.terms import Term, same


class CRuntime(SymbolicRuntime):
    """Memory and environment of one path of a C program."""

    def zero_page(self, table: Term, entries: int, slots: int) -> None:
        """Let a page that was taken and is not linked begin with zeros.

        Read as a leaf, ``entries`` are absent; read as a directory, ``slots`` hold no address.
        """
        self._loose(table)
        heap, zero = self.heap, terms.number(0, SLOT_BITS)
        last_entry, last_slot = (terms.number(count - 1, SLOT_BITS) for count in (entries, slots))
        none = terms.number(0, heap.ptes.width)
        ptes = heap.ptes.fill((table, zero), last_entry, none)
        ents = heap.ents.fill((table, zero), last_slot, terms.number(0, PAGE_BITS))
        self.heap = replace(heap, ptes=ptes, ents=ents)

    def _loose(self, table: Term) -> None:
        loose = same(self.heap.kind(table), LOOSE)
        self.demand("memory", "what is initialised is a page taken for it", loose)

    def poke_link(self, table: Term, slot: Term, child: Term) -> None:
        """Store a page in a slot of a page that was taken and is not linked."""
        self._loose(table)
        self.heap = replace(self.heap, ents=self.heap.ents.put(table, slot, child))

    def poke_entry(self, table: Term, slot: Term, raw: Term) -> None:
        """Store a raw entry in a page that was taken and is not linked."""
        self._loose(table)
        self.heap = replace(self.heap, ptes=self.heap.ptes.put(table, slot, raw))
