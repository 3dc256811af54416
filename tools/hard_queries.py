# SPDX-License-Identifier: GPL-2.0-only
"""Writes the record of hard queries, or has Z3 confirm it: what it answered, who was fastest.

``python -m tools.hard_queries`` proves the built-in tables, and the C of the trees of
``--kernel``, and asks Z3, Bitwuzla and cvc5 each query that Z3's first strategy leaves open, unless
it is on record already by the same versions of them. What was measured is kept in
.cache/hard-queries, so that a run that was ended goes on where it was.
``--confirm`` has Z3 alone answer what is on record again, by all of its strategies.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from impl.kernel.layouts import layout_in
from impl.kernel.ports import bind, open_for, trees_in
from impl.kernel.toolchain import find
from impl.kernel.typed import preprocessed
from model.layout import Layout
from model.machines import BIG
from model.ports import byte_orders, permitted_layouts
from model.ports import layout as layout_named
from proofs import hard_queries, solvers
from proofs.desk import Z3, Desk, Options
from proofs.hard_queries import (
    DIGITS,
    HELPERS,
    HardQuery,
    Record,
    digest_of_goals,
    digest_of_query,
)
from proofs.kernel_runner import LemmaStore, Session, read_unit
from proofs.ports import CODES, has_table
from proofs.runner import MAP, ProofTask, carry_out, sources, tasks_of
from proofs.solvers import STRATEGIES, UNKNOWN, UNSAT, Decision, SolverFailure, Z3Query

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / ".cache/hard-queries"
TREES = ROOT / ".cache/kernels"
MARGIN = 0.8
"""Another solver is worth its place where it takes less than this share of Z3's time."""
BRIEF = 0.25
"""Seconds that Z3 may take for a query without being asked in another way as well."""
NEAR = 3
"""What takes Z3's first strategy more than this part of its limit counts as left open."""
ALONE = Options(alone=True)


@dataclass
class Measured:
    """What all solvers answer to one query, and seconds of the processor by way.

    ``premises`` are those that were asked about; see ``HardQuery``.
    """

    answer: str
    seconds: dict[str, float]
    premises: int = 0

    @property
    def fastest(self) -> str:
        """The fastest way of Z3's, or another solver where it is faster by a margin."""
        own = {way: cost for way, cost in self.seconds.items() if way not in HELPERS}
        best = min(own, key=own.__getitem__)
        other = {way: cost for way, cost in self.seconds.items() if way in HELPERS}
        quick = min(other, key=other.__getitem__, default="")
        return quick if quick and other[quick] < MARGIN * own[best] else best

    @property
    def row(self) -> HardQuery:
        """What goes on record."""
        return HardQuery(self.answer, self.fastest, self.premises)


# What is asked

Work = Callable[[], None]


@dataclass(frozen=True)
class Unit:
    """A piece of work of some seconds that asks queries."""

    name: str
    work: Work


def units(layouts: Sequence[Layout], trees: Sequence[Path]) -> Iterator[Unit]:
    """Yield what is proved of the built-in tables and of the trees in these layouts."""
    tabled = [layout for layout in layouts if has_table(layout)]
    tasks = dict.fromkeys(task for layout in tabled for task in tasks_of(layout))
    for task in (*tasks, ProofTask(MAP)):
        yield Unit(f"{task.scope} {task.layout}", partial(_table, task))
    for tree in trees:
        ports = trees_in(tree)
        for layout in layouts:
            if layout.port in CODES and layout.port in ports:
                yield Unit(f"{tree.name} {layout.name}", partial(_code, tree, layout))


def _table(task: ProofTask) -> None:
    carry_out(task, ALONE)


def _code(root: Path, layout: Layout) -> None:
    tree = open_for(root.resolve(), layout)
    binding, shape, tools = bind(tree), layout_in(tree, layout), find(None)
    seen = set()
    for order in byte_orders(layout):
        text = preprocessed(tree, binding, shape, tools, order == BIG)
        if text not in seen:
            seen.add(text)
            unit, _ = read_unit(tree, binding, shape, tools, order == BIG)
            Session(unit, shape, binding.entries, ALONE, LemmaStore(None)).run()


Answer = Callable[[str, str], str]
"""Answers a query, of which is said what it is about; '' where no last assertion is of goals."""


@contextmanager
def answering(answer: Answer) -> Iterator[None]:
    """Let the queries that are asked meanwhile, each as a whole, be answered by a function."""

    def solve(_desk: Desk, text: str, _key: str, about: str, *_: object) -> Decision:
        return Decision(answer(text, about), (Z3,))

    with patch.object(Desk, "solve", solve):
        yield


