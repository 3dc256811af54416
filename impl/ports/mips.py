# SPDX-License-Identifier: GPL-2.0-only
"""The reference implementation of the MIPS table, and the array that it replaced."""

from __future__ import annotations

from impl.linear import Linear
from impl.multilevel import QUIRKS, MultiLevel
from impl.ports.port import ReferencePort
from impl.snapshot_table import TableStepper
from model.ports.mips.layouts import PORT

MIPS = ReferencePort(
    port=PORT,
    table=MultiLevel,
    stepper=TableStepper,
    quirks=tuple(QUIRKS),
    source="impl/multilevel/table.py",
    others={"linear": Linear},
)
