# SPDX-License-Identifier: GPL-2.0-only
"""The reference table of RISC-V as a program for the lemmas."""

from __future__ import annotations

import inspect

from impl.gstage import table
from impl.gstage.quirks import TABLE
from impl.multilevel.interface import RangeOp
from impl.quirk import Quirk
from model.layout import Layout
from proofs.python_source import PythonProgram

ROLES = {"create": "mmu_alloc_pgd"}
"""The functions of ``impl.gstage.table`` by the roles that shared scripts call them by."""

LOOPS: dict[str, RangeOp | None] = {}
"""No loop has the invariant of another table."""


def program(
    source: str = "", quirks: frozenset[Quirk] = frozenset(), layout: Layout | None = None
) -> PythonProgram:
    """Return the reference table, or another text of it; as it is in ``layout`` with quirks."""
    if source:
        return PythonProgram("mutant", source, ROLES, LOOPS)
    name, text = "impl.gstage.table", inspect.getsource(table)
    if layout is None:
        return PythonProgram(name, text, ROLES, LOOPS)
    changed = TABLE.replacements(quirks, layout), TABLE.replaceable(layout)
    return PythonProgram(name, text, ROLES, LOOPS, *changed)
