# SPDX-License-Identifier: GPL-2.0-only
"""Tests that every tree should pass: a few ordinary operations, one of each kind."""

from __future__ import annotations

from collections.abc import Collection

from model.layout import Layout
from model.operations import Kind, Op

FRAME, PFN = 0, 5


def ordinary(layout: Layout, kinds: Collection[Kind]) -> dict[str, list[Op]]:
    """Return sequences by their names, of those ``kinds`` that the tree has.

    Not all end with a destroy: where that leaks, the others are none the worse for it.
    """
    gpa = FRAME << layout.page_shift
    create, destroy = Op(Kind.CREATE), Op(Kind.DESTROY)
    read = Op(Kind.FAULT, gpa, pfn=PFN, writable=True)
    write = Op(Kind.FAULT, gpa, pfn=PFN, write=True, writable=True)
    look = Op(Kind.LOOKUP, gpa)
    unmap, age = (Op(kind, FRAME, FRAME + 1) for kind in (Kind.UNMAP, Kind.AGE))
    out = {
        "create-destroy": [create, destroy],
        "fault-destroy": [create, write, destroy],
        "fault-lookup-unmap": [create, write, look, unmap, look],
        "fault-flush": [create, read, write, Op(Kind.FLUSH, 0, layout.top), look],
        "fault-age": [create, write, age, look, write, look],
        "fault-log-dirty": [create, write, Op(Kind.LOG_DIRTY_MASKED, FRAME, 0, 1), look],
    }
    return {
        name: [op for op in ops if op.kind in kinds]
        for name, ops in out.items()
        if {op.kind for op in ops} - {Kind.DESTROY} <= set(kinds)
    }
