# SPDX-License-Identifier: GPL-2.0-only
"""Lemmas on the life of tables and pages: creation, initialisation, memory cache, the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from model.operations import ENOMEM
from proofs import contracts, terms
from proofs.contracts import entry_of
from proofs.heap import (
    CACHED,
    FREE,
    LIVE,
    LOOSE,
    PAGE_BITS,
    Heap,
)
from proofs.lemmas.base import Script, Setting, before_rule, unchanged
from proofs.lemmas.tables import level_contracts
from proofs.lifting import Name, as_bits, truth_of
from proofs.paths import Path
from proofs.runtime.pages import as_frame
from proofs.specs import (
    assume_invariant,
    goal_points,
    prove_invariant,
)
from proofs.symbolic import SymbolicRuntime
from proofs.terms import Term, Truth, agree, both, either, less, negate, same

# Allocation and initialisation


def _no_table_yet(path: Path, heap: Heap) -> Callable[[Term], list[Truth]]:
    def schema(page: Term) -> list[Truth]:
        kind = heap.kind(page)
        statements = contracts.page_invariant(heap, page)
        known = [fact for statement, fact in statements if statement != contracts.ONE_ROOT]
        return [*known, less(kind, LIVE)]

    return schema


def create(at: Setting) -> None:
    """The allocation of the root."""
    path, rt = at.path, at.rt
    held = rt.held()
    path.schemas.clear()
    before = at.heap
    path.everywhere("page", _no_table_yet(path, before))
    path.everywhere(
        "frame",
        lambda f: [
            fact
            for page in contracts.chain_pages(before, f)
            for fact in _no_table_yet(path, before)(terms.bits(page, PAGE_BITS))
        ],
    )
    path.check("before")
    rt.around.private = True
    root = at.run("create")
    unchanged(at, held)
    if isinstance(root, int) and root == 0:
        at.prove("exact", "without memory nothing is held", rt.heap is before)
        return
    name = as_bits(root, PAGE_BITS)
    at.prove("init", "every slot of a new root is empty", rt.is_empty(0, name))
    at.prove("exact", "the root is a page taken for it", same(rt.heap.kind(name), LOOSE))
    _only_written(at, before, name)
    rt.heap = replace(rt.heap.with_kind(name, LIVE), root=name)
    page, frame = goal_points(path, rt.heap)
    at.prove("exact", "a new table maps nothing", same(entry_of(rt.heap, frame), 0))
    prove_invariant(path, rt.heap, (page, frame))


def _only_written(at: Setting, before: Heap, table: Term) -> None:
    other = at.path.fresh("Q", PAGE_BITS)
    slot = at.path.fresh("K", 16)
    at.path.assume(negate(same(other, table)))
    same_links = same(at.heap.ent(other, slot), before.ent(other, slot))
    same_entries = same(at.heap.pte(other, slot), before.pte(other, slot))
    at.prove("exact", "nothing is written elsewhere", both(same_links, same_entries))


def table_init(level: int) -> Script:
    """``pud_init``, ``pmd_init``, ``clear_page``: a table of ``level`` below the root."""

    def script(at: Setting) -> None:
        rt, path = at.rt, at.path
        table = path.fresh("table", PAGE_BITS)
        path.point("page", table)
        rt.heap = rt.heap.with_kind(table, LOOSE)
        before, held = rt.heap, rt.held()
        path.check("before")
        at.run("table_init", level, Name(table))
        unchanged(at, held)
        at.prove("init", "every slot of a new table is empty", rt.is_empty(level, table))
        _only_written(at, before, table)

    return script


def _depth_case(at: Setting) -> int:
    """Assume each number of pages in the memory cache in turn, and return it."""
    depth = at.path.choose(5)
    at.path.assume(same(at.heap.depth, depth))
    at.rt.heap = at.rt.state.kept = replace(at.heap, depth=terms.number(depth, 3))
    assume_invariant(at.path, at.heap)
    for page in at.heap.stack:
        at.path.point("page", page)
    return depth


def _topped_up(old: Heap, new: Heap, page: Term) -> Truth:
    taken = both(same(old.kind(page), FREE), same(new.kind(page), CACHED))
    return either(same(new.kind(page), old.kind(page)), taken)


def topup(at: Setting) -> None:
    """The filling of the memory cache."""
    at.rt.around.array = _depth_case(at) > 0
    before, held = at.heap, at.rt.held()
    minimum = at.run("cache_minimum")
    at.path.check("before")
    result = at.run("topup", minimum)
    unchanged(at, held)
    starved = at.rt.around.starved
    at.prove("result", "-ENOMEM only where an allocation failed", starved or result != -ENOMEM)
    enough = truth_of(at.rt.cache_count() >= minimum)
    at.prove(
        "result", "0 means enough pages, -ENOMEM too few", agree(truth_of(result == 0), enough)
    )
    at.prove("result", "the result is 0 or -ENOMEM", result in (0, -ENOMEM))
    kept = all(
        getattr(before, name) == getattr(at.heap, name) for name in ("ents", "ptes", "bases", "ats")
    )
    at.prove("exact", "the table is left alone", kept)
    page, frame = goal_points(at.path, at.heap)
    at.prove("exact", "pages go from the allocator to the cache", _topped_up(before, at.heap, page))
    prove_invariant(at.path, at.heap, (page, frame))


def topup_contract(at: Setting) -> Callable[..., int]:
    """Return what stands for the filling of the memory cache in its callers."""

    def contract(rt: SymbolicRuntime, minimum: int) -> int:
        path, before = at.path, rt.heap
        at.prove(
            "memory", "the cache is asked for what a walk needs", minimum >= at.run("cache_minimum")
        )
        before_rule(at)
        new = before.havoc("kinds", "orders", "cache")
        path.everywhere("page", lambda page: [_topped_up(before, new, page)])
        assume_invariant(path, new)
        rt.heap = rt.state.kept = new
        good = path.choose(2) == 0
        rt.around.starved = not good
        enough = negate(less(new.depth, minimum))
        path.assume(enough if good else negate(enough))
        path.check("contract")
        return 0 if good else -ENOMEM

    return contract


def free_caches(at: Setting) -> None:
    """The emptying of the memory caches."""
    _depth_case(at)
    at.rt.around.array = True
    before, held = at.heap, at.rt.held()
    at.path.check("before")
    at.rt.around.private = True
    at.run("free_caches")
    unchanged(at, held)
    at.prove("leak", "the array of the memory cache is given back", not at.rt.around.array)
    page, frame = goal_points(at.path, at.heap)
    kind, old = at.heap.kind(page), before.kind(page)
    given = either(same(kind, old), both(same(old, CACHED), same(kind, FREE)))
    at.prove("exact", "only cached pages are given back", given)
    at.prove("leak", "no page stays in the memory cache", negate(same(kind, CACHED)))
    prove_invariant(at.path, at.heap, (page, frame))


# The end of the table


def destroy(at: Setting) -> None:
    """The end of the table, after the memory caches were given back."""
    rt, path = at.rt, at.path
    rt.around.private = True
    rt.heap = rt.state.kept = replace(at.heap, depth=terms.number(0, 3))
    assume_invariant(path, at.heap)
    path.check("before")
    held = rt.held()
    at.run("destroy", **level_contracts(at))
    unchanged(at, held)
    if at.of_kernel:  # a warning that cannot fire leaves nothing to show on the paths that remain
        at.prove("warning", "no warning fires", True)
    page, _ = goal_points(path, at.heap)
    for level in range(1, rt.shape.levels):
        path.point("frame", as_frame(at.heap, level, page))
    left = negate(less(2, at.heap.kind(page)))
    at.prove("leak", "no page of any kind is left", left)
