# SPDX-License-Identifier: GPL-2.0-only
"""The operations on a guest-physical map, their operands and their written form."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, NamedTuple

EFAULT = 14
ENOMEM = 12


class Kind(IntEnum):
    """What an operation does; the numbers are shared with the C trace runner."""

    CREATE = 0
    FAULT = 1
    FAULT_FAST = 2
    LOOKUP = 3
    FLUSH = 4
    MKCLEAN = 5
    MKOLD = 6
    LOG_DIRTY_MASKED = 7
    UNMAP = 8
    AGE = 9
    TEST_AGE = 10
    FLUSH_SLOT = 11
    FLUSH_ALL = 12
    COMMIT_REGION = 13
    DESTROY = 14


class Answer(IntEnum):
    """What the environment answers when a fault asks for the PFN of a guest frame."""

    PAGE = 0
    NO_SLOT = 1
    READ_ONLY = 2
    ERROR = 3


class Op(NamedTuple):
    """One operation with its operands; which of them count depends on ``kind``.

    - FAULT, FAULT_FAST, LOOKUP: ``first`` is the address in bytes (an ``unsigned long``).
    - FLUSH, MKCLEAN, MKOLD: guest frames ``first..last`` inclusive (``gfn_t``, 64 bits).
    - UNMAP, AGE, TEST_AGE: guest frames [``first``, ``last``), half-open.
    - LOG_DIRTY_MASKED: slot base ``first``, offset in the slot ``last``, ``mask`` of pages.
    - FLUSH_SLOT, COMMIT_REGION: slot base ``first`` and ``last`` pages.

    ``pfn``, ``writable``, ``answer`` are what a fault's environment answers, ``retries`` how
    often an invalidation comes between that answer and the lock. ``oom`` = n > 0 lets the n-th
    page allocation within the operation fail.
    """

    kind: Kind
    first: int = 0
    last: int = 0
    mask: int = 0
    pfn: int = 0
    write: bool = False
    writable: bool = False
    answer: Answer = Answer.PAGE
    retries: int = 0
    oom: int = 0


class Form(IntEnum):
    """What ``first`` and ``last`` of an operation are."""

    NOTHING = 0
    ADDRESS = 1
    INCLUSIVE = 2
    HALF_OPEN = 3
    SLOT = 4
    MASK = 5


_OPERANDS = {
    Form.NOTHING: ("", ""),
    Form.ADDRESS: ("gpa", ""),
    Form.INCLUSIVE: ("first", "last"),
    Form.HALF_OPEN: ("start", "end"),
    Form.SLOT: ("base", "npages"),
    Form.MASK: ("base", "offset"),
}


class Facts(NamedTuple):
    """What is to be known of a kind of operation.

    It ``removes`` entries and no other does, it ``cleans`` them or makes them old (``ages``);
    it ``answers`` yes or no; it is a ``fault``, which may install an entry.
    """

    form: Form
    removes: bool = False
    cleans: bool = False
    ages: bool = False
    answers: bool = False
    fault: bool = False


KINDS: dict[Kind, Facts] = {
    Kind.CREATE: Facts(Form.NOTHING),
    Kind.FAULT: Facts(Form.ADDRESS, fault=True),
    Kind.FAULT_FAST: Facts(Form.ADDRESS, fault=True),
    Kind.LOOKUP: Facts(Form.ADDRESS),
    Kind.FLUSH: Facts(Form.INCLUSIVE, removes=True, answers=True),
    Kind.MKCLEAN: Facts(Form.INCLUSIVE, cleans=True, answers=True),
    Kind.MKOLD: Facts(Form.INCLUSIVE, ages=True, answers=True),
    Kind.LOG_DIRTY_MASKED: Facts(Form.MASK, cleans=True),
    Kind.UNMAP: Facts(Form.HALF_OPEN, removes=True, answers=True),
    Kind.AGE: Facts(Form.HALF_OPEN, ages=True, answers=True),
    Kind.TEST_AGE: Facts(Form.HALF_OPEN, answers=True),
    Kind.FLUSH_SLOT: Facts(Form.SLOT, removes=True),
    Kind.FLUSH_ALL: Facts(Form.NOTHING, removes=True),
    Kind.COMMIT_REGION: Facts(Form.SLOT, cleans=True),
    Kind.DESTROY: Facts(Form.NOTHING),
}
"""Each kind of operation; what a port calls it is the port's to say."""


def _of(form: Form) -> frozenset[Kind]:
    return frozenset(kind for kind, facts in KINDS.items() if facts.form is form)


