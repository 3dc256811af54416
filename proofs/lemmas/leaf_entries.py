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
from proofs.leaf_specs import had_to_change, walked
from proofs.lemmas.base import Script, Setting, balanced, before_rule
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
from proofs.runtime.leaf_walks import LeafRuntime
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


def map_locked(at: Setting) -> None:
    """The mapping of the host's answer to a fault, under the lock."""
    rt, shape, path = runtime(at), at.rt.shape, at.path
    address = within(at)
    frame = frame_of(at, address)
    filled(at)
    pfn = path.fresh("pfn", shape.entry.pfn_bits)
    order = path.fresh("order", 6)
    for name, term in (("pfn", pfn), ("order", order)):
        path.show(name, term)
    write, may_write = at.flag("write"), at.flag("writable")
    slot = rt.memslot(unsigned(frame))
    before, chosen = at.heap, Chosen()
    path.check("before")
    args = (address, write, unsigned(pfn), may_write, unsigned(order))
    result = at.run("map_locked", *args, **mapping(at, chosen))
    at.prove("result", "the answer is 0", truth_of(result == 0))
    level, _, _ = chosen.calls[0]
    at.prove("exact", "one leaf is mapped", len(chosen.calls) == 1)
    permitted = both(truth_of(may_write), either(truth_of(write), negate(truth_of(slot.logs))))
    leaf = Entry(as_plain(unsigned(pfn)), as_plain(lift_truth(permitted)), True, True)
    wanted = shape.entry.encode(leaf)
    _, other = points = goal_points(path, at.heap)
    right = same(entry_of(at.heap, frame), wanted)
    at.prove("exact", "the frame is mapped to the host's page, writable as it may be", right)
    inside = in_leaf(at, level, frame, other)
    distance = (
        terms.subtract(
            terms.bits(terms.low_bits(other, shape.below(level + 1)), shape.frame_bits),
            terms.bits(terms.low_bits(frame, shape.below(level + 1)), shape.frame_bits),
        )
        if shape.below(level + 1)
        else terms.number(0, shape.frame_bits)
    )
    width = shape.entry.pfn_bits
    step = terms.low_bits(distance, width) if shape.frame_bits > width else _signed(distance, width)
    neighbour = same(shape.entry.pfn(entry_of(at.heap, other)), terms.add(pfn, step))  # type: ignore[arg-type]
    at.prove(
        "exact", "the frames of its leaf are the host's neighbours", implies(inside, neighbour)
    )
    kept = same(entry_of(at.heap, other), entry_of(before, other))
    at.prove("exact", "all other frames stay", either(inside, kept))
    number = unsigned(other)
    in_slot = both(truth_of(slot.base <= number), truth_of(number < lifted(slot.base) + slot.pages))
    at.prove("exact", "the leaf lies within the memslot", implies(inside, in_slot))
    small = implies(truth_of(slot.logs), level == shape.levels - 1)
    at.prove("exact", "a slot that logs dirty pages gets base pages", small)
    _largest(at, level, frame, pfn, order)
    new = rt.around.reported
    told = either(*[when for when, _ in new])
    same_frame = [implies(when, truth_of(lifted(gfn) == unsigned(frame))) for when, gfn in new]
    at.prove("dirty", "the frame is reported just if it may be written", agree(told, permitted))
    at.prove("dirty", "no other frame is reported", both(*same_frame))
    prove_invariant(path, at.heap, points)
    at.prove("lock", "mmu_lock is as it was", rt.around.locked)


def _signed(term: Term, width: int) -> Term:
    sign = terms.extract(term, term.width - 1, term.width - 1)
    while term.width < width:
        term = terms.concat(sign, term)
    return term


def _largest(at: Setting, level: int, frame: Term, pfn: Term, order: Term) -> None:
    """Demand that no larger leaf would have done, of the sizes that the host asks for."""
    slot, shape = runtime(at).memslot(unsigned(frame)), at.rt.shape
    for size in at.layout.leaf_orders:
        if size <= shape.below(level + 1):
            continue
        alike = same(terms.low_bits(frame, size), terms.low_bits(pfn, size))
        begin = unsigned(frame) // (1 << size) * (1 << size)
        room = both(
            truth_of(slot.base <= begin),
            truth_of(lifted(begin) + (1 << size) <= lifted(slot.base) + slot.pages),
        )
        host = truth_of(unsigned(order) >= size)
        fits = both(alike, room, host, negate(truth_of(slot.logs)))
        at.prove("exact", "no larger leaf would do", negate(fits))
