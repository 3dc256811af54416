# SPDX-License-Identifier: GPL-2.0-only
"""Pieces of a campaign: what a process is sent, what it makes of that, and what is kept of it."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from impl.kernel.build import Image
from impl.kernel.emulated import EmulatedKernel
from impl.kernel.errors import IsolationError, TreeError, UnsupportedError
from impl.kernel.native.kernel import NativeKernel, native_parts
from impl.kernel.ports import open_for
from impl.kernel.toolchain import find
from model.leaf_map import Habit
from model.operations import Kind
from slatcheck.fuzz.corpus import EMPTY, Corpus, input_of, plain_input
from slatcheck.fuzz.coverage import Features, features_of, plain_features
from slatcheck.fuzz.engine import Slice
from slatcheck.fuzz.exploring import Explored, Explorer
from slatcheck.fuzz.parameters import NotCoveredError
from slatcheck.fuzz.scope import scope
from slatcheck.search.campaign import Hit, Search
from slatcheck.search.kept_searches import by_image, hit_of, plain_hit, tool
from slatcheck.search.unit import Report, Unit, kernel_image, search
from support import cache as keeping
from support.cache import Mode, different, missing
from support.differences import by

SEQUENCES = 4_000
"""Sequences of a piece of work; a few seconds, and what is lost where a run is cut off."""
TRIED = 24
"""Sequences by which native and emulated code are compared before a campaign begins."""


@dataclass(frozen=True)
class Kit:
    """All that a process needs of a layout: both kinds of code, and what starts the native one.

    ``tool`` is the digest of the sources that made it: who runs it must have the same.
    """

    native: Image
    loader: bytes
    emulated: Image
    missing: tuple[tuple[Kind, str], ...]
    tool: str


@dataclass(frozen=True)
class Task:
    """Sequences ``first`` .. ``first`` + ``count`` - 1 of a unit, natively.

    ``trusted`` lets code run on a host that cannot confine it. ``known`` are the findings that a
    search made before. Sequences are bred from ``corpus``; with ``again`` they are its inputs.
    """

    unit: Unit
    first: int
    count: int
    trusted: bool = False
    known: tuple[Hit, ...] = ()
    corpus: Corpus = EMPTY
    again: bool = False


@dataclass
class Begun:
    """A layout before its campaign: what the search found, and why no campaign follows, if so.

    ``refused`` says why its code is not run natively. ``disagreement`` says where native and
    emulated code differ. ``blocks`` are the basic blocks of the tree's code in the native image.
    """

    report: Report
    refused: str = ""
    disagreement: str = ""
    blocks: int = 0
    kit: Kit | None = None


def begin(task: Task) -> Begun:
    """Search a layout in the emulator, and compare native with emulated code.

    Never raises for what the tree contains. Raises IsolationError where the host cannot confine it.
    """
    begun = Begun(search(task.unit))
    if begun.report.failure is not None:
        return begun
    try:
        begun.kit = kit_of(task.unit)
        engine = _engine(begun.kit, replace(task, known=tuple(begun.report.campaign.hits.values())))
    except (TreeError, UnsupportedError, NotCoveredError) as reason:
        begun.refused = str(reason)
        return begun
    if begun.report.ends_everything is None:
        begun.disagreement = engine.disagreement(range(TRIED))
    begun.blocks = len(engine.native.executor.coverage()[1])
    return begun


def kit_of(unit: Unit) -> Kit:
    """Build what a unit's campaign needs. Raises TreeError and UnsupportedError."""
    assert unit.kernel is not None
    report = Report(unit, "kernel")
    emulated = kernel_image(unit, report)
    tree = open_for(unit.kernel, emulated.layout)
    native, program = native_parts(
        tree, emulated.layout, unit.big_endian, find(unit.cc), unit.cache
    )
    return Kit(native, program, emulated, tuple(report.missing.items()), tool())


_ONE_AT_A_TIME = threading.Lock()
"""Workers of a cluster may have several threads, and an engine is not for several."""


def carry_out(item: tuple[Task, Kit, Corpus]) -> Slice:
    """Run a piece of work; its corpus, which many have in common, is given beside it.

    Raises IsolationError where the host cannot confine code, and OtherVersionError where the kit
    was made by another version of the tool.
    """
    task, kit, corpus = item
    _refuse_others(kit)
    with _ONE_AT_A_TIME:
        begun = time.monotonic()
        found = _engine(kit, task).run(task.first, task.count, corpus, task.again)
        found.seconds = time.monotonic() - begun
        return found


def reach(item: tuple[Task, Kit]) -> list[Features]:
    """Return what each input of a task's corpus reaches; nothing where it was not run to its end.

    Raises IsolationError as ``carry_out`` does.
    """
    task, kit = item
    _refuse_others(kit)
    with _ONE_AT_A_TIME:
        engine = _engine(kit, task)
        numbers = range(len(task.corpus.inputs))
        return [engine.run(number, 1, task.corpus, again=True).reached for number in numbers]


