# SPDX-License-Identifier: GPL-2.0-only
"""Concrete heaps as the specification sees them, and a watcher that asks it at every call.

The names of pages are small integers: 0 is NULL, then the shared empty tables, then pages in the
order in which they were met. Memory without meaning reads as POISON, so that a predicate which
looks where it should not is found out.
"""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from types import ModuleType
from typing import Any

from impl.multilevel import table
from impl.multilevel.interface import Frame, RangeOp
from impl.multilevel.memory import Block, Fill
from impl.multilevel.runtime import ConcreteRuntime
from model.entry import EntryFormat
from model.layout import Layout
from model.operations import Kind, Op
from model.pointwise import changed
from proofs import contracts
from proofs.contracts import Call, Effect, Named, is_shared
from proofs.evaluation import Model
from proofs.heap import (
    CACHE_SLOTS,
    CACHED,
    ENTRY,
    FREE,
    LIVE,
    LOOSE,
    SHARED,
    Heap,
    Shape,
    empty_marker,
    shape_of,
)
from proofs.terms import Truth, Value, negate

POISON = 0xFFF0
"""What is read where nothing is stored: no page that is known, no entry that is present."""


def integer(value: Value) -> int:
    """Return a value that must be concrete."""
    assert isinstance(value, int)
    return value


class Names:
    """Small integers for the addresses of pages, the same in every view of one run."""

    def __init__(self, markers: Sequence[int]) -> None:
        self._known = {0: 0}
        for level, marker in enumerate(markers):
            self._known[marker] = empty_marker(level)

    def of(self, address: int) -> int:
        """Return the name of an address; a new one if it was never met."""
        return self._known.setdefault(address, len(self._known))

    def address(self, name: int) -> int:
        """Return the address that has a name."""
        return next(address for address, known in self._known.items() if known == name)

    @property
    def number(self) -> int:
        """How many names are in use: 0 and up."""
        return len(self._known)


@dataclass(frozen=True)
class Table:
    """What a live table held when it was looked at."""

    level: int
    slots: dict[int, int]
    fills: list[Fill]

    def get(self, slot: int) -> int | None:
        """Return the raw content of a slot, None where nothing was stored."""
        if slot in self.slots:
            return self.slots[slot]
        return next((one.value for one in self.fills if one.first <= slot <= one.last), None)


@dataclass(frozen=True)
class ConcreteView:
    """A ``proofs.heap.View`` of concrete memory at one moment."""

    shape: Shape
    root: int
    stack: tuple[int, ...]
    depth: int
    names: Names
    format: EntryFormat
    tables: dict[int, Table]
    kinds: dict[int, int]
    bases: dict[int, int]
    orders: dict[int, int]
    ats: dict[tuple[int, int], int]

    def ent(self, name: Value, slot: Value) -> int:
        """Return the name that a slot of a live directory holds."""
        found = self.tables.get(integer(name))
        if found is None or found.level == self.shape.levels - 1:
            return POISON
        held = found.get(integer(slot))
        return POISON if held is None else self.names.of(held)

    def pte(self, name: Value, slot: Value) -> int:
        """Return a slot of a live leaf table, in the proof's own format."""
        found = self.tables.get(integer(name))
        if found is None or found.level != self.shape.levels - 1:
            return POISON
        held = found.get(integer(slot))
        return POISON if held is None else translated(self.format, held)

    def kind(self, page: Value) -> int:
        """Return what a page is."""
        return self.kinds.get(integer(page), FREE)

    def base(self, name: Value) -> int:
        """Return the region that a table covers."""
        return self.bases.get(integer(name), 0)

    def order(self, page: Value) -> int:
        """Return the order with which a page was taken."""
        return self.orders.get(integer(page), 0)

    def at(self, level: int, region: Value) -> int:
        """Return the table of ``level`` that covers ``region``, 0 if none does."""
        return self.ats.get((level, integer(region)), 0)

    def mapped(self) -> list[int]:
        """Return the frames whose slot in a live leaf table is not 0."""
        leaf = self.shape.levels - 1
        return sorted(
            (self.bases[name] << self.shape.entry_bits[leaf]) + slot
            for name, one in self.tables.items()
            if one.level == leaf
            for slot, raw in one.slots.items()
            if raw
        )

    def borders(self) -> list[int]:
        """Return the first and the last frame of every live table."""
        found: set[int] = set()
        for name, one in self.tables.items():
            first = self.bases[name] << self.shape.below(one.level)
            found |= {first, first + (1 << self.shape.below(one.level)) - 1}
        return sorted(found)


def translated(form: EntryFormat, raw: int) -> int:
    """Return a raw entry of a layout in the proof's own format; POISON if neither 0 nor present."""
    entry = form.decode(raw)
    if entry is None:
        return 0 if raw == 0 else POISON
    return ENTRY.encode(entry)


