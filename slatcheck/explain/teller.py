# SPDX-License-Identifier: GPL-2.0-only
"""From a recorded run to its story: goes through the steps and remembers what it saw before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from impl.interface import Outcome
from impl.snapshot import Snapshot
from model.entry import Entry
from model.layout import Layout
from model.operations import (
    ADDRESSED,
    ANSWERING,
    EFAULT,
    ENOMEM,
    INCLUSIVE,
    INSTALLING,
    Kind,
    Op,
    operand_names,
)
from model.rules import rule
from model.triggers import TRIGGERS
from slatcheck.display import describe
from slatcheck.display.address import LOST, Field, split, stands_for
from slatcheck.display.words import count, operation
from slatcheck.explain import strip as strips
from slatcheck.explain.operated import addresses, ranges
from slatcheck.explain.record import Recording, entry_of
from slatcheck.explain.story import Beside, Pages, Split, Step, Story
from slatcheck.explain.strip import Maps

MAX_RANGES = 24
"""Lines of one list of ranges that are shown at most."""
_ERRNO = {-EFAULT: "-EFAULT", -ENOMEM: "-ENOMEM"}


def tell(recording: Recording, replay: str) -> Story:
    """Return the story of a recorded run; ``replay`` is the command that runs it again."""
    trace = recording.trace
    steps = tuple(_Teller(recording).steps())
    broken = [step.number for step in steps if step.broken]
    mine = [
        step.number
        for step in steps
        if any(symptom.fingerprint == trace.fingerprint for symptom in step.symptoms)
    ]
    shift = trace.layout.page_shift
    return Story(
        fingerprint=trace.fingerprint,
        rule=rule(trace.rule),
        entry=trace.entry,
        trigger=trace.trigger,
        trigger_means=TRIGGERS.get(trace.trigger, ""),
        layout=trace.layout,
        subject=f"Linux {recording.version}" if recording.version else "the built-in page table",
        quirks=trace.quirks,
        seed=trace.seed,
        replay=replay,
        steps=steps,
        step=next(iter(mine or broken), None),
        shown=bool(mine),
        not_run=tuple(operation(op, shift) for op in trace.ops[len(steps) :]),
    )


class _Teller:
    """Goes through a recording, remembering what it saw before."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.layout = recording.trace.layout
        self.last: Snapshot | None = None
        self.held: dict[int, int] = {}
        self.linked: set[int] = set()
        self.taken = self.freed = 0

    def steps(self) -> Iterable[Step]:
        """Yield the steps in order."""
        for number in range(len(self.recording.steps)):
            yield self._step(number)

    def _step(self, number: int) -> Step:
        recording, layout = self.recording, self.layout
        op, done = recording.trace.ops[number], recording.steps[number]
        outcome, expected = done.outcome, recording.expected[number]
        before, previous = self.held, self.last
        actual = done.snapshot.leaves(layout) if done.snapshot is not None else None
        wanted = recording.maps[number]
        contract = recording.contracts[number]
        maps = Maps(before, wanted, actual)
        spans = ranges(layout, op)
        entry, entry_at = entry_of(recording, op)
        symptoms = tuple(symptom for symptom in recording.symptoms if symptom.step == number)
        step = Step(
            number=number,
            op=op,
            words=operation(op, layout.page_shift),
            entry=entry,
            entry_at=entry_at,
            operands=_operands(op),
            splits=tuple(_split(layout, *address) for address in addresses(layout, op)),
            spans=tuple(spans),
            in_contract=contract,
            before=self._lines(before),
            after=self._lines(actual) if actual is not None else (),
            wanted_after=self._lines(wanted),
            wanted=self._lines(_raw(layout, expected.changes)) if contract else (),
            got=self._lines(_changes(op, outcome, before, actual)),
            result_wanted=_results(layout, op, expected.results) if contract else "anything",
            result_got=_result(layout, op, outcome.result) if not done.stopped else "nothing",
            symptoms=symptoms,
            events=outcome.events,
            pages=self._pages(outcome) if done.snapshot is not None else None,
            beside=self._beside(op, done.snapshot),
            snapshot=done.snapshot if done.snapshot is not None else previous,
            previous=previous,
            snapshot_is=_moment(done.snapshot is not None, done.stopped),
            maps=maps,
            strip=strips.make(layout, spans, maps),
            excerpts=tuple(
                recording.sources.excerpts(
                    done.lines,
                    [event.where for event in outcome.events if event.where],
                    entry,
                    entry_at,
                )
            ),
            stopped=done.stopped,
        )
        if done.snapshot is not None:
            self.last, self.held = done.snapshot, actual or {}
            self.linked |= {table.address for table in done.snapshot.tables}
        return step

    def _lines(self, entries: Mapping[int, int]) -> tuple[str, ...]:
        lines = describe.entries(self.layout, entries.items())
        if len(lines) > MAX_RANGES:
            left = len(lines) - MAX_RANGES
            lines = [*lines[:MAX_RANGES], f"and {count(left, 'more range')}"]
        return tuple(lines)

    def _pages(self, outcome: Outcome) -> Pages:
        taken, freed = outcome.taken - self.taken, outcome.freed - self.freed
        self.taken, self.freed = outcome.taken, outcome.freed
        return Pages(taken, freed, outcome.held, outcome.tables)

    def _beside(self, op: Op, snapshot: Snapshot | None) -> Beside:
        loose = snapshot.loose if snapshot is not None else ()
        if op.kind is Kind.DESTROY:
            return Beside(loose, ())
        lost = tuple(address for address in loose if address in self.linked)
        return Beside(lost, tuple(address for address in loose if address not in self.linked))


