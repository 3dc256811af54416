# SPDX-License-Identifier: GPL-2.0-only
"""What a loop keeps: invariants of its variables, found by trying, and the roles they play.

The function is explored once with a loop taken apart: how it is entered, one arbitrary turn, and
what the function returns if the loop ends there. Candidates come from a few templates; those
that a turn breaks are dropped until the rest is inductive (as in Houdini). What is found is a
hint: the proof demands every one of them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from proofs import terms
from proofs.c import types
from proofs.c.run import Loop, Run, Signal
from proofs.c.values import LOST, Cell, Int, Ptr, Value, below, sign_extended
from proofs.paths import PathEnd, Unsupported, current, explore
from proofs.terms import Term, Truth, agree, both, either, negate, same, truth
from proofs.together import Together, failing

ROUNDS = 40
"""Rounds of dropping candidates after which none is kept."""


@dataclass(frozen=True)
class Number:
    """A variable's value as a number: an integer, or the element that a pointer is at."""

    term: Term
    signed: bool


Numbers = Mapping[str, Number]


@dataclass(frozen=True)
class Template:
    """A statement on variables: ``form`` says which, ``names`` of what, ``constant`` with what."""

    form: str
    names: tuple[str, ...]
    constant: int = 0

    def holds(self, now: Numbers, entry: Numbers) -> Truth:
        """Return the statement on what variables hold now and held when the loop began."""
        return _FORMS[self.form](self, now, entry)

    def __str__(self) -> str:
        told = f", {self.constant:#x}" if self.form in _WITH_CONSTANT else ""
        return f"{self.form}({', '.join(name.rpartition(':')[2] for name in self.names)}{told})"


def _wide(number: Number, width: int) -> Term:
    term = number.term
    if term.width >= width:
        return term
    return sign_extended(term, width) if number.signed else terms.bits(term, width)


def _kept(template: Template, now: Numbers, entry: Numbers) -> Truth:
    (name,) = template.names
    return same(now[name].term, entry[name].term)


def _constant(template: Template, number: Number) -> Term:
    return terms.number(template.constant, number.term.width)


def _is(template: Template, now: Numbers, entry: Numbers) -> Truth:
    number = now[template.names[0]]
    return same(number.term, _constant(template, number))


def _first_or(template: Template, now: Numbers, entry: Numbers) -> Truth:
    """It has its first value in the first turn, a constant later."""
    name, step = template.names
    number = now[name]
    first = same(now[step].term, entry[step].term)
    begun = both(first, same(number.term, entry[name].term))
    return either(begun, both(negate(first), same(number.term, _constant(template, number))))


def _until(template: Template, now: Numbers, entry: Numbers) -> Truth:
    """It is a constant while another variable is at most a bound."""
    _, step, bound = template.names
    return _while(template, now, bound, step)


def _from(template: Template, now: Numbers, entry: Numbers) -> Truth:
    """It is a constant while another variable is at least a bound."""
    _, step, bound = template.names
    return _while(template, now, step, bound)


def _while(template: Template, now: Numbers, high: str, low: str) -> Truth:
    """It is a constant unless ``high`` is below ``low``."""
    name = template.names[0]
    width = max(now[high].term.width, now[low].term.width) + 1
    passed = below(_wide(now[high], width), _wide(now[low], width), signed=True)
    return either(passed, same(now[name].term, _constant(template, now[name])))


def _along(template: Template, now: Numbers, entry: Numbers) -> Truth:
    """It has gone as far as another variable."""
    name, step = template.names
    width = max(now[name].term.width, now[step].term.width)
    gone = [
        terms.subtract(_wide(now[part], width), _wide(entry[part], width)) for part in (name, step)
    ]
    return same(gone[0], gone[1])


def _against(template: Template, now: Numbers, entry: Numbers) -> Truth:
    """It has gone back as far as another variable has gone."""
    name, step = template.names
    width = max(now[name].term.width, now[step].term.width)
    back = terms.subtract(_wide(entry[name], width), _wide(now[name], width))
    return same(back, terms.subtract(_wide(now[step], width), _wide(entry[step], width)))


def _not_before(template: Template, now: Numbers, entry: Numbers) -> Truth:
    (name,) = template.names
    return negate(below(now[name].term, entry[name].term, now[name].signed))


def _not_after(template: Template, now: Numbers, entry: Numbers) -> Truth:
    (name,) = template.names
    return negate(below(entry[name].term, now[name].term, now[name].signed))


def _matches(template: Template, now: Numbers, entry: Numbers) -> Truth:
    """It is not 0 just if another variable is not where it began."""
    name, step = template.names
    moved = negate(same(now[step].term, entry[step].term))
    return agree(truth(moved), truth(negate(same(now[name].term, 0))))


_FORMS: dict[str, Callable[[Template, Numbers, Numbers], Truth]] = {
    "keeps": _kept,
    "is": _is,
    "first or": _first_or,
    "until": _until,
    "from": _from,
    "along": _along,
    "against": _against,
    "not before": _not_before,
    "not after": _not_after,
    "matches": _matches,
}
_WITH_CONSTANT = frozenset({"is", "first or", "until", "from"})


