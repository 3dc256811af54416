# SPDX-License-Identifier: GPL-2.0-only
"""What exported tests call: operations run on a tree or on the built-in table, and judged.

This is the public interface for tests of one's own as well; see docs/export.md.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from impl.interface import Implementation
from impl.kernel.errors import ToolLimitError, UnsupportedError
from impl.kernel.layouts import at
from model.layout import Layout
from model.machines import BIG
from model.operations import Kind, Op, from_json, to_json
from model.rules import rule
from slatcheck.display import describe
from slatcheck.display.web import tame
from slatcheck.display.words import operation
from slatcheck.errors import InputError
from slatcheck.export.running import named
from slatcheck.names import check_quirks
from slatcheck.search.differential import Judge, Symptom
from slatcheck.search.unit import Report, Unit, geometry_symptoms, kernel_implementation, table

KERNEL = "SLATCHECK_KERNEL"
"""The environment variable that names the tree."""
CC = "SLATCHECK_CC"
"""The environment variable that names the compiler; the ``ziglang`` wheel's where it is not set."""


@dataclass(frozen=True)
class Broken:
    """One broken promise.

    ``step`` counts from 1. ``expected`` and ``actual`` are lines, one for each range of guest
    frames; ``said`` tells what entries do not show.
    """

    fingerprint: str
    promise: str
    step: int
    operation: str
    said: str
    expected: tuple[str, ...]
    actual: tuple[str, ...]

    def __str__(self) -> str:
        lines = [self.fingerprint, f"  promised: {self.promise}"]
        lines += [f"  at step:  {self.step}, {self.operation}"]
        lines += [f"  expected: {line}" for line in self.expected]
        lines += [f"  actual:   {line}" for line in (*self.actual, self.said) if line]
        return "\n".join(map(tame, lines))


def kernel_tree() -> Path:
    """Return the tree that SLATCHECK_KERNEL names. Raises InputError where it is not set."""
    value = os.environ.get(KERNEL, "")
    if not value:
        raise InputError(f"set {KERNEL} to the top folder of the Linux source tree to be tested")
    return Path(value).expanduser()


def run(
    layout: str,
    operations: Sequence[Mapping[str, Any]],
    kernel: Path | None = None,
    *,
    quirks: Collection[str] = (),
    besides: Collection[str] = (),
) -> list[Broken]:
    """Run operations and return the promises that they break, but for those named ``besides``.

    ``operations`` are written as in a replay file; the first is a create. Without ``kernel`` the
    built-in table is run, with ``quirks`` switched on. Raises InputError for wrong input, TreeError
    for a tree that is none, and UnsupportedError where the tree cannot be built, where it lacks a
    function that an operation needs, and where the run ended before all operations were judged
    without any promise broken but those besides: no answer is never a good one.
    """
    chosen, order = named(layout)
    chosen = at(kernel, chosen)
    ops = [_operation(data) for data in operations]
    kinds = [op.kind for op in ops]
    if kinds[:1] != [Kind.CREATE] or Kind.CREATE in kinds[1:] or Kind.DESTROY in kinds[:-1]:
        raise InputError("the operations begin with their only create, and destroy is the last")
    check_quirks(quirks)
    cc = os.environ.get(CC) or None
    unit = Unit(chosen.name, order == BIG, kernel, cc, tuple(quirks), 0, None)
    implementation, symptoms = _implementation(unit, ops, chosen)
    try:
        verdict = Judge(chosen, implementation.capabilities.pages).examine(implementation, ops)
    except ToolLimitError as limit:
        raise UnsupportedError(f"the run went beyond a limit: {limit}") from None
    symptoms += verdict.symptoms
    broken = [
        _broken(chosen, ops, symptom) for symptom in symptoms if symptom.fingerprint not in besides
    ]
    judged = sum(verdict.compared.values())
    if not broken and judged < len(ops):
        raise UnsupportedError(
            f"only {judged} of {len(ops)} operations could be judged: another finding ended the run"
        )
    return broken


def _operation(data: Mapping[str, Any]) -> Op:
    try:
        return from_json(data)
    except (ValueError, TypeError, KeyError) as problem:
        raise InputError(f"{data!r} is no operation: {problem}") from None


def _implementation(
    unit: Unit, ops: Sequence[Op], layout: Layout
) -> tuple[Implementation, list[Symptom]]:
    """Return what is to be run, and how a tree's headers differ from the model."""
    if unit.kernel is None:
        return table(unit), []
    kernel = kernel_implementation(unit, Report(unit, "kernel"))
    for op in ops:
        if op.kind in kernel.capabilities.missing:
            raise UnsupportedError(kernel.capabilities.missing[op.kind])
    executor = kernel.executor
    return kernel, geometry_symptoms(layout, executor.geometry(), executor.entry_format())


def _broken(layout: Layout, ops: Sequence[Op], symptom: Symptom) -> Broken:
    op = ops[symptom.step]
    where = " ".join(x for x in (symptom.function, symptom.where) if x)
    return Broken(
        symptom.fingerprint,
        rule(symptom.rule).statement,
        symptom.step + 1,
        operation(op, layout.page_shift),
        f"{symptom.said} ({where})" if where else symptom.said,
        tuple(describe.entries(layout, symptom.expected)),
        tuple(describe.entries(layout, symptom.actual)),
    )


def written(op: Op) -> str:
    """Return the source text of an operation as ``run`` takes it: a dict, numbers in hex."""
    hexadecimal = {
        "gpa",
        "first",
        "last",
        "start",
        "end",
        "base",
        "border",
        "border2",
        "size",
        "offset",
        "npages",
        "mask",
        "pfn",
    }
    parts = []
    for name, value in to_json(op).items():
        text = value if name in hexadecimal else repr(value).replace("'", '"')
        parts.append(f'"{name}": {text}')
    return "{" + ", ".join(parts) + "}"
