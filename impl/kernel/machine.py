# SPDX-License-Identifier: GPL-2.0-only
"""The emulated machine: an image mapped into Unicorn, with exact permissions, and calls into it."""

from __future__ import annotations

import ctypes
import mmap
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from typing import Any, Literal

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
"""Seconds of processor time after which a call is ended that nobody sees make any progress."""

IDLE = 2.0
"""Seconds of processor time without an access to a page, or the next operation, that end a call.

Between two accesses there are some hundred instructions; here is room for many millions.
"""

AGAIN = 0.05
"""The same in a function in which a call was ended before: what makes a trace of it short meets
that loop some fifty times."""

WIDENED = 60
"""Calls within which the emulator's table of pages has grown to what they need."""

_PLACES = 2
"""Places in which an image notes its progress: slat_progress of runner/runner.c."""

LOOK = 0.1
"""Seconds between two looks at a call."""


class _Call:
    """A call in progress: how far it came, and when somebody saw it get there.

    ``progress`` returns what changes as long as it goes on. A call that waits for a busy machine
    is not charged for that: time is what the thread that made it has had of the processor.
    """

    def __init__(self, machine: Any, progress: Callable[[], bytes], limit: float) -> None:
        self._machine, self._progress, self._limit = machine, progress, limit
        self._clock = _clock_of_thread()
        self._seen: bytes | None = None
        self._since = 0.0

    def look(self) -> None:
        """End the call if it has gone on for too long without any progress.

        Time counts from the first look on: most calls are over before, and need no clock.
        """
        seen, now = self._progress(), self._clock()
        if seen != self._seen:
            self._seen, self._since = seen, now
        elif now - self._since > self._limit:
            self._machine.emu_stop()


def _clock_of_thread() -> Callable[[], float]:
    """Return what tells the processor time of this thread, or of its process, to any thread."""
    clock_of = getattr(time, "pthread_getcpuclockid", None)
    if clock_of is None:
        return time.process_time
    return partial(time.clock_gettime, clock_of(threading.get_ident()))


class _Watch(threading.Thread):
    """Ends calls that go on for ever without an access that the image could count."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.call: _Call | None = None
        """The call in progress."""

    def run(self) -> None:
        """Look at the call in progress, now and then."""
        while True:
            time.sleep(LOOK)
            call = self.call
            if call is not None:
                # The thread may be gone with its call.
                with suppress(OSError):
                    call.look()


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
        self._loops: set[str] = set()
        """Functions in which a call was ended because nothing went on."""
        self.restart()

    def _progress_at(self) -> list[int]:
        """Return where an image that counts its accesses notes its progress; else nowhere."""
        if not self.image.instrumented:
            return []
        try:
            at = self.symbols.address("slat_progress")
        except KeyError:
            return []
        size = self.image.layout.bits // 8
        order: Literal["big", "little"] = "big" if self.image.big_endian else "little"
        places = range(at, at + _PLACES * size, size)
        return [int.from_bytes(self._machine.mem_read(place, size), order) for place in places]

    def restart(self) -> None:
        """Put the image into a fresh machine; nothing has run."""
        self._calls = 0
        layout = self.image.layout
        self._machine = self._processor.start(layout.bits, self.image.big_endian)
        self._grant()
        self._map()
        self._tells = self._progress_at()

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
        # Memory of this process, so that another thread can look into it while the code runs.
        self._data = mmap.mmap(-1, end - middle)
        self._data_start = middle
        pointer = ctypes.addressof(ctypes.c_char.from_buffer(self._data))
        self._machine.mem_map_ptr(middle, end - middle, data, pointer)
        for low, size in (
            (at("__tables_start"), at("__tables_end") - at("__tables_start")),
            (STACK, STACK_BYTES),
            (ARENA[bits], arena),
            (SHADOW[bits], arena),
        ):
            if size:
                self._machine.mem_map(low, size, data)
        for low, content in self.symbols.segments():
            self._machine.mem_write(low, content)

    def _widen(self) -> None:
        """Let the emulator's table of pages grow to what large tables need.

        It grows only when it is emptied and was nearly full; with 256 pages, as it begins, a
        search in 64k pages takes an eighth longer.
        """
        if self._calls < WIDENED and self._calls % 3 == 0:
            self._machine.ctl(_UC.UC_CTL_TLB_FLUSH, _UC.UC_CTL_IO_WRITE)
        self._calls += 1

    def _progress(self) -> bytes:
        """Return what changes as long as a call goes on, as far as the image tells."""
        places = [address - self._data_start for address in self._tells]
        return b"".join(self._data[place : place + 4] for place in places)

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
        """Call a function of the image; return (PC, cause) where the machine faulted.

        Where nothing goes on for a while in a function that is known for that, it is not waited for
        any longer; anywhere else the call goes on, and has all the time that any has.
        """
        machine, processor = self._machine, self._processor
        processor.begin(machine, STACK + STACK_BYTES - 0x100, self._stop)
        self._widen()
        at, usual = address, IDLE if self._tells else SECONDS
        for limit in (AGAIN, usual) if self._tells and self._loops else (usual,):
            fault = self._go_on(at, limit)
            if fault is None or fault[1] != ENDLESS:
                return fault
            at = fault[0]
            where = self.symbols.function(at)
            if where in self._loops:
                return fault
        if where:
            self._loops.add(where)
        return fault

    def _go_on(self, at: int, limit: float) -> tuple[int, str] | None:
        """Run on from an address, for so many seconds without progress; return as ``call``."""
        machine, processor = self._machine, self._processor
        # An instrumented image counts its own accesses; a bare one needs the machine to count.
        count = 0 if self.image.instrumented else INSTRUCTIONS
        watch = _watch()
        watch.call = _Call(machine, self._progress, limit)
        try:
            machine.emu_start(at, self._stop, count=count)
        except _UC.UcError as problem:
            return processor.place(machine), str(problem)
        finally:
            watch.call = None
        if processor.place(machine) != self._stop:
            return processor.place(machine), ENDLESS
        return None
