# SPDX-License-Identifier: GPL-2.0-only
"""The emulated machine: an image mapped into Unicorn, with exact permissions, and calls into it."""

from __future__ import annotations

import threading
import time
from functools import cache
from typing import Any

from impl.kernel.build import ARENA, CODE, CODE_END, SHADOW, STACK, STACK_BYTES, Image
from impl.kernel.executor import ENDLESS
from impl.kernel.ports import kernel_port
from impl.kernel.symbols import Symbols
from support.lazy import lazily

with lazily():
    import unicorn

_UC: Any = unicorn
"""The emulator, which has no types."""

INSTRUCTIONS = 400_000_000
"""Instructions that a whole sequence may take where the image cannot count for itself."""

SECONDS = 10.0
"""Seconds of processor time after which a call is ended that makes no access any more.

A call takes milliseconds; on a busy machine it may wait for much longer than it runs.
"""


class _Watch(threading.Thread):
    """Ends calls that go on for ever without an access that the image could count."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._running: tuple[float, Any] | None = None

    def run(self) -> None:
        """Look at the call in progress, twice a second."""
        while True:
            time.sleep(0.5)
            running = self._running
            if running is not None and time.process_time() - running[0] > SECONDS:
                running[1].emu_stop()

    def start_call(self, machine: Any) -> None:
        """Note that a call begins."""
        self._running = time.process_time(), machine

    def end_call(self) -> None:
        """Note that the call is over."""
        self._running = None


@cache
def _watch() -> _Watch:
    """Return the one watch of this process."""
    watch = _Watch()
    watch.start()
    return watch


class EmulatedMachine:
    """One image in one emulated processor. Not safe to share between processes."""

    def __init__(self, image: Image, symbols: Symbols) -> None:
        self.image = image
        self.symbols = symbols
        self._processor = kernel_port(image.layout.port).processor
        self._stop = symbols.address("slat_stop")
        self.restart()

    def restart(self) -> None:
        """Put the image into a fresh machine; nothing has run."""
        layout = self.image.layout
        self._machine = self._processor.start(layout.bits, self.image.big_endian)
        self._grant()
        self._map()

    def _grant(self) -> None:
        """Map addresses as they are, code for execution and data for loads and stores at once.

        Left to itself the emulator grants a page either loads or stores and changes its mind at
        every switch, and it watches stores to pages that may be executed. This is twenty times
        faster; what _map() permits still decides.
        """
        uc = _UC
        code, data = uc.UC_PROT_READ | uc.UC_PROT_EXEC, uc.UC_PROT_READ | uc.UC_PROT_WRITE

        def fill(_: Any, address: int, __: int, entry: Any, ___: Any) -> bool:
            entry.paddr = address
            entry.perms = code if CODE <= address < CODE_END else data
            return True

        self._machine.ctl_set_tlb_mode(uc.UC_TLB_VIRTUAL)
        self._machine.hook_add(uc.UC_HOOK_TLB_FILL, fill)

    def _map(self) -> None:
        uc, at, bits = _UC, self.symbols.address, self.image.layout.bits
        data = uc.UC_PROT_READ | uc.UC_PROT_WRITE
        arena = kernel_port(self.image.layout.port).arena_pages << self.image.layout.page_shift
        start, middle, end = at("__image_start"), at("__data_start"), at("__image_end")
        self._machine.mem_map(start, middle - start, uc.UC_PROT_READ | uc.UC_PROT_EXEC)
        for low, size in (
            (middle, end - middle),
            (at("__tables_start"), at("__tables_end") - at("__tables_start")),
            (STACK, STACK_BYTES),
            (ARENA[bits], arena),
            (SHADOW[bits], arena),
        ):
            if size:
                self._machine.mem_map(low, size, data)
        for low, content in self.symbols.segments():
            self._machine.mem_write(low, content)

    def protect_tables(self) -> None:
        """Make the empty tables, if there are any, read-only: nothing may ever store into them."""
        start = self.symbols.address("__tables_start")
        size = self.symbols.address("__tables_end") - start
        if size:
            self._machine.mem_protect(start, size, _UC.UC_PROT_READ)

    def write(self, address: int, data: bytes) -> None:
        """Write bytes into the machine's memory."""
        self._machine.mem_write(address, data)

    def read(self, address: int, size: int) -> bytes:
        """Return ``size`` bytes of the machine's memory."""
        return bytes(self._machine.mem_read(address, size))

    def call(self, address: int) -> tuple[int, str] | None:
        """Call a function of the image; return (PC, cause) where the machine faulted."""
        machine, processor = self._machine, self._processor
        processor.begin(machine, STACK + STACK_BYTES - 0x100, self._stop)
        # An instrumented image counts its own accesses; a bare one needs the machine to count.
        count = 0 if self.image.instrumented else INSTRUCTIONS
        watch = _watch()
        watch.start_call(machine)
        try:
            machine.emu_start(address, self._stop, count=count)
        except _UC.UcError as problem:
            return processor.place(machine), str(problem)
        finally:
            watch.end_call()
        if processor.place(machine) != self._stop:
            return processor.place(machine), ENDLESS
        return None
