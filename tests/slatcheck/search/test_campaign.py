# SPDX-License-Identifier: GPL-2.0-only
"""The campaign: what is known to fail is left out, and what does not end for good."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from impl.interface import Event, Outcome, Run
from impl.multilevel import MultiLevel
from model.layout import Layout
from model.operations import Kind, Op
from model.ports import layout
from slatcheck.search.campaign import REVISIT, Campaign, Search
from tests.slatcheck.search.ideal import Ideal

ENDLESS = Event("runaway", "", "does not end", True)
BUDGET = 12_000


class Stuck:
    """An implementation of which one operation never ends; it counts how often it was asked for."""

    name = "stuck"

    def __init__(self, inner: MultiLevel | Ideal, kind: Kind = Kind.FLUSH) -> None:
        self._inner, self._kind = inner, kind
        self.layout: Layout = inner.layout
        self.capabilities = inner.capabilities
        self.asked = 0

    def run(self, ops: Sequence[Op]) -> Run:
        """Carry out ``ops`` up to the first such operation."""
        at = next((n for n, op in enumerate(ops) if op.kind is self._kind), None)
        if at is None:
            return self._inner.run(ops)
        self.asked += 1
        before = self._inner.run(ops[:at])
        return Run([*before.outcomes, Outcome(0, {}, events=(ENDLESS,))], at)


class Only(Search):
    """A search that ends where others would look closer at what they found."""

    @property
    def shapes(self) -> set[tuple[str, str]]:
        """The entry points and classes of operands of all that was found."""
        return {(symptom.entry, symptom.trigger) for symptom, _ in self._first.values()}

    def _collect(self, campaign: Campaign) -> None:
        pass


@pytest.mark.parametrize(
    "inner",
    [MultiLevel(layout("mips32-4k")), Ideal(layout("riscv64-sv39x4"))],
    ids=lambda one: str(one.layout.name),
)
def test_what_does_not_end_is_tried_once_for_each_class_of_operands(
    inner: MultiLevel | Ideal,
) -> None:
    stuck = Stuck(inner)
    search = Only(stuck, 0, "stuck", shrinking=False)
    search.run(BUDGET)
    assert 1 < len(search.shapes) == stuck.asked


@pytest.mark.parametrize("name", ["mips32-4k", "riscv64-sv39x4"])
def test_a_destroy_that_does_not_end_is_tried_seldom(name: str) -> None:
    one = layout(name)
    stuck = Stuck(Ideal(one) if one.large else MultiLevel(one), Kind.DESTROY)
    search = Only(stuck, 0, "stuck", shrinking=False)
    sequences = search.run(BUDGET).sequences
    assert sequences // REVISIT <= stuck.asked < sequences // 4


class Fickle(Stuck):
    """One of which a flush ends after all, once it was asked for often enough."""

    def __init__(self, inner: MultiLevel, until: int) -> None:
        super().__init__(inner)
        self._until = until

    def run(self, ops: Sequence[Op]) -> Run:
        """Carry out ``ops``, up to the first flush for some time."""
        return super().run(ops) if self.asked < self._until else self._inner.run(ops)


@pytest.mark.parametrize("until", [5, 8, 13, 21])
def test_a_trace_that_was_made_too_short_is_not_shown(until: int) -> None:
    fickle = Fickle(MultiLevel(layout("mips32-4k")), until)
    campaign = Search(fickle, 0, "fickle").run(BUDGET // 10)
    assert campaign.hits
    for hit in campaign.hits.values():
        assert len(hit.ops) == hit.symptom.step + 1
        assert hit.ops[-1].kind is Kind.FLUSH
