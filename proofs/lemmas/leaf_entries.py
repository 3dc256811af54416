# SPDX-License-Identifier: GPL-2.0-only
"""Lemmas on the entry points of a table with leaves of several sizes: ranges and faults."""

from __future__ import annotations

from dataclasses import replace

from impl.gstage.interface import LeafOp
from model.entry import Entry
from model.operations import Kind
from proofs import terms
from proofs.contracts import entry_of
from proofs.heap import DEPTH_BITS, Heap
from proofs.large_leaves.walks import LeafRuntime
from proofs.leaf_specs import had_to_change, walked
from proofs.lemmas.base import Script, Setting, balanced, before_rule, unchanged
from proofs.lemmas.leaves import filled, frame_of, in_leaf, runtime, walking, within
from proofs.lifting import (
    Flag,
    Number,
    as_bits,
    as_plain,
    lift_truth,
    lifted,
    truth_of,
    unsigned,
)
from proofs.program import Function
from proofs.specs import assume_invariant, goal_points, prove_invariant
from proofs.terms import Term, Truth, agree, both, choose, either, implies, negate, same

# Ranges of guest frames

RANGES: dict[str, tuple[LeafOp, Kind, bool]] = {
    "kvm_unmap_gfn_range": (LeafOp.CLEAR, Kind.UNMAP, False),
    "kvm_age_gfn": (LeafOp.MKOLD, Kind.AGE, False),
    "kvm_test_age_gfn": (LeafOp.TEST_YOUNG, Kind.TEST_AGE, False),
    "kvm_arch_flush_shadow_memslot": (LeafOp.CLEAR, Kind.FLUSH_SLOT, True),
    "kvm_arch_commit_memory_region": (LeafOp.WP, Kind.COMMIT_REGION, True),
}
"""Functions over guest frames: what they do to leaves, and whether they take a slot.

One that takes a slot is given its number of pages, takes ``mmu_lock`` itself and answers nothing.
"""


def _clipped(at: Setting, gfn: Number) -> Term:
    """Return a frame, at most the first beyond the reach, as the specification takes it."""
    width = at.rt.shape.frame_bits + 1
    inside = truth_of(lifted(gfn) < at.layout.frames)
    return choose(inside, lifted(gfn).sized(width), terms.number(at.layout.frames, width))


def gfn_range(function: str) -> Script:
    """A function over guest frames, of which some may lie beyond the reach."""
    op, _, slot = RANGES[function]

    def script(at: Setting) -> None:
        rt = runtime(at)
        rt.around.locked = not slot
        first, last = at.long("first"), at.long("last")
        end = first + last if slot else last
        span = _clipped(at, first), _clipped(at, end)
        at.path.point("frame", lifted(first).sized(rt.shape.frame_bits))
        before = at.heap
        at.path.check("before")
        result = at.run(function, first, last, **walking(at))
        _, frame = points = goal_points(at.path, at.heap)
        for statement, fact in walked(before, at.heap, op, frame, *span):
            at.prove("exact", statement, fact)
        if not slot:
            _answer(at, op, before, result, frame, span)
            at.prove("warning", "no warning fires", True)
        prove_invariant(at.path, at.heap, points)
        rt.flushed("what is taken away is flushed")
        balanced(at, locked=not slot)

    return script


def _answer(
    at: Setting, op: LeafOp, before: Heap, result: Flag, frame: Term, span: tuple[Term, Term]
) -> None:
    told = truth_of(result)
    changed = had_to_change(before, op, frame, *span)
    at.prove("result", "false means that nothing had to change", implies(changed, told))
    witness = terms.bits(at.rt.state.witness, at.rt.shape.frame_bits)
    shown = had_to_change(before, op, witness, *span)
    at.prove("result", "true means that something had to change", implies(told, shown))


# Faults


class Chosen:
    """What a fault asks to be mapped: the level of the leaf and its first host frame."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, Number, Flag]] = []


def mapping(at: Setting, chosen: Chosen) -> dict[str, Function]:
    """Return what stands for the mapping of a leaf in its callers."""

    def map_page(
        rt: LeafRuntime, addr: Number, level: int, pfn: Number, writable: Flag, device: Flag
    ) -> int:
        path, before, shape = at.path, rt.heap, rt.shape
        bits = shape.below(level + 1)
        aligned = truth_of(lifted(pfn) % (1 << bits) == 0)
        at.prove("memory", "a leaf begins at a frame that is aligned to it", aligned)
        at.prove("lock", "a table is accessed with mmu_lock held", rt.around.locked)
        minimum = at.run("cache_minimum")
        at.prove("memory", "the memory cache is filled", terms.at_most(minimum, before.depth))
        before_rule(at)
        new = replace(
            before.havoc("ents", "ptes", "kinds", "bases", "ats"),
            depth=path.fresh("depth", DEPTH_BITS),
        )
        frame = shape.frame_of(as_bits(addr, shape.address_bits))
        leaf = Entry(as_plain(pfn), as_plain(writable), True, True, device=as_plain(device))
        encoded = shape.entry.encode(leaf)

        def facts(other: Term) -> list[Truth]:
            raw = shape.entry.for_page(encoded, other, bits)
            expected = choose(in_leaf(at, level, frame, other), raw, entry_of(before, other))
            return [same(entry_of(new, other), expected)]

        path.everywhere("frame", facts)
        assume_invariant(path, new)
        rt.heap = rt.state.kept = new
        chosen.calls.append((level, pfn, writable))
        path.check("contract")
        return 0

    return {"gstage_map_page": map_page}


def _suits(at: Setting, level: int, frame: Term, pfn: Term, order: Term) -> list[Truth]:
    """Return what makes a leaf of ``level`` right for a frame and the host's page."""
    size = at.rt.shape.below(level + 1)
    if size == 0:
        return [True]
    slot = runtime(at).memslot(unsigned(frame))
    begin = unsigned(frame) // (1 << size) * (1 << size)
    return [
        same(terms.low_bits(frame, size), terms.low_bits(pfn, size)),
        truth_of(slot.base <= begin),
        truth_of(lifted(begin) + (1 << size) <= lifted(slot.base) + slot.pages),
        truth_of(unsigned(order) >= size),
        negate(truth_of(slot.logs)),
    ]


