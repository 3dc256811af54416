# SPDX-License-Identifier: GPL-2.0-only
"""The array against the abstract map, on what the array can represent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impl.interface import Implementation
from impl.linear import KVM_INVALID_PAGE, Linear
from model.abstract_map import AbstractMap
from model.operations import EFAULT, ENOMEM, Answer, Kind, Op
from model.ports import layout

NPAGES = 64
MIPS32 = layout("mips32-16k")
MIPS64 = layout("mips64-4k")


def fault(gfn: int, pfn: int = 0) -> Op:
    return Op(Kind.FAULT, gfn << MIPS64.page_shift, pfn=pfn, writable=True)


@given(st.lists(st.tuples(st.integers(0, NPAGES - 1), st.sampled_from("rwl")), max_size=40))
def test_pfns_agree_with_the_abstract_map(steps: list[tuple[int, str]]) -> None:
    array: Implementation = Linear(MIPS32, NPAGES)
    pick = {
        "r": lambda gpa, pfn: Op(Kind.FAULT, gpa, pfn=pfn, writable=True),
        "w": lambda gpa, pfn: Op(Kind.FAULT, gpa, pfn=pfn, writable=True, write=True),
        "l": lambda gpa, pfn: Op(Kind.LOOKUP, gpa),
    }
    ops = [Op(Kind.CREATE)]
    ops += [pick[what](gfn << MIPS32.page_shift, 7 * gfn + 3) for gfn, what in steps]
    ops.append(Op(Kind.DESTROY))
    expected = AbstractMap(MIPS32)
    pfns: dict[int, int] = {}
    for op, outcome in zip(ops, array.run(ops).outcomes, strict=True):
        answer = expected.apply(op)
        for gfn, raw in outcome.changes.items():
            entry = MIPS32.entry.decode(raw)
            pfns.pop(gfn, None)
            if entry is not None:
                pfns[gfn] = entry.pfn
        assert pfns == {gfn: entry.pfn for gfn, entry in expected.entries.items()}
        if op.kind is Kind.LOOKUP:
            assert bool(outcome.result) == (op.first >> MIPS32.page_shift in pfns)
        elif answer.results is not None:
            assert outcome.result in answer.results
        assert not outcome.events


def test_frames_above_slot_0_are_refused() -> None:
    run = Linear(MIPS64, NPAGES).run([Op(Kind.CREATE), fault(NPAGES), fault(NPAGES - 1)])
    assert [outcome.result for outcome in run.outcomes] == [0, -EFAULT, 0]


def test_own_marker_cannot_be_represented() -> None:
    ops = [Op(Kind.CREATE), fault(3, KVM_INVALID_PAGE), Op(Kind.LOOKUP, 3 << MIPS64.page_shift)]
    run = Linear(MIPS64, NPAGES).run([*ops, Op(Kind.DESTROY)])
    assert [outcome.result for outcome in run.outcomes] == [0, 0, 0, 0]
    assert not any(outcome.changes for outcome in run.outcomes)
    assert [event.rule for event in run.outcomes[-1].events] == ["accounting"]


def test_failures_map_nothing() -> None:
    run = Linear(MIPS64, NPAGES).run([Op(Kind.CREATE), fault(0)._replace(answer=Answer.ERROR)])
    assert run.outcomes[1].result == -EFAULT
    run = Linear(MIPS64, NPAGES).run([Op(Kind.CREATE, oom=1), fault(0)])
    assert [outcome.result for outcome in run.outcomes] == [-ENOMEM]


def test_there_is_no_flush() -> None:
    array = Linear(MIPS64, NPAGES)
    assert Kind.FLUSH in array.capabilities.missing
    with pytest.raises(ValueError, match="flush"):
        array.run([Op(Kind.CREATE), Op(Kind.FLUSH, 0, 1)])
