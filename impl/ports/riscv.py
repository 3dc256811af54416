# SPDX-License-Identifier: GPL-2.0-only
"""The reference implementation of the RISC-V G-stage table."""

from __future__ import annotations

from impl.gstage import QUIRKS, GStage
from impl.gstage.stepper import GStageStepper
from impl.ports.port import ReferencePort
from model.ports.riscv.layouts import PORT

RISCV = ReferencePort(
    port=PORT,
    table=GStage,
    stepper=GStageStepper,
    quirks=tuple(QUIRKS),
    source="impl/gstage/table.py",
    others={},
)
