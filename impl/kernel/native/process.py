# SPDX-License-Identifier: GPL-2.0-only
"""One process that runs an image: it is handed its memory, is confined, and is called."""

from __future__ import annotations

import mmap
import os
import select
import signal
import struct
import subprocess
import time
from enum import IntFlag
from typing import NamedTuple

from impl.kernel.build import CODE, CODE_END, STACK, STACK_BYTES
from impl.kernel.errors import IsolationError
from impl.kernel.executor import ENDLESS
from impl.kernel.native.memory import Memory


class Protection(IntFlag):
    """What keeps the code of a tree from doing anything but computing: loader/wire.h."""

    NO_NEW_PRIVILEGES = 1
    SECCOMP = 2
    LIMITS = 4
    LANDLOCK = 8
    NAMESPACES = 16
    NOT_DUMPABLE = 32
    NO_CLOCK = 64
    CLOSED = 128
    DIES_WITH_PARENT = 256


NEEDED = (
    Protection.NO_NEW_PRIVILEGES
    | Protection.SECCOMP
    | Protection.LIMITS
    | Protection.NOT_DUMPABLE
    | Protection.CLOSED
    | Protection.DIES_WITH_PARENT
)
"""Without these nothing is run; the others are a second fence behind the first."""


class Limits(NamedTuple):
    """How long a call may take, in seconds: of its own processor time, and of everybody's."""

    computing: float = 10.0
    waiting: float = 60.0


USUAL = Limits()
"""Of a call that takes milliseconds, also on a machine that is busy with others."""

LIFE = 600
"""Seconds of processor time after which the system ends a process, whatever became of this one."""

_DONE, _READY, _FAULT, _FAILED = range(4)
_PLAN = struct.Struct("<QQII")
_MAPPING = struct.Struct("<QQQIIII")
_MOST_MAPPINGS = 8
_ORDER = struct.Struct("<Q")
_ANSWER = struct.Struct("<IIQQ")
_FIXED = 0x100010
"""MAP_FIXED_NOREPLACE | MAP_FIXED: older kernels know the second, newer refuse what is taken."""
_STARTING = 10.0
_CAUSES: dict[int, str] = {
    signal.SIGSEGV: "an access to {:#x}, where it may not",
    signal.SIGBUS: "an access to {:#x}, where nothing is",
    signal.SIGILL: "an instruction that there is not",
    signal.SIGFPE: "a division that has no result",
    signal.SIGTRAP: "a trap",
    signal.SIGSYS: "system call {}, which is not permitted",
}
_NOTHING = (-1, 0, 0, 0)


def _answer(said: bytes) -> tuple[int, int, int, int]:
    """Return an answer as loader/wire.h lays it out; what is none says nothing."""
    return _ANSWER.unpack(said) if len(said) == _ANSWER.size else _NOTHING


def _mapping(region: tuple[int, int, int], file: int, access: int, shared: int) -> bytes:
    address, size, offset = region
    return _MAPPING.pack(address, size, offset, file, access, shared | _FIXED, 0)


def _plan(memory: Memory, tables_fixed: bool) -> bytes:
    """Return what the loader is to map, as loader/wire.h lays it out."""
    code = CODE, CODE_END - CODE, 0
    both = mmap.PROT_READ | mmap.PROT_WRITE
    maps = [_mapping(code, memory.code.fileno(), mmap.PROT_READ | mmap.PROT_EXEC, mmap.MAP_PRIVATE)]
    for region in memory.regions:
        access = mmap.PROT_READ if tables_fixed and region is memory.tables else both
        if region.bytes:
            maps.append(_mapping(region, memory.data.fileno(), access, mmap.MAP_SHARED))
    head = _PLAN.pack(STACK + STACK_BYTES - 0x100, LIFE, len(maps), 0)
    return head + b"".join(maps).ljust(_MOST_MAPPINGS * _MAPPING.size, b"\0")