# Recording


class Notebook:
    """What was measured so far, on disk or in a record: queries, and the hard ones of each unit.

    Of these is kept what they are about as well, as ``digest_of_goals`` has it, '' for no goals.
    """

    def __init__(self, folder: Path, known: Record) -> None:
        self._queries = folder / "queries.jsonl"
        self._units = folder / "units.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        asked = solvers.versions(tuple(solvers.SOLVERS))
        self.asked = asked
        self.rows = dict(known.rows) if known.asked == asked else {}
        for line in _lines(self._queries):
            if line["asked"] == asked:
                found = Measured(line["answer"], line["seconds"], line["premises"])
                self.rows[line["query"]] = found.row
        self.done: dict[tuple[str, str], dict[str, str]] = {
            (line["unit"], line["key"]): line["hard"] for line in _lines(self._units)
        }

    def note(self, query: str, found: Measured) -> None:
        """Keep what was measured of a query."""
        self.rows[query] = found.row
        _append(self._queries, {"query": query, "asked": self.asked, **asdict(found)})

    def finish(self, unit: str, key: str, hard: dict[str, str]) -> None:
        """Keep that a unit was asked as a whole; ``key`` is of what it depends on."""
        self.done[unit, key] = hard
        _append(self._units, {"unit": unit, "key": key, "hard": hard})


def _lines(file: Path) -> Iterator[dict[str, Any]]:  # JSON that this tool wrote
    if file.is_file():
        for line in file.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue  # a run was ended while it wrote


def _append(file: Path, data: Mapping[str, object]) -> None:
    with file.open("a", encoding="utf-8") as stream:
        # A line that was cut ends here.
        stream.write("\n" + json.dumps(data))


def record(chosen: Iterable[Unit], notebook: Notebook, say: Callable[[str], None]) -> Record:
    """Return the record of these units and of all that were done before, as the tool is now.

    Raises SolverFailure where solvers disagree.
    """
    key = sources()
    for unit in chosen:
        if (unit.name, key) not in notebook.done:
            begun, hard = time.process_time(), dict[str, str]()
            with answering(partial(_noted, hard, notebook)):
                unit.work()
            notebook.finish(unit.name, key, hard)
            say(f"{unit.name}: {len(hard)} hard, {time.process_time() - begun:.1f} s CPU")
    rows: dict[str, HardQuery] = {}
    likely: dict[str, int] = {}
    for (_, of), queries in notebook.done.items():
        for query, goals in queries.items() if of == key else ():
            row = notebook.rows.get(query)
            if row is None:
                continue
            rows[query] = row
            if goals and row.answer == UNSAT and row.premises:
                likely[goals] = likely.get(goals, 0) | row.premises
    return Record(rows, notebook.asked, likely=likely)


