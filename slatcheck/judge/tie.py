# SPDX-License-Identifier: GPL-2.0-only
"""The tie between proof and C: the same operations on the tree's C and on the proved table.

The theorems are about the built-in table. What they say of a tree reaches as far as the two agree;
the quirks that have to be switched on for that are where they are known to differ.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path

from impl.interface import Outcome, Run
from impl.kernel.build import Image
from impl.kernel.emulated import EmulatedKernel
from impl.kernel.errors import ToolLimitError, TreeError, UnsupportedError
from impl.kernel.ports import kernel_port
from impl.kernel.symbols import Symbols, symbols_of
from impl.ports import reference_of
from impl.quirk import Quirk
from model.contracts import in_contract
from model.layout import Layout
from model.operations import Kind, Op
from model.ports import entry_point
from proofs.ports import has_table
from slatcheck.display.describe import frames
from slatcheck.display.words import count, operation
from slatcheck.search.drawing import draw
from slatcheck.search.kept_searches import by_code, image_digest
from slatcheck.search.sequences import Decoder
from slatcheck.search.unit import Report, Unit, kernel_image
from support import cache as keeping
from support.cache import Mode, if_kept, settle
from support.differences import by
from support.pool import spread

BUDGET = 2_500
"""Operations of a layout after which no further sequence is drawn."""
SEQUENCES = 250
"""Sequences that are drawn at most: where everything breaks, they are short."""
TRIES = 120
"""Sets of quirks that may be tried on a layout."""
"""Where the C lies whose coverage is told."""
_RUNNER = "slat_"
"""How the runner's own functions begin; they stand for a tree's function that left no name."""
_UNSEEN = frozenset({"uninitialised"})
"""Rules whose events are not compared: the table has no memory that could be read unset."""


@dataclass(frozen=True)
class Tie:
    """How far the tree's C and the proved table agree on one layout.

    ``quirks`` are those that the table needs to agree as long; ``operations`` counts, by entry
    point, what was compared and agreed; ``parting`` says where they part, '' where they do not.
    ``coverage`` gives (reached, all) instrumented points of each of the tree's own functions.
    """

    layout: str
    quirks: tuple[str, ...]
    operations: dict[str, int]
    parting: str
    coverage: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class _Trial:
    """What came of one set of quirks; ``cut`` are sequences that only the table ended early."""

    quirks: frozenset[Quirk]
    agreed: Counter[Kind]
    parting: str = ""
    cut: int = 0

    @property
    def score(self) -> tuple[int, bool]:
        """How well the set explains the C; a table that stops at once never parts, so count."""
        return self.agreed.total(), not self.parting

    @property
    def settled(self) -> bool:
        """Whether no other set can agree on more."""
        return not self.parting and not self.cut


def chosen(layouts: Iterable[Layout]) -> list[Layout]:
    """Return the first layout of each number of levels."""
    first: dict[int, Layout] = {}
    for layout in layouts:
        first.setdefault(layout.levels, layout)
    return list(first.values())


def ties(
    kernel: Path,
    layouts: Iterable[Layout],
    *,
    seed: int = 0,
    cc: str | None = None,
    jobs: int = 1,
    cache: Mode = Mode.USE,
) -> list[Tie]:
    """Tie a tree to the proved table on one layout of each number of levels.

    A layout for which the tree cannot be built has no tie.
    """
    proved = comparable(layouts)
    units = [
        Unit(layout.name, True, kernel, cc, (), seed, None, cache)
        for layout in sorted(chosen(proved), key=lambda layout: -layout.levels)
    ]
    found = dict(spread(_tied, units, jobs, _kept))
    return [tied for number in reversed(range(len(units))) if (tied := found[number]) is not None]


def comparable(layouts: Iterable[Layout]) -> list[Layout]:
    """Return the layouts on which a tree's C can be compared with the proved table step by step.

    Tables with large leaves may cover the same frames by other leaves, and both be right.
    """
    return [layout for layout in layouts if has_table(layout) and not layout.large]


def _tied(unit: Unit) -> Tie | None:
    report = Report(unit, "kernel")
    try:
        made = kernel_image(unit, report)
    except (TreeError, UnsupportedError):
        return None
    unseen = _UNSEEN | report.unchecked.keys()
    file = by_code(unit.folder, "tie", made, (unit.seed, sorted(unseen), sorted(report.missing)))
    points: Points = {}
    found, fresh = settle(
        unit.cache,
        f"the comparison of {unit.layout} with the proved table",
        _load(file, made),
        lambda: tie(EmulatedKernel(made, report.missing), unit.seed, unseen, points),
        by(asdict),
    )
    if fresh and file is not None:
        kept = {"image": image_digest(made), "points": sorted(points.items()), "tie": asdict(found)}
        keeping.write(file, json.dumps(kept))
    return found


def _kept(unit: Unit) -> Tie | None:
    return if_kept(unit.cache, lambda: _tied(replace(unit, cache=Mode.ENFORCE)))


def _load(file: Path | None, made: Image) -> Tie | None:
    """Return the tie that is kept in a file, None where there is none that can be read.

    Where the lines of the image have moved since, its functions are looked up once more.
    """
    if file is None:
        return None
    try:
        kept = json.loads(keeping.read(file))
        data = kept["tie"]
        data["quirks"] = tuple(data["quirks"])
        data["coverage"] = {name: (int(a), int(b)) for name, (a, b) in data["coverage"].items()}
        found = Tie(**data)
        if kept["image"] == image_digest(made):
            return found
        points = {int(address): bool(hit) for address, hit in kept["points"]}
        return replace(found, coverage=_coverage(symbols_of(made.elf), made.layout, points))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


Points = dict[int, bool]
"""The instrumented points of an image by address, and whether they were reached."""


def tie(
    kernel: EmulatedKernel,
    seed: int = 0,
    unseen: frozenset[str] = _UNSEEN,
    points: Points | None = None,
) -> Tie:
    """Compare the C, in a machine where nothing has run yet, with the proved table.

    ``unseen`` are rules whose events are not compared. What was reached is noted in ``points``.
    """
    reached: set[int] = set()
    runs, limit = _run_all(kernel, seed, reached)
    layout = kernel.layout
    noted = {} if points is None else points
    noted |= {address: address in reached for address in kernel.executor.coverage()[1]}
    best = _settle(layout, lambda quirks: _try(layout, runs, quirks, unseen))
    kinds = sorted(kernel.capabilities.kinds)
    return Tie(
        layout=layout.name,
        quirks=tuple(quirk.name for quirk in reference_of(layout).quirks if quirk in best.quirks),
        operations={entry_point(layout, kind): best.agreed[kind] for kind in kinds},
        parting=best.parting or limit,
        coverage=_coverage(kernel.executor.symbols, layout, noted),
    )


# The C


_Runs = list[tuple[list[Op], Run]]


def _run_all(kernel: EmulatedKernel, seed: int, reached: set[int]) -> tuple[_Runs, str]:
    """Run drawn sequences on the C; ``reached`` collects addresses. Returns a limit met, if any."""
    runs: _Runs = []
    limits: list[str] = []
    layout, kinds = kernel.layout, kernel.capabilities.kinds
    decoder = Decoder(layout, kinds)

    def carry_out(ops: list[Op]) -> None:
        if limits or sum(len(run.outcomes) for _, run in runs) >= BUDGET:
            return
        try:
            runs.append((ops, kernel.run(ops)))
        except ToolLimitError as limit:
            limits.append(f"the comparison could not go on: {limit}")
        # A fault of the machine starts it afresh, and its coverage with it.
        reached.update(kernel.executor.coverage()[0])

    # Seldom drawn: no memory for the root, and, where every access breaks, an end.
    carry_out([Op(Kind.CREATE, oom=1)])
    carry_out([Op(kind) for kind in (Kind.CREATE, Kind.DESTROY) if kind in kinds])
    draw(seed, SEQUENCES, lambda data: carry_out(_within(layout, decoder.decode(data))))
    return runs, "".join(limits)


def _within(layout: Layout, ops: list[Op]) -> list[Op]:
    """Keep what a caller can pass; a PFN may be any that the layout's addresses allow."""
    return [
        op._replace(pfn=op.pfn & layout.pfn_top)
        for op in ops
        if in_contract(layout, op._replace(pfn=0))
    ]


