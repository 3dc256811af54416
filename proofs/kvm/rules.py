# SPDX-License-Identifier: GPL-2.0-only
"""The rules by which loops of the kernel's C are proved; each demands what it assumes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from model.operations import Op
from proofs import abstraction, terms
from proofs.c.infer import Facts, Number, alike, number_of, numbers, scalar, visible, with_number
from proofs.c.run import BREAK, Loop, Run, Signal
from proofs.c.values import Cell, Int, Value
from proofs.contracts import Call, From, entry_of
from proofs.heap import SLOT_BITS, Heap
from proofs.kvm.machine import KvmMachine, Rule
from proofs.kvm.runtime import CRuntime
from proofs.lifting import as_plain, unsigned
from proofs.paths import Mismatch, Path, PathEnd
from proofs.specs import (
    Specification,
    assume_effect,
    assume_invariant,
    demand_invariant,
    goal_points,
    prove_effect,
    prove_rest,
)
from proofs.terms import Term, Truth, at_most, both, either, implies, negate, same
from proofs.traversal import substitute

FITS = "loop"
"""The clause of what a loop must keep for its invariant to fit; not a promise of the kernel."""


@dataclass
class Subject:
    """The table function that is being proved: its call, what it promises, the heap before."""

    call: Call
    spec: Specification
    before: Heap


def mismatch(loop: Loop, why: str) -> Mismatch:
    """Return what says that no invariant fits a loop."""
    return Mismatch(f"the loop of {loop.key[-2]}: {why}")


# Loops over the slots of a table


class _Head:
    """The variables at the head of a loop: which slot is next, and what the others hold."""

    def __init__(self, run: Run, loop: Loop, facts: Facts, subject: Subject) -> None:
        self.run = run
        self.loop = loop
        self.facts = facts
        self.subject = subject
        self.cells = run.assigned(loop.nodes)
        self.entry = numbers(run)
        self.step, self.direction = self._chosen()
        shape = subject.before.shape
        bounds = subject.call.first(shape), subject.call.last(shape)
        self.first, self.last = (terms.bits(bound, SLOT_BITS) for bound in bounds)

    def _chosen(self) -> tuple[str, int]:
        shape, call = self.subject.before.shape, self.subject.call
        begin = {1: call.first(shape), -1: call.last(shape)}
        for name, direction in self.facts.steps:
            start = self.entry[name].term
            if _same_number(begin[direction], start):
                return name, direction
        wide = [step for step in self.facts.steps if self.entry[step[0]].term.width >= SLOT_BITS]
        if not wide:
            raise mismatch(self.loop, "no variable goes from slot to slot")
        return wide[0]

    def reached(self) -> Term:
        """Return the slot at which the loop begins, one more than it if it goes down."""
        if self.direction > 0:
            return self.first
        return terms.add(self.last, terms.number(1, SLOT_BITS))

    def done(self, upto: Term) -> Term | From:
        """Return which slots are done where ``upto`` is reached."""
        return upto if self.direction > 0 else From(upto)

    def slot(self, upto: Term) -> Term:
        """Return the slot that is next."""
        return upto if self.direction > 0 else terms.subtract(upto, terms.number(1, SLOT_BITS))

    def following(self, upto: Term) -> Term:
        """Return what is reached after the next slot."""
        return terms.add(upto, terms.number(self.direction, SLOT_BITS))

    def stepped(self, upto: Term) -> Term:
        """Return what the stepping variable holds where ``upto`` is reached."""
        start = self.entry[self.step].term
        width = start.width
        begun = self.first if self.direction > 0 else self.last
        here = terms.bits(upto, width)
        if self.direction < 0:
            here = terms.subtract(here, terms.number(1, width))
        if terms.bits(begun, width) is start:
            return here
        return terms.add(start, terms.subtract(here, terms.bits(begun, width)))

    def within(self, upto: Term) -> Truth:
        """Return whether ``upto`` is at the beginning, or between the first slot and the last."""
        end = self.last if self.loop.late else terms.add(self.last, terms.number(1, SLOT_BITS))
        if self.direction > 0:
            return either(
                same(upto, self.first), both(at_most(self.first, upto), at_most(upto, end))
            )
        least = terms.add(self.first, terms.number(int(self.loop.late), SLOT_BITS))
        top = terms.add(self.last, terms.number(1, SLOT_BITS))
        return either(same(upto, top), both(at_most(least, upto), at_most(upto, top)))

    def forget(self, path: Path, upto: Term) -> None:
        """Let variables that the loop changes hold anything that the facts allow."""
        for name, cell in self.cells.items():
            value = scalar(cell)
            number = number_of(value)
            if name not in self.facts.carried or number is None:
                cell.forget()
                continue
            if name == self.step:
                term = self.stepped(upto)
            else:
                term = path.fresh(f"kept {cell.name}", number.term.width)
            cell.leaves[0] = with_number(value, term)

    def facts_hold(self, now: Mapping[str, Number]) -> list[tuple[str, Truth]]:
        """Return the facts on what variables hold. Raises Mismatch where one holds no number."""
        known = set(now) & set(self.entry)
        for template in self.facts.templates:
            if not set(template.names) <= known:
                raise mismatch(self.loop, f"nothing is known any more of {template}")
        return [
            (f"{template} is kept", template.holds(now, self.entry))
            for template in self.facts.templates
        ]

    def result(self, now: Mapping[str, Number]) -> Truth:
        """Return what the function returns if the loop ends here."""
        if self.facts.result is None:
            raise mismatch(self.loop, "the function does not return after it")
        values = {head: now[name].term for name, head in self.facts.heads.items() if name in now}
        (found,) = substitute([self.facts.result], values)
        return found


def _same_number(slot: terms.Value, start: Term) -> bool:
    """Return whether a variable begins with the number of a slot, and can hold any."""
    return start.width >= SLOT_BITS and terms.bits(slot, start.width) is start


class Untouched:
    """The variables that a loop should leave alone; what a turn does to them is looked at after."""

    def __init__(self, run: Run, loop: Loop, cells: Mapping[str, Cell]) -> None:
        self.loop = loop
        self.before = {
            name: (cell, dict(cell.leaves)) for name, cell in visible(run) if name not in cells
        }

    def check(self) -> None:
        """Refuse a turn that changed one of them. Raises Mismatch."""
        for cell, leaves in self.before.values():
            if cell.leaves != leaves:
                raise mismatch(self.loop, f"it changes {cell.name} in a way that was not seen")


def table_rule(subject: Subject, facts: Mapping[tuple[str, ...], Facts]) -> Rule:
    """Return the rule of a loop over the slots of the table that a function is called for."""

    def rule(machine: KvmMachine, run: Run, loop: Loop) -> Signal | None:
        if loop.key not in facts:
            raise mismatch(loop, "nothing was inferred")
        head = _Head(run, loop, facts[loop.key], subject)
        return _table_loop(machine.rt, run, loop, head)

    return rule


def _demand_facts(path: Path, head: _Head, upto: Term) -> None:
    now = numbers(head.run)
    path.prove(FITS, "the loop goes from slot to slot", head.within(upto))
    stepped = same(now[head.step].term, head.stepped(upto))
    path.prove(FITS, "a variable tells the slot", stepped)
    for statement, fact in head.facts_hold(now):
        path.prove(FITS, statement, fact)


def _table_loop(rt: CRuntime, run: Run, loop: Loop, head: _Head) -> Signal | None:
    path, state, subject = rt.path, rt.state, head.subject
    call, spec, before = subject.call, subject.spec, subject.before
    demand_invariant(path, state)
    _demand_facts(path, head, head.reached())
    state.witness = path.fresh("W", before.shape.frame_bits)
    result = head.result(head.entry)
    prove_effect(path, spec, before, state, call, result, head.done(head.reached()))
    path.settle()

    kinds = {name: scalar(cell) for name, cell in head.cells.items()}
    upto = path.fresh("i", SLOT_BITS)
    head.forget(path, upto)
    now = numbers(run)
    path.assume(head.within(upto), *[fact for _, fact in head.facts_hold(now)])
    start = head.result(now)
    assume_effect(path, spec, before, state, call, start, head.done(upto))
    path.check("at the head of the loop")

    ends = not loop.late and loop.test is not None and not path.branch(loop.test())
    if ends:
        path.check("after the loop")
        return None
    here = before.shape.frame_at(call.level, call.region, head.slot(upto))
    path.point("frame", terms.bits(here, before.shape.frame_bits))
    path.check("in the loop")
    earlier = state.witness
    state.witness = here
    held = rt.held()
    untouched = Untouched(run, loop, head.cells)
    signal = loop.body()
    if signal is BREAK:
        return None
    if not loop.goes_on(signal):
        return signal
    loop.step()
    again = not loop.late or loop.test is None or path.branch(loop.test())
    untouched.check()
    _turn_ends(rt, head, kinds, (start, here, earlier), upto, held)
    if not again:
        return None
    raise PathEnd


def _turn_ends(
    rt: CRuntime,
    head: _Head,
    kinds: Mapping[str, Value],
    began: tuple[Truth, terms.Value, terms.Value],
    upto: Term,
    held: object,
) -> None:
    """Demand after a turn what the rule assumed before it."""
    path, state, subject = rt.path, rt.state, head.subject
    for name in head.facts.carried & set(head.cells):
        cell: Cell = head.cells[name]
        if not alike(kinds[name], scalar(cell)):
            raise mismatch(head.loop, f"{cell.name} is another kind of thing after a turn")
    path.prove("accounting", "a turn takes and gives back alike", held == rt.held())
    following = head.following(upto)
    start, here, earlier = began
    after = head.result(numbers(head.run))
    state.witness = subject.spec.explained(start, after, here, state.witness, earlier)
    _demand_facts(path, head, following)
    done = head.done(following)
    prove_effect(path, subject.spec, subject.before, state, subject.call, after, done)


# Loops of attempts


def attempts_rule(machine: KvmMachine, run: Run, loop: Loop) -> Signal | None:
    """Carry out a loop that leaves the table alone: one arbitrary turn, or what follows."""
    rt = machine.rt
    path, heap, held = rt.path, rt.heap, rt.held()
    path.settle()
    rt.others_act()
    cells = run.assigned(loop.nodes)
    for cell in cells.values():
        cell.forget()
    untouched = Untouched(run, loop, cells)
    path.check("in a loop of attempts")
    if not loop.late and loop.test is not None and not path.branch(loop.test()):
        return None
    signal = loop.body()
    if signal is BREAK:
        return None
    if not loop.goes_on(signal):
        return signal
    loop.step()
    if loop.late and loop.test is not None and not path.branch(loop.test()):
        return None
    untouched.check()
    path.prove("accounting", "an attempt leaves nothing taken", held == rt.held())
    path.prove("exact", "an attempt leaves the table alone", heap is rt.heap)
    raise PathEnd


# Loops over the bits of a mask


def bits_rule(op: Op, within: Truth, mask: Term) -> Rule:
    """Return the rule of a loop that takes bits out of a mask: frames of those taken are clean."""

    def rule(machine: KvmMachine, run: Run, loop: Loop) -> Signal | None:
        return _MaskLoop(machine, run, loop, op, within, mask).carry_out()

    return rule


class _MaskLoop:
    """A loop of which one variable holds the bits of a mask that are left."""

    def __init__(
        self,
        machine: KvmMachine,
        run: Run,
        loop: Loop,
        op: Op,
        within: Truth,
        mask: Term,
    ) -> None:
        self.rt = machine.rt
        self.run = run
        self.loop = loop
        self.op = op
        self.within = within
        self.mask = mask
        self.old = machine.rt.heap
        self.cells = run.assigned(loop.nodes)
        names = [name for name, cell in self.cells.items() if self._holds_mask(cell)]
        if not names:
            raise mismatch(loop, "no variable holds the bits that are left")
        self.name = names[0]

    def _holds_mask(self, cell: Cell) -> bool:
        value = scalar(cell)
        return isinstance(value, Int) and value.term is self.mask

    def left(self) -> Term:
        """Return the bits that are left."""
        value = scalar(self.cells[self.name])
        if not isinstance(value, Int) or value.term.width != self.mask.width:
            raise mismatch(self.loop, "the bits that are left are no number")
        return value.term

    def facts(self, heap: Heap, frame: Term, left: Term) -> Truth:
        """Return whether a frame is as the bits taken so far ask."""
        taken = terms.bit_and(self.mask, terms.bit_xor(left, terms.number(-1, left.width)))
        raw = entry_of(self.old, frame)
        shape = self.rt.shape
        # The operation with the bits taken as its mask; none of it where none was taken.
        part = self.op._replace(mask=as_plain(unsigned(taken)))
        done = abstraction.after(part, frame, raw, self.rt.layout.page_shift, shape.entry)
        return same(entry_of(heap, frame), done)

    def subset(self, left: Term) -> Truth:
        """Return whether only bits of the mask are left."""
        return same(terms.bit_and(left, self.mask), left)

    def carry_out(self) -> Signal | None:
        """Carry out the loop."""
        rt, loop = self.rt, self.loop
        path = rt.path
        demand_invariant(path, rt.state)
        _, frame = goal_points(path, self.old)
        path.prove("exact", "no bit has been handled yet", self.facts(rt.heap, frame, self.mask))
        path.settle()
        self._forget()
        held = rt.held()
        if not loop.late and loop.test is not None and not path.branch(loop.test()):
            path.check("after the loop over bits")
            return None
        path.check("in the loop over bits")
        untouched = Untouched(self.run, loop, self.cells)
        signal = loop.body()
        if not loop.goes_on(signal):
            raise mismatch(loop, "it is left before its end")
        loop.step()
        if loop.late and loop.test is not None and not path.branch(loop.test()):
            return None
        untouched.check()
        self._turn_ends(held)
        raise PathEnd

    def _forget(self) -> None:
        rt, path = self.rt, self.rt.path
        left = path.fresh("left", self.mask.width)
        for name, cell in self.cells.items():
            value = scalar(cell)
            cell.forget()
            if name == self.name:
                cell.leaves[0] = with_number(value, left)
        path.assume(self.subset(left))
        new = self.old.havoc("ptes")
        assume_invariant(path, new)
        rt.heap = rt.state.kept = new
        path.everywhere("frame", lambda frame: [self.facts(new, frame, left)])

    def _turn_ends(self, held: object) -> None:
        rt, path = self.rt, self.rt.path
        demand_invariant(path, rt.state)
        path.prove("accounting", "a turn takes and gives back alike", held == rt.held())
        left = self.left()
        path.prove(FITS, "only bits of the mask are left", self.subset(left))
        prove_rest(path, self.old, rt.heap, ("ptes",))
        _, frame = goal_points(path, rt.heap)
        done = self.facts(rt.heap, frame, left)
        for clause, premise in (("exact", self.within), ("reach", negate(self.within))):
            path.prove(
                clause, "a turn handles the bits it takes, and no other", implies(premise, done)
            )
