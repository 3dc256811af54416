# SPDX-License-Identifier: GPL-2.0-only
"""One layout of a tree, run natively in bulk; whatever is suspected is judged in the emulator.

The filter decides what is looked at again, never what is right: a finding is what the judge says of
the emulated run of a sequence.
"""

from __future__ import annotations

import time
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, field
from functools import partial

from impl.interface import Run
from impl.kernel.emulated import EmulatedKernel
from impl.kernel.executor import ENDLESS, MAX_OPS, ROOM
from impl.kernel.native.agreement import compare, first_difference
from impl.kernel.native.kernel import NativeKernel
from model.leaf_map import Habit
from model.operations import Kind, Op
from model.ports import entry_point
from slatcheck.fuzz.checker import Filter
from slatcheck.fuzz.corpus import EMPTY, Corpus, Input
from slatcheck.fuzz.coverage import NOTHING, Features, united
from slatcheck.fuzz.generator import Generator
from slatcheck.fuzz.known import Known, tolerable
from slatcheck.fuzz.news import News
from slatcheck.fuzz.patience import Patience
from slatcheck.fuzz.wire import OpBuffer, Rings, WireControl
from slatcheck.search.campaign import Hit
from slatcheck.search.differential import Judge, Symptom
from slatcheck.search.unit import Seen
from support.pool import tell

SAMPLED = 512
"""Of so many sequences that pass, one is judged as well, and compared with the emulator."""
JUDGED = 16
"""Of so many sequences that end at what is left out of the draw, one is judged as well."""
FIRST_JUDGED = 2
"""So many of them are judged in any case, for each entry point and trigger."""
FIRST_BATCH = 1
"""Sequences of the first batch of a run; the next has twice as many, up to what there is room for.

What shows in nearly every sequence is judged before many of them are run.
"""


@dataclass
class Slice:
    """What became of some sequences of a seed.

    ``compared`` counts the operations that passed or were judged, by kind. ``hits`` are findings
    that were not known, by fingerprint. ``reached`` is what had not been reached before, and
    ``inputs`` are the sequences that did so, as far as a corpus has room for them. ``habits`` are
    those of the table that the judge saw, or was told. ``known``
    sequences ended at an operation that is left out where it is foreseen. ``judged``
    sequences were suspected, and ``spared`` of them showed nothing to the judge; ``sampled`` ones
    were judged without being suspected. ``lost`` are sequences that came after one which ended the
    machine. ``blocks`` are the basic blocks of the tree's code that ran, by their addresses in the
    native image. ``disagreement`` says where native and emulated code, or filter and judge, differ:
    then nothing else counts.
    """

    compared: dict[Kind, int] = field(default_factory=dict)
    hits: dict[str, Hit] = field(default_factory=dict)
    inputs: list[Input] = field(default_factory=list)
    reached: Features = NOTHING
    habits: frozenset[Habit] = frozenset()
    sequences: int = 0
    known: int = 0
    judged: int = 0
    spared: int = 0
    sampled: int = 0
    lost: int = 0
    blocks: frozenset[int] = frozenset()
    seconds: float = 0.0
    disagreement: str = ""


@dataclass
class _Seen:
    """Findings that are looked for no more, and by what they are passed over.

    ``marks`` are their fingerprints; ``excluded`` is not drawn, ``tolerated`` are events.
    """

    marks: set[str] = field(default_factory=set)
    excluded: set[tuple[str, str]] = field(default_factory=set)
    tolerated: set[Known] = field(default_factory=set)

    def add(self, symptom: Symptom, shown_by: set[Known]) -> None:
        """Take over a finding that is ``shown_by`` events alone, or by more (none)."""
        self.marks.add(symptom.fingerprint)
        if shown_by:
            self.tolerated |= shown_by
        else:
            self.excluded.add((symptom.entry, symptom.trigger))

    def copy(self) -> _Seen:
        """Return one of its own with the same content."""
        return _Seen(set(self.marks), set(self.excluded), set(self.tolerated))


