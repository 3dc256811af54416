# SPDX-License-Identifier: GPL-2.0-only
"""The tree's own C as code of the host, behind the interface of implementations."""

from __future__ import annotations

from functools import partial

from impl.kernel.build import Image
from impl.kernel.executor import MAX_OPS, ROOM, CompiledKernel, Executor
from impl.kernel.native.machine import Buffer, NativeMachine
from impl.kernel.native.process import USUAL, Limits
from model.operations import Kind


class NativeKernel(CompiledKernel):
    """The tree's C in a confined process. Raises IsolationError and UnsupportedError."""

    def __init__(
        self,
        image: Image,
        missing: dict[Kind, str],
        loader: bytes,
        trusted: bool = False,
        limits: Limits = USUAL,
    ) -> None:
        made = partial(NativeMachine, loader=loader, trusted=trusted, limits=limits)
        super().__init__(Executor(image, made), missing)

    @property
    def machine(self) -> NativeMachine:
        """The machine that the image runs in."""
        machine = self.executor.machine
        assert isinstance(machine, NativeMachine)
        return machine

    def buffers(self) -> dict[str, Buffer]:
        """Return what runner/slat.h lays out, by name, as this process sees it without a copy.

        A loop writes ``slat_ops``, calls ``executor.execute`` and reads the others. They stay
        where they are, also when the machine is started afresh.
        """
        sizes = {name: record.size for name, record in self.executor.records.items()}
        room = {"control": 1, "ops": MAX_OPS, "results": MAX_OPS, **ROOM}
        return {
            f"slat_{name}": self.machine.buffer(f"slat_{name}", count * sizes[name])
            for name, count in room.items()
        }
