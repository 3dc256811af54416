# SPDX-License-Identifier: GPL-2.0-only
"""Runs the lemmas of many layouts on all cores: each distinct proof once, old ones not again.

Layouts of one geometry share their table lemmas, layouts of one entry format their entry
lemmas. A finished proof is kept under the content of everything it depends on.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path as File
from typing import Any

import impl
import model
import proofs
from impl.ports import quirks_named
from model.layout import Layout
from model.ports import layout as layout_named
from model.ports import layouts
from proofs.desk import Desk, Options
from proofs.engine import HOLDS, REFUTED, ClauseResult, Proof, prove
from proofs.lemmas.base import Lemma, Setting, setting
from proofs.lemmas.specification import POINTWISE, specification, width_pairs, widths
from proofs.paths import Path
from proofs.ports import table_of
from proofs.raw import OWN, format_of
from support.cache import Mode, different, digest_of, missing, read, write
from support.differences import by
from support.pool import spread

MAP = "map"
"""The scope of the theorems of the abstract map, which belong to no layout."""
MAP_SHIFT = 12
"""Page shift for which the map's theorems are proved; only faults look at it."""


@dataclass(frozen=True)
class ProofTask:
    """Proofs that are carried out together: the lemmas of one scope for one layout.

    ``source`` is the text of the algorithm, '' for the built-in one; ``only`` names the lemmas
    wanted, none for all.
    """

    scope: str
    layout: str = ""
    quirks: tuple[str, ...] = ()
    source: str = ""
    only: tuple[str, ...] = ()


def tasks_of(layout: Layout) -> tuple[ProofTask, ProofTask]:
    """Return the tasks of a layout, named after the first layout that shares each."""
    return ProofTask("table", _first(_geometry, layout)), ProofTask(
        "entry", _first(_format, layout)
    )


def _geometry(layout: Layout) -> tuple[object, ...]:
    return layout.port, layout.tables, layout.bits, layout.geometry.cache_min


def _format(layout: Layout) -> tuple[object, ...]:
    return layout.port, layout.entry, layout.pfn_top


def _first(key: Callable[[Layout], object], layout: Layout) -> str:
    return next(other.name for other in layouts() if key(other) == key(layout))


def carry_out(task: ProofTask, options: Options) -> list[Proof]:
    """Carry out one task."""
    desk = Desk(options)
    if task.scope == MAP:
        return list(_map_proofs(desk))
    layout = layout_named(task.layout)
    port = table_of(layout)
    quirks = quirks_named(layout, task.quirks)
    program = port.program(task.source, quirks, layout)
    found = []
    for lemma in _lemmas(task):
        consulted: set[str] = set()
        entry = format_of(layout) if port.real_entries else OWN
        start = partial(
            setting,
            layout=layout,
            program=program,
            quirks=quirks,
            entry=entry,
            runtime=port.runtime,
        )

        def run(
            path: Path,
            lemma: Lemma = lemma,
            start: Callable[..., Setting] = start,
            seen: set[str] = consulted,
        ) -> None:
            at = start(path, uniform=lemma.uniform)
            try:
                lemma.script(at)
            finally:
                seen.update(asked.name for asked in at.rt.consulted)

        proof = prove(lemma.name, run, desk, port.clauses[lemma.function])
        proof.consulted = tuple(sorted(consulted))
        found.append(proof)
    return found


def _map_proofs(desk: Desk) -> Iterator[Proof]:
    for bits in (32, 64):
        for name in POINTWISE:
            proof = prove(name, specification(name, bits, MAP_SHIFT), desk, ("map",))
            yield replace(proof, name=f"{name}/{bits}")
    for one, other in width_pairs():
        proof = prove("widths", partial(widths, one=one, other=other), desk, ("map",))
        yield replace(proof, name=f"widths/{one.name}/{other.name}")


# Cache


def sources() -> str:
    """Return the digest of every source that a proof may depend on."""
    return digest_of((model, impl, proofs), (".py",), without="kernel")


