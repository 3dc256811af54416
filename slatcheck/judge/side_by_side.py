# SPDX-License-Identifier: GPL-2.0-only
"""Two implementations or two layouts on the same sequences: the first operation they part at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from impl.interface import Capabilities, Implementation, Outcome, Run
from impl.kernel.errors import ToolLimitError, UnsupportedError
from impl.ports import others_of
from model.abstract_map import AbstractMap
from model.contracts import in_contract
from model.entry import Entry
from model.layout import Layout
from model.operations import ENOMEM, Answer, Kind, Op, frame_range, from_json, to_json
from model.ports import entry_point, layouts, permitted_layouts, port_of
from model.ports import layout as layout_named
from model.triggers import beyond
from slatcheck.display.describe import frames
from slatcheck.errors import InputError
from slatcheck.search.campaign import DEFAULT_OPS
from slatcheck.search.drawing import LENGTH, draw
from slatcheck.search.sequences import Decoder
from slatcheck.search.shrink import shrink
from slatcheck.search.unit import Report, Unit, kernel_implementation, table

_COMPARED = frozenset({Kind.FAULT, Kind.FAULT_FAST, Kind.LOOKUP, Kind.MKCLEAN, Kind.MKOLD})
_LINEAR_PAGES = 1 << 12


@dataclass(frozen=True)
class Parting:
    """Where two sides part: the shortest trace found, its last step, and what each shows."""

    layout_left: str
    layout_right: str
    left: str
    right: str
    trace: list[dict[str, Any]]
    step: int
    left_shows: list[str]
    right_shows: list[str]
    reason: str


@dataclass(frozen=True)
class Comparison:
    """The outcome of a comparison; ``parting`` is None where the sides agree on everything."""

    parting: Parting | None
    sequences: int
    operations: int
    left: str
    right: str
    notes: list[str] = field(default_factory=list)


def function_of(parting: Parting) -> str:
    """Return the kernel function that carries out the operation at which two sides part."""
    return entry_point(
        layout_named(parting.layout_left), from_json(parting.trace[parting.step]).kind
    )


class ModelImplementation:
    """The abstract map behind the interface of implementations: it shows what it predicts."""

    name = "model"

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.capabilities = Capabilities(frozenset(Kind), pages=False)

    def run(self, ops: Sequence[Op]) -> Run:
        """Predict ``ops``; an out-of-memory fault is predicted to succeed."""
        state, outcomes = AbstractMap(self.layout), []
        encode = self.layout.entry.encode
        for op in ops:
            expected = state.apply(op)
            changes = {f: encode(e) if e else 0 for f, e in expected.changes.items()}
            result = expected.results[0] if expected.results else 0
            outcomes.append(Outcome(result, changes, tuple(expected.dirty)))
        return Run(outcomes)


@dataclass(frozen=True)
class _Side:
    title: str
    make: Callable[[], Implementation]
    layout: Layout
    linear: bool


def _split(spec: str) -> tuple[str, str, str]:
    """Return (name, argument, layout) of ``name[:argument][@layout]``."""
    head, _, layout = spec.rpartition("@") if "@" in spec else (spec, "", "")
    name, _, argument = head.partition(":")
    return name, argument, layout


def _layout(name: str) -> Layout:
    try:
        return layout_named(name)
    except KeyError:
        known = ", ".join(layout.name for layout in layouts()[:3])
        raise InputError(f"no layout called '{name}' (such as {known}); see layouts") from None


def _side(spec: str, fallback: str, cc: str | None) -> _Side:
    name, argument, layout_name = _split(spec)
    layout = _layout(layout_name or fallback)
    title = f"{name}{':' + argument if argument else ''}@{layout.name}"
    if name == "model":
        return _Side(title, lambda: ModelImplementation(layout), layout, linear=False)
    if name in others_of(layout):
        make = others_of(layout)[name]
        return _Side(title, lambda: make(layout, _LINEAR_PAGES), layout, linear=True)
    if name == "multilevel":
        return _Side(title, _table(layout, argument), layout, linear=False)
    if name == "kernel" and argument:
        return _Side(title, _tree(Path(argument).expanduser(), layout, cc), layout, linear=False)
    raise InputError(
        f"'{spec}' is nothing to compare: give model, multilevel[:QUIRK,..], linear or "
        "kernel:PATH, each with @LAYOUT"
    )


def _table(layout: Layout, quirks: str) -> Callable[[], Implementation]:

    names = tuple(name for name in quirks.split(",") if name)
    unit = Unit(layout.name, True, None, None, names, 0, None)
    implementation = table(unit)
    return lambda: implementation


def _tree(path: Path, layout: Layout, cc: str | None) -> Callable[[], Implementation]:

    unit = Unit(layout.name, True, path, cc, (), 0, None)
    try:
        implementation = kernel_implementation(unit, Report(unit, "kernel"))
    except UnsupportedError as problem:
        raise InputError(f"{layout.name} cannot be built: {problem}") from None
    return lambda: implementation


class _Pair:
    """Two sides and what may be compared between them."""

    def __init__(self, left: _Side, right: _Side) -> None:
        if left.layout.page_shift != right.layout.page_shift:
            raise InputError(
                f"{left.layout.name} and {right.layout.name} have pages of different size: "
                "only layouts of one page size can be compared"
            )
        self.left, self.right = left.make(), right.make()
        self.sides = left, right
        self.same = left.layout.name == right.layout.name
        self.linear = left.linear or right.linear
        both = self.left.capabilities, self.right.capabilities
        self.exact = self.same and not self.linear
        self.exact &= "model" not in (self.left.name, self.right.name)
        self.kinds = both[0].kinds & both[1].kinds
        self.pages = self.same and all(side.pages for side in both)
        self.frames = min(left.layout.frames, right.layout.frames)
        if self.linear:
            self.frames = min(self.frames, _LINEAR_PAGES)
        self.smaller = left.layout if left.layout.frames <= right.layout.frames else right.layout

    def prepare(self, ops: list[Op]) -> list[Op]:
        """Keep the operations that mean the same on both sides."""
        return [fixed for op in ops if (fixed := self._common(op)) is not None]

    def _common(self, op: Op) -> Op | None:
        layouts_ = self.sides[0].layout, self.sides[1].layout
        if not all(in_contract(layout, op._replace(pfn=0)) for layout in layouts_):
            return None
        if op.kind is Kind.FAULT:
            fits = min(layout.pfn_top for layout in layouts_)
            op = op._replace(pfn=op.pfn & fits, oom=op.oom if self.exact else 0)
            if self.linear:
                op = op._replace(pfn=5 + (op.first >> self.smaller.page_shift), oom=0)
                op = op._replace(writable=True, write=False, retries=0, answer=Answer.PAGE)
            elif not all(layout.entry.holds(op.pfn) for layout in layouts_) and not self.same:
                return None
        if op.kind is Kind.CREATE and not self.exact:
            op = op._replace(oom=0)
        if self.same and not self.linear:
            return op
        if beyond(self.smaller, op) or self._last(op) >= self.frames:
            return None
        return op

    def _last(self, op: Op) -> int:

        if op.kind is Kind.FLUSH_ALL:
            return 0
        found = frame_range(op, self.smaller.page_shift)
        return found[1] if found else 0

    def part(self, ops: list[Op]) -> tuple[int, str, list[str], list[str]] | None:
        """Return (step, reason, what the left shows, what the right shows) or None."""
        runs = self.left.run(ops), self.right.run(ops)
        for step, op in enumerate(ops):
            outcomes = [run.outcomes[step] if step < len(run.outcomes) else None for run in runs]
            a, b = outcomes
            if a is None or b is None:
                return None
            found = self._differ(op, a, b)
            if found is not None:
                return step, *found
            if any(run.stop == step for run in runs) or a.result == b.result == -ENOMEM:
                return None
        return None

    def _differ(self, op: Op, a: Outcome, b: Outcome) -> tuple[str, list[str], list[str]] | None:
        # What does not end a run is for check to judge; here only the mapping and results count.
        rules = [
            sorted({(e.rule, e.subject) for e in outcome.events if e.fatal}) for outcome in (a, b)
        ]
        if rules[0] != rules[1]:
            said = [[f"{rule}: {subject}" for rule, subject in broken] for broken in rules]
            return "one side broke a rule", said[0] or ["nothing"], said[1] or ["nothing"]
        if op.kind is not Kind.DESTROY:
            views = self._view(0, a), self._view(1, b)
            if views[0] != views[1]:
                changed = [f for f in views[0] | views[1] if views[0].get(f) != views[1].get(f)]
                return "the mapping", self._show(0, a, changed), self._show(1, b, changed)
        if self._result_counts(op, a, b) and self._value(op, 0, a) != self._value(op, 1, b):
            return "the result", [str(self._value(op, 0, a))], [str(self._value(op, 1, b))]
        if self.pages and op.kind is not Kind.DESTROY and (a.tables, a.held) != (b.tables, b.held):
            held = [f"{x.tables} tables, {x.held} pages held" for x in (a, b)]
            return "tables and pages", held[:1], held[1:]
        return None

    def _result_counts(self, op: Op, a: Outcome, b: Outcome) -> bool:
        if -ENOMEM in (a.result, b.result) and not self.same:
            return False
        return op.kind in _COMPARED or (self.exact and op.kind is Kind.AGE)

    def _value(self, op: Op, side: int, outcome: Outcome) -> object:
        if op.kind is not Kind.LOOKUP:
            return outcome.result
        return self._entry(side, outcome.result)

    def _entry(self, side: int, raw: int) -> Entry | int | None:
        if self.same and not self.linear:
            return raw
        entry = self.sides[side].layout.entry.decode(raw)
        return entry.pfn if entry and self.linear else entry

    def _view(self, side: int, outcome: Outcome) -> dict[int, object]:
        return {frame: self._entry(side, raw) for frame, raw in outcome.changes.items()}

    def _show(self, side: int, outcome: Outcome, changed: list[int]) -> list[str]:
        layout = self.sides[side].layout
        return [
            f"{frames(layout, f, f)}: "
            + (layout.entry.describe(outcome.changes[f]) if f in outcome.changes else "as before")
            for f in sorted(changed)
        ]


def diff(
    left: str, right: str, *, seed: int = 0, max_ops: int | None = None, cc: str | None = None
) -> Comparison:
    """Run two implementations or layouts on the same sequences until they part.

    A side is ``name[:argument][@layout]``; a side without a layout takes the other's. Raises
    InputError and TreeError.
    """
    fallback = _split(left)[2] or _split(right)[2] or permitted_layouts()[0].name
    sides = _side(left, fallback, cc), _side(right, fallback, cc)
    pair = _Pair(*sides)
    tried = [0, 0]
    try:
        first = _search(pair, seed, max_ops or DEFAULT_OPS, tried)
        parting = _parting(pair, first) if first else None
    except ToolLimitError as limit:
        raise InputError(f"the comparison cannot go on: {limit}; try fewer operations") from None
    functions = port_of(sides[0].layout).functions
    notes = [
        f"not compared: {name}"
        for kind, name in sorted(functions.items())
        if kind not in pair.kinds
    ]
    return Comparison(parting, tried[0], tried[1], sides[0].title, sides[1].title, notes)


def _search(pair: _Pair, seed: int, budget: int, tried: list[int]) -> list[Op] | None:
    decoder = Decoder(pair.smaller, pair.kinds, reach_only=not pair.same or pair.linear)
    found: list[list[Op]] = []

    def look(data: bytes) -> None:
        if found:
            return
        ops = pair.prepare(decoder.decode(data))
        tried[0] += 1
        tried[1] += len(ops)
        if ops and pair.part(ops) is not None:
            found.append(ops)

    draw(seed, max(1, budget // LENGTH), look)
    return found[0] if found else None


def _parting(pair: _Pair, ops: list[Op]) -> Parting:
    def shows(candidate: list[Op]) -> bool:
        kept = pair.prepare(candidate)
        return kept == candidate and pair.part(candidate) is not None

    ops = shrink(pair.smaller, ops, shows) if shows(ops) else ops
    found = pair.part(ops)
    assert found is not None
    step, reason, left, right = found
    names = [f"{side.title}" for side in pair.sides]
    return Parting(
        layout_left=pair.sides[0].layout.name,
        layout_right=pair.sides[1].layout.name,
        left=names[0],
        right=names[1],
        trace=[to_json(op) for op in ops[: step + 1]],
        step=step,
        left_shows=left,
        right_shows=right,
        reason=reason,
    )
