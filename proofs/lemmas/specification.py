# SPDX-License-Identifier: GPL-2.0-only
"""Theorems of the abstract map itself, before anything refines it, unbounded.

A map is any function from 64-bit frames to entries; an operation acts on it frame by frame
(``model.pointwise``), so each theorem is about one arbitrary frame.
"""

from __future__ import annotations

from collections.abc import Callable

from impl.linear import KVM_INVALID_PAGE, map_word
from model import pointwise
from model.entry import Entry
from model.layout import Layout
from model.operations import EFAULT, U64, Kind, Op
from model.ports import permitted_layouts
from proofs import abstraction, terms
from proofs.heap import PFN_BITS, RAW_BITS
from proofs.lifting import SymBool, as_bits, as_plain, lifted, summary, truth_of, unsigned
from proofs.paths import Path
from proofs.raw import OWN
from proofs.terms import Term, Truth, agree, both, either, implies, negate, same

RANGES = (Kind.FLUSH, Kind.MKCLEAN, Kind.MKOLD, Kind.UNMAP, Kind.AGE, Kind.FLUSH_SLOT)


class Point:
    """One arbitrary frame of an arbitrary map, for addresses of ``bits`` bits."""

    def __init__(self, path: Path, bits: int, shift: int) -> None:
        self.path = path
        self.bits = bits
        self.shift = shift
        self.frame = path.fresh("frame", 64)
        self.raw = path.fresh("entry", RAW_BITS)
        path.show("frame", self.frame)
        path.assume(OWN.well_formed(self.raw))
        path.check("before")

    def any(self, name: str, width: int = 64) -> int:
        """Return any number of ``width`` bits."""
        term = self.path.fresh(name, width)
        self.path.show(name, term)
        return as_plain(unsigned(term))

    def flag(self, name: str) -> SymBool:
        """Return any truth value."""
        return SymBool(self.path.fresh(name, terms.BOOL))

    def range(self, kind: Kind, name: str = "") -> Op:
        """Return an operation of ``kind`` with any operands."""
        if kind is Kind.LOG_DIRTY_MASKED:
            mask = self.any(f"{name}mask", self.bits)
            return Op(kind, self.any(f"{name}base"), self.any(f"{name}offset"), mask)
        return Op(kind, self.any(f"{name}first"), self.any(f"{name}last"))

    def access(self, kind: Kind, name: str = "") -> Op:
        """Return a fault of any address, answered with any page."""
        pfn = unsigned(self.path.fresh(f"{name}pfn", PFN_BITS))
        address = self.any(f"{name}gpa", self.bits)
        write, writable = self.flag(f"{name}write"), self.flag(f"{name}writable")
        flags = as_plain(write), as_plain(writable)
        return Op(kind, address, pfn=as_plain(pfn), write=flags[0], writable=flags[1])

    def after(self, op: Op, raw: Term) -> Term:
        """Return what ``op`` leaves at the frame."""
        return abstraction.after(op, self.frame, raw, self.shift)

    def covers(self, op: Op) -> Truth:
        """Return whether ``op`` acts on the frame."""
        return abstraction.covers(op, self.frame, self.shift)

    def prove(self, statement: str, goal: Truth) -> None:
        """Demand that ``goal`` holds."""
        self.path.prove("map", statement, goal)


Theorem = Callable[[Point], None]


def flushed(at: Point) -> None:
    """A flushed range is absent and everything else untouched."""
    for kind in (Kind.FLUSH, Kind.UNMAP, Kind.FLUSH_SLOT):
        op = at.range(kind)
        left = at.after(op, at.raw)
        at.prove("what is covered vanishes", implies(at.covers(op), same(left, 0)))
        at.prove("what is not covered stays", either(at.covers(op), same(left, at.raw)))


def idempotent(at: Point) -> None:
    """Every range operation done twice is the same as done once."""
    for kind in (*RANGES, Kind.LOG_DIRTY_MASKED, Kind.COMMIT_REGION):
        op = at.range(kind)
        once = at.after(op, at.raw)
        at.prove(f"{kind.name.lower()} is idempotent", same(at.after(op, once), once))


def adjacent(at: Point) -> None:
    """Adjacent ranges compose, for flush, mkclean and mkold."""
    first, middle, last = at.any("first"), at.any("middle"), at.any("last")
    at.path.assume(truth_of(first <= middle), truth_of(middle < last))
    for kind in (Kind.FLUSH, Kind.MKCLEAN, Kind.MKOLD):
        lower, upper = Op(kind, first, middle), Op(kind, middle + 1, last)
        twice = at.after(upper, at.after(lower, at.raw))
        at.prove("two halves make the whole", same(twice, at.after(Op(kind, first, last), at.raw)))


def disjoint(at: Point) -> None:
    """Operations that no frame is common to commute."""
    kinds = (Kind.FLUSH, Kind.MKCLEAN, Kind.AGE, Kind.LOG_DIRTY_MASKED, Kind.FAULT)
    made = [
        at.access(kind, f"{kind.name}.") if kind is Kind.FAULT else at.range(kind, f"{kind.name}.")
        for kind in kinds
    ]
    for one in made:
        for other in made:
            apart = negate(both(at.covers(one), at.covers(other)))
            orders = same(
                at.after(one, at.after(other, at.raw)), at.after(other, at.after(one, at.raw))
            )
            at.prove("disjoint operations commute", implies(apart, orders))


