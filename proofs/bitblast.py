# SPDX-License-Identifier: GPL-2.0-only
"""From terms that cannot hold together to a refutation of clauses that was checked.

Terms become clauses: a bit of a term becomes a literal, an operation becomes gates, and each
gate is defined by clauses. An application of a function becomes new variables, and any two
applications of one function get Ackermann's constraint: equal arguments have equal results.
What satisfies the terms thus satisfies the clauses. A SAT solver refutes the clauses and says
how, and ``proofs.drat`` follows it.

Trusted: this module, the checker in ``proofs.drat``, and that the terms mean what ``smtlib`` of
``proofs.terms`` writes of them; where they come from, and what was simplified when they were
built, is not looked at here. Not trusted: the SAT solver, python-sat and the proof; any SMT
solver, as none is asked. Nothing is simplified here but gates of which an input is constant, or
two are equal or opposite. If that alone leaves an empty clause, no SAT solver is asked either,
and ``Refutation.folded`` says so.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from proofs import drat
from proofs.terms import BOOL, Term
from proofs.traversal import walk

SOLVER = "cadical153"
"""The SAT solver; of those in python-sat that give proofs, its are the fastest to check."""

TRUE = 1
"""The literal that is always true; it stands in no clause. Variables are numbered from 2."""
FALSE = -TRUE

Bits = Sequence[int]
"""The literals of a term, the lowest bit first; of a truth value there is one."""


class NotRefuted(Exception):
    """The assertions were not shown to be contradictory."""


class Satisfiable(NotRefuted):
    """The clauses have a solution, and so the assertions can hold together."""


class NoClauses(NotRefuted):
    """There is a term that cannot be made into clauses."""


class SolverMissing(NotRefuted):
    """There is no SAT solver to be asked."""


@dataclass(frozen=True)
class Refutation:
    """The size of a checked refutation: of its clauses, of its proof, and of what it rests on.

    ``checked`` of the ``lemmas`` and ``core`` of the ``clauses`` were needed; the empty clause
    that ends the proof does not count as a lemma. ``folded`` says that the clauses had an empty
    one among them: there was no proof to be found. ``seconds`` went by in all, and ``checking``
    of them in the checker.
    """

    variables: int
    clauses: int
    lemmas: int
    checked: int
    core: int
    folded: bool
    seconds: float
    checking: float


def refute(assertions: Iterable[Term]) -> Refutation:
    """Refute that the assertions hold together.

    Raises NotRefuted where that cannot be done, drat.ProofError where the solver's proof is bad.
    """
    begin = time.monotonic()
    clauses = clauses_of(assertions)
    variables = len({abs(literal) for clause in clauses for literal in clause})
    proof = proof_of(clauses)
    solved = time.monotonic()
    found = drat.check(clauses, proof)
    end = time.monotonic()
    return Refutation(
        variables,
        len(clauses),
        found.lemmas - proof.count("0"),
        found.checked,
        found.core,
        [] in clauses,
        end - begin,
        end - solved,
    )


def clauses_of(assertions: Iterable[Term]) -> list[list[int]]:
    """Return clauses that have a solution just if the assertions can hold together."""
    roots = list(assertions)
    encoder = _Encoder()
    for node in walk(roots):
        encoder.encode(node)
    for root in roots:
        if root.width != BOOL:
            raise NoClauses(f"a term of {root.width} bits is no assertion")
        encoder.gates.require(*encoder.literals[root.uid])
    return encoder.gates.clauses


def proof_of(clauses: list[list[int]]) -> list[str]:
    """Return the SAT solver's proof that the clauses have no solution."""
    if [] in clauses:
        return ["0"]
    try:
        from pysat.solvers import Solver
    except ImportError:
        raise SolverMissing("python-sat is not installed; it is the extra 'certify'") from None
    with Solver(name=SOLVER, bootstrap_with=clauses, with_proof=True) as solver:
        if solver.solve():
            raise Satisfiable("the clauses have a solution")
        return [*solver.get_proof(), "0"]


class _Gates:
    """Clauses, and gates that they define; a gate is named by the literal of its output.

    Gates of the same inputs are one gate.
    """

    def __init__(self) -> None:
        self.clauses: list[list[int]] = []
        self.variables = TRUE
        self.known: dict[tuple[object, ...], int] = {}

    def fresh(self) -> int:
        """Return a new variable."""
        self.variables += 1
        return self.variables

    def require(self, *literals: int) -> None:
        """Add a clause: one of the literals is true."""
        if TRUE not in literals:
            self.clauses.append([literal for literal in literals if literal != FALSE])

    def every(self, inputs: Iterable[int]) -> int:
        """Return whether all inputs are true."""
        parts = sorted({literal for literal in inputs if literal != TRUE})
        if FALSE in parts:
            return FALSE
        if len(parts) < 2:
            return parts[0] if parts else TRUE
        output = self.known.get(("every", *parts))
        if output is None:
            output = self.known["every", *parts] = self.fresh()
            for part in parts:
                self.require(-output, part)
            self.require(output, *[-part for part in parts])
        return output

    def some(self, inputs: Iterable[int]) -> int:
        """Return whether an input is true."""
        return -self.every([-literal for literal in inputs])

    def differ(self, one: int, other: int) -> int:
        """Return whether one input is true and the other is not."""
        if abs(one) == abs(other):
            return FALSE if one == other else TRUE
        for constant, left in ((one, other), (other, one)):
            if abs(constant) == TRUE:
                return -left if constant == TRUE else left
        sign = 1 if (one > 0) == (other > 0) else -1
        a, b = sorted((abs(one), abs(other)))
        output = self.known.get(("differ", a, b))
        if output is None:
            output = self.known["differ", a, b] = self.fresh()
            self.require(-output, a, b)
            self.require(-output, -a, -b)
            self.require(output, -a, b)
            self.require(output, a, -b)
        return sign * output

    def choose(self, condition: int, yes: int, no: int) -> int:
        """Return ``yes`` where ``condition`` is true, else ``no``."""
        if abs(condition) == TRUE or yes == no:
            return no if condition == FALSE else yes
        if abs(yes) == TRUE:
            return self.some((condition, no)) if yes == TRUE else self.every((-condition, no))
        if abs(no) == TRUE:
            return self.some((-condition, yes)) if no == TRUE else self.every((condition, yes))
        output = self.known.get(("choose", condition, yes, no))
        if output is None:
            output = self.known["choose", condition, yes, no] = self.fresh()
            self.require(-condition, -yes, output)
            self.require(-condition, yes, -output)
            self.require(condition, -no, output)
            self.require(condition, no, -output)
        return output