def _host(at: Setting) -> tuple[Term, Term]:
    """Return any page of the host, and any number of pages that it maps there at once."""
    pfn, order = at.path.fresh("pfn", at.rt.shape.entry.pfn_bits), at.path.fresh("order", 6)
    for name, term in (("pfn", pfn), ("order", order)):
        at.path.show(name, term)
    return pfn, order


def mapping_level(at: Setting) -> None:
    """The choice of the size of a leaf."""
    frame = at.path.fresh("gfn", at.rt.shape.frame_bits)
    at.path.show("gfn", frame)
    pfn, order = _host(at)
    runtime(at).memslot(unsigned(frame))
    at.path.check("before")
    taken = at.rt.held()
    level = at.run("mapping_level", unsigned(frame), unsigned(pfn), unsigned(order))
    unchanged(at, taken)
    right = both(*_suits(at, level, frame, pfn, order))
    at.prove("exact", "the leaf is aligned, within its memslot and the host's page", right)
    for size in at.layout.leaf_orders:
        if size > at.rt.shape.below(level + 1):
            other = at.layout.levels - 1 - at.layout.level_orders.index(size)
            fits = both(*_suits(at, other, frame, pfn, order))
            at.prove("exact", "no larger leaf would do", negate(fits))


def choosing(at: Setting, frame: Term, pfn: Term, order: Term) -> dict[str, Function]:
    """Return what stands for the choice of a leaf's size in its callers."""

    def level_of(rt: LeafRuntime, gfn: Number, of: Number, host: Number) -> int:
        sizes = at.layout.leaf_orders
        asked = [(gfn, frame), (of, pfn), (host, order)]
        alike = [truth_of(lifted(given) == unsigned(term)) for given, term in asked]
        at.prove("exact", "the size is chosen for the host's page", both(*alike))
        size = sizes[at.path.choose(len(sizes))]
        level = at.layout.levels - 1 - at.layout.level_orders.index(size)
        at.path.assume(*_suits(at, level, frame, pfn, order))
        return level

    return {"mapping_level": level_of}


def map_locked(at: Setting) -> None:
    """The mapping of the host's answer to a fault, under the lock."""
    rt, shape, path = runtime(at), at.rt.shape, at.path
    address = within(at)
    frame = frame_of(at, address)
    filled(at)
    pfn, order = _host(at)
    write, may_write = at.flag("write"), at.flag("writable")
    slot = rt.memslot(unsigned(frame))
    before, chosen = at.heap, Chosen()
    path.check("before")
    args = (address, write, unsigned(pfn), may_write, unsigned(order))
    contracts = {**mapping(at, chosen), **choosing(at, frame, pfn, order)}
    result = at.run("map_locked", *args, **contracts)
    at.prove("result", "the answer is 0", truth_of(result == 0))
    at.prove("exact", "one leaf is mapped", len(chosen.calls) == 1)
    level = chosen.calls[0][0]
    permitted = both(truth_of(may_write), either(truth_of(write), negate(truth_of(slot.logs))))
    leaf = Entry(as_plain(unsigned(pfn)), as_plain(lift_truth(permitted)), True, True)
    right = same(entry_of(at.heap, frame), shape.entry.encode(leaf))
    at.prove("exact", "the frame is mapped to the host's page, writable as it may be", right)
    _, other = points = goal_points(path, at.heap)
    bits = shape.below(level + 1)
    wanted = shape.entry.for_page(shape.entry.encode(leaf), other, bits)
    expected = choose(in_leaf(at, level, frame, other), wanted, entry_of(before, other))
    around = same(entry_of(at.heap, other), expected)
    at.prove("exact", "the frames of its leaf are the host's next, all others stay", around)
    new = rt.around.reported
    told = either(*[when for when, _ in new])
    same_frame = [implies(when, truth_of(lifted(gfn) == unsigned(frame))) for when, gfn in new]
    at.prove("dirty", "the frame is reported just if it may be written", agree(told, permitted))
    at.prove("dirty", "no other frame is reported", both(*same_frame))
    prove_invariant(path, at.heap, points)
    at.prove("lock", "mmu_lock is as it was", rt.around.locked)
