# SPDX-License-Identifier: GPL-2.0-only
"""Proofs of refutations: good ones check, and whatever is wrong with one is refused."""

from __future__ import annotations

import itertools
import random

import pytest
from pysat.solvers import Solver

from proofs.drat import CheckedProof, ProofError, check

SOLVERS = ("cadical153", "cadical195", "glucose4", "lingeling")


def pigeonhole(holes: int) -> list[list[int]]:
    """Return that one pigeon more than there are holes sit in them, each alone."""
    pigeons = range(holes + 1)
    somewhere = [[1 + pigeon * holes + hole for hole in range(holes)] for pigeon in pigeons]
    alone = [
        [-somewhere[one][hole], -somewhere[other][hole]]
        for hole in range(holes)
        for one, other in itertools.combinations(pigeons, 2)
    ]
    return somewhere + alone


def solved(clauses: list[list[int]], solver: str = "glucose4") -> list[str]:
    with Solver(name=solver, bootstrap_with=clauses, with_proof=True) as one:
        assert one.solve() is False
        return [*one.get_proof(), "0"]


# Good refutations


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("holes", [4, 5, 6])
def test_pigeons(holes: int, solver: str) -> None:
    clauses = pigeonhole(holes)
    found = check(clauses, solved(clauses, solver))
    assert 0 < found.checked <= found.lemmas
    assert found.core == len(clauses)  # no clause can be spared


SQUARE = [[1, 2], [-1, 2], [1, -2], [-1, -2]]
"""Two variables, all four combinations forbidden."""


def test_by_hand() -> None:
    assert check(SQUARE, ["2 0", "0"]) == CheckedProof(2, 1, 4)
    assert check([[1], [-1], [2, 3]], ["0"]) == CheckedProof(1, 0, 2)
    assert check([[]], ["0"]) == CheckedProof(1, 0, 1)


def test_only_what_is_needed_is_checked() -> None:
    # The first lemma does not follow, but nothing rests on it.
    assert check([*SQUARE, [3, 4]], ["3 0", "2 0", "0"]).checked == 1


def test_repeated_literals_and_clauses_that_always_hold() -> None:
    clauses = [[1, 1, 2], [-1, 2, 2], [1, -2, 1], [-1, -2], [3, -3]]
    check(clauses, ["4 -4 0", "2 2 0", "0"])


def named(first: str, second: str) -> list[str]:
    """Return a proof that gives a name, 21, to the first pigeon's first hole and needs it.

    Neither lemma that makes the name is RUP.
    """
    again = ["21 2 3 4 0", "d 1 2 3 4 0", "1 2 3 4 0", "d 21 2 3 4 0"]
    return [first, second, *again, *solved(pigeonhole(4))]


def test_a_lemma_by_its_first_literal() -> None:
    assert check(pigeonhole(4), named("21 -1 0", "-21 1 0")).checked > 4


@pytest.mark.parametrize(
    ("first", "second", "wrong"),
    [
        ("-1 21 0", "-21 1 0", "lemma 1 does not follow"),
        ("21 -1 0", "1 -21 0", "lemma 2 does not follow"),
        ("21 -1 0", "-21 2 0", "lemma 2 does not follow"),
        ("21 0", "-21 1 0", "lemma 2 does not follow"),
    ],
)
def test_the_first_literal_matters(first: str, second: str, wrong: str) -> None:
    with pytest.raises(ProofError, match=wrong):
        check(pigeonhole(4), named(first, second))


# Bad ones