def fits(form: EntryFormat, raw: int) -> bool:
    """Return whether a raw entry is one that the specification has: of its flags and its PFN."""
    entry = form.decode(raw)
    return raw == 0 if entry is None else raw == form.encode(entry)


@dataclass
class Ghosts:
    """What ``proofs.symbolic`` keeps of tables that are gone: nothing but a link changes it."""

    bases: dict[int, int] = field(default_factory=dict)
    ats: dict[tuple[int, int], int] = field(default_factory=dict)


def view_of(rt: ConcreteRuntime, names: Names, ghosts: Ghosts | None = None) -> ConcreteView:
    """Return a view of a runtime's memory; with ``ghosts``, which it updates, none is forgotten."""
    shape, memory = shape_of(rt.layout), rt.memory
    kinds = dict.fromkeys(range(shape.levels), SHARED)
    orders = {names.of(address): block.order for address, block in memory.blocks.items()}
    kinds |= {names.of(address): LOOSE for address in memory.live}
    bases: dict[int, int] = {}
    tables: dict[int, Table] = {}
    ats: dict[tuple[int, int], int] = {}
    root = rt.changes.root
    for level, region, block in _reached(rt, root):
        name = names.of(block.address)
        if level:
            ats[level, region] = name
        if name not in tables:
            kinds[name] = LIVE + level
            bases[name] = region
            tables[name] = Table(level, dict(block.slots), block.fills)
    stack = [names.of(address) for address in rt.cache]
    kinds |= dict.fromkeys(stack, CACHED)
    if ghosts is not None:
        ghosts.bases |= bases
        ghosts.ats |= ats
        bases, ats = dict(ghosts.bases), dict(ghosts.ats)
    padded = (stack + [POISON] * CACHE_SLOTS)[: max(CACHE_SLOTS, len(stack))]
    return ConcreteView(
        shape,
        names.of(root),
        tuple(padded),
        len(stack),
        names,
        rt.layout.entry,
        tables,
        kinds,
        bases,
        orders,
        ats,
    )


def _reached(rt: ConcreteRuntime, root: int) -> Iterator[tuple[int, int, Block]]:
    """Yield level, region and block of every live table that a walk from the root can reach."""
    live = rt.memory.live
    pending = [(0, 0, root)] if root in live else []
    while pending:
        level, region, address = pending.pop(0)
        block = live[address]
        yield level, region, block
        if level < rt.layout.levels - 1:
            for slot, child in sorted(block.items(live.__contains__)):
                pending.append((level + 1, region * rt.layout.tables[level].entries + slot, child))


def call_of(
    layout: Layout, view: ConcreteView, level: int, name: int, start: int, end: int
) -> Call:
    """Return what a call means in frames, as ``SymbolicRuntime.call`` does."""
    shape = view.shape
    region = view.base(name) % (1 << shape.region_bits(level)) if level else 0
    low, high = (
        (one >> layout.page_shift) % layout.frames % (1 << shape.below(level))
        for one in (start, end)
    )
    return Call(level, name, region, low, high, negate(is_shared(level, name)))


def effect_of(op: RangeOp) -> Effect:
    """Return what the specification says that a range operation makes of a raw entry."""
    kind = Kind.MKCLEAN if op is RangeOp.MKCLEAN else Kind.MKOLD

    def effect(raw: Value) -> int:
        entry = changed(kind, ENTRY.decode(integer(raw)))
        return 0 if entry is None else ENTRY.encode(entry)

    return effect


def model_of(heap: Heap, view: ConcreteView) -> Model:
    """Return the model in which a symbolic heap of which nothing is known is the concrete one."""
    found: dict[str, Callable[..., int]] = {
        heap.root.data: lambda: view.root,
        heap.depth.data: lambda: view.depth,
        heap.ents.name: view.ent,
        heap.ptes.name: view.pte,
        heap.kinds.name: view.kind,
        heap.bases.name: view.base,
        heap.orders.name: view.order,
    }
    for place, one in zip(heap.stack, view.stack, strict=True):
        found[place.data] = lambda one=one: one
    for level, ats in enumerate(heap.ats, start=1):
        found[ats.name] = lambda region, level=level: view.at(level, region)
    return found


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


def damaged(view: ConcreteView, **changes: Any) -> ConcreteView:
    """Return a view with other contents."""
    return replace(view, **changes)


def truths(named: Named) -> dict[str, Truth]:
    """Return statements and whether they hold, those of one name joined."""
    found: dict[str, Truth] = {}
    for statement, fact in named:
        found[statement] = bool(fact) and bool(found.get(statement, True))
    return found
