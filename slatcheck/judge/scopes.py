# SPDX-License-Identifier: GPL-2.0-only
"""What a document says of small scopes that were explored."""

from __future__ import annotations

from typing import Any

from model.operations import to_json
from slatcheck.fuzz.exploring import Explored
from slatcheck.search.unit import Unit


def told(unit: Unit, explored: Explored) -> dict[str, Any]:
    """Return what a document says of one layout's scope; see ``fuzz.exploring.Explored``."""
    return {
        "layout": unit.layout,
        "byte_order": unit.byte_order,
        "depth": explored.depth,
        "operations": explored.operations,
        "states": explored.states,
        "levels": explored.levels,
        "transitions": explored.transitions,
        "steps": explored.steps,
        "closed": explored.closed,
        "complete": explored.complete,
        "left_out": [to_json(op) for op in explored.barred],
        "judged": explored.part.judged,
        "spared": explored.part.spared,
        "sampled": explored.part.sampled,
        "blocks_run": len(explored.part.blocks),
        "seconds": round(explored.part.seconds, 1),
    }


def notes(unit: Unit, explored: Explored) -> list[str]:
    """Return in words how far the exploration of one layout's scope came."""
    tried = explored.operations - len(explored.barred)
    rate = int(explored.states / max(explored.part.seconds, 0.001))
    said = [
        f"{unit.title}: every sequence of at most {explored.depth} of {tried} operations at the "
        f"borders of the layout: {explored.states:,} states, {explored.transitions:,} transitions, "
        f"{explored.steps:,} operations carried out, {rate:,} states a second{_end(explored)}"
    ]
    if explored.barred:
        names = ", ".join(sorted({op.kind.name.lower() for op in explored.barred}))
        said.append(
            f"{unit.title}: {len(explored.barred)} operations of the scope show findings and were "
            f"left out: {names}"
        )
    return said


def _end(explored: Explored) -> str:
    """Return what is to be said of what lies deeper."""
    if not explored.complete:
        return "; it is not complete"
    if explored.closed:
        deepest = len(explored.levels) - 1
        return (
            f"; no state lies deeper than {deepest}, so that this holds for sequences of any length"
        )
    return ""
