# SPDX-License-Identifier: GPL-2.0-only
"""A solver's numbers become runs: exact operands, frames nearby, and only what a run shows."""

from __future__ import annotations

import pytest

from impl.multilevel import MultiLevel, quirk
from model.operations import Kind, Op
from model.ports import layout
from slatcheck.judge import candidates
from slatcheck.judge.candidates import confirm

SMALL = layout("mips32-64k")


@pytest.mark.parametrize(
    ("name", "where", "kind", "values", "rule"),
    [
        ("notifier-end-inclusive", "mips32-64k", Kind.UNMAP, {"first": 1, "last": 2, "at F": 2},
         "collateral-change"),
        ("dirty-mask-hull", "mips32-64k", Kind.LOG_DIRTY_MASKED,
         {"base": 0, "offset": 0, "mask": 5, "at F": 1}, "collateral-change"),
        ("no-reach-check", "mips64-4k", Kind.LOOKUP, {"gpa": 1 << 41, "at F": 0}, "aliasing"),
        ("pgd-freed-as-one-page", "mips64-4k", Kind.DESTROY, {}, "leak"),
        ("flush-all-unlocked", "mips32-64k", Kind.FLUSH_ALL, {}, "unlocked-access"),
        ("pfn-truncated", "mips32-16k-xpa", Kind.FAULT, {"pfn": 1 << 20}, "wrong-entry"),
    ],
)  # fmt: skip
def test_a_quirk_is_shown_by_a_run(
    name: str, where: str, kind: Kind, values: dict[str, int], rule: str
) -> None:
    one = MultiLevel(layout(where), frozenset({quirk(name)}))
    assert rule in {hit.symptom.rule for hit in confirm(one, kind, values).hits.values()}


def test_nothing_is_shown_of_a_table_that_keeps_its_promises() -> None:
    values = {"first": 0, "last": 7, "at F": 3, "start": 0x10000, "end": 0x30000}
    for kind in (Kind.FLUSH, Kind.MKCLEAN, Kind.FAULT, None):
        assert not confirm(MultiLevel(SMALL), kind, values).hits


def test_operands_are_those_of_the_counterexample() -> None:
    values = {"first": 3, "last": 9, "at F": 5}
    made = list(candidates._sequences(SMALL, Kind.FLUSH, values))
    assert len(made) == candidates.ATTEMPTS
    assert any(Op(Kind.FLUSH, 3, 9) in ops for ops in made)
    faults = {op.first >> SMALL.page_shift for ops in made for op in ops if op.kind is Kind.FAULT}
    assert {3, 4, 5, 6, 9} <= faults
    assert made == list(candidates._sequences(SMALL, Kind.FLUSH, values)), "the same every time"
