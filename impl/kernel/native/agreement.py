# SPDX-License-Identifier: GPL-2.0-only
"""Whether native code does what the emulated code of the same tree does, to the bit.

What is compared of each operation is all that an outcome has: the result, each entry that changed,
the frames reported dirty, the pages taken, given back and held, and the events in their order. Of
an event these are compared: the rule, the subject, the words, whether it ended the sequence; not
the function and the line, as one compiler makes a jump of a call that ends a function, and another
puts nothing behind one that never returns. With exceptions:

- the address, unless it lies in the image or on the stack: what a compiler puts where is its own.
- the words of a fault of the machine itself are the machine's, and are left out.

After each sequence all pages that were handed out are compared as well, byte by byte: tables that
are linked and others, and what was left of those that were given back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from impl.interface import Event, Outcome, Run
from impl.kernel.build import ARENA, CODE
from impl.kernel.errors import UnsupportedError
from impl.kernel.executor import MACHINE, CompiledKernel
from impl.kernel.snapshot import KernelMemory
from model.operations import Op

_WORD = 8


@dataclass(frozen=True)
class Difference:
    """Where two executors of one tree do not agree.

    ``ops`` is the sequence, None where they differ before any; ``index`` that of the operation
    which shows it. ``what`` names what differs, a field of the outcome or of the geometry.
    """

    what: str
    emulated: object
    native: object
    ops: tuple[Op, ...] | None = None
    index: int = 0

    def __str__(self) -> str:
        """Say in a line what differs."""
        at = f"operation {self.index + 1} of {len(self.ops)}: " if self.ops else ""
        return f"{at}{self.what} is {self.emulated} in the emulator, {self.native} natively"


def compare(
    emulated: CompiledKernel,
    native: CompiledKernel,
    sequences: Iterable[Sequence[Op]],
    natively: Callable[[Sequence[Op], Run], Run] | None = None,
) -> Iterator[Difference]:
    """Yield where the two differ: in what they are, then the first place of each sequence.

    ``natively``, if it is given, runs one that was emulated.
    """
    yield from _shapes(emulated, native)
    for ops in sequences:
        one = emulated.run(ops)
        other = natively(ops, one) if natively else native.run(ops)
        found = first_difference(one, other, ops, emulated.layout.bits)
        if found is None and not _faulted(one):
            found = _pages(emulated, native, ops)
        if found is not None:
            yield found


def _faulted(run: Run) -> bool:
    """Return whether the machine itself ended a run: then it was started afresh."""
    events = run.outcomes[-1].events if run.outcomes else ()
    return any(event.subject == MACHINE for event in events)


def _pages(
    emulated: CompiledKernel, native: CompiledKernel, ops: Sequence[Op]
) -> Difference | None:
    one = KernelMemory(emulated.executor).pages()
    try:
        other = KernelMemory(native.executor).pages()
    except UnsupportedError as problem:
        # What the runner noted of its pages was overwritten, and leads out of the image.
        return Difference("the record of pages", "whole", str(problem), tuple(ops), len(ops) - 1)
    if one == other:
        return None
    if len(one) != len(other):
        return Difference("the size of all pages", len(one), len(other), tuple(ops), len(ops) - 1)
    words = range(0, len(one), _WORD)
    at = next(at for at in words if one[at : at + _WORD] != other[at : at + _WORD])
    what = f"memory at {ARENA[emulated.layout.bits] + at:#x}"
    here, there = one[at : at + _WORD].hex(), other[at : at + _WORD].hex()
    return Difference(what, here, there, tuple(ops), len(ops) - 1)


def _shapes(emulated: CompiledKernel, native: CompiledKernel) -> Iterator[Difference]:
    one, other = emulated.executor, native.executor
    pairs = (
        ("the geometry", one.geometry(), other.geometry()),
        ("the format of entries", one.entry_format(), other.entry_format()),
    )
    for what, ours, theirs in pairs:
        if ours != theirs:
            yield Difference(what, ours, theirs)


def first_difference(emulated: Run, native: Run, ops: Sequence[Op], bits: int) -> Difference | None:
    """Return the first operation in which two runs of one sequence differ, and in what."""
    pairs = zip(emulated.outcomes, native.outcomes, strict=False)
    for index, (one, other) in enumerate(pairs):
        for what in Outcome._fields:
            ours, theirs = _told(one, what, bits), _told(other, what, bits)
            if ours != theirs:
                return Difference(what, ours, theirs, tuple(ops), index)
    counts = len(emulated.outcomes), len(native.outcomes)
    if counts[0] != counts[1]:
        return Difference("the number of outcomes", *counts, tuple(ops), min(counts))
    if emulated.stop != native.stop:
        return Difference("the last operation", emulated.stop, native.stop, tuple(ops))
    return None


def _told(outcome: Outcome, what: str, bits: int) -> object:
    """Return a field of an outcome, of which what a compiler decides is left out."""
    if what != "events":
        return getattr(outcome, what)
    return tuple(_comparable(event, bits) for event in outcome.events)


def _comparable(event: Event, bits: int) -> Event:
    if event.subject == MACHINE:
        return event._replace(detail="", address=0, function="", where="")
    if CODE <= event.address < ARENA[bits]:
        event = event._replace(address=0)
    return event._replace(function="", where="")