def _coverage(symbols: Symbols, layout: Layout, points: Points) -> dict[str, tuple[int, int]]:
    """Return (reached, all) points of each function of the tree's own C, by name."""
    folder = kernel_port(layout.port).files.folder
    every: Counter[str] = Counter()
    hit: Counter[str] = Counter()
    for address, reached in points.items():
        place = symbols.place(address)
        if place.where.startswith(folder) and not place.function.startswith(_RUNNER):
            every[place.function] += 1
            hit[place.function] += reached
    return {name: (hit[name], every[name]) for name in sorted(every)}


# The table


_Trying = Callable[[frozenset[Quirk]], _Trial]


def _settle(layout: Layout, attempt: _Trying) -> _Trial:
    """Return the set of quirks that agrees longest, less those that make no difference.

    Begins with all that bite, then with none, and switches one or two over as long as that
    helps.
    """
    biting = [quirk for quirk in reference_of(layout).quirks if quirk.bites(layout)]
    left = [TRIES]
    best = _climb(frozenset(biting), biting, attempt, left)
    if not best.settled:
        other = _climb(frozenset(), biting, attempt, left)
        best = max(best, other, key=lambda trial: trial.score)
    for quirk in biting:
        if quirk in best.quirks:
            without = attempt(best.quirks - {quirk})
            best = without if without.score >= best.score else best
    return best


