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
    MAP = 15
    IOREMAP = 16
    IOUNMAP = 17
    PREPARE_REGION = 18
    SPLIT = 19


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
    - FLUSH_SLOT, COMMIT_REGION, PREPARE_REGION: slot base ``first`` and ``last`` pages.
    - MAP, SPLIT: ``first`` is the address, ``order`` says how large the leaf is to be.
    - IOREMAP, IOUNMAP: address ``first`` and ``last`` bytes.
    - CREATE: the guest frames ``first`` <= ``last`` at which one memslot ends and the next begins;
      0 where there is no such border.

    ``pfn``, ``writable``, ``answer`` are what a fault's environment answers, ``retries`` how
    often an invalidation comes between that answer and the lock. ``order`` is the base-2
    logarithm of the base pages that the host maps there at once, ``skew`` by how many pages the
    host's address of a frame is out of step with the frame. ``oom`` = n > 0 lets the n-th page
    allocation within the operation fail.
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
    order: int = 0
    skew: int = 0


class Form(IntEnum):
    """What ``first`` and ``last`` of an operation are."""

    NOTHING = 0
    ADDRESS = 1
    INCLUSIVE = 2
    HALF_OPEN = 3
    SLOT = 4
    MASK = 5
    BYTES = 6
    BORDERS = 7


_OPERANDS = {
    Form.NOTHING: ("", ""),
    Form.ADDRESS: ("gpa", ""),
    Form.INCLUSIVE: ("first", "last"),
    Form.HALF_OPEN: ("start", "end"),
    Form.SLOT: ("base", "npages"),
    Form.MASK: ("base", "offset"),
    Form.BYTES: ("gpa", "size"),
    Form.BORDERS: ("border", "border2"),
}


class Facts(NamedTuple):
    """What is to be known of a kind of operation.

    It ``removes`` entries and no other does, it ``cleans`` them or makes them old (``ages``);
    it ``answers`` yes or no; it is a ``fault`` of the guest. It ``installs`` entries.
    """

    form: Form
    removes: bool = False
    cleans: bool = False
    ages: bool = False
    answers: bool = False
    fault: bool = False
    installs: bool = False


KINDS: dict[Kind, Facts] = {
    Kind.CREATE: Facts(Form.BORDERS),
    Kind.FAULT: Facts(Form.ADDRESS, fault=True, installs=True),
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
    Kind.MAP: Facts(Form.ADDRESS, installs=True),
    Kind.IOREMAP: Facts(Form.BYTES, installs=True),
    Kind.IOUNMAP: Facts(Form.BYTES, removes=True),
    Kind.PREPARE_REGION: Facts(Form.SLOT, installs=True),
    Kind.SPLIT: Facts(Form.ADDRESS),
}
"""Each kind of operation; what a port calls it is the port's to say."""


def _of(form: Form) -> frozenset[Kind]:
    return frozenset(kind for kind, facts in KINDS.items() if facts.form is form)


ADDRESSED = _of(Form.ADDRESS)
INCLUSIVE = _of(Form.INCLUSIVE)
HALF_OPEN = _of(Form.HALF_OPEN)
SLOT = _of(Form.SLOT)
BYTES = _of(Form.BYTES)
FAULTS = frozenset(kind for kind, facts in KINDS.items() if facts.fault)
REMOVING = frozenset(kind for kind, facts in KINDS.items() if facts.removes)
CLEANING = frozenset(kind for kind, facts in KINDS.items() if facts.cleans)
AGEING = frozenset(kind for kind, facts in KINDS.items() if facts.ages)
ANSWERING = frozenset(kind for kind, facts in KINDS.items() if facts.answers)
INSTALLING = frozenset(kind for kind, facts in KINDS.items() if facts.installs)
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
    elif op.kind in BYTES:
        found = op.first >> page_shift, (op.first + op.last - 1) >> page_shift
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
        if name and (value or op.kind is not Kind.CREATE):
            out[name] = hex(value)
    if op.kind is Kind.LOG_DIRTY_MASKED:
        out["mask"] = hex(op.mask)
    if op.kind in FAULTS or op.kind is Kind.PREPARE_REGION:
        out["write"] = op.write
    if op.kind is Kind.FAULT:
        out["answer"] = op.answer.name.lower()
    if op.kind in INSTALLING and (op.answer is Answer.PAGE or op.retries):
        out |= {"pfn": hex(op.pfn), "writable": op.writable}
    for name in ("retries", "oom", "order", "skew"):
        if getattr(op, name):
            out[name] = getattr(op, name)
    return out


MAX_RETRIES = 255
"""More invalidations during one fault than anyone has to try."""

_SMALL = {"retries": MAX_RETRIES, "order": 64, "skew": (1 << 32) - 1}
"""The largest value of operands that have less than 64 bits."""
_FLAGS = ("write", "writable")


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
    names = {name for name in operand_names(kind) if name}
    must, may = (set(), names) if kind is Kind.CREATE else (names, set())
    may.add("oom")
    if kind is Kind.LOG_DIRTY_MASKED:
        must.add("mask")
    if kind in FAULTS or kind is Kind.PREPARE_REGION:
        may.add("write")
    if kind in INSTALLING:
        may |= {"pfn", "writable"}
    if kind is Kind.FAULT:
        may |= {"answer", "retries", "order", "skew"}
    if kind in (Kind.MAP, Kind.SPLIT):
        may.add("order")
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
    fields = dict(zip(operand_names(kind), ("first", "last"), strict=True))
    values: dict[str, Any] = {"kind": kind, "answer": answer}
    for name in data.keys() - {"op", "answer"}:
        if name in _FLAGS:
            values[name] = _flag(data, name)
        else:
            values[fields.get(name, name)] = _number(data, name, _SMALL.get(name, U64))
    return Op(**values)
