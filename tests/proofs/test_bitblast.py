# SPDX-License-Identifier: GPL-2.0-only
"""From terms to clauses: what is refuted cannot hold, and what can hold is not refuted."""

from __future__ import annotations

import builtins
import itertools
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from proofs import drat, solvers, terms
from proofs.bitblast import (
    FALSE,
    TRUE,
    NoClauses,
    NotRefuted,
    Satisfiable,
    SolverMissing,
    clauses_of,
    proof_of,
    refute,
)
from proofs.evaluation import evaluate
from proofs.smtlib import smtlib
from proofs.terms import BOOL, Term, number, truth, variable
from proofs.traversal import walk

# Each operation against its value


NUMBERS = itertools.count(-1, -1)


def node(op: str, width: int, *args: Term, data: Any = None) -> Term:
    """Return a term as it is written; those that ``proofs.terms`` builds are simplified."""
    return Term(op, width, args, data, next(NUMBERS))


def is_not(one: Term) -> Term:
    return node("not", BOOL, one)


def equal(one: Term, other: Term) -> Term:
    return node("=", BOOL, one, other)


def constant(value: int, width: int) -> Term:
    return truth(bool(value)) if width == BOOL else number(value, width)


def signatures(width: int) -> dict[str, tuple[int, list[int], Any]]:
    """Return result, arguments and constant of each operation, where a bit-vector has a width."""
    vector, bit = [width, width], [BOOL, BOOL]
    same = dict.fromkeys(
        ["bvadd", "bvsub", "bvmul", "bvand", "bvor", "bvxor", "bvlshr", "bvshl"],
        (width, vector, None),
    )
    cuts = {
        f"extract {high} {low}": (high - low + 1, [width], (high, low))
        for low in {0, width // 2, width - 1}
        for high in {low, width - 1}
    }
    return {
        **same,
        **cuts,
        "not": (BOOL, [BOOL], None),
        "and": (BOOL, bit, None),
        "or": (BOOL, bit, None),
        "and 3": (BOOL, [BOOL] * 3, None),
        "or 3": (BOOL, [BOOL] * 3, None),
        "=": (BOOL, vector, None),
        "= truth": (BOOL, bit, None),
        "ite": (width, [BOOL, *vector], None),
        "ite truth": (BOOL, [BOOL] * 3, None),
        "concat": (2 * width + 1, [width, width + 1], None),
        "bvult": (BOOL, vector, None),
    }


def compare(name: str, width: int, values: tuple[int, ...], fixed: tuple[bool, ...]) -> None:
    """Check that an operation has its value and no other; inputs are constants where fixed."""
    result, widths, data = signatures(width)[name]
    inputs = [variable(f"input{at}.{size}", size) for at, size in enumerate(widths)]
    consts = [constant(value, size) for value, size in zip(values, widths, strict=True)]
    args = [const if now else one for one, const, now in zip(inputs, consts, fixed, strict=True)]
    term = node(name.partition(" ")[0], result, *args, data=data)
    known = dict(zip((one.data for one in inputs), values, strict=True))
    model = {key: (lambda *, value=value: value) for key, value in known.items()}
    given = [equal(one, const) for one, const in zip(inputs, consts, strict=True)]
    right = equal(term, constant(evaluate(term, model), result))
    refute([*given, is_not(right)])
    with pytest.raises(Satisfiable):
        refute([*given, right])


def operations(*widths: int) -> list[tuple[int, str]]:
    return [(width, name) for width in widths for name in signatures(width)]


@pytest.mark.parametrize(("width", "name"), operations(1, 2, 3))
def test_each_operation_on_all_values(width: int, name: str) -> None:
    widths = signatures(width)[name][1]
    for values in itertools.product(*[range(2 if size == BOOL else 1 << size) for size in widths]):
        compare(name, width, values, tuple(False for _ in values))


@pytest.mark.parametrize(("width", "name"), operations(5, 16, 32, 64))
def test_each_operation_on_some_values(width: int, name: str) -> None:
    draw = random.Random(f"{name} {width}")

    def value(size: int) -> int:
        if size == BOOL:
            return draw.getrandbits(1)
        few = [0, 1, size - 1, size, size + 1, (1 << size) - 1, 1 << (size - 1)]
        return draw.choice([*few, *[draw.getrandbits(size) for _ in few]]) % (1 << size)

    for _ in range(8):
        values = tuple(map(value, signatures(width)[name][1]))
        fixed = tuple(draw.random() < 0.4 for _ in values)
        compare(name, width, values, fixed)


@pytest.mark.parametrize("values", list(itertools.product((False, True), repeat=3)))
def test_gates_that_share_inputs_are_told_apart(values: tuple[bool, ...]) -> None:
    inputs = [variable(name, BOOL) for name in "pqr"]
    either = [*inputs, *map(is_not, inputs), truth(False), truth(True)]
    found = [node(op, BOOL, *args) for op in ("and", "or", "=") for args in pairs(either)]
    found += [node("ite", BOOL, *args) for args in itertools.product(either, repeat=3)]
    found += [is_not(one) for one in found]
    model = {
        name: (lambda *, value=value: value) for name, value in zip("pqr", values, strict=True)
    }
    given = [one if value else is_not(one) for one, value in zip(inputs, values, strict=True)]
    right = [one if evaluate(one, model) else is_not(one) for one in found]
    refute([*given, node("or", BOOL, *map(is_not, right))])
    with pytest.raises(Satisfiable):
        refute([*given, *right])


def pairs(some: list[Term]) -> list[tuple[Term, ...]]:
    return list(itertools.product(some, repeat=2))


def test_an_unknown_operation() -> None:
    a = variable("a", 4)
    for wrong in (
        [equal(node("bvudiv", 4, a, a), a)],
        [equal(node("bvneg", 4, a), a)],
        [equal(node("bvadd", 5, a, a), variable("b", 5))],
        [a],
    ):
        with pytest.raises(NoClauses):
            refute(wrong)


# Whole problems against an SMT solver

WIDTHS = (BOOL, 1, 2, 3)
FUNCTIONS = (("f", 2, (2,)), ("g", 3, (3, BOOL)), ("p", BOOL, (2, 2)), ("h", BOOL, (BOOL,)))


class Drawn:
    """Terms drawn at random, each of what was drawn before."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.pool: dict[int, list[Term]] = {
            width: [variable(f"{name}{width}", width) for name in ("a", "b")] for width in range(8)
        }
        self.pool[BOOL] += [truth(True), truth(False)]
        for width in range(1, 8):
            self.pool[width].append(number(self.draw.getrandbits(width), width))
        for _ in range(self.draw.randint(5, 40)):
            self.add()

    def some(self, width: int) -> Term:
        """Return a term, the later ones more often."""
        pool = self.pool[width]
        return self.draw.choice(pool[-4:] if self.draw.random() < 0.7 else pool)

    def add(self) -> None:
        draw = self.draw
        if draw.random() < 0.35:
            name, width, widths = draw.choice(FUNCTIONS)
            self.pool[width].append(node("apply", width, *map(self.some, widths), data=name))
            return
        table = signatures(draw.choice(WIDTHS[1:]))
        name = draw.choice(list(table))
        width, arguments, data = table[name]
        args = list(map(self.some, arguments))
        self.pool[width].append(node(name.partition(" ")[0], width, *args, data=data))

    def assertions(self) -> list[Term]:
        """Return a few truth values, of them or of comparisons of them."""
        found = []
        for _ in range(self.draw.randint(1, 8)):
            width = self.draw.choice(WIDTHS)
            one = self.some(BOOL) if width == BOOL else equal(self.some(width), self.some(width))
            found.append(one if self.draw.random() < 0.5 else is_not(one))
        return found


def answer(assertions: list[Term]) -> str:
    try:
        refute(assertions)
    except Satisfiable:
        return solvers.SAT
    return solvers.UNSAT


def test_random_problems_are_answered_as_z3_answers_them() -> None:
    answers: Counter[str] = Counter()
    ops: Counter[str] = Counter()
    searched = 0
    for seed in range(1000):
        assertions = Drawn(seed).assertions()
        found = answer(assertions)
        assert found == solvers.ask("z3", smtlib(assertions)), f"seed {seed}"
        answers[found] += 1
        ops.update({one.op for one in walk(assertions)})
        clauses = clauses_of(assertions)
        searched += found == solvers.UNSAT and [] not in clauses
        assert {TRUE, FALSE}.isdisjoint(itertools.chain(*clauses))
    print(dict(answers), searched, "of the refutations are not by folding alone")
    leaves = {"true", "false", "number", "variable", "apply"}
    assert set(ops) == leaves | {name.partition(" ")[0] for name in signatures(3)}
    assert min(answers.values()) > 300 and searched > 80


# By hand


def word(name: str) -> Term:
    return variable(name, 64)


def called(name: str, *args: Term) -> Term:
    return terms.apply(name, 64, *args)


def congruence(of: Callable[[Term, Term], Term] = terms.add) -> list[Term]:
    """Return what is wrong, as what is equal stays so through a function."""
    a, b, c = map(word, "abc")
    one = called("f", called("f", called("f", a, c), b), a)
    other = called("f", called("f", called("f", b, c), a), b)
    return [truth(terms.same(of(a, c), of(c, b))), is_not(truth(terms.same(one, other)))]


def test_functions() -> None:
    found = refute(congruence())
    assert found.variables > 64 and found.clauses > found.core > 64
    assert 0 < found.checked <= found.lemmas
    assert not found.folded and 0 <= found.checking <= found.seconds


def test_one_name_with_two_signatures_is_two_functions() -> None:
    a, b = word("a"), variable("b", 3)
    one, other = node("apply", 3, a, data="f"), node("apply", 3, b, data="f")
    with pytest.raises(Satisfiable):
        refute([equal(a, number(1, 64)), equal(b, number(1, 3)), is_not(equal(one, other))])


def test_folding_alone() -> None:
    a = word("a")
    for contradiction in (
        [truth(False)],
        [is_not(equal(a, a))],
        [equal(node("bvand", 64, a, number(6, 64)), number(9, 64))],
        [is_not(equal(called("f", number(1, 64)), called("f", number(1, 64))))],
    ):
        found = refute(contradiction)
        assert found.folded and found.lemmas == found.checked == 0 and found.core == 1
    # That a bit is 0 and is 1 is in two clauses; so much is left to the checker.
    found = refute([equal(variable("x", 1), number(value, 1)) for value in range(2)])
    assert not found.folded and found.core == 2


def test_what_can_hold() -> None:
    a, b = word("a"), word("b")
    for possible in (
        [],
        [truth(True)],
        [variable("p", BOOL)],
        [is_not(equal(called("f", a), called("f", b)))],
        [equal(called("f", a), called("f", b)), is_not(equal(a, b))],
        [equal(a, b), is_not(equal(called("f", a), called("g", b)))],
        congruence(lambda one, other: one)[1:],
    ):
        with pytest.raises(Satisfiable):
            refute(possible)


def test_the_proof_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proofs.bitblast.proof_of", lambda clauses: ["0"])
    with pytest.raises(drat.ProofError):
        refute(congruence())
    with pytest.raises(drat.ProofError):
        refute([variable("p", BOOL)])


def test_without_a_sat_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    there = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name.startswith("pysat"):
            raise ImportError(name)
        return there(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(SolverMissing, match="python-sat"):
        refute(congruence())
    assert refute([truth(False)]).folded


def test_clauses_and_proofs_of_nothing() -> None:
    assert clauses_of([]) == []
    with pytest.raises(NotRefuted):
        proof_of([])


@pytest.mark.slow
def test_a_product_distributes() -> None:
    a, b = variable("a", 7), variable("b", 7)

    def times(one: Term, other: Term) -> Term:
        return node("bvmul", 7, one, other)

    total = node("bvadd", 7, times(b, a), times(a, a))
    assert refute([is_not(equal(times(a, terms.add(b, a)), total))]).checked > 1000
