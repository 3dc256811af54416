# SPDX-License-Identifier: GPL-2.0-only
"""Bugs that show only once a table of MIPS holds much: what breeding is for, if for anything.

The bugs that tests plant show within some thousand operations, before anything is bred. These are
of the kind that a change for speed brings in: work is done in batches, and the rest is forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.proofs.c.edits import MACRO, Edit

FLUSH = "kvm_mips_flush_gpa_pte"


@dataclass(frozen=True)
class Deep:
    """A bug by its name, the rule that it breaks, and the words that are replaced."""

    name: str
    rule: str
    edits: tuple[Edit, ...]


def _flush(most: int) -> Deep:
    name = f"flush forgets entries of a table after {most}"
    return Deep(name, "stale-mapping", (
        Edit(name, FLUSH, "int i;", "int i, done = 0;"),
        Edit(name, FLUSH, "set_pte(pte + i, __pte(0));",
             f"if (done++ < {most})\n\t\t\tset_pte(pte + i, __pte(0));"),
    ))  # fmt: skip


def _range(most: int) -> Deep:
    name = f"range operations forget entries of a table after {most}"
    return Deep(name, "stale-mapping", (
        Edit(name, MACRO, "int i;", "int i, done = 0;"),
        Edit(name, MACRO, "set_pte(pte + i, new);", f"if (done++ < {most}) set_pte(pte + i, new);"),
    ))  # fmt: skip


DEEP = (
    *(_flush(most) for most in (6, 8, 10)),
    *(_range(most) for most in (4, 6, 8)),
)
