# SPDX-License-Identifier: GPL-2.0-only
"""Lemmas on faults: the fast path, the slow path, and the whole."""

from __future__ import annotations

from collections.abc import Callable

from impl.multilevel.interface import Page
from impl.multilevel.quirks import NO_REACH_CHECK
from model.operations import EFAULT, ENOMEM, Answer, Kind, Op
from proofs import abstraction, terms
from proofs.contracts import entry_of
from proofs.heap import (
    Heap,
)
from proofs.lemmas.base import Setting, balanced, before_rule, unchanged
from proofs.lemmas.life import topup_contract
from proofs.lifting import (
    Flag,
    Handle,
    Name,
    Number,
    SymBool,
    as_bits,
    as_plain,
    lifted,
    truth_of,
    unsigned,
)
from proofs.specs import (
    assume_invariant,
    goal_points,
    prove_invariant,
    prove_rest,
)
from proofs.symbolic import SymbolicRuntime
from proofs.terms import Term, Truth, agree, both, choose, either, implies, less, negate, same


def _acts(at: Setting, address: Number) -> Truth:
    """Return whether a walk goes on: within the reach, or always where nothing checks that."""
    return True if at.rt.has(NO_REACH_CHECK) else at.reached(address)


def _reported(at: Setting, frame_number: Number, dirtied: Truth, since: int = 0) -> Truth:
    """Return whether the frame was reported dirty just if it must be, and no other was."""
    new = at.rt.around.reported[since:]
    right = [implies(when, truth_of(lifted(gfn) == frame_number)) for when, gfn in new]
    return both(agree(either(*[when for when, _ in new]), dirtied), *right)


def _where_promised(at: Setting, address: Number, goal: Truth) -> Truth:
    """Return what is demanded of a function where its address may lie beyond the reach."""
    return implies(at.reached(address), goal) if at.of_kernel else goal


def fault_fast(at: Setting) -> None:
    """A fast fault."""
    path = at.path
    address, write = at.word("gpa"), at.flag("write")
    frame, before = at.frame(address), at.heap
    acts = _acts(at, address)
    path.check("before")
    result = at.run("fault_fast", address, write)
    good, left, dirtied = abstraction.fast(entry_of(before, frame), write, at.entry)
    at.prove(
        "result",
        "the result is 0 just if the entry allows the access",
        _where_promised(at, address, agree(truth_of(result == 0), both(acts, good))),
    )
    at.prove("result", "the result is 0 or -EFAULT", result in (0, -EFAULT))
    gfn = address // at.layout.leaf.span
    at.prove(
        "dirty",
        "the frame is reported just if it becomes dirty",
        _where_promised(at, address, _reported(at, gfn, both(acts, dirtied))),
    )
    point = goal_points(path, at.heap)
    expected = choose(both(acts, same(point[1], frame)), left, entry_of(before, point[1]))
    changed = same(entry_of(at.heap, point[1]), expected)
    at.prove(
        "exact",
        "only the entry of the frame changes, as it must",
        _where_promised(at, address, changed),
    )
    prove_rest(path, before, at.heap, ("ptes",))
    prove_invariant(path, at.heap, point)
    at.prove(
        "reach",
        "beyond the reach the answer is -EFAULT",
        implies(negate(at.reached(address)), truth_of(result == -EFAULT)),
    )
    if at.of_kernel:
        kept = same(entry_of(at.heap, point[1]), entry_of(before, point[1]))
        quiet = both(kept, _reported(at, gfn, dirtied=False))
        at.prove("reach", "beyond the reach nothing changes", either(at.reached(address), quiet))
    balanced(at, locked=False)


def _promises(at: Setting, address: Number) -> Truth:
    """Return where the contract says what the fast path does.

    Of a kernel beyond the reach it says nothing, except to the clause ``reach``.
    """
    if not at.of_kernel:
        return True
    at.beyond = at.path.fresh("refuses", terms.BOOL)
    return either(at.reached(address), at.beyond)


def fast_contract(at: Setting) -> Callable[..., int]:
    """Return what stands for a fast fault in its caller."""

    def contract(rt: SymbolicRuntime, address: Number, write: Flag) -> int:
        path, before = at.path, rt.heap
        frame, acts = at.frame(address), _acts(at, address)
        at.prove("lock", "mmu_lock is not taken twice", not rt.around.locked)
        before_rule(at)
        new = before.havoc("ptes")
        good, left, dirtied = abstraction.fast(entry_of(before, frame), write, at.entry)
        promised = _promises(at, address)
        path.everywhere(
            "frame",
            lambda f: [
                implies(
                    promised,
                    same(
                        entry_of(new, f),
                        choose(both(acts, same(f, frame)), left, entry_of(before, f)),
                    ),
                )
            ],
        )
        assume_invariant(path, new)
        rt.heap = rt.state.kept = new
        done = path.choose(2) == 0
        path.assume(implies(promised, agree(done, both(acts, good))))
        gfn = address // at.layout.leaf.span
        rt.around.reported.append((both(promised, acts, dirtied), gfn))
        if promised is not True:
            other = unsigned(path.fresh("gfn", at.layout.bits))
            rt.around.reported.append(
                (both(negate(promised), path.fresh("report", terms.BOOL)), other)
            )
        path.check("contract")
        return 0 if done else -EFAULT

    return contract


