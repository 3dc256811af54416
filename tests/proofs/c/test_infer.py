# SPDX-License-Identifier: GPL-2.0-only
"""What is inferred of a loop holds in every run of it, and what a loop keeps is found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from proofs import terms
from proofs.c.infer import Facts, Numbers, Observer, facts_of, numbers, observe
from proofs.c.interpreter import Interpreter
from proofs.c.run import BREAK, Loop, Run, Signal
from proofs.c.syntax import Unit, reduced
from proofs.c.types import Integer
from proofs.c.values import Int, Value, int_of, is_true
from proofs.evaluation import evaluate
from proofs.paths import Unsupported, explore
from proofs.terms import Term, Truth, truth
from tests.proofs.c.compiled import MIPS32, declared, tree
from tests.proofs.c.interpreted import Bare

NAME = "f"
INT = Integer(4, True)
GIVEN = [(a, b) for a in range(7) for b in (0, 1, 2, 5, 9)]
"""Arguments with which every function is run."""


class Endless(Unsupported):
    """A loop of which no end is known."""

    def __init__(self, key: tuple[str, ...]) -> None:
        super().__init__("a loop of which no end is known")
        self.key = key


Rule = Callable[[Run, Loop], Signal | None]


class Machine(Bare):
    """With a rule for the loops that need one; None takes those as they are."""

    def __init__(self, rule: Rule, symbolic: frozenset[tuple[str, ...]] | None) -> None:
        super().__init__()
        self.rule = rule
        self.symbolic = symbolic

    def loop(self, run: Run, loop: Loop) -> Callable[[], Signal | None] | None:
        if self.symbolic is not None and loop.key not in self.symbolic and not loop.label:
            return None
        return lambda: self.rule(run, loop)

    def endless(self, run: Run, loop: Loop) -> None:
        raise Endless(loop.key)


def unit(text: str) -> Unit:
    return reduced(declared(tree(text, MIPS32)), 4, [NAME])


def called(run: Interpreter, args: list[Value]) -> Value:
    return run.enter(run.unit.functions[NAME], args)


def inferred(given: Unit) -> dict[tuple[str, ...], Facts]:
    """Return what is inferred of the loops of a function, its arguments open."""

    def execute(observer: Observer) -> Truth:
        run = Interpreter(given, Machine(observer.rule, frozenset(observer.symbolic)))
        return is_true(called(run, [Int(terms.variable(name, 32), INT) for name in "ab"]))

    return {key: facts_of(seen) for key, seen in observe(execute, Endless).items()}


@dataclass
class Ran:
    """A run of a loop: the numbers where it began, and at the head of each turn."""

    entry: Numbers
    heads: list[Numbers] = field(default_factory=list)
    ended: bool = False
    """Whether it went on until its condition did not hold."""


def run_with(given: Unit, args: tuple[int, int]) -> tuple[dict[tuple[str, ...], Ran], bool]:
    """Return each loop of a run with numbers, as it went, and the truth of the result."""
    seen: dict[tuple[str, ...], Ran] = {}
    results: list[bool] = []

    def turns(run: Run, loop: Loop) -> Signal | None:
        went = seen[loop.key] = Ran(numbers(run))
        late = loop.late
        while len(went.heads) < 100:
            went.heads.append(numbers(run))
            if loop.test is not None and not late and not run.known(loop.test()):
                went.ended = True
                return None
            signal = loop.body()
            if not loop.goes_on(signal):
                return None if signal is BREAK else signal
            loop.step()
            if late and loop.test is not None and not run.known(loop.test()):
                went.heads.append(numbers(run))
                went.ended = True
                return None
        raise AssertionError("the loop does not end")

    def program(path: object) -> None:
        run = Interpreter(given, Machine(turns, None))
        found = truth(is_true(called(run, [int_of(one, INT) for one in args])))
        results.append(found is terms.TRUE)

    explore(program)
    (result,) = results
    return seen, result


def concrete(value: Truth) -> bool:
    return bool(evaluate(truth(value), {}))


def _values(heads: Mapping[str, Term], now: Numbers) -> dict[str, Callable[..., int]]:
    """Return the model in which the heads of a loop have the values of a run."""
    return {
        str(head.data): lambda value=int(now[name].term.data): value for name, head in heads.items()
    }


LOOPS: dict[str, tuple[str, str]] = {
    "up": ("int s = 1; for (int i = a; i <= b; i++) if (i == 3) s = 0; return s;", ""),
    "down": ("int s = 0, i = a; while (i > 0) { i--; if (i == b) s = 1; } return s;", "from"),
    "late": ("int s = 0, i = 0; do { if (i == 2) s = 1; i++; } while (i < b); return s;", ""),
    "along": ("int j = 5; for (int i = a; i < b; i++) j++; return j == 9;", "along"),
    "against": ("int j = 5; for (int i = a; i < b; i++) j--; return j == 2;", "against"),
    "flag": ("int s = 0; for (int i = a; i < b; i++) s = 1; return s;", "matches"),
    "first": ("int s = 7; for (int i = a; i < b; i++) s = 0; return s;", "first or"),
    "kept": ("int s = 7; for (int i = a; i < b; i++) { s++; s--; } return s;", "keeps"),
    "constant": ("int s = 1; for (int i = a; i < b; i++) s *= s; return s;", "is"),
    "left early": ("int i; for (i = a; i < b; i++) { if (i == 4) break; } return i == 4;", ""),
    "goes on": (
        "int s = 0; for (int i = a; i < b; i++) { if (i == 4) continue; s |= 1; } return s;",
        "",
    ),
    "pointer": (
        "int v[8] = {0}, *p, *e = v + (b & 7), s = 0; for (p = v; p < e; ++p) s = 1; return s;",
        "matches",
    ),
    "two": (
        "int s = 0, i; for (i = 0; i < a; i++) s = 1; for (i = 0; i < b; i++) s = 0; return s;",
        "first or",
    ),
    "by two": ("int i, s = 0; for (i = a; i < b; i += 2) s = 1; return s;", ""),
    "until the last": (
        "int s = 1, i = a, n = b; if (i > n) return s; "
        "do { if (i == n) s = 0; i++; } while (i <= n); return s;",
        "",
    ),
    "from the last": (
        "int s = 1, i = b, n = a; if (i < n) return s; "
        "do { if (i == n) s = 0; i--; } while (i >= n); return s;",
        "",
    ),
    "an array": ("int v[2] = { 1, 2 }; for (int i = a; i < b; i++) v[0] = 0; return a < 3;", ""),
    "through a pointer": (
        "int s = 1, *p = &s; for (int i = a; i < b; i++) *p = 0; return s;",
        "until",
    ),
    "another object": (
        "int s = 1, *p = &a; for (int i = a; i < b; i++) { p = &b; s = 0; } return s;",
        "not after",
    ),
}
"""Functions of a and b, and a form of what is inferred of their loops."""
SOURCES = {name: f"int f(int a, int b) {{ {body} }}" for name, (body, _) in LOOPS.items()}


@pytest.mark.parametrize("name", LOOPS)
def test_what_is_inferred_holds_in_every_run(name: str) -> None:
    given = unit(SOURCES[name])
    facts = inferred(given)
    forms = {template.form for found in facts.values() for template in found.templates}
    assert not LOOPS[name][1] or LOOPS[name][1] in forms
    for args in GIVEN:
        seen, result = run_with(given, args)
        for key, went in seen.items():
            for now in went.heads:
                for template in facts[key].templates:
                    assert concrete(template.holds(now, went.entry)), (args, str(template))
            for before, after in pairwise(went.heads):
                for step, direction in facts[key].steps:
                    moved = after[step].term.data - before[step].term.data
                    assert moved % (1 << 32) == direction % (1 << 32), args
        if seen:
            last = list(seen)[-1]
            _returned(facts[last], seen[last], args, result)


def _returned(found: Facts, went: Ran, args: tuple[int, int], result: bool) -> None:
    """Check what the function is said to return where its last loop ends."""
    if found.result is not None and went.ended:
        model = _values(found.heads, went.heads[-1])
        model |= {"a": lambda: args[0], "b": lambda: args[1]}
        assert bool(evaluate(found.result, model)) == result, args


@pytest.mark.parametrize(
    ("name", "steps"),
    [("up", {1}), ("down", {-1}), ("along", {1}), ("against", {1, -1}), ("by two", set())],
)
def test_variables_that_every_turn_moves_by_one_are_seen(name: str, steps: set[int]) -> None:
    (facts,) = inferred(unit(SOURCES[name])).values()
    assert {direction for _, direction in facts.steps} == steps


def test_what_a_loop_does_not_change_is_not_carried() -> None:
    (facts,) = inferred(unit(SOURCES["up"])).values()
    assert len(facts.carried) == 2 and len(facts.heads) == 2


def test_of_an_object_that_another_takes_the_place_of_nothing_is_known() -> None:
    (facts,) = inferred(unit(SOURCES["another object"])).values()
    assert len(facts.carried) == 3, "b, s and i, and not p"


def test_a_loop_with_a_known_end_needs_no_invariant() -> None:
    assert (
        inferred(unit("int f(int a, int b) { int i; for (i = 0; i < 9; i++) a++; return a; }"))
        == {}
    )


def test_a_template_says_what_it_is_about() -> None:
    (facts,) = inferred(unit(SOURCES["flag"])).values()
    said = {str(template) for template in facts.templates}
    assert any(one.startswith("until(") and one.endswith(", 0x0)") for one in said)
    assert any(one.startswith("matches(") and "0x" not in one for one in said)


# Loops that jumps make: the machine carries them out, turn by turn


JUMPS: dict[str, tuple[str, Callable[[int, int], int]]] = {
    "back": (
        "int i = a; again: if (i < b) { i++; goto again; } return i == 5;",
        lambda a, b: max(a, b) == 5,
    ),
    "back to the middle": (
        "int s = 0; a += 0; again: s += 2; if (--b > 0) goto again; s++; return s == 5;",
        lambda a, b: 2 * max(1, b) + 1 == 5,
    ),
    "forward": ("if (a == 3) goto out; b = 0; out: return b;", lambda a, b: b if a == 3 else 0),
    "out of a loop": (
        "int i; for (i = 0; i < b; i++) if (i == a) goto out; return 0; out: return 1;",
        lambda a, b: a < b,
    ),
    "two labels": (
        "one: if (a > 4) { a--; goto one; } two: if (b > 3) { b--; goto two; } return a == b;",
        lambda a, b: min(a, 4) == min(b, 3),
    ),
    "back before another": (
        "int n = 0; one: n++; two: if (b-- > 3) goto two; if (a-- > 2) goto one; return n == 3;",
        lambda a, b: 1 + max(0, a - 2) == 3,
    ),
}


@pytest.mark.parametrize("name", JUMPS)
def test_jumps_lead_where_they_are_to(name: str) -> None:
    body, wanted = JUMPS[name]
    given = unit(f"int f(int a, int b) {{ {body} }}")
    for args in GIVEN:
        assert run_with(given, args)[1] == bool(wanted(*args)), args


def test_of_a_loop_made_of_jumps_no_end_is_known() -> None:
    given = unit(f"int f(int a, int b) {{ {JUMPS['back'][0]} }}")

    def program(path: object) -> None:
        machine = Machine(lambda run, loop: None, None)
        machine.loop = lambda run, loop: None  # type: ignore[method-assign]
        called(Interpreter(given, machine), [int_of(1, INT), int_of(2, INT)])

    with pytest.raises(Endless):
        explore(program)
