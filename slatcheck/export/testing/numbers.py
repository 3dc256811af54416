# SPDX-License-Identifier: GPL-2.0-only
"""What the filter and the generator are given in Python, as constants of C."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from typing import Any

from model.layout import Layout
from model.operations import Kind
from model.ports import entry_point
from slatcheck.export.case import Case
from slatcheck.export.template import render
from slatcheck.fuzz.operands import excluded, operands
from slatcheck.fuzz.parameters import numbers

_ENDS = (Kind.CREATE, Kind.DESTROY)
ALL = 0xFFFFFFFF
"""All triggers of a kind."""


def constants(value: Any) -> str:
    """Return a structure, an array or a number of ctypes as an initialiser of C."""
    if isinstance(value, ctypes.Structure):
        names = (name for name, *_ in value._fields_)
        parts = [f".{name} = {constants(getattr(value, name))}" for name in names]
    elif isinstance(value, ctypes.Array):
        found = list(value)
        while len(found) > 1 and not isinstance(found[-1], ctypes.Structure) and not found[-1]:
            found.pop()  # C fills up with zeros
        parts = [constants(each) for each in found]
    else:
        return f"{value:#x}{'ULL' if value > ALL else ''}" if value > 9 else str(value)
    return f"{{ {', '.join(parts)} }}"


def header(layout: Layout, kinds: Iterable[Kind], cases: Sequence[Case], before: int) -> str:
    """Return numbers.h for a layout whose tree has ``kinds`` of operations.

    ``cases`` are known findings, in the order of their tests, ``before`` how many tests come first.
    """
    left, tolerated = [], []
    for test, case in enumerate(cases, before):
        if case.known:
            tolerated += [
                (test, kind.name, code, 1 << subject) for kind, code, subject in sorted(case.known)
            ]
        else:
            left += [(test, *shape) for shape in _left_out(layout, case)]
    return render(
        "testing/numbers.h.j2",
        layout=constants(numbers(layout)).replace(", .", ",\n\t."),
        operands=constants(operands(layout, kinds)).replace(", .", ",\n\t."),
        left=left,
        tolerated=tolerated,
    )


def _left_out(layout: Layout, case: Case) -> list[tuple[str, int]]:
    """Return (kind, triggers) of operations that show a finding which is not tolerated."""
    symptom = case.symptom
    bits = excluded(layout, [(symptom.entry, symptom.trigger)])
    out = [(Kind(kind).name, mask) for kind, mask in enumerate(bits) if mask]
    return out + [(k.name, ALL) for k in _ENDS if entry_point(layout, k) == symptom.entry]
