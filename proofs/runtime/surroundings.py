# SPDX-License-Identifier: GPL-2.0-only
"""What surrounds the table in a proof: locks, invalidations, pages looked up, reports.

What a primitive does to ghosts is trusted and small; that it may be called is a goal.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from impl.multilevel.interface import Page
from model.layout import Layout
from proofs import terms
from proofs.heap import Heap
from proofs.lifting import (
    Flag,
    Handle,
    Name,
    Number,
    SymBool,
    as_bits,
    as_plain,
    lift_truth,
    lifted,
    truth_of,
    unsigned,
)
from proofs.paths import Path, PathEnd
from proofs.specs import State
from proofs.terms import Term, Truth, at_most, either, implies, less, negate, same

SEQ_BITS = 32
"""Bits of ``mmu_invalidate_seq``, an ``unsigned long``: it is only compared and never wraps."""
NOT_YET = terms.number(0, SEQ_BITS)


@dataclass
class Surroundings:
    """Locks, references, reports and invalidations, as ghosts.

    A lemma says how they are to begin with. ``private`` says that nobody else has the table, so
    that it needs no lock; ``array`` that the memory cache has its array; ``refused`` that a page
    was looked up and there was none; ``starved`` that an allocation failed; ``flushed`` that what
    is derived from the table was flushed; ``caches_freed`` that a vCPU gave back its memory cache.
    ``stale`` says that the page which was looked up last has been invalidated since: the
    invalidation is then still under way, or the sequence number has grown since the lookup.
    """

    private: bool = False
    locked: bool = False
    readers: int = 0
    destructors: int = 0
    array: bool = False
    refused: bool = False
    starved: bool = False
    flushed: bool = False
    caches_freed: bool = False
    references: list[Term] = field(default_factory=list)
    reported: list[tuple[Truth, Number]] = field(default_factory=list)
    seq: Term = NOT_YET
    under_way: Truth = False
    stale: Truth = False
    seen: Term = NOT_YET
    page: Page | None = None
    asked: tuple[Number, Flag] | None = None


class Surrounded:
    """One path of a program: its heap, its surroundings, and the primitives that act on these."""

    def __init__(self, path: Path, layout: Layout, heap: Heap) -> None:
        self.path = path
        self.layout = layout
        self.shape = heap.shape
        self.state = State(heap)
        self.around = Surroundings()

    @property
    def heap(self) -> Heap:
        """The present heap."""
        return self.state.heap

    @heap.setter
    def heap(self, heap: Heap) -> None:
        self.state.heap = heap

    def demand(self, clause: str, statement: str, goal: Truth, fatal: bool = False) -> None:
        """Demand that ``goal`` holds; where it cannot and is ``fatal``, the path ends."""
        term = terms.truth(goal)
        self.path.prove(clause, statement, term)
        if fatal and term is terms.FALSE:
            self.path.stopped = True
            raise PathEnd

    def others_act(self) -> None:
        """Let invalidations begin and end while ``mmu_lock`` is not held."""
        path, around = self.path, self.around
        seq = path.fresh("seq", SEQ_BITS)
        stale = path.fresh("stale", terms.BOOL)
        under_way = path.fresh("under_way", terms.BOOL)
        path.assume(
            at_most(around.seq, seq),
            implies(around.stale, stale),
            implies(stale, either(under_way, less(around.seen, seq))),
        )
        around.seq, around.stale, around.under_way = seq, stale, under_way

    def spin_lock(self) -> None:
        """Take ``mmu_lock``."""
        self.demand("lock", "mmu_lock is not taken twice", not self.around.locked)
        self.others_act()
        self.around.locked = True

    def spin_unlock(self) -> None:
        """Release ``mmu_lock``."""
        self.demand("accounting", "mmu_lock is held when it is released", self.around.locked)
        self.around.locked = False

    def srcu_read_lock(self) -> None:
        """Enter a read-side critical section of the memory slots."""
        self.around.readers += 1

    def srcu_read_unlock(self) -> None:
        """Leave a read-side critical section of the memory slots."""
        self.demand("accounting", "srcu is held when it is released", self.around.readers > 0)
        self.around.readers -= 1

    def mmu_invalidate_seq(self) -> Number:
        """Return the number of invalidations so far."""
        if not self.around.locked:
            self.others_act()
        return unsigned(self.around.seq)

    def mmu_invalidate_retry(self, seq: Number) -> Flag:
        """Return whether an invalidation is under way or was completed since ``seq``."""
        around = self.around
        self.demand(
            "invalidation", "invalidations are looked for with mmu_lock held", around.locked
        )
        moved = negate(same(around.seq, as_bits(seq, SEQ_BITS)))
        return lift_truth(either(around.under_way, moved))

    def gfn_to_pfn_prot(self, gfn: Number, write: Flag) -> Page:
        """Return the page of a guest frame, with a reference unless it is an error."""
        path, around = self.path, self.around
        self.demand("lock", "the page is looked up without mmu_lock", not around.locked)
        self.demand("lock", "the page is looked up within srcu", around.readers > 0)
        self.others_act()
        around.seen, around.stale = around.seq, False
        around.asked = (gfn, write)
        if path.choose(2):
            around.refused = True
            return Page(0, writable=False, error=True)
        pfn = path.fresh("pfn", self.shape.entry.pfn_bits)
        path.show("pfn", pfn)
        around.references.append(pfn)
        writable = SymBool(path.fresh("writable", terms.BOOL))
        around.page = Page(as_plain(Name(pfn)), as_plain(writable), error=False)
        return around.page

    def release_pfn(self, pfn: Number | Handle) -> None:
        """Release a reference to a page."""
        held = self.around.references
        name = as_bits(pfn, self.shape.entry.pfn_bits)
        self.demand("accounting", "a reference is held when it is released", name in held)
        if name in held:
            held.remove(name)

    def mark_page_dirty(self, gfn: Number) -> None:
        """Report a guest frame to the dirty log."""
        held = self.around.locked or self.around.private
        self.demand("lock", "a dirty frame is reported with mmu_lock held", held)
        self.around.reported.append((True, lifted(gfn)))

    def warn_on(self, condition: Flag) -> None:
        """Warn if ``condition`` holds."""
        self.demand("warning", "the warning never fires", negate(truth_of(condition)))

    def held(self) -> tuple[object, ...]:
        """Return what is taken: locks, references, reports and destructors run."""
        around = self.around
        taken = (tuple(around.references), tuple(around.reported), around.destructors)
        return (around.locked, around.readers, *taken)
