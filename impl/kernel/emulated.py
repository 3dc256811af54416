# SPDX-License-Identifier: GPL-2.0-only
"""The tree's own C in the emulator: exact faults, and no code of the tree runs on the host."""

from __future__ import annotations

from impl.kernel.build import Image
from impl.kernel.executor import CompiledKernel, Executor
from impl.kernel.machine import EmulatedMachine
from model.operations import Kind


class EmulatedKernel(CompiledKernel):
    """The tree's C in an emulated machine, behind the interface of implementations."""

    def __init__(self, image: Image, missing: dict[Kind, str]) -> None:
        super().__init__(Executor(image, EmulatedMachine), missing)
