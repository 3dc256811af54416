# SPDX-License-Identifier: GPL-2.0-only
"""Experiments on what a search found: what else does the same, as evidence of a common cause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from impl.interface import Implementation, Outcome
from impl.kernel.errors import ToolLimitError
from model.operations import ADDRESSED, HALF_OPEN, SLOT, Kind, Op, frame_range
from model.rules import rule
from slatcheck.document.evidence import BELOW, BROKEN, LONGER, NOTHING, WRAPPED, Evidence
from slatcheck.search.below import below, scenes, targets
from slatcheck.search.differential import Judge, Symptom

_FAMILIES = (Kind.LOOKUP, Kind.FLUSH, Kind.MKCLEAN, Kind.MKOLD)
_ENDED = HALF_OPEN | SLOT


class Prober:
    """Tries out, on one implementation, what its symptoms have to do with each other."""

    def __init__(self, implementation: Implementation, judge: Judge) -> None:
        self._implementation = implementation
        self._judge = judge
        self._layout = judge.layout
        self._handing: dict[Kind, frozenset[int]] = {}

    def evidence(self, ops: Sequence[Op], symptom: Symptom) -> Evidence:
        """Return what is to be said of a symptom that ``ops`` show at their last operation.

        Nothing where the implementation reaches a limit: experiments never cost a verdict.
        """
        try:
            return self._evidence(ops, symptom)
        except ToolLimitError:
            return NOTHING

    def _evidence(self, ops: Sequence[Op], symptom: Symptom) -> Evidence:
        if not symptom.contract or not ops or symptom.step != len(ops) - 1:
            return NOTHING
        if symptom.rule == "aliasing":
            return Evidence(as_if=WRAPPED if self._wraps(ops) else "")
        if symptom.rule == "runaway" or ops[-1].kind is Kind.CREATE:
            return NOTHING
        told = self._of_below(ops, symptom)
        if rule(symptom.rule).memory_safety and self._all_fail(ops, symptom):
            return replace(told, as_if=BROKEN)
        return told

    # What the function below does

    def _of_below(self, ops: Sequence[Op], symptom: Symptom) -> Evidence:
        op = ops[-1]
        shifts = [more for more in self._hands_on(op.kind) if self._same(ops, more)]
        if not shifts:
            return NOTHING
        direct = below(self._layout, op)
        if direct is not None and _plain(op):
            verdict = self._judge.examine(self._implementation, [*ops[:-1], direct])
            for other in verdict.symptoms:
                if other.step == symptom.step and _alike(symptom, other):
                    return Evidence(handed_on=other.fingerprint)
        edge = (symptom.rule, symptom.trigger) in _EDGES
        return Evidence(as_if=LONGER if edge and min(shifts) == 1 else "")

    def _hands_on(self, kind: Kind) -> frozenset[int]:
        """Return by how many pages the range may have grown that an entry point hands on.

        Empty where it does something else, of its own, in any of the scenes that are tried.
        """
        if kind not in self._handing:
            kinds = self._implementation.capabilities.kinds
            shifts = {0, 1} if kind in _ENDED else {0}
            target = targets(self._layout).get(kind)
            if target is None or not {kind, target} <= kinds:
                shifts = set()
            for ops in scenes(self._layout, kind) if shifts else ():
                shifts = {more for more in shifts if self._same(ops, more)}
                if not shifts:
                    break
            self._handing[kind] = frozenset(shifts)
        return self._handing[kind]

    def _same(self, ops: Sequence[Op], more: int) -> bool:
        """Whether the function below does the same as the last operation."""
        op = ops[-1]
        direct = below(self._layout, op, more)
        if direct is None:
            return False
        mine, other = self._last(ops), self._last([*ops[:-1], direct])
        if mine is None or other is None or not _decided(mine) or not _decided(other):
            return False
        results = op.kind is not Kind.AGE or bool(mine.result) == bool(other.result)
        return results and mine.changes == other.changes and _fatal(mine) == _fatal(other)

    # What lies beyond the reach, and a table that is broken

    def _wraps(self, ops: Sequence[Op]) -> bool:
        """Whether the last operation does just what it does with its address cut to the reach."""
        op, layout = ops[-1], self._layout
        mine = self._last(ops)
        if mine is None or not _decided(mine):
            return False
        for other_op in wrapped(layout.frames, layout.page_shift, op):
            other = self._last([*ops[:-1], other_op])
            if other is None or mine.changes != other.changes:
                continue
            kinds = ADDRESSED | {Kind.TEST_AGE}
            if op.kind not in kinds or mine.result == other.result:
                return True
        return False

    def _all_fail(self, ops: Sequence[Op], symptom: Symptom) -> bool:
        """Whether all that uses the table at these frames breaks the same rule there.

        The walk may take a wild entry for an absent one, so it may fail at the frame beside.
        """
        layout = self._layout
        if not set(_FAMILIES) <= self._implementation.capabilities.kinds:
            return False
        first, last = frame_range(ops[-1], layout.page_shift) or (0, layout.top)
        first, last = first % layout.frames, min(last, layout.top)
        walks = [Op(Kind.LOOKUP, frame << layout.page_shift) for frame in (first, first ^ 1)]
        ranges = [Op(kind, first, max(first, last)) for kind in _FAMILIES[1:]]
        return any(self._fails(ops, op, symptom.rule) for op in walks) and all(
            self._fails(ops, op, symptom.rule) for op in ranges
        )

    def _fails(self, ops: Sequence[Op], op: Op, name: str) -> bool:
        """Whether ``op`` in the place of the last operation ends by breaking a rule."""
        outcome = self._last([*ops[:-1], op])
        return outcome is not None and name in {rule_name for rule_name, *_ in _fatal(outcome)}

    def _last(self, ops: Sequence[Op]) -> Outcome | None:
        """Return the outcome of the last operation, None where the run does not get there."""
        run = self._implementation.run(ops)
        return run.outcomes[-1] if len(run.outcomes) == len(ops) else None


_EDGES = {("stale-mapping", "ends-at-top"), ("collateral-change", "next-page-mapped")}


def wrapped(frames: int, page_shift: int, op: Op) -> Iterator[Op]:
    """Yield what ``op`` is with its address cut to ``frames`` frames, in each way it can end."""
    if op.kind in ADDRESSED:
        yield op._replace(first=op.first % (frames << page_shift))
        return
    found = frame_range(op, page_shift)
    if found is None:
        return
    first, last = found
    if op.kind is Kind.TEST_AGE:
        yield op._replace(first=first % frames, last=first % frames + 1)
        return
    kind = BELOW.get(op.kind, op.kind)
    for more in (0, 1) if op.kind in _ENDED else (0,):
        yield Op(kind, first % frames, (last + more) % frames)


def _plain(op: Op) -> bool:
    """Whether the range of an operation says all of it: a mask with holes asks for less."""
    run = op.mask >> ((op.mask & -op.mask).bit_length() - 1) if op.mask else 0
    return not op.oom and not run & (run + 1)


def _alike(symptom: Symptom, other: Symptom) -> bool:
    """Whether two symptoms are the same but for the entry point and its operands' class."""
    plain = replace(other, entry=symptom.entry, trigger=symptom.trigger)
    return plain == replace(symptom, stops=other.stops)


def _fatal(outcome: Outcome) -> list[tuple[str, str, str]]:
    return [(event.rule, event.function, event.where) for event in outcome.events if event.fatal]


def _decided(outcome: Outcome) -> bool:
    """Whether an outcome can be compared: what does not end says nothing, and costs much."""
    return all(name != "runaway" for name, *_ in _fatal(outcome))
