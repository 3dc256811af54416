# SPDX-License-Identifier: GPL-2.0-only
"""The ports of which something is proved, by the name of a layout's port."""

from __future__ import annotations

from model.layout import Layout
from model.ports.mips.layouts import PORT as MIPS
from model.ports.riscv.layouts import PORT as RISCV
from proofs.ports.mips import CODE
from proofs.ports.mips import TABLE as MIPS_TABLE
from proofs.ports.port import CodePort, TablePort
from proofs.ports.riscv import TABLE as RISCV_TABLE

TABLES: dict[str, TablePort] = {MIPS: MIPS_TABLE, RISCV: RISCV_TABLE}
"""The reference tables that are proved; a new one is added here."""
CODES: dict[str, CodePort] = {MIPS: CODE}
"""The kernel code that is proved; a new one is added here."""


def table_of(layout: Layout) -> TablePort:
    """Return the proof of a layout's reference table. Raises KeyError where there is none."""
    return TABLES[layout.port]


def has_table(layout: Layout, long: bool = False) -> bool:
    """Return whether there is a proof of the reference table in this layout.

    One that takes many minutes counts where a ``long`` proof is asked for.
    """
    port = TABLES.get(layout.port)
    return port is not None and (long or layout.levels <= port.swift_levels)


def code_of(layout: Layout) -> CodePort:
    """Return the proof of a layout's kernel code. Raises KeyError where there is none."""
    return CODES[layout.port]
