# SPDX-License-Identifier: GPL-2.0-only
"""The tree's own C as code of the host, behind the interface of implementations."""

from __future__ import annotations

from functools import partial

from impl.kernel.build import Image
from impl.kernel.errors import UnsupportedError
from impl.kernel.executor import MAX_OPS, ROOM, CompiledKernel, Executor
from impl.kernel.images import image
from impl.kernel.native.host import emulated_only, host
from impl.kernel.native.loader import loader
from impl.kernel.native.machine import Buffer, NativeMachine
from impl.kernel.native.process import USUAL, Limits
from impl.kernel.ports import bind
from impl.kernel.toolchain import Toolchain
from impl.kernel.tree import Tree
from model.layout import Layout
from model.operations import Kind
from support.cache import Mode, place


class NativeKernel(CompiledKernel):
    """The tree's C in a confined process; ``program`` is the loader.

    Raises IsolationError and UnsupportedError.
    """

    def __init__(
        self,
        image: Image,
        missing: dict[Kind, str],
        program: bytes,
        trusted: bool = False,
        limits: Limits = USUAL,
    ) -> None:
        made = partial(NativeMachine, loader=program, trusted=trusted, limits=limits)
        super().__init__(Executor(image, made), missing)

    @property
    def machine(self) -> NativeMachine:
        """The machine that the image runs in."""
        machine = self.executor.machine
        assert isinstance(machine, NativeMachine)
        return machine

    def buffers(self) -> dict[str, Buffer]:
        """Return what runner/slat.h lays out, by name, as this process sees it without a copy.

        A loop writes ``slat_ops``, calls ``executor.batch`` and reads the others. They stay
        where they are, also when the machine is started afresh. A call into another process waits
        for that to be scheduled, so that it is best given thousands of operations.
        """
        sizes = {name: record.size for name, record in self.executor.records.items()}
        room = {
            "control": 1,
            "ops": MAX_OPS,
            "results": MAX_OPS,
            **ROOM,
            "scope": 1,
            "steps": MAX_OPS,
        }
        return {
            f"slat_{name}": self.machine.buffer(f"slat_{name}", count * sizes[name])
            for name, count in room.items()
        }


def native_parts(
    tree: Tree, layout: Layout, big_endian: bool, toolchain: Toolchain, mode: Mode = Mode.USE
) -> tuple[Image, bytes]:
    """Return a layout of a tree as code of this host, and the loader that starts it.

    Raises UnsupportedError where it is emulated only, with the reason, and where the tree cannot
    be built.
    """
    reason = emulated_only(big_endian, toolchain)
    if reason:
        raise UnsupportedError(f"emulated only: {reason}")
    binding, folder = bind(tree), place(mode)
    target = host(layout, toolchain)
    try:
        made = image(tree, binding, layout, big_endian, toolchain, folder, mode, target)
    except UnsupportedError as problem:
        raise UnsupportedError(f"emulated only, if at all: {problem}") from None
    return made, loader(layout.bits, toolchain, folder, mode)