def explore(item: tuple[Task, Kit, int]) -> Explored:
    """Explore the scope of a layout to a depth.

    Raises IsolationError and OtherVersionError as ``carry_out`` does.
    """
    task, kit, depth = item
    _refuse_others(kit)
    with _ONE_AT_A_TIME:
        engine = _engine(kit, task)
        return engine.explore(scope(engine.layout, engine.native.capabilities.kinds), depth)


def _refuse_others(kit: Kit) -> None:
    """Raise OtherVersionError for a kit that was made by another version of the tool."""
    if kit.tool != tool():
        raise OtherVersionError("a worker has another version of slatcheck than the client")


class OtherVersionError(Exception):
    """Who does the work has other sources than who handed it out."""


def kernels(kit: Kit, trusted: bool = False) -> tuple[NativeKernel, EmulatedKernel]:
    """Return both kinds of a layout's code, as a campaign uses them.

    Their events do not say where in the code they are: that is asked only of what is shown, and
    before that each finding is made short by an emulator that says it.
    """
    missing = dict(kit.missing)
    native = NativeKernel(kit.native, missing, kit.loader, trusted)
    emulated = EmulatedKernel(kit.emulated, missing)
    native.executor.names_places = emulated.executor.names_places = False
    return native, emulated


_kernels = lru_cache(maxsize=1)(kernels)
"""A process that goes on with a layout has its code already."""


def forget() -> None:
    """End the native process of this one, and give its memory back."""
    _kernels.cache_clear()


def _engine(kit: Kit, task: Task) -> Explorer:
    """Raises IsolationError and NotCoveredError."""
    try:
        native, emulated = _kernels(kit, task.trusted)
    except IsolationError as reason:
        raise IsolationError(f"{reason}; --trust-tree runs it all the same") from None
    return Explorer(native, emulated, task.unit.seed, task.known)


def shortened(item: tuple[Task, Kit, Hit]) -> Hit:
    """Return a finding with the shortest trace that shows it in the emulator."""
    task, kit, hit = item
    mark = hit.symptom.fingerprint
    emulated = EmulatedKernel(kit.emulated, dict(kit.missing))
    again = Search(emulated, task.unit.seed, task.unit.title)
    found = again.run_these([hit.ops], lambda symptom: symptom.fingerprint == mark)
    return found.hits.get(mark, hit)


# What is kept


def kept(task: Task, kit: Kit) -> Slice | None:
    """Return what came of a piece of work before; under audit it is done again all the same.

    Raises CacheError where nothing is kept and nothing may be done anew.
    """
    found = _load(_file(task, kit))
    if found is None and task.unit.cache is Mode.ENFORCE:
        raise missing(_title(task))
    return None if task.unit.cache is Mode.AUDIT else found


def keep(task: Task, kit: Kit, made: Slice) -> None:
    """Keep what came of a piece of work, unless it did not end as it should.

    Raises CacheError where something else was kept.
    """
    file = _file(task, kit)
    if file is None or made.disagreement:
        return
    before = _load(file)
    if before is not None and (where := _differ(before, made)):
        raise different(_title(task), where)
    keeping.write(file, json.dumps(_plain(made)))


def _title(task: Task) -> str:
    return f"sequences {task.first} and following of {task.unit.title}"


def _file(task: Task, kit: Kit) -> Path | None:
    marks = sorted(hit.symptom.fingerprint for hit in task.known)
    about = (
        *(task.unit.title, task.unit.seed, task.first, task.count, marks),
        *(task.corpus.digest, task.again),
    )
    return by_image(task.unit.folder, "fuzz", kit.native, about)


def _load(file: Path | None) -> Slice | None:
    if file is None:
        return None
    try:
        return _slice_of(json.loads(keeping.read(file)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _content(found: Slice) -> tuple[object, ...]:
    return set(found.hits), found.compared, found.inputs


_differ = by(_content)


def _plain(found: Slice) -> dict[str, Any]:
    plain = vars(found) | {
        "compared": {kind.name: cases for kind, cases in found.compared.items()},
        "hits": {mark: plain_hit(hit) for mark, hit in found.hits.items()},
        "blocks": sorted(found.blocks),
        "reached": plain_features(found.reached),
        "habits": sorted(habit.name for habit in found.habits),
        "inputs": [plain_input(input_) for input_ in found.inputs],
    }
    return plain


def _slice_of(data: dict[str, Any]) -> Slice:
    return Slice(
        compared={Kind[name]: int(cases) for name, cases in data["compared"].items()},
        hits={mark: hit_of(mark, hit) for mark, hit in data["hits"].items()},
        blocks=frozenset(map(int, data["blocks"])),
        reached=features_of(data["reached"]),
        habits=frozenset(Habit[name] for name in data["habits"]),
        inputs=[input_of(input_) for input_ in data["inputs"]],
        seconds=float(data["seconds"]),
        sequences=int(data["sequences"]),
        known=int(data["known"]),
        judged=int(data["judged"]),
        spared=int(data["spared"]),
        sampled=int(data["sampled"]),
        lost=int(data["lost"]),
    )