@dataclass
class Seen:
    """A way into a loop, or a turn of it: what was decided, and the variables at its end."""

    premises: tuple[Term, ...]
    entry: dict[str, Number]
    now: dict[str, Number]
    after: dict[str, Number] = field(default_factory=dict)


@dataclass
class Observed:
    """What was seen of one loop."""

    heads: dict[str, Term] = field(default_factory=dict)
    carried: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    entries: list[Seen] = field(default_factory=list)
    turns: list[Seen] = field(default_factory=list)
    exits: list[tuple[tuple[Term, ...], Truth]] = field(default_factory=list)


@dataclass(frozen=True)
class Facts:
    """What is known of a loop: what it carries, what holds, what its function would return.

    ``steps`` are the variables that each turn moves by one, forwards (1) or back (-1). ``result``
    is over ``heads``, the variables' values at the head of the loop.
    """

    carried: frozenset[str]
    templates: tuple[Template, ...]
    steps: tuple[tuple[str, int], ...]
    heads: Mapping[str, Term]
    result: Term | None


def number_of(value: Value) -> Number | None:
    """Return a value as a number, None where it is none."""
    if isinstance(value, Int):
        return Number(value.term, value.type.signed)
    if isinstance(value, Ptr) and value.block is not None:
        return Number(value.index, signed=True)
    return None


def scalar(cell: Cell) -> Value:
    """Return what a variable holds, LOST for a record or an array."""
    if isinstance(cell.type, types.Record | types.Array):
        return LOST
    return cell.leaves.get(0, LOST)


def visible(run: Run) -> Iterator[tuple[str, Cell]]:
    """Yield every variable of the calls that are being executed, by place and declaration."""
    for place, frame in enumerate(run.frames):
        for key, cell in frame.cells.items():
            yield f"{place}:{key}", cell


def numbers(run: Run) -> dict[str, Number]:
    """Return the variables that hold a number."""
    found = {}
    for name, cell in visible(run):
        number = number_of(scalar(cell))
        if number is not None:
            found[name] = number
    return found


class Observer:
    """Takes the loops of a function apart while it is explored."""

    def __init__(self, symbolic: set[tuple[str, ...]], lost: dict[tuple[str, ...], set[str]]):
        self.symbolic = symbolic
        self.loops: dict[tuple[str, ...], Observed] = {}
        self.lost = lost
        self.left: tuple[str, ...] | None = None
        """The loop that was left last on the path that is being explored."""

    def ended(self, execute: Explored) -> None:
        """Execute the function on one path; note what it returns behind the loop it left last."""
        self._begin()
        result = execute(self)
        if self.left is not None:
            self.loops[self.left].exits.append((tuple(current().premises), result))

    def _begin(self) -> None:
        self.left = None

    def rule(self, run: Run, loop: Loop) -> Signal | None:
        """Enter a loop: let it end there, or execute one arbitrary turn."""
        path = current()
        seen = self.loops.setdefault(loop.key, Observed(lost=self.lost.setdefault(loop.key, set())))
        cells = run.assigned(loop.nodes)
        entry = numbers(run)
        for name, cell in cells.items():
            self._forget(seen, loop, name, cell)
        begun_with = {name: scalar(cell) for name, cell in cells.items()}
        now = numbers(run)
        seen.entries.append(Seen(tuple(path.premises), entry, entry))
        seen.carried |= {name for name in cells if name in now}
        if path.choose(2) == 0:
            self.left = loop.key
            return None
        self._turn(run, loop)
        after = numbers(run)
        for name, cell in cells.items():
            if name in now and not alike(begun_with[name], scalar(cell)):
                raise Carried(loop.key, name)
        seen.turns.append(Seen(tuple(path.premises), entry, now, after))
        raise PathEnd

    def _forget(self, seen: Observed, loop: Loop, name: str, cell: Cell) -> None:
        value = scalar(cell)
        number = number_of(value)
        whole = not isinstance(cell.type, types.Record | types.Array)
        if number is None or name in seen.lost or not whole:
            cell.forget()
            return
        head = terms.variable(f"head {loop.key[-1]} {len(seen.heads)}", number.term.width)
        head = seen.heads.setdefault(name, head)
        if head.width != number.term.width:
            raise Unsupported("a variable changes its width")
        cell.leaves[0] = with_number(value, head)

    def _turn(self, run: Run, loop: Loop) -> None:
        path = current()
        if loop.test is not None and not loop.late and not path.branch(loop.test()):
            raise PathEnd
        if not loop.goes_on(loop.body()):
            raise PathEnd
        loop.step()
        if loop.late and loop.test is not None:
            path.branch(loop.test())


class Carried(Exception):
    """A variable is another kind of thing after a turn: nothing is known of it then."""

    def __init__(self, key: tuple[str, ...], name: str) -> None:
        super().__init__(name)
        self.key = key
        self.name = name


