# SPDX-License-Identifier: GPL-2.0-only
"""Lemmas on tables with leaves of several sizes: walk, mapping, splitting, removal, ranges."""

from __future__ import annotations

from dataclasses import replace

from impl.gstage.interface import Found, LeafOp
from model.entry import Entry
from proofs import contracts, terms
from proofs.contracts import Call, covered, ends_at, entry_of, held, table_of
from proofs.heap import DEPTH_BITS, LIVE, LOOSE, PAGE_BITS, Heap
from proofs.large_leaves.walks import LeafRuntime
from proofs.leaf_specs import Cleared, had_to_change, walked
from proofs.lemmas.base import Script, Setting, before_rule, unchanged
from proofs.lifting import (
    Flag,
    Handle,
    Name,
    Number,
    as_bits,
    as_plain,
    lift_truth,
    lifted,
    truth_of,
    unsigned,
)
from proofs.program import Function
from proofs.runtime.pages import as_frame
from proofs.specs import (
    assume_invariant,
    contract_rule,
    goal_points,
    prove_effect,
    prove_invariant,
    prove_rest,
)
from proofs.terms import Term, Truth, at_most, both, choose, implies, negate, same


def runtime(at: Setting) -> LeafRuntime:
    """Return the runtime of a setting, which is one for leaves of several sizes."""
    assert isinstance(at.rt, LeafRuntime)
    return at.rt


def within(at: Setting) -> Number:
    """Return any address within reach."""
    term = at.path.fresh("gpa", at.rt.shape.frame_bits + at.layout.page_shift)
    at.path.show("gpa", term)
    return unsigned(term)


def frame_of(at: Setting, address: Number) -> Term:
    """Return the frame of an address, and name it as a point."""
    return at.frame(address)


# The walk


def get_leaf(at: Setting) -> None:
    """The walk to the leaf of an address."""
    at.rt.around.locked = True
    address = within(at)
    frame, before = frame_of(at, address), at.heap
    at.path.check("before")
    taken = at.rt.held()
    found: Found = at.run("gstage_get_leaf", address)
    unchanged(at, taken)
    at.prove("exact", "the walk changes nothing", at.rt.heap is before)
    level = found.level
    at.prove(
        "exact", "the walk ends in the lowest table of the frame", ends_at(before, level, frame)
    )
    table = same(as_bits(found.ptep.table, PAGE_BITS), table_of(before, level, frame))
    slot = same(as_bits(found.ptep.number, 16), terms.bits(at.rt.shape.slot(level, frame), 16))
    at.prove("exact", "the answer is the slot of the frame", both(table, slot))
    raw = held(before, level, frame)
    told = truth_of(found.leaf)
    at.prove(
        "result", "a leaf is found just if one is there", terms.agree(told, negate(same(raw, 0)))
    )


# Mapping


def filled(at: Setting) -> None:
    """Assume what callers see to: the lock is held, the memory cache filled."""
    at.rt.around.locked = True
    minimum = at.run("cache_minimum")
    at.path.assume(at_most(minimum, at.heap.depth))


def in_leaf(at: Setting, level: int, frame: Term, other: Term) -> Truth:
    """Return whether two frames lie in one slot of ``level``."""
    shape = at.rt.shape
    bits = shape.below(level + 1)
    top = shape.frame_bits - 1
    return same(terms.extract(frame, top, bits), terms.extract(other, top, bits))


def map_page(level: int) -> Script:
    """The mapping of a leaf of ``level``, wherever what stands."""

    def script(at: Setting) -> None:
        rt, shape = runtime(at), at.rt.shape
        bits = shape.below(level + 1)
        address = within(at)
        frame, before = frame_of(at, address), at.heap
        first = at.path.fresh("pfn", shape.entry.pfn_bits - bits)
        pfn = terms.concat(first, terms.number(0, bits)) if bits else first
        at.path.show("pfn", pfn)
        writable, device = at.flag("writable"), at.flag("device")
        filled(at)
        at.path.check("before")
        taken = rt.held()
        args = (address, level, unsigned(pfn), writable, device)
        result = at.run("gstage_map_page", *args, **removal(at), **splitting(at))
        unchanged(at, taken)
        at.prove("result", "the answer is 0", truth_of(result == 0))
        _, other = points = goal_points(at.path, at.heap)
        leaf = Entry(
            as_plain(unsigned(pfn)), as_plain(writable), True, True, device=as_plain(device)
        )
        raw = shape.entry.for_page(shape.entry.encode(leaf), other, bits)
        expected = choose(in_leaf(at, level, frame, other), raw, entry_of(before, other))
        right = same(entry_of(at.heap, other), expected)
        at.prove("exact", "the frames of the leaf are mapped, all others stay", right)
        size = implies(in_leaf(at, level, frame, other), ends_at(at.heap, level, other))
        at.prove("exact", "the leaf is of the size that was asked for", size)
        prove_rest(at.path, before, at.heap, MAPPED)
        prove_invariant(at.path, at.heap, points)
        rt.flushed("what is no longer so is flushed")

    return script