def _noted(hard: dict[str, str], notebook: Notebook, text: str, about: str) -> str:
    """Answer a query, and measure it where Z3's first strategy leaves it open, or nearly does.

    What came before in Z3's shared memory moves the work that a query is, so one that is near the
    limit here is beyond it elsewhere, and there costs all that the next strategy may try.
    """
    first = STRATEGIES[0]
    answer = Z3Query(text, bool(about)).attempt(replace(first, limit=first.limit // NEAR))
    if answer != UNKNOWN:
        return answer
    query = digest_of_query(text)[:DIGITS]
    hard[query] = digest_of_goals(about, text) if about else ""
    if query not in notebook.rows:
        found = measure(text, bool(about))
        if found is None:
            return UNKNOWN
        notebook.note(query, found)
    return notebook.rows[query].answer


def measure(text: str, goals: bool) -> Measured | None:
    """Return what all solvers say, None where Z3 does not answer. Raises SolverFailure.

    Where fewer premises are enough to refute it, and Z3 does so, all are asked about these.
    """
    premises = sufficient(text)
    part = HardQuery(UNSAT, "", premises).part_of(text)
    found = _measured(part, goals) if part else None
    if found is not None and found.answer == UNSAT:
        return Measured(UNSAT, found.seconds, premises)
    return _measured(text, goals)


def _measured(text: str, goals: bool) -> Measured | None:
    seconds: dict[str, float] = {}
    answers: dict[str, str] = {}
    for strategy in STRATEGIES[1:]:
        if answers and (min(seconds.values()) < BRIEF or strategy.cases is None):
            break
        begun = time.process_time()
        answer = Z3Query(text, goals).attempt(strategy)
        if answer != UNKNOWN:
            seconds[strategy.name] = time.process_time() - begun
            answers[strategy.name] = answer
    if not answers:
        return None
    for name in HELPERS:
        begun = time.process_time()
        answer = solvers.ask(name, text, goals)
        if answer != UNKNOWN:
            seconds[name] = time.process_time() - begun
            answers[name] = answer
    if len(set(answers.values())) > 1:
        raise SolverFailure(f"solvers disagree on query {digest_of_query(text)}: {answers}")
    return Measured(next(iter(answers.values())), seconds)


ROUNDS = 3
"""How often premises are left out of those that were left."""


def sufficient(text: str) -> int:
    """Return the premises that Bitwuzla needs to refute a query; 0 for all, or if it does not."""
    left, found = list(range(text.count("\n(assert ") - 1)), 0
    for _ in range(ROUNDS):
        part = HardQuery(UNSAT, "", found).part_of(text) or text
        core = _core(part)
        if not core or len(core) == len(left):
            break
        left = [left[number] for number in core]
        found = sum(1 << bit for bit in left)
    return found


def _core(text: str) -> list[int]:
    """Return the numbers of the premises in Bitwuzla's unsatisfiable core, none without one."""
    import bitwuzla

    options = bitwuzla.Options()
    options.set(bitwuzla.Option.PRODUCE_UNSAT_CORES, 1)
    parser = bitwuzla.Parser(bitwuzla.TermManager(), options)
    parser.parse(text.replace("(check-sat)", ""), True, False)
    solver = parser.bitwuzla()
    *premises, _ = solver.get_assertions()
    if solver.check_sat() != bitwuzla.Result.UNSAT:
        return []
    needed = {term.id() for term in solver.get_unsat_core()}
    return [number for number, term in enumerate(premises) if term.id() in needed]


# Confirming


@dataclass
class Confirmation:
    """Rows on record that were met and asked again, and what Z3 says otherwise of them."""

    met: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    otherwise: list[str] = field(default_factory=list)


def confirm(
    chosen: Iterable[Unit], given: Record, share: float, draw: random.Random
) -> Confirmation:
    """Have Z3 answer a random share, from 0 to 1, of the rows that some units ask for."""
    found = Confirmation()
    drawn = set(draw.sample(sorted(given.rows), round(share * len(given.rows))))

    def answer(text: str, about: str) -> str:
        row, goals = digest_of_query(text)[:DIGITS], bool(about)
        hard = given.rows.get(row)
        if hard is None:
            return Z3Query(text, goals).check()
        found.met.add(row)
        if row in found.asked or row not in drawn:
            return hard.answer
        found.asked.add(row)
        now = Z3Query(text, goals).check()
        if now != hard.answer:
            found.otherwise.append(f"{row}: {hard.answer} on record, Z3 says {now}")
        return now

    for unit in chosen:
        with answering(answer):
            unit.work()
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the record, or confirm it; 1 where somebody disagrees."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("layouts", nargs="*", metavar="LAYOUT", help="all that are permitted")
    parser.add_argument("--kernel", action="append", type=Path, metavar="TREE", default=None)
    parser.add_argument("--confirm", action="store_true")
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args(arguments)
    layouts = [layout_named(name) for name in args.layouts] or list(permitted_layouts())
    trees = args.kernel if args.kernel is not None else sorted(TREES.glob("linux-*"))
    if not trees:
        print("no kernel trees: 'make kernels' fetches them, --kernel names others")
        return 1
    chosen = units(layouts, trees)
    if args.confirm:
        return _confirm(chosen, args.share, args.seed)
    notebook = Notebook(KEPT, hard_queries.shipped())
    found = record(chosen, notebook, lambda line: print(line, flush=True))
    hard_queries.FILE.write_text(hard_queries.written(found), encoding="utf-8")
    print(f"{len(found.rows)} hard queries are on record: {_ways(found)}")
    return 0


def _ways(found: Record) -> str:
    ways = Counter(row.way for row in found.rows.values())
    return ", ".join(f"{number} {way}" for way, number in ways.most_common())


def _confirm(chosen: Iterable[Unit], share: float, seed: int) -> int:
    given = hard_queries.shipped()
    found = confirm(chosen, given, share, random.Random(seed))
    for line in found.otherwise:
        print(line)
    print(
        f"{len(given.rows)} on record, {len(found.met)} met, {len(found.asked)} asked of Z3 again "
        f"(share {share}, seed {seed}), {len(found.otherwise)} otherwise"
    )
    return 1 if found.otherwise else 0


if __name__ == "__main__":
    sys.exit(main())
