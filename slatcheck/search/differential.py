# SPDX-License-Identifier: GPL-2.0-only
"""The judge: a run of an implementation compared with the abstract map, step by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from impl.interface import Event, Implementation, Outcome, Run
from model.abstract_map import NOTHING, AbstractMap, Expected
from model.entry import Entry
from model.layout import Layout
from model.leaf_map import Habit, LeafMap, map_of
from model.operations import ADDRESSED, ENOMEM, FAULTS, Answer, Kind, Op
from model.ports import entry_point, port_of
from model.rules import rule
from model.triggers import beside, beyond, replaced, tall, trigger
from slatcheck.document.identity import Fingerprint
from slatcheck.search.leaves import LeafCase, Named, habit, wrong_answer

_SPURIOUS = frozenset({Kind.MKCLEAN, Kind.MKOLD, Kind.AGE})


@dataclass(frozen=True)
class Symptom:
    """One broken promise in one run, at operation ``step`` (an index into the sequence).

    ``expected`` and ``actual`` map guest frames to raw entries (0: absent) where they differ;
    ``said`` explains in words what the maps cannot. ``stops`` says that the run cannot be
    followed any further, because map and table have parted.
    """

    rule: str
    entry: str
    trigger: str
    step: int
    stops: bool
    contract: bool = True
    imprecise: bool = False
    said: str = ""
    function: str = ""
    where: str = ""
    expected: tuple[tuple[int, int], ...] = ()
    actual: tuple[tuple[int, int], ...] = ()

    @property
    def fingerprint(self) -> str:
        """The stable name of the finding that the symptom belongs to."""
        return str(Fingerprint(self.rule, self.entry, self.trigger, self.contract))


@dataclass(frozen=True)
class Examined:
    """What a run showed: its symptoms, and how many operations were compared by kind."""

    symptoms: list[Symptom]
    compared: dict[Kind, int]


class Judge:
    """Compares runs on one layout with the abstract map.

    ``habits`` are those that were seen of the implementation: plans that know them come true.
    """

    def __init__(self, layout: Layout, pages: bool = True) -> None:
        self.layout = layout
        self.pages = pages
        self.habits: frozenset[Habit] = frozenset()

    def examine(
        self,
        implementation: Implementation,
        ops: Sequence[Op],
        expected: Sequence[Expected] | None = None,
    ) -> Examined:
        """Run ``ops`` on the implementation and return every symptom that can be followed.

        ``expected`` is what plan() predicted for just these operations, all of them within the
        contract: as long as it comes true, the map need not be worked out again.
        """
        return self.examine_run(implementation.run(ops), ops, expected)

    def examine_run(
        self, run: Run, ops: Sequence[Op], expected: Sequence[Expected] | None = None
    ) -> Examined:
        """Return what a run of ``ops`` showed, as ``examine`` does."""
        symptoms: list[Symptom] = []
        start = 0
        if expected is not None:
            start = self._foreseen(ops, expected, run, symptoms)
        state = map_of(self.layout)
        for op, shown in zip(ops[:start], expected or (), strict=False):
            state.replay(op, shown)
        compared = Counter(op.kind for op in ops[:start])
        before = run.outcomes[start - 1] if start else Outcome(0, {})
        for step in range(start, min(len(ops), len(run.outcomes))):
            op, outcome = ops[step], run.outcomes[step]
            compared[op.kind] += 1
            allowed = state.in_contract(op)
            found = self._step(state, op, outcome, before, step, allowed, run.stop == step)
            symptoms += found
            if any(symptom.stops for symptom in found) or run.stop == step:
                break
            if not allowed:
                # Only memory safety is judged, and the map no longer says what is there.
                break
            before = outcome
        return Examined(symptoms, compared)

    def _foreseen(
        self, ops: Sequence[Op], expected: Sequence[Expected], run: Run, symptoms: list[Symptom]
    ) -> int:
        """Return how many operations, from the first, changed and returned just what was expected.

        Events that end nothing and are told apart by their subject are noted in ``symptoms``.
        """
        before = Outcome(0, {})
        for step, (op, wanted, outcome) in enumerate(
            zip(ops, expected, run.outcomes, strict=False)
        ):
            events = outcome.events
            if events and (run.stop == step or not all(map(by_subject, events))):
                return step
            if not self._agrees(op, wanted, outcome, before):
                return step
            symptoms += [self._from_event(op, event, step, "any", True) for event in events]
            before = outcome
        return min(len(expected), len(run.outcomes))

    def _step(
        self,
        state: AbstractMap,
        op: Op,
        outcome: Outcome,
        before: Outcome,
        step: int,
        contract: bool,
        last: bool,
    ) -> list[Symptom]:
        """Judge one operation; the trigger is computed only where something is wrong."""
        if isinstance(state, LeafMap):
            return self._step_of_leaves(state, op, outcome, before, step, contract, last)
        follow = contract and not last
        frame = op.first >> self.layout.page_shift
        past = state.entries.get(frame)
        expected = state.expected(op, outcome.result) if follow else NOTHING
        agrees = not follow or self._agrees(op, expected, outcome, before)
        if agrees and not outcome.events:
            return []
        kind_of = _trigger_before(state, op, frame, past)
        symptoms = [self._from_event(op, e, step, kind_of, contract) for e in outcome.events]
        if not agrees:
            symptoms += self._differences(state, op, outcome, before, expected, step, kind_of)
        return symptoms

    def _step_of_leaves(
        self,
        state: LeafMap,
        op: Op,
        outcome: Outcome,
        before: Outcome,
        step: int,
        contract: bool,
        last: bool,
    ) -> list[Symptom]:
        """Judge one operation of a table that may cover the frames by leaves in several ways."""
        kind_of = trigger(state, op)
        owed = replaced(state, op) or kind_of
        symptoms = [self._from_event(op, e, step, kind_of, contract, owed) for e in outcome.events]
        if not contract or last:
            return symptoms
        past = dict(state.entries)
        seen = habit(state, op, outcome)
        if seen is not None:
            self.habits |= {seen}
        expected = state.expected(op, outcome.result)
        if self._agrees(op, expected, outcome, before):
            return symptoms
        canonical = dict(state.entries)
        state.entries = dict(past)
        decode = self.layout.entry.decode
        state.settle({frame: decode(raw) for frame, raw in outcome.changes.items()})
        case = LeafCase(self.layout, state, past, canonical, op, outcome, before, expected)
        named = case.name()
        if named is None:
            return symptoms
        if named[0] == "collateral-change":
            kind_of = beside(self.layout, op) or kind_of
        shown = sorted(f for d in case.different for f in {d.first, d.last})
        return [*symptoms, self._symptom(case, named, shown, step, kind_of)]

    def _raw(self, expected: Expected) -> dict[int, int]:
        encode = self.layout.entry.encode
        return {
            frame: 0 if entry is None else encode(entry)
            for frame, entry in expected.changes.items()
        }

    def _agrees(self, op: Op, expected: Expected, outcome: Outcome, before: Outcome) -> bool:
        # Once for every operation of a campaign: the cheap and frequent cases come first.
        result, changes, dirty, tables, taken, freed, held, _ = outcome
        kind = op.kind
        if expected.results is not None and result not in expected.results:
            return False
        if (changes or expected.changes) and not self._same_entries(kind, expected, changes):
            return False
        if kind in FAULTS:
            if (dirty or expected.dirty) and not self._reported(dirty, expected.dirty):
                return False
            if result < 0 and self.pages and tables != before.tables:
                return False
        elif tables and self.pages and (kind is Kind.CREATE or (kind is Kind.FLUSH and result)):
            return False
        return taken - freed == held or not self.pages

    def _reported(self, dirty: tuple[int, ...], wanted: frozenset[int]) -> bool:
        """Return whether what was marked dirty is right; without a log marking does nothing."""
        return wanted <= set(dirty) if self.layout.large else wanted == frozenset(dirty)

    def _same_entries(self, kind: Kind, expected: Expected, changes: dict[int, int]) -> bool:
        if kind is Kind.DESTROY:
            return True
        return len(changes) == len(expected.changes) and changes == self._raw(expected)

    def _from_event(
        self, op: Op, event: Event, step: int, kind_of: str, contract: bool, owed: str = ""
    ) -> Symptom:
        """Name an event. What is not about operands is told apart by its subject.

        ``owed`` is the class of the operands as far as a flush is concerned, if that is another.
        """
        promise = rule(event.rule)
        safety = promise.memory_safety or promise.by_operands
        if promise.by_operands:
            # A flush has one address and one size, whatever the range was that it is part of.
            kind_of = tall(self.layout, op) or owed or kind_of
        slug = event.subject.replace(",", "").replace(" ", "-")
        return Symptom(
            rule=event.rule,
            entry=entry_point(self.layout, op.kind),
            trigger=kind_of if safety else slug or kind_of,
            step=step,
            stops=event.fatal,
            contract=contract,
            said=event.detail,
            function=event.function,
            where=event.where,
        )

    def _differences(
        self,
        state: AbstractMap,
        op: Op,
        outcome: Outcome,
        before: Outcome,
        expected: Expected,
        step: int,
        kind_of: str,
    ) -> list[Symptom]:
        wanted = self._raw(expected)
        got = outcome.changes if op.kind is not Kind.DESTROY else wanted
        different = sorted(f for f in wanted.keys() | got.keys() if wanted.get(f) != got.get(f))
        case = _Case(self.layout, state, op, outcome, before, expected, wanted, different)
        return [self._symptom(case, case.name(), different, step, kind_of)]

    def _symptom(
        self, case: _Case | LeafCase, named: Named, shown: list[int], step: int, kind_of: str
    ) -> Symptom:
        """Return the symptom of a case that was named; ``shown`` are the frames that tell of it."""
        op = case.op
        name, said, imprecise = named
        if beyond(self.layout, op):
            name, imprecise = "aliasing", False
        return Symptom(
            rule=name,
            entry=entry_point(self.layout, op.kind),
            trigger=kind_of,
            step=step,
            stops=bool(shown) or op.kind is Kind.CREATE,
            imprecise=imprecise,
            said=said,
            expected=tuple((f, case.map_holds(f)) for f in shown),
            actual=tuple((f, case.table_holds(f)) for f in shown),
        )


AS_BEFORE = -1
"""Stands for a raw entry that is what it was before the operation."""


@dataclass(frozen=True)
class _Case:
    """One disagreement, with all that is needed to name it; ``state`` is the map afterwards."""

    layout: Layout
    state: AbstractMap
    op: Op
    outcome: Outcome
    before: Outcome
    expected: Expected
    wanted: dict[int, int]
    different: list[int]

    def map_holds(self, frame: int) -> int:
        """Return the raw entry that the map holds after the operation."""
        entry = self.state.entries.get(frame)
        return self.layout.entry.encode(entry) if entry else 0

    def table_holds(self, frame: int) -> int:
        """Return the raw entry that the implementation holds, AS_BEFORE where it left it."""
        return self.outcome.changes.get(frame, AS_BEFORE)

    def name(self) -> tuple[str, str, bool]:
        """Return (rule, words, imprecise) of a disagreement: the first rule that fits."""
        for namer in (self._atomicity, self._entries, self._dirty, self._safety, self._pages):
            found = namer()
            if found is not None:
                return found
        spurious = self.op.kind in _SPURIOUS and self.outcome.result == 1
        allowed = self.expected.results or ()
        said = wrong_answer(self.layout, self.op, self.outcome.result, allowed)
        return "wrong-result", said, spurious

    def _atomicity(self) -> tuple[str, str, bool] | None:
        if self.op.kind not in FAULTS or self.outcome.result >= 0:
            return None
        if self.outcome.tables != self.before.tables:
            return "oom-not-atomic", "the operation failed and yet linked a table", False
        if self.different and self.outcome.result == -ENOMEM:
            return "oom-not-atomic", "the operation failed and yet changed entries", False
        return None

    def _entries(self) -> tuple[str, str, bool] | None:
        changes, op = self.outcome.changes, self.op
        if not self.different:
            return None
        if op.kind in FAULTS:
            return self._fault_entries()
        missed = [f for f in self.different if f in self.wanted and f not in changes]
        if missed:
            return "stale-mapping", f"{_entries(missed)} of the range as before", False
        extra = [f for f in self.different if f not in self.wanted]
        if len(extra) == len(self.different) and all(map(self._only_drops, extra)):
            return "collateral-change", f"{_entries(extra)} outside the range changed", True
        return "wrong-entry", "the entry is not what the operation had to leave", False

    def _fault_entries(self) -> tuple[str, str, bool]:
        changes, op = self.outcome.changes, self.op
        if op.retries and op.answer is Answer.PAGE:
            found = [self.layout.entry.decode(changes[f]) for f in self.different if f in changes]
            if any(entry and entry.pfn == op.pfn ^ 1 for entry in found):
                return "lost-invalidation", "the frame from before the invalidation stays", False
        if any(f in self.wanted and f not in changes for f in self.different):
            refused = all(result < 0 for result in self.expected.results or (0,))
            said = "is as before" if refused else "was not installed"
            return "wrong-entry", f"the entry {said}", False
        return "wrong-entry", "the entry is not what was put in", False

    def _dirty(self) -> tuple[str, str, bool] | None:
        if self.op.kind not in FAULTS:
            return None
        reported = frozenset(self.outcome.dirty)
        if self.expected.dirty - reported:
            return "dirty-unreported", "mark_page_dirty was not told of the frame", False
        if reported - self.expected.dirty:
            return "wrong-result", "mark_page_dirty was told of a frame that is clean", True
        return None

    def _safety(self) -> tuple[str, str, bool] | None:
        op, outcome = self.op, self.outcome
        if op.kind is not Kind.FLUSH:
            return None
        if outcome.result and outcome.tables:
            said = f"returned safe to remove with {outcome.tables} tables linked"
            return "unsafe-to-remove", said, False
        if op.first == 0 and op.last >= self.layout.top and not outcome.result:
            return "unsafe-to-remove", "returned unsafe after the whole range", False
        return None

    def _pages(self) -> tuple[str, str, bool] | None:
        if self.outcome.taken - self.outcome.freed != self.outcome.held:
            return "accounting", "pages taken less pages freed are not the pages held", True
        return None

    def _only_drops(self, frame: int) -> bool:
        """Return whether an entry outside the range vanished, or is well formed and only older."""
        raw = self.outcome.changes[frame]
        past, entry = self.state.entries.get(frame), self.layout.entry.decode(raw)
        if not raw:
            return True
        if past is None or entry is None or self.layout.entry.encode(entry) != raw:
            return False
        kept = (entry.pfn, entry.writable) == (past.pfn, past.writable)
        return kept and entry.young <= past.young and entry.dirty <= past.dirty


def _trigger_before(state: AbstractMap, op: Op, frame: int, past: Entry | None) -> str:
    """Return the trigger in the map before ``op``, given the map after it.

    A trigger looks at a fault's own entry, which was ``past``; the other frame that one looks at
    lies outside of the range and is as it was.
    """
    now = state.entries.get(frame)
    if op.kind not in ADDRESSED or now == past:
        return trigger(state, op)
    state.settle({frame: past})
    found = trigger(state, op)
    state.settle({frame: now})
    return found


def by_subject(event: Event) -> bool:
    """Return whether an event is named by its subject, whatever the operands were."""
    promise = rule(event.rule)
    by_operands = promise.memory_safety or promise.by_operands
    return bool(event.subject) and not event.fatal and not by_operands


def _entries(frames: list[int]) -> str:
    return "1 entry" if len(frames) == 1 else f"{len(frames)} entries"


def _shape(state: AbstractMap, op: Op) -> tuple[str, str]:
    """Return (entry point, trigger) of an operation, given the map before it."""
    return entry_point(state.layout, op.kind), trigger(state, op)


class Left(NamedTuple):
    """An operation that a plan leaves out: after how many others it would come, and its shape."""

    after: int
    op: Op
    shape: tuple[str, str]


def plan(
    layout: Layout,
    ops: Sequence[Op],
    excluded: frozenset[tuple[str, str]],
    habits: frozenset[Habit] = frozenset(),
    left: list[Left] | None = None,
) -> tuple[list[Op], list[Expected]]:
    """Return ``ops`` less those whose (entry point, trigger) is excluded, and what they must show.

    An operation's trigger is looked at in the map that the kept ones before it leave; so is
    whether it is within the contract, where that depends on what went before. What is left out
    is added to ``left``.
    """
    state = map_of(layout, habits)
    entries = {entry for entry, _ in excluded}
    kept: list[Op] = []
    expected: list[Expected] = []
    functions = port_of(layout).functions
    watched = {k for k, f in functions.items() if f in entries} - {Kind.CREATE, Kind.DESTROY}
    for op in ops:
        if layout.large and not state.in_contract(op):
            continue
        if op.kind in watched and (shape := _shape(state, op)) in excluded:
            if left is not None:
                left.append(Left(len(kept), op, shape))
            continue
        kept.append(op)
        expected.append(state.apply(op))
    return kept, expected