def with_number(value: Value, term: Term) -> Value:
    """Return an integer, or a pointer to an element of the same object, with another number."""
    if isinstance(value, Int):
        return Int(term, value.type)
    assert isinstance(value, Ptr)
    return replace(value, index=term)


def alike(left: Value, right: Value) -> bool:
    """Return whether two values are integers of one type, or pointers into one object."""
    match left, right:
        case Int(), Int():
            return left.type == right.type
        case Ptr(), Ptr():
            return left.block is right.block and (left.unit, left.offset) == (
                right.unit,
                right.offset,
            )
    return False


Explored = Callable[[Observer], Truth]
"""Executes the function once, with loops that the observer takes apart; returns its truth."""


def observe(execute: Explored, endless: type[Unsupported]) -> dict[tuple[str, ...], Observed]:
    """Explore a function until it is known which loops need invariants; returns what was seen."""
    symbolic: set[tuple[str, ...]] = set()
    lost: dict[tuple[str, ...], set[str]] = {}
    while True:
        observer = Observer(symbolic, lost)

        def program(path: object, observer: Observer = observer) -> None:
            observer.ended(execute)

        try:
            explore(program)
        except Carried as found:
            lost[found.key].add(found.name)
            continue
        except endless as found:
            key = getattr(found, "key", None)
            if key is None or key in symbolic:
                raise
            symbolic.add(key)
            continue
        return observer.loops


def facts_of(seen: Observed) -> Facts:
    """Return what holds of a loop."""
    asked = Together()
    steps = tuple(_steps(seen, asked))
    candidates = _begun(seen, _candidates(seen, steps), asked)
    return Facts(
        frozenset(seen.carried),
        tuple(_inductive(seen, candidates, asked)),
        steps,
        dict(seen.heads),
        _result(seen),
    )


def _result(seen: Observed) -> Term | None:
    """Return what the function returns where the loop ends, in terms of the loop's head."""
    if not seen.exits:
        return None
    *others, (_, found) = seen.exits
    term = truth(found)
    for premises, value in reversed(others):
        term = truth(terms.choose(both(*premises), truth(value), term))
    return term


def _steps(seen: Observed, asked: Together) -> Iterator[tuple[str, int]]:
    moves = [(name, direction) for name in sorted(seen.carried) for direction in (1, -1)]
    for turn in seen.turns:
        moved = {move: truth(_moved(turn, *move)) for move in moves}
        others = failing(turn.premises, moved, asked)
        moves = [move for move in moves if move not in others]
    yield from moves if seen.turns else ()


def _moved(turn: Seen, name: str, direction: int) -> Truth:
    before = turn.now[name].term
    return same(turn.after[name].term, terms.add(before, terms.number(direction, before.width)))


def _candidates(seen: Observed, steps: tuple[tuple[str, int], ...]) -> Iterator[Template]:
    fixed = _fixed(seen)
    for name in sorted(seen.carried):
        yield Template("keeps", (name,))
        yield Template("not before", (name,))
        yield Template("not after", (name,))
        width = seen.heads[name].width
        constants = sorted({0, 1, (1 << width) - 1})
        for constant in constants:
            yield Template("is", (name,), constant)
        for step, direction in steps:
            if step == name:
                continue
            yield Template("along", (name, step))
            yield Template("against", (name, step))
            yield Template("matches", (name, step))
            for constant in constants:
                yield Template("first or", (name, step), constant)
                form = "until" if direction > 0 else "from"
                for bound in fixed:
                    yield Template(form, (name, step, bound), constant)


def _fixed(seen: Observed) -> list[str]:
    """Return the variables that hold a number and that the loop leaves alone."""
    names = [set(entry.entry) for entry in seen.entries] or [set()]
    return sorted(set.intersection(*names) - seen.carried - seen.lost)


def _begun(seen: Observed, candidates: Iterable[Template], asked: Together) -> list[Template]:
    """Return the candidates that hold however the loop is entered."""
    kept = list(candidates)
    for entry in seen.entries:
        named = [template for template in kept if set(template.names) <= set(entry.entry)]
        claims = {template: truth(template.holds(entry.entry, entry.entry)) for template in named}
        others = failing(entry.premises, claims, asked)
        kept = [template for template in named if template not in others]
    return kept


def _inductive(seen: Observed, candidates: list[Template], asked: Together) -> list[Template]:
    kept = candidates
    for _ in range(ROUNDS):
        dropped: set[Template] = set()
        for turn in seen.turns:
            left = [template for template in kept if template not in dropped]
            dropped |= _broken(turn, left, asked)
        if not dropped:
            return kept
        kept = [template for template in kept if template not in dropped]
    return []


def _broken(turn: Seen, candidates: list[Template], asked: Together) -> set[Template]:
    """Return candidates that a turn breaks, with all of them given before it."""
    usable = [
        template
        for template in candidates
        if set(template.names) <= set(turn.now) & set(turn.after)
    ]
    given = [truth(template.holds(turn.now, turn.entry)) for template in usable]
    after = {template: truth(template.holds(turn.after, turn.entry)) for template in usable}
    return set(candidates) - set(usable) | failing([*turn.premises, *given], after, asked)