def map_locked(at: Setting) -> None:
    """A fault from taking the lock on, with the memory cache filled."""
    rt, path = at.rt, at.path
    rt.around.locked = True
    address, write, writable = at.word("gpa"), at.flag("write"), at.flag("writable")
    pfn = Name(path.fresh("pfn", at.entry.pfn_bits))
    frame, before = at.frame(address), at.heap
    path.assume(negate(less(before.depth, at.run("cache_minimum"))), _acts(at, address))
    path.check("before")
    held = rt.held()
    at.run("map_page_locked", address, write, pfn, writable)
    rt.around.reported, reported = [], rt.around.reported
    unchanged(at, held)
    rt.around.reported = reported
    entry = _installed(at, pfn, write, writable)
    point = goal_points(path, at.heap)
    expected = choose(same(point[1], frame), entry, entry_of(before, point[1]))
    at.prove(
        "exact",
        "the entry is installed and no other changes",
        same(entry_of(at.heap, point[1]), expected),
    )
    dirtied = both(truth_of(write), truth_of(writable))
    at.prove(
        "dirty",
        "the frame is reported just if it becomes dirty",
        _reported(at, address // at.layout.leaf.span, dirtied),
    )
    at.prove("lock", "mmu_lock stays held", rt.around.locked)
    prove_invariant(path, at.heap, point)


def _installed(at: Setting, pfn: Handle, write: Flag, writable: Flag) -> Term:
    number = as_plain(unsigned(as_bits(pfn, at.entry.pfn_bits)))
    op = Op(Kind.FAULT, pfn=number, write=as_plain(write), writable=as_plain(writable))
    return abstraction.fault(0, op, at.entry)[1]


def locked_contract(at: Setting) -> Callable[..., None]:
    """Return what stands for ``map_page_locked`` in its caller."""

    def contract(
        rt: SymbolicRuntime, address: Number, write: Flag, pfn: Handle, writable: Flag
    ) -> None:
        path, before, around = at.path, rt.heap, rt.around
        frame = at.frame(address)
        at.prove("lock", "mmu_lock is held", around.locked)
        at.prove("invalidation", "the page was not invalidated since", negate(around.stale))
        at.prove(
            "memory",
            "the cache holds what a walk needs",
            negate(less(before.depth, at.run("cache_minimum"))),
        )
        at.prove("reach", "only frames within reach are mapped", _acts(at, address))
        before_rule(at)
        new = before.havoc("ents", "ptes", "kinds", "bases", "ats", "cache")
        entry = _installed(at, pfn, write, writable)
        path.everywhere(
            "frame",
            lambda f: [same(entry_of(new, f), choose(same(f, frame), entry, entry_of(before, f)))],
        )
        assume_invariant(path, new)
        rt.heap = rt.state.kept = new
        dirtied = both(truth_of(write), truth_of(writable))
        around.reported.append((dirtied, address // at.layout.leaf.span))
        path.check("contract")

    return contract


def map_slow(at: Setting) -> None:
    """A fault where the fast path failed."""
    rt, path = at.rt, at.path
    rt.around.readers = 1
    address, write = at.word("gpa"), at.flag("write")
    frame, before = at.frame(address), at.heap
    path.assume(_acts(at, address))
    path.check("before")
    result = at.run(
        "map_page_slow",
        address,
        write,
        topup=topup_contract(at),
        map_page_locked=locked_contract(at),
    )
    _slow_result(at, result, address, write, before, frame)
    balanced(at, locked=False, readers=1)


def _slow_result(
    at: Setting, result: Number, address: Number, write: Flag, before: Heap, frame: Term
) -> None:
    around = at.rt.around
    gfn = address // at.layout.leaf.span
    at.prove("result", "the result is 0, -EFAULT or -ENOMEM", result in (0, -EFAULT, -ENOMEM))
    point = goal_points(at.path, at.heap)
    old, new = entry_of(before, point[1]), entry_of(at.heap, point[1])
    page = around.page
    _page_is_right(at, gfn, write)
    if result == 0:
        at.prove("result", "0 means that there is a page", page is not None)
        assert page is not None
        entry = _installed(at, page.pfn, write, page.writable)
        at.prove(
            "exact",
            "the entry is installed and no other changes",
            same(new, choose(same(point[1], frame), entry, old)),
        )
        dirtied = both(truth_of(write), truth_of(page.writable))
        at.prove(
            "dirty", "the frame is reported just if it becomes dirty", _reported(at, gfn, dirtied)
        )
    else:
        at.prove("result", "-EFAULT means that there is no page", result == -ENOMEM or page is None)
        why = around.refused if result == -EFAULT else around.starved
        at.prove("result", "a failure has its cause: no page, or no memory", why)
        at.prove("exact", "a failure changes nothing", same(new, old))
        at.prove("dirty", "a failure reports nothing", not around.reported)
    prove_invariant(at.path, at.heap, point)


def _page_is_right(at: Setting, gfn: Number, write: Flag) -> None:
    """Demand that the page which was looked up, if one was, is the one of the fault."""
    if at.rt.around.asked is None:
        return
    page_gfn, page_write = at.rt.around.asked
    at.prove("exact", "the page is that of the frame", truth_of(lifted(page_gfn) == gfn))
    at.prove(
        "exact",
        "the page is asked for as the access is",
        agree(truth_of(page_write), truth_of(write)),
    )


def slow_contract(at: Setting) -> Callable[..., int]:
    """Return what stands for ``map_page_slow`` in its caller."""

    def contract(rt: SymbolicRuntime, address: Number, write: Flag) -> int:
        path, before, around = at.path, rt.heap, rt.around
        frame = at.frame(address)
        at.prove("reach", "only frames within reach are mapped", _acts(at, address))
        at.prove("lock", "mmu_lock is free, srcu is held", not around.locked and around.readers > 0)
        before_rule(at)
        result = (0, -EFAULT, -ENOMEM)[path.choose(3)]
        around.refused, around.starved = result == -EFAULT, result == -ENOMEM
        new = before.havoc("ents", "ptes", "kinds", "bases", "orders", "ats", "cache")
        entry: Term | None = None
        if result == 0:
            pfn, writable = path.fresh("pfn", at.entry.pfn_bits), path.fresh("writable", terms.BOOL)
            around.page = _page(pfn, writable)
            entry = _installed(at, around.page.pfn, write, around.page.writable)
            dirtied = both(truth_of(write), writable)
            around.reported.append((dirtied, address // at.layout.leaf.span))
        path.everywhere(
            "frame",
            lambda f: [
                same(
                    entry_of(new, f),
                    entry_of(before, f)
                    if entry is None
                    else choose(same(f, frame), entry, entry_of(before, f)),
                )
            ],
        )
        assume_invariant(path, new)
        rt.heap = rt.state.kept = new
        path.check("contract")
        return result

    return contract


def _page(pfn: Term, writable: Term) -> Page:
    return Page(as_plain(Name(pfn)), as_plain(SymBool(writable)), error=False)


def fault(at: Setting) -> None:
    """A whole fault."""
    rt, path = at.rt, at.path
    address, write = at.word("gpa"), at.flag("write")
    frame, before = at.frame(address), at.heap
    within = at.reached(address)
    path.check("before")
    result = at.run(
        "fault",
        address,
        write,
        fault_fast=fast_contract(at),
        map_page_slow=slow_contract(at),
        topup=topup_contract(at),
    )
    page = rt.around.page
    if result != 0:
        why = rt.around.refused if result == -EFAULT else rt.around.starved
        cause = "within reach a failure has its cause: no page, or no memory"
        at.prove("result", cause, implies(within, why))
    op = Op(Kind.FAULT, write=as_plain(write), answer=Answer.ERROR)
    if page is not None:
        op = op._replace(
            pfn=as_plain(unsigned(as_bits(page.pfn, at.entry.pfn_bits))),
            writable=page.writable,
            answer=Answer.PAGE,
        )
    good, left, dirtied = abstraction.fault(entry_of(before, frame), op, at.entry)
    if result == -ENOMEM:
        good, left, dirtied = abstraction.fast(entry_of(before, frame), write, at.entry)
        at.prove("result", "-ENOMEM only where a page was needed", implies(within, negate(good)))
    else:
        at.prove(
            "result",
            "the result is what the specification says",
            implies(within, agree(truth_of(result == 0), good)),
        )
    point = goal_points(path, at.heap)
    old, new = entry_of(before, point[1]), entry_of(at.heap, point[1])
    at.prove(
        "exact",
        "the entry is as the specification says and no other changes",
        implies(within, same(new, choose(same(point[1], frame), left, old))),
    )
    gfn = address // at.layout.leaf.span
    _page_is_right(at, gfn, write)
    at.prove(
        "dirty",
        "the frame is reported just if it becomes dirty",
        implies(within, _reported(at, gfn, dirtied)),
    )
    refused = both(truth_of(result == -EFAULT), same(new, old), _reported(at, gfn, dirtied=False))
    at.prove(
        "reach",
        "beyond the reach the answer is -EFAULT and nothing changes",
        either(within, refused, negate(at.beyond)),
    )
    prove_invariant(path, at.heap, point)
    balanced(at, locked=False)
