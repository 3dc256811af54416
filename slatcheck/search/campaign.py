# SPDX-License-Identifier: GPL-2.0-only
"""The search on one layout: sequences are drawn, run and judged until the budget is spent."""

from __future__ import annotations

import gc
import time
import zlib
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from impl.interface import Implementation
from model.abstract_map import Expected
from model.layout import Layout
from model.operations import Kind, Op
from model.ports import entry_point
from model.rules import rule
from slatcheck.document.evidence import NOTHING, Evidence
from slatcheck.document.identity import Fingerprint
from slatcheck.search.differential import Judge, Left, Symptom, plan
from slatcheck.search.drawing import LENGTH, draw
from slatcheck.search.leaf_sequences import decoder_of
from slatcheck.search.probes import Prober
from slatcheck.search.shrink import LIMIT, shrink

DEFAULT_OPS = 30_000
"""Operations that are run on each layout unless the user says otherwise."""

REVISIT = 8
"""Every n-th sequence keeps operations that are known to fail, but end: they may fail otherwise."""

WHOLE = 4
"""With leaves of several sizes such operations come last, but for every n-th sequence."""
EARLY = 24
ENDINGS = 3
"""A few of those that come early are run by themselves, as they are cheap."""

Plan = tuple[list[Op], list[Expected]]
Wanted = Callable[[Symptom], bool]
"""Whether a symptom is one of those looked for."""
Noticed = Callable[[Symptom, list[Op]], None]
"""Called with a symptom that shows for the first time, and the trace that shows it."""


def anything(symptom: Symptom) -> bool:
    """Want whatever shows."""
    return True


@dataclass
class Hit:
    """One finding of a campaign: its symptom and the shortest trace that shows it.

    ``evidence`` says what else was seen to do the same.
    """

    symptom: Symptom
    ops: list[Op]
    evidence: Evidence = NOTHING


