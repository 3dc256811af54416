# SPDX-License-Identifier: GPL-2.0-only
"""Each rule by which terms are simplified is right: Z3 says so of all operands that are tried.

Widths go from 1 to 6 bits. The operands have every shape that a rule asks for; what they are made
of is left to the solver, so that all values are covered.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
import z3

from proofs import terms
from proofs.nodes import BOOL, FALSE, RULES, TRUE, Rule, Term, make, number, variable

WIDTHS = range(1, 7)
P, Q = variable("p", BOOL), variable("q", BOOL)

Tried = tuple[tuple[Any, ...], Any]
"""The operands that a rule is given, and what Z3 makes of the node that they belong to."""


# Operands


@cache
def truths() -> list[Term]:
    """Return truth values of all kinds."""
    below = make("bvult", BOOL, (variable("x", 2), variable("y", 2)))
    return [TRUE, FALSE, P, Q, make("not", BOOL, (P,)), make("not", BOOL, (below,)), below]


@cache
def numbers(width: int) -> list[Term]:
    """Return constants: all of up to three bits, the special ones of more."""
    special = {0, 1, 2, 3, 5, 1 << width - 1, (1 << width) - 1, (1 << width) - 2}
    values = range(1 << width) if width <= 3 else sorted(special)
    return [number(value, width) for value in values]


@cache
def values(width: int) -> list[Term]:
    """Return bit-vectors of a width: one or more of each operator, nested as the rules ask."""
    x, y, wide = variable("x", width), variable("y", width), variable("wide", 12)
    nodes = [x, y, *numbers(width)]
    nodes += [make("extract", width, (wide,), (low + width - 1, low)) for low in range(4)]
    for cut in range(1, width):
        high, low = variable("high", width - cut), variable("low", cut)
        part = make("extract", width - cut, (wide,), (width, cut + 1))
        lowest = make("extract", width - cut, (wide,), (width - cut - 1, 0))
        next_part = make("extract", cut, (wide,), (cut, 1))
        lows = [low, number(1, cut), next_part]
        highs = [high, number(1, width - cut), part, lowest]
        pairs = itertools.product(highs, lows)
        nodes += [make("concat", width, pair) for pair in pairs]
    c, d = numbers(width)[0], numbers(width)[-1]
    for yes, no in [(x, y), (x, c), (d, y), (c, d), (make("ite", width, (P, x, y)), y)]:
        nodes.append(make("ite", width, (P, yes, no)))
    nodes += [make(op, width, pair) for op in ("bvand", "bvor", "bvxor") for pair in [(x, y)]]
    return [*nodes, make("bvadd", width, (x, y)), make("bvadd", width, (d, x))]


@cache
def meaning(term: Term) -> Any:
    """Return a term as Z3's own, made apart from how terms are written for solvers."""
    if term.op == "number":
        return z3.BitVecVal(term.data, term.width)
    if term.op == "variable":
        return z3.Bool(term.data) if term.width == BOOL else z3.BitVec(term.data, term.width)
    if term.op == "extract":
        return z3.Extract(*term.data, meaning(term.args[0]))
    return MEANING[term.op](*map(meaning, term.args))


MEANING: dict[str, Callable[..., Any]] = {
    "true": lambda: z3.BoolVal(True),
    "false": lambda: z3.BoolVal(False),
    "not": z3.Not,
    "and": z3.And,
    "or": z3.Or,
    "=": lambda a, b: a == b,
    "iff": lambda a, b: a == b,
    "ite": z3.If,
    "concat": z3.Concat,
    "bvadd": lambda a, b: a + b,
    "bvsub": lambda a, b: a - b,
    "bvmul": lambda a, b: a * b,
    "bvudiv": z3.UDiv,
    "bvurem": z3.URem,
    "bvlshr": z3.LShR,
    "bvshl": lambda a, b: a << b,
    "bvand": lambda a, b: a & b,
    "bvor": lambda a, b: a | b,
    "bvxor": lambda a, b: a ^ b,
    "bvult": z3.ULT,
}


# What a rule is tried on


def tried(operator: str, width: int) -> Iterator[Tried]:
    """Yield operands of an operator, of ``width`` bits where they are bit-vectors."""
    match operator:
        case "not":
            yield from (((p,), z3.Not(meaning(p))) for p in truths())
        case "and" | "or":
            yield from _joined(operator)
        case "iff":
            for pair in itertools.product(truths(), repeat=2):
                yield pair, meaning(pair[0]) == meaning(pair[1])
        case "ite":
            for p in (P, make("not", BOOL, (P,)), make("not", BOOL, (Q,))):
                for yes, no in itertools.product(values(width), repeat=2):
                    yield (p, yes, no), z3.If(meaning(p), meaning(yes), meaning(no))
        case "extract":
            for value in values(width):
                for high, low in itertools.product(range(width), repeat=2):
                    if high >= low:
                        yield (value, high, low), z3.Extract(high, low, meaning(value))
        case "times":
            for value, factor in itertools.product(values(width), range(2 << width)):
                yield (value, factor), meaning(value) * factor
        case "concat":
            for other in range(1, 4):
                for pair in itertools.product(values(width), values(other)):
                    yield pair, z3.Concat(*map(meaning, pair))
        case _:
            for pair in itertools.product(values(width), repeat=2):
                yield pair, MEANING[operator](*map(meaning, pair))


def _joined(operator: str) -> Iterator[Tried]:
    """Yield what is joined by ``and`` or ``or``, the unit left out, as rules are given it."""
    unit, zero = (TRUE, FALSE) if operator == "and" else (FALSE, TRUE)
    for count in range(4):
        for chosen in itertools.permutations([one for one in truths() if one is not unit], count):
            parts = {part.uid: part for part in chosen}
            yield (parts, unit, zero), MEANING[operator](*map(meaning, chosen))


