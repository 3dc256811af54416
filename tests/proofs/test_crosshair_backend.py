# SPDX-License-Identifier: GPL-2.0-only
"""CrossHair chooses the operands: two flushes side by side, and the differential property."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
from crosshair import tracers
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from impl.multilevel import MultiLevel
from model.layout import Layout
from model.operations import Kind, Op
from proofs.crosshair import ROOT
from slatcheck.search.differential import Judge
from slatcheck.search.sequences import BLOCK, HEADER, Decoder
from tests.proofs.flushes import FAITHFUL, MUTATED, SMALLEST, edges, pick

T = TypeVar("T")
Drawn = tuple[int, int, int, int, bool]

SHAPE = SMALLEST[0]
OPERATIONS = 2
"""Operations between create and destroy in a sequence whose bytes CrossHair chooses."""

# Two flushes side by side

FLUSHES = 2 * 2**3 * 4 * 4
"""Layouts, sets of mapped frames, first and last frames: each choice is a path of its own."""


def differences(other: str, *limit: str) -> subprocess.CompletedProcess[str]:
    """Look for a difference between the abstract flush and another."""
    names = [f"tests.proofs.flushes.{name}" for name in ("abstract", other)]
    command = [sys.executable, "-m", "crosshair", "diffbehavior", *limit, *names]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_the_table_flushes_what_the_abstract_map_flushes() -> None:
    done = differences("multilevel", "--per_condition_timeout=240")
    tried = re.search(r"No differences found. \(attempted (\d+) iterations\)", done.stdout)
    assert tried, done.stdout + done.stderr
    # Each of the two functions leads once, so every choice is tried twice.
    assert int(tried[1]) >= 2 * FLUSHES
    assert "All paths exhausted" in done.stdout
    assert done.returncode == 0


def test_a_flush_that_spares_the_last_frame_differs() -> None:
    done = differences("mutated", "--max_uninteresting_iterations=50")
    assert done.returncode == 1, done.stdout + done.stderr
    given, ours, theirs = done.stdout.splitlines()[:3]
    assert given.startswith("Given: (shape=")
    assert ours.partition("returns")[2] != theirs.partition("returns")[2]


# The differential property

crosshair_chooses: Callable[[], bool] = tracers.is_tracing


class Broken(Exception):
    """The judge found a symptom."""


@dataclass
class Seen:
    """What was judged while CrossHair chose: finished runs, operations by kind, broken rules."""

    runs: int = 0
    compared: Counter[Kind] = field(default_factory=Counter)
    broken: set[str] = field(default_factory=set)


def search(
    implementation: MultiLevel,
    operations: st.SearchStrategy[T],
    decode: Callable[[T], list[Op]],
    examples: int,
) -> Seen:
    """Judge sequences that CrossHair chooses; what Hypothesis chooses itself does not count."""
    judge = Judge(implementation.layout)
    seen = Seen()

    @settings(
        backend="crosshair",
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operations)
    def example(drawn: T) -> None:
        verdict = judge.examine(implementation, decode(drawn))
        rules = {one.rule for one in verdict.symptoms}
        if crosshair_chooses():
            seen.runs += 1
            seen.compared.update(verdict.compared)
            seen.broken |= rules
        if rules:
            raise Broken(sorted(rules))

    try:
        example()
    except Broken:
        assert seen.broken, "found, but not by CrossHair"
    else:
        assert not seen.broken, "found by CrossHair, but not reported"
    return seen


def few_operations(
    shape: Layout,
) -> tuple[st.SearchStrategy[Drawn], Callable[[Drawn], list[Op]]]:
    """Return how to draw small numbers, and what makes a fault and an operation of them.

    Nothing is destroyed: a mutated flush must show itself in what the operation changes.
    """
    number = st.integers(0, 3)
    frames = (0, *edges(shape))

    def decode(drawn: Drawn) -> list[Op]:
        frame, kind, first, last, write = drawn
        fault = pick(frames, frame) << shape.page_shift
        ranged = pick((Kind.FLUSH, Kind.MKCLEAN, Kind.MKOLD), kind)
        return [
            Op(Kind.CREATE),
            Op(Kind.FAULT, fault, pfn=5, write=bool(write), writable=True),
            Op(ranged, pick(frames, first), pick(frames, last)),
        ]

    return st.tuples(number, st.integers(0, 2), number, number, st.booleans()), decode


@pytest.mark.thorough
def test_the_differential_property_holds_where_crosshair_chooses_the_bytes() -> None:
    size = HEADER + BLOCK * OPERATIONS
    decoder = Decoder(SHAPE, frozenset(Kind))
    drawn = st.binary(min_size=size, max_size=size)
    seen = search(FAITHFUL[0], drawn, decoder.decode, examples=40)
    assert not seen.broken
    # Most runs were CrossHair's own and came to their end, and they were about something.
    assert seen.runs >= 30
    between = seen.compared - Counter({Kind.CREATE: seen.runs, Kind.DESTROY: seen.runs})
    assert between.total() >= 20 and len(between) >= 5, between


def test_the_differential_property_holds_where_crosshair_chooses_the_operands() -> None:
    seen = search(FAITHFUL[0], *few_operations(SHAPE), examples=100)
    assert not seen.broken
    assert seen.runs >= 90
    assert {Kind.FAULT, Kind.FLUSH, Kind.MKCLEAN, Kind.MKOLD} <= set(seen.compared)


def test_crosshair_chooses_the_operands_that_break_a_mutated_flush() -> None:
    seen = search(MUTATED[0], *few_operations(SHAPE), examples=100)
    assert "stale-mapping" in seen.broken
