# SPDX-License-Identifier: GPL-2.0-only
"""Loops over a table with leaves of several sizes in a proof: over addresses, and over slots."""

from __future__ import annotations

from collections.abc import Iterator

from impl.gstage.interface import HostPage, LeafOp, MemSlot, Walk
from impl.multilevel.interface import Frame
from model.layout import Layout
from proofs import terms
from proofs.heap import Heap
from proofs.large_leaves.runtime import LeafTables, nothing_owed
from proofs.leaf_specs import Cleared, first_of, had_to_change, walked, wide
from proofs.lifting import (
    Flag,
    Number,
    SymBool,
    as_plain,
    lift_truth,
    lifted,
    truth_of,
    unsigned,
)
from proofs.paths import Path, PathEnd, Unsupported
from proofs.specs import (
    assume_invariant,
    demand_invariant,
    goal_points,
    prove_invariant,
    prove_rest,
)
from proofs.symbolic import NO_LOOPS, Loops
from proofs.terms import (
    Term,
    Truth,
    Value,
    at_most,
    both,
    choose,
    either,
    implies,
    less,
    negate,
    same,
)

WALKS: dict[str, LeafOp] = {
    **{f"gstage_{op.value}_range": op for op in LeafOp},
    "gstage_unmap_range": LeafOp.CLEAR,
}
"""Loops over addresses, and the operation that each applies."""


