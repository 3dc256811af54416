# SPDX-License-Identifier: GPL-2.0-only
"""Symbolic integers compute exactly what Python's do, and refuse what they cannot."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

import pytest

from proofs import terms
from proofs.evaluation import Model, evaluate
from proofs.lifting import (
    Name,
    SymBool,
    SymInt,
    as_bits,
    exact,
    lift_truth,
    lifted,
    summary,
    truth_of,
    unsigned,
)
from proofs.paths import Path, Unsupported, explore
from proofs.terms import BOOL, Term, variable

SEED = 99
BOUNDS = ((0, 0), (0, 1), (0, 7), (0, 10), (3, 12), (5, 5), (0, 255), (100, 300), (-1, 0),
          (-8, 7), (-5, 20), (-300, -7), (-1, 1), (1, 1 << 40), (0, (1 << 64) - 1),
          (-(1 << 33), 17))  # fmt: skip
"""Bounds of the inputs."""


def bits_needed(lo: int, hi: int) -> int:
    """Return the fewest bits that hold both bounds, with a sign where one is negative."""
    return next(
        bits
        for bits in range(1, 200)
        if (lo >= 0 and hi < 1 << bits)
        or (lo < 0 and -(1 << bits - 1) <= lo and hi < 1 << bits - 1)
    )


def symbol(name: str, lo: int, hi: int) -> SymInt:
    return SymInt(variable(name, bits_needed(lo, hi)), lo, hi)


def value_of(value: Any, model: Model) -> Any:
    """Return the integer or truth value that a lifted value has in a model."""
    if isinstance(value, SymBool):
        return bool(evaluate(value.term, model))
    if not isinstance(value, SymInt):
        return value
    width = value.term.width
    assert width == bits_needed(value.lo, value.hi)
    found = evaluate(value.term, model)
    return found - (1 << width) if value.lo < 0 and found >> (width - 1) else found


class Pair(NamedTuple):
    """A value as it is lifted, and as Python has it."""

    lifted: Any
    value: int


Step = Callable[[Random, Pair, Pair], tuple[Callable[[Any, Any], Any], Any, Any]]

BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    ">> by": operator.rshift,
}
WITH_CONSTANT: dict[str, Callable[[Any, Any], Any]] = {
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    ">>": operator.rshift,
    "<<": operator.lshift,
}
COMPARISONS = {"<", "<=", ">", ">=", "==", "!="}
MOST = 1 << 300


def _lowest(one: Pair) -> int:
    return one.lifted.lo if isinstance(one.lifted, SymInt) else one.value


class Calculation:
    """A random calculation, each step carried out twice."""

    def __init__(self, rng: Random, steps: int) -> None:
        self.rng = rng
        self.model: dict[str, Callable[..., int]] = {}
        self.done: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.numbers = [self._input(number) for number in range(5)]
        self.truths: list[Pair] = []
        for _ in range(steps):
            self._step()

    def _input(self, number: int) -> Pair:
        lo, hi = self.rng.choice(BOUNDS)
        value = self.rng.choice([lo, hi, self.rng.randint(lo, hi)])
        made = symbol(f"n{number}", lo, hi)
        self.model[f"n{number}"] = lambda: value % (1 << made.term.width)
        return Pair(made, value)

    def _operand(self) -> Pair:
        if self.rng.random() < 0.25:
            value = self.rng.choice([0, 1, 2, 7, 8, 255, 1 << 20, -1, -2, -256, (1 << 64) - 1])
            return Pair(value, value)
        return self.rng.choice(self.numbers)

    def _step(self) -> None:
        rng = self.rng
        name = rng.choice([*BINARY, *WITH_CONSTANT, "-x", "truth + 1"])
        one = self._operand()
        try:
            if name == "-x":
                made, value = -one.lifted, -one.value
            elif name == "truth + 1":
                if not self.truths:
                    return
                told = rng.choice(self.truths)
                made, value = one.lifted + told.lifted, one.value + told.value
            elif name in WITH_CONSTANT:
                number = rng.choice([0, 1, 2, 5, 12, 30])
                constant = number if name in ("<<", ">>", "*") else 1 << number
                made = WITH_CONSTANT[name](one.lifted, constant)
                value = WITH_CONSTANT[name](one.value, constant)
            else:
                other = self._operand()
                if name == "&" and _lowest(one) < 0 and _lowest(other) < 0:
                    return  # test_negative_number_under_a_negative_mask
                if name == ">> by" and not 0 <= other.value < 500:
                    return
                made = BINARY[name](one.lifted, other.lifted)
                value = BINARY[name](one.value, other.value)
        except (Unsupported, TypeError):
            # What is beyond it is refused, not computed wrongly.
            self.refused[name] += 1
            return
        self.check(name, made, value)

    def check(self, name: str, made: Any, value: int) -> None:
        told = f"{name}: {made!r}"
        if isinstance(made, SymInt):
            assert made.lo <= value <= made.hi, told
        assert value_of(made, self.model) == value, told
        self.done[name] += 1
        if name in COMPARISONS:
            self.truths.append(Pair(made, value))
        elif -MOST < value < MOST and (not isinstance(made, SymInt) or made.hi < MOST):
            self.numbers.append(Pair(made, value))
            if len(self.numbers) > 12:
                self.numbers.pop(self.rng.randrange(len(self.numbers)))


def test_calculations_are_exact() -> None:
    print(f"seeds {SEED}..{SEED + 2999}")
    done: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for number in range(3000):
        one = Calculation(Random(SEED + number), 25)
        done += one.done
        refused += one.refused
    print(f"{sum(done.values())} steps, {sum(refused.values())} refused")
    assert set(done) == {*BINARY, *WITH_CONSTANT, "-x", "truth + 1"}
    assert min(done.values()) > 500
    assert not {"+", "-", "<", "<=", ">", ">=", "==", "!=", "%", "-x"} & set(refused)


@pytest.mark.parametrize("lo", range(-9, 10))
@pytest.mark.parametrize("size", [0, 1, 2, 5, 9])
def test_every_value_of_small_bounds(lo: int, size: int) -> None:
    hi = lo + size
    one = symbol("one", lo, hi)
    constants = [-9, -2, -1, 0, 1, 2, 3, 4, 8, 16]
    results = []
    for name, operation in {**BINARY, **WITH_CONSTANT}.items():
        for constant in constants:
            try:
                results.append((operation, constant, operation(one, constant)))
            except (Unsupported, ValueError, TypeError):
                assert name in (">>", ">> by", "<<", "*", "//", "%", "&", "|", "^")
    for value in range(lo, hi + 1):
        model: Model = {"one": lambda value=value: value % (1 << one.term.width)}
        for operation, constant, made in results:
            if lo < 0 and operation is operator.and_ and constant < 0:
                continue  # below
            expected = operation(value, constant)
            assert value_of(made, model) == expected, (operation, value, constant)
            if isinstance(made, SymInt):
                assert made.lo <= expected <= made.hi


@pytest.mark.parametrize(("lo", "hi"), [(-4, 3), (-8, -1)])
@pytest.mark.parametrize("mask", [-1, -2, -4])
def test_negative_number_under_a_negative_mask(lo: int, hi: int, mask: int) -> None:
    one = symbol("one", lo, hi)
    try:
        made = one & mask
    except Unsupported:
        return
    for value in range(lo, hi + 1):
        model: Model = {"one": lambda value=value: value % (1 << one.term.width)}
        assert value_of(made, model) == value & mask
        assert not isinstance(made, SymInt) or made.lo <= value & mask <= made.hi


def test_results_that_are_known_are_pythons_own() -> None:
    one = symbol("one", 3, 12)
    assert type(one - one) is int
    assert type(one % 1) is int
    assert type(one // 16) is int
    assert (one < 13) is True
    assert (one < 3) is False
    assert (one == 2) is False
    assert (one != 2) is True
    assert (one >= 3) is True
    assert exact(terms.number(-3, 4), -8, 7) == -3
    assert unsigned(terms.number(9, 4)) == 9


# Refusals


@pytest.mark.parametrize(
    "use",
    [int, hash, operator.index, float, range, list, lambda x: [0, 1][x], lambda x: {x: 1},
     lambda x: {1: 1}.get(x), lambda x: x * x, lambda x: x * -1, lambda x: x * True,
     lambda x: x // 3, lambda x: x // 0, lambda x: x // -2, lambda x: x % 3,
     lambda x: x % x, lambda x: x // x,
     lambda x: 5 // x, lambda x: 5 % x, lambda x: 1 << x, lambda x: x << x, lambda x: x**2,
     lambda x: ~x, abs, round, divmod, lambda x: x / 2, lambda x: x & -x, lambda x: (x - 9) & 7,
     lambda x: (x - 9) | 1, lambda x: (x - 9) ^ 1, lambda x: x | -1, lambda x: x ^ -1,
     lambda x: x + "a", lambda x: x + 1.5, lambda x: x < "a", lambda x: f"{x:d}"],
)  # fmt: skip
def test_symbolic_integer_refuses(use: Callable[[Any], Any]) -> None:
    with pytest.raises((Unsupported, TypeError)):
        use(symbol("one", 0, 100))


@pytest.mark.parametrize(
    "use", [int, hash, operator.index, float, lambda x: {x: 1}, lambda x: ~x, lambda x: [0, 1][x],
            lambda x: x + 1, lambda x: 1 + x, lambda x: x < 1, lambda x: x ^ True],
)  # fmt: skip
def test_symbolic_truth_refuses(use: Callable[[Any], Any]) -> None:
    with pytest.raises((Unsupported, TypeError)):
        use(SymBool(variable("told", BOOL)))


@pytest.mark.parametrize(
    "kind",
    [
        "number == truth",
        "truth == number",
        "truth & number",
    ],
)
def test_truth_meets_number(kind: str) -> None:
    told, number = SymBool(variable("told", BOOL)), symbol("one", 0, 3)
    for truth in (False, True):
        for value in range(4):
            model: Model = {"told": lambda t=truth: int(t), "one": lambda v=value: v}
            expected: int
            try:
                if kind == "truth == number":
                    made, expected = told == number, truth == value
                elif kind == "number == truth":
                    made, expected = number == told, value == truth
                else:
                    made, expected = told & number, truth & value
            except (Unsupported, TypeError):
                continue
            assert value_of(made, model) == expected


@pytest.mark.parametrize(
    "use",
    [int, hash, operator.index, float, lambda x: x + 1, lambda x: 1 + x, lambda x: x - 1,
     lambda x: 1 - x, lambda x: x * 2, lambda x: 2 * x, lambda x: x // 2, lambda x: x % 2,
     lambda x: x & 1, lambda x: 1 & x, lambda x: x | 1, lambda x: 1 | x, lambda x: x ^ 1,
     lambda x: x >> 1, lambda x: x << 1, lambda x: x < 1, lambda x: x > 1, lambda x: x <= 1,
     lambda x: x > 1, lambda x: x >= 1, lambda x: x < x, lambda x: -x, lambda x: ~x, abs, range,
     lambda x: symbol("one", 0, 9) + x, lambda x: x + symbol("one", 0, 9), lambda x: {x: 1},
     lambda x: symbol("one", 0, 9) < x, lambda x: symbol("one", 0, 9) & x, lambda x: lifted(x)],
)  # fmt: skip
def test_name_refuses_arithmetic(use: Callable[[Any], Any]) -> None:
    with pytest.raises((Unsupported, TypeError)):
        use(Name(variable("page", 16)))


def test_names_are_compared() -> None:
    one, other = (Name(variable(name, 16)) for name in ("one", "other"))
    model: Model = {"one": lambda: 7, "other": lambda: 8}
    assert (one == one) is True
    assert (one != one) is False
    for made, expected in ((one == other, False), (one != other, True), (one == 7, True),
                           (other == 7, False), (one == 7, True), (one != 0, True)):  # fmt: skip
        assert value_of(made, model) is expected
    assert (one == None) is False  # noqa: E711
    assert (one == 1 << 16) is False


# Bits


@pytest.mark.parametrize(("lo", "hi"), [(0, 9), (3, 255), (5, 5)])
def test_bits_of_a_value(lo: int, hi: int) -> None:
    one = symbol("one", lo, hi)
    term = as_bits(one, 8)
    assert term.width == 8
    for value in range(lo, hi + 1):
        assert evaluate(term, {"one": lambda value=value: value}) == value
    assert as_bits(hi, 8) is terms.number(hi, 8)


@pytest.mark.parametrize(
    "value", [256, -1, symbol("one", 0, 256), symbol("two", -1, 5), Name(variable("page", 16))]
)
def test_bits_that_may_not_fit_are_refused(value: Any) -> None:
    with pytest.raises(Unsupported):
        as_bits(value, 8)


# Paths


def test_truth_forks() -> None:
    one = symbol("one", 0, 255)
    seen: list[tuple[bool, bool]] = []

    def program(path: Path) -> None:
        first = bool(one < 10)
        second = bool(one < 10)  # known by now
        seen.append((first, second))
        if one == 200:
            path.show("here", one.term)

    paths = explore(program)
    assert sorted(seen) == [(False, False), (False, False), (True, True), (True, True)]
    for value in (0, 9, 10, 200, 255):
        model: Model = {"one": lambda value=value: value}
        holding = [path for path in paths if all(evaluate(p, model) for p in path.premises)]
        assert len(holding) == 1
        assert bool(holding[0].watch) == (value == 200)
        assert seen[paths.index(holding[0])][0] == (value < 10)


def test_what_is_known_does_not_fork() -> None:
    one = symbol("one", 0, 255)

    def program(path: Path) -> None:
        path.assume(truth_of(one < 10))
        assert one < 10
        assert not (one >= 10)
        assert lift_truth(terms.TRUE) is True
        assert one < 256

    assert len(explore(program)) == 1


def test_zero_is_false() -> None:
    one, page = symbol("one", -3, 3), Name(variable("page", 16))
    seen: list[tuple[bool, bool]] = []
    paths = explore(lambda path: seen.append((bool(one), bool(page))))
    for value in (0, 2):
        model: Model = {"one": lambda value=value: value, "page": lambda value=value: value}
        (index,) = [
            n for n, path in enumerate(paths) if all(evaluate(p, model) for p in path.premises)
        ]
        assert seen[index] == (value != 0, value != 0)


# Summaries


def clip(a: Any, b: Any, c: Any) -> Any:
    return c if b >= c else b


def sort_of_sign(a: Any, b: Any, c: Any) -> Any:
    if a < b:
        return 0 if b < c else 1
    if a == b and b == c:
        return 2
    if a % 4 == 3:
        return a + b
    return c // 2 if c > 100 else 511 - c


def loops(a: Any, b: Any, c: Any) -> Any:
    found = 0
    for bit in range(4):
        if (a >> bit) % 2 == 1:
            found = found + b
        elif found >= c:
            return found
    return found


def with_truths(a: Any, b: Any, c: Any) -> Any:
    both, one = (a < b) & (b < c), (a < b) | (b < c)
    return (1 if both else 2) if one else (3 if (a < b) == (b == c) else 4)


@pytest.mark.parametrize("function", [clip, sort_of_sign, loops, with_truths])
def test_summary_is_the_function(function: Callable[[Any, Any, Any], Any]) -> None:
    print(f"seed {SEED}")
    rng = Random(SEED)
    symbols = [symbol(name, 0, 255) for name in "abc"]
    values = summary(
        lambda: [as_bits(function(*symbols), 12), truth_of(function(*symbols) == 4), True]
    )
    assert isinstance(values[0], Term)
    assert values[0].width == 12
    assert values[2] is True
    for _ in range(400):
        few = rng.choice([4, 256])
        point = [rng.randrange(few) for _ in symbols]
        model: Model = {n: lambda v=v: v for n, v in zip("abc", point, strict=True)}
        assert evaluate(values[0], model) == function(*point)
        told = terms.truth(values[1])
        assert bool(evaluate(told, model)) == (function(*point) == 4)


def test_summary_does_not_fork_its_path() -> None:
    one = symbol("one", 0, 255)
    lengths: list[int] = []

    def program(path: Path) -> None:
        summary(lambda: [as_bits(clip(0, one, 10), 8)])
        lengths.append(len(path.decisions))
        if one < 10:
            (small,) = summary(lambda: [as_bits(clip(0, one, 10), 8)])
            assert small is as_bits(one, 8)  # what the path knows is used

    assert len(explore(program)) == 2
    assert lengths == [0, 0]


def test_summary_refuses_a_number_without_a_width() -> None:
    with pytest.raises(TypeError):
        summary(lambda: [symbol("one", 0, 255)])