def whole(at: Point) -> None:
    """The flush of the whole range is the empty map, and no other flush is."""
    everything = Op(Kind.FLUSH, 0, U64)
    at.prove("the whole range leaves nothing", same(at.after(everything, at.raw), 0))
    at.prove("so does flush_all", same(at.after(Op(Kind.FLUSH_ALL), at.raw), 0))
    at.prove("destroy leaves nothing", same(at.after(Op(Kind.DESTROY), at.raw), 0))
    op = at.range(Kind.FLUSH)
    part = truth_of((lifted(op.first) != 0) | (lifted(op.last) != U64))
    outside = terms.choose(
        same(as_bits(op.first, 64), 0), terms.number(U64, 64), terms.number(0, 64)
    )
    kept = negate(abstraction.covers(op, outside, at.shift))
    at.prove("any other range leaves a frame, the first or the last, alone", implies(part, kept))


def fault_then_lookup(at: Point) -> None:
    """After a fault that succeeds, the frame is mapped, young, and dirty after a write."""
    op = at.access(Kind.FAULT)
    good, left, dirtied = abstraction.fault(at.raw, op)
    write = truth_of(op.write)
    flags = [same(terms.extract(left, bit, bit), 1) for bit in range(4)]
    at.prove("a fault that is answered succeeds", good)
    at.prove("it maps the frame, young", both(flags[0], flags[2]))
    writable = truth_of(op.writable)
    at.prove(
        "a write that may be written leaves it dirty", implies(both(write, writable), flags[3])
    )
    absent = same(at.raw, 0)
    pfn = same(terms.extract(left, RAW_BITS - 1, 4), as_bits(op.pfn, PFN_BITS))
    at.prove(
        "an absent frame gets the page of the answer",
        implies(absent, both(pfn, agree(flags[1], writable))),
    )
    was_dirty = same(terms.extract(at.raw, 3, 3), 1)
    at.prove(
        "whatever becomes dirty is reported",
        implies(both(flags[3], either(absent, negate(was_dirty))), dirtied),
    )


def clean_then_write(at: Point) -> None:
    """A clean entry that may be written becomes dirty, and is reported, on the next write."""
    op = Op(Kind.MKCLEAN, 0, U64)
    cleaned = at.after(op, at.raw)
    good, left, dirtied = abstraction.fast(cleaned, True)
    writable = same(terms.extract(at.raw, 1, 1), 1)
    dirty = same(terms.extract(left, 3, 3), 1)
    mapped = OWN.present(at.raw)
    at.prove("the write is reported", implies(both(mapped, writable), both(good, dirty, dirtied)))
    at.prove(
        "a write to what may not be written is refused",
        implies(both(mapped, negate(writable)), negate(good)),
    )


def old_then_access(at: Point) -> None:
    """An old entry becomes young on the next access, and nothing else changes."""
    aged = at.after(Op(Kind.MKOLD, 0, U64), at.raw)
    good, left, dirtied = abstraction.fast(aged, False)
    young = terms.bit_or(at.raw, terms.number(4, RAW_BITS))
    at.prove("it is young again", implies(OWN.present(at.raw), both(good, same(left, young))))
    at.prove("a read reports nothing", negate(dirtied))


def half_open(at: Point) -> None:
    """Half-open and inclusive ranges agree where both are defined; where not, neither acts."""
    start, end = at.any("start"), at.any("end")
    empty = truth_of(start >= end)
    pairs = ((Kind.UNMAP, Kind.FLUSH), (Kind.AGE, Kind.MKOLD))
    for notifier, inclusive in pairs:
        one = at.after(Op(notifier, start, end), at.raw)
        other = at.after(Op(inclusive, start, end - 1), at.raw)
        at.prove("[start, end) is start..end - 1", either(empty, same(one, other)))
        at.prove("an empty range changes nothing", implies(empty, same(one, at.raw)))
        last = abstraction.covers(Op(notifier, start, end), terms.number(U64, 64), at.shift)
        at.prove("no half-open range of 64-bit frames has the last frame", negate(last))
    slot = at.after(Op(Kind.FLUSH_SLOT, start, end), at.raw)
    pages = at.after(Op(Kind.UNMAP, start, start + end), at.raw)
    at.prove("a slot is the half-open range of its pages", same(slot, pages))


def masked(at: Point) -> None:
    """The masked dirty log cleans the frame of each bit that is set, and no other."""
    op = at.range(Kind.LOG_DIRTY_MASKED)
    bit = terms.variable("bit", 6)
    at.path.show("bit", bit)
    base = lifted(op.first) + op.last
    at.path.assume(truth_of(base + unsigned(bit) <= U64))
    frame = lifted(base + unsigned(bit)).sized(64)
    chosen = terms.shift_right(lifted(op.mask).sized(64), terms.bits(bit, 64))
    is_set = same(terms.extract(chosen, 0, 0), 1)
    covered = abstraction.covers(op, frame, at.shift)
    at.prove("the frame of a bit is covered just if the bit is set", agree(covered, is_set))
    offset = lifted(unsigned(at.frame)) - base
    beyond = truth_of((offset < 0) | (offset >= 64))
    at.prove("a frame of no bit is not covered", implies(beyond, negate(at.covers(op))))