class _Encoder:
    """The literals of terms, and for each function where it is applied."""

    def __init__(self) -> None:
        self.gates = _Gates()
        self.literals: dict[int, Bits] = {}
        self.applied: dict[tuple[object, ...], list[tuple[Bits, Bits]]] = {}

    def encode(self, node: Term) -> None:
        """Find the literals of a term whose arguments have theirs."""
        found = self._bits(node, [self.literals[arg.uid] for arg in node.args])
        if len(found) != _size(node):
            raise NoClauses(f"'{node.op}' of {len(found)} bits is said to have {node.width}")
        self.literals[node.uid] = found

    def _bits(self, node: Term, args: list[Bits]) -> Bits:
        gates = self.gates
        match node.op, args:
            case "true" | "false", []:
                return [TRUE if node.op == "true" else FALSE]
            case "number", []:
                return [TRUE if node.data >> at & 1 else FALSE for at in range(node.width)]
            case "variable", []:
                return [gates.fresh() for _ in range(_size(node))]
            case "apply", _:
                return self._application(node, [bit for bits in args for bit in bits])
            case "not", [[bit]]:
                return [-bit]
            case "and", _:
                return [gates.every(arg for (arg,) in args)]
            case "or", _:
                return [gates.some(arg for (arg,) in args)]
            case "=", [a, b]:
                return [self._equal(a, b)]
            case "ite", [[condition], yes, no]:
                return self._chosen(condition, yes, no)
            case "concat", [high, low]:
                return [*low, *high]
            case "extract", [a]:
                return a[node.data[1] : node.data[0] + 1]
            case "bvult", [a, b]:
                return [self._less(a, b)]
            case "bvand", [a, b]:
                return [gates.every(pair) for pair in zip(a, b, strict=True)]
            case "bvor", [a, b]:
                return [gates.some(pair) for pair in zip(a, b, strict=True)]
            case "bvxor", [a, b]:
                return [gates.differ(x, y) for x, y in zip(a, b, strict=True)]
            case "bvadd", [a, b]:
                return self._sum(a, b, FALSE)
            case "bvsub", [a, b]:
                return self._sum(a, [-bit for bit in b], TRUE)
            case "bvmul", [a, b]:
                return self._product(a, b)
            case "bvlshr", [a, b]:
                return self._shifted_down(a, b)
            case "bvshl", [a, b]:
                return self._shifted_down(a[::-1], b)[::-1]
        raise NoClauses(f"there are no gates for '{node.op}' of {len(args)} arguments")

    def _application(self, node: Term, inputs: Bits) -> Bits:
        """Return new variables; they equal those of all applications to the same inputs."""
        result = [self.gates.fresh() for _ in range(_size(node))]
        function = (node.data, node.width, *[arg.width for arg in node.args])
        others = self.applied.setdefault(function, [])
        for other_inputs, other_result in others:
            equal = self._equal(inputs, other_inputs)
            if equal != FALSE:
                for one, other in zip(result, other_result, strict=True):
                    self.gates.require(-equal, -one, other)
                    self.gates.require(-equal, one, -other)
        others.append((inputs, result))
        return result

    def _equal(self, a: Bits, b: Bits) -> int:
        return self.gates.every([-self.gates.differ(x, y) for x, y in zip(a, b, strict=True)])

    def _chosen(self, condition: int, yes: Bits, no: Bits) -> Bits:
        return [self.gates.choose(condition, x, y) for x, y in zip(yes, no, strict=True)]

    def _less(self, a: Bits, b: Bits) -> int:
        """Return whether a is below b: at the highest bit where they differ, b has the one."""
        less = FALSE
        for x, y in zip(a, b, strict=True):
            less = self.gates.choose(self.gates.differ(x, y), y, less)
        return less

    def _sum(self, a: Bits, b: Bits, carry: int) -> Bits:
        total: list[int] = []
        for x, y in zip(a, b, strict=True):
            half = self.gates.differ(x, y)
            total.append(self.gates.differ(half, carry))
            carry = self.gates.choose(half, carry, x)
        return total

    def _product(self, a: Bits, b: Bits) -> Bits:
        """Return the sum of a, shifted up, for each bit of b; a bit that is 0 costs nothing."""
        total: Bits = [FALSE] * len(a)
        for at, bit in enumerate(b):
            shifted = [FALSE] * at + [self.gates.every((bit, x)) for x in a[: len(a) - at]]
            total = self._sum(total, shifted, FALSE)
        return total

    def _shifted_down(self, a: Bits, amount: Bits) -> Bits:
        """Return a shifted by one bit of the amount after the other; zeros come in."""
        for at, bit in enumerate(amount):
            by = min(1 << at, len(a))
            a = self._chosen(bit, [*a[by:], *[FALSE] * by], a)
        return a


def _size(node: Term) -> int:
    return 1 if node.width == BOOL else node.width