MAPPED = ("ents", "ptes", "kinds", "bases", "ats", "depth")
"""What the mapping of a leaf may change of the heap."""


def split(level: int) -> Script:
    """The splitting of whatever maps an address, down to leaves of ``level``."""

    def script(at: Setting) -> None:
        rt = runtime(at)
        address = within(at)
        frame, before = frame_of(at, address), at.heap
        filled(at)
        at.path.check("before")
        taken = rt.held()
        at.run("gstage_split_huge", address, level)
        unchanged(at, taken)
        _, other = points = goal_points(at.path, at.heap)
        kept = same(entry_of(at.heap, other), entry_of(before, other))
        at.prove("exact", "every frame is mapped as before", kept)
        mapped = negate(same(entry_of(before, frame), 0))
        small = implies(mapped, covered(at.heap, level, frame))
        at.prove("exact", "no larger leaf maps the address afterwards", small)
        used = terms.subtract(before.depth, at.heap.depth)
        few = both(at_most(at.heap.depth, before.depth), at_most(used, level))
        at.prove("memory", "no more pages are taken than levels are split", few)
        prove_rest(at.path, before, at.heap, MAPPED)
        prove_invariant(at.path, at.heap, points)
        rt.flushed("nothing is owed")

    return script


def splitting(at: Setting) -> dict[str, Function]:
    """Return what stands for the splitting of leaves in its callers."""

    def split_huge(rt: LeafRuntime, addr: Number, level: int) -> None:
        path, before = at.path, rt.heap
        at.prove("lock", "a table is accessed with mmu_lock held", rt.around.locked)
        minimum = at.run("cache_minimum")
        at.prove("memory", "the memory cache is filled", at_most(minimum, before.depth))
        before_rule(at)
        new = replace(
            before.havoc("ents", "ptes", "kinds", "bases", "ats"),
            depth=path.fresh("depth", DEPTH_BITS),
        )
        frame = rt.shape.frame_of(as_bits(addr, rt.shape.address_bits))
        used = terms.subtract(before.depth, new.depth)
        path.assume(at_most(new.depth, before.depth), at_most(used, level))
        path.everywhere("frame", lambda f: [same(entry_of(new, f), entry_of(before, f))])
        mapped = negate(same(entry_of(before, frame), 0))
        path.assume(implies(mapped, covered(new, level, frame)))
        assume_invariant(path, new)
        rt.heap = rt.state.kept = new
        path.check("contract")

    return {"gstage_split_huge": split_huge}


# Removal of tables


def _call(at: Setting, level: int, table: Handle, base: Number) -> Call:
    here = at.layout.tables[level]
    return at.rt.call(level, table, base, lifted(base) + here.entries * here.span - 1)


def clear_table(level: int) -> Script:
    """The removal of all that a table of ``level`` maps; the level below is its contract."""

    def script(at: Setting) -> None:
        path, rt = at.path, runtime(at)
        at.level = level
        table = at.heap.root if level == 0 else path.fresh("table", PAGE_BITS)
        path.point("page", table)
        base: Number = 0
        if level:
            first = as_frame(at.heap, level, table)
            path.point("frame", first)
            base = unsigned(first) * at.layout.leaf.span
        call = _call(at, level, Name(table), base)
        path.assume(*[fact for _, fact in contracts.requires(at.heap, call)], call.live)
        rt.around.locked = True
        before, taken = at.heap, rt.held()
        path.check("before")
        at.run("gstage_clear_table", level, Name(table), base, **removal(at))
        unchanged(at, taken)
        rt.flushed("what is taken away is flushed")
        prove_effect(path, Cleared(at.layout.levels - 1), before, rt.state, call, False, None)

    return script


