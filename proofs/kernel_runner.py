# SPDX-License-Identifier: GPL-2.0-only
"""Proves one layout of a kernel tree: reads its C, binds it, and carries out every lemma.

What was proved is kept by the text of the functions that a proof entered, so that an edited
function costs the proofs that depend on it and no others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pathlib import Path as File
from typing import Any

from impl.kernel.binding import Binding
from impl.kernel.slices import functions
from impl.kernel.toolchain import Toolchain
from impl.kernel.tree import Tree
from impl.kernel.typed import typed_tree
from model.layout import Layout
from model.operations import Kind
from proofs import engine
from proofs.answers import Answers
from proofs.c.syntax import Unit, reduced
from proofs.desk import Desk, Options
from proofs.engine import HOLDS, OPEN, REFUTED, VACUOUS, ClauseResult, Proof, prove
from proofs.kvm.binding import Bound, bind
from proofs.kvm.memory import FormatMatters
from proofs.kvm.rules import FITS
from proofs.kvm.runtime import CRuntime
from proofs.kvm.task import LemmaTask
from proofs.lemmas.base import setting
from proofs.paths import MISMATCH, Path
from proofs.ports import code_of
from proofs.raw import RawFormat, format_of, opaque_format
from proofs.runner import differ, proof_of, sources
from proofs.theorems import CLAUSES
from support.cache import Mode, different, read, write

INTERNAL = (FITS, "entry")
"""Clauses of what the proof's own invariants need; they are no promises of the kernel."""
NOT_REACHED = "not reached: another promise fails"
KEPT = 24
"""Proofs of one lemma that are kept, each of another text."""


@dataclass
class Proved:
    """What became of one lemma: the kernel's function, the contracts used, what was entered."""

    title: str
    kind: Kind | None
    proof: Proof
    uses: tuple[str, ...] = ()
    entered: dict[str, str] = field(default_factory=dict)
    fresh: bool = True


@dataclass
class LayoutProof:
    """What was proved of one layout; ``missing`` are functions that are not bound, and why."""

    layout: str
    proved: list[Proved]
    missing: dict[str, str]


