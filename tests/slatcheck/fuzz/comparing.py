# SPDX-License-Identifier: GPL-2.0-only
"""The filter and the judge on the same run: where each finds the first thing that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

from impl.interface import Capabilities, Event, Outcome, Run
from model.layout import Layout
from model.operations import ENOMEM, U64, Answer, Kind, Op
from model.ports import layout
from slatcheck.fuzz.checker import Filter
from slatcheck.fuzz.wire import OpBuffer
from slatcheck.judge.side_by_side import ModelImplementation
from slatcheck.search.differential import Judge
from slatcheck.search.sequences import BLOCK, HEADER, Decoder
from tests.slatcheck.fuzz.recording import Records

ALL = frozenset(Kind)
ONE = layout("mips64-4k")
RECORDS = Records()
BUFFER = OpBuffer(4096)


class Recorded:
    """An implementation that shows what was recorded before."""

    name = "recorded"

    def __init__(self, layout: Layout, run: Run) -> None:
        self.layout = layout
        self.capabilities = Capabilities(ALL)
        self._run = run

    def run(self, ops: Sequence[Op]) -> Run:
        """Return the recorded run."""
        return self._run


def predicted(layout: Layout, ops: Sequence[Op]) -> Run:
    """Return what the map predicts, up to a create that is refused."""
    outcomes = ModelImplementation(layout).run(ops).outcomes
    return Run(outcomes[:1] if ops[0].oom == 1 and ops[0].kind is Kind.CREATE else outcomes)


def judged(layout: Layout, ops: Sequence[Op], run: Run, pages: bool = True) -> int:
    """Return the first operation with a symptom, the number of operations where there is none."""
    found = Judge(layout, pages).examine(Recorded(layout, run), ops).symptoms
    return min((symptom.step for symptom in found), default=len(ops))


def filtered(checker: Filter, ops: Sequence[Op], run: Run, stutter: bool = False) -> int:
    """Return the first operation that the filter suspects, their number where there is none."""
    RECORDS.clear()
    RECORDS.put(run, stutter)
    return checker.first(BUFFER, RECORDS.rings, 0, BUFFER.put(ops))


def drawn(
    layout: Layout, source: Random, operations: int, kinds: frozenset[Kind] = ALL
) -> list[Op]:
    return Decoder(layout, kinds).decode(source.randbytes(HEADER + BLOCK * operations))


Change = Callable[[Outcome, Random], Outcome]


def _result(value: int) -> Change:
    return lambda outcome, _: outcome._replace(result=value)


def _counter(name: str, step: int) -> Change:
    def change(outcome: Outcome, _: Random) -> Outcome:
        value = max(0, getattr(outcome, name) + step)
        return outcome._replace(**{name: value})

    return change


def _flip(outcome: Outcome, source: Random) -> Outcome:
    """Change one bit of an entry that changed."""
    frame = source.choice(sorted(outcome.changes) or [0])
    raw = outcome.changes.get(frame, 0) ^ 1 << source.randrange(64)
    return outcome._replace(changes=outcome.changes | {frame: raw})


def _dropped(outcome: Outcome, source: Random) -> Outcome:
    frames = sorted(outcome.changes)
    gone = source.choice(frames) if frames else -1
    return outcome._replace(changes={f: r for f, r in outcome.changes.items() if f != gone})


def _added(outcome: Outcome, source: Random) -> Outcome:
    frame = source.choice([0, 1, 2, *(f + 1 for f in outcome.changes)])
    return outcome._replace(changes=outcome.changes | {frame: source.choice([0, 1, 0x1003])})


def _moved(outcome: Outcome, source: Random) -> Outcome:
    step = source.choice([1, 512, 1 << 20])
    return outcome._replace(changes={f + step & U64: r for f, r in outcome.changes.items()})


def _undirty(outcome: Outcome, _: Random) -> Outcome:
    return outcome._replace(dirty=())


def _more_dirty(outcome: Outcome, source: Random) -> Outcome:
    return outcome._replace(dirty=(*outcome.dirty, source.choice([0, 5, *outcome.dirty])))


def _event(outcome: Outcome, _: Random) -> Outcome:
    return outcome._replace(events=(*outcome.events, Event("leak", "pgd", "", False)))


def _unbalanced(outcome: Outcome, _: Random) -> Outcome:
    return outcome._replace(taken=0, freed=1, held=(1 << 32) - 1)


CHANGES: tuple[Change, ...] = (
    *(_result(value) for value in (0, 1, 2, -ENOMEM, -14, -1)),
    *(_counter(name, step) for name in ("tables", "taken", "freed", "held") for step in (-1, 1)),
    _flip, _dropped, _added, _moved, _undirty, _more_dirty, _event, _unbalanced,
)  # fmt: skip
"""What may be wrong with an outcome; some of it is right all the same."""


def altered(run: Run, step: int, change: Change, source: Random) -> Run:
    """Return a run of which one outcome is changed."""
    outcomes = list(run.outcomes)
    outcomes[step] = change(outcomes[step], source)
    return Run(outcomes, run.stop)


def everything(run: Run, step: int) -> Iterator[Run]:
    """Yield the run with one outcome changed in each way."""
    for number, change in enumerate(CHANGES):
        yield altered(run, step, change, Random(number))


def page(frame: int, oom: int = 0) -> Op:
    return Op(Kind.FAULT, frame << ONE.page_shift, pfn=5, write=True, writable=True, oom=oom)


SCOPE = (
    Op(Kind.FAULT, 0, pfn=5), page(0), page(1), Op(Kind.FAULT, 0, answer=Answer.ERROR),
    page(0, oom=1), page(ONE.top + 1), Op(Kind.FAULT_FAST, 0, write=True), Op(Kind.LOOKUP),
    Op(Kind.FLUSH, 0, 0), Op(Kind.FLUSH, 0, ONE.top), Op(Kind.MKCLEAN, 0, 1), Op(Kind.MKOLD, 1, 5),
    Op(Kind.LOG_DIRTY_MASKED, 0, 0, mask=5), Op(Kind.UNMAP, 0, 1), Op(Kind.AGE, 0, ONE.frames),
    Op(Kind.TEST_AGE, 0, 1), Op(Kind.COMMIT_REGION, 1, 1), Op(Kind.FLUSH_ALL),
)  # fmt: skip
"""A few operations at the borders of the reach, for all short sequences over them."""
