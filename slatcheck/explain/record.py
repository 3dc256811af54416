# SPDX-License-Identifier: GPL-2.0-only
"""A trace run again, one operation at a time, with what the judge says of the whole run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from impl.interface import Capabilities, Run
from impl.kernel.errors import ToolLimitError, UnsupportedError
from impl.kernel.ports import open_for
from impl.kernel.snapshot import KernelStepper
from impl.ports import quirks_named, reference_of
from impl.snapshot import Step, Stepper
from model.abstract_map import NOTHING, Expected
from model.entry import Entry
from model.layout import Layout
from model.leaf_map import map_of
from model.operations import Op
from model.ports import entry_point
from slatcheck.explain.sources import ROOT, Sources
from slatcheck.judge.traces import Trace, tree_for, unit_of
from slatcheck.names import check_quirks
from slatcheck.search.differential import Judge, Symptom
from slatcheck.search.unit import Report, geometry_symptoms, kernel_implementation


@dataclass(frozen=True)
class Recording:
    """What a run of a trace showed.

    ``expected`` and ``maps`` are what the abstract map says of each operation: its answer, and
    all raw entries afterwards; ``contracts`` whether a caller can pass such operands
    then. ``places`` are file and line of the entry points.
    """

    trace: Trace
    version: str
    steps: list[Step]
    symptoms: list[Symptom]
    expected: list[Expected]
    contracts: list[bool]
    maps: list[dict[int, int]]
    places: dict[str, tuple[str, int]]
    sources: Sources


def record(trace: Trace, kernel: Path | None, cc: str | None, path: Path) -> Recording:
    """Run ``trace`` again and note every step.

    Raises InputError where a tree is needed and missing, TreeError for a tree that is none, and
    UnsupportedError for one that cannot be built or where the runner ran out of room.
    """
    subject = _prepare(trace, tree_for(trace, kernel, path), cc)
    try:
        steps = list(subject.stepper.steps(trace.ops))
    except ToolLimitError as limit:
        raise UnsupportedError(f"the run cannot be shown: {limit}") from None
    symptoms = [*subject.geometry, *_judge(trace, subject.stepper, steps)]
    expected, contracts, maps = _foresee(trace.layout, trace.ops, steps, symptoms)
    return Recording(
        trace,
        subject.version,
        steps,
        symptoms,
        expected,
        contracts,
        maps,
        subject.places,
        subject.sources,
    )


@dataclass(frozen=True)
class _Subject:
    """What is run; ``geometry`` is how a tree's headers differ from the model."""

    stepper: Stepper
    sources: Sources
    version: str = ""
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    geometry: list[Symptom] = field(default_factory=list)


def _prepare(trace: Trace, tree: Path | None, cc: str | None) -> _Subject:
    if tree is None:
        return _Subject(_built_in(trace), Sources(ROOT))

    report = Report(unit_of(trace, tree, cc), "kernel")
    opened = open_for(tree, trace.layout)
    kernel = kernel_implementation(report.unit, report)
    executor = kernel.executor
    return _Subject(
        KernelStepper(kernel),
        Sources(opened.root),
        opened.version,
        report.places,
        geometry_symptoms(trace.layout, executor.geometry(), executor.entry_format()),
    )


def _built_in(trace: Trace) -> Stepper:

    check_quirks(trace.quirks)
    return reference_of(trace.layout).stepper(
        trace.layout, quirks_named(trace.layout, trace.quirks)
    )


@dataclass
class _Recorded:
    """A run that was carried out already, behind the interface that the judge asks for."""

    name: str
    layout: Layout
    capabilities: Capabilities
    done: Run

    def run(self, ops: Sequence[Op]) -> Run:
        return self.done


def _judge(trace: Trace, stepper: Stepper, steps: list[Step]) -> list[Symptom]:
    stop = len(steps) - 1 if steps[-1].stopped else None
    done = Run([step.outcome for step in steps], stop)
    recorded = _Recorded(stepper.name, trace.layout, stepper.capabilities, done)
    judge = Judge(trace.layout, stepper.capabilities.pages)
    return judge.examine(recorded, trace.ops).symptoms


def _foresee(
    layout: Layout, ops: Sequence[Op], steps: list[Step], symptoms: list[Symptom]
) -> tuple[list[Expected], list[bool], list[dict[int, int]]]:
    """Return what the abstract map says of each step that ran, and what it holds after it.

    Where leaves have several sizes, what the table did is what the map holds as long as it is
    right.
    """
    state = map_of(layout)
    expected, contracts, maps = [], [], []
    wrong = {symptom.step for symptom in symptoms}
    for number, (op, step) in enumerate(zip(ops, steps, strict=False)):
        contracts.append(state.in_contract(op))
        if contracts[-1]:
            expected.append(state.expected(op, step.outcome.result))
        else:
            # Nothing is promised of the map: go on with what is there.
            expected.append(NOTHING)
            state.entries = _found(layout, step, state.entries)
        if layout.large and number not in wrong:
            state.entries = _found(layout, step, state.entries)
        maps.append({gfn: layout.entry.encode(entry) for gfn, entry in state.entries.items()})
    return expected, contracts, maps


def _found(layout: Layout, step: Step, before: dict[int, Entry]) -> dict[int, Entry]:
    """Return the entries that the table holds after a step, those before where it is lost."""
    if step.snapshot is None:
        return before
    leaves = step.snapshot.leaves(layout).items()
    return {gfn: entry for gfn, raw in leaves if (entry := layout.entry.decode(raw))}


def entry_of(recording: Recording, op: Op) -> tuple[str, str]:
    """Return the function that carries out ``op`` and the ``file:line`` of its definition."""
    name = entry_point(recording.trace.layout, op.kind)
    file, line = recording.places.get(name, ("", 0))
    return name, f"{file}:{line}" if file else ""
