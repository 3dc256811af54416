# SPDX-License-Identifier: GPL-2.0-only
"""A plain Hypothesis state machine until its first finding, in a process of its own.

``python -m bench.planting.machine IMAGE SEED SECONDS RECORD``: the tree's code runs in that process
itself, so that a crash, or a loop without an end, is its end, and a finding. The record, a file,
has how far it came.
"""

from __future__ import annotations

import mmap
import os
import pickle
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import ClassVar

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import initialize, invariant, run_state_machine_as_test

from bench.differential import Compared, Speed, rules
from bench.native import InProcess
from bench.planting.campaign import First
from impl.kernel.build import Image
from impl.kernel.executor import Executor
from model.abstract_map import AbstractMap
from model.operations import ENOMEM, Kind, Op
from slatcheck.search.drawing import LENGTH

STUCK = 2
"""Seconds after which an operation counts as one that never ends."""
FOUND, LATE = 3, 4
"""How the process ends."""
_RECORD = struct.Struct("=Q2d")


class Record:
    """How far a run is, in a file that another process reads also once this one has crashed."""

    def __init__(self, file: Path) -> None:
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), _RECORD.size)
        self.operations = 0
        self.begun = self.last = 0.0

    def step(self) -> None:
        """Note one more operation."""
        self.operations += 1
        self.last = time.monotonic()
        self.begun = self.begun or self.last
        _RECORD.pack_into(self._memory, 0, self.operations, self.begun, self.last)


class Strict(Compared):
    """The state machine of a repaired tree: it passes over nothing, and looks at the heap as well.

    Each sequence ends with a destroy. The first difference ends the process.
    """

    record: ClassVar[Record]
    until: ClassVar[float]

    @initialize()
    def create(self) -> None:
        """Begin with a table that maps nothing."""
        self.state = AbstractMap(self.chosen)
        self.shown = {}
        self.step(Op(Kind.CREATE))

    def teardown(self) -> None:
        """Give all of it back."""
        self.step(Op(Kind.DESTROY))

    def step(self, op: Op) -> None:
        """Make one call and compare all that it shows."""
        signal.alarm(STUCK)
        resume = op.kind is not Kind.CREATE
        outcome = self.emulated.run([op], resume=resume, logged=False).outcomes[0]
        signal.alarm(0)
        self.record.step()
        short = op.kind is Kind.FAULT and op.oom and outcome.result == -ENOMEM
        expected = (self.state.fault_without_memory if short else self.state.apply)(op)
        encode = self.chosen.entry.encode
        wanted = {f: encode(e) if e else 0 for f, e in expected.changes.items()}
        if op.kind is Kind.DESTROY:
            # The table is gone, and nobody looks at what it held.
            wanted, self.shown = outcome.changes, {}
        result = expected.results is None or outcome.result in expected.results
        dirty = frozenset(outcome.dirty) == expected.dirty
        if outcome.events or not result or not dirty or outcome.changes != wanted:
            os._exit(FOUND)
        if self.record.last > self.until:
            os._exit(LATE)
        self.shown |= outcome.changes
        self.shown = {frame: raw for frame, raw in self.shown.items() if raw}

    @invariant()
    def same_mapping(self) -> None:
        """Compare what was shown with what the abstract map holds."""
        encode = self.chosen.entry.encode
        if self.shown != {frame: encode(entry) for frame, entry in self.state.entries.items()}:
            os._exit(FOUND)


def state_machine(image: Image, seed: int, limit: float) -> First:
    """Run the state machine over an image of ``bench.native`` until something is found."""
    with tempfile.TemporaryDirectory(prefix="slatcheck-") as name:
        file, record = Path(name) / "image", Path(name) / "record"
        file.write_bytes(pickle.dumps(image))
        record.write_bytes(bytes(_RECORD.size))
        command = [
            sys.executable,
            "-m",
            __spec__.name,
            str(file),
            str(seed),
            str(limit),
            str(record),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        operations, begun, last = _RECORD.unpack(record.read_bytes())
    spent = last - begun
    if done.returncode == LATE:
        return First(spent, operations)
    if done.returncode == FOUND:
        return First(spent, operations, "a difference")
    if done.returncode < 0:
        ended = signal.Signals(-done.returncode)
        spent += STUCK if ended is signal.SIGALRM else 0
        return First(spent, operations + 1, ended.name)
    return First(spent, operations, failure=done.stderr.strip().rpartition("\n")[2])


def _run(image: Image, seed: int, limit: float, record: Record) -> None:
    """Run until the process ends."""
    executor = Executor(image, InProcess)
    Strict.record, Strict.until = record, time.monotonic() + limit
    table = {"chosen": image.layout, "emulated": executor, "speed": Speed()}
    machine = type("Table", (Strict,), table | rules(image.layout))
    run_state_machine_as_test(
        hypothesis.seed(seed)(machine),
        settings=settings(
            max_examples=1_000_000,
            stateful_step_count=LENGTH,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


def main() -> None:
    """Run as the module says."""
    image, seed, limit, record = sys.argv[1:]
    made = pickle.loads(Path(image).read_bytes())
    _run(made, int(seed), float(limit), Record(Path(record)))


if __name__ == "__main__":
    main()
