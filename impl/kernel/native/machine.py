# SPDX-License-Identifier: GPL-2.0-only
"""The native machine: an image in a confined process of the host, and calls into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from impl.kernel.build import Image
from impl.kernel.native.memory import Memory, file_of
from impl.kernel.native.process import LIFE, USUAL, Limits, Process, Protection
from impl.kernel.symbols import Symbols


class Buffer(NamedTuple):
    """Memory of the image that this process sees as well.

    ``address`` is the image's, ``pointer`` this process's own as long as the machine is there;
    ``view`` is the same memory. The image can write what it likes into it, also while it is read:
    a count that is read from it is checked once it is copied, never before.
    """

    address: int
    bytes: int
    pointer: int
    view: memoryview


class NativeMachine:
    """One image in one process at a time. Not safe to share between processes or threads.

    ``loader`` is what ``native.loader`` makes. Unless ``trusted``, nothing is run on a host that
    cannot confine it. Raises IsolationError there, UnsupportedError where the image is none of
    ours.
    """

    def __init__(
        self,
        image: Image,
        symbols: Symbols,
        loader: bytes,
        trusted: bool = False,
        limits: Limits = USUAL,
    ) -> None:
        self.image = image
        self.symbols = symbols
        self._process: Process | None = None
        self._trusted = trusted
        self._limits = limits
        self._tables_fixed = False
        self._memory = Memory(image, symbols)
        self._program = file_of("slatcheck-loader", loader)
        self.restart()

    @property
    def protections(self) -> Protection:
        """What confines the process that runs now."""
        return self._running().protections

    def restart(self) -> None:
        """Put the image into a fresh machine; nothing has run."""
        self._end()
        self._tables_fixed = False
        self._memory.reset()
        self._running()

    def protect_tables(self) -> None:
        """Make the empty tables, if there are any, read-only: nothing may ever store into them.

        No process can change what it may write, so that another one goes on.
        """
        if self._memory.tables.bytes:
            self._end()
        self._tables_fixed = True

    def write(self, address: int, data: bytes) -> None:
        """Write bytes into the machine's memory. Raises UnsupportedError where it has none."""
        self._memory.write(address, data)

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes of the machine's memory. Raises UnsupportedError."""
        return bytes(self._memory.view(address, size))

    def buffer(self, symbol: str, size: int) -> Buffer:
        """Return ``size`` bytes of data from a symbol on, which stay where they are.

        Raises KeyError where there is no such symbol, UnsupportedError where it is no data.
        """
        address = self.symbols.address(symbol)
        pointer = self._memory.pointer(address, size)
        return Buffer(address, size, pointer, self._memory.view(address, size))

    def call(self, address: int) -> tuple[int, str] | None:
        """Call a function of the image; return (PC, cause) where the machine faulted.

        The PC is 0 where it is not known. After a fault a fresh process runs over the same memory.
        """
        process = self._running()
        if process.spent > LIFE / 2:
            self._end()
            process = self._running()
        try:
            fault = process.call(address, self._limits)
        except BaseException:
            # Ctrl-C, for one: the answer is still to come, and must not be taken for the next.
            self._end()
            raise
        if fault is not None:
            self._process = None
        return fault

    @contextmanager
    def limited(self, computing: float) -> Iterator[None]:
        """Let calls within have so many seconds of their own processor time, or less."""
        usual = self._limits
        self._limits = usual._replace(computing=min(computing, usual.computing))
        try:
            yield
        finally:
            self._limits = usual

    @property
    def most(self) -> float:
        """Seconds of its own processor time that a call may have at most."""
        return self._limits.computing

    def _running(self) -> Process:
        if self._process is None:
            given = self._memory, self._tables_fixed, self._trusted
            self._process = Process(self._program.fileno(), *given)
        return self._process

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
            self._process = None

    def close(self) -> None:
        """End the process and give the memory back; the machine is of no use any more."""
        self._end()
        self._memory.close()
        self._program.close()

    def __del__(self) -> None:
        with suppress(AttributeError):
            self.close()
