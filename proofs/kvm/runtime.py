# SPDX-License-Identifier: GPL-2.0-only
"""The symbolic runtime as C needs it: pages are written before they are linked, one by one."""

from __future__ import annotations

from dataclasses import replace

from proofs import terms
from proofs.heap import LOOSE, PAGE_BITS, SLOT_BITS, Function
from proofs.symbolic import SymbolicRuntime
from proofs.terms import Term, same


class CRuntime(SymbolicRuntime):
    """Memory and environment of one path of a C program."""

    caches_freed = False
    """Whether the vCPU's memory cache was given back."""

    def zero_page(self, table: Term, ptes: Function) -> None:
        """Let a page that was taken and is not linked hold zeros; its slots are then not empty."""
        self._loose(table)
        first, last = terms.number(0, SLOT_BITS), terms.number(-1, SLOT_BITS)
        ents = self.heap.ents.fill((table, first), last, terms.number(0, PAGE_BITS))
        self.heap = replace(self.heap, ptes=ptes, ents=ents)

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
