# SPDX-License-Identifier: GPL-2.0-only
"""One layout of a tree, run natively in bulk; whatever is suspected is judged in the emulator.

The filter decides what is looked at again, never what is right: a finding is what the judge says of
the emulated run of a sequence.
"""

from __future__ import annotations

from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from impl.kernel.emulated import EmulatedKernel
from impl.kernel.executor import MAX_OPS, ROOM
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
from slatcheck.fuzz.wire import OpBuffer, Rings, WireControl
from slatcheck.search.campaign import Hit
from slatcheck.search.differential import Judge, Symptom

SAMPLED = 512
"""Of so many sequences that pass, one is judged as well, and compared with the emulator."""
JUDGED = 16
"""Of so many sequences that end at what is left out of the draw, one is judged as well."""
FIRST_JUDGED = 2
"""So many of them are judged in any case, for each entry point and trigger."""


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
            judge.examine(self.emulated, hit.ops)
            seen.add(hit.symptom, self._tolerable(hit.symptom, hit.ops))
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
        found = [*compare(self.emulated, self.native, [*drawn, *traces])]
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
        number = first
        while number < first + count and not found.disagreement:
            number += self._batch(found, number, first + count - number)
        self.count(found)
        return found

    def count(self, found: Slice) -> None:
        """Add what passed since the beginning, and the blocks that ran."""
        for kind, passed in self._filter.checked.items():
            if passed:
                found.compared[kind] = found.compared.get(kind, 0) + passed
        found.blocks = self._news.edges
        found.reached = united(self._reached)
        found.habits = self.judge.habits

    def _batch(self, found: Slice, number: int, most: int) -> int:
        """Run sequences from a number on in one call; return how many, at least one."""
        starts = list(self._generator.fill(number, self._ops))
        self._news.drawn(number, starts)
        del starts[most + 1 :]
        end = starts[-1]
        data = self._ops.data(0, end)
        self.buffers["slat_ops"].view[: len(data)] = data
        fault = self.native.executor.batch(end)
        control = WireControl.from_buffer_copy(self.buffers["slat_control"].view)
        if fault is not None:
            return self._ended(found, number, starts, int(control.cursor))
        done = min(int(control.done), end)
        count = sum(start < done for start in starts[:-1])
        if not count or starts[count] != done:
            # The runner always does the first, and all of a sequence or nothing.
            found.disagreement = f"the runner says that {done} of {end} operations were done"
            return 1
        suspects = self._filter.suspects(self._ops, self._rings, done)
        at = {
            n
            for n, place, trigger in ((bisect(starts, p) - 1, p, t) for p, t in suspects.items())
            if not self._is_known(found, number + n, place, trigger)
        }
        sampled = {n for n in range(count) if (number + n) % SAMPLED == 0}
        sequences = {n: self._ops.ops(starts[n], starts[n + 1]) for n in sorted(at | sampled)}
        found.sequences += count
        for kind in (self._ops.ops(place, place + 1)[0].kind for place in suspects):
            found.compared[kind] = found.compared.get(kind, 0) + 1
        self._keep_inputs(found, number, starts[: count + 1])
        for n, ops in sequences.items():
            self.look_at(found, self._title(number + n), ops, n in at)
        return count

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

    def _ended(self, found: Slice, number: int, starts: Sequence[int], cursor: int) -> int:
        """Judge the sequence that ended the machine; the batch is lost."""
        count = len(starts) - 1
        self._news.lost(number, count)
        self.native.executor.recover()
        # The cursor is what the process says.
        which = min(bisect(starts, cursor), count) - 1
        ops = self._ops.ops(starts[which], starts[which + 1])
        found.sequences += count
        found.lost += count - 1
        self.look_at(found, self._title(number + which), ops, suspected=True)
        return count

    def _title(self, number: int) -> str:
        return f"sequence {number} of seed {self._seed}"

    def first_suspect(self, ops: OpBuffer, count: int) -> int:
        """Return the first of ``count`` operations of a call that is suspected, else ``count``."""
        return self._filter.first(ops, self._rings, 0, count)

    def look_at(self, found: Slice, title: str, ops: list[Op], suspected: bool) -> bool:
        """Judge a sequence in the emulator, and compare what both kinds of code do.

        Returns whether the judge finds anything, be it known or not. What is new goes into
        ``found``, and is looked for no more.
        """
        emulated, native = self.emulated.run(ops), self.native.run(ops)
        difference = first_difference(emulated, native, ops, self.layout.bits)
        if difference is not None:
            found.disagreement = f"{title}: {difference}"
            return False
        examined = self.judge.examine(self.emulated, ops)
        symptoms = [s for s in examined.symptoms if s.fingerprint not in self._seen.marks]
        if not suspected:
            found.sampled += 1
            if symptoms:
                mark = symptoms[0].fingerprint
                found.disagreement = f"{title} passed, and the judge finds {mark}"
            return bool(symptoms)
        found.judged += 1
        found.spared += not symptoms
        kinds = self._kinds()
        for symptom in symptoms:
            trace = ops[: symptom.step + 1]
            found.hits.setdefault(symptom.fingerprint, Hit(symptom, trace))
            self._seen.add(symptom, self._tolerable(symptom, trace))
        if self._kinds() != kinds:
            self._generate()
        else:
            self._follow()
        return bool(examined.symptoms)

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

    def _tolerable(self, symptom: Symptom, ops: list[Op]) -> set[Known]:
        """Return the events that show a finding, if they end nothing and are named by subject."""
        outcomes = self.emulated.run(ops).outcomes if not symptom.stops else []
        if symptom.step >= min(len(ops), len(outcomes)):
            return set()
        return tolerable(symptom, ops[symptom.step].kind, outcomes[symptom.step].events)
