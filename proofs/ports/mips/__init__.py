# SPDX-License-Identifier: GPL-2.0-only
"""What is proved of KVM for MIPS: its reference table, and a tree's own C."""

from __future__ import annotations

from proofs.ports.mips.binding import NAMES
from proofs.ports.mips.c_lemmas import lemmas as c_lemmas
from proofs.ports.mips.program import MipsProgram
from proofs.ports.mips.quirks import refuted_by
from proofs.ports.mips.services import SERVICES
from proofs.ports.mips.table import program
from proofs.ports.mips.table_lemmas import ENTRY_CLAUSES, lemmas
from proofs.ports.port import CodePort, TablePort

TABLE = TablePort(program, lemmas, ENTRY_CLAUSES, refuted_by)

CODE = CodePort(
    names=NAMES,
    program=MipsProgram,
    lemmas=c_lemmas,
    files=(
        "arch/mips/kvm/mmu.c",
        "arch/mips/kvm/mips.c",
        "arch/mips/mm/pgtable-32.c",
        "arch/mips/mm/pgtable-64.c",
        "virt/kvm/kvm_main.c",
    ),
    services=SERVICES,
)
