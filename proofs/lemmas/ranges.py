# SPDX-License-Identifier: GPL-2.0-only
"""Lemmas on the entry points over ranges of frames, judged by the specification."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from model.contracts import in_contract, slot_limits
from model.operations import ANSWERING, U64, Kind, Op
from proofs import abstraction, terms
from proofs.contracts import entry_of
from proofs.heap import (
    LIVE,
    Heap,
)
from proofs.lemmas.base import Script, Setting, balanced
from proofs.lemmas.tables import level_contracts
from proofs.lifting import Flag, Number, as_plain, lifted, summary, truth_of, unsigned
from proofs.paths import PathEnd
from proofs.runtime.pages import as_frame
from proofs.specs import (
    assume_invariant,
    demand_invariant,
    goal_points,
    prove_invariant,
)
from proofs.symbolic import OverBits, SymbolicRuntime
from proofs.terms import Term, Truth, both, choose, either, implies, negate, same

# Entry points over ranges


def role(kind: Kind) -> str:
    """Return the name by which scripts call the function of an operation."""
    return kind.name.lower()


def entry_point(kind: Kind, locks: bool) -> Script:
    """A function that callers outside the table use; judged by ``model.pointwise``."""

    def script(at: Setting) -> None:
        rt, path = at.rt, at.path
        rt.around.locked = not locks
        op, args = _operands(at, kind)
        before = at.heap
        within = _within(at, op)
        path.check("before")
        at = at.over_bits(OverBits(op, within, bits_rule(op, within)))
        result = at.run(role(kind), *args, **level_contracts(at))
        point = goal_points(path, at.heap)
        _effect(at, op, before, point[1], within)
        if kind in ANSWERING - {Kind.FLUSH}:
            _answer(at, op, before, result, point[1], within)
        if kind is Kind.FLUSH:
            _safe(at, op, result, point[0])
        prove_invariant(path, at.heap, point)
        balanced(at, locked=not locks)

    return script


def _operands(at: Setting, kind: Kind) -> tuple[Op, tuple[Number, ...]]:
    if kind is Kind.FLUSH_ALL:
        return Op(kind, 0, U64), ()
    if kind is Kind.LOG_DIRTY_MASKED:
        base, offset, mask = at.long("base"), at.long("offset"), at.word("mask")
        at.path.assume(truth_of(mask != 0))
        op = Op(kind, as_plain(base), as_plain(offset), as_plain(mask))
        if at.of_kernel:
            at.path.assume(_mask_in_contract(at, op))
        return op, (base, offset, mask)
    first, last = at.long("first"), at.long("last")
    op = Op(kind, as_plain(first), as_plain(last))
    if at.of_kernel:
        at.path.assume(_in_contract(at, op))
    return op, (first, last)


def _in_contract(at: Setting, op: Op) -> Truth:
    """Return whether the kernel's own callers can pass the operands (``model.contracts``)."""
    (found,) = summary(lambda: [truth_of(in_contract(at.layout, op))])
    return terms.truth(found)


def _mask_in_contract(at: Setting, op: Op) -> Truth:
    """The same for a mask, whose bits all lie within a slot."""
    limit, _ = slot_limits(at.layout)
    end = lifted(op.first) + op.last + at.layout.bits
    return truth_of(end <= limit)


def _within(at: Setting, op: Op) -> Truth:
    """Return whether all that the operation names lies within the reach."""
    if op.kind is Kind.FLUSH_ALL:
        return True
    first, end = lifted(op.first), lifted(op.last)
    if op.kind in (Kind.FLUSH, Kind.MKCLEAN, Kind.MKOLD):
        end = lifted(end + 1)
    elif op.kind in (Kind.FLUSH_SLOT, Kind.COMMIT_REGION):
        end = lifted(first + end)
    elif op.kind is Kind.LOG_DIRTY_MASKED:
        end = lifted(first + end + at.layout.bits)
    return truth_of(end <= at.layout.frames)


def _effect(at: Setting, op: Op, before: Heap, frame: Term, within: Truth) -> None:
    expected = abstraction.after(op, frame, entry_of(before, frame), at.layout.page_shift, at.entry)
    right = same(entry_of(at.heap, frame), expected)
    at.prove("exact", "every frame is as the specification says", implies(within, right))
    at.prove("reach", "what lies beyond the reach changes nothing within", either(within, right))