def key_of(task: ProofTask, options: Options) -> str:
    """Return the name under which a task's proofs are kept."""
    parts = [sources(), options.identity, repr(asdict(task))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class ProofStore:
    """Finished proofs on disk; a file that cannot be read or written is as good as none."""

    def __init__(self, folder: File | None, mode: Mode = Mode.USE) -> None:
        self.folder = folder
        self.mode = mode

    def load(self, key: str) -> list[Proof] | None:
        """Return the proofs kept under ``key``, None where there are none."""
        if self.folder is None:
            return None
        try:
            data = json.loads(read(self.folder / f"{key}.json"))
            return [proof_of(record) for record in data]
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save(self, key: str, found: list[Proof]) -> None:
        """Keep proofs, if all of them were decided."""
        if self.folder is None or any(proof.verdict not in (HOLDS, REFUTED) for proof in found):
            return
        write(self.folder / f"{key}.json", json.dumps([asdict(proof) for proof in found]))


def proof_of(data: dict[str, Any]) -> Proof:  # JSON, believed once it is read
    """Return a proof as it was kept."""
    clauses = {name: ClauseResult(**kept) for name, kept in data.pop("clauses").items()}
    return Proof(clauses=clauses, **{**data, "consulted": tuple(data["consulted"])})


# Many tasks

Done = Callable[[ProofTask, int, int], None]
"""Told of each finished task: how many are done, of how many."""


def run(
    tasks: Iterable[ProofTask], options: Options, jobs: int, store: ProofStore, done: Done
) -> dict[ProofTask, list[Proof]]:
    """Carry out tasks, each once; returns their proofs. Ends its workers on KeyboardInterrupt."""
    wanted = list(dict.fromkeys(tasks))
    found: dict[ProofTask, list[Proof]] = {}
    # Texts can only be written where the work is done.
    kept = ProofStore(None) if options.anew else store
    before: dict[ProofTask, list[Proof]] = {}
    for task in wanted:
        old = kept.load(key_of(task, options))
        if old is None and kept.folder is not None and kept.mode is Mode.ENFORCE:
            raise missing(f"the proof of {task.layout or 'the map'}")
        if old is None:
            continue
        if kept.mode is Mode.AUDIT:
            before[task] = old
            continue
        found[task] = old
        done(task, len(found), len(wanted))
    open_ = [task for task in wanted if task not in found]
    for task, proofs_ in _carried_out(open_, options, jobs):
        if task in before and (where := differ(before[task], proofs_)):
            raise different(f"the proof of {task.layout or 'the map'}", where)
        found[task] = proofs_
        kept.save(key_of(task, options), proofs_)
        done(task, len(found), len(wanted))
    return found


def _carried_out(
    tasks: Iterable[ProofTask], options: Options, jobs: int
) -> Iterator[tuple[ProofTask, list[Proof]]]:
    """Yield the proofs of each task when the last of its lemmas is done, the longest begun first.

    A deep table alone would keep one process busy for long after the others have ended, so each
    lemma is a piece of work of its own.
    """
    parts = [(task, *part) for task in tasks for part in _parts(task)]
    places = sorted(range(len(parts)), key=lambda place: parts[place][2], reverse=True)
    carry = partial(carry_out, options=options)
    done: dict[ProofTask, dict[int, list[Proof]]] = {task: {} for task, *_ in parts}
    left = Counter(task for task, *_ in parts)
    for number, found in spread(carry, [parts[place][1] for place in places], jobs):
        task = parts[places[number]][0]
        done[task][places[number]] = found
        left[task] -= 1
        if not left[task]:
            yield task, [proof for _, proofs_ in sorted(done[task].items()) for proof in proofs_]


def _lemmas(task: ProofTask) -> list[Lemma]:
    """Return the lemmas of a task of a layout, in the order in which they are listed."""
    layout = layout_named(task.layout)
    return [
        lemma
        for lemma in table_of(layout).lemmas(layout)
        if lemma.scope == task.scope and (not task.only or lemma.name in task.only)
    ]


def _parts(task: ProofTask) -> list[tuple[ProofTask, tuple[int, bool]]]:
    """Return what a task is divided into, each with its cost, for comparison only."""
    if task.scope != "table":
        return [(task, (1, False))]
    levels = layout_named(task.layout).levels
    parts = [(replace(task, only=(lemma.name,)), (levels, lemma.long)) for lemma in _lemmas(task)]
    return parts or [(task, (levels, False))]


def verdicts(proofs_: Iterable[Proof]) -> Counter[tuple[str, str, str]]:
    """Return the verdict on each clause of some proofs, whatever order they come in."""
    return Counter(
        (proof.name, name, clause.verdict)
        for proof in proofs_
        for name, clause in proof.clauses.items()
    )


differ = by(verdicts)
