# SPDX-License-Identifier: GPL-2.0-only
"""Seconds that the proofs of a layout take, beside one formula for the flush of a tiny table.

Beside the contracts stands what one would write without them: the flush of a range with every loop
unrolled and every call inlined, one formula that says that exactly the range goes, for a table of
a few slots all of which are symbolic, given to the same Z3. It is stated twice: with the heap in
one array, where tables lie at symbolic addresses, and with a variable for each slot, which takes it
as given that tables form a tree. The contracts prove the property for tables of their real size.
"""

from __future__ import annotations

import argparse
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import z3

from model.layout import Layout
from model.ports import layout
from proofs import engine, solvers
from proofs.desk import Desk, Options
from proofs.ports.mips.table_lemmas import lemmas
from proofs.runner import ProofTask, carry_out, tasks_of
from proofs.solvers import Decision

WORD = 64
SHIFT = 12
BITS = 2
LIMIT = 50_000_000
"""Z3's resource units for each way in which the one formula is tried; about a minute."""
DEFAULT = ("mips32-4k", "mips64-4k")
FLUSH = "kvm_mips_flush_gpa_"
"""How the lemmas of the flush begin; they rest on the lemma of slot indices as well."""


@dataclass(frozen=True)
class Cost:
    """Seconds of the processor and of the clock."""

    cpu: float
    wall: float


def timed(work: Callable[[], None]) -> Cost:
    """Return what ``work`` costs."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Cost(time.process_time() - cpu, time.perf_counter() - wall)


# Contracts


@dataclass
class Contracts:
    """What the proofs of one layout take; ``queries`` are (lemma, seconds of the processor)."""

    layout: str
    levels: int
    cost: Cost = field(default_factory=lambda: Cost(0.0, 0.0))
    lemmas: dict[str, str] = field(default_factory=dict)
    queries: list[tuple[str, float]] = field(default_factory=list)

    @property
    def slowest(self) -> tuple[str, float]:
        """The lemma whose query takes longest, and how long."""
        return max(self.queries, key=lambda query: query[1])

    def told(self) -> str:
        """Return one line for people."""
        holding = sum(verdict == engine.HOLDS for verdict in self.lemmas.values())
        times = [seconds for _, seconds in self.queries]
        name, longest = self.slowest
        return (
            f"{self.layout}: {holding} of {len(self.lemmas)} lemmas hold, "
            f"{self.cost.cpu:.1f} s CPU, {self.cost.wall:.1f} s wall; {len(times)} queries, "
            f"median {1000 * median(times):.1f} ms, slowest {1000 * longest:.0f} ms ({name})"
        )


@contextmanager
def stopwatch() -> Iterator[list[float]]:
    """Give the list of the seconds of every query that is asked meanwhile, of whichever solver."""
    plain, seconds = Desk.solve, list[float]()

    def solve(desk: Desk, *query: Any) -> Decision:
        begin = time.process_time()
        try:
            return plain(desk, *query)
        finally:
            seconds.append(time.process_time() - begin)

    with patch.object(Desk, "solve", solve):
        yield seconds


def contracts(chosen: Layout, only: Sequence[str] = ()) -> Contracts:
    """Measure the proofs of a layout, or those of some lemmas, without any cache."""
    found = Contracts(chosen.name, chosen.levels)

    def work(task: ProofTask) -> None:
        with stopwatch() as seconds:
            proofs = carry_out(task, Options())
        times = iter(seconds)
        for proof in proofs:
            found.lemmas[proof.name] = proof.verdict
            found.queries += [(proof.name, next(times)) for _ in range(proof.queries)]

    def all_tasks() -> None:
        for task in tasks_of(chosen):
            work(replace(task, only=tuple(only)))

    found.cost = timed(all_tasks)
    return found


def flush_lemmas(chosen: Layout) -> list[str]:
    """Return the lemmas that together say of the flush what the one formula says."""
    names = [lemma.name for lemma in lemmas(chosen)]
    return [name for name in names if name.startswith(FLUSH) or name == "slot_index"]


# One formula


def word(value: int) -> Any:
    """Return a constant of a machine word."""
    return z3.BitVecVal(value, WORD)


class Heap(ABC):
    """A table of ``levels`` levels with 2**``bits`` symbolic slots in each of its tables."""

    logic: str

    def __init__(self, levels: int, bits: int) -> None:
        self.levels, self.bits = levels, bits
        self.slots = range(1 << bits)

    def index(self, address: Any, level: int) -> Any:
        """Return the slot of ``address`` in a table of ``level``."""
        shift = SHIFT + self.bits * (self.levels - 1 - level)
        return z3.LShR(address, word(shift)) & word(len(self.slots) - 1)

    def is_leaf(self, level: int) -> bool:
        """Return whether tables of ``level`` hold entries."""
        return level == self.levels - 1

    def assumptions(self) -> list[Any]:
        """Return what makes it a table."""
        return []

    @property
    @abstractmethod
    def root(self) -> Any:
        """The root."""

    @abstractmethod
    def none(self, table: Any, slot: int) -> Any:
        """Return whether a directory slot is empty."""

    @abstractmethod
    def child(self, table: Any, slot: int) -> Any:
        """Return the table that a directory slot links."""

    @abstractmethod
    def entry(self, table: Any, slot: int) -> Any:
        """Return a raw entry of a leaf table."""

    @abstractmethod
    def unlink(self, table: Any, slot: int, when: Any) -> None:
        """Make a directory slot empty if ``when`` holds."""

    @abstractmethod
    def drop(self, table: Any, slot: int, when: Any) -> None:
        """Store 0 in a leaf table's slot if ``when`` holds."""

    @abstractmethod
    def lookup(self, frame: Any) -> Any:
        """Return the raw entry of a guest frame, 0 where none is present."""