class LeafRuntime(LeafTables):
    """One path of a program: its loops are carried out by their invariants."""

    def __init__(
        self,
        path: Path,
        layout: Layout,
        heap: Heap,
        quirks: frozenset[object] = frozenset(),
        loops: Loops = NO_LOOPS,
    ) -> None:
        slots = Loops({"gstage_clear_table": Cleared(layout.levels - 1)}, loops.bits)
        super().__init__(path, layout, heap, quirks, slots)
        self.slot: MemSlot | None = None

    # Loops over slots

    def loop(self, frame: Frame) -> Iterator[Number]:
        """Carry out a loop over slots; each turn flushes what it takes away."""
        before = self.owed
        for index in super().loop(frame):
            self.owed = nothing_owed
            yield index
            self.flushed("a turn flushes what it takes away")
        self.owed = before

    def flushed(self, statement: str) -> None:
        """Demand that no flush is owed of any frame."""
        frame = self.path.fresh("G", self.shape.frame_bits)
        self.path.point("frame", frame, passing=True)
        self.path.prove("flush", statement, negate(self.owed(frame)))

    # Loops over addresses

    def frames(self, address: Number) -> Term:
        """Return the number of an address that begins a frame, or is the end of the reach."""
        reach = self.layout.frames * self.layout.leaf.span
        self.demand("memory", "a range lies within reach", truth_of(lifted(address) <= reach))
        number = lifted(lifted(address) // self.layout.leaf.span)
        return number.sized(self.shape.frame_bits + 1)

    def aligned(self, address: Number) -> Truth:
        """Return whether an address is that of a frame's first byte."""
        return truth_of(lifted(address) % self.layout.leaf.span == 0)

    def steps(self, walk: Walk) -> Iterator[Number]:
        """Carry out a loop over addresses: one arbitrary turn, or what follows."""
        if walk.loop not in WALKS:
            raise Unsupported(f"no invariant is known for the loop of {walk.loop}")
        path, old, op, held = self.path, self.heap, WALKS[walk.loop], self.held()
        start, end = self.frames(walk.start), self.frames(walk.end)
        self.demand("memory", "a range begins and ends with frames",
                    both(self.aligned(walk.start), self.aligned(walk.end)))  # fmt: skip
        demand_invariant(path, self.state)
        self.flushed("nothing is owed before the loop")
        told_before = truth_of(walk.result)
        path.prove("result", "nothing has changed before the loop", negate(told_before))
        path.settle()
        if path.choose(2):
            walk.result = as_plain(lift_truth(self.past(op, start, end)))
            path.check(f"after the loop of {walk.loop}")
            return
        if not path.branch(less(start, end)):
            raise PathEnd
        path.check("where a range is not empty", assumed=False)
        self.owed = nothing_owed
        here = path.fresh("A", self.shape.frame_bits)
        path.point("frame", here)
        at = wide(old, here)
        path.assume(at_most(start, at), less(at, end))
        path.assume(either(same(at, start), same(first_of(old, here), at)))
        told = self.past(op, start, at)
        walk.result = as_plain(lift_truth(told))
        witness = self.state.witness
        path.check(f"in the loop of {walk.loop}")
        yield unsigned(here) * self.layout.leaf.span
        path.prove("accounting", "a turn takes and gives back alike", held == self.held())
        self.flushed("a turn flushes what it takes away")
        self._prove_turn(old, op, (start, end, at), walk, (told, witness))
        raise PathEnd

    def past(self, op: LeafOp, start: Term, upto: Term) -> Term:
        """Let the leaves that have a frame of a range be changed; return whether one had to be."""
        path, old = self.path, self.heap
        new = old
        if op is not LeafOp.TEST_YOUNG:
            new = old.havoc("ptes")
            assume_invariant(path, new)
        self.heap = self.state.kept = new
        told, witness = path.fresh("result", terms.BOOL), path.fresh("W", self.shape.frame_bits)
        path.point("frame", witness)
        self.state.witness = witness

        def facts(frame: Term) -> list[Truth]:
            exact = [fact for _, fact in walked(old, new, op, frame, start, upto)]
            return [*exact, implies(had_to_change(old, op, frame, start, upto), told)]

        path.everywhere("frame", facts)
        path.assume(implies(told, had_to_change(old, op, witness, start, upto)))
        return told

    def _prove_turn(
        self,
        old: Heap,
        op: LeafOp,
        span: tuple[Term, Term, Term],
        walk: Walk,
        before: tuple[Truth, Value],
    ) -> None:
        """Demand what the next turn takes for granted, or what follows the last."""
        path, new = self.path, self.heap
        start, end, at = span
        told, witness = before
        self.demand("memory", "a turn ends with a frame", self.aligned(walk.next))
        number = lifted(lifted(walk.next) // self.layout.leaf.span)
        width, reach = self.shape.frame_bits + 1, self.layout.frames
        within = truth_of(number < reach)
        following = choose(within, number.sized(width), terms.number(reach, width))
        path.prove("memory", "a turn gets on", less(at, following))
        point = terms.low_bits(following, self.shape.frame_bits)
        path.point("frame", point)
        begins = either(at_most(end, following), same(first_of(new, point), following))
        path.prove("exact", "a turn begins where a leaf or a hole does", begins)
        upto = choose(less(following, end), following, end)
        _, frame = points = goal_points(path, new)
        after = truth_of(walk.result)
        for statement, fact in walked(old, new, op, frame, start, upto):
            path.prove("exact", statement, fact)
        changed = had_to_change(old, op, frame, start, upto)
        path.prove("result", "false means that nothing had to change", implies(changed, after))
        here = terms.low_bits(at, self.shape.frame_bits)
        earlier = terms.bits(witness, self.shape.frame_bits)
        shown = choose(both(negate(told), after), here, earlier)
        proof = had_to_change(old, op, shown, start, upto)
        path.prove("result", "true means that something had to change", implies(after, proof))
        allowed = ("ptes",) if op is not LeafOp.TEST_YOUNG else ()
        prove_rest(path, old, new, allowed)
        if new is not self.state.kept:
            prove_invariant(path, new, points)

    # Environment

    def memslot(self, gfn: Number) -> MemSlot:
        """Return the memslot of a guest frame: any that holds it and lies within reach."""
        if self.slot is None:
            path, width = self.path, self.shape.frame_bits + 1
            base, pages = path.fresh("base", width), path.fresh("pages", width)
            end = lifted(unsigned(base)) + unsigned(pages)
            path.assume(truth_of(unsigned(base) <= gfn), truth_of(lifted(gfn) < end))
            path.assume(truth_of(end <= self.layout.frames))
            logs = SymBool(path.fresh("logs", terms.BOOL))
            self.slot = MemSlot(as_plain(unsigned(base)), as_plain(unsigned(pages)), as_plain(logs))
        return self.slot

    def faultin_pfn(self, gfn: Number, write: Flag) -> HostPage:
        """Return the host's page for a guest frame."""
        raise Unsupported("no lemma is about the whole of a fault")