def _answer(at: Setting, op: Op, before: Heap, result: Flag, frame: Term, within: Truth) -> None:
    """The answer is true just if an entry changed; the witness shows one that did."""
    shift = at.layout.page_shift
    counted = op._replace(kind=Kind.AGE) if op.kind is Kind.TEST_AGE else op

    def changed(term: Term) -> Truth:
        raw = entry_of(before, term)
        return negate(same(abstraction.after(counted, term, raw, shift, at.entry), raw))

    told = truth_of(result)
    sound = implies(changed(frame), told)
    witness = terms.bits(at.rt.state.witness, at.rt.shape.frame_bits)
    complete = True if op.kind is Kind.UNMAP else implies(told, changed(witness))
    for clause, premise in (("result", within), ("reach", negate(within))):
        at.prove(clause, "false means that nothing had to change", implies(premise, sound))
        at.prove(clause, "true means that something had to change", implies(premise, complete))


def _safe(at: Setting, op: Op, result: Flag, page: Term) -> None:
    """What 'safe to remove' means at the root."""
    told = truth_of(result)
    for level in range(1, at.rt.shape.levels):
        at.path.point("frame", as_frame(at.heap, level, page))
    bare = terms.at_most(at.heap.kind(page), LIVE)
    at.prove("safe", "safe implies that no table is left below the root", implies(told, bare))
    first, last = lifted(op.first), lifted(op.last)
    whole = both(truth_of(first == 0), truth_of(last >= at.layout.top))
    plain = either(truth_of(last == at.layout.top), truth_of(last == U64))
    at.prove("safe", "the whole range is safe", implies(both(whole, plain), told))
    at.prove("reach", "a range that ends beyond the reach is the whole range", implies(whole, told))


def bits_rule(op: Op, within: Truth) -> Callable[[SymbolicRuntime, Term], Iterator[Number]]:
    """Return the rule of the loop over the bits of a mask: the frames below bit i are clean."""

    def rule(rt: SymbolicRuntime, mask: Term) -> Iterator[Number]:
        path, old, shift = rt.path, rt.heap, rt.layout.page_shift

        def facts(new: Heap, frame: Term, upto: Number) -> list[Truth]:
            raw = entry_of(old, frame)
            done = abstraction.after(op, frame, raw, shift, rt.shape.entry)
            below = truth_of(unsigned(frame) < lifted(op.first) + op.last + upto)
            return [same(entry_of(new, frame), choose(below, done, raw))]

        _, frame = goal_points(path, old)
        path.prove("exact", "no bit has been handled yet", both(*facts(old, frame, 0)))
        demand_invariant(path, rt.state)
        path.settle()
        held = rt.held()
        new = old.havoc("ptes")
        assume_invariant(path, new)
        rt.heap = rt.state.kept = new
        if path.choose(2):
            path.everywhere("frame", lambda f: facts(new, f, 64))
            path.check("after the loop over bits")
            return
        bit = path.fresh("bit", 6)
        path.everywhere("frame", lambda f: facts(new, f, unsigned(bit)))
        chosen = terms.shift_right(mask, terms.bits(bit, 64))
        is_set = same(terms.extract(chosen, 0, 0), 1)
        if path.choose(2):
            path.assume(negate(is_set))
        else:
            path.assume(is_set)
            path.check("in the loop over bits")
            yield unsigned(bit)
        demand_invariant(path, rt.state)
        path.prove("accounting", "a turn takes and gives back alike", held == rt.held())
        _, frame = goal_points(path, rt.heap)
        done = both(*facts(rt.heap, frame, unsigned(bit) + 1))
        for clause, premise in (("exact", within), ("reach", negate(within))):
            path.prove(clause, "a turn handles its bit and no other", implies(premise, done))
        raise PathEnd

    return rule


RANGES = (
    (Kind.FLUSH, False),
    (Kind.MKCLEAN, False),
    (Kind.MKOLD, False),
    (Kind.LOG_DIRTY_MASKED, False),
    (Kind.UNMAP, False),
    (Kind.AGE, False),
    (Kind.TEST_AGE, False),
    (Kind.FLUSH_SLOT, True),
    (Kind.FLUSH_ALL, True),
    (Kind.COMMIT_REGION, True),
)
"""Operations over ranges, and whether their functions take ``mmu_lock`` themselves."""