def read_unit(
    tree: Tree,
    binding: Binding,
    layout: Layout,
    toolchain: Toolchain,
    big_endian: bool = True,
    folder: File | None = None,
) -> tuple[Unit, list[File]]:
    """Return the tree's C for a layout, and the files read. Raises UnsupportedError.

    What its headers say is kept in ``folder``, where there is one.
    """
    found, files = typed_tree(tree, binding, layout, toolchain, big_endian, folder)
    port = code_of(layout)
    wanted = sorted({*port.names.signatures, *binding.entries.values()})
    unit = reduced(found, layout.bits // 8, wanted)
    texts = {name: tree.read(name) for name in port.files if (tree.root / name).is_file()}
    unit.place = partial(_place, texts)
    return unit, files


def _place(texts: dict[str, bytes], name: str, offset: int) -> str:
    """Return where a function of the tree has something, ``offset`` bytes from its name on.

    What a macro defines has no place of its own.
    """
    for file, source in texts.items():
        found = functions(source).get(name)
        if found is not None:
            text = found.text.encode()
            begin = text.find(f"{name}(".encode())
            line = found.line + text[: max(0, begin + offset)].count(b"\n")
            return f"{file}:{line}, {name}()"
    return f"{name}()"


class Session:
    """The proofs of one layout of one tree."""

    def __init__(
        self,
        unit: Unit,
        layout: Layout,
        renamed: dict[str, str],
        options: Options,
        store: LemmaStore,
    ) -> None:
        self.unit = unit
        self.layout = layout
        self.port = code_of(layout)
        self.bound: Bound = bind(unit, layout, renamed, self.port.names)
        self.program = self.port.program(unit, layout, self.bound)
        known = None
        if store.folder is not None and not options.anew:
            known = Answers(store.folder, options.identity, store.mode is Mode.AUDIT)
        self.desk = Desk(options, known)
        self.options = options
        self.store = store

    def run(self, only: Iterable[str] = ()) -> LayoutProof:
        """Carry out the lemmas, those on functions ``only`` where given.

        Raises ValueError where one is to decide a clause that there is not.
        """
        wanted = set(only)
        found = []
        for task in self.port.lemmas(self.layout, self.bound):
            _check(task)
            if not wanted or task.title in wanted:
                found.append(self._lemma(task))
        return LayoutProof(self.layout.name, found, dict(self.bound.missing))

    def _lemma(self, task: LemmaTask) -> Proved:
        key = self._key(task)
        kept = None if self.options.anew else self.store.load(key, self._digest)
        if kept is not None and self.store.mode is not Mode.AUDIT:
            return Proved(task.title, task.lemma.kind, *kept, fresh=False)
        proof = None if task.entries else self._proved(task, opaque_format(self.layout))
        if proof is None:
            proof = self._proved(task, format_of(self.layout))
            assert proof is not None
        if kept is not None and (where := differ([kept[0]], [proof])):
            raise different(f"the proof of {task.title} in {self.layout.name}", where)
        entered = {name: self._digest(name) for name in sorted(self.program.entered)}
        uses = tuple(sorted(self.program.used))
        if not self.options.certify:
            self.store.save(key, proof, uses, entered)
        return Proved(task.title, task.lemma.kind, proof, uses, entered)

    def _proved(self, task: LemmaTask, entry: RawFormat) -> Proof | None:
        """Carry out a lemma; None where it looks at entries of which it should know nothing."""
        self.program.begin(entry)
        looked: list[FormatMatters] = []

        def run(path: Path) -> None:
            at = setting(
                path,
                self.layout,
                self.program,
                uniform=task.lemma.uniform,
                entry=entry,
                runtime=CRuntime,
                of_kernel=True,
            )
            try:
                task.lemma.script(at)
            except FormatMatters as reason:
                looked.append(reason)
                raise

        proof = prove(task.title, run, self.desk, task.clauses)
        return None if looked else _without_internal(proof)

    def _digest(self, name: str) -> str:
        function = self.unit.functions.get(name)
        return function.digest if function else ""

    @cached_property
    def _common(self) -> str:
        """Return the digest of what every proof of the layout depends on."""
        types = {name: function.type for name, function in sorted(self.unit.functions.items())}
        bound = (sorted(self.bound.names.items()), self.bound.tables)
        parts = [
            sources(),
            self.options.identity,
            repr(self.layout),
            self.unit.declarations,
            repr([(name, types[name]) for name in sorted(_named(self.bound)) if name in types]),
            repr(bound),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def _key(self, task: LemmaTask) -> str:
        text = f"{self._common} {task.title} {task.lemma.name} {task.clauses}"
        return hashlib.sha256(text.encode()).hexdigest()


def _check(task: LemmaTask) -> None:
    """Refuse a lemma that is to decide what is no clause: it would never be decided."""
    unknown = [name for name in task.clauses if name not in CLAUSES]
    if unknown:
        known = ", ".join(CLAUSES)
        raise ValueError(f"{task.title}: no clause called {', '.join(unknown)}; there are {known}")


def _named(bound: Bound) -> set[str]:
    return {*bound.names.values(), *(function.name for function in bound.tables)}


def _without_internal(proof: Proof) -> Proof:
    """Return a proof without internal clauses: where one fails, nothing is known of the others."""
    broken = [
        proof.clauses[name]
        for name in INTERNAL
        if name in proof.clauses and proof.clauses[name].verdict != HOLDS
    ]
    for name in INTERNAL:
        proof.clauses.pop(name, None)
    if broken:
        reason = f"{MISMATCH}: {broken[0].reason}"
        for clause in proof.clauses.values():
            if clause.verdict == HOLDS:
                clause.becomes(OPEN, reason, mismatch=True)
    if any(clause.verdict == REFUTED for clause in proof.clauses.values()):
        for clause in proof.clauses.values():
            if clause.verdict == VACUOUS:
                clause.verdict, clause.reason = OPEN, NOT_REACHED
    return proof


def _decided(clause: ClauseResult) -> bool:
    """Return whether solving once more would say the same: no solver gave up on the clause."""
    cut_off = clause.verdict == OPEN and clause.reason in (NOT_REACHED, engine.NOT_REACHED)
    return clause.verdict in (HOLDS, REFUTED) or cut_off


class LemmaStore:
    """Proofs on disk; for each lemma the latest few, by the text of what they entered."""

    def __init__(self, folder: File | None, mode: Mode = Mode.USE) -> None:
        self.folder = folder
        self.mode = mode

    def _records(self, key: str) -> list[dict[str, Any]]:  # JSON, believed once it is read
        if self.folder is None:
            return []
        try:
            found = json.loads(read(self.folder / f"c-{key}.json"))
            return found if isinstance(found, list) else []
        except (OSError, ValueError):
            return []

    def load(
        self, key: str, digest: Callable[[str], str]
    ) -> tuple[Proof, tuple[str, ...], dict[str, str]] | None:
        """Return a proof kept under ``key`` of which every function entered reads as it did."""
        for record in self._records(key):
            try:
                entered = dict(record["entered"])
                if all(digest(name) == text for name, text in entered.items()):
                    return proof_of(record["proof"]), tuple(record["uses"]), entered
            except (AttributeError, KeyError, TypeError, ValueError):
                continue
        return None

    def save(self, key: str, proof: Proof, uses: tuple[str, ...], entered: dict[str, str]) -> None:
        """Keep a proof, if every clause was decided that is reached."""
        decided = all(map(_decided, proof.clauses.values()))
        if self.folder is None or not decided or proof.reason:
            return
        record = {"entered": entered, "uses": list(uses), "proof": asdict(proof)}
        records = [record, *self._records(key)][:KEPT]
        write(self.folder / f"c-{key}.json", json.dumps(records))
