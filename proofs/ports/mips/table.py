# SPDX-License-Identifier: GPL-2.0-only
"""The reference table of MIPS as a program for the lemmas."""

from __future__ import annotations

import inspect

from impl.multilevel import table
from impl.multilevel.interface import RangeOp
from impl.multilevel.quirks import replaceable, replacements
from impl.quirk import Quirk
from model.layout import Layout
from model.ports.mips.functions import FUNCTIONS
from proofs.python_source import PythonProgram

ROLES = {
    **{kind.name.lower(): name for kind, name in FUNCTIONS.items()},
    "topup": "kvm_mmu_topup_memory_cache",
    "free_caches": "kvm_mmu_free_memory_caches",
    "flush_level": "kvm_mips_flush_gpa_level",
    "range_level": "kvm_mips_range_op_level",
}
"""The functions of ``impl.multilevel.table`` by the roles that scripts call them by."""

LOOPS: dict[str, RangeOp | None] = {
    **dict.fromkeys(("kvm_mips_flush_gpa_pte", "kvm_mips_flush_gpa_table")),
    **{f"kvm_mips_{op.value}_{kind}": op for op in RangeOp for kind in ("pte", "table")},
}
"""The functions that loop over the slots of a table."""


def program(
    source: str = "", quirks: frozenset[Quirk] = frozenset(), layout: Layout | None = None
) -> PythonProgram:
    """Return the reference table, or another text of it; as it is in ``layout`` with quirks.

    Raises Unsupported for a loop that carries undeclared state.
    """
    if source:
        return PythonProgram("mutant", source, ROLES, LOOPS)
    name, text = "impl.multilevel.table", inspect.getsource(table)
    if layout is None:
        return PythonProgram(name, text, ROLES, LOOPS)
    changed = replacements(quirks, layout), replaceable(layout)
    return PythonProgram(name, text, ROLES, LOOPS, *changed)
