# SPDX-License-Identifier: GPL-2.0-only
"""What is proved of KVM for RISC-V: its reference table."""

from proofs.large_leaves.walks import LeafRuntime
from proofs.ports.port import TablePort
from proofs.ports.riscv.quirks import refuted_by
from proofs.ports.riscv.table import program
from proofs.ports.riscv.table_lemmas import CLAUSES, lemmas

TABLE = TablePort(
    program,
    lemmas,
    CLAUSES,
    refuted_by,
    LeafRuntime,
    real_entries=True,
    swift_levels=3,
)
