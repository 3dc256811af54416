# SPDX-License-Identifier: GPL-2.0-only
"""Pointers and addresses: what the operators make of them is what numbers would give."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, NoReturn

import pytest

from proofs import terms
from proofs.c.operators import binary, compare_pointers, in_bytes, unary
from proofs.c.types import CType, Integer, Void
from proofs.c.values import Address, Int, Missing, OpaqueNumber, Ptr, Value, int_of, is_true
from proofs.evaluation import evaluate
from proofs.paths import Unsupported
from proofs.terms import Term, Truth, truth

SEED = 77
CASES = 1500
COMPARED: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
COMPUTED: dict[str, Callable[[int, int], int]] = {
    "+": operator.add,
    "-": operator.sub,
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
}


@dataclass(eq=False)
class Object:
    """An object of which nothing is known but where it begins."""

    start: int
    alignment: int

    def load(self, at: Ptr, kind: CType) -> NoReturn:
        raise AssertionError("nothing is read")

    def store(self, at: Ptr, kind: CType, value: Value) -> NoReturn:
        raise AssertionError("nothing is written")

    def is_null(self) -> Truth:
        return False

    def is_same(self, other: object) -> Truth:
        return self is other


@dataclass
class Draw:
    """A random machine word, objects in its memory, pointers and numbers, with their values."""

    rng: Random
    model: dict[str, Callable[..., int]] = field(default_factory=dict)
    demanded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.size = self.rng.choice([4, 8])
        self.word = Integer(self.size, False)
        self.unit = self
        self.machine = self
        self.pointer = self.size

    def demand(self, statement: str, goal: Truth) -> None:
        self.demanded.append(statement)

    def open(self, value: int, width: int) -> Term:
        """Return a value as a number, or as a symbol that the model gives the value."""
        if self.rng.random() < 0.5:
            return terms.number(value, width)
        name = f"x{len(self.model)}"
        self.model[name] = lambda: value % (1 << width)
        return terms.variable(name, width)

    def object(self) -> Object:
        alignment = 1 << self.rng.randrange(13)
        return Object(alignment * self.rng.randrange(1, 1 << 16), alignment)

    def to(self) -> Integer:
        return Integer(self.rng.choice([1, 2, 4, 8]), self.rng.random() < 0.5)

    def ptr(self, block: Object) -> Ptr:
        kind = self.to()
        unit = self.rng.choice([1, 2, 4, 8, 12, 16, kind.size, kind.size])
        index = self.open(self.rng.randrange(40), 8 * self.size)
        return Ptr(block, index, unit, self.rng.choice([0, 0, self.rng.randrange(unit)]), kind)

    def number(self, low: int = -9, high: int = 40) -> tuple[Int, int]:
        kind = Integer(self.rng.choice([4, 8]), self.rng.random() < 0.5)
        value = self.rng.randrange(low if kind.signed else 0, high)
        return Int(self.open(value, kind.width), kind), value

    def value(self, of: Value) -> int:
        """Return the number that a value is in memory."""
        if isinstance(of, Int):
            return evaluate(of.term, self.model)
        at = of.pointer if isinstance(of, Address) else of
        start = at.block.start if isinstance(at.block, Object) else 0
        return (start + evaluate(in_bytes(at), self.model)) % (1 << 8 * self.size)


def draws() -> list[Draw]:
    print(f"seeds {SEED}..{SEED + CASES - 1}")
    return [Draw(Random(SEED + number)) for number in range(CASES)]


def carried_out(run: Any, opcode: str, one: Value, other: Value, seen: Counter[str]) -> Value:
    """Return the result of an operator, None where it is refused; count both."""
    try:
        result = binary(run, opcode, one, other)
    except Unsupported:
        seen["refused"] += 1
        return None
    seen[opcode] += 1
    return result


def test_a_pointer_moves_by_what_it_points_to() -> None:
    seen: Counter[str] = Counter()
    for draw in draws():
        at, (number, steps) = draw.ptr(draw.object()), draw.number()
        opcode = draw.rng.choice("+-")
        turned = opcode == "+" and draw.rng.random() < 0.3
        one, other = (number, at) if turned else (at, number)
        moved = carried_out(draw, opcode, one, other, seen)
        if moved is not None:
            by = steps * at.to.size * (1 if opcode == "+" else -1)
            assert draw.value(moved) == (draw.value(at) + by) % (1 << 8 * draw.size)
            assert moved.to == at.to and moved.block is at.block
    assert min(seen["+"], seen["-"]) > CASES // 4 and seen["refused"]


def test_pointers_are_compared_as_addresses_are() -> None:
    seen: Counter[str] = Counter()
    for draw in draws():
        here = draw.object()
        one, other = draw.ptr(here), draw.ptr(here)
        opcode = draw.rng.choice(sorted(COMPARED))
        result = carried_out(draw, opcode, one, other, seen)
        wanted = COMPARED[opcode](draw.value(one), draw.value(other))
        assert evaluate(truth(is_true(result)), draw.model) == wanted
    assert not seen["refused"] and set(COMPARED) <= set(seen)


def test_pointers_into_two_objects_differ_and_have_no_order() -> None:
    draw = Draw(Random(SEED))
    one, other = draw.ptr(draw.object()), draw.ptr(draw.object())
    assert compare_pointers("==", one, other) in (False, terms.FALSE)
    assert compare_pointers("!=", one, other) in (True, terms.TRUE)
    for opcode in ("<", ">="):
        with pytest.raises(Unsupported, match="two objects"):
            compare_pointers(opcode, one, other)
    with pytest.raises(Unsupported, match="two objects"):
        binary(_any(draw), "-", one, other)


def _any(draw: Draw) -> Any:
    return draw


def null(draw: Draw, address: int = 0) -> Ptr:
    return Ptr(None, terms.number(address, 8 * draw.size), 1, 0, Void())


def test_no_object_is_at_null() -> None:
    draw = Draw(Random(SEED))
    at = draw.ptr(draw.object())
    for one, other in ((at, null(draw)), (null(draw), at)):
        assert compare_pointers("==", one, other) in (False, terms.FALSE)
    assert compare_pointers("==", null(draw), null(draw)) in (True, terms.TRUE)
    assert compare_pointers("!=", null(draw, 4), null(draw)) in (True, terms.TRUE)
    with pytest.raises(Unsupported, match="compared with a number"):
        compare_pointers("==", at, null(draw, 4096))
    with pytest.raises(Unsupported, match="no object"):
        compare_pointers("<", at, null(draw))


def test_a_distance_is_in_elements() -> None:
    seen: Counter[str] = Counter()
    for draw in draws():
        here, kind = draw.object(), draw.to()
        one, other = (
            Ptr(here, draw.open(draw.rng.randrange(40), 8 * draw.size), kind.size, 0, kind)
            for _ in range(2)
        )
        result = carried_out(draw, "-", one, other, seen)
        gone = (draw.value(one) - draw.value(other)) // kind.size
        assert draw.value(result) == gone % (1 << 8 * draw.size)
        assert result.type.signed and result.type.size == draw.size
        if kind.size > 1:
            with pytest.raises(Unsupported, match="other sizes"):
                binary(_any(draw), "-", one.cast(Integer(1, False)), other)
    assert not seen["refused"]


def test_an_integer_that_is_an_address_is_the_address() -> None:
    seen: Counter[str] = Counter()
    for draw in draws():
        here = draw.object()
        at = Address(draw.ptr(here), draw.word)
        opcode = draw.rng.choice(sorted(COMPUTED))
        bit = 1 << draw.rng.randrange(13)
        value = draw.rng.choice([bit - 1, bit, -bit, draw.rng.randrange(64), here.alignment - 1])
        number = int_of(value, draw.word)
        swapped = opcode != "-" and draw.rng.random() < 0.3
        one, other = (number, at) if swapped else (at, number)
        result = carried_out(draw, opcode, one, other, seen)
        if result is not None:
            wanted = COMPUTED[opcode](draw.value(at), draw.value(number))
            assert draw.value(result) == wanted % (1 << 8 * draw.size), (opcode, value)
    assert all(seen[opcode] > 30 for opcode in COMPUTED) and seen["refused"] > 100


def test_addresses_are_compared_as_the_pointers_that_they_are() -> None:
    for draw in draws()[:300]:
        here = draw.object()
        one, other = (Address(draw.ptr(here), draw.word) for _ in range(2))
        for opcode, compare in COMPARED.items():
            result = binary(_any(draw), opcode, one, other)
            wanted = compare(draw.value(one), draw.value(other))
            assert evaluate(truth(is_true(result)), draw.model) == wanted
        zero = int_of(0, draw.word)
        assert draw.value(binary(_any(draw), "==", one, zero)) == 0
        assert draw.value(binary(_any(draw), "!=", zero, one)) == 1


@pytest.mark.parametrize(
    ("opcode", "compute"),
    [("-", operator.neg), ("~", operator.invert), ("+", operator.pos)],
)
def test_an_operator_on_one_number(opcode: str, compute: Callable[[int], int]) -> None:
    for draw in draws()[:200]:
        number, value = draw.number()
        result = unary(opcode, number)
        assert draw.value(result) == compute(value) % (1 << number.type.width)
        assert result.type == number.type


class Half(OpaqueNumber):
    """An integer that can be halved."""

    def binary(self, op: str, other: Value, reverse: bool) -> Value | None:
        return ("half", other) if op == ">>" and not reverse else None


INT = Integer(4, True)
ONE = int_of(1, INT)


@pytest.mark.parametrize(
    ("opcode", "one", "other", "why"),
    [
        ("+", Missing(False), ONE, "missing"),
        ("+", ONE, Missing(True), "missing"),
        ("+", Half(), ONE, "stands for something else"),
        ("+", ONE, Half(), "stands for something else"),
        ("+", ONE, int_of(1, Integer(8, True)), "two types"),
        (",", ONE, ONE, "the operator"),
        ("+", ONE, None, "such operands"),
    ],
)
def test_what_no_operator_is_known_for_is_refused(
    opcode: str, one: Value, other: Value, why: str
) -> None:
    with pytest.raises(Unsupported, match=why):
        binary(_any(Draw(Random(1))), opcode, one, other)


def test_what_stands_for_something_else_says_what_it_knows() -> None:
    assert binary(_any(Draw(Random(1))), ">>", Half(), ONE) == ("half", ONE)


def test_operators_on_pointers_and_addresses_that_mean_nothing_are_refused() -> None:
    draw = Draw(Random(SEED))
    at = draw.ptr(draw.object())
    address = Address(at, draw.word)
    for opcode, one, other in (
        ("*", at, ONE),
        ("+", at, at),
        ("-", ONE, at),
        ("*", address, int_of(2, draw.word)),
        ("-", int_of(2, draw.word), address),
        ("+", address, address),
        ("+", address, Int(terms.variable("n", 8 * draw.size), draw.word)),
    ):
        with pytest.raises(Unsupported):
            binary(_any(draw), opcode, one, other)
    for opcode, value in (("-", at), ("!", ONE)):
        with pytest.raises(Unsupported):
            unary(opcode, value)
