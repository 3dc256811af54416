# SPDX-License-Identifier: GPL-2.0-only
"""Small scopes explored in plain Python, on the reference table, for tests."""

from __future__ import annotations

from collections.abc import Sequence

from impl.multilevel.multilevel import MultiLevel, carry_out
from impl.multilevel.runtime import ConcreteRuntime
from model.operations import Kind, Op
from slatcheck.fuzz.scope import Scope

State = tuple[frozenset[tuple[int, ...]], int]
"""What is linked and mapped, and how many pages lie in the vCPU's cache."""


def state_of(rt: ConcreteRuntime) -> State:
    """Return what decides the future of a table."""
    found: set[tuple[int, ...]] = set()
    _follow(rt, rt.changes.root, 0, 0, found)
    return frozenset(found), len(rt.cache)


def _follow(
    rt: ConcreteRuntime, table: int, level: int, base: int, found: set[tuple[int, ...]]
) -> None:
    live, layout = rt.memory.live, rt.layout
    found.add((level, base))
    leaf = level == layout.levels - 1
    span = layout.tables[level].span >> layout.page_shift
    for index, value in live[table].items(rt.pte_present if leaf else live.__contains__):
        if leaf:
            found.add((level, base + index, value))
        else:
            _follow(rt, value, level + 1, base + index * span, found)


def reached(reference: MultiLevel, ops: Sequence[Op]) -> State | None:
    """Return the state that a sequence leaves, None where it leaves no table."""
    rt = reference.runtime()
    for op in ops:
        assert carry_out(rt, op, reference.operations) is not None
        assert not rt.events
    return None if ops[-1].kind is Kind.DESTROY else state_of(rt)


def explored(scope: Scope, depth: int) -> tuple[list[int], int]:
    """Return the states by depth, and the transitions, that the reference table has."""
    reference = MultiLevel(scope.layout)
    create, ops = scope.ops[0], scope.ops[1:]
    ways = {reached(reference, [create]): [create]}
    seen, levels, transitions = set(ways), [], 0
    while ways:
        levels.append(len(ways))
        following: dict[State | None, list[Op]] = {}
        for way in ways.values():
            for op in ops if len(levels) <= depth else ops[-1:]:
                transitions += 1
                to = reached(reference, [*way, op])
                if to is not None and to not in seen:
                    seen.add(to)
                    following[to] = [*way, op]
        ways = following
    return levels, transitions