class Process:
    """A confined process in which an image is mapped.

    Whatever it says once the image has run, the image may have made it say: an answer is a claim,
    and only that the process is gone, or makes no end, is known. It must be made by a thread that
    lives as long. Raises IsolationError where it cannot be started or confined.
    """

    def __init__(self, program: int, memory: Memory, tables_fixed: bool, trusted: bool) -> None:
        self.spent = 0.0
        """Seconds that calls have taken so far."""
        try:
            self._process = subprocess.Popen(
                ["slatcheck-loader"],
                executable=f"/proc/self/fd/{program}",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(program, memory.code.fileno(), memory.data.fileno()),
                cwd="/",
                env={},
                bufsize=0,
                start_new_session=True,
            )
        except OSError as problem:
            raise IsolationError(f"this host does not run the loader: {problem}") from None
        assert self._process.stdin is not None and self._process.stdout is not None
        self._orders, self._answers = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._poll = select.poll()
        self._poll.register(self._answers, select.POLLIN)
        try:
            self.protections = self._begin(_plan(memory, tables_fixed), trusted)
        except IsolationError:
            self.end()
            raise

    def _begin(self, plan: bytes, trusted: bool) -> Protection:
        """Hand the memory over, and return what confines the process."""
        try:
            os.write(self._orders, plan)
        except BrokenPipeError:
            raise IsolationError("this host does not run the loader") from None
        what, number, place, _ = _NOTHING
        if self._poll.poll(_STARTING * 1000):
            what, number, place, _ = _answer(self._hear())
        if what not in (_READY, _FAILED):
            raise IsolationError(f"the loader did not start ({self._ended()})")
        if what == _FAILED:
            raise IsolationError(f"the loader could not map what belongs at {place:#x}")
        holds = Protection(number)
        missing = [one.name.lower().replace("_", " ") for one in NEEDED & ~holds if one.name]
        if missing and not trusted:
            raise IsolationError(f"this host cannot confine code: no {', no '.join(missing)}")
        return holds

    def _hear(self) -> bytes:
        """Return what is said, at most as much as an answer; nothing where nobody is there."""
        return os.read(self._answers, _ANSWER.size)

    def call(self, function: int, limits: Limits) -> tuple[int, str] | None:
        """Call a function of the image; return (PC, cause) where that did not come to its end.

        The PC is 0 where it is not known. The process is gone then.
        """
        if self._poll.poll(0):
            # Nothing was asked: it is gone, or says what the loader does not.
            return self._over(0, self._lost(self._hear()))
        began, computed = time.monotonic(), self._computed()
        try:
            os.write(self._orders, _ORDER.pack(function))
        except BrokenPipeError:
            return self._over(0, self._ended())
        while not self._poll.poll(250):
            waited = time.monotonic() - began
            if self._computed() - computed > limits.computing or waited > limits.waiting:
                return self._over(0, ENDLESS)
        said = self._hear()
        self.spent += time.monotonic() - began
        what, *fault = _answer(said)
        if what == _DONE:
            return None
        return self._fault(*fault) if what == _FAULT else self._over(0, self._lost(said))

    def _fault(self, number: int, place: int, detail: int) -> tuple[int, str]:
        words = _CAUSES.get(number, "signal {}").format(detail if number in _CAUSES else number)
        # What is known of a system call is the instruction behind it.
        return self._over(max(place - (number == signal.SIGSYS), 0), words)

    def _lost(self, said: bytes) -> str:
        """Return why what is said is no answer of the loader."""
        return "an answer that the loader did not give" if said else self._ended()

    def _ended(self) -> str:
        """Return how the process came to its end, which it is given a second for."""
        try:
            status = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return "no answer any more"
        if status >= 0:
            return f"it ended by itself, with status {status}"
        if -status == signal.SIGXCPU:
            return ENDLESS
        return f"it was ended by {signal.Signals(-status).name}"

    def _over(self, place: int, cause: str) -> tuple[int, str]:
        self.end()
        return place, cause

    def _computed(self) -> float:
        """Return the seconds of processor time that the process has used: clock_getcpuclockid."""
        try:
            return time.clock_gettime(~self._process.pid << 3 | 2)
        except OSError:
            return 0.0

    def end(self) -> None:
        """End the process, and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