ADDRESSED = _of(Form.ADDRESS)
INCLUSIVE = _of(Form.INCLUSIVE)
HALF_OPEN = _of(Form.HALF_OPEN)
SLOT = _of(Form.SLOT)
FAULTS = frozenset(kind for kind, facts in KINDS.items() if facts.fault)
REMOVING = frozenset(kind for kind, facts in KINDS.items() if facts.removes)
CLEANING = frozenset(kind for kind, facts in KINDS.items() if facts.cleans)
AGEING = frozenset(kind for kind, facts in KINDS.items() if facts.ages)
ANSWERING = frozenset(kind for kind, facts in KINDS.items() if facts.answers)
U64 = (1 << 64) - 1


def operand_names(kind: Kind) -> tuple[str, str]:
    """Return the names under which ``first`` and ``last`` are shown; '' where unused."""
    return _OPERANDS[KINDS[kind].form]


def frame_range(op: Op, page_shift: int) -> tuple[int, int] | None:
    """Return the inclusive range of guest frames that ``op`` names, None where it names none.

    An empty or reversed range is None too. The masked dirty log is the hull of its mask.
    """
    if op.kind in ADDRESSED:
        return op.first >> page_shift, op.first >> page_shift
    if op.kind in INCLUSIVE:
        found = op.first, op.last
    elif op.kind in HALF_OPEN:
        found = op.first, op.last - 1
    elif op.kind in SLOT:
        found = op.first, op.first + op.last - 1
    elif op.kind is Kind.LOG_DIRTY_MASKED:
        if not op.mask:
            return None
        base = op.first + op.last
        low = (op.mask & -op.mask).bit_length() - 1
        found = base + low, base + op.mask.bit_length() - 1
    elif op.kind is Kind.FLUSH_ALL:
        found = 0, U64
    else:
        return None
    return found if found[0] <= found[1] else None


def to_json(op: Op) -> dict[str, Any]:
    """Return the operation as a JSON object: lower-case name, operands in hex."""
    out: dict[str, Any] = {"op": op.kind.name.lower()}
    for name, value in zip(operand_names(op.kind), (op.first, op.last), strict=True):
        if name:
            out[name] = hex(value)
    if op.kind is Kind.LOG_DIRTY_MASKED:
        out["mask"] = hex(op.mask)
    if op.kind in (Kind.FAULT, Kind.FAULT_FAST):
        out["write"] = op.write
    if op.kind is Kind.FAULT:
        out["answer"] = op.answer.name.lower()
        if op.answer is Answer.PAGE or op.retries:
            out |= {"pfn": hex(op.pfn), "writable": op.writable}
        if op.retries:
            out["retries"] = op.retries
    if op.oom:
        out["oom"] = op.oom
    return out


MAX_RETRIES = 255
"""More invalidations during one fault than anyone has to try."""


def _number(data: Mapping[str, Any], name: str, limit: int = U64) -> int:
    value = data[name]
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"operand '{name}' is not a number")
    number = int(value, 0) if isinstance(value, str) else value
    if not 0 <= number <= limit:
        raise ValueError(f"operand '{name}' is not in 0..{limit:#x}")
    return number


def _flag(data: Mapping[str, Any], name: str) -> bool:
    value = data.get(name, False)
    if not isinstance(value, bool):
        raise ValueError(f"operand '{name}' is neither true nor false")
    return value


def _operands(kind: Kind) -> tuple[set[str], set[str]]:
    """Return the operands that ``kind`` must have and those that it may have."""
    must = {name for name in operand_names(kind) if name}
    may = {"oom"}
    if kind is Kind.LOG_DIRTY_MASKED:
        must.add("mask")
    if kind in (Kind.FAULT, Kind.FAULT_FAST):
        may.add("write")
    if kind is Kind.FAULT:
        may |= {"answer", "pfn", "writable", "retries"}
    return must, may


def from_json(data: Mapping[str, Any]) -> Op:
    """Return the operation that ``to_json`` wrote. Raises ValueError on anything else."""
    try:
        kind = Kind[str(data["op"]).upper()]
        answer = Answer[str(data.get("answer", "page")).upper()]
    except KeyError as missing:
        raise ValueError(f"unknown operation or answer: {missing}") from None
    must, may = _operands(kind)
    for name in sorted(must - set(data)):
        raise ValueError(f"operand '{name}' of {data['op']} is missing")
    for name in sorted(set(data) - must - may - {"op"}):
        raise ValueError(f"unknown operand '{name}' of {data['op']}")
    first, last = operand_names(kind)
    return Op(
        kind,
        _number(data, first) if first else 0,
        _number(data, last) if last else 0,
        mask=_number(data, "mask") if "mask" in data else 0,
        pfn=_number(data, "pfn") if "pfn" in data else 0,
        write=_flag(data, "write"),
        writable=_flag(data, "writable"),
        answer=answer,
        retries=_number(data, "retries", MAX_RETRIES) if "retries" in data else 0,
        oom=_number(data, "oom") if "oom" in data else 0,
    )