def linear(at: Point) -> None:
    """The linear array and the page table map the same PFNs within the array's bounds.

    Given an environment that answers a frame always with the same PFN, which is not the
    array's own invalid marker.
    """
    answer = at.path.fresh("pfn", 32)
    at.path.assume(negate(same(answer, KVM_INVALID_PAGE)))
    mapped, write, writable = at.flag("mapped"), at.flag("write"), at.flag("writable")
    flags = (at.flag("may write"), at.flag("young"), at.flag("dirty"))

    def run() -> list[Truth]:
        pfn = as_plain(unsigned(answer))
        op = Op(Kind.FAULT, 0, pfn=pfn, write=as_plain(write), writable=as_plain(writable))
        entry = Entry(pfn, *map(as_plain, flags)) if mapped else None
        word = pfn if mapped else KVM_INVALID_PAGE

        done = pointwise.fault(entry, op)
        result, left = map_word(word, True, op)
        assert done.entry is not None
        results: Truth = truth_of(done.result == result)
        return [results, truth_of(lifted(done.entry.pfn) == left)]

    results, pfns = summary(run)
    at.prove("both faults have the same result", results)
    at.prove("both map the same PFN", pfns)
    refused = summary(
        lambda: [map_word(as_plain(unsigned(answer)), False, Op(Kind.FAULT))[0] == -EFAULT]
    )
    at.prove("outside the array a fault is refused", refused[0])


POINTWISE: dict[str, Theorem] = {
    "flushed": flushed,
    "idempotent": idempotent,
    "adjacent": adjacent,
    "disjoint": disjoint,
    "whole": whole,
    "fault-then-lookup": fault_then_lookup,
    "clean-then-write": clean_then_write,
    "old-then-access": old_then_access,
    "half-open": half_open,
    "masked": masked,
    "linear": linear,
}


def widths(path: Path, one: Layout, other: Layout) -> None:
    """Two layouts of one page size cannot be told apart within what both can hold.

    The same access, within the common reach and with a PFN within the common width, has the
    same result and leaves entries that each format reads back alike; so do mkclean and mkold.
    """
    reach = min(one.frames, other.frames) << one.page_shift
    address = path.fresh("gpa", (reach - 1).bit_length())
    top = min(one.pfn_top, other.pfn_top)
    pfn, old = path.fresh("pfn", top.bit_length()), path.fresh("mapped pfn", top.bit_length())
    names = ("mapped", "may write", "young", "dirty", "write", "writable")
    flags = {name: SymBool(path.fresh(name, terms.BOOL)) for name in names}
    for name, term in (("gpa", address), ("pfn", pfn)):
        path.show(name, term)
    path.check("before")

    access = (flags["write"], flags["writable"])
    where, number = as_plain(unsigned(address)), as_plain(unsigned(pfn))
    op = Op(Kind.FAULT, where, pfn=number, write=as_plain(access[0]), writable=as_plain(access[1]))
    entry: Entry | None = None
    if flags["mapped"]:
        writable, young, dirty = (as_plain(flags[name]) for name in names[1:4])
        entry = Entry(as_plain(unsigned(old)), writable, young, dirty)
    clean = pointwise.changed(Kind.MKCLEAN, entry)
    aged = pointwise.changed(Kind.MKOLD, entry)
    for name, left in (
        ("a fault", pointwise.fault(entry, op).entry),
        ("mkclean", clean),
        ("mkold", aged),
    ):
        if left is None:
            continue
        read = [layout.entry.decode(layout.entry.encode(left)) for layout in (one, other)]
        alike = [
            truth_of(lifted(a) == b) for a, b in zip(read[0] or (), read[1] or (), strict=True)
        ]
        both_mapped = read[0] is not None and read[1] is not None
        path.prove(
            "map", f"after {name} both formats hold the same entry", both(both_mapped, *alike)
        )
    frames = [
        truth_of(unsigned(address) // layout.leaf.span < layout.frames) for layout in (one, other)
    ]
    path.prove("map", "an address within both reaches is within each", both(*frames))
    same_frame = truth_of(
        lifted(unsigned(address) // one.leaf.span) == unsigned(address) // other.leaf.span
    )
    path.prove("map", "an address is of the same frame in both", same_frame)


def width_pairs() -> list[tuple[Layout, Layout]]:
    """Return each 32-bit layout with the 64-bit layouts of its page size, permitted ones only."""
    found = permitted_layouts()
    return [
        (one, other)
        for one in found
        for other in found
        if one.port == other.port
        and (one.bits, other.bits) == (32, 64)
        and one.page_shift == other.page_shift
    ]


def specification(name: str, bits: int, shift: int) -> Callable[[Path], None]:
    """Return the proof of a theorem of the map."""
    return lambda path: POINTWISE[name](Point(path, bits, shift))
