# SPDX-License-Identifier: GPL-2.0-only
"""Terms, simplified as they are built, mean what Python computes and what Z3 understands."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
import z3

from proofs import terms
from proofs.evaluation import Model, evaluate
from proofs.smtlib import smtlib
from proofs.terms import BOOL, Term, variable
from proofs.traversal import rebuilt, substitute

ROOT = Path(__file__).resolve().parent.parent.parent
SEED = 4711
WIDTHS = (1, 2, 3, 5, 8)


class Built(NamedTuple):
    """A value twice: as the constructors build it, and as Python computes it."""

    term: Any
    value: int
    width: int


class Dag:
    """A random DAG of terms; every step makes one more node out of those that are there."""

    def __init__(self, rng: Random, steps: int) -> None:
        self.rng = rng
        self.points: dict[tuple[str, tuple[int, ...]], int] = {}
        self.inputs: dict[str, tuple[int, int]] = {}
        self.used: Counter[str] = Counter()
        self.nodes: list[Built] = [self._variable(width) for width in (BOOL, *WIDTHS) * 2]
        self.salt = rng.getrandbits(30)
        for _ in range(steps):
            name = rng.choice(sorted(STEPS))
            self.nodes.append(STEPS[name](self))
            self.used[name] += 1

    def _variable(self, width: int) -> Built:
        name = f"x{len(self.inputs)}"
        value = self.rng.getrandbits(max(1, width))
        self.inputs[name] = (width, value)
        return Built(variable(name, width), value, width)

    def width(self) -> int:
        return self.rng.choice(WIDTHS)

    def term(self, width: int, constants: bool = True) -> Built:
        """Return a node of a width that is a term, sometimes a new constant."""
        found = [one for one in self.nodes if one.width == width and isinstance(one.term, Term)]
        if constants and width != BOOL and (not found or self.rng.random() < 0.25):
            value = self.rng.choice([0, 1, -1, 1 << width - 1, self.rng.getrandbits(width)])
            return Built(terms.number(value, width), value % (1 << width), width)
        if not found:
            value = self.rng.getrandbits(1)
            return Built(terms.truth(bool(value)), value, BOOL)
        return self.rng.choice(found)

    def value(self, width: int) -> Built:
        """Return a node of a width, or a plain integer of that width."""
        if self.rng.random() < 0.2:
            value = self.rng.choice([0, (1 << width) - 1, self.rng.getrandbits(width)])
            return Built(value, value, width)
        return self.term(width)

    def truth(self) -> Built:
        """Return a truth value, sometimes a plain one."""
        if self.rng.random() < 0.15:
            value = self.rng.getrandbits(1)
            return Built(bool(value), value, BOOL)
        return self.term(BOOL)

    def model(self) -> Model:
        """Return the model of the inputs and of the functions at the points that were used."""
        found: dict[str, Callable[..., int]] = {
            name: lambda value=value: value for name, (_, value) in self.inputs.items()
        }
        for name in {name for name, _ in self.points}:
            found[name] = lambda *args, name=name: self.points[name, args]
        return found


def _mask(width: int) -> int:
    return (1 << width) - 1


def _two(op: Callable[..., Any], compute: Callable[[int, int], int]) -> Callable[[Dag], Built]:
    def step(dag: Dag) -> Built:
        width = dag.width()
        one, other = dag.term(width), dag.term(width)
        return Built(
            op(one.term, other.term), compute(one.value, other.value) & _mask(width), width
        )

    return step


def _shift(op: Callable[..., Any], compute: Callable[[int, int], int]) -> Callable[[Dag], Built]:
    return _two(op, lambda a, b: compute(a, b) if b < 64 else 0)


def _many(op: Callable[..., Any], compute: Callable[[Any], bool]) -> Callable[[Dag], Built]:
    def step(dag: Dag) -> Built:
        chosen = [dag.truth() for _ in range(dag.rng.randrange(5))]
        if chosen and dag.rng.random() < 0.3:
            one = dag.rng.choice(chosen)
            chosen.append(Built(terms.negate(one.term), 1 - one.value, BOOL))
        return Built(op(*[one.term for one in chosen]), int(compute(o.value for o in chosen)), BOOL)

    return step


def _compare(op: Callable[..., Any], compute: Callable[[int, int], bool]) -> Callable[[Dag], Built]:
    def step(dag: Dag) -> Built:
        width = dag.width()
        one, other = dag.value(width), dag.value(width)
        if dag.rng.random() < 0.1:
            value = dag.rng.choice([1 << width, (1 << width) + 3, 1 << 40])
            other = Built(value, value, width)
        if dag.rng.random() < 0.5:
            one, other = other, one
        return Built(op(one.term, other.term), int(compute(one.value, other.value)), BOOL)

    return step


def _negative(dag: Dag) -> Built:
    return Built(terms.same(dag.term(dag.width()).term, -1), 0, BOOL)


def _negate(dag: Dag) -> Built:
    one = dag.truth()
    return Built(terms.negate(one.term), 1 - one.value, BOOL)


def _implies(dag: Dag) -> Built:
    one, other = dag.truth(), dag.truth()
    return Built(terms.implies(one.term, other.term), int(one.value <= other.value), BOOL)


def _agree(dag: Dag) -> Built:
    one, other = dag.truth(), dag.truth()
    return Built(terms.agree(one.term, other.term), int(one.value == other.value), BOOL)


def _choose(dag: Dag) -> Built:
    condition, width = dag.truth(), dag.rng.choice([BOOL, *WIDTHS])
    if width == BOOL:
        yes, no = dag.truth(), dag.truth()
    else:
        yes, no = dag.term(width), dag.value(width)
        if dag.rng.random() < 0.5:
            yes, no = no, yes
    value = yes.value if condition.value else no.value
    return Built(terms.choose(condition.term, yes.term, no.term), value, width)


def _concat(dag: Dag) -> Built:
    high, low = dag.term(dag.width()), dag.term(dag.width())
    made = terms.concat(high.term, low.term)
    return _narrowed(dag, Built(made, high.value << low.width | low.value, made.width))


def _narrowed(dag: Dag, one: Built) -> Built:
    """Return a part of a term that has one of the widths of the DAG."""
    width = dag.rng.choice([width for width in WIDTHS if width <= one.width])
    low = dag.rng.randrange(one.width - width + 1)
    part = terms.extract(one.term, low + width - 1, low)
    return Built(part, one.value >> low & _mask(width), width)


def _neighbours(dag: Dag) -> Built:
    """Two parts of one term side by side, in the right order or not."""
    one = dag.term(8)
    cut = dag.rng.randrange(1, 8)
    top, bottom = dag.rng.randrange(cut, 8), dag.rng.randrange(cut)
    high, low = terms.extract(one.term, top, cut), terms.extract(one.term, cut - 1, bottom)
    if dag.rng.random() < 0.5:
        below = dag.term(dag.width())
        low = terms.concat(low, below.term)
        value = (one.value >> bottom & _mask(top - bottom + 1)) << below.width | below.value
    else:
        value = one.value >> bottom & _mask(top - bottom + 1)
    made = terms.concat(high, low)
    return _narrowed(dag, Built(made, value, made.width))


def _joined(dag: Dag) -> Built:
    one = dag.term(8, constants=False)
    cut = dag.rng.randrange(1, 8)
    made = terms.concat(terms.extract(one.term, 7, cut), terms.extract(one.term, cut - 1, 0))
    return one if made is None else Built(made, one.value, 8)


def _bits(dag: Dag) -> Built:
    width = dag.width()
    one = dag.value(dag.rng.choice([w for w in WIDTHS if w <= width]))
    return Built(terms.bits(one.term, width), one.value, width)


def _low_bits(dag: Dag) -> Built:
    one, width = dag.term(dag.width()), dag.width()
    made = terms.low_bits(one.term, width)
    return Built(made, one.value & _mask(width), min(width, one.width))


def _extract(dag: Dag) -> Built:
    return _narrowed(dag, dag.term(dag.width()))


def _multiply(dag: Dag) -> Built:
    one = dag.term(dag.width())
    factor = dag.rng.choice([0, 1, 2, 3, 4, 8, 256, dag.rng.randrange(300)])
    return Built(terms.multiply(one.term, factor), one.value * factor & _mask(one.width), one.width)


def _dividing(
    op: Callable[[Term, Term], Term], compute: Callable[[int, int], int]
) -> Callable[[Dag], Built]:
    """Divide, mostly by constants, which may be powers of two; never by 0."""

    def step(dag: Dag) -> Built:
        width = dag.width()
        one, other = dag.term(width), dag.term(width)
        if dag.rng.random() < 0.5:
            value = dag.rng.choice([1, 1 << dag.rng.randrange(width), dag.rng.getrandbits(width)])
            other = Built(terms.number(value, width), value, width)
        if not other.value:
            other = Built(terms.number(1, width), 1, width)
        return Built(op(one.term, other.term), compute(one.value, other.value), width)

    return step


def _substitute(dag: Dag) -> Built:
    """Replace a variable by a term that has its value: nothing changes but the shape."""
    one = dag.term(dag.rng.choice([BOOL, *WIDTHS]), constants=False)
    name, (width, value) = dag.rng.choice(sorted(dag.inputs.items()))
    fitting = [node for node in dag.nodes if node.width == width and isinstance(node.term, Term)]
    fitting = [node for node in fitting if node.value == value]
    new = dag.rng.choice(fitting).term
    if dag.rng.random() < 0.5:
        new = terms.truth(bool(value)) if width == BOOL else terms.number(value, width)
    (made,) = substitute([one.term], {variable(name, width): new})
    return Built(made, one.value, one.width)


def _rebuilt(dag: Dag) -> Built:
    """Replace an argument of a term by one that has its value."""
    one = dag.term(dag.rng.choice([BOOL, *WIDTHS]), constants=False)
    if not isinstance(one.term, Term) or not one.term.args:
        return one
    values = {node.term.uid: node for node in dag.nodes if isinstance(node.term, Term)}
    args = list(one.term.args)
    at = dag.rng.randrange(len(args))
    known = values.get(args[at].uid)
    if known is not None:
        fitting = [node for node in values.values() if node[1:] == known[1:]]
        args[at] = dag.rng.choice(fitting).term
    return Built(rebuilt(one.term, args), one.value, one.width)


def _apply(dag: Dag) -> Built:
    name = dag.rng.choice(["f", "g", "p"])
    width = {"f": 3, "g": 8, "p": BOOL}[name]
    args = {"f": [BOOL, 5], "g": [8], "p": [2, 2]}[name]
    chosen = [dag.term(one) for one in args]
    values = tuple(one.value for one in chosen)
    told = hashlib.sha256(f"{dag.salt} {name} {values}".encode()).digest()[0]
    value = dag.points.setdefault((name, values), told & _mask(max(1, width)))
    return Built(terms.apply(name, width, *[one.term for one in chosen]), value, width)


STEPS: dict[str, Callable[[Dag], Built]] = {
    "add": _two(terms.add, lambda a, b: a + b),
    "subtract": _two(terms.subtract, lambda a, b: a - b),
    "bit_and": _two(terms.bit_and, lambda a, b: a & b),
    "bit_or": _two(terms.bit_or, lambda a, b: a | b),
    "bit_xor": _two(terms.bit_xor, lambda a, b: a ^ b),
    "shift_right": _shift(terms.shift_right, lambda a, b: a >> b),
    "shift_left": _two(terms.shift_left, lambda a, b: a << b),
    "multiply": _multiply,
    "product": _two(terms.product, lambda a, b: a * b),
    "quotient": _dividing(terms.quotient, lambda a, b: a // b),
    "remainder": _dividing(terms.remainder, lambda a, b: a % b),
    "substitute": _substitute,
    "rebuilt": _rebuilt,
    "both": _many(terms.both, all),
    "either": _many(terms.either, any),
    "less": _compare(terms.less, lambda a, b: a < b),
    "at_most": _compare(terms.at_most, lambda a, b: a <= b),
    "same": _compare(terms.same, lambda a, b: a == b),
    "same as a negative number": _negative,
    "negate": _negate,
    "implies": _implies,
    "agree": _agree,
    "choose": _choose,
    "concat": _concat,
    "neighbours": _neighbours,
    "concat_extracts": _joined,
    "bits": _bits,
    "low_bits": _low_bits,
    "extract": _extract,
    "apply": _apply,
}


def dags(cases: int, steps: int) -> list[Dag]:
    print(f"seeds {SEED}..{SEED + cases - 1}")
    return [Dag(Random(SEED + number), steps) for number in range(cases)]


def test_terms_mean_what_python_computes() -> None:
    used: Counter[str] = Counter()
    ops: Counter[str] = Counter()
    for dag in dags(1000, 60):
        model = dag.model()
        used += dag.used
        for node in dag.nodes:
            if isinstance(node.term, Term):
                assert node.term.width == node.width
                assert evaluate(node.term, model) == node.value, node.term
                ops[node.term.op] += 1
            else:
                assert node.term == node.value
    assert set(used) == set(STEPS)
    assert min(used.values()) > 100
    assert {"ite", "concat", "extract", "bvult", "bvlshr", "bvshl", "bvmul", "apply"} <= set(ops)
    assert {"bvudiv", "bvurem"} <= set(ops)


def test_z3_computes_what_python_computes() -> None:
    for dag in dags(300, 40):
        last = [node for node in dag.nodes if isinstance(node.term, Term)][-12:]
        text, right = _query(dag, last)
        assert _z3(text, f"(not {right})") == "unsat", right
        assert _z3(text, right) == "sat"


def _query(dag: Dag, chosen: list[Built]) -> tuple[str, str]:
    """Return a text that fixes all inputs, written here, and that the chosen nodes are right."""
    outs: list[Any] = []
    right: list[str] = []
    for number, node in enumerate(chosen):
        out = variable(f"out{number}", node.width)
        equal = terms.agree if node.width == BOOL else terms.same
        outs.append(terms.truth(equal(out, node.term)))
        right.append(f"(= |out{number}| {_literal(node.value, node.width)})")
        outs.append(terms.truth(equal(out, out)))
    text = smtlib(outs).replace("(check-sat)\n", "")
    declared = set(text.split("|")[1::2])
    for name, (width, value) in dag.inputs.items():
        if name in declared:
            text += f"(assert (= |{name}| {_literal(value, width)}))\n"
    widths = {"f": ([BOOL, 5], 3), "g": ([8], 8), "p": ([2, 2], BOOL)}
    for (name, values), value in dag.points.items():
        if name in declared:
            args = " ".join(map(_literal, values, widths[name][0]))
            text += f"(assert (= (|{name}| {args}) {_literal(value, widths[name][1])}))\n"
    return text, f"(and true {' '.join(right)})"


def _literal(value: int, width: int) -> str:
    return f"#b{value:0{width}b}" if width else str(bool(value)).lower()


def _z3(text: str, assertion: str) -> str:
    solver = z3.SimpleSolver()
    solver.set("rlimit", 5_000_000)
    solver.from_string(f"{text}(assert {assertion})\n")
    return str(solver.check())


# Text


def written() -> str:
    """Return the text of many scripts."""
    found = []
    for number in range(25):
        dag = Dag(Random(SEED + number), 60)
        roots = [one.term for one in dag.nodes if isinstance(one.term, Term) and not one.width]
        found.append(smtlib(roots))
    return "\n".join(found)


def _digest_elsewhere(hash_seed: str, before: str = "") -> str:
    program = (
        f"{before}\nimport hashlib\nfrom tests.proofs.test_terms import written\n"
        "print(hashlib.sha256(written().encode()).hexdigest())"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout


def test_text_is_the_same_in_every_process() -> None:
    assert len({_digest_elsewhere(seed) for seed in ("0", "1", "12345")}) == 1


def test_text_does_not_depend_on_what_was_built_before() -> None:
    other = (
        "from proofs import terms\n"
        "for width in (8, 5, 3, 2, 1, 0):\n"
        "    for number in reversed(range(20)):\n"
        "        terms.variable(f'x{number}', width)"
    )
    assert _digest_elsewhere("0") == _digest_elsewhere("0", other)


def test_equal_terms_are_one_object() -> None:
    one, other = variable("one", 8), variable("other", 8)
    assert terms.add(one, other) is terms.add(one, other)
    assert terms.same(one, other) is terms.same(one, other)
    assert variable("one", 8) is not variable("one", 5)


def test_what_nothing_replaces_stays_the_same_object() -> None:
    one, other = variable("one", 8), variable("other", 8)
    root = terms.truth(terms.less(terms.add(one, terms.number(1, 8)), one))
    assert substitute([root], {other: one}) == [root]
    assert rebuilt(root, list(root.args)) is root


def test_substitution_is_simultaneous_and_simplifies() -> None:
    one, other = variable("one", 8), variable("other", 8)
    both = [terms.subtract(one, other), terms.add(one, other)]
    swapped = substitute(both, {one: other, other: one})
    assert swapped == [terms.subtract(other, one), terms.add(other, one)]
    assert substitute(both, {one: other})[0] is terms.number(0, 8)


def test_a_term_has_no_truth_value() -> None:
    with pytest.raises(TypeError, match="lift"):
        bool(variable("one", BOOL))


@pytest.mark.parametrize(("value", "width"), [(8, 3), (-1, 3), (variable("one", 8), 5)])
def test_bits_that_do_not_fit_are_refused(value: Any, width: int) -> None:
    with pytest.raises(ValueError, match="fit"):
        terms.bits(value, width)


def test_scripts_share_and_declare_once() -> None:
    one = variable("one", 8)
    doubled = terms.add(one, one)
    root = terms.truth(terms.both(terms.same(doubled, 4), terms.less(doubled, 200)))
    text = smtlib([root])
    assert text.count("bvadd") == 1
    assert text.count("declare-fun") == 1
    assert text.startswith("(set-logic QF_UFBV)\n")
    assert text.endswith("(check-sat)\n")


@pytest.mark.parametrize("solver", ["z3", "bitwuzla", "cvc5"])
def test_every_solver_reads_the_text(solver: str) -> None:
    from proofs.solvers import ask

    for dag in [Dag(Random(SEED + number), 40) for number in range(5)]:
        last = [node for node in dag.nodes if isinstance(node.term, Term)][-8:]
        text, right = _query(dag, last)
        assert ask(solver, f"{text}(assert (not {right}))\n(check-sat)\n") == "unsat"
        assert ask(solver, f"{text}(assert {right})\n(check-sat)\n") == "sat"