class ArrayHeap(Heap):
    """The heap is one array of words; tables lie wherever a slot says."""

    logic = "QF_ABV"
    EMPTY = 0x9000

    def __init__(self, levels: int, bits: int) -> None:
        super().__init__(levels, bits)
        self.memory: Any = z3.Array("heap", z3.BitVecSort(WORD), z3.BitVecSort(WORD))

    @property
    def root(self) -> Any:
        """The root's address."""
        return z3.BitVec("root", WORD)

    def assumptions(self) -> list[Any]:
        """All tables are aligned and no two of them are the same."""
        tables = list(self._tables(self.root, 0, z3.BoolVal(True)))
        size = 8 * len(self.slots)
        out = [
            z3.Implies(linked, z3.And(table & word(size - 1) == 0, table != 0, table != self.EMPTY))
            for table, linked in tables
        ]
        for number, (table, linked) in enumerate(tables):
            out += [
                z3.Implies(z3.And(linked, linked_too), table != other)
                for other, linked_too in tables[:number]
            ]
        return out

    def _tables(self, table: Any, level: int, linked: Any) -> Iterator[tuple[Any, Any]]:
        yield table, linked
        for slot in () if self.is_leaf(level) else self.slots:
            here = z3.And(linked, z3.Not(self.none(table, slot)))
            yield from self._tables(self.child(table, slot), level + 1, here)

    def none(self, table: Any, slot: int) -> Any:
        """Return whether the slot holds the empty marker."""
        return self.entry(table, slot) == self.EMPTY

    def child(self, table: Any, slot: int) -> Any:
        """Return the address in the slot."""
        return self.entry(table, slot)

    def entry(self, table: Any, slot: int) -> Any:
        """Return the word in the slot."""
        return z3.Select(self.memory, table + word(8 * slot))

    def unlink(self, table: Any, slot: int, when: Any) -> None:
        """Store the empty marker."""
        self._store(table, slot, self.EMPTY, when)

    def drop(self, table: Any, slot: int, when: Any) -> None:
        """Store 0."""
        self._store(table, slot, 0, when)

    def _store(self, table: Any, slot: int, value: int, when: Any) -> None:
        kept = self.entry(table, slot)
        at = table + word(8 * slot)
        self.memory = z3.Store(self.memory, at, z3.If(when, word(value), kept))

    def lookup(self, frame: Any) -> Any:
        """Walk with one load a level."""
        table, linked = self.root, z3.BoolVal(True)
        for level in range(self.levels):
            at = table + word(8) * self.index(frame << SHIFT, level)
            found = z3.Select(self.memory, at)
            if not self.is_leaf(level):
                linked, table = z3.And(linked, found != self.EMPTY), found
        return z3.If(z3.And(linked, found & word(1) != 0), found, word(0))


