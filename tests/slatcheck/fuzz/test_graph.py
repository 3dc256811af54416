# SPDX-License-Identifier: GPL-2.0-only
"""The graph of an exploration: made of steps, whoever says that they were taken."""

from __future__ import annotations

import ctypes

import pytest

from model.operations import Kind, Op
from slatcheck.fuzz.graph import FIRST, Graph
from slatcheck.fuzz.library import MOST_OPERATIONS
from slatcheck.fuzz.wire import OpBuffer, WireStep

CREATE, LOOK, AGE, DESTROY = OPS = (
    Op(Kind.CREATE), Op(Kind.LOOKUP), Op(Kind.AGE, 0, 1), Op(Kind.DESTROY),
)  # fmt: skip
ROOM = 16
NONE = (0, 0, 3)
"""A destroy."""


def steps(*taken: tuple[int, int, int]) -> ctypes.Array[WireStep]:
    """Return steps: the two halves of a signature, and an operation."""
    return (WireStep * ROOM)(*(WireStep(*step) for step in taken))


def followed(graph: Graph, *taken: tuple[int, int, int]) -> int:
    """Return how many steps a graph takes over."""
    ops = OpBuffer(ROOM)
    given = steps(*taken)
    count = graph.copy(ctypes.addressof(given), len(taken), ops)
    assert ops.ops(0, count) == [OPS[step[2]] for step in taken[:count]]
    assert [graph.place(at) for at in range(count)] == [step[2] for step in taken[:count]]
    return graph.follow(count)


WALK = ((1, 1, 0), (1, 1, 1), (2, 1, 2), (2, 2, 1), NONE, (1, 1, 0))


def test_states_are_counted_by_the_shortest_way() -> None:
    graph = Graph(OPS, ROOM)
    assert graph.measure(3, 0) == (1, [])
    assert followed(graph, *WALK) == len(WALK)
    assert graph.at == FIRST
    assert graph.transitions == 4
    opened, levels = graph.measure(3, 0)
    assert levels == [1, 1, 1]
    # A destroy of the first two, an age of the second, and both others of the third.
    assert opened == 5
    assert graph.measure(3, 1 << 3)[0] == 3
    assert graph.measure(1, 0)[0] == 2
    assert graph.way(FIRST + 2) == [CREATE, AGE, LOOK]
    assert graph.last_create(len(WALK)) == 5
    assert graph.last_create(5) == 0
    # A shorter way is found: one state less deep.
    assert followed(graph, (1, 1, 0), NONE, (1, 1, 0)) == 3
    graph.begin()
    assert (graph.measure(3, 0), graph.transitions) == ((1, []), 0)


def test_a_shorter_way_counts() -> None:
    graph = Graph(OPS, ROOM)
    walk = ((1, 0, 0), (2, 0, 1), (3, 0, 1), NONE, (1, 0, 0), (3, 0, 2))
    assert followed(graph, *walk) == len(walk)
    assert graph.measure(9, 0)[1] == [1, 2]


def test_both_halves_of_a_signature_count() -> None:
    graph = Graph(OPS, ROOM)
    assert followed(graph, (1, 1, 0), (1, 2, 1), (2, 1, 1), (2, 2, 1)) == 4
    assert graph.measure(9, 0)[1] == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("walk", "at"),
    [
        (((1, 1, 0), (2, 2, 1), NONE, (1, 1, 0), (3, 3, 1)), 4),
        (((1, 1, 0), NONE, (2, 2, 0)), 2),
        (((1, 1, 1),), 0),
        (((1, 1, 0), NONE, (1, 1, 2)), 2),
    ],
    ids=["one operation, two states", "two creates", "no create", "nothing after a destroy"],
)
def test_what_cannot_be_is_not_followed(walk: tuple[tuple[int, int, int], ...], at: int) -> None:
    assert followed(Graph(OPS, ROOM), *walk) == at


def test_what_is_no_operation_is_not_copied() -> None:
    given = steps((1, 1, 0), (1, 1, 4))
    assert Graph(OPS, ROOM).copy(ctypes.addressof(given), 2, OpBuffer(ROOM)) == 1


@pytest.mark.parametrize("count", [1, MOST_OPERATIONS + 1])
def test_a_scope_that_there_is_no_room_for_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match="a scope of"):
        Graph([CREATE] * count, ROOM)