@dataclass
class Campaign:
    """What the search on one layout brought to light.

    ``compared`` counts the operations that were compared, by kind; ``limits`` are reasons for
    which something could not be judged.
    """

    hits: dict[str, Hit] = field(default_factory=dict)
    compared: dict[Kind, int] = field(default_factory=dict)
    sequences: int = 0
    seconds: float = 0.0
    limits: list[str] = field(default_factory=list)

    def count(self, compared: dict[Kind, int]) -> None:
        """Add the operations of one run."""
        for kind, cases in compared.items():
            self.compared[kind] = self.compared.get(kind, 0) + cases

    @property
    def operations(self) -> int:
        """Operations compared in all."""
        return sum(self.compared.values())


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Let the garbage collector run seldom: a search makes many objects and hardly a cycle."""
    usual = gc.get_threshold()
    gc.set_threshold(100_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


class Search:
    """Runs a campaign against one implementation."""

    def __init__(
        self, implementation: Implementation, seed: int, name: str, shrinking: bool = True
    ) -> None:
        self._shrinking = shrinking
        self._implementation = implementation
        self._layout: Layout = implementation.layout
        capabilities = implementation.capabilities
        self._judge = Judge(self._layout, capabilities.pages)
        self._decoder = decoder_of(self._layout, capabilities.kinds)
        # zlib.crc32, not hash(): the same in every process.
        self._seed = seed ^ zlib.crc32(name.encode())
        self._excluded: set[tuple[str, str]] = set()
        self._straying: set[tuple[str, str]] = set()
        self._tried: Counter[tuple[str, str]] = Counter()
        self._endless: set[tuple[str, str]] = set()
        self._first: dict[str, tuple[Symptom, list[Op]]] = {}
        self._remembered: Mapping[str, list[Op]] = {}
        self._seen: Noticed | None = None

    def run(
        self,
        budget: int,
        remembered: Mapping[str, list[Op]] | None = None,
        seen: Noticed | None = None,
    ) -> Campaign:
        """Search until ``budget`` operations were drawn; then shrink what was found.

        ``remembered`` are short traces by fingerprint. They save shrinking where they still show
        what was found, and nothing else: what is found is decided by seed and budget alone.
        ``seen`` is called, at once, with what is sure to be found.
        """
        self._remembered = remembered or {}
        self._seen = seen
        campaign = Campaign()
        begin = time.monotonic()
        with _rare_collections():
            self._directed(campaign)
            examples = max(1, budget // LENGTH)
            draw(self._seed, examples, lambda data: self._try(campaign, self._decoder.decode(data)))
        self._collect(campaign)
        campaign.seconds = time.monotonic() - begin
        return campaign

    def run_these(self, sequences: Iterable[list[Op]], wanted: Wanted = anything) -> Campaign:
        """Judge given sequences until one shows what is wanted; then shrink that."""
        campaign = Campaign()
        for ops in sequences:
            self._try(campaign, ops)
            if self._only(wanted):
                break
        self._collect(campaign)
        return campaign

    def run_until(self, budget: int, wanted: Wanted) -> Campaign:
        """Search as ``run`` does, but stop at what is wanted, and return nothing else."""
        campaign = Campaign()

        def attempt(data: bytes) -> None:
            if not any(wanted(symptom) for symptom, _ in self._first.values()):
                self._try(campaign, self._decoder.decode(data))

        with _rare_collections():
            self._directed(campaign)
            draw(self._seed, max(1, budget // LENGTH), attempt)
        self._only(wanted)
        self._collect(campaign)
        return campaign

    def _only(self, wanted: Wanted) -> bool:
        """Forget all but what is wanted, if anything of it was found."""
        found = {mark: hit for mark, hit in self._first.items() if wanted(hit[0])}
        if found:
            self._first = found
        return bool(found)

    def _collect(self, campaign: Campaign) -> None:
        prober = Prober(self._implementation, self._judge)
        for mark, (symptom, ops) in sorted(self._first.items()):
            if not is_special_case(symptom, self._first):
                hit = self._shrunk(mark, symptom, ops)
                hit.evidence = prober.evidence(hit.ops, hit.symptom)
                campaign.hits[mark] = hit

    def _directed(self, campaign: Campaign) -> None:
        """Run the sequences that everyone should pass: create and destroy, with and without."""
        bare = [Op(Kind.CREATE), Op(Kind.DESTROY)]
        kinds = self._implementation.capabilities.kinds
        page = Op(Kind.FAULT, pfn=5)
        every = [bare, [Op(Kind.CREATE, oom=1)], [bare[0], page, bare[1]]]
        if self._layout.large:
            # Only the first fault takes pages for a cache that is filled far beyond its need.
            allocations = range(1, self._layout.levels + 3)
            every += [[bare[0], page._replace(oom=number), bare[1]] for number in allocations]
        for ops in every:
            self._try(campaign, [op for op in ops if op.kind in kinds])

    def _try(self, campaign: Campaign, ops: list[Op]) -> None:
        campaign.sequences += 1
        for planned, expected in self._planned(campaign.sequences, ops):
            verdict = self._judge.examine(self._implementation, planned, expected)
            campaign.count(verdict.compared)
            for symptom in verdict.symptoms:
                self._note(symptom, planned)

    def _planned(self, number: int, ops: list[Op]) -> list[Plan]:
        """Return what is run of the sequence of a number, and what that must show."""
        layout, habits = self._layout, self._judge.habits
        revisit = number % REVISIT == 0
        if not revisit and self._is_endless(Kind.DESTROY):
            # Every sequence has one, so that it is not tried once, but seldom.
            ops = [op for op in ops if op.kind is not Kind.DESTROY]
        if not layout.large:
            return [plan(layout, ops, frozenset(self._endless if revisit else self._excluded))]
        if number % WHOLE == 0:
            return [plan(layout, ops, frozenset(self._excluded), habits)]
        # Where much is known to fail, a sequence that goes on with it would not get far.
        left: list[Left] = []
        excluded = frozenset(self._excluded | self._straying)
        whole = plan(layout, ops, excluded, habits, left)
        left = [omitted for omitted in left if omitted.shape not in self._endless]
        late = [omitted for omitted in left if omitted.after > len(whole[0]) // 2]
        early = [omitted for omitted in left if omitted.after < EARLY]
        ended = [self._ended(whole, omitted) for omitted in self._rarest(early, ENDINGS)]
        last = self._rarest(late, 1)
        return [self._ended(whole, last[0]) if last else whole, *ended]

    def _is_endless(self, kind: Kind) -> bool:
        """Return whether an operation has no end for some operands."""
        name = entry_point(self._layout, kind)
        return any(entry == name for entry, _ in self._endless)

    def _rarest(self, left: list[Left], most: int) -> list[Left]:
        """Return some operations of different shapes, the least tried ones first; count them."""
        by_shape = {omitted.shape: omitted for omitted in left}
        ordered = sorted(
            by_shape.values(), key=lambda omitted: (self._tried[omitted.shape], -omitted.after)
        )
        self._tried.update(omitted.shape for omitted in ordered[:most])
        return ordered[:most]

    def _ended(self, whole: Plan, last: Left) -> Plan:
        """Return the beginning of a plan with an operation that was left out, and nothing behind.

        Nothing is said of what that must show.
        """
        ops, expected = whole
        return [*ops[: last.after], last.op], expected[: last.after]

    def _note(self, symptom: Symptom, ops: list[Op]) -> None:
        mark = symptom.fingerprint
        best = self._first.get(mark)
        trace = ops[: symptom.step + 1]
        if best is None or len(trace) < len(best[1]):
            self._first[mark] = (symptom, trace)
        if best is None and self._seen and not _may_be_special(symptom):
            self._seen(symptom, trace)
        if symptom.stops:
            self._excluded.add((symptom.entry, symptom.trigger))
            if symptom.rule == "runaway":
                self._endless.add((symptom.entry, symptom.trigger))
        elif self._layout.large and symptom.rule == "wrong-result":
            # Other leaves are left than were planned with: what follows is not as planned.
            self._straying.add((symptom.entry, symptom.trigger))

    def _shrunk(self, mark: str, symptom: Symptom, ops: list[Op]) -> Hit:
        def shows(candidate: list[Op]) -> bool:
            return self._find(mark, candidate) is not None

        short = self._remembered.get(mark)
        if short and len(short) <= len(ops):
            again = self._find(mark, short)
            if again is not None:
                return Hit(again, short[: again.step + 1])
        if not self._shrinking or not shows(ops):
            return Hit(symptom, ops)
        # A run that does not end costs as much as a hundred that do.
        limit = LIMIT // 12 if symptom.rule == "runaway" else LIMIT
        short = shrink(self._layout, ops, shows, limit)
        found = self._find(mark, short)
        return Hit(found, short[: found.step + 1]) if found else Hit(symptom, ops)

    def _find(self, mark: str, ops: Sequence[Op]) -> Symptom | None:
        verdict = self._judge.examine(self._implementation, ops)
        return next((symptom for symptom in verdict.symptoms if symptom.fingerprint == mark), None)


def is_special_case(symptom: Symptom, found: Container[str]) -> bool:
    """Return whether the same memory-safety rule was found broken at this entry for any operands.

    ``found`` are the fingerprints of all that was.
    """
    general = str(Fingerprint(symptom.rule, symptom.entry, "any", symptom.contract))
    return _may_be_special(symptom) and general in found


def _may_be_special(symptom: Symptom) -> bool:
    """Return whether a symptom is nothing of its own if its rule breaks for any operands."""
    return rule(symptom.rule).memory_safety and symptom.trigger != "any"