@pytest.mark.parametrize("holes", [4, 5])
def test_a_lemma_taken_out(holes: int) -> None:
    clauses = pigeonhole(holes)
    proof = solved(clauses)
    short = [*proof[: len(proof) // 8], "0"]
    with pytest.raises(ProofError, match="does not follow: 0"):
        check(clauses, short)


def test_a_lemma_that_does_not_follow() -> None:
    with pytest.raises(ProofError, match="lemma 1 does not follow: 1 0"):
        check([[1, 2], [-1, 2], [-1, 3], [-1, -3, -2], [-2, 4]], ["1 0", "0"])
    clauses = pigeonhole(4)
    proof = solved(clauses)
    for position in range(0, len(proof) // 2, 5):
        if not proof[position].startswith("d"):
            # The first pigeon is said to sit in the first hole, and not to.
            corrupted = [*proof[:position], "1 0", "-1 0", *proof[position + 1 :]]
            with pytest.raises(ProofError, match="does not follow"):
                check(clauses, corrupted)


def test_the_empty_clause_is_never_derived() -> None:
    clauses = pigeonhole(4)
    proof = [line for line in solved(clauses) if line != "0"]
    for cut in (proof, proof[:-1], []):
        with pytest.raises(ProofError, match="never derived"):
            check(clauses, cut)
    with pytest.raises(ProofError, match="never derived"):
        check(SQUARE, ["2 0", "d 0"])


@pytest.mark.parametrize("seed", range(40))
def test_a_formula_with_a_solution(seed: int) -> None:
    draw = random.Random(seed)
    solution = [draw.choice((1, -1)) * variable for variable in range(1, 8)]
    clauses = []
    for _ in range(30):
        clause = [draw.choice((1, -1)) * draw.randint(1, 7) for _ in range(2)]
        clauses.append([*clause, draw.choice(solution)])
    lemmas = [" ".join(map(str, [*draw.sample(c, 2), 0])) for c in clauses[::3]]
    for proof in (["0"], [*lemmas, "0"], solved(pigeonhole(4))):
        with pytest.raises(ProofError, match="does not follow"):
            check(clauses, proof)


@pytest.mark.parametrize("line", ["", "1 2", "1 0 2 0", "one 0", "d", "x 1 0", "1 2 0 0", "1.5 0"])
def test_not_a_proof(line: str) -> None:
    with pytest.raises(ProofError, match="not a line of a proof"):
        check(SQUARE, [line, "0"])
    with pytest.raises(ProofError, match="no literal"):
        check([[1, 0], [2]], ["0"])


def test_a_deleted_clause_is_gone() -> None:
    check(SQUARE, ["2 0", "d -1 2 0", "0"])
    with pytest.raises(ProofError, match="does not follow"):
        check(SQUARE, ["d 2 -1 0", "2 0", "0"])
    # One of two copies stays, what is not there cannot go, and a lemma can bring it back.
    check([*SQUARE, [-1, 2]], ["d 2 -1 0", "2 0", "0"])
    check(SQUARE, ["d 1 2 3 0", "d 7 0", "2 0", "0"])
    check(SQUARE, ["-1 0", "d -1 2 0", "-1 2 0", "0"])


def test_a_lemma_deleted_before_its_use() -> None:
    clauses = pigeonhole(4)
    proof = solved(clauses, "lingeling")
    needed = [line for line in proof if line.count(" ") > 1 and not line.startswith("d")]
    gone = [line for line in proof if not line.startswith("d")]
    at = gone.index(needed[-1]) + 1
    with pytest.raises(ProofError, match="does not follow"):
        check(clauses, [*gone[:at], *(f"d {line}" for line in needed), "0"])


# Against the definition, on small formulas


@pytest.mark.parametrize("seed", range(300))
def test_what_is_accepted_has_no_solution(seed: int) -> None:
    draw = random.Random(seed)
    size = draw.randint(1, 6)

    def clause(longest: int, variables: int) -> list[int]:
        count = draw.randint(1, longest)
        return [draw.choice((1, -1)) * draw.randint(1, variables) for _ in range(count)]

    clauses = [clause(4, size) for _ in range(draw.randint(1, 16))]
    proof = []
    for _ in range(draw.randint(0, 20)):
        deletes = draw.random() < 0.2
        literals = draw.choice(clauses) if deletes else clause(3, size + 2)
        proof.append(" ".join(map(str, ["d", *literals, 0] if deletes else [*literals, 0])))
    contradictory = not solvable(clauses, size)
    try:
        check(clauses, [*proof, "0"])
    except ProofError:
        pass
    else:
        assert contradictory
    if contradictory:
        for solver in SOLVERS:
            check(clauses, solved(clauses, solver))


def solvable(clauses: list[list[int]], size: int) -> bool:
    return any(
        all(any((one > 0) == values[abs(one) - 1] for one in clause) for clause in clauses)
        for values in itertools.product((False, True), repeat=size)
    )