class Engine:
    """The native and the emulated code of one layout, the filter between, and what is known.

    ``known`` are findings that need not be found again: what they are shown by is left out of what
    is drawn, or tolerated where it ends nothing. Not safe to share between threads.

    Raises NotCoveredError where the filter cannot follow the layout.
    """

    def __init__(
        self, native: NativeKernel, emulated: EmulatedKernel, seed: int, known: Iterable[Hit] = ()
    ) -> None:
        self.layout = native.layout
        self.native, self.emulated = native, emulated
        self.judge = Judge(self.layout, emulated.capabilities.pages)
        self._seed = seed
        self._known = list(known)
        self._ops = OpBuffer(MAX_OPS)
        self._patience = Patience()
        self.buffers = native.buffers()
        """What the runner lays out, as this process sees it."""
        self._rings = Rings(
            *(
                self.buffers[f"slat_{name}"].pointer
                for name in ("control", "results", "changes", "dirty", "events")
            ),
            MAX_OPS,
            *ROOM.values(),
        )
        self._before = self._seen_before()
        self.start()

    def _seen_before(self) -> tuple[_Seen, frozenset[Habit]]:
        """Return what is known, and the habits of the table where that is shown."""
        seen = _Seen()
        judge = Judge(self.layout, self.emulated.capabilities.pages)
        for hit in self._known:
            run = self.emulated.run(hit.ops)
            judge.examine_run(run, hit.ops)
            seen.add(hit.symptom, _tolerable(hit.symptom, hit.ops, run))
        return seen, judge.habits

    def start(self, corpus: Corpus = EMPTY, again: bool = False) -> None:
        """Know of nothing but what is known from before, and breed from a corpus.

        With ``again`` the sequence of a number is the input of that number.
        """
        before, habits = self._before
        self.judge.habits = habits | (corpus.habits or frozenset())
        self._seen = before.copy()
        self._corpus, self._again = corpus, again
        self._news = News(self.native, corpus.reached)
        self._reached: list[Features] = []
        self._sampled: list[tuple[str, list[Op], frozenset[str]]] = []
        self._ends: Counter[tuple[str, str]] = Counter()
        self._room = EMPTY.room if again else corpus.room
        self._filter = Filter(self.layout, self.emulated.capabilities.pages)
        self._filter.watch(self._news.states)
        self._generate()

    def _generate(self) -> None:
        """Draw from now on what is of use with what was seen."""
        self._generator = Generator(self.layout, self._kinds(), self._seed)
        self._generator.breed(self._corpus, self._again, self._news.pairs)
        self._follow()

    def disagreement(self, numbers: Iterable[int]) -> str:
        """Return where native and emulated code differ in what they are or do, '' if nowhere.

        Compared are the sequences of these numbers, and the traces of what is known.
        """
        drawn = (self.sequence(number) for number in numbers)
        traces = (hit.ops for hit in self._known)
        found = [*compare(self.emulated, self.native, [*drawn, *traces], self._natively)]
        return str(found[0]) if found else ""

    def sequence(self, number: int) -> list[Op]:
        """Return the sequence of a number, less what is known to fail."""
        end = self._generator.draw(number, self._ops)
        return self._ops.ops(0, end)

    def run(self, first: int, count: int, corpus: Corpus = EMPTY, again: bool = False) -> Slice:
        """Run the sequences ``first`` .. ``first`` + ``count`` - 1.

        What comes of it depends on seed, numbers, corpus and what is known, and on nothing else.
        """
        self.start(corpus, again)
        found = Slice()
        number, most = first, FIRST_BATCH
        while number < first + count and not found.disagreement:
            number += self._batch(found, number, min(most, first + count - number))
            most = min(2 * most, MAX_OPS)
        for title, ops, marks in self._sampled:
            if not found.disagreement:
                self.sample(found, title, ops, marks)
        self.count(found)
        return found

    @property
    def checked(self) -> dict[Kind, int]:
        """How many operations passed since the beginning, by kind; counting may go back."""
        return self._filter.checked

    @checked.setter
    def checked(self, counted: dict[Kind, int]) -> None:
        self._filter.count_from(counted)

    def count(self, found: Slice) -> None:
        """Add what passed since the beginning, and the blocks that ran."""
        for kind, passed in self.checked.items():
            if passed:
                found.compared[kind] = found.compared.get(kind, 0) + passed
        found.blocks = self._news.edges
        found.reached = united(self._reached)
        found.habits = self.judge.habits

    def _batch(self, found: Slice, number: int, most: int) -> int:
        """Run sequences from a number on in one call; return how many.

        That is none where the call is to be made again, with more time.
        """
        starts = list(self._generator.fill(number, self._ops, most))
        self._news.drawn(number, starts)
        end = starts[-1]
        data = self._ops.data(0, end)
        self.buffers["slat_ops"].view[: len(data)] = data
        fault = self.call(partial(self.native.executor.batch, end), end)
        control = WireControl.from_buffer_copy(self.buffers["slat_control"].view)
        if fault is not None:
            return self._ended(found, number, starts, int(control.cursor), fault[1] == ENDLESS)
        done = min(int(control.done), end)
        count = sum(start < done for start in starts[:-1])
        if not count or starts[count] != done:
            # The runner always does the first, and all of a sequence or nothing.
            found.disagreement = f"the runner says that {done} of {end} operations were done"
            return 1
        self._news.look()
        self._look_at_batch(found, number, starts[: count + 1])
        self._keep_inputs(found, number, starts[: count + 1])
        return count

    def call(
        self, make: Callable[[], tuple[int, str] | None], operations: int
    ) -> tuple[int, str] | None:
        """Make a call of so many operations; return (PC, cause) of a fault.

        It has as long as such calls take.
        """
        begun = time.monotonic()
        with self.native.machine.limited(self._patience.limit(operations)):
            fault = make()
        if fault is None:
            self._patience.took(operations, time.monotonic() - begun)
        return fault

    def was_hasty(self, emulated: Run, operations: int) -> bool:
        """Return whether a call should not have been given up; the next one has longer then.

        ``emulated`` is how it went on in the emulator. An operation has no end if it has none
        there, or if nobody would wait any longer.
        """
        if _is_endless(emulated) or self._patience.limit(operations) >= self.native.machine.most:
            return False
        self._patience.grow()
        return True

    def _look_at_batch(self, found: Slice, number: int, starts: Sequence[int]) -> None:
        """Judge what is suspected of the sequences from a number on, and some others later."""
        suspects = self._filter.suspects(self._ops, self._rings, starts[-1])
        at = {
            n: place - starts[n]
            for n, place, trigger in ((bisect(starts, p) - 1, p, t) for p, t in suspects.items())
            if not self._is_known(found, number + n, place, trigger)
        }
        count = len(starts) - 1
        found.sequences += count
        for kind in (self._ops.ops(place, place + 1)[0].kind for place in suspects):
            found.compared[kind] = found.compared.get(kind, 0) + 1
        marks = frozenset(self._seen.marks)
        for n in range(-number % SAMPLED, count, SAMPLED):
            if n not in at:
                ops = self._ops.ops(starts[n], starts[n + 1])
                self._sampled.append((self._title(number + n), ops, marks))
        for n in sorted(at):
            if found.disagreement:
                break
            ops = self._ops.ops(starts[n], starts[n + 1])
            self.look_at(found, self._title(number + n), ops, at[n])

    def _is_known(self, found: Slice, number: int, place: int, trigger: str) -> bool:
        """Return whether a suspected operation is left out of what is drawn, had it been foreseen.

        The map that the draw foresees is not always the one that it meets: a table has habits that
        nobody told it. The first such sequences are judged all the same, which tells them, unless
        that was done before; and then one now and then.
        """
        shape = entry_point(self.layout, self._ops.ops(place, place + 1)[0].kind), trigger
        if shape not in self._seen.excluded:
            return False
        found.known += 1
        self._ends[shape] += 1
        told = self._corpus.habits is not None or self._ends[shape] > FIRST_JUDGED
        return told and number % JUDGED != 0

    def _keep_inputs(self, found: Slice, number: int, starts: Sequence[int]) -> None:
        """Keep the sequences that reached something, of those that were run from a number on."""

        def ops(n: int) -> list[Op]:
            return self._ops.ops(starts[n], starts[n + 1])

        for n, new in self._news.of_batch(number, starts, ops):
            input_ = Input(self._generator.bytes_of(number + n), new)
            if input_.rare or self._room:
                found.inputs.append(input_)
                self._room -= not input_.rare
            self._reached.append(new)

    def _ended(
        self, found: Slice, number: int, starts: Sequence[int], cursor: int, endless: bool
    ) -> int:
        """Judge the sequence that ended the machine; return how many sequences that was the end of.

        The batch is lost, unless the machine was given up too early.
        """
        count = len(starts) - 1
        # The cursor is what the process says.
        which = min(bisect(starts, cursor), count) - 1
        ops = self._ops.ops(starts[which], starts[which + 1])
        emulated = self.emulated.run(ops)
        if endless and self.was_hasty(emulated, starts[-1]):
            self.native.executor.recover()
            return 0
        self._news.lost(number, count)
        self.native.executor.recover()
        found.sequences += count
        found.lost += count - 1
        self.look_at(found, self._title(number + which), ops, len(ops) - 1, emulated)
        return count

    def _title(self, number: int) -> str:
        return f"sequence {number} of seed {self._seed}"

    def first_suspect(self, ops: OpBuffer, count: int) -> int:
        """Return the first of ``count`` operations of a call that is suspected, else ``count``."""
        return self._filter.first(ops, self._rings, 0, count)

    def look_at(
        self, found: Slice, title: str, ops: list[Op], place: int, emulated: Run | None = None
    ) -> bool:
        """Judge a sequence in the emulator of which the operation at ``place`` is suspected.

        What both kinds of code do is compared. Returns whether the judge finds anything, be it
        known or not. What is new goes into ``found``, and is looked for no more. ``emulated`` is
        its run there, if it was made.
        """
        before, kinds, hits = frozenset(self._seen.marks), self._kinds(), len(found.hits)
        symptoms: list[Symptom] | None = []
        if emulated is None and place + 1 < len(ops):
            # As far as it is suspected: most findings are there then, and told at once.
            symptoms = self._judged(found, title, ops[: place + 1], before)
        if symptoms is not None:
            symptoms = self._judged(found, title, ops, before, emulated)
        if symptoms is None:
            return False
        found.judged += 1
        found.spared += len(found.hits) == hits
        if self._kinds() != kinds:
            self._generate()
        else:
            self._follow()
        return bool(symptoms)

    def _judged(
        self,
        found: Slice,
        title: str,
        ops: list[Op],
        before: Set[str],
        emulated: Run | None = None,
    ) -> list[Symptom] | None:
        """Return what the judge finds, and take over what was not known ``before``.

        None where the two kinds of code do not do the same.
        """
        run = self.emulated.run(ops) if emulated is None else emulated
        symptoms = self._examine(found, title, ops, run)
        for symptom in symptoms or ():
            mark = symptom.fingerprint
            if mark in before:
                continue
            trace = ops[: symptom.step + 1]
            self._seen.add(symptom, _tolerable(symptom, trace, run))
            if mark not in found.hits:
                found.hits[mark] = Hit(symptom, trace)
                self.tell(mark)
        return symptoms

    def tell(self, mark: str) -> None:
        """Tell whoever listens of a finding before the piece of work that it is part of is done."""
        tell(Seen(self.layout.name, mark))

    def sample(
        self, found: Slice, title: str, ops: list[Op], known: Set[str] | None = None
    ) -> None:
        """Judge a sequence that passed, when all that was ``known`` were these findings."""
        symptoms = self._examine(found, title, ops, self.emulated.run(ops))
        if symptoms is None:
            return
        found.sampled += 1
        past = self._seen.marks if known is None else known
        missed = [symptom.fingerprint for symptom in symptoms if symptom.fingerprint not in past]
        if missed:
            found.disagreement = f"{title} passed, and the judge finds {missed[0]}"

    def _examine(
        self, found: Slice, title: str, ops: list[Op], emulated: Run
    ) -> list[Symptom] | None:
        """Return what the judge finds; None where the two kinds of code do not do the same."""
        native = self._natively(ops, emulated)
        difference = first_difference(emulated, native, ops, self.layout.bits)
        if difference is not None:
            found.disagreement = f"{title}: {difference}"
            return None
        return self.judge.examine_run(emulated, ops).symptoms

    def _natively(self, ops: Sequence[Op], emulated: Run) -> Run:
        """Run a sequence natively; where it has no end in the emulator, it is not waited for long.

        That counts only where it is the same operation that has none.
        """
        if not _is_endless(emulated):
            return self.native.run(ops)
        with self.native.machine.limited(self._patience.limit(len(ops))):
            run = self.native.run(ops)
        return run if run.stop == emulated.stop else self.native.run(ops)

    def _kinds(self) -> frozenset[Kind]:
        """Return the operations that can be drawn."""
        destroys = entry_point(self.layout, Kind.DESTROY)
        kinds = self.native.capabilities.kinds
        if any(entry == destroys for entry, _ in self._seen.excluded):
            # It ends every sequence, so that it can only be left out as a whole.
            kinds -= {Kind.DESTROY}
        return kinds

    def _follow(self) -> None:
        """Look no more for what was seen."""
        self._generator.exclude(self._seen.excluded, self.judge.habits)
        self._filter.tolerate(self._seen.tolerated)


def _tolerable(symptom: Symptom, ops: list[Op], run: Run) -> set[Known]:
    """Return the events that show a finding, if they end nothing and are named by subject."""
    if symptom.stops or symptom.step >= min(len(ops), len(run.outcomes)):
        return set()
    return tolerable(symptom, ops[symptom.step].kind, run.outcomes[symptom.step].events)


def _is_endless(run: Run) -> bool:
    """Return whether a run was ended at an operation that has no end."""
    last = run.outcomes[-1].events if run.outcomes else ()
    return any(event.fatal and event.rule == "runaway" for event in last)