class SlotHeap(Heap):
    """A variable for each slot; a table is the path of slots that leads to it."""

    logic = "QF_BV"

    def __init__(self, levels: int, bits: int) -> None:
        super().__init__(levels, bits)
        self.changed: dict[tuple[int, ...], Any] = {}

    def __copy__(self) -> SlotHeap:
        other = SlotHeap(self.levels, self.bits)
        other.changed = dict(self.changed)
        return other

    @property
    def root(self) -> Any:
        """The path without a slot."""
        return ()

    def _value(self, path: tuple[int, ...]) -> Any:
        name = "slot_" + "_".join(map(str, path))
        plain = z3.BitVec(name, WORD) if len(path) == self.levels else z3.Bool(name)
        return self.changed.get(path, plain)

    def none(self, table: Any, slot: int) -> Any:
        """Return whether nothing is linked."""
        return z3.Not(self._value((*table, slot)))

    def child(self, table: Any, slot: int) -> Any:
        """Return the path through the slot."""
        return (*table, slot)

    def entry(self, table: Any, slot: int) -> Any:
        """Return the value of the slot."""
        return self._value((*table, slot))

    def unlink(self, table: Any, slot: int, when: Any) -> None:
        """Link nothing."""
        path = (*table, slot)
        self.changed[path] = z3.And(self._value(path), z3.Not(when))

    def drop(self, table: Any, slot: int, when: Any) -> None:
        """Set the value to 0."""
        path = (*table, slot)
        self.changed[path] = z3.If(when, word(0), self._value(path))

    def lookup(self, frame: Any) -> Any:
        """Choose among all slots, level by level."""
        return self._choose((), frame << SHIFT)

    def _choose(self, table: tuple[int, ...], address: Any) -> Any:
        level = len(table)
        found = word(0)
        for slot in self.slots:
            value = self._value((*table, slot))
            if self.is_leaf(level):
                here = z3.If(value & word(1) != 0, value, word(0))
            else:
                here = z3.If(value, self._choose((*table, slot), address), word(0))
            found = z3.If(self.index(address, level) == slot, here, found)
        return found


def flush(heap: Heap, first: Any, last: Any, short: bool) -> None:
    """Unroll ``kvm_mips_flush_gpa_pt`` on ``heap``; with ``short`` the leaf's loop ends too early.

    The frames are inclusive, as those of the kernel's function.
    """
    frames = word(len(heap.slots) ** heap.levels)
    end = z3.If(z3.UGE(last + 1, frames), frames, last + 1)
    begins = z3.ULT(first, end)
    _flush(heap, 0, heap.root, (first << SHIFT, (end - 1) << SHIFT), begins, short)


def _flush(
    heap: Heap, level: int, table: Any, gpas: tuple[Any, Any], when: Any, short: bool
) -> Any:
    """Unroll the flush of one table; return whether nothing is left in it."""
    low, high = (heap.index(gpa, level) for gpa in gpas)
    leaf = heap.is_leaf(level)
    safe = z3.And(low == 0, high == len(heap.slots) - 1)
    for slot in heap.slots:
        ends = z3.ULT(slot, high) if leaf and short else z3.ULE(slot, high)
        here = z3.And(when, z3.ULE(low, slot), ends)
        if leaf:
            present = heap.entry(table, slot) & word(1) != 0
            heap.drop(table, slot, z3.And(here, present))
            continue
        here = z3.And(here, z3.Not(heap.none(table, slot)))
        child = heap.child(table, slot)
        start = z3.If(low == slot, gpas[0], word(0))
        stop = z3.If(high == slot, gpas[1], word(2**WORD - 1))
        empty = _flush(heap, level + 1, child, (start, stop), here, short)
        heap.unlink(table, slot, z3.And(here, empty))
        safe = z3.And(safe, z3.Or(z3.Not(here), empty))
    return safe


def refutation(heap: Heap, short: bool) -> list[Any]:
    """Return the formula that a frame is not what the flush of a range must leave."""
    first, last, frame = z3.BitVecs("first last frame", WORD)
    before = copy(heap)
    flush(heap, first, last, short)
    within = z3.And(z3.ULE(first, frame), z3.ULE(frame, last))
    wanted = z3.If(within, word(0), before.lookup(frame))
    reach = word(len(heap.slots) ** heap.levels)
    return [
        *before.assumptions(),
        z3.ULE(first, last),
        last != word(2**WORD - 1),
        z3.ULT(frame, reach),
        heap.lookup(frame) != wanted,
    ]


