# SPDX-License-Identifier: GPL-2.0-only
"""The table with leaves of several sizes is right in every layout, and each quirk is found."""

from __future__ import annotations

import inspect

import pytest

from impl.gstage import QUIRKS, GStage, as_in_kernel, table
from impl.gstage.changes import NOWHERE, LeafChanges
from impl.gstage.quirks import TABLE
from impl.gstage.stepper import GStageStepper
from impl.multilevel.memory import Block
from impl.quirk import Quirk
from model.layout import Layout
from model.operations import Kind, Op
from model.ports import layouts
from slatcheck.search.campaign import Search
from slatcheck.search.differential import Judge

LARGE = [one for one in layouts() if one.large]
NARROW, WIDE = LARGE[0], LARGE[2]
PAGE = 1 << 12


def changes(layout: Layout, ops: list[Op]) -> dict[int, int]:
    """Return what the last of ``ops`` changed; none of them may break a promise."""
    assert Judge(layout).examine(GStage(layout), ops).symptoms == []
    return GStage(layout).run(ops).outcomes[-1].changes


@pytest.mark.parametrize("layout", LARGE, ids=lambda one: one.name)
def test_the_table_is_right(layout: Layout) -> None:
    campaign = Search(GStage(layout), 1, "gstage").run(1_500)
    assert campaign.hits == {}
    assert set(campaign.compared) == GStage(layout).capabilities.kinds


@pytest.mark.parametrize("layout", [NARROW, WIDE], ids=lambda one: one.name)
@pytest.mark.parametrize("one", QUIRKS, ids=lambda one: one.name)
def test_a_quirk_is_found_by_the_promise_that_it_breaks(layout: Layout, one: Quirk) -> None:
    campaign = Search(GStage(layout, frozenset({one})), 0, "gstage", shrinking=False).run(2_500)
    rules = {hit.symptom.rule for hit in campaign.hits.values()}
    assert rules <= set(one.rules)
    assert bool(rules) == one.bites(layout)


@pytest.mark.parametrize("one", QUIRKS, ids=lambda one: one.name)
def test_a_version_of_the_kernel_is_called_as_the_tables(one: Quirk) -> None:
    for name in one.replaces:
        mine, theirs = getattr(table, name), getattr(as_in_kernel, name)
        assert inspect.signature(mine) == inspect.signature(theirs)
        used = {n for n in theirs.__code__.co_names if n in vars(as_in_kernel)}
        assert used - {"LeafOp", "Walk"} <= set(vars(table))


def test_every_version_of_the_kernel_belongs_to_a_quirk() -> None:
    named = {name for one in QUIRKS for name in one.replaces}
    own = {n for n, f in vars(as_in_kernel).items() if inspect.isfunction(f)}
    assert named == {n for n in own if vars(as_in_kernel)[n].__module__ == as_in_kernel.__name__}
    assert set(TABLE.replaceable(NARROW)) == named


def large(layout: Layout, pfn: int, gfn: int = 0) -> Op:
    order = layout.leaf_orders[1]
    return Op(Kind.MAP, gfn * PAGE, pfn=pfn, writable=True, order=order)


@pytest.mark.parametrize("layout", LARGE, ids=lambda one: one.name)
def test_a_small_leaf_splits_a_large_one(layout: Layout) -> None:
    order = layout.leaf_orders[1]
    fault = Op(Kind.FAULT, 5 * PAGE, pfn=0x777, write=True, writable=True)
    found = changes(layout, [Op(Kind.CREATE), large(layout, 1 << order), fault])
    assert len(found) == 1 << order
    pfns = {gfn: entry.pfn for gfn, raw in found.items() if (entry := layout.entry.decode(raw))}
    assert pfns.pop(5) == 0x777
    assert all(pfn == (1 << order) + gfn for gfn, pfn in pfns.items())


@pytest.mark.parametrize("layout", LARGE, ids=lambda one: one.name)
def test_a_large_leaf_takes_the_place_of_a_table(layout: Layout) -> None:
    order = layout.leaf_orders[1]
    small = Op(Kind.FAULT, 5 * PAGE, pfn=(1 << order) + 5, writable=True)
    ops = [Op(Kind.CREATE), small, small._replace(order=order)]
    assert set(changes(layout, ops)) == {0, 5}
    before, after = GStage(layout).run(ops).outcomes[1:]
    assert after.tables == before.tables - 1


@pytest.mark.parametrize("layout", [NARROW, WIDE], ids=lambda one: one.name)
@pytest.mark.parametrize("quirks", [(), QUIRKS], ids=["repaired", "as in the kernel"])
def test_a_walk_may_begin_where_the_last_one_ended(
    layout: Layout, quirks: tuple[Quirk, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    short, shorter = LeafChanges.end_of_walk, 0

    def both(self: LeafChanges, gpa: int) -> tuple[int, Block, int] | None:
        nonlocal shorter
        shorter += self._near is not NOWHERE
        found, near = short(self, gpa), self._near
        self._near = NOWHERE
        assert found == short(self, gpa)
        self._near = near
        return found

    def bases(self: LeafChanges, table: int, level: int) -> list[int]:
        found = known(self, table, level)
        if level:
            reached, self._reached = self._reached, {}
            assert found == known(self, table, level)
            self._reached = reached
        return found

    known = LeafChanges._bases
    monkeypatch.setattr(LeafChanges, "end_of_walk", both)
    monkeypatch.setattr(LeafChanges, "_bases", bases)
    Search(GStage(layout, frozenset(quirks)), 0, "gstage", shrinking=False).run(1_500)
    assert shorter > 1_000


def test_what_is_freed_is_flushed_first() -> None:
    order = WIDE.leaf_orders[1]
    small = Op(Kind.FAULT, 5 * PAGE, pfn=5, writable=True)
    ops = [Op(Kind.CREATE), small, large(WIDE, 1 << order)]

    def silent(rt: object, level: int, addr: int) -> None:
        """Flush nothing."""

    module = TABLE.put_into(table, (), WIDE)
    source = inspect.getsource(table)
    changed = type(module)("changed")
    vars(changed).update(__file__=table.__file__)
    exec(compile(source, "changed.py", "exec"), vars(changed))
    vars(changed)["gstage_tlb_flush"] = silent
    events = GStage(WIDE, algorithm=changed).run(ops).outcomes[-1].events
    assert {(one.rule, one.subject) for one in events} == {
        ("unflushed", "table"), ("unflushed", "leaf"),
    }  # fmt: skip


def test_steps_show_leaves_in_directories() -> None:
    order = WIDE.leaf_orders[1]
    steps = list(GStageStepper(WIDE).steps([Op(Kind.CREATE), large(WIDE, 1 << order)]))
    snapshot = steps[-1].snapshot
    assert snapshot is not None
    assert snapshot.leaves(WIDE) == steps[-1].outcome.changes
    assert any(file.startswith("impl/gstage/table.py") for _, file in steps[-1].lines)