def _changes(
    op: Op, outcome: Outcome, before: Mapping[int, int], actual: Mapping[int, int] | None
) -> Mapping[int, int]:
    """Return the entries that the operation changed; of a destroy, outcomes tell none."""
    if op.kind is not Kind.DESTROY or actual is None:
        return outcome.changes
    return {gfn: actual.get(gfn, 0) for gfn in before if actual.get(gfn, 0) != before[gfn]}


def _moment(known: bool, stopped: bool) -> str:
    if not known:
        return "before the operation: the machine stopped in it"
    return "as it stood when the operation was stopped" if stopped else "after the operation"


def _operands(op: Op) -> tuple[tuple[str, str], ...]:
    """Return the operands that count, by name, in hex where they are addresses or frames."""
    found = [
        (name, f"{value:#x}")
        for name, value in zip(operand_names(op.kind), (op.first, op.last), strict=True)
        if name and (value or op.kind is not Kind.CREATE)
    ]
    if op.kind is Kind.LOG_DIRTY_MASKED:
        found.append(("mask", f"{op.mask:#x}"))
    if op.kind in (Kind.FAULT, Kind.FAULT_FAST):
        found.append(("access", "write" if op.write else "read"))
    if op.kind is Kind.FAULT:
        found.append(("answer", op.answer.name.lower().replace("_", " ")))
        found.append(("pfn", f"{op.pfn:#x}"))
        found.append(("page", "writable" if op.writable else "read-only"))
        if op.retries:
            found.append(("invalidations meanwhile", str(op.retries)))
    if op.order:
        found.append(("page of the host", f"2^{op.order} base pages"))
    if op.skew:
        found.append(("out of step by", f"{op.skew:#x} pages"))
    if op.oom:
        found.append(("fails", f"allocation {op.oom}"))
    return tuple(found)


def _split(layout: Layout, name: str, address: int) -> Split:
    fields = tuple(split(layout, address))
    reasons = [_astray(layout, field) for field in fields if field.stray]
    note = ""
    if reasons:
        lands = stands_for(layout, address)
        note = f"{' and '.join(reasons)}: the fields that are left are those of GPA {lands:#x}"
    return Split(name, address, fields, note)


def _astray(layout: Layout, field: Field) -> str:
    bits = f"bits {field.high}..{field.low}" if field.bits > 1 else f"bit {field.low}"
    if field.name == LOST:
        kind = "an address" if layout.address_bits else "an unsigned long"
        return f"{bits} cut off, {kind} has {layout.address_bits or layout.bits}"
    return f"{bits} set where no level looks"


def _raw(layout: Layout, changes: Mapping[int, Entry | None]) -> dict[int, int]:
    return {
        gfn: layout.entry.encode(entry) if entry is not None else 0
        for gfn, entry in changes.items()
    }


def _result(layout: Layout, op: Op, value: int) -> str:
    if op.kind is Kind.LOOKUP:
        return layout.entry.describe(value)
    if op.kind in ANSWERING and not (layout.large and op.kind in INCLUSIVE):
        meaning = "safe to remove" if op.kind is Kind.FLUSH else "yes"
        return f"{value} ({meaning if value else 'no' if meaning == 'yes' else 'not safe'})"
    if op.kind in ADDRESSED | INSTALLING or op.kind is Kind.CREATE:
        return _ERRNO.get(value, str(value))
    return "nothing"


def _results(layout: Layout, op: Op, values: tuple[int, ...] | None) -> str:
    if values is None:
        return "nothing"
    return " or ".join(_result(layout, op, value) for value in values)