def fits(rule: Rule, operands: tuple[Any, ...]) -> bool:
    """Return whether operands have the operators that a rule asks for."""
    ops = [one.op for one in operands if isinstance(one, Term)]
    return all(wanted in ("", op) for wanted, op in zip(rule.shape, ops, strict=False))


def checked(rule: Rule, width: int) -> tuple[int, bool]:
    """Return on how many operands a rule applies, and whether it is right on all of them."""
    wrong = []
    for operands, node in tried(rule.operator, width):
        made = rule.rewrite(*operands) if fits(rule, operands) else None
        if made is not None:
            wrong.append(node != meaning(made))
    solver = z3.Solver()
    solver.add(z3.Or(*wrong))
    return len(wrong), solver.check() == z3.unsat


# The rules


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_is_right_and_applies_somewhere(rule: Rule) -> None:
    applied = 0
    for width in WIDTHS:
        count, right = checked(rule, width)
        assert right, f"{rule.before} -> {rule.after} at {width} bits"
        applied += count
    assert applied, "no operand is tried to which it applies"


def test_rules_have_names_of_their_own_and_say_what_they_do() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES) > 50
    assert all(rule.before and rule.after for rule in RULES)


def _offset_forgotten(value: Term, high: int, low: int) -> Term | None:
    upper, lower = value.args
    return terms.extract(upper, high - low, 0) if low >= lower.width else None


def _any_two_parts(high: Term, low: Term) -> Term | None:
    if high.args[0] is not low.args[0] or high.data[1] <= low.data[0]:
        return None
    bottom, width = low.data[1], high.width + low.width
    return make("extract", width, high.args, (bottom + width - 1, bottom))


def _next_power(one: Term, other: Term) -> Term | None:
    if other.data & (other.data - 1) or not other.data or other.data.bit_length() >= one.width:
        return None
    high = terms.extract(one, one.width - 1, other.data.bit_length())
    return terms.truth(terms.same(high, 0))


def _branch(one: Term, other: Term) -> Term | None:
    condition, yes, no = one.args
    return terms.truth(terms.both(condition, terms.same(no, other))) if yes is other else None


def _shift_by_width(one: Term, other: Term) -> Term | None:
    return number(0, one.width) if other.data >= one.width - 1 else None


def _unit(parts: dict[int, Term], unit: Term, zero: Term) -> Term | None:
    return unit if zero.uid in parts else None


def _saturated(one: Term, other: Term) -> Term | None:
    return number(min(one.data + other.data, (1 << one.width) - 1), one.width)


WRONG = (
    ("extract", ("concat",), _offset_forgotten),
    ("concat", ("extract", "extract"), _any_two_parts),
    ("bvult", ("", "number"), _next_power),
    ("=", ("ite", "number"), _branch),
    ("bvlshr", ("", "number"), _shift_by_width),
    ("and", (), _unit),
    ("or", (), _unit),
    ("bvadd", ("number", "number"), _saturated),
    ("ite", ("not",), lambda condition, yes, no: terms.choose(condition.args[0], yes, no)),
    ("not", ("not",), lambda value: value),
    ("iff", ("false",), lambda one, other: other),
    ("times", (), lambda one, factor: number(0, one.width) if factor > 1 << one.width else None),
    ("bvurem", ("", "number"), lambda one, other: terms.bit_and(one, other)),
)
"""Rules that are wrong, each by what is easily overlooked."""


@pytest.mark.parametrize(("operator", "shape", "rewrite"), WRONG, ids=lambda part: str(part)[:20])
def test_a_wrong_rule_is_found(
    operator: str, shape: tuple[str, ...], rewrite: Callable[..., Term | None]
) -> None:
    planted = Rule("planted", operator, "", "", "", shape, rewrite)
    assert not all(checked(planted, width)[1] for width in WIDTHS)


# What is done before rules are asked


@pytest.mark.parametrize(
    ("operator", "build"),
    [
        ("bvadd", terms.add), ("bvsub", terms.subtract), ("bvmul", terms.product),
        ("bvand", terms.bit_and), ("bvor", terms.bit_or), ("bvxor", terms.bit_xor),
        ("=", terms.same), ("bvult", terms.less), ("concat", terms.concat), ("iff", terms.agree),
        ("bvlshr", terms.shift_right), ("bvshl", terms.shift_left), ("extract", terms.extract),
        ("ite", terms.choose), ("times", terms.multiply), ("not", terms.negate),
    ],
)  # fmt: skip
def test_what_is_built_means_its_operator(operator: str, build: Callable[..., Any]) -> None:
    for width in (1, 2, 3):
        solver = z3.Solver()
        built = [(node, build(*operands)) for operands, node in tried(operator, width)]
        solver.add(z3.Or(*[node != meaning(terms.truth(made)) for node, made in built]))
        assert solver.check() == z3.unsat


@pytest.mark.parametrize(("operator", "build"), [("and", terms.both), ("or", terms.either)])
def test_what_is_joined_means_all_its_parts(operator: str, build: Callable[..., Any]) -> None:
    nested = [*truths(), make(operator, BOOL, (P, Q)), make("and", BOOL, (Q, P))]
    wrong = [
        MEANING[operator](*map(meaning, chosen)) != meaning(build(*chosen))
        for count in range(1, 4)
        for chosen in itertools.product(nested, repeat=count)
    ]
    solver = z3.Solver()
    solver.add(z3.Or(*wrong))
    assert solver.check() == z3.unsat
