# SPDX-License-Identifier: GPL-2.0-only
"""Exploration of a program's paths: forks, assumptions, goals and the queries made of them.

Knows neither the language of the program nor the page table: a front end calls ``branch`` where
the program decides, ``assume`` where a contract or a loop rule speaks, ``prove`` where something
must hold. Hypotheses that hold at every point are schemas; they are instantiated at the points
that the path has named, so that every query is free of quantifiers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field

from proofs.terms import FALSE, TRUE, Term, Truth, both, either, negate, truth, variable

MAX_PATHS = 4096
"""Paths of one function after which the program counts as unsupported."""
MAX_DECISIONS = 400
"""Decisions on one path after which the program counts as unsupported."""


MISMATCH = "annotation mismatch"
"""How a report begins to say why, where what is known of a loop does not fit it."""


class PathEnd(Exception):
    """Nothing more is to be shown on this path."""


class Unsupported(Exception):
    """The program does something that the proof has no rule for; ``placed`` once it says where."""

    placed = False

    def put(self, place: str) -> None:
        """Say where in the program that is."""
        self.args = (f"{place}: {self}",)
        self.placed = True


class Mismatch(Unsupported):
    """What is known of a loop does not fit it, and nothing else could be inferred."""

    def __init__(self, why: str) -> None:
        super().__init__(f"{MISMATCH}: {why}")
        self.why = why

    def put(self, place: str) -> None:
        """Say where in the program that is, after the words by which it is known."""
        self.args = (f"{MISMATCH}: {place}: {self.why}",)
        self.placed = True


@dataclass(frozen=True)
class Goal:
    """A statement that must hold on a path; ``clause`` names the promise that it belongs to."""

    clause: str
    statement: str
    term: Term


@dataclass(frozen=True)
class Query:
    """Premises and goals of a part of a path; proved when premises and a negated goal conflict.

    ``watch`` names the values that make a counterexample, where there is one.
    """

    premises: tuple[Term, ...]
    goals: tuple[Goal, ...]
    watch: tuple[tuple[str, Term], ...] = field(compare=False, default=())

    @property
    def refutation(self) -> list[Term]:
        """What must be unsatisfiable for all goals to hold."""
        return [*self.premises, truth(either(*[negate(goal.term) for goal in self.goals]))]


@dataclass(frozen=True)
class Checkpoint:
    """How far a path had come where a rule began or ended; ``assumed`` if it ended there."""

    place: str
    assumed: bool
    premises: int
    schemas: int
    points: tuple[tuple[str, tuple[Term, ...]], ...]


class Path:
    """One run of a program along a prefix of decisions."""

    def __init__(self, prefix: tuple[int, ...]) -> None:
        self.prefix = prefix
        self.decisions: list[tuple[int, int]] = []
        self.premises: list[Term] = []
        self.known: dict[int, bool] = {}
        self.goals: list[Goal] = []
        self.queries: list[Query] = []
        self.checkpoints: list[Checkpoint] = []
        self.schemas: list[tuple[int, str, Callable[[Term], Sequence[Truth]]]] = []
        self.points: dict[str, list[Term]] = {}
        self.passing: list[tuple[str, Term]] = []
        self._facts: dict[tuple[int, int], list[Term]] = {}
        self._schemas = 0
        self.watch: dict[str, Term] = {}
        self.claims: set[tuple[str, str]] = set()
        self.whole: tuple[Term, ...] = ()
        self.stopped = False
        self.trouble: Unsupported | None = None
        self._names: dict[str, int] = {}

    # Symbols

    def fresh(self, hint: str, width: int) -> Term:
        """Return a new symbol; the same path names its symbols alike in every run."""
        return variable(self.name(hint), width)

    def name(self, hint: str) -> str:
        """Return a name that the path has not used."""
        count = self._names.get(hint, 0)
        self._names[hint] = count + 1
        return f"{hint}.{count}" if count else hint

    def show(self, name: str, term: Term) -> None:
        """Let counterexamples tell the value of ``term``."""
        self.watch[name] = term

    # Decisions

    def choose(self, alternatives: int) -> int:
        """Return each of 0..``alternatives`` - 1 on a path of its own."""
        position = len(self.decisions)
        if position >= MAX_DECISIONS:
            raise Unsupported(f"more than {MAX_DECISIONS} decisions on a path")
        taken = self.prefix[position] if position < len(self.prefix) else 0
        self.decisions.append((taken, alternatives))
        return taken

    def branch(self, condition: Truth) -> bool:
        """Return the truth of ``condition``; where it is open, both on paths of their own."""
        if not isinstance(condition, Term):
            return condition
        if condition is TRUE or condition is FALSE:
            return condition is TRUE
        found = self.known.get(condition.uid)
        if found is None:
            found = self.choose(2) == 0
            self._learn(truth(condition if found else negate(condition)))
        return found

    def _learn(self, fact: Term) -> None:
        self.premises.append(fact)
        self.known[fact.uid] = True
        opposite = negate(fact)
        if isinstance(opposite, Term):
            self.known[opposite.uid] = False
        if fact.op == "and":
            for part in fact.args:
                self.known[part.uid] = True

    # Rules

    def assume(self, *facts: Truth) -> None:
        """Take ``facts`` for granted from here on."""
        for fact in facts:
            term = truth(fact)
            if term is not TRUE:
                self._learn(term)

    def everywhere(self, sort: str, schema: Callable[[Term], Sequence[Truth]]) -> None:
        """Take for granted that ``schema`` holds at every point of ``sort``."""
        self._schemas += 1
        self.schemas.append((self._schemas, sort, schema))

    def point(self, sort: str, term: Term, passing: bool = False) -> None:
        """Name a point for schemas; a ``passing`` one counts in the next query only."""
        known = self.points.setdefault(sort, [])
        if term not in known:
            known.append(term)
            if passing:
                self.passing.append((sort, term))

    def prove(self, clause: str, statement: str, goal: Truth) -> None:
        """Demand that ``goal`` holds here."""
        term = truth(goal)
        self.claims.add((clause, statement))
        if term is not TRUE:
            self.goals.append(Goal(clause, statement, term))

    def settle(self) -> None:
        """Make a query of the goals so far, before a rule adds to the premises."""
        self.check("before a rule", assumed=False)
        if self.goals:
            points = [(f"at {term.data}", term) for term in self.points.get("frame", ())]
            watch = (*self.watch.items(), *points)
            query = Query(self.hypotheses(), tuple(self.goals), watch)
            self.queries.append(query)
            self.goals = []
        for sort, point in self.passing:
            self.points[sort].remove(point)
        self.passing = []

    def check(self, place: str, assumed: bool = True) -> None:
        """Note that what is assumed so far must be satisfiable, if it was before the rule."""
        points = tuple((sort, tuple(found)) for sort, found in self.points.items())
        spot = Checkpoint(place, assumed, len(self.premises), len(self.schemas), points)
        self.checkpoints.append(spot)

    def hypotheses(self, at: Checkpoint | None = None) -> tuple[Term, ...]:
        """Return all premises, of the path and the schemas at its points, now or earlier."""
        points = dict(at.points) if at else self.points
        found = dict.fromkeys(self.premises[: at.premises if at else None])
        for number, sort, schema in self.schemas[: at.schemas if at else None]:
            for term in points.get(sort, ()):
                key = (number, term.uid)
                if key not in self._facts:
                    facts = [truth(fact) for fact in schema(term)]
                    self._facts[key] = [fact for fact in facts if fact is not TRUE]
                found.update(dict.fromkeys(self._facts[key]))
        return tuple(found)


_current: ContextVar[Path] = ContextVar("path")


def current() -> Path:
    """Return the path that is being run."""
    return _current.get()


def explore(program: Callable[[Path], None], keep: bool = False) -> list[Path]:
    """Run ``program`` along every path; it is run anew for each and must decide alike each time.

    Raises Unsupported where there are too many paths, and where the program does; with ``keep``
    a path on which it does so ends there and keeps the reason, as it may be one never taken.
    """
    found: list[Path] = []
    pending: list[tuple[int, ...]] = [()]
    while pending:
        prefix = pending.pop()
        path = Path(prefix)
        token = _current.set(path)
        try:
            program(path)
        except PathEnd:
            pass
        except Unsupported as trouble:
            if not keep:
                raise
            path.trouble = trouble
        finally:
            _current.reset(token)
        path.whole = path.hypotheses()
        path.settle()
        found.append(path)
        if len(found) > MAX_PATHS:
            raise Unsupported(f"more than {MAX_PATHS} paths")
        for position in range(len(path.decisions) - 1, len(prefix) - 1, -1):
            taken, alternatives = path.decisions[position]
            before = tuple(decision for decision, _ in path.decisions[:position])
            pending += [(*before, other) for other in range(alternatives - 1, taken, -1)]
    return found


def merged(program: Callable[[], list[Truth | Term]]) -> list[tuple[Truth, list[Truth | Term]]]:
    """Run a pure program along every path; return each path's condition and its values.

    Forks of ``program`` do not fork the path that is being run.
    """
    leaves: list[tuple[Truth, list[Truth | Term]]] = []

    def run(path: Path) -> None:
        values = program()
        leaves.append((both(*path.premises), values))

    outer = _current.get(None)
    pending: list[tuple[int, ...]] = [()]
    while pending:
        prefix = pending.pop()
        path = Path(prefix)
        if outer is not None:
            path.known = dict(outer.known)
        token = _current.set(path)
        try:
            run(path)
        finally:
            _current.reset(token)
        for position in range(len(path.decisions) - 1, len(prefix) - 1, -1):
            taken, alternatives = path.decisions[position]
            before = tuple(decision for decision, _ in path.decisions[:position])
            pending += [(*before, other) for other in range(alternatives - 1, taken, -1)]
    return leaves