def removal(at: Setting) -> dict[str, Function]:
    """Return what stands for the removal of all that a table maps in its callers."""

    def clear(rt: LeafRuntime, level: int, table: Handle, base: Number) -> None:
        call = _call(at, level, table, base)
        at.path.point("page", call.table)  # type: ignore[arg-type]
        at.prove("memory", "the recursion goes down a level", level > at.level)
        locked = rt.around.locked or rt.around.private
        at.prove("lock", "a table is accessed with mmu_lock held", locked)
        whole = both(call.live, call.all_frames(rt.shape))
        at.prove("memory", "the whole of a live table is removed", whole)
        contract_rule(at.path, Cleared(at.layout.levels - 1), rt.state, call)

    return {"gstage_clear_table": clear}


# Ranges of addresses


def op_range(op: LeafOp) -> Script:
    """An operation on every leaf that maps an address of a range."""

    def script(at: Setting) -> None:
        rt, path = runtime(at), at.path
        width = rt.shape.frame_bits + 1
        start, end = path.fresh("start", width), path.fresh("end", width)
        for name, term in (("start", start), ("end", end)):
            path.show(name, term)
            path.assume(at_most(term, at.layout.frames))
        rt.around.locked = True
        before, taken = at.heap, rt.held()
        path.check("before")
        span = at.layout.leaf.span
        args = unsigned(start) * span, unsigned(end) * span
        function = {LeafOp.CLEAR: "gstage_unmap_range", LeafOp.WP: "gstage_wp_range"}.get(op)
        if function is None:
            result = at.run("gstage_op_range", op, *args)
        else:
            result = at.run(function, *args)
        unchanged(at, taken)
        _, frame = points = goal_points(path, at.heap)
        for statement, fact in walked(before, at.heap, op, frame, start, end):
            at.prove("exact", statement, fact)
        told = truth_of(result)
        changed = had_to_change(before, op, frame, start, end)
        at.prove("result", "false means that nothing had to change", implies(changed, told))
        prove_rest(path, before, at.heap, () if op is LeafOp.TEST_YOUNG else ("ptes",))
        prove_invariant(path, at.heap, points)
        rt.flushed("what is taken away is flushed")

    return script


def walking(at: Setting) -> dict[str, Function]:
    """Return what stands for an operation on a range of addresses in its callers."""

    def op_range(rt: LeafRuntime, op: LeafOp, start: Number, end: Number) -> Flag:
        at.prove("lock", "a table is accessed with mmu_lock held", rt.around.locked)
        span = rt.frames(start), rt.frames(end)
        whole = both(rt.aligned(start), rt.aligned(end))
        at.prove("memory", "a range begins and ends with frames", whole)
        before_rule(at)
        told = rt.past(op, *span)
        at.path.check("contract")
        return lift_truth(told)

    def unmap(rt: LeafRuntime, start: Number, end: Number) -> Flag:
        return op_range(rt, LeafOp.CLEAR, start, end)

    def protect(rt: LeafRuntime, start: Number, end: Number) -> Flag:
        return op_range(rt, LeafOp.WP, start, end)

    return {
        "gstage_op_range": op_range,
        "gstage_unmap_range": unmap,
        "gstage_wp_range": protect,
    }


# The life of the table


def destroy(at: Setting) -> None:
    """The end of the table: everything is removed, every table given back."""
    rt, path = runtime(at), at.path
    rt.around.private = True
    path.check("before")
    taken = rt.held()
    at.run("mmu_free_pgd", **removal(at))
    unchanged(at, taken)
    page, _ = goal_points(path, at.heap)
    for level in range(1, rt.shape.levels):
        path.point("frame", as_frame(at.heap, level, page))
    at.prove("leak", "no table of any level is left", less_than_live(at.heap, page))


def less_than_live(heap: Heap, page: Term) -> Truth:
    """Return whether a page is neither a table nor taken and not linked."""
    kind = heap.kind(page)
    return both(terms.less(kind, LIVE), negate(same(kind, LOOSE)))
