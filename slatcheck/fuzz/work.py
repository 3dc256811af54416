# SPDX-License-Identifier: GPL-2.0-only
"""Pieces of a campaign: what a process is sent, what it makes of that, and what is kept of it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from impl.kernel.emulated import EmulatedKernel
from impl.kernel.errors import IsolationError, TreeError, UnsupportedError
from impl.kernel.native.kernel import NativeKernel, native_kernel
from impl.kernel.ports import open_for
from impl.kernel.toolchain import find
from model.operations import Kind
from slatcheck.fuzz.engine import Engine, Slice
from slatcheck.fuzz.parameters import NotCoveredError
from slatcheck.search.campaign import Hit, Search
from slatcheck.search.kept_searches import by_image, hit_of, plain_hit
from slatcheck.search.unit import Report, Unit, kernel_image, search
from support import cache as keeping
from support.cache import settle

SEQUENCES = 4_000
"""Sequences of a piece of work; a few seconds, and what is lost where a run is cut off."""
TRIED = 24
"""Sequences by which native and emulated code are compared before a campaign begins."""


@dataclass(frozen=True)
class Task:
    """Sequences ``first`` .. ``first`` + ``count`` - 1 of a unit, natively.

    ``trusted`` lets code run on a host that cannot confine it. ``known`` are the findings that a
    search made before.
    """

    unit: Unit
    first: int
    count: int
    trusted: bool = False
    known: tuple[Hit, ...] = ()


@dataclass
class Begun:
    """A layout before its campaign: what the search found, and why no campaign follows, if so.

    ``refused`` says why its code is not run natively. ``disagreement`` says where native and
    emulated code differ.
    """

    report: Report
    refused: str = ""
    disagreement: str = ""
    blocks: int = 0
    """Basic blocks of the tree's code in the native image."""


def begin(task: Task) -> Begun:
    """Search a layout in the emulator, and compare native with emulated code.

    Never raises for what the tree contains. Raises IsolationError where the host cannot confine it.
    """
    begun = Begun(search(task.unit))
    if begun.report.failure is not None:
        return begun
    try:
        engine = _engine(task.unit, task.trusted, tuple(begun.report.campaign.hits.values()))
    except (UnsupportedError, NotCoveredError) as reason:
        begun.refused = str(reason)
        return begun
    if not begun.report.ends_everything:
        begun.disagreement = engine.disagreement(range(TRIED))
    begun.blocks = len(engine.native.executor.coverage()[1])
    return begun


def carry_out(task: Task) -> Slice:
    """Run a piece of work, or take over what is kept of it."""
    engine = _engine(task.unit, task.trusted, task.known)
    kept = _Kept(task, engine.native)

    def anew() -> Slice:
        begun = time.monotonic()
        found = engine.run(task.first, task.count)
        found.seconds = time.monotonic() - begun
        return found

    what = f"sequences {task.first} and following of {task.unit.title}"
    found, fresh = settle(task.unit.cache, what, kept.load(), anew, _alike)
    if fresh:
        kept.save(found)
    return found


def shortened(task: Task, hit: Hit) -> Hit:
    """Return a finding with the shortest trace that shows it in the emulator."""
    mark = hit.symptom.fingerprint
    _, emulated = _kernels(task.unit, task.trusted)
    search_ = Search(emulated, task.unit.seed, task.unit.title)
    found = search_.run_these([hit.ops], lambda symptom: symptom.fingerprint == mark)
    return found.hits.get(mark, hit)


def _alike(kept: Slice, made: Slice) -> bool:
    return kept.hits.keys() == made.hits.keys() and kept.compared == made.compared


@lru_cache(maxsize=1)
def _kernels(unit: Unit, trusted: bool) -> tuple[NativeKernel, EmulatedKernel]:
    """Return both kinds of a layout's code; a process that goes on with a layout has them."""
    assert unit.kernel is not None
    report = Report(unit, "kernel")
    image = kernel_image(unit, report)
    tree = open_for(unit.kernel, image.layout)
    emulated = EmulatedKernel(image, report.missing)
    native = native_kernel(tree, image.layout, unit.big_endian, find(unit.cc), unit.cache, trusted)
    return native, emulated


def _engine(unit: Unit, trusted: bool, known: tuple[Hit, ...]) -> Engine:
    """Raises IsolationError, UnsupportedError and NotCoveredError."""
    try:
        native, emulated = _kernels(unit, trusted)
    except IsolationError as reason:
        raise IsolationError(f"{reason}; --trust-tree runs it all the same") from None
    except TreeError as reason:
        raise UnsupportedError(str(reason)) from None
    return Engine(native, emulated, unit.seed, known)


class _Kept:
    """The file of a piece of work; nothing is kept of one that did not end as it should."""

    def __init__(self, task: Task, native: NativeKernel) -> None:
        marks = sorted(hit.symptom.fingerprint for hit in task.known)
        about = (task.unit.title, task.unit.seed, task.first, task.count, marks)
        self._file = by_image(task.unit.folder, "fuzz", native.executor.image, about)

    def load(self) -> Slice | None:
        if self._file is None:
            return None
        try:
            return _slice_of(json.loads(keeping.read(self._file)))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def save(self, found: Slice) -> None:
        if self._file is not None and not found.disagreement:
            keeping.write(self._file, json.dumps(_plain(found)))


def _plain(found: Slice) -> dict[str, Any]:
    plain = vars(found) | {
        "compared": {kind.name: cases for kind, cases in found.compared.items()},
        "hits": {mark: plain_hit(hit) for mark, hit in found.hits.items()},
        "blocks": sorted(found.blocks),
    }
    return plain


def _slice_of(data: dict[str, Any]) -> Slice:
    return Slice(
        compared={Kind[name]: int(cases) for name, cases in data["compared"].items()},
        hits={mark: hit_of(mark, hit) for mark, hit in data["hits"].items()},
        blocks=frozenset(map(int, data["blocks"])),
        seconds=float(data["seconds"]),
        sequences=int(data["sequences"]),
        judged=int(data["judged"]),
        spared=int(data["spared"]),
        sampled=int(data["sampled"]),
        lost=int(data["lost"]),
    )