HEAPS: dict[str, type[Heap]] = {"array": ArrayHeap, "slots": SlotHeap}
_VERDICTS = {solvers.UNSAT: "holds", solvers.SAT: "refuted"}


@dataclass(frozen=True)
class OneFormula:
    """What became of the one formula: 'holds', 'refuted' or 'gave up'."""

    heap: str
    levels: int
    bits: int
    planted: bool
    verdict: str
    cost: Cost

    def told(self) -> str:
        """Return one line for people."""
        what = "one slot too few" if self.planted else "the flush"
        return (
            f"one formula, {self.levels} levels of {self.bits} bits, heap as {self.heap}, {what}: "
            f"{self.verdict} after {self.cost.cpu:.2f} s CPU"
        )


def one_formula(
    heap: str, levels: int, bits: int = BITS, planted: bool = False, limit: int = LIMIT
) -> OneFormula:
    """State the flush in one formula and ask Z3: by the tactics of the logic, then by its core."""
    answers: list[str] = []

    def work() -> None:
        made = HEAPS[heap](levels, bits)
        formula = refutation(made, planted)
        for solver in (z3.SolverFor(made.logic), z3.SimpleSolver()):
            solver.set("rlimit", limit)
            solver.add(*formula)
            answers.append(str(solver.check()))
            if answers[-1] != solvers.UNKNOWN:
                return

    cost = timed(work)
    return OneFormula(heap, levels, bits, planted, _VERDICTS.get(answers[-1], "gave up"), cost)


def ratio(naive: OneFormula, ours: Contracts) -> str:
    """Return how many times longer the one formula takes than the contracts of the flush."""
    least = "at least " if naive.verdict == "gave up" else ""
    return (
        f"ratio of one formula of {naive.bits} bits, heap as {naive.heap}, to the contracts "
        f"of the flush ({ours.cost.cpu:.2f} s CPU on {ours.layout}): "
        f"{least}{naive.cost.cpu / ours.cost.cpu:.3g}"
    )


def bench(
    names: Sequence[str],
    tell: Callable[[str], None],
    *,
    sizes: Sequence[int] = (BITS,),
    limit: int = LIMIT,
    whole: bool = True,
) -> dict[str, Any]:
    """Measure layouts, then the one formula for each number of levels up to three among them.

    ``sizes`` are the bits of a level in the one formula, one after the other. Without ``whole``
    only the lemmas of the flush are proved. ``tell`` is given each line.
    """
    every: list[Contracts] = []
    flushes: dict[int, Contracts] = {}
    for name in dict.fromkeys(names):
        chosen = layout(name)
        if whole:
            every.append(contracts(chosen))
            tell(every[-1].told())
        if chosen.levels not in flushes:
            flushes[chosen.levels] = contracts(chosen, flush_lemmas(chosen))
            tell("the flush alone, " + flushes[chosen.levels].told())
    formulas: list[OneFormula] = []
    small = [pair for pair in sorted(flushes.items()) if pair[0] <= 3]
    for bits, (levels, ours) in product(sizes, small):
        for heap in HEAPS:
            for planted in (False, True):
                formulas.append(one_formula(heap, levels, bits, planted, limit))
                tell(formulas[-1].told())
            tell(ratio(formulas[-2], ours))
    return {
        "layouts": [asdict(measured) for measured in every],
        "flush": [asdict(measured) for measured in flushes.values()],
        "one_formula": [asdict(formula) for formula in formulas],
    }


def main() -> None:
    """Print what the proofs take, then the one formula, and the ratio of both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layout", action="append", help="again for each further one")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument(
        "--bits", type=int, action="append", help="of a level in the one formula; again for more"
    )
    parser.add_argument("--limit", type=int, default=LIMIT, help="Z3's resource units")
    given = parser.parse_args()
    found = bench(
        given.layout or DEFAULT,
        lambda line: print(line, flush=True),
        sizes=given.bits or (BITS,),
        limit=given.limit,
    )
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
