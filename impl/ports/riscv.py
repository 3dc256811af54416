# SPDX-License-Identifier: GPL-2.0-only
"""The reference implementation of the RISC-V G-stage table."""

from __future__ import annotations

from impl.gstage import QUIRKS, GStage
from impl.gstage.stepper import GStageStepper
from impl.ports.port import ReferencePort
from model.ports.riscv.layouts import PORT

PAGES = {
    "unmap-skips-parts": "riscv-ranges-skip-part-of-a-leaf",
    "wp-skips-parts": "riscv-ranges-skip-part-of-a-leaf",
    "steps-over-leaves": "riscv-ranges-step-over-what-follows-a-hole",
    "leaf-dirty-mask-hull": "riscv-dirty-mask-hull",
    "age-first-leaf": "riscv-ageing-looks-at-one-leaf",
    "leaf-over-table": "riscv-large-leaf-over-a-table",
    "no-split": "riscv-no-page-below-a-large-leaf",
    "host-size-unchecked": "riscv-host-page-out-of-step",
    "tables-kept": "riscv-tables-never-freed",
    "flush-truncated": "riscv32-flush-of-a-truncated-address",
    "region-truncated": "riscv32-ranges-truncated",
    "top-slot-refused": "riscv-slot-at-the-top-refused",
}
"""The page of docs/findings that tells of each quirk."""

RISCV = ReferencePort(
    port=PORT,
    table=GStage,
    stepper=GStageStepper,
    quirks=tuple(QUIRKS),
    pages=PAGES,
    source="impl/gstage/table.py",
    others={},
)
