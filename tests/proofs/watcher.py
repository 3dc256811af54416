# SPDX-License-Identifier: GPL-2.0-only
"""A watcher of the table that asks the specification before and after every call."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from types import ModuleType
from typing import Any

from impl.multilevel import table
from impl.multilevel.interface import Frame, RangeOp
from impl.multilevel.runtime import ConcreteRuntime
from model.layout import Layout
from model.operations import Kind, Op
from proofs import contracts
from proofs.contracts import Call, Named
from proofs.heap import FREE, SHARED, shape_of
from proofs.terms import Truth, Value
from tests.proofs.concrete import (
    POISON,
    ConcreteView,
    Ghosts,
    Names,
    Table,
    call_of,
    effect_of,
    fits,
    integer,
    view_of,
)


def algorithm(*changes: tuple[str, str, int]) -> ModuleType:
    """Return the built-in table with pieces of its text replaced: old, new, which one from 1."""
    text = inspect.getsource(table)
    for old, new, nth in changes:
        at = -1
        for _ in range(nth):
            at = text.find(old, at + 1)
            assert at >= 0, f"'{old}' is not in the table"
        text = text[:at] + new + text[at + len(old) :]
    module = ModuleType("watched")
    exec(compile(text, "watched.py", "exec"), vars(module))
    return module


@dataclass(frozen=True)
class Seen:
    """One call of a function of one table: the heap before and after it, and its result."""

    old: ConcreteView
    new: ConcreteView
    call: Call
    op: RangeOp | None
    result: bool


class Watcher:
    """Asks the specification before and after every call of a function of one table.

    ``broken`` has where each statement was first false, ``asked`` how often each was asked.
    """

    def __init__(
        self, layout: Layout, module: ModuleType, rng: Random, ghosts: bool, turns: float = 0.1
    ) -> None:
        self.layout = layout
        self.shape = shape_of(layout)
        self.module = module
        self.rng = rng
        self.turns = turns
        self.asked: Counter[str] = Counter()
        self.broken: dict[str, str] = {}
        self.seen: list[Seen] = []
        self.calls = 0
        self.rt: ConcreteRuntime | None = None
        self._remember = ghosts
        self._wrap()

    def runtime(self, layout: Layout, quirks: Any, module: ModuleType) -> ConcreteRuntime:
        """Return the watched runtime of a new run."""
        rt = Watched(layout, quirks, module)
        rt.watcher = self
        self.names = Names(rt.memory.markers)
        self.ghosts = Ghosts() if self._remember else None
        self.rt = rt
        return rt

    def view(self) -> ConcreteView:
        """Return the heap as it is now."""
        assert self.rt is not None
        return view_of(self.rt, self.names, self.ghosts)

    def _wrap(self) -> None:
        space = vars(self.module)
        flush, change = space["kvm_mips_flush_gpa_level"], space["kvm_mips_range_op_level"]

        def watched_flush(rt: ConcreteRuntime, level: int, page: int, start: int, end: int) -> bool:
            def run() -> bool:
                return bool(flush(rt, level, page, start, end))

            return self._around(run, None, level, page, start, end)

        def watched_change(
            rt: ConcreteRuntime, op: RangeOp, level: int, page: int, start: int, end: int
        ) -> bool:
            def run() -> bool:
                return bool(change(rt, op, level, page, start, end))

            return self._around(run, op, level, page, start, end)

        space["kvm_mips_flush_gpa_level"] = watched_flush
        space["kvm_mips_range_op_level"] = watched_change

    # Questions

    def _ask(self, where: str, named: Named) -> None:
        for statement, fact in named:
            assert isinstance(fact, bool), f"'{statement}' is no truth value but {fact!r}"
            self.asked[statement] += 1
            if not fact:
                self.broken.setdefault(statement, where)

    def frames(self, views: Sequence[ConcreteView], call: Call | None, most: int) -> list[int]:
        """Return the frames to ask at: ends and neighbours first, then mapped ones, then any."""
        shape, rng, top = self.shape, self.rng, self.layout.top
        found: set[int] = set()
        if call is not None:
            first = integer(call.region) << shape.below(call.level)
            ends = {first, first + (1 << shape.below(call.level)) - 1}
            ends |= {first + integer(call.low), first + integer(call.high)}
            found |= {one + delta for one in ends for delta in (-1, 0, 1)}
        rest: set[int] = set()
        for view in views:
            rest |= set(view.mapped())
            rest |= {one + delta for one in view.borders() for delta in (-1, 0, 1)}
        room = most - len(found)
        if len(rest) > room:
            rest = set(rng.sample(sorted(rest), max(0, room)))
        found |= rest | {rng.randrange(top + 1) for _ in range(3)}
        return sorted(one for one in found if 0 <= one <= top)

    def pages(self) -> list[int]:
        """Return every name that is in use and a few that are not."""
        known = self.names.number
        return [*range(known + 2), self.rng.randrange(known, POISON), POISON]

    def invariant(self, view: ConcreteView, where: str, frames: Sequence[int]) -> None:
        """Ask for the whole invariant."""
        self._ask(where, contracts.cache_invariant(view))
        for page in self.pages():
            self._ask(where, contracts.page_invariant(view, page))
        for frame in frames:
            self._ask(where, contracts.frame_invariant(view, frame))
        raws = [
            raw
            for one in view.tables.values()
            if one.level == self.shape.levels - 1
            for raw in one.slots.values()
        ]
        told = "the proof's format has all that an entry holds"
        self._ask(where, [(told, all(fits(view.format, raw) for raw in raws))])

    def between(self, op: Op) -> None:
        """Ask for what holds between operations."""
        view = self.view()
        if op.kind is Kind.DESTROY:
            left = {view.kind(page) for page in self.pages()} - {FREE, SHARED}
            self._ask("destroy", [("no page of any kind is left", not left)])
        elif self.rt is not None and self.rt.changes.root:
            self.invariant(view, f"after {op}", self.frames([view], None, 1 << 20))

    def _around(
        self,
        run: Callable[[], bool],
        op: RangeOp | None,
        level: int,
        page: int,
        start: int,
        end: int,
    ) -> bool:
        self.calls += 1
        old = self.view()
        call = call_of(self.layout, old, level, self.names.of(page), start, end)
        where = f"{op.value if op else 'flush'} of {call}"
        self._ask(where, contracts.requires(old, call))
        self.invariant(old, f"before {where}", self.frames([old], call, 40))
        result = run()
        new = self.view()
        frames = self.frames([old, new], call, 60)
        self.invariant(new, f"after {where}", frames)
        self.effect(Seen(old, new, call, op, result), None, where, frames)
        if op is None:
            for name in self.pages():
                self._ask(where, contracts.flush_page(old, new, call, name))
        self.seen.append(Seen(old, new, call, op, result))
        return result

    def effect(self, seen: Seen, upto: int | None, where: str, frames: Sequence[int]) -> None:
        """Ask for the effect of a call, or of a loop that has come up to a slot."""
        where = where if upto is None else f"{where} up to slot {upto}"
        for frame in frames:
            self._ask(where, facts(seen, frame, upto))
        mapped = {*frames, *seen.old.mapped(), *seen.new.mapped(), *seen.new.borders()}
        witnesses = [witness(seen, frame, upto) for frame in sorted(mapped)]
        for number, (statement, _) in enumerate(witnesses[0]):
            found = any(one[number][1] for one in witnesses)
            self._ask(where, [(statement, found)])
        self._ask(where, modified(seen, self._remember))

    def turn(self, frame: Frame, old: ConcreteView, upto: int) -> None:
        """Ask for the invariant of a loop that is about to handle slot ``upto``."""
        call = call_of(
            self.layout, old, frame.level, self.names.of(frame.table), frame.start, frame.end
        )
        op = next((one for one in RangeOp if one.value in frame.loop), None)
        new = self.view()
        frames = self.frames([old, new], call, 30)
        self.invariant(new, f"in the loop of {frame.loop}", frames)
        self.effect(Seen(old, new, call, op, frame.result), upto, frame.loop, frames)


def facts(seen: Seen, frame: Value, upto: Value | None) -> Named:
    """Return what is promised of any frame."""
    old, new, call = seen.old, seen.new, seen.call
    if seen.op is None:
        found = contracts.flush_frame(old, new, call, frame, upto)
        return found + contracts.flush_result(new, call, seen.result, frame, upto)
    effect = effect_of(seen.op)
    found = contracts.range_result(old, call, effect, seen.result, frame, upto)
    if seen.op is RangeOp.TEST_YOUNG:
        kept = contracts.entry_of(old, frame) == contracts.entry_of(new, frame)
        return [*found, ("a test writes nothing", kept)]
    return found + contracts.range_frame(old, new, call, effect, frame, upto)


def witness(seen: Seen, frame: Value, upto: Value | None) -> Named:
    """Return what is promised of the frame that explains the result."""
    if seen.op is None:
        return contracts.flush_witness(seen.new, seen.call, seen.result, frame, upto)
    effect = effect_of(seen.op)
    return contracts.range_witness(seen.old, seen.call, effect, seen.result, frame, upto)


def modified(seen: Seen, ghosts: bool) -> Named:
    """Return whether nothing but the fields that ``proofs.specs`` lets a call modify changed."""
    old, new, leaf = seen.old, seen.new, seen.old.shape.levels - 1

    def stored(view: ConcreteView, leaves: bool) -> dict[int, Table]:
        return {name: one for name, one in view.tables.items() if (one.level == leaf) == leaves}

    kept = old.orders.items() <= new.orders.items() and old.root == new.root
    kept = kept and (old.stack, old.depth) == (new.stack, new.depth)
    if ghosts:
        kept = kept and (old.bases, old.ats) == (new.bases, new.ats)
    if seen.op is not None or seen.call.level == leaf:
        kept = kept and old.kinds == new.kinds and stored(old, False) == stored(new, False)
    if seen.op is RangeOp.TEST_YOUNG:
        kept = kept and stored(old, True) == stored(new, True)
    return [("nothing else is modified", kept)]


class Watched(ConcreteRuntime):
    """A concrete runtime that tells its watcher of loops and ends of operations."""

    watcher: Watcher

    def end(self) -> None:
        """End an operation."""
        super().end()
        assert self._op is not None
        self.watcher.between(self._op)

    def loop(self, frame: Frame) -> Iterator[int]:
        """Carry out a loop; before a few of its turns, and after it, ask for its invariant."""
        watcher = self.watcher
        rate = watcher.turns
        asks = watcher.rng.random() < (
            rate * 5 if frame.level == self.layout.levels - 1 else rate * 10
        )
        if not asks:
            yield from super().loop(frame)
            return
        old = watcher.view()
        for index in super().loop(frame):
            if index == frame.first or watcher.rng.random() < rate:
                watcher.turn(frame, old, index)
            yield index
        bound = frame.last + 1 if frame.first <= frame.last else frame.first
        watcher.turn(frame, old, bound)


def truths(named: Named) -> dict[str, Truth]:
    """Return statements and whether they hold, those of one name joined."""
    found: dict[str, Truth] = {}
    for statement, fact in named:
        found[statement] = bool(fact) and bool(found.get(statement, True))
    return found
