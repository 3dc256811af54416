# SPDX-License-Identifier: GPL-2.0-only
"""The symbolic runtime: every primitive states what it needs and changes the symbolic heap.

Implements ``impl.multilevel.interface.Runtime``. What a primitive does to memory and ghosts is
trusted and small; that it may be called is a goal. Contracts and loops are ``proofs.specs``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from impl.multilevel import pte
from impl.multilevel.interface import Frame, Page, Slot
from impl.multilevel.quirks import Quirk
from model.layout import Layout
from model.operations import Op
from proofs import terms
from proofs.contracts import Call, is_shared
from proofs.heap import (
    CACHE_SLOTS,
    CACHED,
    ENTRY,
    FREE,
    KIND_BITS,
    LIVE,
    LOOSE,
    ORDER_BITS,
    PAGE_BITS,
    PFN_BITS,
    RAW_BITS,
    SLOT_BITS,
    Heap,
    empty_marker,
    page,
)
from proofs.lifting import (
    Name,
    SymBool,
    as_bits,
    as_plain,
    exact,
    lift_truth,
    lifted,
    summary,
    truth_of,
    unsigned,
)
from proofs.paths import Path, PathEnd, Unsupported
from proofs.specs import (
    Specification,
    State,
    assume_effect,
    demand_invariant,
    loop_bound,
    prove_effect,
    slot_number,
)
from proofs.terms import Term, Truth, at_most, both, choose, either, implies, less, negate, same

SEQ_BITS = 32
"""Bits of ``mmu_invalidate_seq``, an ``unsigned long``: it is only compared and never wraps."""
NOT_YET = terms.number(0, SEQ_BITS)


@dataclass
class Surroundings:
    """Locks, references, reports and invalidations, as ghosts.

    ``array`` says that the memory cache has its array, ``refused`` that a page was looked up and
    there was none, ``starved`` that an allocation failed. ``stale`` says that the page which was
    looked up last has been invalidated since: the invalidation is then still under way, or the
    sequence number has grown since the lookup.
    """

    locked: bool = False
    readers: int = 0
    destructors: int = 0
    array: bool = False
    refused: bool = False
    starved: bool = False
    references: list[Term] = field(default_factory=list)
    reported: list[Any] = field(default_factory=list)
    seq: Term = NOT_YET
    under_way: Truth = False
    stale: Truth = False
    seen: Term = NOT_YET
    page: Page | None = None
    asked: tuple[Any, Any] | None = None


class SymbolicRuntime:
    """Memory and environment of one path; ``private`` means that nobody else has the table."""

    def __init__(
        self,
        path: Path,
        layout: Layout,
        heap: Heap,
        quirks: frozenset[Quirk] = frozenset(),
        loops: Mapping[str, Specification] | None = None,
    ) -> None:
        self.path = path
        self.layout = layout
        self.shape = heap.shape
        self.state = State(heap)
        self.quirks = quirks
        self.consulted: set[Quirk] = set()
        self.loops = loops or {}
        self.bits_rule: Any = None
        self.operation: tuple[Op, Truth] | None = None
        self.around = Surroundings()
        self.private = False

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

    # Values

    def has(self, quirk: Quirk) -> bool:
        """Return whether ``quirk`` is switched on."""
        self.consulted.add(quirk)
        return quirk in self.quirks

    def ulong(self, value: Any) -> Any:
        """Return ``value`` as an ``unsigned long`` holds it."""
        if isinstance(value, int):
            return value & self.layout.word_mask
        width = self.layout.bits
        return exact(
            value.sized(width),
            0,
            min(value.hi, self.layout.word_mask) if value.lo >= 0 else self.layout.word_mask,
        )

    def ffs(self, mask: Any) -> Any:
        """Return the number of the lowest bit that is set."""
        return self._set_bit(mask, lowest=True)

    def fls(self, mask: Any) -> Any:
        """Return the number of the highest bit that is set."""
        return self._set_bit(mask, lowest=False)

    def _set_bit(self, mask: Any, lowest: bool) -> Any:
        value = lifted(mask).sized(64)
        found = self.path.fresh("bit", 6)
        number = terms.bits(found, 64)
        one = terms.number(1, 64)
        at = terms.shift_right(value, number)
        rest = (
            terms.bit_and(value, terms.subtract(terms.shift_left(one, number), one))
            if lowest
            else terms.shift_right(at, one)
        )
        self.path.assume(same(terms.extract(at, 0, 0), 1), same(rest, 0))
        return unsigned(found)

    # Tables

    def loop(self, frame: Frame) -> Iterator[Any]:
        """Carry out a loop over slots by its invariant: one arbitrary turn, or what follows."""
        spec = self.loops.get(frame.loop)
        if spec is None:
            raise Unsupported(f"no invariant is known for the loop of {frame.loop}")
        path, state, old = self.path, self.state, self.heap
        call = self.call(frame.level, frame.table, frame.start, frame.end)
        first, last = (slot_number(as_bits(one, SLOT_BITS)) for one in (frame.first, frame.last))
        demand_invariant(path, state)
        state.witness = path.fresh("W", self.shape.frame_bits)
        prove_effect(path, spec, old, state, call, truth_of(frame.result), first)
        path.settle()
        result = path.fresh("result", terms.BOOL)
        frame.result = as_plain(lift_truth(result))
        if path.choose(2):
            assume_effect(path, spec, old, state, call, result, loop_bound(first, last))
            path.check(f"after the loop of {frame.loop}")
            return
        index = path.fresh("i", SLOT_BITS)
        path.assume(at_most(first, index), at_most(index, last))
        assume_effect(path, spec, old, state, call, result, index)
        here = self.shape.frame_at(frame.level, call.region, index)
        path.point("frame", terms.bits(here, self.shape.frame_bits))
        path.check(f"in the loop of {frame.loop}")
        earlier = state.witness
        state.witness = here
        held = self.held()
        yield exact(index, 0, self.layout.tables[frame.level].entries - 1)
        path.prove("accounting", "a turn takes and gives back alike", held == self.held())
        after = truth_of(frame.result)
        state.witness = spec.explained(result, after, here, state.witness, earlier)
        following = terms.add(index, terms.number(1, SLOT_BITS))
        prove_effect(path, spec, old, state, call, after, following)
        raise PathEnd

    def held(self) -> tuple[object, ...]:
        """Return what is taken: locks, references, reports and destructors run."""
        around = self.around
        taken = (tuple(around.references), tuple(around.reported), around.destructors)
        return (around.locked, around.readers, *taken)

    def call(self, level: int, table: Any, start: Any, end: Any) -> Call:
        """Return what a call for a table, from ``start`` to ``end`` (bytes), means in frames."""
        shape = self.shape
        name = as_bits(table, PAGE_BITS)
        region = terms.low_bits(self.heap.base(name), shape.region_bits(level)) if level else 0
        live = negate(is_shared(level, name))
        low, high = (
            shape.offset(level, shape.frame_of(as_bits(one, self.layout.bits)))
            for one in (start, end)
        )
        return Call(level, name, region, low, high, live)

    def attempts(self) -> Iterator[None]:
        """Carry out a loop that only its body leaves: one arbitrary turn."""
        heap, held = self.heap, self.held()
        self.path.settle()
        self._others_act()
        self.path.check("in a loop of attempts")
        yield
        self.path.prove("accounting", "an attempt leaves nothing taken", held == self.held())
        self.path.prove("exact", "an attempt leaves the table alone", heap is self.heap)
        raise PathEnd

    def set_bits(self, mask: Any) -> Iterator[Any]:
        """Carry out a loop over the bits of a mask by its invariant."""
        if self.bits_rule is None:
            raise Unsupported("no invariant is known for a loop over bits")
        yield from self.bits_rule(self, lifted(mask).sized(64))

    def _access(self, level: int, table: Term, index: Any, writes: bool) -> Term:
        """Demand that a slot may be accessed; return its number.

        What the kernel's shared empty tables hold may be read, but not written.
        """
        held = self.around.locked or self.private
        self.demand("lock", "a table is accessed with mmu_lock held", held)
        entries = self.layout.tables[level].entries
        slot = lifted(index)
        inside = both(truth_of(slot >= 0), truth_of(slot < entries))
        self.demand("memory", "an access is within the table", inside)
        live = same(self.heap.kind(table), LIVE + level)
        allowed = live if writes else either(live, is_shared(level, table))
        self.demand("memory", f"an access is to a live table of level {level}", allowed)
        return as_bits(exact(slot.sized(SLOT_BITS), 0, entries - 1), SLOT_BITS)

    def load(self, level: int, table: Any, index: Any) -> Any:
        """Return what a directory's slot holds."""
        name = as_bits(table, PAGE_BITS)
        link = self.heap.ent(name, self._access(level, name, index, writes=False))
        return Name(choose(is_shared(level, name), page(empty_marker(level)), link))

    def store(self, level: int, table: Any, index: Any, child: Any) -> None:
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
        self.demand("init", "a table is empty when it is linked", self.is_empty(level + 1, child))
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

    def is_empty(self, level: int, table: Term) -> Truth:
        """Return whether an arbitrary slot of a table, linked or not, is empty."""
        slot = self.path.fresh("J", SLOT_BITS)
        within = less(slot, self.layout.tables[level].entries)
        if level == self.shape.levels - 1:
            return implies(within, same(self.heap.pte(table, slot), 0))
        return implies(within, same(self.heap.ent(table, slot), empty_marker(level)))

    def fill(self, level: int, table: Any, first: Any, last: Any, value: Any) -> None:
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

    def none(self, level: int, child: Any) -> Any:
        """Return whether a directory's slot that holds ``child`` is empty."""
        return lift_truth(same(as_bits(child, PAGE_BITS), empty_marker(level)))

    # Entries

    def _entry(self, ptep: Slot | None, writes: bool) -> tuple[Term, Term]:
        self.demand("memory", "a pointer to an entry is not NULL", ptep is not None, fatal=True)
        assert ptep is not None
        table = as_bits(ptep.table, PAGE_BITS)
        return table, self._access(self.shape.levels - 1, table, ptep.number, writes)

    def pte_load(self, ptep: Slot | None) -> Any:
        """Return the raw entry."""
        table, slot = self._entry(ptep, writes=False)
        raw = self.heap.pte(table, slot)
        shared = is_shared(self.shape.levels - 1, table)
        return Name(choose(shared, terms.number(0, raw.width), raw))

    def pte_store(self, ptep: Slot | None, raw: Any) -> None:
        """Store a raw entry."""
        table, slot = self._entry(ptep, writes=True)
        value = as_bits(raw, self.shape.entry.raw_bits)
        self.heap = replace(self.heap, ptes=self.heap.ptes.write(table, slot, value=value))

    def _flag(self, raw: Any, mask: int) -> Any:
        return unsigned(as_bits(raw, RAW_BITS)) & mask != 0

    def pte_present(self, raw: Any) -> Any:
        """Return whether the entry maps a page."""
        return self._flag(raw, ENTRY.present)

    def pte_young(self, raw: Any) -> Any:
        """Return whether the entry was accessed."""
        return self._flag(raw, ENTRY.accessed)

    def pte_dirty(self, raw: Any) -> Any:
        """Return whether the entry was written through."""
        return self._flag(raw, ENTRY.modified)

    def pte_write(self, raw: Any) -> Any:
        """Return whether the entry may be written through."""
        return self._flag(raw, ENTRY.write)

    def pte_mkyoung(self, raw: Any) -> Any:
        """Return the entry, accessed."""
        value = as_plain(unsigned(as_bits(raw, RAW_BITS)))
        return pure_raw(lambda: pte.mkyoung(ENTRY, value))

    def pte_mkold(self, raw: Any) -> Any:
        """Return the entry, not accessed."""
        value = as_plain(unsigned(as_bits(raw, RAW_BITS)))
        return pure_raw(lambda: pte.mkold(ENTRY, value))

    def pte_mkdirty(self, raw: Any) -> Any:
        """Return the entry, modified."""
        value = as_plain(unsigned(as_bits(raw, RAW_BITS)))
        return pure_raw(lambda: pte.mkdirty(ENTRY, value))

    def pte_mkclean(self, raw: Any) -> Any:
        """Return the entry, not modified."""
        value = as_plain(unsigned(as_bits(raw, RAW_BITS)))
        return pure_raw(lambda: pte.mkclean(ENTRY, value))

    def pfn_pte(self, pfn: Any, writable: Any, dirty: Any) -> Any:
        """Return a young entry for the page that was looked up and is still the frame's."""
        around = self.around
        self.demand("invalidation", "an entry is made with mmu_lock held", around.locked)
        self.demand("invalidation", "the page was not invalidated since", negate(around.stale))
        number = as_plain(unsigned(as_bits(pfn, PFN_BITS)))
        return pure_raw(lambda: pte.make(ENTRY, number, writable, dirty))

    # Pages

    def pgd(self) -> Any:
        """Return the root."""
        return Name(self.heap.root)

    def alloc_pages(self, order: int) -> Any:
        """Return the name of a block of 2**order pages, or 0."""
        if self.path.choose(2):
            self.around.starved = True
            return 0
        name = self.path.fresh("page", PAGE_BITS)
        self.path.point("page", name)
        self.path.assume(same(self.heap.kind(name), FREE), negate(same(name, 0)))
        orders = self.heap.orders.write(name, value=terms.number(order, ORDER_BITS))
        self.heap = replace(self.heap.with_kind(name, LOOSE), orders=orders)
        return Name(name)

    def free_pages(self, table: Any, order: int) -> None:
        """Give back a block of 2**order pages that nothing links, or the root."""
        name = as_bits(table, PAGE_BITS)
        if name is self.heap.root:
            self.demand("memory", "a page freed is taken", same(self.heap.kind(name), LIVE))
            self.demand("leak", "no table is left when the root is freed", self._bare())
        else:
            self.demand(
                "memory", "a page freed is taken and not linked", same(self.heap.kind(name), LOOSE)
            )
        given = same(self.heap.order(name), order)
        self.demand("leak", "a page is freed with the order it was taken with", given)
        self.heap = self.heap.with_kind(name, FREE)

    def _bare(self) -> Truth:
        page = self.path.fresh("P", PAGE_BITS)
        self.path.point("page", page)
        heap = self.heap
        for level in range(1, self.shape.levels):
            self.path.point("frame", as_frame(heap, level, page))
        return at_most(heap.kind(page), LIVE)

    def destructor(self, level: int, table: Any) -> None:
        """Run the page-table destructor; no constructor ever runs."""
        self.around.destructors += 1

    def cache_open(self) -> bool:
        """Return whether the memory cache has its array of pages, taking it if need be."""
        if not self.around.array and self.path.choose(2):
            self.around.starved = True
            return False
        self.around.array = True
        return True

    def cache_close(self) -> None:
        """Give back the array of the memory cache."""
        empty = same(self.heap.depth, 0)
        self.demand("leak", "the memory cache is empty when it is given back", empty)
        self.around.array = False

    def cache_count(self) -> Any:
        """Return the number of pages in the memory cache."""
        return (
            exact(self.heap.depth, 0, CACHE_SLOTS)
            if self.heap.depth.op != "number"
            else self.heap.depth.data
        )

    def cache_push(self, page: Any) -> None:
        """Put a page into the memory cache."""
        heap, name = self.heap, as_bits(page, PAGE_BITS)
        self.demand("memory", "what is cached is a page taken for it", same(heap.kind(name), LOOSE))
        self.demand("memory", "what is cached is a single page", same(heap.order(name), 0))
        self.demand("memory", "the memory cache has room", less(heap.depth, CACHE_SLOTS))
        self.demand("memory", "the memory cache has its array", self.around.array)
        stack = tuple(choose(same(heap.depth, n), name, one) for n, one in enumerate(heap.stack))
        depth = terms.add(heap.depth, terms.number(1, 3))
        self.heap = replace(heap.with_kind(name, CACHED), stack=stack, depth=depth)

    def cache_pop(self) -> Any:
        """Take a page out of the memory cache."""
        heap = self.heap
        left = negate(same(heap.depth, 0))
        self.demand("memory", "the memory cache is not exhausted", left)
        name = heap.stack[0]
        for number in range(1, CACHE_SLOTS):
            name = choose(same(heap.depth, number + 1), heap.stack[number], name)
        depth = terms.subtract(heap.depth, terms.number(1, 3))
        self.heap = replace(heap.with_kind(name, LOOSE), depth=depth)
        self.path.point("page", name)
        return Name(name)

    def cache_alloc(self) -> Any:
        """Take a page for a table out of the memory cache."""
        return self.cache_pop()

    # Environment

    def _others_act(self) -> None:
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
        self._others_act()
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

    def mmu_invalidate_seq(self) -> Any:
        """Return the number of invalidations so far."""
        if not self.around.locked:
            self._others_act()
        return unsigned(self.around.seq)

    def mmu_invalidate_retry(self, seq: Any) -> Any:
        """Return whether an invalidation is under way or was completed since ``seq``."""
        around = self.around
        self.demand(
            "invalidation", "invalidations are looked for with mmu_lock held", around.locked
        )
        moved = negate(same(around.seq, as_bits(seq, SEQ_BITS)))
        return lift_truth(either(around.under_way, moved))

    def gfn_to_pfn_prot(self, gfn: Any, write: Any) -> Page:
        """Return the page of a guest frame, with a reference unless it is an error."""
        path, around = self.path, self.around
        self.demand("lock", "the page is looked up without mmu_lock", not around.locked)
        self.demand("lock", "the page is looked up within srcu", around.readers > 0)
        self._others_act()
        around.seen, around.stale = around.seq, False
        around.asked = (gfn, write)
        if path.choose(2):
            around.refused = True
            return Page(0, False, True)
        pfn = path.fresh("pfn", self.shape.entry.pfn_bits)
        path.show("pfn", pfn)
        around.references.append(pfn)
        around.page = Page(Name(pfn), SymBool(path.fresh("writable", terms.BOOL)), False)  # type: ignore[arg-type]
        return around.page

    def release_pfn(self, pfn: Any) -> None:
        """Release a reference to a page."""
        held = self.around.references
        name = as_bits(pfn, self.shape.entry.pfn_bits)
        self.demand("accounting", "a reference is held when it is released", name in held)
        if name in held:
            held.remove(name)

    def mark_page_dirty(self, gfn: Any) -> None:
        """Report a guest frame to the dirty log."""
        held = self.around.locked or self.private
        self.demand("lock", "a dirty frame is reported with mmu_lock held", held)
        self.around.reported.append((True, lifted(gfn)))

    def warn_on(self, condition: Any) -> None:
        """Warn if ``condition`` holds."""
        self.demand("warning", "the warning never fires", negate(truth_of(condition)))


def pure_raw(program: Any) -> Name:
    """Return a raw entry that a pure function computes, its forks merged."""
    (raw,) = summary(lambda: [as_bits(program(), RAW_BITS)])
    return Name(terms.bits(raw, RAW_BITS))


def as_frame(heap: Heap, level: int, page: Term) -> Term:
    """Return the first frame of the region that ``page`` covers as a table of ``level``."""
    within = terms.low_bits(heap.base(page), heap.shape.region_bits(level))
    return terms.bits(heap.shape.first_frame(level, within), heap.shape.frame_bits)
