# SPDX-License-Identifier: GPL-2.0-only
"""Operations: their written form goes there and back, and names the frames it says it does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.operations import (
    ADDRESSED,
    AGEING,
    ANSWERING,
    CLEANING,
    FAULTS,
    HALF_OPEN,
    INCLUSIVE,
    INSTALLING,
    KINDS,
    REMOVING,
    SLOT,
    U64,
    Answer,
    Kind,
    Op,
    frame_range,
    from_json,
    operand_names,
    to_json,
)
from model.ports import ports

WORDS = st.integers(0, U64) | st.sampled_from([0, 1, U64 - 1, U64])


@st.composite
def operations(draw: st.DrawFn) -> Op:
    """Draw an operation that uses only the operands of its kind."""
    kind = draw(st.sampled_from(Kind))
    first_name, last_name = operand_names(kind)
    op = Op(
        kind,
        draw(WORDS) if first_name else 0,
        draw(WORDS) if last_name else 0,
        oom=draw(st.integers(0, 4)),
    )
    if kind is Kind.LOG_DIRTY_MASKED:
        op = op._replace(mask=draw(WORDS))
    if kind in FAULTS or kind is Kind.PREPARE_REGION:
        op = op._replace(write=draw(st.booleans()))
    if kind in (Kind.FAULT, Kind.MAP, Kind.SPLIT):
        op = op._replace(order=draw(st.integers(0, 64)))
    if kind is Kind.FAULT:
        op = op._replace(answer=draw(st.sampled_from(Answer)), retries=draw(st.integers(0, 3)))
        op = op._replace(skew=draw(st.integers(0, (1 << 32) - 1)))
    if kind in INSTALLING - {Kind.FAULT_FAST} and op.answer is Answer.PAGE:
        op = op._replace(pfn=draw(WORDS), writable=draw(st.booleans()))
    return op


@given(operations())
def test_an_operation_is_read_as_it_was_written(op: Op) -> None:
    written = to_json(op)
    assert from_json(written) == op
    assert to_json(from_json(written)) == written
    assert written["op"] == op.kind.name.lower()


@given(operations(), st.sampled_from([None, 1.5, True, [], {}, "", "zz", "-1", -1, 1 << 64]))
def test_a_damaged_number_is_refused(op: Op, damage: Any) -> None:
    written = to_json(op)
    for name in {"gpa", "first", "start", "base", "last", "end", "mask", "pfn", "oom"} & {*written}:
        with pytest.raises(ValueError):
            from_json(written | {name: damage})


@given(operations())
def test_an_operand_of_another_operation_is_refused(op: Op) -> None:
    others = {"gpa", "first", "last", "start", "end", "base", "npages", "offset"}
    for name in others - {*operand_names(op.kind)}:
        with pytest.raises(ValueError):
            from_json(to_json(op) | {name: 0})


@given(operations())
def test_an_operand_that_is_missing_is_named(op: Op) -> None:
    written = to_json(op)
    for name in [one for one in operand_names(op.kind) if one and op.kind is not Kind.CREATE]:
        with pytest.raises(ValueError, match=f"operand '{name}' of {written['op']} is missing"):
            from_json({key: value for key, value in written.items() if key != name})


@given(st.sampled_from([0, 1, "true", None, [], 1.0]))
def test_a_flag_is_true_or_false(damage: Any) -> None:
    for name in ("write", "writable"):
        with pytest.raises(ValueError, match=f"'{name}' is neither true nor false"):
            from_json({"op": "fault", "gpa": 0, "pfn": 1, name: damage})


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"op": "bogus"},
        {"op": None},
        {"op": 3},
        {"op": "fault", "gpa": 0, "answer": "perhaps"},
        {"op": "fault", "gpa": 0, "answer": None},
        {"op": "create", "colour": 1},
    ],
)
def test_what_is_no_operation_is_refused(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        from_json(data)


@given(operations(), st.integers(9, 16))
def test_the_range_has_the_form_that_the_operation_documents(op: Op, shift: int) -> None:
    found = frame_range(op, shift)
    if op.kind in ADDRESSED:
        assert found == (op.first >> shift, op.first >> shift)
    elif op.kind in INCLUSIVE:
        assert found == ((op.first, op.last) if op.first <= op.last else None)
    elif op.kind in HALF_OPEN:
        assert found == ((op.first, op.last - 1) if op.first < op.last else None)
    elif op.kind in SLOT:
        assert found == ((op.first, op.first + op.last - 1) if op.last else None)
    elif op.kind is Kind.FLUSH_ALL:
        assert found == (0, U64)
    elif op.kind in (Kind.CREATE, Kind.DESTROY):
        assert found is None


@given(st.integers(0, 1 << 40), st.integers(0, 1 << 10), st.integers(1, U64))
def test_the_masked_log_is_the_hull_of_its_mask(base: int, offset: int, mask: int) -> None:
    op = Op(Kind.LOG_DIRTY_MASKED, base, offset, mask=mask)
    named = [base + offset + bit for bit in range(64) if mask >> bit & 1]
    assert frame_range(op, 12) == (named[0], named[-1])


@given(st.integers(0, U64 - 1), st.integers(0, U64 - 1), st.integers(9, 16))
def test_all_forms_of_one_range_name_the_same_frames(a: int, b: int, shift: int) -> None:
    first, last = min(a, b), max(a, b)
    forms = [Op(kind, first, last) for kind in INCLUSIVE]
    forms += [Op(kind, first, last + 1) for kind in HALF_OPEN]
    forms += [Op(kind, first, last - first + 1) for kind in SLOT]
    assert {frame_range(op, shift) for op in forms} == {(first, last)}


def test_every_kind_has_a_function_of_its_own() -> None:
    assert set().union(*(port.functions for port in ports())) == set(Kind)
    for port in ports():
        assert len(set(port.functions.values())) == len(port.functions)
        assert set(port.functions) == set(port.contracts)


def test_the_table_of_kinds_covers_every_kind_once() -> None:
    assert set(KINDS) == set(Kind)
    forms = (ADDRESSED, INCLUSIVE, HALF_OPEN, SLOT)
    assert sum(map(len, forms)) == len(frozenset().union(*forms))
    assert not REMOVING & (CLEANING | AGEING | FAULTS)
    assert INCLUSIVE | HALF_OPEN == ANSWERING