def _climb(
    start: frozenset[Quirk], biting: Sequence[Quirk], attempt: _Trying, left: list[int]
) -> _Trial:
    best = attempt(start)
    better: _Trial | None = best
    while better is not None and not best.settled:
        better = None
        for size in (1, 2):
            for change in combinations(biting, size):
                if left[0] <= 0:
                    return best
                left[0] -= 1
                trial = attempt(best.quirks ^ frozenset(change))
                if trial.score > (better or best).score:
                    better = trial
            if better is not None:
                best = better
                break
    return best


def _try(layout: Layout, runs: _Runs, quirks: frozenset[Quirk], unseen: frozenset[str]) -> _Trial:
    """Run the table on the same sequences until it and the C part."""
    table = reference_of(layout).table(layout, quirks)
    agreed: Counter[Kind] = Counter()
    cut = 0
    for number, (ops, run) in enumerate(runs, 1):
        comparison = _Comparison(layout, ops, run, table.run(ops), unseen)
        parting = comparison.follow(agreed)
        cut += comparison.cut
        if parting:
            return _Trial(quirks, agreed, f"sequence {number}, {parting}", cut)
    return _Trial(quirks, agreed, "", cut)


@dataclass
class _Comparison:
    """One sequence on both sides."""

    layout: Layout
    ops: Sequence[Op]
    kernel: Run
    table: Run
    unseen: frozenset[str]
    cut: bool = False

    def follow(self, agreed: Counter[Kind]) -> str:
        """Count in ``agreed`` what agrees; return where the sides part, '' where they do not."""
        for step in range(self._first(), len(self.ops)):
            if step >= min(len(self.kernel.outcomes), len(self.table.outcomes)):
                return ""
            stopped = self.kernel.stop == step
            if self.table.stop == step and not stopped:
                # Past a broken promise of memory safety C may do anything, also go on.
                self.cut = True
                return ""
            op = self.ops[step]
            said = self._differ(op, self.kernel.outcomes[step], self.table.outcomes[step], stopped)
            if said:
                text = operation(op, self.layout.page_shift)
                return f"step {step + 1}, {entry_point(self.layout, op.kind)} ({text}): {said}"
            agreed[op.kind] += 1
            if stopped:
                return ""
        return ""

    def _first(self) -> int:
        """Return the first step to compare: a fault of the machine leaves only the last one."""
        last = self.kernel.outcomes[-1] if self.kernel.outcomes else None
        faulted = last is not None and any(event.subject == "fault" for event in last.events)
        return len(self.kernel.outcomes) - 1 if faulted else 0

    def _differ(self, op: Op, c: Outcome, python: Outcome, stopped: bool) -> str:
        """Return what differs in the outcome of one operation."""
        broken = [self._rules(outcome, stopped) for outcome in (c, python)]
        if broken[0] != broken[1]:
            return _difference_text("events", *(", ".join(rules) or "none" for rules in broken))
        if stopped:
            return ""
        if c.held != python.held:
            return _difference_text(
                "pages", *(f"{count(outcome.held, 'page')} held" for outcome in (c, python))
            )
        if op.kind is Kind.DESTROY:
            return ""
        if c.result != python.result:
            return _difference_text("the result", f"{c.result:#x}", f"{python.result:#x}")
        if c.changes != python.changes:
            return self._mapping(c.changes, python.changes)
        if sorted(c.dirty) != sorted(python.dirty):
            return _difference_text(
                "dirty reports", *(str(sorted(outcome.dirty)) for outcome in (c, python))
            )
        if c.tables != python.tables:
            return _difference_text(
                "tables", *(count(outcome.tables, "table") for outcome in (c, python))
            )
        return ""

    def _rules(self, outcome: Outcome, stopped: bool) -> list[str]:
        events = [event for event in outcome.events if event.fatal or not stopped]
        return sorted({event.rule for event in events} - self.unseen)

    def _mapping(self, c: dict[int, int], python: dict[int, int]) -> str:
        frame = min(
            changed for changed in c.keys() | python.keys() if c.get(changed) != python.get(changed)
        )
        shown = [
            self.layout.entry.describe(changes[frame]) if frame in changes else "as before"
            for changes in (c, python)
        ]
        return _difference_text(f"the mapping of {frames(self.layout, frame, frame)}", *shown)


def _difference_text(what: str, c: str, python: str) -> str:
    return f"{what}: the C shows {c}, the table {python}"
