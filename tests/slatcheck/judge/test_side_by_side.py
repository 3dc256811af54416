# SPDX-License-Identifier: GPL-2.0-only
"""Comparisons: no parting where both sides mean the same, and a trace that replays where not."""

from __future__ import annotations

import pytest

from impl.interface import Implementation, Outcome
from impl.multilevel import MultiLevel, quirk
from model.operations import ENOMEM, Kind, from_json
from model.ports import layout
from slatcheck.errors import InputError
from slatcheck.judge.side_by_side import Comparison, ModelImplementation, diff

OPS = 3_000


@pytest.mark.parametrize("size", ["4k", "16k", "64k"])
def test_32_and_64_bit_tables_have_no_parting(size: str) -> None:
    found = diff(f"multilevel@mips32-{size}", f"multilevel@mips64-{size}", max_ops=OPS)
    assert found.parting is None
    assert found.sequences > 10 and found.operations > OPS // 2
    assert found.left == f"multilevel@mips32-{size}"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("multilevel@mips64-4k", "multilevel@mips64-4k-va48"),
        ("multilevel@mips64-4k", "model"),
        ("multilevel@mips64-4k-va48", "model"),
        ("multilevel@mips32-16k-xpa", "multilevel@mips32-16k"),
        ("multilevel@mips64-64k-va48", "multilevel@mips64-64k-va48"),
    ],
)
def test_what_means_the_same_has_no_parting(left: str, right: str) -> None:
    assert diff(left, right, max_ops=OPS).parting is None


@pytest.mark.parametrize("name", ["mips32-4k", "mips64-16k"])
def test_the_linear_array_has_no_parting_from_the_table(name: str) -> None:
    found = diff("linear", f"multilevel@{name}", max_ops=OPS)
    assert found.parting is None and found.operations
    assert "not compared: kvm_mips_flush_gpa_pt" in found.notes
    assert found.left == f"linear@{name}"


QUIRKY = [
    ("notifier-end-inclusive", "mips32-4k"),
    ("dirty-mask-hull", "mips64-4k"),
    ("no-reach-check", "mips64-64k"),
    ("pgd-init-by-eight", "mips32-64k"),
    ("pgd-init-skips-pud", "mips64-4k-va48"),
    ("pfn-truncated", "mips32-16k-xpa"),
]


@pytest.mark.parametrize(("name", "on"), QUIRKY)
def test_a_quirk_makes_a_table_part_and_the_trace_replays(name: str, on: str) -> None:
    found = diff(f"multilevel:{name}@{on}", "multilevel", max_ops=OPS)
    parting = found.parting
    assert parting is not None
    assert (parting.left, parting.right) == (f"multilevel:{name}@{on}", f"multilevel@{on}")
    assert (parting.layout_left, parting.layout_right) == (on, on)
    assert parting.left_shows != parting.right_shows and parting.reason
    assert parting.step == len(parting.trace) - 1
    ops = [from_json(step) for step in parting.trace]
    one = layout(on)
    quirky: Implementation = MultiLevel(one, frozenset({quirk(name)}))
    a, b = quirky.run(ops), MultiLevel(one).run(ops)
    # Up to its last step both sides go together; there they part.
    assert [shown(x) for x in a.outcomes[:-1]] == [shown(x) for x in b.outcomes[:-1]]
    assert shown(a.outcomes[-1]) != shown(b.outcomes[-1])


def shown(outcome: Outcome) -> tuple[object, ...]:
    rules = {(event.rule, event.subject) for event in outcome.events if event.fatal}
    return outcome.result, outcome.changes, rules


def test_the_same_seed_parts_in_the_same_way() -> None:
    def once() -> Comparison:
        return diff("multilevel:dirty-mask-hull@mips64-4k", "multilevel", seed=5, max_ops=OPS)

    assert once() == once()


def test_layouts_of_different_page_size_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="pages of different size"):
        diff("multilevel@mips32-4k", "multilevel@mips64-16k")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("multilevel", "nothing"),
        ("", "multilevel"),
        ("kernel", "multilevel"),
        ("multilevel@mips99-4k", "multilevel"),
        ("multilevel:no-such-quirk", "multilevel"),
    ],
)
def test_unknown_names_are_input_errors(left: str, right: str) -> None:
    with pytest.raises(InputError):
        diff(left, right, max_ops=100)


def test_the_model_shows_what_it_predicts() -> None:
    model = ModelImplementation(layout("mips32-4k"))
    trace = [
        {"op": "create", "oom": 1},
        {"op": "fault", "gpa": "0x1000", "write": True, "pfn": "0x7", "writable": True},
        {"op": "unmap", "start": 0, "end": 4},
    ]
    outcomes = model.run([from_json(step) for step in trace]).outcomes
    assert outcomes[0].result == -ENOMEM
    assert outcomes[1].dirty == (1,) and outcomes[1].changes.keys() == {1}
    assert outcomes[2] == Outcome(1, {1: 0})
    assert model.capabilities.kinds == frozenset(Kind)
